"""Printed pages, read back from the PDF: pages, tags, words, codes. What is on paper is what the database says."""

from __future__ import annotations

import asyncio
import io
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pikepdf
import pypdfium2
import pytest
import zxingcpp

from ateliers import printouts
from ateliers.bookings import Booking
from ateliers.i18n import using_language
from ateliers.printouts import paper, pictures
from ateliers.printouts.coast import is_on, land_in
from ateliers.printouts.plan import HEIGHT, WIDTH, plan_around
from ateliers.settings import resource_dir
from ateliers.workshops import Session
from geo.communes import Gazetteer
from geo.points import Box, Point, distance_km
from tests import world

LINK = "https://ateliers.example/r/abcdefghijklmnopqrstuvwxyz"
A4, A5 = (210, 297), (148, 210)
LONG = "Adapter mon téléphone et mon ordinateur à mes besoins, puis reconnaître les arnaques, écrire un message, "
LONG += "payer en ligne et retrouver mes photos"
LONG = LONG.ljust(150, "s")

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="session")
def france(communes_file: Path) -> Gazetteer:
    return Gazetteer.open(communes_file)


@pytest.fixture
async def cast(database: str) -> world.World:
    return await world.build()


async def tuesday(cast: world.World, **changes: Any) -> Session:
    """The session of Guéret, on Tuesday 1 December 2026 at 14 h, with Amina."""
    what = await world.workshop(**changes) if changes else cast.workshop
    return await world.session(cast.gueret, what, counsellor=cast.amina)


async def booked(session: Session, number: int, **changes: Any) -> Booking:
    values: dict[str, Any] = {
        "uid": f"bk-{number}", "reference": f"KTRM-{number:04d}", "name": f"Personne {number:02d}", "seats": 1,
        "phone_typed": f"06 39 98 00 {number:02d}", "needs": "Un fauteuil roulant", "form_key_hash": f"f{number}",
        "token_hash": f"t{number}", "created_at": world.NOW, "changed_at": world.NOW,
    }  # fmt: skip
    return await Booking.create(session=session, **(values | changes))


# Reading a PDF back


class Paper:
    """A PDF as a reader, a screen reader and a telephone's camera find it."""

    def __init__(self, pdf: bytes) -> None:
        self.tagged = pikepdf.open(io.BytesIO(pdf))
        self.drawn = pypdfium2.PdfDocument(pdf)
        self.pages = [self._text(page) for page in self.drawn]
        self.text = " ".join(self.pages)
        self.elements = list(self._elements(self.tagged.Root.StructTreeRoot))

    @staticmethod
    def _text(page: pypdfium2.PdfPage) -> str:
        text = page.get_textpage().get_text_range()
        return re.sub(r"\s+", " ", text.replace("\u00a0", " ")).strip()

    def _elements(self, node: Any) -> Iterator[Any]:
        if not isinstance(node, pikepdf.Dictionary):
            return
        if "/S" in node:
            yield node
        children = node.get("/K", [])
        for child in children if isinstance(children, pikepdf.Array) else [children]:
            yield from self._elements(child)

    @property
    def roles(self) -> list[str]:
        """Of the structure, in reading order: ["Document", "Sect", "H1"...]."""
        return [str(element.S).lstrip("/") for element in self.elements]

    @property
    def size(self) -> tuple[int, int]:
        """Of the first page, in millimetres."""
        width, height = self.drawn[0].get_size()
        return round(width / 72 * 25.4), round(height / 72 * 25.4)

    def codes(self) -> list[str]:
        """What the QR codes say, page by page, from top to bottom."""
        found = []
        for page in self.drawn:
            seen = zxingcpp.read_barcodes(page.render(scale=3).to_pil(), formats=zxingcpp.BarcodeFormat.QRCode)
            found += [code.text for code in sorted(seen, key=lambda code: code.position.top_left.y)]
        return found

    def lowest(self, last: str) -> float:
        """Millimetres from the foot of the first page to the lowest letter of its text up to the word `last`."""
        words = self.drawn[0].get_textpage()
        end = words.get_text_range().index(last) + len(last)
        return min(words.get_charbox(index)[1] for index in range(end)) / 72 * 25.4

    def letters_outside(self) -> list[str]:
        """Letters that are not wholly on the paper, 4 mm from its edge: printers draw no nearer."""
        outside = []
        for page in self.drawn:
            width, height = page.get_size()
            words, edge = page.get_textpage(), 4 / 25.4 * 72
            for index in range(words.count_chars()):
                left, bottom, right, top = words.get_charbox(index)
                if left < edge or bottom < edge or right > width - edge or top > height - edge:
                    outside.append(words.get_text_range(index, 1))
        return [letter for letter in outside if letter.strip()]


