"""The picture of a session: its size, its weight, its colours; what cannot be spelt, what is too long."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from PIL import Image

from ateliers import i18n, modules
from ateliers.printouts import drawing, picture
from ateliers.workshops import Session
from tests import world

USUAL = picture.Picture(
    title="Café IA : parlons d’intelligence artificielle",
    theme="Intelligence artificielle",
    icon="robot",
    when="mardi 1er décembre, 14 h à 16 h",
    where="France services de Guéret",
    brand="Ateliers numériques",
    badge="Gratuit",
    called_off=False,
)


def _drawn(wanted: picture.Picture) -> Image.Image:
    png = drawing.draw(wanted)
    assert len(png) < 60_000
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.size) == ("PNG", (1200, 630))
    return image.convert("RGB")


def _ink(image: Image.Image, box: tuple[int, int, int, int], color: tuple[int, int, int]) -> int:
    """Pixels of about that colour in a box."""
    part = image.crop(box)
    return sum(
        number
        for number, found in part.getcolors(1 << 20) or []
        if all(abs(a - b) < 24 for a, b in zip(found, color, strict=True))  # type: ignore[arg-type]
    )


def test_it_has_title_day_place_and_badge_within_its_edges() -> None:
    image = _drawn(USUAL)
    ink, pine, paper = (22, 38, 61), (11, 93, 87), (251, 247, 240)
    assert _ink(image, (72, 158, 900, 400), ink) > 8_000  # the title
    assert _ink(image, (72, 424, 1128, 490), pine) > 3_000  # the day
    assert _ink(image, (930, 502, 1128, 570), pine) > 6_000  # the badge
    assert _ink(image, (0, 0, 60, 600), paper) == 60 * 600
    assert _ink(image, (1140, 0, 1200, 600), paper) == 60 * 600
    assert _ink(_drawn(replace(USUAL, called_off=True, badge="Annulé")), (930, 502, 1128, 570), (156, 31, 31)) > 6_000


def test_the_same_words_are_the_same_bytes() -> None:
    assert drawing.draw(USUAL) == drawing.draw(USUAL)
    assert drawing.draw(USUAL) != drawing.draw(replace(USUAL, title="Autre"))


@pytest.mark.parametrize(
    "title",
    ["mot " * 40, "W" * 150, "x", "", "Photos ✨ & <b>", "Łódź, Šibenik, œuvre", "a\u202fb\u00a0c " * 20],
    ids=["long", "one word", "short", "empty", "signs", "other latin", "no-break"],
)
def test_any_title_stays_within_its_edges(title: str) -> None:
    image = _drawn(replace(USUAL, title=title, where=title, when=title))
    for box in ((0, 0, 60, 600), (1140, 0, 1200, 600)):
        assert _ink(image, box, (251, 247, 240)) == 60 * 600
    assert _ink(image, (900, 270, 1200, 410), (251, 247, 240)) == 300 * 140  # beside the title, below the disc


def test_letters_we_do_not_have_give_way_to_the_theme() -> None:
    spelt = replace(USUAL, title=USUAL.theme)
    for title in ("الخطوات الأولى", "最初の一歩"):
        assert drawing.draw(replace(USUAL, title=title)) == drawing.draw(spelt)
    assert drawing.draw(replace(USUAL, title="Перші кроки")) != drawing.draw(spelt)
    assert drawing.draw(replace(USUAL, title=f"{USUAL.theme} ✨")) == drawing.draw(spelt)


def test_every_theme_has_its_drawing() -> None:
    for theme in modules.THEMES.values():
        image = _drawn(replace(USUAL, icon=theme.icon))
        assert _ink(image, (928, 56, 1128, 256), (22, 38, 61)) > 700, theme.code


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_it_says_what_the_session_is_in_the_language_of_the_page() -> None:
    cast = await world.build()
    odd = await world.workshop(title="Photos & <vidéos>\n= 100 %")
    session = await world.session(cast.reunion, odd, datetime(2026, 12, 1, 10, 0))
    told = picture.picture_of(session)
    assert told.title == "Photos & <vidéos> = 100 %"
    assert told.when.replace("\u00a0", " ") == "mardi 1er décembre, 10 h à 12 h"
    assert told.where == "Médiathèque de Saint-Denis"
    assert told.alternative.endswith("Médiathèque de Saint-Denis. Gratuit.")
    await Session.filter(id=session.id).update(seats_taken=5)
    booked = await Session.get(id=session.id).select_related("workshop", "venue")
    assert picture.picture_of(booked) == told
    booked.called_off_at = datetime(2026, 11, 30, tzinfo=UTC)
    with i18n.using_language("en"):
        english = picture.picture_of(booked)
    assert (english.called_off, english.badge) == (True, "Cancelled")
