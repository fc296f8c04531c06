"""The booking that most people make: in one go with the database, its letter written later, from what was true then."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError, OperationalError

from ateliers import bookings, i18n, letters, limits
from ateliers.bookings import Booking, changes, drafts, retention, usual, waiting_list
from ateliers.database import connection, open_database, sqlite_immediate, unit_of_work, utc_now
from ateliers.database.at_once import Step, write_at_once
from ateliers.limits import Hit, Limit
from ateliers.outbox import OutboxMessage, Refused, Unreachable, deliver_due
from ateliers.refusals import NotFound, Refusal, SessionFull, TooMany
from ateliers.venues import Venue
from ateliers.workshops import Session, Workshop
from tests import world

pytestmark = pytest.mark.anyio
NOW = world.NOW
LIMIT = Limit("test", 3, timedelta(hours=1))


class Way:
    """Takes every letter, or says what it is told to."""

    patience = timedelta(seconds=30)

    def __init__(self, trouble: Exception | None = None) -> None:
        self.sent: list[bytes] = []
        self.trouble = trouble

    async def send(self, recipient: str, message: bytes) -> None:
        if self.trouble:
            raise self.trouble
        self.sent.append(message)

    async def close(self) -> None:
        return None


async def a_session(**more: Any) -> Session:
    cast = await world.build()
    return await world.session(cast.gueret, cast.workshop, counsellor=cast.amina, **more)


async def taken(session: Session) -> int:
    return (await Session.get(id=session.id)).seats_taken


def without_boundaries(letter: bytes) -> bytes:
    return re.sub(rb"=+\d+==", b"boundary", letter)


@pytest.mark.parametrize("language", i18n.languages())
async def test_the_letter_written_later_is_the_one_written_at_once(
    database: str, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Byte for byte: the other way, which the rest of the site takes, is the yardstick."""
    cast = await world.build()
    place = await world.venue(
        access_notes="Sonnez à l’entrée « B ».", address_more="Bâtiment C", phone="", position="guessed", lat=46.1712345
    )
    session = await world.session(place, cast.workshop, counsellor=cast.amina, private_key="k3ykyek3")
    wish = world.wish('Zoé "Zo" Le Goff, née O’Hara', seats=3, beneficiary="Rosa", others="Ana, Bo", needs="Une boucle.",
                      language=language, private_key="k3ykyek3", email="zoe@éxemple.fr")  # fmt: skip
    booking = await bookings.book(session.id, wish, post=world.post(), now=NOW)
    row = await OutboxMessage.get()
    assert row.message is None
    assert "boucle" not in str(row.draft)  # what its person needs is the host's to read

    written: list[bytes] = []
    compose = letters.compose
    monkeypatch.setattr(letters, "compose", lambda **words: written.append(compose(**words)) or written[-1])  # type: ignore[func-returns-value]
    session = await Session.get(id=session.id).select_related("workshop", "venue", "counsellor")
    await unit_of_work(world.post().confirmed, await Booking.get(id=booking.id), session, NOW)
    assert without_boundaries(world.written(row)) == without_boundaries(written[0])
    assert (row.kind, row.recipient, row.group_key) == ("confirmed", "zoe@xn--xemple-9ua.fr", booking.uid)
    assert await OutboxMessage.all().count() == 1  # and it has the key of the other, so that there is never a second


async def test_the_letter_tells_what_was_true_when_it_was_promised(database: str) -> None:
    session = await a_session(moved_at=None)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    await Workshop.all().update(title="Autre chose")
    await Venue.all().update(name="Ailleurs")
    await changes.move(session.id, wall=datetime(2026, 12, 2, 10), post=world.post(), now=NOW)
    await bookings.cancel(booking.id, post=world.post(), now=NOW)
    way = Way()
    while not (await deliver_due(way, NOW + timedelta(seconds=1), compose=world.post().letter_of)).idle:
        pass
    first, second, third = way.sent
    assert b"METHOD:REQUEST" in _calendar(first)
    assert b"DTSTART;TZID=Europe/Paris:20261201T140000" in _calendar(first)
    assert b"SEQUENCE:0" in _calendar(first)
    assert b"DTSTART;TZID=Europe/Paris:20261202T100000" in _calendar(second)
    assert b"METHOD:CANCEL" in _calendar(third)
    assert await OutboxMessage.filter(draft__isnull=False).count() == 0  # forgotten once it has gone


