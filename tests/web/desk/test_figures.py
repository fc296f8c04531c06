"""My figures: counted the same on both engines, of my sessions alone; words for the report; a table without anybody."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest

from ateliers import bookings
from ateliers.bookings import attendance
from ateliers.bookings import figures as counting
from ateliers.bookings.figures import Tally, figures
from ateliers.people import Standing
from ateliers.workshops import CoHost, Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Visitor
from tests.web.desk.test_register import sheet

pytestmark = pytest.mark.anyio
LATER = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    return await world.build()


async def _past(cast: world.World, wall: datetime, *states: tuple[int, str], **changes: object) -> Session:
    """A session of Amina's, with a booking of so many places for each state."""
    values: dict[str, object] = {"counsellor": cast.amina, "published_at": datetime(2025, 1, 1, tzinfo=UTC)} | changes
    place, what = values.pop("place", cast.gueret), values.pop("what", cast.workshop)
    session = await world.session(place, what, wall, **values)  # type: ignore[arg-type]
    for number, (seats, state) in enumerate(states):
        wish = world.wish(f"Personne {number}", seats=seats, email=f"p{number}@exemple.fr")
        booking = await bookings.book(session.id, wish, post=world.post(), now=session.starts_at - timedelta(days=1))
        if state == "cancelled":
            await bookings.cancel(booking.id, post=world.post(), now=session.starts_at - timedelta(hours=1))
        elif state:
            await attendance.take(session, booking.id, "absent", cast.amina, session.starts_at)
            await attendance.take(session, booking.id, state, cast.amina, session.ends_at)
    return session


async def _year(cast: world.World) -> None:
    mail = await world.workshop(title="Mes premiers e-mails", theme="email")
    await _past(cast, datetime(2025, 11, 4, 14), (2, "present"), (1, "absent"), (1, ""), (3, "cancelled"))
    await _past(cast, datetime(2025, 12, 31, 22), (1, "excused"), (1, "present"), what=mail, capacity=4)
    shared = await _past(
        cast, datetime(2025, 11, 5, 14), (4, "present"), counsellor=cast.bruno, place=cast.reunion, capacity=10
    )
    await CoHost.create(session=shared, counsellor=cast.amina, uid="c-1", added_at=world.NOW)
    # None of these: somebody else's, another year's (on the wall), called off, a draft.
    await _past(cast, datetime(2025, 11, 6, 14), (1, "present"), counsellor=cast.bruno)
    await _past(cast, datetime(2026, 1, 1, 0), (1, "present"))
    await _past(cast, datetime(2025, 11, 7, 14), called_off_at=world.NOW, counsellor=cast.amina)
    await _past(cast, datetime(2025, 11, 8, 14), published_at=None, counsellor=cast.amina)


async def test_counts_are_of_my_sessions_in_the_period(site: Visitor, cast: world.World) -> None:
    await _year(cast)
    found = await figures(Standing(cast.amina), date(2025, 1, 1), date(2025, 12, 31), LATER)
    assert found.total == Tally("", 3, 22, 10, 7, 1, 1)
    assert found.total.to_note == 1
    assert found.total.fill == pytest.approx(10 / 22)
    assert found.total.no_shows == pytest.approx(1 / 9)
    assert found.by["theme"] == [
        Tally("intelligence_artificielle", 2, 18, 8, 6, 1, 0),
        Tally("email", 1, 4, 2, 1, 0, 1),
    ]
    assert [(each.key, each.sessions) for each in found.by["month"]] == [("2025-11", 2), ("2025-12", 1)]
    assert [each.key for each in found.by["venue"]] == [cast.gueret.name, cast.reunion.name]
    nothing = await figures(Standing(cast.amina), date(2024, 1, 1), date(2024, 12, 31), LATER)
    assert nothing.total == Tally("")
    assert (nothing.total.fill, nothing.total.no_shows) == (None, None)
    before = await figures(
        Standing(cast.amina), date(2025, 1, 1), date(2025, 12, 31), datetime(2025, 11, 4, tzinfo=UTC)
    )
    assert before.total.sessions == 0  # none is over


async def test_the_page_and_the_words_for_the_report(site: Visitor, cast: world.World) -> None:
    await _year(cast)
    await signed_in_as(site, cast.amina)
    page = await site.get("/pro/chiffres?du=2025-01-01&au=2025-12-31")
    report = page.all("//textarea[@id='rapport']")[0].text_content()
    assert "Nombre d’ateliers collectifs : 3" in report
    assert "Nombre de participants : 7" in report
    assert "- Messagerie (email) : 1 atelier, 1 participant\n" in report
    assert "(debutant) : 3 ateliers" in report
    assert "novembre 2025" in page.text
    await signed_in_as(site, cast.bruno)
    assert "Nombre d’ateliers collectifs : 2" in (await site.get("/pro/chiffres?du=2025-01-01&au=2025-12-31")).text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("du=hier", "n’a pas été comprise"),
        ("du=0001-01-01", "n’a pas été comprise"),
        ("du=2026-05-01&au=2026-01-01", "échangées"),
        ("du=2001-01-01&au=2026-01-01", "trois ans"),
        ("du=%00", "n’a pas été comprise"),
    ],
)
async def test_a_period_is_always_some_period(site: Visitor, cast: world.World, query: str, words: str) -> None:
    await signed_in_as(site, cast.amina)
    for path in ("chiffres", "export"):
        page = await site.get(f"/pro/{path}?{query}&format=csv")
        assert page.status == 200
        assert words in page.text


async def test_the_table_of_sessions_names_nobody(
    site: Visitor, cast: world.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _year(cast)
    monkeypatch.setattr(counting, "CHUNK", 2)  # several looks into the database
    await signed_in_as(site, cast.amina)
    answer = (await site.get("/pro/export?du=2025-01-01&au=2025-12-31&format=csv")).response
    header, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    assert [row[0] for row in rows] == ["2025-11-04", "2025-11-05", "2025-11-07", "2025-12-31"]
    first = dict(zip(header, rows[0], strict=True))
    assert (first["Début"], first["Fin"], first["Code du thème (La Coop)"]) == (
        "14:00",
        "16:00",
        "intelligence_artificielle",
    )
    assert (first["Places réservées"], first["Présents"], first["Absents"], first["À noter"]) == ("4", "2", "1", "1")
    assert rows[1][1] == "14:00"  # on the wall of La Réunion
    assert rows[2][-1] == "annulé"
    assert "Personne" not in answer.text
    assert "exemple.fr" not in answer.text
    other = (await site.get("/pro/export?du=2025-01-01&au=2025-12-31&format=xlsx")).response
    assert sheet(other.content) == [header, *rows]


async def test_more_people_than_one_look_holds(
    site: Visitor, cast: world.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await _past(cast, datetime(2025, 11, 4, 14), *[(1, "present")] * 4)
    monkeypatch.setattr(counting, "CHUNK", 2)
    found = [booking.name async for rows in counting.register_rows(session) for booking, mark in rows if mark]
    assert found == [f"Personne {n}" for n in range(4)]
