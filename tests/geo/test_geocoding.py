"""Text to Place: a local server speaks the address service's protocol, and every way it can misbehave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.communes import Gazetteer
from geo.geocoding import Geocoder, GeocoderDown, Place, Unlocated, locate_locally, looks_like_address
from geo.geocoding.limits import Cache, TokenBucket
from geo.points import Point

ADDRESS = "12 rue de la Paix 23000 Guéret"


def feature(label: str, score: float, **properties: Any) -> dict[str, Any]:
    """As the service answers: GeoCodeJSON, longitude first."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [1.8712, 46.1716]},
        "properties": {
            "label": label,
            "score": score,
            "housenumber": "12",
            "id": "23096_0710_00012",
            "name": "12 Rue de la Paix",
            "postcode": "23000",
            "citycode": "23096",
            "city": "Guéret",
            "context": "23, Creuse, Nouvelle-Aquitaine",
            "type": "housenumber",
            "importance": 0.54,
        }
        | properties,
    }


def answer(*features: dict[str, Any]) -> web.Response:
    return web.json_response({"type": "FeatureCollection", "version": "draft", "features": list(features)})


FOUND = feature("12 Rue de la Paix 23000 Guéret", 0.97)


@dataclass
class Ban:
    """The service: what it was asked, and what it answers."""

    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    answer: Callable[[], web.Response] = lambda: answer(FOUND)
    wait: float = 0.0


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def ban_and(gazetteer: Gazetteer, **options: Any) -> AsyncIterator[tuple[Ban, Geocoder, Clock]]:
    ban, clock = Ban(), Clock()

    async def search(request: web.Request) -> web.Response:
        ban.asked.append(dict(request.query))
        ban.agents.add(request.headers["User-Agent"])
        if ban.wait:
            await asyncio.sleep(ban.wait)
        return ban.answer()

    app = web.Application()
    app.router.add_get("/geocodage/search", search)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    ban.url = f"http://{host}:{port}/geocodage"
    try:
        async with Geocoder.from_url(ban.url, gazetteer, clock=clock, **options) as geocoder:
            yield ban, geocoder, clock
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def france(communes_file: Path) -> Gazetteer:
    return Gazetteer.open(communes_file)


async def down(geocoder: Geocoder, text: str) -> GeocoderDown:
    with pytest.raises(GeocoderDown) as raised:
        await geocoder.locate(text)
    return raised.value


# The gazetteer first


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "kind", "label", "choices"),
    [
        ("Guéret", "commune", "Guéret (23)", 1),
        ("Guéret (23)", "commune", "Guéret (23)", 1),
        ("saint denis", "commune", "Saint-Denis (974)", 4),
        ("23000", "postcode", "23000", 11),
        ("75020", "commune", "Paris 20e Arrondissement (75)", 1),
        ("23011", "department", "Creuse", 1),
        ("Creuse", "department", "Creuse", 2),
        ("23", "department", "Creuse", 1),
        ("23 – Creuse", "department", "Creuse", 1),
        ("la réunion", "department", "La Réunion", 2),
        ("Paris", "commune", "Paris (75)", 1),
        ("75", "department", "Paris", 1),
        ("Vienne", "department", "Vienne", 2),
        ("Rue", "commune", "Rue (80)", 1),
    ],
)
async def test_names_never_leave_the_house(france: Gazetteer, text: str, kind: str, label: str, choices: int) -> None:
    async with ban_and(france) as (ban, geocoder, _):
        places = await geocoder.locate(text)
        assert (places[0].kind, places[0].label) == (kind, label)
        assert len(places) == choices
        assert ban.asked == []


def test_a_place_found_is_found_again_by_its_label(france: Gazetteer) -> None:
    for text in ("Guéret", "saint denis", "23000", "Creuse", "vienne", "la réunion", "Paris", "974", "mayenne", "2a"):
        for place in locate_locally(france, text):
            again = locate_locally(france, place.label)
            assert place in again, place
            assert place.kind == "commune" or again[0] == place


def test_what_a_place_says(france: Gazetteer) -> None:
    commune, *_ = locate_locally(france, "Guéret")
    assert (commune.insee, commune.department, commune.box) == ("23096", "23", None)
    postcode, first, *_ = locate_locally(france, "23000")
    assert postcode.box is not None
    assert postcode.box.contains(first.point)
    assert postcode.point == first.point == commune.point
    department, *_ = locate_locally(france, "23")
    assert department.box is not None
    assert department.box.contains(department.point)
    assert department.insee is None


# Addresses


@pytest.mark.anyio
async def test_an_address_is_asked_once(france: Gazetteer) -> None:
    async with ban_and(france, user_agent="ateliers/1.0 (contact@example.org)") as (ban, geocoder, clock):
        expected = Place("address", "12 Rue de la Paix 23000 Guéret", Point(46.1716, 1.8712), "23096", "23")
        assert await geocoder.locate(ADDRESS) == [expected]
        assert await geocoder.locate(f"  {ADDRESS.upper()}\n") == [expected]
        assert ban.asked == [{"q": ADDRESS, "limit": "5"}]
        assert ban.agents == {"ateliers/1.0 (contact@example.org)"}
        clock.now += 90_000
        await geocoder.locate(ADDRESS)
        assert len(ban.asked) == 2


