"""The private feed: who has its address reads numbers, never names; a renewed or revoked address stops at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import icalendar
import pytest

from ateliers import bookings
from ateliers.bookings import changes
from ateliers.database import utc_now
from ateliers.people import Counsellor
from ateliers.people.sign_in import hashed
from ateliers.web.errors import masked
from ateliers.workshops import CoHost, Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import ORIGIN, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
PAGE = "/pro/calendrier/abonnement"


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    found = await world.build()
    await signed_in_as(site, found.amina)
    return found


async def _session(cast: world.World, days: int = 9, **more: object) -> Session:
    values: dict[str, object] = {"counsellor": cast.amina, "organisation": cast.creuse, "published_at": utc_now()}
    return await world.session(cast.gueret, cast.workshop, _wall(days), **(values | more))


async def _address(site: Visitor) -> str:
    """Make an address with the page's button; its path."""
    page = await site.post(PAGE, (await site.get(PAGE)).fields() | {"faire": "donner"})
    assert page.status == 200
    address = str(page.document.xpath("string(//input[@id='adresse']/@value)"))
    assert page.response.headers["cache-control"] == "no-store"
    assert address.startswith(f"{ORIGIN}/pro/agenda/")
    assert f"webcal://ateliers.example{address.removeprefix(ORIGIN)}" in page.links()
    return address.removeprefix(ORIGIN)


async def _feed(site: Visitor, path: str) -> icalendar.Calendar:
    answer = await site.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return icalendar.Calendar.from_ical(answer.content)


def _events(calendar: icalendar.Calendar) -> dict[str, Any]:
    return {str(event["UID"]).partition("@")[0]: event for event in calendar.walk("VEVENT")}


async def test_the_feed_holds_my_sessions_with_numbers_and_no_name(site: Visitor, cast: world.World) -> None:
    mine = await _session(cast, room="Salle bleue")
    theirs = await world.session(cast.reunion, cast.workshop, _wall(5), counsellor=cast.bruno)
    await CoHost.create(session=theirs, counsellor=cast.amina, uid="ch-1", added_at=utc_now())
    others = await world.session(cast.gueret, cast.workshop, _wall(6), counsellor=cast.bruno)
    draft, recent, old = (
        await _session(cast, published_at=None), await _session(cast, -20), await _session(cast, -40)
    )  # fmt: skip
    booked = world.wish("Chloé Martin", seats=3, phone="+33639981234", needs="Un fauteuil roulant")
    await bookings.book(mine.id, booked, post=world.post(), now=utc_now())
    path = await _address(site)
    site.client.cookies.clear()  # a calendar program signs in nowhere
    answer = await site.client.get(path)
    calendar = await _feed(site, path)
    found = _events(calendar)
    assert set(found) == {f"desk-{s.id}" for s in (mine, theirs, recent)}
    assert not {f"desk-{s.id}" for s in (others, draft, old)} & set(found)
    event = found[f"desk-{mine.id}"]
    assert str(event["SUMMARY"]).endswith("(3/8)")
    assert "3 places prises sur 8" in str(event["DESCRIPTION"])
    assert f"{ORIGIN}/pro/ateliers/{mine.id}" in str(event["DESCRIPTION"])
    assert str(event["URL"]) == f"{ORIGIN}/pro/ateliers/{mine.id}"
    assert str(event["LOCATION"]).startswith("Salle bleue, France services de Guéret")
    assert event["SEQUENCE"] == mine.sequence
    assert "Vous animez avec" in str(found[f"desk-{theirs.id}"]["DESCRIPTION"])
    assert found[f"desk-{theirs.id}"]["DTSTART"].params["TZID"] == "Indian/Reunion"
    for secret in ("Chlo", "Martin", "chloe@", "39981234", "fauteuil", "/r/"):
        assert secret not in answer.text.replace("\r\n ", "")
    assert (str(calendar["METHOD"]), str(calendar["NAME"])) == ("PUBLISH", "Mes ateliers")
    assert "REFRESH-INTERVAL" in calendar
    assert "SOURCE" not in calendar
    assert path.rpartition("/")[2].removesuffix(".ics") not in answer.text  # the file does not hold its own key
    english = await _feed(site, f"/en{path}")
    assert str(english["NAME"]) == "My workshops"


