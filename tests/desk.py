"""Signing in for tests: the browser session that a link would have made, without the letter."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default

from ateliers.database import unit_of_work, utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor, sign_in
from tests import world
from tests.visiting import Visitor


async def signed_in_as(site: Visitor, counsellor: Counsellor) -> None:
    """Give the visitor the cookie of `counsellor`, in place of whatever it had."""
    key = await unit_of_work(sign_in.begin, counsellor, way="link", browser="Firefox", now=utc_now())
    site.cookies_allowed = True
    site.client.cookies.clear()
    site.client.cookies.set("__Host-desk", key, domain="ateliers.example", path="/")


async def letter_text(to: str) -> str:
    """The plain words of the last letter to an address, spaces folded."""
    row = await OutboxMessage.filter(recipient=to).order_by("-id").first()
    assert row is not None, to
    text = message_from_bytes(world.written(row), policy=default).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    return " ".join(str(text).split())


async def link_to(to: str, door: str) -> str:
    """The path of the link `/pro/{door}/…` in the last letter to an address."""
    found = re.search(rf"https://ateliers\.example(/\S*pro/{door}/\S+)", await letter_text(to))
    assert found, to
    return found[1]
