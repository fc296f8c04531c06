"""Bookings: the form's POST to its 303, letter and outbox row included, beside the bare pair of SQL statements.

The pair is an UPDATE that takes the place and an INSERT, in one transaction, by the same driver, from as many processes as
serve the site, as many at a time as there are connections.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import urlencode

from ateliers.bookings.tokens import hashed
from ateliers.database import connection, open_database, parameter, unit_of_work, utc_now
from ateliers.outbox import OutboxMessage
from ateliers.web.forms import new_form_key
from ateliers.workshops import Session
from tests import world
from tests.bench import load
from tests.bench.figures import median, remark, say
from tests.bench.servers import WORKERS

ROUNDS = 5
FORMS = 12_000  # for one run: more than any machine answers


def forms(session_ids: Sequence[int], turn: int) -> list[str]:
    """Requests that book one place each, everybody another person from another address."""
    shown = utc_now() - timedelta(seconds=30)
    lines = []
    for number in range(FORMS):
        session_id = session_ids[number % len(session_ids)]
        person = f"{turn}.{number}"
        form = {
            "cle": new_form_key(world.SECRET, f"book:{session_id}", shown), "etape": "confirmer", "qui": "moi",
            "nom": f"Mesure {person} Banc", "contact": "email", "email": f"m{person}@exemple.fr", "places": "1",
        }  # fmt: skip
        address = f"10.{turn % 250}.{number // 30 % 250}.{number // 7500 + 1}"
        lines.append(f"/ateliers/{session_id}/reserver\t{urlencode(form)}\t{address}")
    return lines


def measure(url: str, port: int, folder: Path, seconds: float) -> None:
    """Print the figures: spread over many sessions, then all on one."""
    spread, hot = asyncio.run(wide(url))
    for name, ids in (("booking_spread", spread), ("booking_hot", [hot])):
        before = asyncio.run(_booked(url))
        mine, theirs = [], []
        for turn in range(ROUNDS):
            lines = forms(ids, turn + (100 if ids == [hot] else 0))
            mine.append(load.run(port, lines, folder, seconds=seconds, status=303))
            theirs.append(pairs_a_second(url, ids, seconds))
        rate, bare = median(run.rate for run in mine), median(theirs)
        say(name, rate, "req/s")
        say(f"{name}_bare_statements", bare, "pairs/s")
        say(f"{name}_ratio (target 0.5)", rate / bare, "x")
        say(f"{name}_p99", median(run.p99_ms for run in mine), "ms")
        others = sum(run.others for run in mine)
        if others:
            remark(f"{name}: {others} answers were no 303")
        told = sum(run.requests for run in mine)
        written = asyncio.run(_booked(url)) - before
        if not told <= written <= told + ROUNDS * load.CONNECTIONS:  # those still on their way when wrk ends
            raise SystemExit(f"{name}: {told} people were told that they have a place, {written} rows are there")
    last_places(url, port, folder)
    say("letters_written_from_drafts", asyncio.run(_letters(url)), "letters/s")


async def _letters(url: str) -> float:
    """How many of the letters that bookings have promised one process writes in a second."""
    async with open_database(url):
        rows = await OutboxMessage.filter(draft__isnull=False).limit(400)
    post = world.post()
    began = time.perf_counter()
    for row in rows:
        post.letter_of(str(row.draft))
    return len(rows) / (time.perf_counter() - began)


def last_places(url: str, port: int, folder: Path) -> None:
    """A crowd for forty places: as many as there are, and not one more."""
    number = asyncio.run(_narrow(url))
    run = load.run(port, forms([number], 200), folder, seconds=2, status=303)
    taken, capacity, booked = asyncio.run(_state(url, number))
    say("booking_crowd_places", capacity, "places")
    say("booking_crowd_booked", booked, "places")
    say("booking_crowd_refused", run.others, "people")
    if not taken == booked == capacity:
        raise SystemExit(f"{capacity} places, {taken} taken, {booked} booked")


def pairs_a_second(url: str, session_ids: Sequence[int], seconds: float) -> float:
    """Bare pairs a second, from WORKERS processes."""
    context = get_context("spawn")
    with context.Pool(WORKERS) as pool:
        return sum(pool.starmap(_pairs, [(url, list(session_ids), seconds)] * WORKERS))


def _pairs(url: str, session_ids: list[int], seconds: float) -> float:
    return asyncio.run(_pairs_for(url, session_ids, seconds))


async def _pairs_for(url: str, session_ids: list[int], seconds: float) -> float:
    marks = [parameter_of(url, number) for number in range(1, 8)]
    take = (
        f"UPDATE session SET seats_taken = seats_taken + 1, updated_at = {marks[0]}"  # noqa: S608
        f" WHERE id = {marks[1]} AND seats_taken + 1 <= capacity"
    )
    insert = (
        "INSERT INTO booking (session_id, uid, reference, name, beneficiary, email, phone, phone_typed, seats, others,"  # noqa: S608
        " guest_email, guest_phone, language, needs, contact_key, form_key_hash, token_hash, sequence, created_at, changed_at,"
        " cancelled_by, secret_organizer, cycle_uid, channel, told_sequence) VALUES"
        f" ({marks[0]}, {marks[1]}, {marks[2]}, 'Mesure', '', 'm@exemple.fr', '', '', 1, '', '', '', 'fr', '', {marks[1]},"
        f" {marks[3]}, {marks[4]}, 0, {marks[5]}, {marks[5]}, '', FALSE, '', 'web', 0)"
    )
    done, rng = 0, random.Random()  # noqa: S311

    async def pair(tx: object, number: int) -> None:
        now, uid = utc_now(), f"bk-{secrets.token_hex(16)}"
        await connection().execute_query(take, [now, number])
        values = [number, uid, secrets.token_urlsafe(7)[:9], hashed(uid), hashed(f"t{uid}"), now]
        await connection().execute_query(insert, values)

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < ends:
            await unit_of_work(pair, rng.choice(session_ids))
            done += 1

    async with open_database(url):
        began = time.perf_counter()
        ends = began + seconds
        await asyncio.gather(*(one() for _ in range(load.CONNECTIONS // WORKERS)))
        return done / (time.perf_counter() - began)


def parameter_of(url: str, position: int) -> str:
    return f"?{position}" if url.startswith("sqlite") else f"${position}"


async def wide(url: str) -> tuple[list[int], int]:
    """A thousand sessions, and one, with room for everybody."""
    async with open_database(url):
        coming = Session.filter(starts_at__gt=utc_now() + timedelta(days=3), called_off_at__isnull=True)
        ids = [int(number) for number in await coming.order_by("id").limit(1001).values_list("id", flat=True)]  # type: ignore[arg-type]
        for number in ids:
            await Session.filter(id=number).update(capacity=10_000_000, booking_closes_at=None, booking_opens_at=None)
        return ids[:-1], ids[-1]


async def _narrow(url: str) -> int:
    async with open_database(url):
        session = await Session.filter(
            starts_at__gt=utc_now() + timedelta(days=3), called_off_at__isnull=True, seats_taken=0
        ).first()
        assert session is not None
        await Session.filter(id=session.id).update(capacity=40, booking_closes_at=None, booking_opens_at=None)
        return session.id


async def _booked(url: str) -> int:
    """Bookings made through the form: the bare ones have no letter."""
    async with open_database(url):
        sql = "SELECT COUNT(*) AS n FROM booking WHERE name LIKE 'Mesure %'"
        return int((await connection().execute_query_dict(sql))[0]["n"])


async def _state(url: str, session_id: int) -> tuple[int, int, int]:
    async with open_database(url):
        session = await Session.get(id=session_id)
        sql = f"SELECT COALESCE(SUM(seats), 0) AS n FROM booking WHERE cancelled_at IS NULL AND session_id = {parameter(1)}"  # noqa: S608
        rows = await connection().execute_query_dict(sql, [session_id])
        return session.seats_taken, session.capacity, int(rows[0]["n"])


if __name__ == "__main__":
    print(pairs_a_second(sys.argv[1], [1], 2))
