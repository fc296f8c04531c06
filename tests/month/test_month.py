"""A month of 200 sessions, with a worker that looks every half hour and falls over now and then: exactly the letters of
the table, each to whom it is for and at the look it is due, and no other."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ateliers import alerts
from ateliers.alerts import demand
from ateliers.alerts.subscriptions import Asked
from ateliers.bookings import reminders, waiting_list
from ateliers.bookings.notices import Post
from ateliers.database import open_database
from ateliers.feedback import thanks
from ateliers.outbox import OutboxMessage
from ateliers.people import Coordination, Counsellor
from ateliers.search import Search
from ateliers.venues import Presence, Venue
from ateliers.workshops import Series, Session
from ateliers.workshops.series import Rule
from geo.geocoding import Place
from geo.points import Point
from tests import world
from tests.month.cases import CASES, Case, cycle
from tests.month.table import DAY, HOUR, Letter, Table, looks
from tests.sms_servers import texting

pytestmark = [pytest.mark.slow, pytest.mark.stored]
BEGIN = datetime(2026, 11, 24, 9, tzinfo=UTC)
END = BEGIN + 36 * DAY
SESSIONS = 200
CYCLES = 5  # of three dates
# A reboot, an evening, a night and its morning, a whole day and a half.
PAUSES = [
    (BEGIN + 4 * DAY + 3 * HOUR, BEGIN + 4 * DAY + 5 * HOUR),
    (BEGIN + 11 * DAY + 8 * HOUR, BEGIN + 11 * DAY + 14 * HOUR),
    (BEGIN + 17 * DAY + 12 * HOUR, BEGIN + 18 * DAY + 4 * HOUR),
    (BEGIN + 24 * DAY, BEGIN + 25 * DAY + 12 * HOUR),
]
GUERET = Place(kind="commune", label="Guéret", point=Point(46.17, 1.87), insee="23096", department="23")


async def _venues(cast: world.World) -> list[Venue]:
    martinique = await world.venue(
        name="Médiathèque du Lamentin", postcode="97232", commune="Le Lamentin", insee="97213", department="972",
        lat=14.6137, lon=-60.9963, time_zone="America/Martinique",
    )  # fmt: skip
    return [cast.gueret, cast.gueret, cast.reunion, martinique]


async def _cases(cast: world.World, table: Table, post: Post) -> list[Case]:
    """Sessions at every hour of the day, over the weeks, in three time zones; then the cycles."""
    venues, kinds, found = await _venues(cast), [*CASES.items()], []
    for number in range(SESSIONS - 3 * CYCLES):
        venue, (happen, places) = venues[number % len(venues)], kinds[number % len(kinds)]
        wall = datetime(2026, 12, 4, 9) + timedelta(days=number * 7 % 17, minutes=30 * (number * 5 % 21))
        session = await world.session(venue, cast.workshop, wall, capacity=places, published_at=BEGIN - DAY)
        case = Case(number, session, ZoneInfo(venue.time_zone), table, post)
        happen(case)
        found.append(case)
    for number in range(CYCLES):
        walls = [datetime(2026, 12, 4, 10 + number) + timedelta(days=number + 5 * n) for n in range(3)]
        rule = Rule.picking(walls, 120)
        series = await Series.create(counsellor=cast.amina, rule=rule.as_json(), created_at=BEGIN)
        dates = [
            Case(
                900 + 3 * number + n,
                await world.session(
                    venues[number % 4], cast.workshop, wall, capacity=5, series=series, in_cycle=True,
                    waiting_list=False, published_at=BEGIN - DAY,
                ),
                ZoneInfo(venues[number % 4].time_zone), table, post,
            )
            for n, wall in enumerate(walls)
        ]  # fmt: skip
        cycle(dates)
        found += dates
    return found


def _wishes(cast: world.World, table: Table, post: Post) -> list[tuple[datetime, Any]]:
    """An alert told at once, one told weekly, one never confirmed, five wishes near each other; then a workshop comes."""
    zone, events, hour = ZoneInfo("Europe/Paris"), [], BEGIN + 2 * HOUR + timedelta(minutes=7)
    published = BEGIN + 6 * DAY + 10 * HOUR + timedelta(minutes=4)  # at 20:04: by day, still

    def ask(at: datetime, email: str, *, confirmed: bool = True, **more: Any) -> None:
        async def work(now: datetime) -> None:
            asked = Asked(email=email, search=Search(where="Guéret", place=GUERET, themes=("email",)), **more)
            alert = await alerts.ask(asked, settings=post.settings, secret=post.secret, now=now)
            if confirmed:
                await alerts.confirm(alert, now)

        table.add(at, email, "alert_confirm")
        events.append((at, work))

    ask(hour, "vite@exemple.fr", pace="now")
    ask(hour, "semaine@exemple.fr", pace="weekly")
    ask(hour, "jamais@exemple.fr", confirmed=False, pace="now")
    for n in range(5):
        last = hour + timedelta(hours=n)
        ask(last, f"voeu{n}@exemple.fr", wish=True, pace="now")
    told = table.look(last, END, zone)
    for host in (cast.amina.email, "coordination@exemple.fr"):
        table.add(told, host, "demand")

    async def publish(now: datetime) -> None:
        mails = await world.workshop(title="Écrire un e-mail", theme="email")
        await world.session(cast.gueret, mails, datetime(2027, 1, 12, 14), published_at=now, counsellor=cast.amina)

    again = BEGIN + 9 * DAY + 3 * HOUR + timedelta(minutes=4)
    events += [(published, publish), (again, publish)]
    for email in ("vite@exemple.fr", *(f"voeu{n}@exemple.fr" for n in range(5))):
        table.add(table.look(published, END, zone), email, "alert")
    table.add(table.look(again, END, zone), "vite@exemple.fr", "alert")
    first = table.look(hour + 7 * DAY, END, zone)
    assert first is not None
    table.add(first, "semaine@exemple.fr", "alert")
    table.add(table.look(first + 7 * DAY, END, zone), "semaine@exemple.fr", "alert")
    return events


async def _look(post: Post, now: datetime) -> None:
    """What the worker's rounds do."""
    await waiting_list.sweep(post, now)
    await reminders.sweep(post, now)
    await thanks.sweep(post, now)
    await alerts.sweep(post.settings, post.secret, now)
    await demand.sweep(post.settings, now)


