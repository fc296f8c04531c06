"""Invented sessions: titles of the catalogue, hours that offices keep, places taken as they are in life."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.demo.teams import Round
from ateliers.demo.words import SESSIONS
from ateliers.holidays import public_holiday
from ateliers.modules import MODULES
from ateliers.venues import Venue
from ateliers.workshops import Session, Workshop

DAYS_BEFORE, DAYS = 7, 84  # twelve weeks, one of them past: pages of sessions that are over exist too
_WEEKDAY = {"morning": (time(9, 30), time(10, 0)), "afternoon": (time(14, 0), time(14, 30)), "evening": (time(18, 0),)}
_SATURDAY = {"morning": (time(10, 0),)}
_LIKELY = {"morning": 5.0, "afternoon": 6.0, "evening": 1.2}
_SUITED = 6  # how much likelier a module is where it suits the venue

# What the five towns always have within two weeks, in the town itself: module ("": any) and how it stands.
PROMISES = (("cafe-ia", "open"), ("cafe-ia", "open"), ("", "full"), ("", "called_off"), ("", "open"), ("", "open"))


@dataclass(frozen=True, slots=True)
class Slot:
    """A time on the wall; one counsellor, and one venue, has at most one session in each part of a day."""

    wall: datetime
    part: str


@dataclass
class Diary:
    """Plans sessions; nothing is saved here."""

    rng: Random
    today: date
    workshops: Sequence[Workshop]
    planned: list[Session] = field(default_factory=list)
    _busy: set[tuple[int, date, str]] = field(default_factory=set)
    _engaged: set[tuple[int | None, date, str]] = field(default_factory=set)  # counsellors, by sessions of before
    _weights: dict[str, list[float]] = field(default_factory=dict)

    async def remember(self, tx: TransactionalDBClient) -> None:
        """Take note of the sessions that are there already: their counsellors and venues are taken."""
        first = (self.today - timedelta(days=DAYS_BEFORE)).isoformat()
        rows = Session.filter(starts_local__gte=first).using_db(tx)
        for venue, counsellor, local in await rows.values_list("venue_id", "counsellor_id", "starts_local"):
            wall = datetime.fromisoformat(local)
            part = "morning" if wall.hour < 12 else "afternoon" if wall.hour < 18 else "evening"
            self._busy.add((venue, wall.date(), part))
            self._engaged.add((counsellor, wall.date(), part))

    def fill(self, round_: Round, count: int, *, promised: bool) -> None:
        """Plan `count` sessions of one counsellor, or as many as twelve weeks hold."""
        slots = self._slots(round_)
        if promised:
            count -= self._promise(round_, slots)
        for slot in slots:
            if count <= 0:
                break
            free = [venue for venue in round_.venues if not self._is_busy(venue, slot)]
            if free:
                self._plan(round_, self.rng.choice(free), slot)
                count -= 1

    def _slots(self, round_: Round) -> list[Slot]:
        """Every slot of the twelve weeks in a random order, likelier hours first."""
        drawn = []
        for offset in range(DAYS):
            day = self.today + timedelta(days=offset - DAYS_BEFORE)
            if day.isoweekday() == 7 or public_holiday(day, round_.anchor.department):
                continue
            saturday = day.isoweekday() == 6
            for part, hours in (_SATURDAY if saturday else _WEEKDAY).items():
                weight = 1.2 if saturday else _LIKELY[part]
                wall = datetime.combine(day, self.rng.choice(hours))
                drawn.append((self.rng.random() ** (1 / weight), Slot(wall, part)))
        # Efraimidis and Spirakis: sorting by u^(1/w) draws without replacement in proportion to the weights.
        slots = [slot for _, slot in sorted(drawn, key=lambda pair: -pair[0])]
        return [slot for slot in slots if (round_.counsellor.id, slot.wall.date(), slot.part) not in self._engaged]

    def _promise(self, round_: Round, slots: list[Slot]) -> int:
        """Plan what the town always has, and take those slots away. Returns how many."""
        soon = [slot for slot in slots if 2 <= (slot.wall.date() - self.today).days <= 12 and slot.part != "evening"]
        # Spread over the two weeks, so that a demonstration loaded some days ago still keeps its word.
        soon.sort(key=lambda slot: slot.wall)
        step = max(1, len(soon) // len(PROMISES))
        # The last days go to the Café IA first: what everyone is shown must be the last to pass.
        kept = [soon[index] for index in sorted(range(0, len(soon), step), reverse=True)]
        for slot, (module, state) in zip(kept, PROMISES, strict=False):
            free = [venue for venue in round_.home if not self._is_busy(venue, slot)] or list(round_.home)
            self._plan(round_, self.rng.choice(free), slot, module=module, state=state)
            slots.remove(slot)
        return min(len(kept), len(PROMISES))

    def _is_busy(self, venue: Venue, slot: Slot) -> bool:
        return (venue.id, slot.wall.date(), slot.part) in self._busy

    def _plan(self, round_: Round, venue: Venue, slot: Slot, *, module: str = "", state: str = "") -> None:
        rng, workshop = self.rng, self._workshop(venue, module)
        self._busy.add((venue.id, slot.wall.date(), slot.part))
        opened = _noon(self.today - timedelta(days=rng.randint(14, 45)))
        session = Session(
            workshop_id=workshop.id,
            venue_id=venue.id,
            counsellor_id=round_.counsellor.id,
            organisation_id=round_.employer_id,
            capacity=rng.choice((8, 10, 12)) if state == "open" else rng.randint(6, 12),
            published_at=opened + timedelta(hours=3),
            created_at=opened,
            updated_at=opened + timedelta(hours=3),
        )
        session.place_at(slot.wall, timedelta(minutes=MODULES[workshop.module].minutes), venue)
        session.seats_taken = self._seats_taken(session.capacity, (slot.wall.date() - self.today).days, state)
        if state == "called_off" or (not state and rng.random() < 0.03):
            session.called_off_at = session.updated_at = _noon(self.today - timedelta(days=rng.randint(8, 12)))
            session.call_off_reason = rng.choice(SESSIONS["call_off_reasons"])
            session.sequence = 1
        elif not state and rng.random() < 0.03:
            session.moved_at = session.updated_at = _noon(self.today - timedelta(days=rng.randint(8, 12)))
            before = slot.wall + timedelta(days=rng.choice((7, 14, 2, 1)))
            session.previous_starts_at = before.replace(tzinfo=venue.zone).astimezone(UTC)
            session.sequence = 1
        elif not state and rng.random() < 0.06:
            eve = datetime.combine(slot.wall.date() - timedelta(days=1), time(12))
            session.booking_closes_at = eve.replace(tzinfo=venue.zone).astimezone(UTC)
        self.planned.append(session)

    def _workshop(self, venue: Venue, module: str) -> Workshop:
        if module:
            return self.rng.choice([workshop for workshop in self.workshops if workshop.module == module])
        if venue.kind not in self._weights:
            self._weights[venue.kind] = list(accumulate(weights_in(venue.kind, self.workshops)))
        return self.rng.choices(self.workshops, cum_weights=self._weights[venue.kind])[0]

    def _seats_taken(self, capacity: int, days_ahead: int, state: str) -> int:
        """The nearer the day, the fuller; some are full, some have one place left, a few nobody has found yet."""
        if state == "full":
            return capacity
        if state == "open":
            return self.rng.randint(1, capacity - 5)
        near = 1 - min(max(days_ahead, 0), DAYS) / DAYS
        roll = self.rng.random()
        if roll < 0.04 + 0.10 * near:
            return capacity
        if roll < 0.10 + 0.16 * near:
            return capacity - 1
        if roll > 0.97 - 0.05 * (1 - near):
            return 0
        return round((capacity - 2) * self.rng.triangular(0, 1, 0.15 + 0.55 * near))


def weights_in(kind: str, workshops: Sequence[Workshop]) -> Iterator[float]:
    """How likely each of `workshops` is at a venue of this kind."""
    rows = [workshop.module for workshop in workshops]
    for module in rows:
        weight = SESSIONS["weights"].get(module, 1) * (_SUITED if module in SESSIONS["suits"].get(kind, ()) else 1)
        yield weight / rows.count(module)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


async def write_workshops(tx: TransactionalDBClient) -> list[Workshop]:
    """Save what is taught: each module of the catalogue under its title and under those of `sessions.toml`."""
    rows: list[Workshop] = []
    known = {(row.module, row.title): row for row in await Workshop.filter(module__not="").using_db(tx)}
    for module in MODULES.values():
        for title in [module.title, *SESSIONS["titles"].get(module.code, ())]:
            if (module.code, title) in known:
                rows.append(known[module.code, title])
                continue
            row = Workshop(
                module=module.code,
                title=title,
                promise=module.promise,
                outcomes=list(module.outcomes),
                for_whom=module.for_whom,
                bring=module.bring,
                theme=module.theme,
                level=module.level,
                audiences=f",{','.join(module.audiences)},",
            )
            row.refresh_search_text()
            await row.save(using_db=tx)
            rows.append(row)
    return rows
