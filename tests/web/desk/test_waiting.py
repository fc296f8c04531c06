"""The waiting list at the desk: who is to be phoned; offer, accept, remove by hand; the switch; nobody else's list."""

from __future__ import annotations

import pytest

from ateliers import bookings
from ateliers.bookings import Booking, waiting_list
from ateliers.database import utc_now
from ateliers.workshops import Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    found = await world.build()
    await signed_in_as(site, found.amina)
    return found


async def _line(cast: world.World, capacity: int = 1) -> tuple[Session, list[Booking]]:
    """A full session, then Ana with a phone and Ben with an e-mail address who wait."""
    now = utc_now()
    session = await world.session(
        cast.gueret, cast.workshop, _wall(9), capacity=capacity, published_at=now, counsellor=cast.amina,
        organisation=cast.creuse,
    )  # fmt: skip
    first = await bookings.book(session.id, world.wish("Paul Premier", seats=capacity), post=world.post(), now=now)
    ana = world.wish("Ana Attend", email="", phone="+33639980000", phone_typed="06 39 98 00 00")
    ben = world.wish("Ben Attend", email="ben@exemple.fr")
    waits = [await waiting_list.join(session.id, wish, post=world.post(), now=now) for wish in (ana, ben)]
    return session, [first, *waits]


async def _states(people: list[Booking]) -> list[str]:
    return [(await Booking.get(id=each.id)).state for each in people]


async def test_the_host_sees_the_list_and_does_what_the_phone_said(site: Visitor, cast: world.World) -> None:
    session, people = await _line(cast)
    first, ana, ben = people
    path = f"/pro/ateliers/{session.id}/attente"
    host = await site.get(f"/pro/ateliers/{session.id}")
    assert path in host.links()
    assert "Liste d’attente : 2 personnes" in host.text
    assert "2 personnes attendent" in (await site.get("/pro")).text
    assert path in (await site.get(f"/pro/ateliers/{session.id}/emargement")).links()
    assert "Ana Attend" not in host.text  # who comes is not who waits
    listed = await site.get(path)
    assert listed.text.index("Ana Attend") < listed.text.index("Ben Attend")
    assert "tel:+33639980000" in listed.links()
    full = await site.post(f"{path}/{ben.id}/proposer", {})
    assert "pas assez de places libres" in full.text
    await bookings.cancel(first.id, post=world.post(), now=utc_now())
    assert "À appeler : une place est gardée" in (await site.get(path)).text
    offered = await site.post(f"{path}/{ana.id}/proposer", {})
    assert "La place est proposée" in offered.text
    assert "Place proposée" in offered.text
    taken = await site.post(f"{path}/{ana.id}/accepter", {})
    assert "C’est réservé pour cette personne" in taken.text
    assert await _states(people) == ["cancelled", "confirmed", "waiting"]
    assert "Ana Attend" in (await site.get(f"/pro/ateliers/{session.id}")).text
    gone = await site.post(f"{path}/{ben.id}/retirer", {})
    assert "Personne n’attend" in gone.text
    again = await site.post(f"{path}/{ben.id}/retirer", {})
    assert "n’est plus sur la liste" in again.text
    kept = await site.post(f"{path}/{ana.id}/retirer", {})  # who has a place is not taken off by this door
    assert "Ce n’est plus possible" in kept.text
    assert await _states(people) == ["cancelled", "confirmed", "cancelled"]


async def test_another_session_s_list_is_not_mine_to_touch(site: Visitor, cast: world.World) -> None:
    session, people = await _line(cast)
    other = await world.session(cast.gueret, cast.workshop, _wall(9), counsellor=cast.amina)
    assert (await site.post(f"/pro/ateliers/{other.id}/attente/{people[1].id}/retirer", {})).status == 404
    await signed_in_as(site, cast.bruno)
    assert (await site.get(f"/pro/ateliers/{session.id}/attente")).status == 404
    assert await _states(people) == ["confirmed", "waiting", "waiting"]


async def test_the_switch_and_the_places_are_in_the_session_s_form(site: Visitor, cast: world.World) -> None:
    session, people = await _line(cast)
    path = f"/pro/ateliers/{session.id}/modifier"
    form = await site.get(path)
    assert form.all("//input[@name='attente'][@checked]")
    sent = form.fields() | {"etape": "publier", "places": "3"}
    del sent["attente"]
    await site.post(path, sent)
    session = await Session.get(id=session.id)
    assert (session.waiting_list, session.capacity, session.seats_taken) == (False, 3, 3)
    assert await _states(people) == ["confirmed", "offered", "offered"]
    assert not (await site.get(path)).all("//input[@name='attente'][@checked]")
    assert "La liste est fermée" in (await site.get(f"/pro/ateliers/{session.id}/attente")).text
