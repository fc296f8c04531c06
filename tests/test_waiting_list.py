"""The waiting list's rules one by one, and its races: fifty at once, two workers, an answer at the very end."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from ateliers import bookings
from ateliers.bookings import Booking, changes, editing, retention, waiting_list
from ateliers.bookings.editing import Change
from ateliers.bookings.waiting_list.windows import SHORTEST, offer_until
from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.limits import Limit
from ateliers.outbox import OutboxMessage
from ateliers.people import standing_of
from ateliers.refusals import AlreadyBooked, CalledOff, Gone, SameForm, SessionFull, TooLate, TooMany, Unusable
from ateliers.workshops import Session
from ateliers.workshops.planning import Content, Terms
from tests import world
from tests.processes import Process, environment, free_port
from tests.world import NOW

SITE = Path(__file__).resolve().parents[1] / "site" / "ateliers"
database = pytest.mark.usefixtures("database")
HOUR = timedelta(hours=1)


async def _full(places: int = 1, **more: Any) -> tuple[Session, list[Booking]]:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=places, counsellor=cast.amina, **more)
    taken = [
        await bookings.book(
            session.id, world.wish(f"Avec {n}", email=f"avec{n}@exemple.fr"), post=world.post(), now=NOW
        )
        for n in range(places)
    ]
    return session, taken


async def _join(session: Session, name: str, *, at: datetime = NOW, **more: Any) -> Booking:
    contact = {"email": f"{name.lower()}@exemple.fr"} | more
    return await waiting_list.join(session.id, world.wish(f"{name} Attend", **contact), post=world.post(), now=at)


async def _again(booking: Booking) -> Booking:
    return await Booking.get(id=booking.id)


async def _letters(booking: Booking) -> list[str]:
    return [row.kind for row in await OutboxMessage.filter(group_key=booking.uid).order_by("id")]


async def _text(booking: Booking, kind: str) -> str:
    row = await OutboxMessage.filter(group_key=booking.uid, kind=kind).order_by("-id").first()
    assert row is not None
    part = message_from_bytes(world.written(row), policy=default).get_body(("plain",))
    assert part is not None
    return " ".join(part.get_content().split())


@pytest.mark.anyio
@database
async def test_a_place_given_back_is_offered_taken_and_told() -> None:
    session, (first,) = await _full()
    ana, ben = await _join(session, "Ana"), await _join(session, "Ben")
    assert "premier nom" in await _text(ana, "waiting")
    assert "numéro 2" in await _text(ben, "waiting")
    await bookings.cancel(first.id, post=world.post(), now=NOW)
    ana = await _again(ana)
    assert ana.state == "offered"
    assert ana.offer_expires_at == offer_until(NOW, session.starts_at, session.venue.zone)
    assert (await _again(ben)).state == "waiting"
    with pytest.raises(SessionFull):  # held, so not sold
        await bookings.book(session.id, world.wish("Zoé Vite"), post=world.post(), now=NOW)
    with pytest.raises(SessionFull):  # nor taken back
        await bookings.take_back(first.id, post=world.post(), now=NOW)
    for _ in range(2):
        taken = await waiting_list.accept(ana.id, post=world.post(), now=NOW + HOUR)
        assert (taken.state, taken.sequence) == ("confirmed", 2)
    assert await _letters(ana) == ["waiting", "offer", "confirmed"]
    assert (await Session.get(id=session.id)).seats_taken == 1


@pytest.mark.anyio
@database
async def test_an_offer_without_an_answer_goes_to_the_next_and_declining_does_at_once() -> None:
    session, (first,) = await _full()
    ana, ben, cleo = [await _join(session, name, at=NOW + HOUR * n) for n, name in enumerate(("Ana", "Ben", "Cleo"))]
    await bookings.cancel(first.id, post=world.post(), now=NOW + HOUR * 3)
    end = (await _again(ana)).offer_expires_at
    assert end is not None
    nothing = await waiting_list.sweep(world.post(), end - timedelta(seconds=1))
    assert (nothing.lapsed, nothing.given) == (0, 0)
    assert (await waiting_list.sweep(world.post(), end)).lapsed == 1
    assert (await waiting_list.sweep(world.post(), end)).lapsed == 0
    assert ((await _again(ana)).cancelled_by, (await _again(ben)).state) == ("lapsed", "offered")
    with pytest.raises(Gone):
        await waiting_list.accept(ana.id, post=world.post(), now=end)
    for _ in range(2):
        await waiting_list.leave(ben.id, post=world.post(), now=end + HOUR)
    assert ((await _again(ben)).cancelled_by, (await _again(cleo)).state) == ("declined", "offered")
    assert await _letters(ana) == ["waiting", "offer", "offer_lapsed"]
    assert await _letters(ben) == ["waiting", "offer", "waiting_left"]
    # Ana comes back, to the end of the list; the place is Cleo's to take.
    back = await bookings.take_back(ana.id, post=world.post(), now=end + HOUR * 2)
    assert (back.state, back.waiting_since) == ("waiting", end + HOUR * 2)


@pytest.mark.anyio
@database
async def test_a_party_too_large_is_passed_by_and_keeps_its_rank() -> None:
    session, taken = await _full(3)
    large, small = await _join(session, "Quatre", seats=3), await _join(session, "Seul")
    await bookings.cancel(taken[0].id, post=world.post(), now=NOW)
    assert ((await _again(large)).state, (await _again(small)).state) == ("waiting", "offered")
    with pytest.raises(Unusable, match="seats"):  # more than there ever were: no promise that cannot be kept
        await _join(session, "Trop", seats=4)
    await bookings.cancel(taken[1].id, post=world.post(), now=NOW)
    with_two_left = await bookings.book(session.id, world.wish("Zoé Vite"), post=world.post(), now=NOW)
    assert with_two_left.state == "confirmed"  # nobody who fits waits: the place is for anybody


@pytest.mark.anyio
@database
async def test_joining_asks_for_a_contact_and_knows_who_is_there_already() -> None:
    session, (first,) = await _full()
    with pytest.raises(Unusable, match="contact"):
        await _join(session, "Muet", email="")
    ana = await _join(session, "Ana")
    with pytest.raises(AlreadyBooked) as twice:
        await _join(session, "Ana")
    assert twice.value.booking_id == ana.id
    with pytest.raises(AlreadyBooked):  # who has a place does not wait for one
        await waiting_list.join(session.id, world.wish("Avec 0", email="avec0@exemple.fr"), post=world.post(), now=NOW)
    with pytest.raises(AlreadyBooked):  # nor does who waits book
        await bookings.book(session.id, world.wish("Ana Attend", email="ana@exemple.fr"), post=world.post(), now=NOW)
    assert await bookings.send_again(ana.id, post=world.post(), now=NOW)
    assert not await bookings.send_again(ana.id, post=world.post(), now=NOW)
    assert await _letters(ana) == ["waiting", "waiting"]  # never one that speaks of a booking
    form = world.wish("Ben Attend", email="ben@exemple.fr")
    await waiting_list.join(session.id, form, post=world.post(), now=NOW)
    with pytest.raises(SameForm):
        await waiting_list.join(session.id, form, post=world.post(), now=NOW)
    limit = ((Limit("test", 1, HOUR), "1.2.3.4"),)
    await _join(session, "Cleo", guards=limit)
    with pytest.raises(TooMany):
        await _join(session, "Dora", guards=limit)
    await bookings.cancel(first.id, post=world.post(), now=NOW)
    await Session.filter(id=session.id).update(waiting_list=False)
    with pytest.raises(SessionFull):
        await _join(session, "Emma")
    await Session.filter(id=session.id).update(waiting_list=True, capacity=9)
    with pytest.raises(waiting_list.PlacesLeft):
        await _join(session, "Emma")


@pytest.mark.anyio
@database
async def test_leaving_by_mistake_is_undone_for_an_hour() -> None:
    session, (first,) = await _full()
    ana, ben = await _join(session, "Ana"), await _join(session, "Ben", at=NOW + HOUR)
    await bookings.cancel(ana.id, post=world.post(), now=NOW + HOUR * 2)  # by the usual door too
    assert (await _again(ana)).cancelled_by == "citizen"
    back = await bookings.take_back(ana.id, post=world.post(), now=NOW + HOUR * 3)
    assert (back.waiting_since, await waiting_list.rank_of(back)) == (NOW, 1)
    await waiting_list.leave(ana.id, post=world.post(), now=NOW + HOUR * 4)
    back = await bookings.take_back(ana.id, post=world.post(), now=NOW + HOUR * 6)
    assert await waiting_list.rank_of(back) == 2
    # With a place free for them, they need not wait.
    await waiting_list.leave(ana.id, post=world.post(), now=NOW + HOUR * 7)
    await waiting_list.leave(ben.id, post=world.post(), now=NOW + HOUR * 7)
    await bookings.cancel(first.id, post=world.post(), now=NOW + HOUR * 7)
    back = await bookings.take_back(ana.id, post=world.post(), now=NOW + HOUR * 8)
    assert back.state == "confirmed"
    assert (await _letters(ana))[-1] == "confirmed"


@pytest.mark.anyio
@database
async def test_without_an_address_the_host_phones_and_the_turn_goes_on_when_nobody_does() -> None:
    session, (first,) = await _full()
    phone = {"email": "", "phone": "+33639980000", "phone_typed": "06 39 98 00 00"}
    ana, ben = await _join(session, "Ana", **phone), await _join(session, "Ben")
    await bookings.cancel(first.id, post=world.post(), now=NOW)
    ana = await _again(ana)
    assert (ana.state, ana.offered_at) == ("offered", None)
    assert ana.offer_expires_at is not None
    await waiting_list.sweep(world.post(), ana.offer_expires_at)
    ana, ben = await _again(ana), await _again(ben)
    assert (ana.state, ben.state) == ("waiting", "offered")  # still on the list: nobody called
    # The next place that frees up is for who was not phoned, and the host does phone.
    later = ana.passed_at or NOW
    await waiting_list.accept(ben.id, post=world.post(), now=later)
    await bookings.cancel(ben.id, post=world.post(), now=later)
    assert (await _again(ana)).state == "offered"
    told = await waiting_list.offer_by_hand(ana.id, post=world.post(), now=later)
    assert told.offered_at == later
    for _ in range(2):
        assert (await waiting_list.accept_for(ana.id, post=world.post(), now=later)).state == "confirmed"
    assert await _letters(ana) == []


@pytest.mark.anyio
@database
async def test_near_the_start_nothing_is_offered_by_itself() -> None:
    session, (first,) = await _full()
    ana, ben = await _join(session, "Ana"), await _join(session, "Ben")
    near = session.starts_at - HOUR * 3
    await bookings.cancel(first.id, post=world.post(), now=near)
    ana = await _again(ana)
    assert (ana.offered_at, ana.offer_expires_at) == (None, session.starts_at)
    assert await _letters(ana) == ["waiting"]
    offered = await waiting_list.offer_by_hand(ana.id, post=world.post(), now=near)
    assert offered.offer_expires_at == near + SHORTEST
    assert await _letters(ana) == ["waiting", "offer"]
    removed = await waiting_list.remove(ana.id, post=world.post(), now=near)
    assert removed.cancelled_by == "host"
    assert "retiré votre nom" in await _text(ana, "waiting_left")
    with pytest.raises(SessionFull):  # Ben's now, until somebody calls
        await waiting_list.offer_by_hand((await _join(session, "Cleo", at=near)).id, post=world.post(), now=near)
    done = await waiting_list.sweep(world.post(), session.starts_at)
    assert done.ended == 2
    assert (await Session.get(id=session.id)).seats_taken == 0
    with pytest.raises(Gone):
        await waiting_list.accept(ben.id, post=world.post(), now=session.starts_at)
    with pytest.raises(TooLate):
        await bookings.take_back(ben.id, post=world.post(), now=session.starts_at)


@pytest.mark.anyio
@database
async def test_a_move_tells_those_who_wait_and_keeps_offers_true() -> None:
    session, (first,) = await _full()
    ana, ben = await _join(session, "Ana"), await _join(session, "Ben")
    cleo = await _join(session, "Cleo", email="", phone="+33639980001")
    await bookings.cancel(first.id, post=world.post(), now=NOW)
    sooner = datetime(2026, 11, 25, 14, 0)
    told = await changes.move(session.id, wall=sooner, post=world.post(), now=NOW)
    assert (told.letters, [b.id for b in told.to_phone]) == (2, [cleo.id])
    ana, moved = await _again(ana), await Session.get(id=session.id).select_related("venue")
    assert ana.offer_expires_at == offer_until(NOW, moved.starts_at, moved.venue.zone)
    assert ana.offer_expires_at is not None
    assert ana.offer_expires_at < moved.starts_at
    assert "toujours gardée" in await _text(ana, "waiting_moved")
    assert "premier nom" in await _text(ben, "waiting_moved")
    assert "mercredi 25 novembre" in await _text(ben, "waiting_moved")
    # An offer that ended while no worker came by is told as ended, not as held.
    await changes.move(session.id, wall=datetime(2026, 12, 3, 9), post=world.post(), now=ana.offer_expires_at)
    assert await _letters(ana) == ["waiting", "offer", "waiting_moved", "offer_lapsed"]
    assert await _letters(ben) == ["waiting", "waiting_moved", "waiting_moved", "offer"]
    assert "jeudi 3 décembre" in await _text(ben, "offer")


@pytest.mark.anyio
@database
async def test_calling_off_tells_those_who_wait_without_an_invitation() -> None:
    session, (first,) = await _full()
    ana, ben = await _join(session, "Ana"), await _join(session, "Ben")
    await bookings.cancel(first.id, post=world.post(), now=NOW)
    told = await changes.call_off(session.id, reason="Malade.", post=world.post(), now=NOW)
    assert told.letters == 2
    for booking in (ana, ben):
        row = await OutboxMessage.get(group_key=booking.uid, kind="called_off")
        assert b"text/calendar" not in world.written(row)
    with pytest.raises(CalledOff):
        await waiting_list.accept(ana.id, post=world.post(), now=NOW)
    assert (await waiting_list.sweep(world.post(), NOW + timedelta(days=5))).lapsed == 0


@pytest.mark.anyio
@database
async def test_more_places_at_the_desk_and_fewer_in_a_booking_are_offered() -> None:
    cast = await world.build()
    session = await world.session(
        cast.gueret, cast.workshop, capacity=2, counsellor=cast.amina, organisation=cast.creuse, published_at=NOW
    )
    two = await bookings.book(session.id, world.wish(seats=2), post=world.post(), now=NOW)
    ana, ben = await _join(session, "Ana"), await _join(session, "Ben", seats=2)
    await bookings.change_seats(two.id, 1, post=world.post(), now=NOW)
    assert (await _again(ana)).state == "offered"
    me = await standing_of(cast.amina, NOW.date())
    loaded = await Session.get(id=session.id).select_related("workshop", "venue", "counsellor")
    terms = Terms(cast.gueret, 120, 4, published_at=NOW, waiting_list=False)
    change = Change(Content.of_workshop(loaded.workshop), terms, datetime(2026, 12, 1, 14))
    await editing.edit(loaded, change, version=1, me=me, post=world.post(), now=NOW)
    assert (await _again(ben)).state == "offered"
    assert not (await Session.get(id=session.id)).waiting_list
    loaded = await Session.get(id=session.id).select_related("workshop", "venue", "counsellor")
    fewer = Change(change.content, Terms(cast.gueret, 120, 3, published_at=NOW), change.wall)
    with pytest.raises(editing.TooFewPlaces):  # what is held is taken
        await editing.edit(loaded, fewer, version=2, me=me, post=world.post(), now=NOW)


@pytest.mark.anyio
@database
async def test_odds_are_what_happened_before() -> None:
    cast = await world.build()
    for number, gone in enumerate((0, 1, 2)):
        past = await world.session(
            cast.gueret, cast.workshop, datetime(2026, 11, 10 + number, 14), published_at=NOW - timedelta(days=60)
        )
        for each in range(3):
            at = NOW - timedelta(days=30)
            made = await bookings.book(
                past.id, world.wish(f"P{each} X", email=f"p{each}@exemple.fr"), post=world.post(), now=at
            )
            if each < gone:
                await bookings.cancel(made.id, post=world.post(), now=at)
    session = await world.session(cast.gueret, cast.workshop, capacity=1)
    await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    ana, ben = await _join(session, "Ana"), await _join(session, "Ben")
    await session.refresh_from_db()
    first = await waiting_list.outlook(ana, session, NOW)
    assert (first.rank, first.waiting, first.needed, first.past, first.enough) == (1, 2, 1, 3, 2)
    second = await waiting_list.outlook(ben, session, NOW)
    assert (second.rank, second.needed, second.enough) == (2, 2, 1)
    elsewhere = await world.session(cast.reunion, cast.workshop, capacity=1)
    await bookings.book(elsewhere.id, world.wish(), post=world.post(), now=NOW)
    third = await waiting_list.outlook(await _join(elsewhere, "Ana"), elsewhere, NOW)
    assert (third.past, third.enough) == (0, 0)


@pytest.mark.anyio
@database
async def test_who_only_waited_is_forgotten_at_the_end() -> None:
    session, (first,) = await _full()
    ana, ben = await _join(session, "Ana", needs="Un grand écran"), await _join(session, "Ben")
    await waiting_list.leave(ben.id, post=world.post(), now=NOW)
    assert (await retention.forget(session.ends_at - timedelta(seconds=1))).people == 0
    assert (await retention.forget(session.ends_at)).people == 2
    for booking in (await _again(ana), await _again(ben)):
        assert (booking.name, booking.email, booking.needs, booking.contact_key) == ("", "", "", "")
        assert not await OutboxMessage.filter(group_key=booking.uid).exclude(recipient="").exists()
    assert (await _again(first)).name == "Avec 0"


@pytest.mark.anyio
@database
async def test_fifty_people_join_at_once_and_each_has_a_rank_of_their_own() -> None:
    session, _ = await _full()
    joined = await asyncio.gather(*(_join(session, f"P{n}") for n in range(50)))
    ranks = []
    for booking in joined:
        text = await _text(booking, "waiting")
        found = re.search(r"numéro (\d+) de la liste", text)
        ranks.append(int(found.group(1)) if found else 1)
    assert sorted(ranks) == list(range(1, 51))
    assert [await waiting_list.rank_of(booking) for booking in joined] == ranks


@pytest.mark.anyio
@database
async def test_two_workers_at_once_pass_each_offer_on_once() -> None:
    session, taken = await _full(5)
    line = [await _join(session, f"P{n}", at=NOW + timedelta(minutes=n)) for n in range(12)]
    await asyncio.gather(*(bookings.cancel(each.id, post=world.post(), now=NOW + HOUR) for each in taken))
    assert [(await _again(each)).state for each in line] == ["offered"] * 5 + ["waiting"] * 7
    later = NOW + timedelta(days=3)
    swept = await asyncio.gather(*(waiting_list.sweep(world.post(), later) for _ in range(4)))
    assert sum(each.lapsed for each in swept) == 5
    assert [(await _again(each)).state for each in line] == ["cancelled"] * 5 + ["offered"] * 5 + ["waiting"] * 2
    assert [await _letters(each) for each in line[:5]] == [["waiting", "offer", "offer_lapsed"]] * 5
    assert [await _letters(each) for each in line[5:10]] == [["waiting", "offer"]] * 5
    assert (await Session.get(id=session.id)).seats_taken == 5


@pytest.mark.anyio
@database
async def test_an_answer_at_the_very_end_is_either_in_time_or_not() -> None:
    for number in range(6):
        session = await world.session(await world.venue(), await world.workshop(), capacity=1)
        first = await bookings.book(session.id, world.wish(f"A{number}"), post=world.post(), now=NOW)
        ana, ben = await _join(session, f"Ana{number}"), await _join(session, f"Ben{number}")
        await bookings.cancel(first.id, post=world.post(), now=NOW)
        end = (await _again(ana)).offer_expires_at
        assert end is not None
        just_before = end - timedelta(microseconds=1)
        answers = await asyncio.gather(
            waiting_list.accept(ana.id, post=world.post(), now=just_before if number % 2 else end),
            waiting_list.sweep(world.post(), end),
            waiting_list.sweep(world.post(), end),
            return_exceptions=True,
        )
        ana, ben = await _again(ana), await _again(ben)
        got_it = isinstance(answers[0], Booking)
        assert got_it or isinstance(answers[0], TooLate | Gone), answers
        assert not got_it or number % 2  # at the end it is over, whoever comes first
        assert (ana.state, ben.state) == (("confirmed", "waiting") if got_it else ("cancelled", "offered"))
        assert (await Session.get(id=session.id)).seats_taken == 1


@pytest.mark.anyio
@database
async def test_a_place_that_nobody_gave_is_found_by_the_worker() -> None:
    session, _ = await _full()
    ana = await _join(session, "Ana")
    await Session.filter(id=session.id).update(capacity=2)  # by hand, in the database
    assert (await waiting_list.sweep(world.post(), NOW)).given == 1
    assert (await waiting_list.sweep(world.post(), NOW)).given == 0
    assert await _letters(ana) == ["waiting", "offer"]


@pytest.mark.slow
def test_two_worker_processes_one_killed_pass_each_offer_on_once(
    database_url: str, tmp_path: Path, communes_file: Path
) -> None:
    now = utc_now()

    async def make() -> int:
        async with open_database(database_url):
            cast = await world.build()
            wall = (now + timedelta(days=30)).replace(hour=14, minute=0, second=0, microsecond=0, tzinfo=None)
            session = await world.session(
                cast.gueret, cast.workshop, wall, capacity=8, published_at=now - timedelta(days=30)
            )
            ago = now - timedelta(days=9)
            taken = [
                await bookings.book(
                    session.id, world.wish(f"A{n} X", email=f"a{n}@exemple.fr"), post=world.post(), now=ago
                )
                for n in range(8)
            ]
            for n in range(16):
                await _join(session, f"P{n}", at=ago + timedelta(minutes=n))
            for each in taken:
                await bookings.cancel(each.id, post=world.post(), now=ago + HOUR)
            return session.id

    async def settled() -> tuple[int, list[str], list[list[str]]]:
        async with open_database(database_url):
            for _ in range(300):
                line = await Booking.filter(waiting_since__isnull=False).order_by("waiting_since", "id")
                if [each.state for each in line].count("cancelled") == 8:
                    break
                await asyncio.sleep(0.1)
            return (await Session.get()).seats_taken, [b.state for b in line], [await _letters(each) for each in line]

    asyncio.run(make())
    env = environment(database_url, tmp_path, free_port())
    workers = [Process(["work"], env) for _ in range(3)]
    try:
        for worker in workers:
            worker.start()
        workers[0].kill()
        taken, states, letters = asyncio.run(settled())
    finally:
        for worker in workers:
            worker.stop()
    assert taken == 8
    assert states == ["cancelled"] * 8 + ["offered"] * 8
    assert letters == [["waiting", "offer", "offer_lapsed"]] * 8 + [["waiting", "offer"]] * 8


def test_who_asks_who_comes_leaves_out_those_who_wait() -> None:
    """`cancelled_at IS NULL` alone would count the waiting list: `Booking.confirmed` is what to ask."""
    for file in sorted([*(SITE / "web").rglob("*.py"), *(SITE / "printouts").rglob("*.py")]):
        assert not re.search(r"Booking\.filter\([^)]*cancelled_at__isnull=True", file.read_text(encoding="utf-8")), file


@pytest.mark.anyio
@database
async def test_the_rows_that_were_there_have_their_list_and_their_unique_key() -> None:
    """A migration that rebuilds a table on SQLite must not lose its partial indexes."""
    session, (first,) = await _full()
    assert (await Session.get(id=session.id)).waiting_list

    async def twin(tx: Any) -> None:
        await Booking.create(
            using_db=tx, session=session, uid="bk-twin", reference="TWIN-2222", name="X", seats=1, form_key_hash="x",
            token_hash="x", contact_key=first.contact_key, created_at=NOW, changed_at=NOW, waiting_since=NOW,
        )  # fmt: skip

    from tortoise.exceptions import IntegrityError

    with pytest.raises(IntegrityError):
        await unit_of_work(twin)