async def test_what_did_not_change_is_not_sent_again(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    path = await _address(site)
    first = await site.client.get(path)
    assert first.headers["cache-control"] == "private, no-cache"
    etag = {"If-None-Match": first.headers["etag"]}
    again = await site.client.get(path, headers=etag)
    assert (again.status_code, again.content) == (304, b"")
    await bookings.book(session.id, world.wish(), post=world.post(), now=utc_now())
    changed = await site.client.get(path, headers=etag)
    assert changed.status_code == 200
    assert "(1/8)" in changed.text.replace("\r\n ", "")


async def test_called_off_ones_stay_a_month_marked(site: Visitor, cast: world.World) -> None:
    session, forgotten = await _session(cast), await _session(cast, 12)
    path = await _address(site)
    before = _events(await _feed(site, path))[f"desk-{session.id}"]["SEQUENCE"]
    await changes.call_off(session.id, reason="La salle est fermée.", post=world.post(), now=utc_now())
    await Session.filter(id=forgotten.id).update(called_off_at=utc_now() - timedelta(days=31))
    found = _events(await _feed(site, path))
    assert set(found) == {f"desk-{session.id}"}
    event = found[f"desk-{session.id}"]
    assert str(event["STATUS"]) == "CANCELLED"
    assert event["SEQUENCE"] > before
    assert "La salle est fermée." in str(event["DESCRIPTION"])


async def test_the_address_is_shown_once_renewed_and_taken_back(site: Visitor, cast: world.World) -> None:
    first = await _address(site)
    key = first.rpartition("/")[2].removesuffix(".ics")
    await cast.amina.refresh_from_db()
    assert cast.amina.calendar_key_hash == hashed(key)
    page = await site.get(PAGE)
    assert key not in page.response.text
    assert "Nous ne pouvons plus la montrer" in page.text
    second = await _address(site)
    assert second != first
    assert (await site.get(first)).status == 404
    assert (await site.client.get(second)).status_code == 200
    for _ in range(2):
        gone = await site.post(PAGE, (await site.get(PAGE)).fields() | {"faire": "retirer"})
        assert "L’adresse ne marche plus" in gone.text
    assert (await site.get(second)).status == 404
    assert masked(second) == "/pro/agenda/…"


async def test_the_same_form_twice_shows_one_address_that_works(site: Visitor, cast: world.World) -> None:
    form = (await site.get(PAGE)).fields() | {"faire": "donner"}
    pages = await asyncio.gather(*(site.post(PAGE, form) for _ in range(3)))
    addresses = {str(page.document.xpath("string(//input[@id='adresse']/@value)")) for page in pages}
    assert len(addresses) == 1
    assert (await site.client.get(addresses.pop().removeprefix(ORIGIN))).status_code == 200


async def test_wrong_forms_and_wrong_secrets_open_nothing(site: Visitor, cast: world.World) -> None:
    form = (await site.get(PAGE)).fields()
    for wrong in ({"faire": "donner", "cle": "1.2.3"}, {"faire": "autre", **form}, {}):
        assert (await site.post(PAGE, wrong)).status == 422
    await signed_in_as(site, cast.bruno)
    assert (await site.post(PAGE, form | {"faire": "donner"})).status == 422  # Amina's form
    assert not await Counsellor.exclude(calendar_key_hash="").exists()
    for secret in ("x", "a" * 32, hashed(""), "é" * 32, "%00" * 32):
        assert (await site.get(f"/pro/agenda/{secret}.ics")).status == 404, secret


async def test_who_has_left_has_no_feed(site: Visitor, cast: world.World) -> None:
    path = await _address(site)
    await Counsellor.filter(id=cast.amina.id).update(left_at=utc_now())
    assert (await site.get(path)).status == 404
