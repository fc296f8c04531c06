"""Opening hours: what is understood, what is left unsaid, how a page says it."""

from __future__ import annotations

import pytest

from ateliers.templating import environment
from ateliers.venues.hours import DayHours, from_columns, in_words

MORNING, AFTERNOON = ("09:00", "12:00"), ("14:00", "17:00")


def said(opening_hours: str) -> list[str]:
    module = environment.get_template("parts/hours.html").module
    return [str(module.one_line(line)).replace("\u00a0", " ") for line in in_words(opening_hours)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Mo-Fr 09:00-12:00,14:00-17:00", [DayHours((1, 2, 3, 4, 5), (MORNING, AFTERNOON))]),
        ("Mo-We 09:00-12:00; Tu off", [DayHours((1,), (MORNING,)), DayHours((3,), (MORNING,))]),
        ("Mo,Th 9:00-12:00", [DayHours((1,), (MORNING,)), DayHours((4,), (MORNING,))]),
        ("Mo 09:00-12:00, Mo 14:00-17:00", [DayHours((1,), (MORNING, AFTERNOON))]),
        ("Sa-Mo 09:00-12:00", [DayHours((1,), (MORNING,)), DayHours((6, 7), (MORNING,))]),
        ("Mo 09:00-13:00,13:00-17:00", [DayHours((1,), (("09:00", "17:00"),))]),
        ("Tu 09:00-22:00,09:00-11:30", [DayHours((2,), (("09:00", "22:00"),))]),
        ("Fr 20:00-02:00", [DayHours((5,), (("20:00", "02:00"),))]),
        ("24/7", [DayHours((1, 2, 3, 4, 5, 6, 7), (("00:00", "24:00"),))]),
        ("08:00-17:00", [DayHours((1, 2, 3, 4, 5, 6, 7), (("08:00", "17:00"),))]),
        ("Mo 09:00-12:00; PH off", [DayHours((1,), (MORNING,)), DayHours((), (), "closed_on_holidays")]),
        ("week 1-53/2 Mo 09:00-12:00", [DayHours((1,), (MORNING,), "odd_weeks")]),
        ("week 2-53/2 Mo 09:00-12:00;", [DayHours((1,), (MORNING,), "even_weeks")]),
    ],
)
def test_reads_what_the_files_hold(text: str, lines: list[DayHours]) -> None:
    assert in_words(text) == lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sur rendez-vous",
        "Mo-Fr 09:00-19:00; Sa 17:00",
        "We,Th 12:00-14:00-17:00",
        "Tu-Fr 09:00-12:00; Mo 14-17;9-12,14-17",
        "Mo 25:00-26:00",
        "Mo 09:00-12:61",
        "week 10-20/2 Mo 09:00-12:00",
        "Jul-Aug Mo 09:00-12:00",
    ],
)
def test_half_understood_is_not_said(text: str) -> None:
    assert in_words(text) == []


def test_words() -> None:
    assert said("Mo-Fr 09:00-12:00,14:00-17:30; Sa 10:00-12:00; PH off") == [
        "du lundi au vendredi : 9 h à 12 h et 14 h à 17 h 30",
        "le samedi : 10 h à 12 h",
        "fermé les jours fériés",
    ]
    assert said("24/7") == ["tous les jours : jour et nuit"]
    assert said("week 1-53/2 Mo-Tu 09:00-12:00") == ["le lundi et le mardi (semaines impaires) : 9 h à 12 h"]


def test_week_columns_become_opening_hours() -> None:
    full, morning = "09:00 - 12:00 / 14:00 - 17:00", "09:00 - 12:00"
    text, unread = from_columns({1: full, 2: full, 3: "", 4: full, 5: morning, 6: "le matin", 7: "00:00 - 00:00"})
    assert text == "Mo-Tu 09:00-12:00,14:00-17:00; Th 09:00-12:00,14:00-17:00; Fr 09:00-12:00"
    assert unread == [6]
    assert from_columns({1: "00:00 - 00:00 / 09:00 - 12:00"}) == ("Mo 09:00-12:00", [])
    assert in_words(text)[0] == DayHours((1, 2), (MORNING, AFTERNOON))
