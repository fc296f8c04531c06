"""Signing in for tests: the browser session that a link would have made, without the letter."""

from __future__ import annotations

from ateliers.database import unit_of_work, utc_now
from ateliers.people import Counsellor, sign_in
from tests.visiting import Visitor


async def signed_in_as(site: Visitor, counsellor: Counsellor) -> None:
    """Give the visitor the cookie of `counsellor`, in place of whatever it had."""
    key = await unit_of_work(sign_in.begin, counsellor, way="link", browser="Firefox", now=utc_now())
    site.cookies_allowed = True
    site.client.cookies.clear()
    site.client.cookies.set("__Host-desk", key, domain="ateliers.example", path="/")
