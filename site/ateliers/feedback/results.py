"""What was said, in sums: of a session, a month, a theme, a venue. Nothing below three answers, no words below five."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from ateliers.database import connection, is_postgres, parameter
from ateliers.feedback.counts import ANSWERS, COLUMNS, FeedbackTally
from ateliers.people import Standing
from ateliers.workshops import Session
from ateliers.workshops.access import hosted_by

LEAST = 3  # answers, below which nothing is shown of a group
LEAST_WORDS = 5  # answers, below which no words are shown of a group

_SUMS = ", ".join(f"SUM(f.{name}) AS {name}" for name in ("people", *COLUMNS))
_GROUPS = """
SELECT {key} AS key, {sums} FROM feedback_tally f JOIN session s ON s.id = f.session_id
    JOIN workshop w ON w.id = s.workshop_id JOIN venue v ON v.id = s.venue_id
WHERE {whose} AND s.starts_local >= {since} AND s.starts_local < {until} AND s.ends_at <= {now}
GROUP BY {key} HAVING SUM(f.people) > 0 ORDER BY {order}"""
_KEYS = {
    "session": "s.id",
    "theme": "w.theme",
    "venue": "v.name",
    "month": "SUBSTR(s.starts_local, 1, 7)",
}


@dataclass(frozen=True)
class Said:
    """How many answered, and how many gave each of COLUMNS, in one group."""

    key: str
    people: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def shown(self) -> bool:
        """Whether they are enough for anybody to look."""
        return self.people >= LEAST

    def share(self, question: str, answer: str = "yes") -> float | None:
        """Of those who answered `question`, how many said `answer`: 0 to 1; None where fewer than LEAST did."""
        total = sum(self.counts.get(f"{question}_{one}", 0) for one in ANSWERS)
        return self.counts.get(f"{question}_{answer}", 0) / total if total >= LEAST else None


@dataclass(frozen=True)
class Words:
    """What was written after workshops of one month and theme, of which each alone had too few answers; in no order."""

    month: str
    theme: str
    texts: tuple[str, ...]

    @property
    def first_day(self) -> date:
        return date.fromisoformat(f"{self.month}-01")


def together(groups: Iterable[Said]) -> Said:
    """All of `groups` as one."""
    counts = dict.fromkeys(COLUMNS, 0)
    people = 0
    for each in groups:
        people += each.people
        for name in COLUMNS:
            counts[name] += each.counts.get(name, 0)
    return Said("", people, counts)


async def of_sessions(session_ids: Iterable[int]) -> dict[int, Said]:
    """What was said of each, by session id; those of which nothing was said are left out."""
    found: dict[int, list[Said]] = {}
    for tally in await FeedbackTally.filter(session_id__in=list(session_ids), people__gt=0):
        counts = {name: getattr(tally, name) for name in COLUMNS}
        found.setdefault(tally.session_id, []).append(Said("", tally.people, counts))
    return {number: together(parts) for number, parts in found.items()}


async def of_mine(me: Standing, since: date, until: date, now: datetime, by: str) -> list[Said]:
    """Of the sessions that `me` hosted or co-hosted from `since` to `until`, over at `now`; `by` is one of _KEYS."""
    whose = "(s.counsellor_id = {4} OR s.id IN (SELECT session_id FROM cohost WHERE counsellor_id = {4}))"
    return await _groups(whose, [me.id], since, until, now, by)


async def of_department(code: str, since: date, until: date, now: datetime, by: str) -> list[Said]:
    """Of every session of a département, whoever hosts: for its coordinators."""
    return await _groups("v.department = {4}", [code], since, until, now, by)


async def _groups(whose: str, values: list[object], since: date, until: date, now: datetime, by: str) -> list[Said]:
    marks = [parameter(n) for n in range(1, 5)]
    text = _GROUPS.format(
        key=_KEYS[by], sums=_SUMS, whose=whose.format("", *marks), since=marks[0], until=marks[1], now=marks[2],
        order="key" if by in {"month", "session"} else "people DESC, key",
    )  # fmt: skip
    # As Tortoise writes it on SQLite (text, UTC): so that like is compared with like.
    moment: object = now if is_postgres() else str(now)
    period = [since.isoformat(), (until + timedelta(days=1)).isoformat(), moment]
    rows = await connection().execute_query_dict(text, [*period, *values])
    return [
        Said(str(row["key"]), int(row["people"]), {name: int(row[name]) for name in COLUMNS})
        for row in (dict(each) for each in rows)
    ]


async def words_of(session: Session) -> list[str]:
    """What was written after `session`, in the order of the alphabet; nothing where fewer than LEAST_WORDS answered."""
    tallies = await FeedbackTally.filter(session_id=session.id)
    if sum(each.people for each in tallies) < LEAST_WORDS:
        return []
    return sorted(text for each in tallies for text in each.words)


async def words_of_few(me: Standing, since: date, until: date, now: datetime) -> list[Words]:
    """What was written after the sessions of `me` with fewer than LEAST_WORDS answers, by month and theme, where together
    there were as many. Those with more are not among them: taking them off would tell.
    """
    mine = hosted_by(me).filter(
        starts_local__gte=since.isoformat(), starts_local__lt=(until + timedelta(days=1)).isoformat(), ends_at__lte=now
    )
    known = {each.id: each for each in await mine.select_related("workshop")}
    people: dict[int, int] = {}
    texts: dict[int, list[str]] = {}
    for tally in await FeedbackTally.filter(session_id__in=list(known)):
        people[tally.session_id] = people.get(tally.session_id, 0) + tally.people
        texts.setdefault(tally.session_id, []).extend(tally.words)
    groups: dict[tuple[str, str], list[int]] = {}
    for number, count in people.items():
        if 0 < count < LEAST_WORDS:
            session = known[number]
            groups.setdefault((session.starts_local[:7], session.workshop.theme), []).append(number)
    return [
        Words(month, theme, tuple(sorted(text for number in numbers for text in texts[number])))
        for (month, theme), numbers in sorted(groups.items())
        if sum(people[number] for number in numbers) >= LEAST_WORDS  # so of two sessions at the least
        and any(texts[number] for number in numbers)
    ]  # fmt: skip