def is_accessible(page: Paper, language: str = "fr") -> None:
    """PDF/UA-1 as far as a machine sees: tags, language, title on show, alternatives, fonts inside (ISO 14289-1, 7)."""
    root = page.tagged.Root
    assert bool(root.MarkInfo.Marked)
    assert str(root.Lang) == language
    assert bool(root.ViewerPreferences.DisplayDocTitle)
    with page.tagged.open_metadata() as metadata:
        assert metadata["dc:title"] == str(page.tagged.docinfo["/Title"])
        assert metadata["pdfuaid:part"] == "1"
    assert page.roles.count("H1") == 1
    levels = [int(role[1]) for role in page.roles if re.fullmatch("H[1-6]", role)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    figures = [element for element in page.elements if element.S == "/Figure"]
    assert all(str(figure.get("/Alt", "")).strip() for figure in figures)
    for sheet in page.tagged.pages:
        for font in sheet.Resources.Font.values():
            inside = font.DescendantFonts[0].FontDescriptor if "/DescendantFonts" in font else font.FontDescriptor
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(inside.keys())


# The poster


@pytest.mark.parametrize(("size", "paper_size"), [("A4", A4), ("A5", A5)])
async def test_a_poster_says_everything_on_one_page(
    cast: world.World, france: Gazetteer, size: printouts.Size, paper_size: tuple[int, int]
) -> None:
    session = await tuesday(cast)
    page = Paper(await printouts.poster(session, world.settings(), size=size, gazetteer=france))
    assert len(page.pages) == 1
    assert page.size == paper_size
    for words in (
        "Café IA : parlons d’intelligence artificielle", "Mardi 1er décembre", "14 h à 16 h", "Gratuit".upper(),
        "France services de Guéret", "Place Bonnyaud, 23000 Guéret", "Avec Amina", "Niveau Débutant",
        "Votre téléphone si vous en avez un.", "05 36 49 00 00", f"ateliers.example/a/{session.id}",
    ):  # fmt: skip
        assert words in page.text, words
    assert page.codes() == [f"https://ateliers.example/a/{session.id}"]
    assert not page.letters_outside()
    is_accessible(page)
    title = "Café IA : parlons d’intelligence artificielle, Guéret, mardi 1er décembre 2026"
    assert str(page.tagged.docinfo["/Title"]) == title
    assert page.text.index("Café IA :") < page.text.index("Avec Amina") < page.text.index("Réservez votre place")
    alternatives = [str(each.Alt) for each in page.elements if each.S == "/Figure"]
    assert alternatives[0] == "Dessin : Intelligence artificielle"
    assert re.match(r"Petit plan : France services de Guéret. Autour : .+ à\s.+\skm", alternatives[1])
    fonts = {str(font.BaseFont).partition("+")[2] for font in page.tagged.pages[0].Resources.Font.values()}
    assert all(font.startswith("Atkinson") for font in fonts)  # the variable woff2, at several weights
    assert len(fonts) > 2


@pytest.mark.parametrize("size", ["A4", "A5"])
async def test_a_long_title_is_set_smaller_and_never_cut(
    cast: world.World, france: Gazetteer, size: printouts.Size
) -> None:
    tall: dict[str, float] = {}
    for title in ("Café IA", LONG):
        session = await tuesday(cast, title=title)
        page = Paper(await printouts.poster(session, world.settings(), size=size, gazetteer=france))
        assert len(page.pages) == 1
        assert title in page.text
        assert not page.letters_outside()
        assert page.lowest("en avez un.") > (
            76 if size == "A4" else 76 / math.sqrt(2)
        )  # above the rule, the lower part
        words = page.drawn[0].get_textpage()
        _, bottom, _, top = words.get_charbox(words.get_text_range().index(title[:5]))
        tall[title] = (top - bottom) / 72 * 25.4 * (1 if size == "A4" else math.sqrt(2))
    assert tall[LONG] < tall["Café IA"]
    assert tall[LONG] > 7  # millimetres: a capital read from three metres


async def test_the_longest_of_everything_still_fits(cast: world.World, france: Gazetteer) -> None:
    for letter in ("W", "ẞ", "漢"):
        place = await world.venue(name=letter * 250, address=letter * 250, address_more=letter * 250, phone="0" * 60)
        cast.amina.public_name = letter * 120
        what = await world.workshop(title=letter * 150, bring=letter * 2000)
        session = await world.session(place, what, counsellor=cast.amina)
        page = Paper(await printouts.poster(session, world.settings(), size="A5", gazetteer=france))
        assert len(page.pages) == 1
        assert not page.letters_outside()
        pass_ = await booked(session, ord(letter) % 1000, name=letter * 120, seats=4)
        assert len(Paper(await printouts.ticket(pass_, session, world.settings(), LINK, size="A5")).pages) == 1


async def test_a_poster_tells_the_venues_own_time_in_the_current_language(cast: world.World, france: Gazetteer) -> None:
    session = await world.session(cast.reunion, cast.workshop, counsellor=cast.bruno)
    with using_language("en"):
        page = Paper(await printouts.poster(session, world.settings(), size="A4", gazetteer=france))
    for words in ("Tuesday 1 December", "2 pm to 4 pm", "(Réunion time)", "FREE", "With Bruno", "Book your place"):
        assert words in page.text, words
    is_accessible(page, "en")


# The attendance sheet


async def test_forty_people_on_a_sheet(cast: world.World) -> None:
    session = await world.session(cast.gueret, cast.workshop, counsellor=cast.amina, capacity=50)
    bookings = [await booked(session, number) for number in range(38)]
    bookings.append(await booked(session, 38, name="Zoé Fille", beneficiary="Anna Mère", seats=2))
    bookings.append(await booked(session, 39, name="Absent", cancelled_at=world.NOW))
    page = Paper(await printouts.attendance_sheet(session, bookings, world.settings()))
    assert page.size == A4
    count = len(page.pages)
    assert count == 3
    for number, text in enumerate(page.pages, start=1):
        assert "N° Nom Places Signature" in text  # the head of the table, again
        assert f"{number} / {count}" in text
    names = re.findall(r"Personne \d\d", page.text)
    assert names == [f"Personne {number:02d}" for number in range(38)]
    assert page.text.index("Anna Mère") < page.text.index("Personne 00")
    for absent in ("Zoé Fille", "Absent ", "fauteuil", "06 39 98"):
        assert absent not in page.text, absent
    assert "Réservées : 40 sur 50" in page.text
    assert "Mardi 1er décembre 2026, 14 h à 16 h" in page.text
    for words in ("Personnes présentes", "Absentes", "Venues sans réserver"):
        assert words in page.pages[-1]
    rows = 39 + 10  # people, then empty rows for the ten places left
    assert page.roles.count("TR") == rows + count  # a head on each page
    assert page.roles.count("Table") == count
    assert page.roles.count("TH") == 4 * count + 39
    assert not page.letters_outside()
    is_accessible(page)


async def test_a_full_sheet_keeps_three_rows_and_phones_on_demand(cast: world.World) -> None:
    session = await world.session(cast.gueret, cast.workshop, capacity=2)
    bookings = [await booked(session, number) for number in (1, 2)]
    page = Paper(await printouts.attendance_sheet(session, bookings, world.settings(), phones=True))
    assert len(page.pages) == 1
    assert "N° Nom Places Téléphone Signature" in page.text
    assert "06 39 98 00 02" in page.text
    assert page.roles.count("TR") == 1 + 2 + 3
    with using_language("en"):
        page = Paper(await printouts.attendance_sheet(session, [], world.settings()))
    assert "Attendance sheet" in page.text
    is_accessible(page, "en")


# The flyer


async def test_a_flyer_of_a_month_week_by_week(cast: world.World) -> None:
    start = datetime(2026, 12, 1, 14, 0)
    sessions = [
        await world.session(cast.gueret, cast.workshop, start + timedelta(days=number // 2, hours=number % 2))
        for number in range(60)
    ]
    gone = await world.session(cast.gueret, cast.workshop, start, called_off_at=world.NOW)
    page = Paper(await printouts.flyer([gone, *reversed(sessions)], world.settings(), heading="Décembre avec Amina"))
    assert page.codes() == [f"https://ateliers.example/a/{each.id}" for each in sessions]
    for each in sessions:
        assert f"ateliers.example/a/{each.id} " in page.text + " "
    weeks = re.findall(r"Semaine du (.+?) 2026", page.text)
    assert weeks == ["30 novembre", "7 décembre", "14 décembre", "21 décembre", "28 décembre"]
    assert page.roles.count("H2") == 5
    assert page.roles.count("H3") == 60
    assert len(page.pages) <= 8
    assert not page.letters_outside()
    is_accessible(page)
    with pytest.raises(ValueError, match="not 61"):
        await printouts.flyer([*sessions, await tuesday(cast)], world.settings(), heading="x")
    with pytest.raises(ValueError, match="not 0"):
        await printouts.flyer([gone], world.settings(), heading="x")


async def test_a_flyer_of_one_session(cast: world.World) -> None:
    session = await world.session(cast.reunion, cast.workshop, datetime(2026, 12, 7, 0, 30))  # in Paris it is Sunday
    page = Paper(await printouts.flyer([session], world.settings(), heading="Bienvenue"))
    assert len(page.pages) == 1
    assert "Semaine du 7 décembre 2026" in page.text
    assert "0 h 30 à 2 h 30 (heure de La Réunion), Médiathèque de Saint-Denis" in page.text
    assert page.codes() == [f"https://ateliers.example/a/{session.id}"]
    is_accessible(page)


# The ticket


@pytest.mark.parametrize(("size", "paper_size"), [("A4", A4), ("A5", A5)])
async def test_a_ticket(cast: world.World, size: printouts.Size, paper_size: tuple[int, int]) -> None:
    session = await tuesday(cast)
    booking = await booked(session, 4, beneficiary="Jeanne Martin", seats=2)
    page = Paper(await printouts.ticket(booking, session, world.settings(), LINK, size=size))
    assert len(page.pages) == 1
    assert page.size == paper_size
    for words in (
        "Vos 2 places sont réservées.", "KTRM-0004", "Mardi 1er décembre 2026 14 h à 16 h", "Jeanne Martin (2 places)",
        "France services de Guéret", "Vous ne pouvez pas venir ?", "05 36 49 00 00", LINK.partition("//")[2],
    ):  # fmt: skip
        assert words in page.text, words
    assert "fauteuil" not in page.text
    assert page.codes() == [LINK]
    assert not page.letters_outside()
    is_accessible(page)


# The three questions


@pytest.mark.parametrize("title", ["", LONG])
async def test_a_sheet_of_opinions_is_one_page_with_nine_boxes(cast: world.World, title: str) -> None:
    session = await (tuesday(cast, title=title) if title else tuesday(cast))
    page = Paper(await printouts.feedback_sheet(session, world.settings()))
    assert len(page.pages) == 1
    assert page.size == A4
    for words in (
        "Votre avis, sans votre nom", "Mardi 1er décembre 2026", "1. L’atelier a-t-il répondu à vos attentes ?",
        "2. Savez-vous faire une chose que vous ne saviez pas faire ?", "3. Êtes-vous plus à l’aise, moins stressé ?",
    ):  # fmt: skip
        assert words in page.text, words
    assert page.text.count("Un peu") == 3
    assert page.codes() == []  # nothing on it tells one sheet from another
    assert [str(each.Alt) for each in page.elements if each.S == "/Figure"] == [
        "Visage souriant", "Visage neutre", "Visage triste"
    ] * 3  # fmt: skip
    assert not page.letters_outside()
    is_accessible(page)
    with using_language("en"):
        is_accessible(Paper(await printouts.feedback_sheet(session, world.settings())), "en")


# Hostile text, the network, a machine without Pango


async def test_hostile_text_is_text(cast: world.World, france: Gazetteer) -> None:
    hits: list[str] = []

    class Spy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(204)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Spy)
    Thread(target=server.serve_forever, daemon=True).start()
    spy = f"http://127.0.0.1:{server.server_port}"
    title = f"<script>alert(1)</script> & <img src={spy}/a>"
    session = await tuesday(cast, title=title, bring=f"</dd><link rel=stylesheet href={spy}/b>\u202e\u0007 😀 שלום")
    booking = await booked(session, 1, name=f"<style>@import '{spy}/c'</style> {{{{ 7 * 7 }}}}")
    settings = world.settings()
    pages = [
        Paper(await printouts.poster(session, settings, size="A4", gazetteer=france)),
        Paper(await printouts.attendance_sheet(session, [booking], settings)),
        Paper(await printouts.flyer([session], settings, heading=title)),
        Paper(await printouts.ticket(booking, session, settings, LINK)),
    ]
    # A picture and a style sheet that a text would smuggle in stay unfetched, even in a page that names them.
    await paper.print_pdf(
        f'<html lang="fr"><title>x</title><img alt="x" src="{spy}/d"><link rel=stylesheet href="{spy}/e">'
    )
    server.shutdown()
    server.server_close()
    assert not hits
    for page in pages:
        assert title.replace(" ", "") in page.text.replace(" ", "")
        assert "\u202e" not in page.text
        is_accessible(page)
    assert "{{ 7 * 7 }}" in pages[1].text


@pytest.mark.parametrize(
    "address",
    ["https://example.org/x.png", "http://127.0.0.1/", "ftp://example.org/x", "file:///etc/passwd", "file://host/x"],
)
async def test_only_our_files_are_read(address: str) -> None:
    _, fetcher, _ = paper._engine()
    with pytest.raises(ValueError, match=r"not one of our files"):
        fetcher.fetch(address)
    inside = resource_dir("static").resolve().as_uri()
    for climbing in (f"{inside}/../pyproject.toml", f"{inside}/%2e%2e/pyproject.toml"):
        with pytest.raises(ValueError, match=r"not one of our files"):
            fetcher.fetch(climbing)
    assert fetcher.fetch(f"{inside}/css/site.css").read()
    assert fetcher.fetch("data:text/plain,bonjour").read() == b"bonjour"


def in_a_process_of_its_own(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_site_starts_without_weasyprint() -> None:
    script = "import sys, ateliers.app, ateliers.printouts; print('weasyprint' in sys.modules)"
    assert in_a_process_of_its_own(script) == "False"


def test_without_pango_the_reason_is_given() -> None:
    script = """
import asyncio, cffi
real = cffi.FFI.dlopen
def dlopen(self, name, flags=0):
    if "pango" in str(name):
        raise OSError(f"cannot load library '{name}'")
    return real(self, name, flags)
cffi.FFI.dlopen = dlopen
from ateliers import printouts, i18n
from ateliers.printouts import paper
try:
    asyncio.run(paper.print_pdf("<p>x"))
except printouts.Unavailable as reason:
    print("Unavailable:", reason)
"""
    assert in_a_process_of_its_own(script).splitlines()[-1].startswith("Unavailable: WeasyPrint does not start: cannot")


async def test_what_is_printed_at_the_same_time_speaks_each_its_language(cast: world.World) -> None:
    session = await tuesday(cast)
    booking = await booked(session, 1)

    async def in_language(code: str) -> Paper:
        with using_language(code):
            return Paper(await printouts.ticket(booking, session, world.settings(), LINK))

    pages = await asyncio.gather(*(in_language(code) for code in ("fr", "en", "fr", "en")))
    for page, words in zip(pages, ("réservée", "booked", "réservée", "booked"), strict=True):
        assert words in page.text


# The plan


PLACES = {
    "Guéret": Point(46.1707, 1.8714),
    "Saint-Denis": Point(-20.8789, 55.4481),
    "Paris": Point(48.8566, 2.3522),
    "Ouessant": Point(48.4575, -5.0963),
    "Saint-Pierre": Point(46.7791, -56.1773),
}


@pytest.mark.parametrize("commune", PLACES)
def test_towns_stand_where_they_are(france: Gazetteer, commune: str) -> None:
    here = PLACES[commune]
    plan = plan_around(here, commune, france)
    assert 1 <= len(plan.towns) <= 7
    assert plan.label == commune
    known = {town.name: town for town in france.in_box(Box.around(here, 400), 40_000)}
    for town in plan.towns:
        across, down = town.x - WIDTH / 2, town.y - HEIGHT / 2
        assert math.hypot(across, down) / plan.bar * plan.bar_km == pytest.approx(town.km, rel=0.02)
        there = known[town.name].point
        assert there is not None
        if distance_km(here, there) == pytest.approx(town.km):  # not a namesake
            assert (across > 0) == (there.lon > here.lon)
            assert (down < 0) == (there.lat > here.lat)
        assert 0 < town.x < WIDTH
        assert 0 < town.y < HEIGHT
    assert [town.km for town in plan.towns] == sorted(town.km for town in plan.towns)
    rows = sorted((round(town.text_y, 1), town.text_x) for town in plan.towns)
    assert len(set(rows)) == len(rows)


def test_the_sea_is_drawn_where_there_is_one(france: Gazetteer) -> None:
    assert plan_around(PLACES["Saint-Denis"], "Saint-Denis", france).land
    assert not plan_around(PLACES["Guéret"], "Guéret", france).land
    around = Box.around(PLACES["Saint-Denis"], 40)
    land = land_in(around)
    assert is_on(land, Point(-21.0, 55.4))  # in the cirques
    assert not is_on(land, Point(-20.75, 55.4))  # off the north shore
    for ring in land:
        assert around.west - 1e-9 <= ring[:, 0].min() <= ring[:, 0].max() <= around.east + 1e-9
        assert around.south - 1e-9 <= ring[:, 1].min() <= ring[:, 1].max() <= around.north + 1e-9
    in_the_harbour = Point(48.36, -4.48)  # a venue that the rough shore puts into the water: then no shore at all
    assert not is_on(land_in(Box.around(in_the_harbour, 20)), in_the_harbour)
    assert not plan_around(in_the_harbour, "Brest", france).land


def test_the_tokens_are_those_of_the_site() -> None:
    folder = resource_dir("static") / "css"
    site = (folder / "site.css").read_text(encoding="utf-8").split(":root", 2)[1].partition("}")[0]
    tokens = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})\b", site))
    printed = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})\b", (folder / "print/paper.css").read_text("utf-8")))
    assert printed
    assert printed.items() <= tokens.items()
    assert tokens["ink"] == pictures.INK
    plan = (resource_dir("templates") / "printouts/plan.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"#[0-9a-f]{6}\b", plan)) <= set(tokens.values())
