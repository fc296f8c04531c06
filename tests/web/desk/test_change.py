"""Changing and calling off: who is told is said first; each is told once; the second editor is told too."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from ateliers import bookings
from ateliers.bookings import Booking
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor, Stay
from ateliers.workshops import CoHost, Series, Session, Workshop
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    found = await world.build()
    await signed_in_as(site, found.amina)
    return found


async def _session(cast: world.World, days: int = 9, **more: object) -> Session:
    values: dict[str, object] = {"counsellor": cast.amina, "organisation": cast.creuse, "published_at": utc_now()}
    return await world.session(cast.gueret, cast.workshop, _wall(days), **(values | more))


async def _people(session: Session, letters: int, phones: int = 0) -> None:
    for number in range(letters + phones):
        contact = (
            {"email": f"p{number}@exemple.fr"} if number < letters else {"email": "", "phone": f"+3363998{number:04d}"}
        )
        wish = world.wish(f"Personne {number}", **contact)  # type: ignore[arg-type]
        await bookings.book(session.id, wish, post=world.post(), now=utc_now())


def _changed(page: Page, **changes: str) -> dict[str, str]:
    return page.fields() | {"etape": "publier"} | changes


async def _kinds() -> dict[str, int]:
    found: dict[str, int] = {}
    for message in await OutboxMessage.all():
        found[message.kind] = found.get(message.kind, 0) + 1
    return found


async def test_a_move_says_who_will_be_told_and_tells_each_once(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    await _people(session, letters=3, phones=2)
    path = f"/pro/ateliers/{session.id}/modifier"
    check = await site.post(path, _changed(await site.get(path), heure="16:30"))
    assert check.h1 == "Vérifiez avant de prévenir"
    assert "3 personnes sont prévenues" in check.text
    assert "2 personnes sont à appeler" in check.text
    assert (await _kinds()) == {"confirmed": 3}
    confirm = check.fields() | {"etape": "confirmer"}
    done = await site.post(path, confirm)
    assert "3 messages partent maintenant" in done.text
    again = await site.post(path, confirm)  # pressed twice: the second is told that the session has changed
    assert again.status == 409
    assert (await _kinds()) == {"confirmed": 3, "changed": 3}
    await session.refresh_from_db()
    assert session.starts_local.endswith("T16:30")
    assert {b.sequence for b in await Booking.all()} == {1}


async def test_words_and_room_change_without_a_letter(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    await _people(session, letters=2)
    path = f"/pro/ateliers/{session.id}/modifier"
    done = await site.post(path, _changed(await site.get(path), titre="Un autre titre", salle="Salle 2"))
    assert "C’est changé" in done.text
    assert (await _kinds()) == {"confirmed": 2}
    changed = await Session.get(id=session.id).select_related("workshop")
    assert (changed.workshop.title, changed.room) == ("Un autre titre", "Salle 2")


async def test_words_that_other_sessions_share_are_copied_first(site: Visitor, cast: world.World) -> None:
    session, other = await _session(cast), await _session(cast, 12)
    path = f"/pro/ateliers/{session.id}/modifier"
    await site.post(path, _changed(await site.get(path), titre="Le mien"))
    assert (await Session.get(id=other.id).select_related("workshop")).workshop.title == cast.workshop.title
    assert await Workshop.all().count() == 2


async def test_places_never_go_under_those_taken(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    await _people(session, letters=3)
    path = f"/pro/ateliers/{session.id}/modifier"
    page = await site.post(path, _changed(await site.get(path), places="2"))
    assert page.status == 422
    assert "Plus de places sont déjà réservées" in page.text
    await session.refresh_from_db()
    assert session.capacity == 8
    assert "C’est changé" in (await site.post(path, _changed(page, places="3"))).text


async def test_the_second_of_two_editors_is_told(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    path = f"/pro/ateliers/{session.id}/modifier"
    mine, theirs = await site.get(path), await site.get(path)
    await site.post(path, _changed(theirs, places="12"))
    page = await site.post(path, _changed(mine, places="5"))
    assert page.status == 409
    assert "Quelqu’un a changé cet atelier" in page.text
    assert "12 places" in page.text
    assert page.fields()["places"] == "5"
    await session.refresh_from_db()
    assert session.capacity == 12
    await site.post(path, _changed(page))
    await session.refresh_from_db()
    assert session.capacity == 5


async def _series(cast: world.World, count: int = 4) -> list[Session]:
    series = await Series.create(counsellor=cast.amina, rule={}, created_at=utc_now())
    return [await _session(cast, 9 + 7 * n, series=series) for n in range(count)]


@pytest.mark.parametrize(("scope", "moved"), [("one", [1]), ("following", [1, 2, 3]), ("all", [0, 1, 2, 3])])
async def test_one_date_the_following_or_all(site: Visitor, cast: world.World, scope: str, moved: list[int]) -> None:
    sessions = await _series(cast)
    before = [session.starts_local for session in sessions]
    for session in sessions:
        await bookings.book(session.id, world.wish(), post=world.post(), now=utc_now())
    path = f"/pro/ateliers/{sessions[1].id}/modifier"
    day = (datetime.fromisoformat(before[1]) + timedelta(days=1)).date().isoformat()
    check = await site.post(path, _changed(await site.get(path), date=day, heure="10:00", portee=scope))
    await site.post(path, check.fields() | {"etape": "confirmer"})
    after = [(await Session.get(id=session.id)).starts_local for session in sessions]
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        expected = f"{(datetime.fromisoformat(old) + timedelta(days=1)).date()}T10:00" if number in moved else old
        assert new == expected
    assert (await _kinds())["changed"] == len(moved)


async def test_a_change_that_fails_for_one_date_changes_none(site: Visitor, cast: world.World) -> None:
    sessions = await _series(cast, 3)
    for number in range(5):
        await bookings.book(
            sessions[2].id, world.wish(f"P {number}", email=f"p{number}@exemple.fr"), post=world.post(), now=utc_now()
        )
    path = f"/pro/ateliers/{sessions[0].id}/modifier"
    page = await site.post(path, _changed(await site.get(path), places="3", portee="all", etape="confirmer"))
    assert page.status == 422
    assert {s.capacity for s in await Session.all()} == {8}


async def test_calling_off_tells_each_once_and_proposes_another(site: Visitor, cast: world.World) -> None:
    session, instead = await _session(cast), await _session(cast, 12)
    await _people(session, letters=2, phones=1)
    path = f"/pro/ateliers/{session.id}/annuler"
    form = await site.get(path)
    assert "2 personnes sont prévenues" in form.text
    sent = {"raison": "room", "mots": "", "portee": "one", "remplacement": str(instead.id)}
    done = await site.post(path, sent)
    assert "2 messages partent" in done.text
    await site.post(path, sent)
    assert (await _kinds()) == {"confirmed": 2, "called_off": 2}
    await session.refresh_from_db()
    assert session.call_off_reason == "La salle n’est pas disponible."
    booking = await Booking.get(email="p0@exemple.fr")
    link = world.post().manage_url(booking).removeprefix("https://ateliers.example")
    page = await site.get(link)
    assert "À la place, nous vous proposons" in page.text
    taken = await site.post(f"{link}/remplacer", {})
    assert taken.h1 == "C’est réservé"
    await site.post(f"{link}/remplacer", {})
    assert await Booking.filter(session_id=instead.id).count() == 1
    await instead.refresh_from_db()
    assert instead.seats_taken == 1


async def test_a_reason_of_ones_own_must_be_written(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    page = await site.post(f"/pro/ateliers/{session.id}/annuler", {"raison": "other", "mots": " ", "portee": "one"})
    assert page.status == 422
    assert "écrivez-la" in page.text
    await session.refresh_from_db()
    assert session.called_off_at is None


async def test_a_whole_series_is_called_off_at_once(site: Visitor, cast: world.World) -> None:
    sessions = await _series(cast, 3)
    for session in sessions:
        await bookings.book(session.id, world.wish(), post=world.post(), now=utc_now())
    await site.post(f"/pro/ateliers/{sessions[0].id}/annuler", {"raison": "ill", "mots": "", "portee": "all"})
    assert await Session.filter(called_off_at__isnull=True).count() == 0
    assert (await _kinds())["called_off"] == 3


async def test_managers_run_what_their_organisation_planned_and_strangers_do_not(
    site: Visitor, cast: world.World
) -> None:
    session = await _session(cast)
    boss = await Counsellor.create(public_name="Léa", email="lea@gueret.example", created_at=utc_now())
    stay = await Stay.create(counsellor=boss, organisation=cast.creuse, role="manager", since=utc_now().date())
    await signed_in_as(site, boss)
    assert (await site.get(f"/pro/ateliers/{session.id}/modifier")).status == 200
    await stay.update_from_dict({"until": utc_now().date() - timedelta(days=1)}).save()
    assert (await site.get(f"/pro/ateliers/{session.id}/modifier")).status == 404
    await signed_in_as(site, cast.bruno)
    for path in ("modifier", "annuler"):
        assert (await site.get(f"/pro/ateliers/{session.id}/{path}")).status == 404
        assert (await site.post(f"/pro/ateliers/{session.id}/{path}", {"raison": "ill"})).status == 404
    await session.refresh_from_db()
    assert (session.called_off_at, session.version) == (None, 1)


async def test_two_editors_at_once_and_people_booking_meanwhile(site: Visitor, cast: world.World) -> None:
    session = await _session(cast, capacity=30)
    path = f"/pro/ateliers/{session.id}/modifier"
    form = _changed(await site.get(path), heure="17:00", etape="confirmer")
    posts = [site.post(path, form) for _ in range(3)]
    books = [
        bookings.book(session.id, world.wish(f"P {n}", email=f"p{n}@exemple.fr"), post=world.post(), now=utc_now())
        for n in range(6)
    ]
    answers = await asyncio.gather(*posts, *books)
    assert sorted(page.status for page in answers[:3]) == [200, 409, 409]  # type: ignore[union-attr]
    await session.refresh_from_db()
    assert session.seats_taken == 6
    for booking in await Booking.all():
        told = await OutboxMessage.filter(group_key=booking.uid).order_by("id")
        # Who booked before the move was told of it; who booked after was confirmed at the new hour.
        assert [m.kind for m in told] in (["confirmed"], ["confirmed", "changed"])
        assert booking.sequence == len(told) - 1


async def test_edits_of_one_series_from_both_ends_do_not_block_each_other(site: Visitor, cast: world.World) -> None:
    sessions = await _series(cast, 5)
    forms = []
    for session, hour in ((sessions[0], "10:00"), (sessions[4], "11:00")):
        path = f"/pro/ateliers/{session.id}/modifier"
        forms.append((path, _changed(await site.get(path), heure=hour, portee="all", etape="confirmer")))
    pages = await asyncio.wait_for(asyncio.gather(*(site.post(path, form) for path, form in forms * 2)), 30)
    assert sorted(page.status for page in pages) == [200, 409, 409, 409]
    assert len({s.starts_local[11:] for s in await Session.all()}) == 1


async def test_a_co_host_runs_it_and_may_be_taken_off(site: Visitor, cast: world.World) -> None:
    dora = await Counsellor.create(public_name="Dora", email="dora@gueret.example", created_at=utc_now())
    await Stay.create(counsellor=dora, organisation=cast.creuse, since=utc_now().date())
    session = await _session(cast)
    path = f"/pro/ateliers/{session.id}/modifier"
    await site.post(path, _changed(await site.get(path), coanimateurs=str(dora.id)))
    assert await CoHost.filter(session=session, counsellor=dora).exists()
    form = _changed(await site.get(path))
    form.pop("coanimateurs", None)
    await site.post(path, form)
    assert not await CoHost.all().exists()


async def test_posters_and_sheets_are_for_those_who_run_it(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    assert "L’affiche" in (await site.get(f"/pro/ateliers/{session.id}/imprimer")).text
    for path in ("affiche-a4.pdf", "affiche-a5.pdf", "feuille.pdf"):
        answer = await site.client.get(f"/pro/ateliers/{session.id}/{path}")
        assert answer.content.startswith(b"%PDF-"), path
    month = session.starts_local[:7]
    assert (await site.client.get(f"/pro/mois/{month}.pdf")).content.startswith(b"%PDF-")
    assert (await site.get("/pro/mois/1999-01.pdf")).status == 404
    assert (await site.get(f"/pro/ateliers/{session.id}/affiche-a3.pdf")).status == 404
    await signed_in_as(site, cast.bruno)
    assert (await site.get(f"/pro/ateliers/{session.id}/feuille.pdf")).status == 404
