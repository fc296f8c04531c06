"""Seats are never given twice, letters never lost, and nothing is told that was not committed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from ateliers import bookings, database
from ateliers.bookings import Booking, changes, retention
from ateliers.bookings.tokens import manage_token
from ateliers.database import unit_of_work
from ateliers.limits import Limit
from ateliers.outbox import OutboxMessage
from ateliers.refusals import (
    AlreadyBooked,
    CalledOff,
    Gone,
    NotOpenYet,
    SessionFull,
    TooLate,
    TooMany,
    VenueWithdrawn,
)
from ateliers.workshops import Session
from tests import world
from tests.world import NOW

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def _kinds(booking: Booking) -> list[str]:
    return [m.kind for m in await OutboxMessage.filter(group_key=booking.uid).order_by("id")]


async def test_a_booking_takes_its_places_and_leaves_one_letter() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    booking = await bookings.book(session.id, world.wish(seats=2), post=world.post(), now=NOW)
    await session.refresh_from_db()
    assert session.seats_taken == 2
    assert len(await _kinds(booking)) == 1
    found = await bookings.by_token(manage_token(booking.uid, world.SECRET))
    assert found.id == booking.id
    assert found.session.venue.name == cast.gueret.name


async def test_the_token_is_not_in_the_table() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    token = manage_token(booking.uid, world.SECRET)
    row = (await Booking.filter(id=booking.id).values())[0]
    assert token not in str(row)


@pytest.mark.parametrize("seats", [1, 3])
async def test_two_hundred_tasks_for_twenty_places_fill_exactly_twenty(seats: int) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=20)
    wishes = [world.wish(f"Personne {n}", seats=seats, email=f"p{n}@exemple.fr") for n in range(200)]
    answers = await asyncio.gather(
        *(bookings.book(session.id, wish, post=world.post(), now=NOW) for wish in wishes), return_exceptions=True
    )
    given = [a for a in answers if isinstance(a, Booking)]
    assert all(isinstance(a, Booking | SessionFull) for a in answers)
    await session.refresh_from_db()
    assert session.seats_taken == sum(b.seats for b in given) == 20 // seats * seats
    assert await OutboxMessage.all().count() == len(given)


async def test_without_the_guard_the_same_race_oversells() -> None:
    """The negative control: counting first and writing after, as the peers do, gives more places than there are."""
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=20)

    async def careless(n: int) -> bool:
        read = await Session.get(id=session.id)
        if await Booking.filter(session_id=session.id).count() >= read.capacity:
            return False
        await Booking.create(
            session=read, uid=f"bk-{n}", reference=f"R{n}", name="X", seats=1, form_key_hash=str(n), token_hash=str(n),
            created_at=NOW, changed_at=NOW,
        )  # fmt: skip
        return True

    answers = await asyncio.gather(*(careless(n) for n in range(60)))
    assert sum(answers) > 20


async def test_the_same_form_twice_is_one_booking() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    wish = world.wish()
    answers = await asyncio.gather(
        *(bookings.book(session.id, wish, post=world.post(), now=NOW) for _ in range(5)), return_exceptions=True
    )
    assert sorted(type(a).__name__ for a in answers) == ["Booking", *["SameForm"] * 4], answers
    await session.refresh_from_db()
    assert session.seats_taken == 1


async def test_the_same_person_is_shown_their_booking_and_a_family_is_not_a_duplicate() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    first = await bookings.book(session.id, world.wish("Chloé MARTIN"), post=world.post(), now=NOW)
    with pytest.raises(AlreadyBooked) as refused:
        await bookings.book(
            session.id, world.wish("chloe martin", email="CHLOE@exemple.fr"), post=world.post(), now=NOW
        )
    assert refused.value.booking_id == first.id
    await bookings.book(session.id, world.wish("Paul Martin"), post=world.post(), now=NOW)
    await session.refresh_from_db()
    assert session.seats_taken == 2


async def test_cancelling_gives_the_places_back_once_and_can_be_undone() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=2)
    booking = await bookings.book(session.id, world.wish(seats=2), post=world.post(), now=NOW)
    await asyncio.gather(*(bookings.cancel(booking.id, post=world.post(), now=NOW) for _ in range(4)))
    await session.refresh_from_db()
    assert session.seats_taken == 0
    assert len(await _kinds(booking)) == 2
    again = await bookings.take_back(booking.id, post=world.post(), now=NOW)
    assert again.cancelled_at is None
    assert again.sequence == 2
    await session.refresh_from_db()
    assert session.seats_taken == 2


async def test_undoing_is_refused_once_the_places_are_gone() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=2)
    booking = await bookings.book(session.id, world.wish(seats=2), post=world.post(), now=NOW)
    await bookings.cancel(booking.id, post=world.post(), now=NOW)
    await bookings.book(session.id, world.wish("Paul Petit", email="paul@exemple.fr"), post=world.post(), now=NOW)
    with pytest.raises(SessionFull):
        await bookings.take_back(booking.id, post=world.post(), now=NOW)


async def test_booking_against_cancelling_keeps_the_count_true() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=10)
    held = [
        await bookings.book(session.id, world.wish(f"A{n} B", email=f"a{n}@exemple.fr"), post=world.post(), now=NOW)
        for n in range(10)
    ]
    newcomers = [world.wish(f"N{n} M", email=f"n{n}@exemple.fr") for n in range(20)]
    await asyncio.gather(
        *(bookings.cancel(b.id, post=world.post(), now=NOW) for b in held),
        *(bookings.book(session.id, wish, post=world.post(), now=NOW) for wish in newcomers),
        return_exceptions=True,
    )
    await session.refresh_from_db()
    active = await Booking.filter(session_id=session.id, cancelled_at__isnull=True)
    assert session.seats_taken == sum(b.seats for b in active) <= 10


async def test_changing_the_number_of_places() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=3)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    assert (await bookings.change_seats(booking.id, 3, post=world.post(), now=NOW)).seats == 3
    with pytest.raises(SessionFull):
        await bookings.change_seats(booking.id, 4, post=world.post(), now=NOW)
    assert (await bookings.change_seats(booking.id, 1, post=world.post(), now=NOW)).seats == 1
    await session.refresh_from_db()
    assert session.seats_taken == 1
    await bookings.cancel(booking.id, post=world.post(), now=NOW)
    with pytest.raises(Gone):
        await bookings.change_seats(booking.id, 2, post=world.post(), now=NOW)


async def test_what_cannot_be_booked_is_refused_for_its_own_reason() -> None:
    cast = await world.build()
    past = await world.session(cast.gueret, cast.workshop, datetime(2026, 11, 23, 14))
    draft = await world.session(cast.gueret, cast.workshop, published_at=None)
    closed = await world.session(cast.gueret, cast.workshop, booking_closes_at=NOW - timedelta(hours=1))
    off = await world.session(cast.gueret, cast.workshop, called_off_at=NOW)
    for session, kind in ((past, TooLate), (draft, NotOpenYet), (closed, TooLate), (off, CalledOff)):
        with pytest.raises(kind):
            await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    assert await Booking.all().count() == 0


async def test_a_limit_counts_across_bookings_and_a_refused_one_takes_nothing() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    guards = ((Limit("test", 2, timedelta(hours=1)), "1.2.3.4"),)
    for n in range(2):
        wish = world.wish(f"P{n} X", email=f"p{n}@exemple.fr", guards=guards)
        await bookings.book(session.id, wish, post=world.post(), now=NOW)
    with pytest.raises(TooMany):
        await bookings.book(
            session.id, world.wish("P3 X", email="p3@exemple.fr", guards=guards), post=world.post(), now=NOW
        )
    await session.refresh_from_db()
    assert session.seats_taken == 2
    later = NOW + timedelta(hours=2)
    await bookings.book(
        session.id, world.wish("P4 X", email="p4@exemple.fr", guards=guards), post=world.post(), now=later
    )


async def test_a_move_tells_everyone_once_and_raises_the_sequence() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    silent = await bookings.book(session.id, world.wish("Ali Sans", email=""), post=world.post(), now=NOW)
    told = await changes.move(session.id, wall=datetime(2026, 12, 2, 10), post=world.post(), now=NOW)
    assert (told.letters, [b.id for b in told.to_phone]) == (1, [silent.id])
    again = await changes.move(session.id, wall=datetime(2026, 12, 2, 10), post=world.post(), now=NOW)
    assert again.letters == 0
    moved = await Session.get(id=session.id)
    assert moved.starts_at == datetime(2026, 12, 2, 9, 0, tzinfo=NOW.tzinfo)
    assert moved.weekday == 3
    await booking.refresh_from_db()
    assert booking.sequence == 1
    assert len(await _kinds(booking)) == 2


async def test_calling_off_tells_everyone_and_nothing_can_be_booked_after() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    told = await changes.call_off(session.id, reason="La conseillère est malade.", post=world.post(), now=NOW)
    assert told.letters == 1
    with pytest.raises(CalledOff):
        await changes.call_off(session.id, reason="", post=world.post(), now=NOW)
    with pytest.raises(CalledOff):
        await bookings.book(session.id, world.wish("Paul Petit"), post=world.post(), now=NOW)
    assert len(await _kinds(booking)) == 2


async def test_a_client_that_hangs_up_harms_nothing() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=300)
    for n in range(60):
        wish = world.wish(f"H{n} X", email=f"h{n}@exemple.fr")
        task = asyncio.create_task(bookings.book(session.id, wish, post=world.post(), now=NOW))
        await asyncio.sleep(0.0005 * (n % 7))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    # Every unit that began runs to its end, though nobody waits for it any more; and the connection still answers.
    while database._running:
        await asyncio.wait(set(database._running))
    final = await bookings.book(session.id, world.wish("Fin Fin", email="fin@exemple.fr"), post=world.post(), now=NOW)
    assert final.id
    await session.refresh_from_db()
    assert session.seats_taken == await Booking.all().count() == await OutboxMessage.all().count()


async def test_a_crash_inside_leaves_neither_seat_nor_letter() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)

    async def broken(tx: object) -> None:
        await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
        raise RuntimeError("the power goes")

    with pytest.raises(RuntimeError):
        await unit_of_work(broken)
    await session.refresh_from_db()
    assert (session.seats_taken, await Booking.all().count(), await OutboxMessage.all().count()) == (0, 0, 0)


async def test_needs_go_the_day_after_and_people_after_thirty_days() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    booking = await bookings.book(
        session.id, world.wish(needs="une place près de la porte"), post=world.post(), now=NOW
    )
    assert (await retention.forget(session.ends_at + timedelta(hours=23))).needs == 0
    assert (await retention.forget(session.ends_at + timedelta(days=1))) == retention.Forgotten(1, 0)
    assert (await retention.forget(session.ends_at + timedelta(days=30))) == retention.Forgotten(0, 1)
    await booking.refresh_from_db()
    assert (booking.name, booking.email, booking.needs) == ("", "", "")
    letter = await OutboxMessage.get()
    assert (letter.recipient, letter.message) == ("", None)
    with pytest.raises(Gone):
        await bookings.by_token(manage_token(booking.uid, world.SECRET))


async def test_changing_one_s_mind_without_end_is_refused() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    for n in range(12):
        await bookings.change_seats(booking.id, 2 - n % 2, post=world.post(), now=NOW)
    with pytest.raises(TooMany):
        await bookings.change_seats(booking.id, 3, post=world.post(), now=NOW)
    assert len(await _kinds(booking)) == 13
    await bookings.cancel(booking.id, post=world.post(), now=NOW)  # giving a place back is never refused


async def test_cancelling_what_is_called_off_tells_nobody_twice() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    await changes.call_off(session.id, reason="", post=world.post(), now=NOW)
    with pytest.raises(CalledOff):
        await bookings.cancel(booking.id, post=world.post(), now=NOW)
    assert len(await _kinds(booking)) == 2


async def test_booking_closes_as_long_before_a_moved_session() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    session.booking_closes_at = session.starts_at - timedelta(hours=24)
    await session.save()
    await changes.move(session.id, wall=datetime(2026, 12, 9, 10), post=world.post(), now=NOW)
    await session.refresh_from_db()
    assert session.closes_at == session.starts_at - timedelta(hours=24)


async def test_nothing_moves_into_the_past() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    for wall in (datetime(2020, 1, 1, 9, 0), datetime(2026, 11, 24, 10, 0)):  # 10:00 in Guéret is 9:00 UTC: now
        with pytest.raises(TooLate):
            await changes.move(session.id, wall=wall, post=world.post(), now=NOW)
    moved = await Session.get(id=session.id)
    assert (moved.starts_local, moved.sequence) == (session.starts_local, 0)
    assert await _kinds(booking) == ["confirmed"]
    # The same hour on the wall of La Réunion, three hours ahead, was at 6:00 UTC.
    with pytest.raises(TooLate):
        await changes.move(
            session.id, wall=datetime(2026, 11, 24, 12, 0), venue=cast.reunion, post=world.post(), now=NOW
        )
    await changes.move(session.id, wall=datetime(2026, 11, 24, 10, 1), post=world.post(), now=NOW)


async def test_a_withdrawn_venue_gives_no_place_and_keeps_those_it_gave() -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    mine = await bookings.book(session.id, world.wish(seats=2), post=world.post(), now=NOW)
    gone = await bookings.book(session.id, world.wish("Ali B", email="ali@exemple.fr"), post=world.post(), now=NOW)
    await bookings.cancel(gone.id, post=world.post(), now=NOW)
    cast.gueret.withdrawn_at = NOW
    await cast.gueret.save()
    with pytest.raises(VenueWithdrawn):
        await bookings.book(session.id, world.wish("Zoé C", email="zoe@exemple.fr"), post=world.post(), now=NOW)
    with pytest.raises(VenueWithdrawn):
        await bookings.take_back(gone.id, post=world.post(), now=NOW)
    with pytest.raises(VenueWithdrawn):
        await bookings.change_seats(mine.id, 3, post=world.post(), now=NOW)
    assert (await Session.get(id=session.id)).seats_taken == 2
    await bookings.change_seats(mine.id, 1, post=world.post(), now=NOW)
    await bookings.cancel(mine.id, post=world.post(), now=NOW)
    assert (await Session.get(id=session.id)).seats_taken == 0
