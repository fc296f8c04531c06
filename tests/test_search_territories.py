"""Searches in an intercommunality, of a counsellor, of an organisation: read, written back, found on both engines."""

from __future__ import annotations

from datetime import datetime

import pytest

from ateliers.search import Search
from tests import world
from tests.world import NOW


@pytest.mark.parametrize(
    "query",
    ["epci=200034825", "communes=23096%2C2A004", "conseiller=3", "organisation=7", "conseiller=3&theme=email&page=2"],
)
def test_every_territory_is_a_url(query: str) -> None:
    from urllib.parse import parse_qsl

    search = Search.from_query(parse_qsl(query))
    assert not search.complaints
    assert set(parse_qsl(search.query(page=search.page))) == set(parse_qsl(query))


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("epci", "23", "unknown_choice"),
        ("epci", "x" * 9, "unknown_choice"),
        ("communes", "23096,nope", "unknown_choice"),
        ("conseiller", "-1", "no_counsellor"),
        ("conseiller", "Amina", "not_a_number"),
        ("organisation", str(2**64), "no_organisation"),
    ],
)
def test_what_is_no_territory_is_left_out_and_said(name: str, value: str, code: str) -> None:
    search = Search.from_query([(name, value)])
    assert search.complaints == {name: code}
    assert search.query() == ("communes=23096" if name == "communes" else "")


def test_a_place_that_is_typed_wins() -> None:
    search = Search.from_query([("ou", "Guéret"), ("epci", "200034825"), ("communes", "23096"), ("conseiller", "3")])
    assert (search.epci, search.communes, search.counsellor_id) == ("", (), 3)


def test_the_largest_intercommunality_fits_in_the_address() -> None:
    codes = tuple(f"{number:05d}" for number in range(64001, 64160))
    assert Search.from_query([("communes", ",".join(codes))]).communes == codes


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_each_finds_its_own_sessions() -> None:
    cast = await world.build()
    elsewhere = await world.venue(commune="Bonnat", insee="23025", name="Mairie de Bonnat")
    mine = await world.session(cast.gueret, cast.workshop, counsellor=cast.amina, organisation=cast.creuse)
    other = await world.session(elsewhere, cast.workshop, datetime(2026, 12, 2, 9), counsellor=cast.bruno)
    far = await world.session(cast.reunion, cast.workshop, datetime(2026, 12, 3, 9), organisation=cast.region)

    async def found(**criteria: object) -> list[int]:
        return [session.id for session in await Search(**criteria).sessions(NOW)]  # type: ignore[arg-type]

    assert await found(communes=("23096",)) == [mine.id]
    assert await found(communes=("23096", "23025")) == [mine.id, other.id]
    assert await found(communes=("97411",)) == [far.id]
    assert await found(counsellor_id=cast.amina.id) == [mine.id]
    assert await found(organisation_id=cast.region.id) == [far.id]
    assert await found(counsellor_id=cast.bruno.id, communes=("23096",)) == []
