"""Check-in: the ticket of this session marks present; of another, or of none, says so and nothing more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ateliers import bookings
from ateliers.bookings import AttendanceMark, Booking
from ateliers.bookings.tokens import manage_token
from ateliers.web.errors import masked
from ateliers.workshops import Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Visitor
from tests.web.desk.days import in_days, today

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    return await world.build()


async def _booked(session: Session, name: str = "Chloé Martin") -> Booking:
    when = session.starts_at - timedelta(days=2)
    return await bookings.book(session.id, world.wish(name), post=world.post(), now=when)


def _token(booking: Booking) -> str:
    return manage_token(booking.uid, world.SECRET)


async def test_address_token_and_reference_all_mark_present(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    people = [await _booked(session, f"Chloé{n} Martin") for n in range(4)]
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/scanner"
    typed = (
        world.post().manage_url(people[0]),
        _token(people[1]).upper(),
        people[2].reference.lower().replace("-", " "),
        f"https://ateliers.example/en/r/{_token(people[3])}?nouveau=1",
    )
    for number, text in enumerate(typed):
        page = await site.post(address, {"billet": text})
        assert f"Chloé{number} Martin : noté présent." in page.text
    page = await site.post(address, {"billet": typed[0]})
    assert "déjà noté présent" in page.text
    assert await AttendanceMark.filter(state="present").count() == 4
    answer = await site.post(address, {"billet": typed[1]}, headers={"Accept": "application/json"})
    assert answer.response.json()["good"] is True


async def test_wrong_tickets_say_why_and_tell_nothing_of_others(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    other = await _booked(await today(cast, counsellor=cast.bruno), "Secret Dupont")
    cancelled = await bookings.book(
        session.id, world.wish("Paul Petit"), post=world.post(), now=session.starts_at - timedelta(days=2)
    )
    await bookings.cancel(cancelled.id, post=world.post(), now=session.starts_at - timedelta(days=1))
    coming = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina)
    early = await bookings.book(coming.id, world.wish("Tôt Venu"), post=world.post(), now=world.NOW)
    await signed_in_as(site, cast.amina)
    for where, text, words in (
        (session, world.post().manage_url(other), "pour un autre atelier"),
        (session, other.reference, "pour un autre atelier"),
        (session, cancelled.reference, "cette place est annulée"),
        (coming, early.reference, "pas encore le jour"),
        (session, "https://ateliers.example/r/" + "a" * 26, "pas connu"),
        (session, "https://evil.example/", "pas connu"),
        (session, "", "pas connu"),
        (session, "\0" * 600, "pas connu"),
    ):
        page = await site.post(f"/pro/ateliers/{where.id}/scanner", {"billet": text})
        assert page.status == 422
        assert words in page.text, text
        assert "Dupont" not in page.text
    assert await AttendanceMark.all().count() == 0


async def test_only_this_page_may_use_the_camera(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    await signed_in_as(site, cast.amina)
    policy = "permissions-policy"
    assert "camera=(self)" in (await site.get(f"/pro/ateliers/{session.id}/scanner")).response.headers[policy]
    assert "camera=()" in (await site.get(f"/pro/ateliers/{session.id}/emargement")).response.headers[policy]
    await signed_in_as(site, cast.bruno)
    assert (await site.get(f"/pro/ateliers/{session.id}/scanner")).status == 404
    assert (await site.post(f"/pro/ateliers/{session.id}/scanner", {"billet": "x"})).status == 404


async def test_the_phones_own_camera_leads_whoever_runs_it_to_a_button(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    chloe = await _booked(session)
    ticket, door = f"/r/{_token(chloe)}", f"/pro/presence/{_token(chloe)}"
    assert door not in (await site.get(ticket)).links()  # the citizen's own look
    await signed_in_as(site, cast.bruno)
    assert door not in (await site.get(ticket)).links()
    assert (await site.get(door)).status == (await site.post(door, {})).status == 404
    await signed_in_as(site, cast.amina)
    assert door in (await site.get(ticket)).links()
    assert (await site.get(door)).h1 == "Chloé Martin"
    assert await AttendanceMark.all().count() == 0
    for _ in range(2):
        page = await site.post(door, {})
        assert "1 présent, 0 absent, 0 à noter" in page.text
    assert await AttendanceMark.all().count() == 1
    for wrong in ("a" * 26, "x", "A!" * 13):
        assert (await site.get(f"/pro/presence/{wrong}")).status == 404


def test_the_token_is_in_no_log() -> None:
    assert masked("/en/pro/presence/abc") == "/en/pro/presence/…"