@pytest.mark.anyio
async def test_answers_as_good_are_offered_and_poor_ones_are_not(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, _):
        ban.answer = lambda: answer(
            feature("12 Rue de la Paix 87000 Limoges", 0.70, citycode="87085"),
            feature("12 Rue de la Paix 75002 Paris", 0.69, citycode="75102"),
            feature("12 Rue de la Paix 75002 Paris", 0.69, citycode="75102"),
            feature("12 Rue de la Plaix 23100 Ailleurs", 0.51, citycode="23100"),
        )
        places = await geocoder.locate("12 rue de la Paix")
        assert [place.label for place in places] == [
            "12 Rue de la Paix 87000 Limoges",
            "12 Rue de la Paix 75002 Paris",
        ]
        assert [place.department for place in places] == ["87", "75"]


@pytest.mark.anyio
async def test_a_municipality_is_our_commune(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, _):
        ban.answer = lambda: answer(feature("Villeurbanne", 0.8, type="municipality", citycode="69266"))
        (place,) = await geocoder.locate("vileurbane")
        assert (place.kind, place.label) == ("commune", "Villeurbanne (69)")


@pytest.mark.anyio
async def test_nothing_found(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, _):
        for empty in (lambda: answer(), lambda: answer(feature("Rue de la Paire", 0.31))):
            ban.answer = empty
            with pytest.raises(Unlocated):
                await geocoder.locate(f"gare routière {len(ban.asked)}")
            # An address is not found, but its commune is known: better than nothing.
            (place,) = await geocoder.locate(f"{len(ban.asked)} rue imaginaire 23000 Guéret")
            assert place.label == "Guéret (23)"


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["", "  ", "\0\0\0", "xq", "😀😀😀😀", "مرحبا بالعالم", "---", "+%"])
async def test_what_the_service_would_refuse_is_not_sent(france: Gazetteer, text: str) -> None:
    async with ban_and(france) as (ban, geocoder, _):
        with pytest.raises(Unlocated):
            await geocoder.locate(text)
        assert ban.asked == []


@pytest.mark.anyio
async def test_a_question_has_at_most_200_characters_and_begins_with_a_letter(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, _):
        await geocoder.locate("« 12\r\nrue " + "é" * 10_000)
        (question,) = ban.asked
        assert len(question["q"]) == 200
        assert question["q"].startswith("12 rue éé")


# When it is down


def _page() -> web.Response:
    return web.Response(text="<html>Maintenance</html>", content_type="text/html")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "broken",
    [
        _page,
        lambda: web.Response(status=500, text="error about rue de la Paix"),
        lambda: web.Response(status=400, text="bad"),
        lambda: web.json_response({"features": [{"geometry": {}}]}),
        lambda: web.json_response({"features": 5}),
        lambda: web.json_response({"features": [FOUND | {"geometry": {"coordinates": [1e9, "x"]}}]}),
        lambda: web.Response(text="[" * 100_000, content_type="application/json"),
    ],
    ids=["html", "500", "400", "no point", "no list", "off the globe", "nested"],
)
async def test_a_broken_answer_falls_back_to_the_commune(france: Gazetteer, broken: Any) -> None:
    async with ban_and(france) as (ban, geocoder, _):
        ban.answer = broken
        error = await down(geocoder, ADDRESS)
        assert error.fallback is not None
        assert error.fallback.label == "Guéret (23)"
        assert (await down(geocoder, "12 rue de la Paix")).fallback is None
        with pytest.raises(Unlocated):
            await geocoder.locate("qsdfghjk")  # nothing that looks like an address: the service is no excuse
        ban.answer = lambda: answer(FOUND)
        assert (await geocoder.locate(ADDRESS))[0].kind == "address", "a failure is not kept"


@pytest.mark.anyio
async def test_a_slow_service_is_given_up(france: Gazetteer) -> None:
    async with ban_and(france, timeout=0.1) as (ban, geocoder, _):
        ban.wait = 5
        async with asyncio.timeout(2):
            error = await down(geocoder, ADDRESS)
        assert error.fallback is not None


@pytest.mark.anyio
async def test_nobody_there(france: Gazetteer) -> None:
    async with Geocoder(france, domain="127.0.0.1:1/geocodage", scheme="http") as geocoder:
        assert (await down(geocoder, ADDRESS)).fallback is not None


