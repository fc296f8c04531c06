"""Alerts: nothing before the address confirms, what is new once, at its pace, by day; wishes near each other; counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from ateliers import alerts
from ateliers.alerts import Alert, UnmetSearch, demand
from ateliers.alerts.subscriptions import LASTS, MOST_ALIVE, PER_CONTACT, Asked
from ateliers.outbox import OutboxMessage
from ateliers.people import Coordination
from ateliers.refusals import NotFound, TooMany
from ateliers.search import Search
from ateliers.venues import Presence
from ateliers.workshops import Session
from geo.geocoding import Place
from geo.points import Point
from tests import world

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # 10:00 in Paris
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GUERET = Place(kind="commune", label="Guéret", point=Point(46.17, 1.87), insee="23096", department="23")


def _search(**more: Any) -> Search:
    return Search(**({"where": "Guéret", "place": GUERET} | more))


async def _ask(email: str = "chloe@exemple.fr", *, at: datetime = NOW, confirmed: bool = True, **more: Any) -> Alert:
    asked = Asked(**({"email": email, "search": _search()} | more))
    alert = await alerts.ask(asked, settings=world.settings(), secret=world.SECRET, now=at)
    if confirmed:
        await alerts.confirm(alert, at)
    return await Alert.get(id=alert.id)


async def _publish(cast: world.World, at: datetime, **more: Any) -> Session:
    return await world.session(
        cast.gueret, cast.workshop, datetime(2027, 3, 9, 14), published_at=at, counsellor=cast.amina, **more
    )


async def _sweep(at: datetime) -> int:
    return await alerts.sweep(world.settings(), world.SECRET, at)


async def _kinds() -> list[str]:
    return [row.kind for row in await OutboxMessage.all().order_by("id")]


async def _text() -> str:
    row = await OutboxMessage.all().order_by("-id").first()
    assert row is not None
    assert row.message is not None
    letter = message_from_bytes(row.message, policy=default)
    return str(letter.get_body(("plain",)).get_content())  # type: ignore[union-attr]


async def test_nothing_is_told_before_the_address_confirms() -> None:
    cast = await world.build()
    alert = await _ask(confirmed=False, pace="now")
    await _publish(cast, NOW + HOUR)
    assert await _sweep(NOW + 2 * HOUR) == 0
    assert await _kinds() == ["alert_confirm"]
    assert alerts.manage_url(alert, world.settings(), world.SECRET) in await _text()
    assert "Guéret" in await _text()
    await _sweep(NOW + DAY + HOUR)
    assert await Alert.all().count() == 0  # and after a day nothing of the person is left
    with pytest.raises(NotFound):
        await alerts.by_token(alerts.token_of(alert.uid, world.SECRET))


async def test_each_new_session_is_told_once_and_only_those_of_the_search() -> None:
    cast = await world.build()
    await _publish(cast, NOW - DAY)  # there before: no news
    await _ask(pace="now")
    assert await _sweep(NOW + HOUR) == 0
    await _publish(cast, NOW + HOUR)
    await world.session(cast.reunion, cast.workshop, datetime(2027, 3, 9, 14), published_at=NOW + HOUR)
    assert await _sweep(NOW + 2 * HOUR) == 1
    text = await _text()
    assert "Un atelier vient d’être publié." in text
    assert text.count("/ateliers/") == 1
    assert await _sweep(NOW + 3 * HOUR) == 0
    for _ in range(3):
        await _publish(cast, NOW + 4 * HOUR)
    assert await _sweep(NOW + 5 * HOUR) == 1
    assert "3 ateliers viennent d’être publiés." in await _text()
    row = await OutboxMessage.filter(kind="alert").order_by("-id").first()
    assert row is not None
    letter = message_from_bytes(row.message or b"", policy=default)
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["List-Unsubscribe"].strip().endswith("/arreter>")


async def test_once_a_week_gathers_and_nobody_is_woken() -> None:
    cast = await world.build()
    await _ask(pace="weekly")
    for day in range(1, 7):
        await _publish(cast, NOW + day * DAY)
        assert await _sweep(NOW + day * DAY + HOUR) == 0
    assert await _sweep(NOW + 7 * DAY + timedelta(hours=12)) == 0  # 22:00 in Paris
    assert await _sweep(NOW + 8 * DAY) == 1
    assert "6 ateliers viennent d’être publiés." in await _text()
    await _publish(cast, NOW + 9 * DAY)
    assert await _sweep(NOW + 10 * DAY) == 0
    assert await _sweep(NOW + 16 * DAY) == 1


async def test_a_session_published_on_a_chosen_day_is_news_on_that_day() -> None:
    cast = await world.build()
    await _ask(pace="now")
    await _publish(cast, NOW + 2 * DAY)
    assert await _sweep(NOW + DAY) == 0
    assert await _sweep(NOW + 2 * DAY + HOUR) == 1


async def test_it_stops_by_itself_unless_it_is_prolonged() -> None:
    alert = await _ask(pace="now")
    await world.build()
    soon = alert.expires_at - 3 * DAY
    assert await _sweep(soon) == 1
    assert (await _kinds())[-1] == "alert_ending"
    assert await _sweep(soon + HOUR) == 0
    await alerts.extend(await Alert.get(id=alert.id), soon + HOUR)
    assert (await Alert.get(id=alert.id)).expires_at == soon + HOUR + LASTS
    await _sweep(soon + LASTS + DAY)
    assert await Alert.all().count() == 0


async def test_the_same_alert_twice_is_one_and_an_address_is_not_flooded() -> None:
    first, again = await _ask(), await _ask(at=NOW + timedelta(minutes=5))
    assert first.id == again.id
    assert await _kinds() == ["alert_confirm"]  # the letter goes once an hour
    for n in range(PER_CONTACT.most - 2):
        await _ask(search=_search(themes=("email",), radius=(5, 10, 50)[n % 3], text=f"mot {n}"))
    with pytest.raises(TooMany):
        await _ask(search=_search(text="un autre"))
    for n in range(MOST_ALIVE + 3):
        await _ask("lea@exemple.fr", at=NOW + n * DAY, search=_search(text=f"mot {n}"))
    assert await Alert.filter(email="lea@exemple.fr").count() == MOST_ALIVE


async def test_two_workers_tell_once_and_a_stopped_alert_says_nothing() -> None:
    cast = await world.build()
    for n in range(4):
        await _ask(f"p{n}@exemple.fr", pace="now")
    await _publish(cast, NOW + HOUR)
    await asyncio.gather(*(_sweep(NOW + 2 * HOUR) for _ in range(4)))
    assert (await _kinds()).count("alert") == 4
    await alerts.stop(await Alert.all().first())  # type: ignore[arg-type]
    await _publish(cast, NOW + 3 * HOUR)
    assert await _sweep(NOW + 4 * HOUR) == 3


async def test_a_wish_ends_when_it_is_granted() -> None:
    cast = await world.build()
    search = _search(themes=(cast.workshop.theme,))
    await _ask(search=search, wish=True, pace="now")
    await _publish(cast, NOW + HOUR)
    assert await _sweep(NOW + 2 * HOUR) == 1
    assert "Votre souhait est exaucé" in await _text()
    assert await Alert.all().count() == 0


async def test_enough_wishes_near_each_other_are_told_to_who_can_grant_them_once() -> None:
    cast = await world.build()
    today = NOW.date()
    await Presence.create(counsellor=cast.amina, venue=cast.gueret, since=today)
    await Presence.create(counsellor=cast.bruno, venue=cast.reunion, since=today)
    await Coordination.create(counsellor=cast.bruno, department="23", since=today)
    near = Place(kind="commune", label="Sainte-Feyre", point=Point(46.14, 1.92), insee="23193", department="23")
    far = Place(kind="commune", label="Aubusson", point=Point(45.96, 2.17), insee="23008", department="23")
    for n in range(demand.ENOUGH - 1):
        await _ask(f"p{n}@exemple.fr", search=_search(themes=("email",)), wish=True)
    await _ask("p0@exemple.fr", search=Search(where="Sainte-Feyre", place=near, themes=("email",)), wish=True)
    await _ask("loin@exemple.fr", search=Search(where="Aubusson", place=far, themes=("email",)), wish=True)
    await _ask("autre@exemple.fr", search=_search(themes=("sante",)), wish=True)
    assert await demand.sweep(world.settings(), NOW) == 0  # one person twice is one person
    await _ask("p9@exemple.fr", search=Search(where="Sainte-Feyre", place=near, themes=("email",)), wish=True)
    assert await demand.sweep(world.settings(), NOW + timedelta(hours=12)) == 0  # by night nobody is told
    await asyncio.gather(*(demand.sweep(world.settings(), NOW + DAY) for _ in range(3)))
    told = await OutboxMessage.filter(kind="demand").order_by("recipient")
    assert [row.recipient for row in told] == ["amina@gueret.example", "bruno@saint-denis.example"]
    text = str(told[0].message)
    assert "exemple.fr" not in text
    assert await demand.sweep(world.settings(), NOW + 2 * DAY) == 0
    assert await demand.sweep(world.settings(), NOW + 32 * DAY) == 2


async def test_what_was_searched_in_vain_is_counted_without_a_person() -> None:
    for _ in range(3):
        await demand.note_unmet(_search(themes=("email",)), NOW)
    await demand.note_unmet(_search(), NOW)
    await demand.note_unmet(Search(department="23", themes=("email",)), NOW)
    for narrow in (
        _search(text="tablette"),
        _search(moments=("soir",)),
        _search(period="demain"),
        Search(themes=("email",)),
    ):
        await demand.note_unmet(narrow, NOW)
    rows = await UnmetSearch.all().order_by("-times", "id")
    assert [(row.insee, row.place, row.theme, row.times) for row in rows] == [
        ("23096", "Guéret", "email", 3), ("23096", "Guéret", "", 1), ("", "", "email", 1),
    ]  # fmt: skip
    await _ask(search=_search(themes=("email",)), wish=True)
    wants = await demand.wanted_in(["23"], NOW.date())
    assert (wants[0].place, wants[0].theme, wants[0].wishes, wants[0].searches) == ("Guéret", "email", 1, 3)
    assert await demand.wanted_in(["87"], NOW.date()) == []
    assert await demand.forget(NOW + 500 * DAY) == 3