async def _live(database_url: str) -> tuple[list[Letter], list[Letter]]:
    """(sent, foretold)."""
    settings = texting("file:var/never-written")
    post, ticks = Post(settings, settings.secret()), list(looks(BEGIN, END, PAUSES))
    table, sent, last = Table(ticks), [], 0
    async with open_database(database_url):
        cast = await world.build()
        await Presence.create(counsellor=cast.amina, venue=cast.gueret, since=BEGIN.date())
        coordinator = await Counsellor.create(
            public_name="Cora", email="coordination@exemple.fr", created_at=BEGIN - DAY
        )
        await Coordination.create(counsellor=coordinator, department="23", since=BEGIN.date())
        events = [event for case in await _cases(cast, table, post) for event in case.events]
        events += _wishes(cast, table, post)
        assert await Session.all().count() == SESSIONS
        agenda = [(at, 0, work) for at, work in events] + [(at, 1, None) for at in ticks]
        for now, _, work in sorted(agenda, key=lambda each: each[:2]):
            await (work(now) if work else _look(post, now))
            for row in await OutboxMessage.filter(id__gt=last).order_by("id"):
                sent.append(Letter(now, row.recipient, row.kind))
                last = row.id
    return sent, table.letters


def test_exactly_the_letters_of_the_table(database_url: str) -> None:
    sent, foretold = asyncio.run(_live(database_url))
    ours, theirs = Counter(sent), Counter(foretold)
    missing, extra = sorted((theirs - ours).elements()), sorted((ours - theirs).elements())
    assert not missing
    assert not extra
    kinds = Counter(letter.kind for letter in sent)
    # The month was worth living: each kind of letter went, and each pause swallowed or delayed something.
    assert len(sent) > 900
    assert {"reminder_ask", "reminder_day", "thanks", "offer", "offer_lapsed", "alert", "demand", "called_off"} <= {
        *kinds
    }
    calm = list(looks(BEGIN, END, []))
    assert any(letter.at not in {*calm} for letter in sent)
    assert all(not (down <= letter.at < up) or letter.at not in calm for letter in sent for down, up in PAUSES)