def _calendar(letter: bytes) -> bytes:
    from email import message_from_bytes
    from email.policy import default

    parts = message_from_bytes(letter, policy=default).walk()
    return next(part.get_payload(decode=True) for part in parts if part.get_content_type() == "text/calendar")  # type: ignore[no-any-return]


async def test_a_draft_that_cannot_be_written_waits_for_a_program_that_can(database: str) -> None:
    await bookings.book((await a_session()).id, world.wish(), post=world.post(), now=NOW)

    def broken(draft: str) -> bytes:
        raise KeyError("template")

    way = Way()
    assert (await deliver_due(way, NOW, compose=broken)).delayed == 1
    assert (await OutboxMessage.get()).last_error == "the letter cannot be written: KeyError"
    later = NOW + timedelta(minutes=1)
    assert (await deliver_due(way, later)).delayed == 1  # who cannot write them at all sends nothing empty
    later += timedelta(minutes=2)
    assert (await deliver_due(Way(Unreachable("no network")), later, compose=world.post().letter_of)).released == 1
    assert (await deliver_due(way, later, compose=world.post().letter_of)).sent == 1
    assert b"text/calendar" in way.sent[0]


async def test_a_dead_draft_is_forgotten_with_its_person(database: str) -> None:
    session = await a_session()
    await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    assert (await deliver_due(Way(Refused("550 no")), NOW, compose=world.post().letter_of)).dead == 1
    assert (await OutboxMessage.get()).draft is not None  # it may be tried again
    await retention.forget(session.ends_at + timedelta(days=31))
    row = await OutboxMessage.get()
    assert (row.draft, row.message, row.recipient) == (None, None, "")


async def test_what_is_not_plain_goes_the_other_way(database: str) -> None:
    """Nothing is lost by it: a helper, a guest, a telephone, the host, a private link that is wrong."""
    cast = await world.build()
    session = await world.session(
        cast.gueret, cast.workshop, counsellor=cast.amina, private_key="k3ykyek3", capacity=20
    )
    others = [
        world.wish(email="", phone="+33639980000"), world.wish("Ana", guest_email="ana@exemple.fr", beneficiary="Rosa"),
        world.wish("Bo", guest_phone="+33639980001", beneficiary="Lou"), world.wish("Cé", made_by=cast.amina, channel="phone"),
    ]  # fmt: skip
    for wish in others:
        assert not usual.is_usual(wish)
        await bookings.book(session.id, replace(wish, private_key="k3ykyek3"), post=world.post(), now=NOW)
    assert await OutboxMessage.filter(draft__isnull=False).count() == 0
    before = await taken(session)
    with pytest.raises(NotFound):
        await bookings.book(session.id, world.wish("Dé"), post=world.post(), now=NOW)
    with pytest.raises(NotFound):
        await bookings.book(2**63, world.wish("Dé"), post=world.post(), now=NOW)
    assert await taken(session) == before


async def test_it_refuses_what_the_other_refuses_and_writes_nothing(database: str) -> None:
    session = await a_session(capacity=3)
    guards = ((LIMIT, "10.0.0.1"),)
    wish = world.wish(guards=guards)
    booking = await bookings.book(session.id, wish, post=world.post(), now=NOW)
    same = await _refused(session, wish)
    assert same == "SameForm"
    assert await _refused(session, world.wish(guards=guards)) == "AlreadyBooked"
    assert await _refused(session, world.wish("Ana", email="ana@exemple.fr", seats=3, guards=guards)) == "SessionFull"
    assert (await Hit.get()).count == 1  # who was refused has not come
    for number in range(2):
        await bookings.book(session.id, world.wish(f"Bo {number}", guards=guards), post=world.post(), now=NOW)
    assert await taken(session) == 3
    assert await Booking.all().count() == await OutboxMessage.all().count() == 3
    await bookings.cancel(booking.id, post=world.post(), now=NOW)
    with pytest.raises(TooMany):
        await bookings.book(session.id, world.wish("Cé", guards=guards), post=world.post(), now=NOW)
    assert await taken(session) == 2
    assert (await Hit.get()).count == 3
    later = NOW + timedelta(hours=2)
    await bookings.book(session.id, world.wish("Cé", guards=guards), post=world.post(), now=later)
    assert (await Hit.get()).count == 1  # another window