@pytest.mark.anyio
async def test_the_breaker_opens_then_tries_once_then_closes(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, clock):
        ban.answer = lambda: web.Response(status=503)
        for number in range(10):
            await down(geocoder, f"{number} rue de la Paix 23000 Guéret")
        assert len(ban.asked) == 5, "after five failures it is left in peace"
        assert (await geocoder.locate("Guéret"))[0].kind == "commune", "names still work"
        clock.now += 31
        for _ in range(3):
            await down(geocoder, ADDRESS)
        assert len(ban.asked) == 6, "one trial"
        clock.now += 61
        ban.answer = lambda: answer(FOUND)
        assert (await geocoder.locate(ADDRESS))[0].kind == "address"
        ban.answer = lambda: web.Response(status=503)
        for number in range(4):
            await down(geocoder, f"{number} rue de la Paix 23000 Guéret")
        assert len(ban.asked) == 11, "closed again"


@pytest.mark.anyio
async def test_a_visitor_who_hangs_up_during_the_trial_does_not_keep_it_open(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, clock):
        ban.answer = lambda: web.Response(status=503)
        for number in range(5):
            await down(geocoder, f"{number} rue de la Paix 23000 Guéret")
        clock.now += 31
        ban.wait, ban.answer = 0.5, lambda: answer(FOUND)
        asking = asyncio.create_task(geocoder.locate(ADDRESS))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        ban.wait = 0
        clock.now += 61
        assert (await geocoder.locate(ADDRESS))[0].kind == "address"


@pytest.mark.anyio
async def test_429_is_obeyed(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, clock):
        ban.answer = lambda: web.Response(status=429, headers={"Retry-After": "7"})
        await down(geocoder, ADDRESS)
        ban.answer = lambda: answer(FOUND)
        clock.now += 6.9
        await down(geocoder, ADDRESS)
        assert len(ban.asked) == 1
        clock.now += 0.2
        assert (await geocoder.locate(ADDRESS))[0].kind == "address"


@pytest.mark.anyio
async def test_the_rate_is_never_passed(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, clock):
        refused = 0
        for number in range(60):
            try:
                await geocoder.locate(f"{number} rue de la Paix 23000 Guéret")
            except GeocoderDown:
                refused += 1
        assert (len(ban.asked), refused) == (40, 20)
        clock.now += 0.5
        await geocoder.locate("99 rue de la Paix 23000 Guéret")


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["none", ""])
async def test_without_a_service(france: Gazetteer, url: str) -> None:
    async with Geocoder.from_url(url, france) as geocoder:
        assert (await geocoder.locate("Guéret"))[0].label == "Guéret (23)"
        assert (await down(geocoder, ADDRESS)).fallback is not None
        with pytest.raises(Unlocated):
            await geocoder.locate("qsdfghjk")


@pytest.mark.anyio
async def test_closed_and_opened_again(france: Gazetteer) -> None:
    async with ban_and(france) as (ban, geocoder, _):
        await geocoder.locate(ADDRESS)
        await geocoder.close()
        await geocoder.close()
        await down(geocoder, "1 rue de la Paix 23000 Guéret")
        await geocoder.start()
        await geocoder.locate("2 rue de la Paix 23000 Guéret")
        assert len(ban.asked) == 2


@pytest.mark.anyio
async def test_what_people_type_is_never_logged(france: Gazetteer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with ban_and(france) as (ban, geocoder, _):
        await geocoder.locate(ADDRESS)
        for broken in (
            _page,
            lambda: web.Response(status=500, text=ADDRESS),
            lambda: web.json_response({"features": ADDRESS}),
        ):
            ban.answer = broken
            error = await down(geocoder, "13 rue de la Paix 23000 Guéret")
            assert "Paix" not in str(error)
            assert error.__cause__ is None
            assert error.__suppress_context__
    ours = [record for record in caplog.records if not record.name.startswith("aiohttp.access")]  # the server's
    assert not [record for record in ours if "Paix" in record.getMessage()]


@pytest.mark.parametrize(
    ("text", "is_address"),
    [
        ("12 rue de la Paix", True),
        ("12bis Le Bourg", True),
        ("place Bonnyaud", True),
        ("av. de la Sénatorerie", True),
        ("zac les garennes", True),
        ("Guéret", False),
        ("23000 Guéret", False),
        ("gare routière", False),
        ("12", False),
        ("", False),
    ],
)
def test_what_looks_like_an_address(text: str, is_address: bool) -> None:
    assert looks_like_address(text) == is_address


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_located_or_not(france: Gazetteer, text: str) -> None:
    async def ask() -> None:
        async with Geocoder.from_url("none", france) as geocoder:
            with suppress(Unlocated, GeocoderDown):
                assert await geocoder.locate(text)

    asyncio.run(ask())


# Limits


def test_a_bucket_fills_with_time() -> None:
    clock = Clock()
    bucket = TokenBucket(2, 3, clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.now += 100
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_the_cache_forgets_the_oldest_and_the_expired() -> None:
    clock = Clock()
    cache: Cache[int] = Cache(2, clock)
    cache.keep("a", 1, 10)
    cache.keep("b", 2, 100)
    assert cache.get("a") == 1
    cache.keep("c", 3, 100)
    assert cache.get("b") is None, "the one least lately used"
    assert cache.get("a") == 1
    clock.now += 10
    assert cache.get("a") is None
    assert cache.get("c") == 3
