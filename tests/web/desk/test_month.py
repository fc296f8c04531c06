"""The month and the list of past sessions: what is on, on the venues' walls, and no one else's."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from ateliers.database import utc_now
from ateliers.people import Counsellor
from ateliers.venues import Presence
from ateliers.web.desk.month import Break, breaks, next_month, read_month, weeks_of
from ateliers.workshops import CoHost, Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    found = await world.build()
    await signed_in_as(site, found.amina)
    return found


async def _session(cast: world.World, wall: datetime, **more: object) -> Session:
    values: dict[str, object] = {"counsellor": cast.amina, "organisation": cast.creuse, "published_at": utc_now()}
    return await world.session(cast.gueret, cast.workshop, wall, **(values | more))


def _cell(page: Page, day: str) -> str:
    found = page.all(f"//table[contains(@class, 'month')]//td[.//time[@datetime='{day}']]")
    return " ".join(found[0].text_content().split())


@pytest.mark.anyio
async def test_a_month_is_a_table_with_each_days_sessions(site: Visitor, cast: world.World) -> None:
    mine = await _session(cast, datetime(2027, 12, 1, 9, 30))
    other = await world.workshop(title="Chez Bruno", theme="securite_numerique")
    shared = await world.session(cast.reunion, other, datetime(2027, 12, 31, 23, 0), minutes=30, counsellor=cast.bruno)
    await CoHost.create(session=shared, counsellor=cast.amina, uid="ch-1", added_at=utc_now())
    await world.session(cast.gueret, cast.workshop, datetime(2027, 12, 2, 9, 0), counsellor=cast.bruno)
    await _session(cast, datetime(2027, 11, 30, 9, 0))
    await _session(cast, datetime(2027, 12, 3, 9, 0), called_off_at=utc_now())
    await _session(cast, datetime(2027, 12, 3, 11, 0), published_at=None)
    page = await site.get("/pro/calendrier?mois=2027-12")
    assert page.h1 == "Calendrier, décembre 2027"
    assert "4 ateliers" in " ".join(page.document.xpath("string(//table/caption)").split())
    assert len(page.all("//table/thead//th[@scope='col']")) == 7
    assert "9 h 30 Café IA" in _cell(page, "2027-12-01")
    assert f"/pro/ateliers/{mine.id}" in page.links()
    assert _cell(page, "2027-12-02") == "2"
    assert "Annulé" in _cell(page, "2027-12-03")
    assert "Brouillon" in _cell(page, "2027-12-03")
    last = _cell(page, "2027-12-31")  # the same instant is 19 h in Paris, and another day in UTC+10
    assert "23 h (heure de La Réunion) Chez Bruno" in last
    assert "co-animé" in last
    assert "Férié : Noël" in _cell(page, "2027-12-25")
    assert "abolition" in _cell(page, "2027-12-20")  # where one of the month's sessions is
    assert {"/pro/calendrier?mois=2027-11", "/pro/calendrier?mois=2028-01"} <= set(page.links())
    listed = page.all("//div[@class='month-list']//ul/li")
    assert len(listed) == 4


@pytest.mark.anyio
async def test_today_is_marked_in_the_zone_one_works_in(site: Visitor, cast: world.World) -> None:
    await Presence.create(counsellor=cast.amina, venue=cast.reunion, since=date(2026, 1, 1))
    today = utc_now().astimezone(cast.reunion.zone).date()
    page = await site.get("/pro/calendrier")
    marked = page.all("//td[@aria-current='date']//time/@datetime")
    assert marked == [today.isoformat()]
    assert "/pro/calendrier" in (await site.get("/pro")).links()
    assert not (await site.get(f"/pro/calendrier?mois={next_month(today.replace(day=1)):%Y-%m}")).all(
        "//td[@aria-current]"
    )


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["2027-13", "x", "1999-12", "2027-12-01", "", "２０２７-12", "0000-01"])
async def test_what_is_no_month_is_the_present_one(site: Visitor, cast: world.World, text: str) -> None:
    page = await site.get(f"/pro/calendrier?mois={text}")
    assert page.status == 200
    assert page.all("//td[@aria-current='date']")


@pytest.mark.parametrize(("text", "expected"), [("2027-02", date(2027, 2, 1)), ("2027-00", None), ("2027-2", None)])
def test_months_are_read(text: str, expected: date | None) -> None:
    assert read_month(text) == expected


@pytest.mark.parametrize("first", [date(2027, 2, 1), date(2028, 2, 1), date(2027, 12, 1), date(2027, 8, 1)])
def test_weeks_hold_each_day_of_the_month_once_under_its_weekday(first: date) -> None:
    weeks = weeks_of(first, [], {"23"})
    days = [day.day for week in weeks for day in week if day]
    assert days == sorted(set(days))
    assert (days[0], days[-1].month, len(days)) == (first, first.month, (next_month(first) - first).days)
    assert all(day is None or day.day.weekday() == place for week in weeks for place, day in enumerate(week))


def test_school_holidays_are_told_once_for_zones_that_agree() -> None:
    christmas = breaks(date(2026, 12, 1), {"23", "75", "33"})  # zones A and C
    assert christmas == [Break("christmas", date(2026, 12, 19), date(2026, 12, 31))]
    assert breaks(date(2026, 12, 1), set()) == []


@pytest.mark.anyio
async def test_past_sessions_newest_first_to_copy_or_open_again(site: Visitor, cast: world.World) -> None:
    scams = await world.workshop(title="Reconnaître les arnaques", theme="securite_numerique")
    old, older = await _session(cast, _wall(-3)), await _session(cast, _wall(-50))
    coming = await _session(cast, _wall(4))
    other = await world.session(cast.gueret, scams, _wall(-10), counsellor=cast.amina)
    theirs = await world.session(cast.gueret, scams, _wall(-4), counsellor=cast.bruno)
    page = await site.get("/pro/ateliers")
    shown = [link for link in page.links() if link.removeprefix("/pro/ateliers/").isdigit()]
    assert shown == [f"/pro/ateliers/{s.id}" for s in (old, other, older)]
    assert f"/pro/ateliers/nouveau/libre?copie={old.id}" in page.links()
    assert (await site.get(f"/pro/ateliers/nouveau/libre?copie={old.id}")).status == 200
    assert f"/pro/ateliers/{theirs.id}" not in page.links()
    found = await site.get("/pro/ateliers?titre=ARNAQUES+reconnaitre")
    assert "1 atelier" in found.text
    assert f"/pro/ateliers/{other.id}" in found.links()
    month = await site.get(f"/pro/ateliers?mois={older.starts_local[:7]}")
    assert f"/pro/ateliers/{older.id}" in month.links()
    assert f"/pro/ateliers/{old.id}" not in month.links()
    assert f"/pro/ateliers/{coming.id}" in (await site.get("/pro/ateliers?quand=avenir")).links()
    nothing = await site.get("/pro/ateliers?titre=xyzzy")
    assert "Aucun atelier ne correspond." in nothing.text
    assert nothing.document.xpath("string(//input[@id='titre']/@value)") == "xyzzy"
    assert "/pro/ateliers" in (await site.get("/pro")).links()


@pytest.mark.anyio
async def test_many_sessions_come_page_by_page(site: Visitor, cast: world.World) -> None:
    for number in range(23):
        await _session(cast, _wall(-1 - number))
    first = await site.get("/pro/ateliers?titre=caf%C3%A9")
    assert "Page 1 sur 2" in first.text
    second = await site.get(first.document.xpath("string(//a[@rel='next']/@href)"))
    assert len(second.all("//ul[@class='agenda']/li")) == 3
    assert "titre=caf%C3%A9" in second.document.xpath("string(//a[@rel='prev']/@href)")
    for page in ("99", "0", "-1", "x", "1e9", "9" * 30):
        assert (await site.get(f"/pro/ateliers?page={page}")).status == 200


@pytest.mark.anyio
async def test_nobody_elses_and_nobody_not_signed_in(site: Visitor, cast: world.World) -> None:
    await _session(cast, _wall(-3))
    dora = await Counsellor.create(public_name="Dora", email="dora@x.example", created_at=utc_now())
    await signed_in_as(site, dora)
    assert "0 atelier" in (await site.get("/pro/ateliers")).text
    assert "Aucun atelier ce mois-ci." in (await site.get("/pro/calendrier")).text
    site.client.cookies.clear()
    for path in ("/pro/ateliers", "/pro/calendrier?mois=2027-12"):
        answer = await site.get(path, follow=False)
        assert answer.status == 303
        assert answer.response.headers["location"].startswith("/pro/connexion")