async def _refused(session: Session, wish: bookings.Wish) -> str:
    before = [await taken(session), await Booking.all().count(), await OutboxMessage.all().count()]
    with pytest.raises(Exception) as refusal:  # noqa: PT011 - the caller looks at its kind
        await bookings.book(session.id, wish, post=world.post(), now=NOW)
    assert [await taken(session), await Booking.all().count(), await OutboxMessage.all().count()] == before
    return type(refusal.value).__name__


async def test_a_crowd_for_the_last_places_by_both_ways(database: str) -> None:
    """Half of them by the one statement, half by the transaction of several."""
    session = await a_session(capacity=7)

    async def one(number: int) -> bool:
        more: dict[str, Any] = {"guest_email": f"g{number}@exemple.fr", "beneficiary": "Rosa"} if number % 2 else {}
        try:
            await bookings.book(
                session.id, world.wish(f"N {number}", email=f"n{number}@exemple.fr", **more), post=world.post(), now=NOW
            )
        except SessionFull:
            return False
        return True

    said = await asyncio.gather(*(one(number) for number in range(30)))
    assert said.count(True) == await Booking.all().count() == await taken(session) == 7
    assert await OutboxMessage.all().count() == 7 + await Booking.exclude(guest_email="").count()


async def test_an_office_books_and_waits_from_one_address(database: str) -> None:
    """By one statement, by several, and on the list, all counted together: nobody waits for each other for ever."""
    cast = await world.build()
    guards = ((Limit("office", 1000, timedelta(hours=1)), "10.0.0.1"),)
    for turn in range(6):
        session = await world.session(cast.gueret, cast.workshop, datetime(2026, 12, 1 + turn, 14), capacity=3)

        async def one(number: int, session: Session = session, turn: int = turn) -> object:
            wish = world.wish(f"N {turn} {number}", email=f"n{turn}.{number}@exemple.fr", guards=guards)
            try:
                if number % 3 == 1:
                    wish = replace(wish, guest_email=f"g{turn}.{number}@exemple.fr", beneficiary="Rosa")
                if number % 3 == 2:
                    return await waiting_list.join(session.id, wish, post=world.post(), now=NOW)
                return await bookings.book(session.id, wish, post=world.post(), now=NOW)
            except Refusal as refusal:
                return refusal

        said = await asyncio.gather(*(one(number) for number in range(12)), return_exceptions=True)
        assert all(isinstance(each, Booking | Refusal) for each in said), said
        assert await taken(session) == 3
    assert (await Hit.get()).count == await Booking.all().count()


