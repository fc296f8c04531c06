"""Départements and overseas territories: time zones, telephone regions, boxes."""

from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from geo.points import Point
from geo.territories import (
    DEPARTMENTS,
    MAINLAND_BOX,
    OVERSEAS,
    department_of,
    department_of_postcode,
    phone_region_of,
    time_zone_of,
)


def test_the_101_departments_and_the_collectivities() -> None:
    collectivities = {"975", "977", "978", "986", "987", "988"}
    assert len(DEPARTMENTS) == 107
    assert collectivities < set(DEPARTMENTS)
    assert {"2A", "2B", "971", "972", "973", "974", "976"} < set(DEPARTMENTS)
    assert "20" not in DEPARTMENTS
    assert len({department.region_code for department in DEPARTMENTS.values()} - collectivities) == 18


@pytest.mark.parametrize(
    ("insee", "zone"),
    [
        ("23096", "Europe/Paris"),
        ("2A004", "Europe/Paris"),
        ("97105", "America/Guadeloupe"),
        ("97209", "America/Martinique"),
        ("97302", "America/Cayenne"),
        ("97411", "Indian/Reunion"),
        ("97608", "Indian/Mayotte"),
        ("97502", "America/Miquelon"),
        ("97701", "America/St_Barthelemy"),
        ("97801", "America/Marigot"),
        ("98613", "Pacific/Wallis"),
        ("98735", "Pacific/Tahiti"),
        ("98731", "Pacific/Marquesas"),
        ("98719", "Pacific/Gambier"),
        ("98818", "Pacific/Noumea"),
    ],
)
def test_time_zones(insee: str, zone: str) -> None:
    assert time_zone_of(insee) == zone
    ZoneInfo(zone)


def test_time_zone_of_nowhere() -> None:
    with pytest.raises(LookupError):
        time_zone_of("99123")


@pytest.mark.parametrize(
    ("insee", "code"),
    [("23096", "23"), ("2B033", "2B"), ("75101", "75"), ("97411", "974"), ("97123", "977"), ("97127", "978")],
)
def test_department_in_an_insee_code(insee: str, code: str) -> None:
    assert department_of(insee) == code


def test_a_postcode_of_saint_barthelemy_is_a_code_of_guadeloupe() -> None:
    assert department_of("97133") == "971"  # Vieux-Fort
    assert department_of_postcode("97133") == "977"
    assert department_of_postcode("97123") == "971"  # Baillif


@pytest.mark.parametrize(
    ("postcode", "code"),
    [
        ("23000", "23"),
        ("20000", "2A"),
        ("20137", "2A"),
        ("20200", "2B"),
        ("97400", "974"),
        ("98714", "987"),
        ("99123", None),
        ("00000", None),
        ("2300", None),
        ("２３０００", None),
    ],
)
def test_department_of_a_postcode(postcode: str, code: str | None) -> None:
    assert department_of_postcode(postcode) == code


def test_telephone_regions_are_known_to_libphonenumber() -> None:
    for code in DEPARTMENTS:
        assert phonenumbers.country_code_for_region(phone_region_of(code)) > 0, code
    assert phone_region_of("23") == "FR"
    assert phone_region_of("974") == "RE"


def test_boxes_hold_their_towns() -> None:
    towns = {
        "23": Point(46.17, 1.87),
        "974": Point(-20.88, 55.45),
        "2A": Point(41.92, 8.74),
        "988": Point(-22.27, 166.44),
    }
    for code, town in towns.items():
        assert [found for found in towns if DEPARTMENTS[found].box.contains(town)] == [code]


def test_quick_views_show_their_territory() -> None:
    assert len(OVERSEAS) == 11
    for view in OVERSEAS:
        assert DEPARTMENTS[view.code].box.contains(view.center), view.name
        assert not MAINLAND_BOX.contains(view.center)
        assert DEPARTMENTS[view.code].is_overseas


def test_every_department_can_be_said() -> None:
    for department in DEPARTMENTS.values():
        assert department.in_words.split()[0] in {"à", "en", "dans"}, department
        assert department.in_words.endswith(department.name), department
    assert DEPARTMENTS["23"].in_words == "dans la Creuse"
    assert DEPARTMENTS["974"].in_words == "à La Réunion"