async def test_the_same_form_sent_many_times_at_once_is_one_booking(database: str) -> None:
    session = await a_session()
    wish = world.wish()
    said = await asyncio.gather(
        *(bookings.book(session.id, wish, post=world.post(), now=NOW) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(each, Booking) for each in said) == 1
    assert {type(each).__name__ for each in said} == {"Booking", "SameForm"}
    assert await taken(session) == 1


def hits(*keys: str, taken: str = "first") -> list[Step]:
    """A first step that renames the row `taken`, and a row for each key."""
    first = Step("UPDATE hit SET count = count + 1 WHERE key = ?1", (taken,))
    sql = "INSERT INTO hit (key, count, ends_at) SELECT ?1, 1, ?2 FROM given"
    return [first, *(Step(sql, (key, NOW), "count") for key in keys)]


async def kept() -> dict[str, int]:
    return {hit.key: hit.count for hit in await Hit.all()}


async def test_writes_at_once_are_all_or_nothing(database: str) -> None:
    await Hit.create(key="first", count=0, ends_at=NOW)
    assert await write_at_once(*hits("a", "b")) == [1, 1, 1]
    assert await write_at_once(*hits("c", taken="nobody")) is None
    with pytest.raises(IntegrityError):
        await write_at_once(*hits("d", "a"))
    full = limits.counting(Limit("test", 1, timedelta(hours=1)), "me", world.SECRET, NOW)
    assert await write_at_once(hits()[0], full) is not None
    before = await kept()
    assert await write_at_once(*hits("e"), full) is None
    assert await kept() == before
    assert set(before) >= {"first", "a", "b"}
    assert before["first"] == 2
    assert not set(before) & {"c", "d", "e"}
    with pytest.raises(OperationalError):
        await write_at_once(Step("UPDATE nothing SET a = 1", ()))

    async def within(tx: object) -> None:
        await write_at_once(*hits("f"))

    with pytest.raises(RuntimeError, match="unit of work"):
        await unit_of_work(within)
    assert await write_at_once(*hits("g")) == [1, 1]  # and nothing is left open behind any of them


async def test_of_those_who_wait_for_the_disk_together_each_is_told_their_own(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        await Hit.create(key="first", count=0, ends_at=NOW)
        wanted: list[Sequence[Step]] = [hits(f"k{n % 5}", taken="first" if n % 3 else "nobody") for n in range(30)]
        said = await asyncio.gather(*(write_at_once(*each) for each in wanted), return_exceptions=True)
        assert [n for n, each in enumerate(said) if each is None] == list(range(0, 30, 3))
        assert sum(isinstance(each, list) for each in said) == 5
        assert all(isinstance(each, list | IntegrityError | None) for each in said)
        assert await kept() == {"first": 5, **{f"k{n}": 1 for n in range(5)}}


async def test_the_power_goes_between_two_of_its_steps(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the file is none of them, for everybody who waited with it; and who comes next is served."""
    execute, count = sqlite_immediate._execute, 0

    async with open_database(sqlite_url):
        session = await a_session()
        for after in range(1, 7):
            count = 0

            def failing(connection: sqlite3.Connection, sql: str, values: Any, after: int = after) -> Any:
                nonlocal count
                count += 1
                if count > after:
                    raise sqlite3.OperationalError("disk I/O error")
                return execute(connection, sql, values)

            monkeypatch.setattr(sqlite_immediate, "_execute", failing)
            async with connection().acquire_connection():  # the database is busy: both wait, and go together
                both = [
                    asyncio.create_task(bookings.book(session.id, world.wish(f"N {n}"), post=world.post(), now=NOW))
                    for n in range(2)
                ]
                client: Any = connection()
                while len(client._waiting) < 2:  # noqa: ASYNC110 - nobody tells when they have come
                    await asyncio.sleep(0.001)
            said = await asyncio.gather(*both, return_exceptions=True)
            monkeypatch.setattr(sqlite_immediate, "_execute", execute)
            made = sum(isinstance(each, Booking) for each in said)
            assert made == (2 if after >= 6 else 0)
            assert await taken(session) == await Booking.all().count() == await OutboxMessage.all().count() == made


async def test_a_full_disk_makes_no_booking_and_loses_none(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        session, made = await a_session(capacity=500), 0
        pages = (await connection().execute_query_dict("PRAGMA page_count"))[0]["page_count"]
        await connection().execute_query(f"PRAGMA max_page_count = {pages + 40}")
        refused: OperationalError | None = None
        while refused is None and made < 500:
            try:
                await bookings.book(session.id, world.wish(f"N {made}"), post=world.post(), now=NOW)
                made += 1
            except OperationalError as error:
                refused = error
        assert "full" in str(refused)
        assert made > 3
        said = await asyncio.gather(
            *(bookings.book(session.id, world.wish(f"M {n}"), post=world.post(), now=NOW) for n in range(4)),
            return_exceptions=True,
        )
        made += sum(isinstance(each, Booking) for each in said)
        assert await taken(session) == await Booking.all().count() == await OutboxMessage.all().count() == made
        assert [dict(row) for row in await connection().execute_query_dict("PRAGMA integrity_check")] == [
            {"integrity_check": "ok"}
        ]
        await connection().execute_query("PRAGMA max_page_count = 1000000")
        await bookings.book(session.id, world.wish("Zoé"), post=world.post(), now=NOW)
        assert await taken(session) == made + 1


async def test_whoever_hangs_up_has_their_place_or_none(database: str) -> None:
    """The request is cancelled while it is written: the place and its letter are there, or neither."""
    session = await a_session(capacity=50)
    for number in range(20):
        task = asyncio.create_task(
            bookings.book(session.id, world.wish(f"N {number}"), post=world.post(), now=utc_now())
        )
        await asyncio.sleep(number * 0.0003)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await bookings.book(session.id, world.wish("Zoé"), post=world.post(), now=utc_now())
    assert await taken(session) == await Booking.all().count() == await OutboxMessage.all().count() >= 1


def test_a_letter_that_asks_for_what_was_not_written_down_fails() -> None:
    row = drafts._row(Venue, {"id": 1, "name": "France services"})
    with pytest.raises(AttributeError):
        _ = row.phone
