"""A table becomes sessions: looked at row by row first, created once, whatever people call their columns."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import date, time

import httpx2
import pytest

from ateliers.database import utc_now
from ateliers.refusals import Unusable
from ateliers.venues import Presence
from ateliers.workshops import Session, Workshop
from ateliers.workshops.importing import decoded, read, reading
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

PAGE = "/pro/importer"
MODULE = "Premiers pas avec mon smartphone"


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    found = await world.build()
    await Presence.create(
        counsellor=found.amina, venue=found.gueret, room="Salle bleue", capacity=10, since=utc_now().date()
    )
    await signed_in_as(site, found.amina)
    return found


def _day(days: int, pattern: str = "%d/%m/%Y") -> str:
    return _wall(days).strftime(pattern)


async def _check(site: Visitor, text: str, **more: str) -> Page:
    form = (await site.get(PAGE)).fields()
    return await site.post(PAGE, form | {"texte": text, "etape": "verifier"} | more)


async def _create(site: Visitor, page: Page, **more: str) -> Page:
    return await site.post(PAGE, page.fields() | {"etape": "creer"} | more)


def _rows(page: Page) -> list[str]:
    return [" ".join(item.text_content().split()) for item in page.all("//ol[@class='rows']/li")]


@pytest.mark.anyio
async def test_a_table_is_looked_at_then_created_once(site: Visitor, cast: world.World) -> None:
    table = (
        "Date;Heure;Durée;Lieu;Salle;Titre;Thème;Nb places\n"
        f"{_day(9)};14h;2h;France services de Guéret;;{MODULE};;\n"
        f"{_day(10)};9 h 30;90;;Salle rouge;Mon atelier à moi;Sécurité numérique;6\n"
        f"{_day(11, '%Y-%m-%d')};10:00-12:00;;guéret;;{cast.workshop.title};intelligence_artificielle;12 places\n"
    )
    page = await _check(site, table)
    assert page.status == 200, page.text
    assert "3 ateliers peuvent être créés." in page.text
    assert "à corriger" not in page.text
    assert await Session.all().count() == 0  # a dry run
    rows = _rows(page)
    assert rows[0].startswith(f"Ligne 2 : {MODULE}")
    assert "14 h à 16 h" in rows[0]
    assert "10 places" in rows[0]  # as many as fit into one's usual room
    assert "9 h 30 à 11 h" in rows[1]
    form = page.fields() | {"etape": "creer"}
    done, again = await site.post(PAGE, form), await site.post(PAGE, form)
    assert "3 ateliers sont créés" in done.text
    assert "3 ateliers sont créés" in again.text
    made = await Session.all().order_by("starts_at").select_related("workshop")
    assert [s.starts_local for s in made] == [
        f"{_day(9, '%Y-%m-%d')}T14:00", f"{_day(10, '%Y-%m-%d')}T09:30", f"{_day(11, '%Y-%m-%d')}T10:00"
    ]  # fmt: skip
    assert [s.workshop.module for s in made] == ["smartphone-premiers-pas", "", "cafe-ia"]
    assert [(s.room, s.capacity) for s in made] == [("", 10), ("Salle rouge", 6), ("", 12)]
    assert {(s.counsellor_id, s.organisation_id, s.venue_id) for s in made} == {
        (cast.amina.id, cast.creuse.id, cast.gueret.id)
    }
    assert all(s.published_at for s in made)


@pytest.mark.anyio
async def test_the_same_form_from_two_windows_at_once_creates_once(site: Visitor, cast: world.World) -> None:
    page = await _check(site, f"date,heure,titre\n{_day(9)},14h,{MODULE}\n{_day(12)},14h,{MODULE}\n")
    form = page.fields() | {"etape": "creer"}
    answers = await asyncio.gather(*(site.post(PAGE, form) for _ in range(4)))
    assert [each.status for each in answers] == [200] * 4
    assert await Session.all().count() == 2
    assert await Workshop.filter(module="smartphone-premiers-pas").count() == 1  # one workshop, two sessions


@pytest.mark.anyio
async def test_each_wrong_row_says_what_is_wrong_and_the_right_ones_are_created(
    site: Visitor, cast: world.World
) -> None:
    for name in ("Maison du Limousin", "Maison du Lac"):
        await world.venue(name=name, commune="Aubusson", postcode="23200")
    lines = {
        f"{_day(9)};14h;;{MODULE}": "",
        f"31/02/2027;14h;;{MODULE}": "Cette date n’est pas comprise : « 31/02/2027 »",
        f";14h;;{MODULE}": "La date manque",
        f"01/12/2020;14h;;{MODULE}": "Cette date est passée",
        f"{_day(9)};25h;;{MODULE}": "Cette heure n’est pas comprise : « 25h »",
        f"{_day(9)};;;{MODULE}": "L’heure manque",
        f"{_day(9)};16h;Maison;{MODULE}": "Plusieurs lieux répondent à « Maison »",
        f"{_day(9)};16h;Atlantide;{MODULE}": "Nous ne connaissons pas ce lieu : « Atlantide »",
        f"{_day(9)};16h;;{'x' * 300}": "est trop longue. Écrivez 150 lettres au plus",
        f'{_day(9)};16h;;=HYPERLINK("http://evil")'.replace('"', ""): "contient une formule",
        f"{_day(9)};16h;;Un titre tout neuf": "ajoutez une colonne « thème »",
        f"{_day(9)};16h;;": "Le titre manque",
        f"{_day(9)};14:00;;{MODULE.upper()}": "C’est la même chose que la ligne 2",
    }
    page = await _check(site, "date;heure;lieu;titre\n" + "\n".join(lines))
    rows = _rows(page)
    for number, (row, words) in enumerate(zip(rows, lines.values(), strict=True), start=2):
        assert row.startswith(f"Ligne {number}"), row
        assert words in row, (words, row)
    assert "manque" not in rows[9]  # what was left out is there
    assert "Maison du Lac, Place Bonnyaud, 23200 Aubusson" in rows[6]
    assert "1 atelier peut être créé." in page.text
    assert "12 lignes sont à corriger." in page.text
    assert "31/02/2027;14h" in page.fields()["texte"]  # what was sent is there to be mended
    mended = page.fields()["texte"].replace("31/02/2027", _day(13))
    page = await site.post(PAGE, page.fields() | {"texte": mended, "etape": "verifier"})
    assert "2 ateliers peuvent être créés." in page.text
    assert "2 ateliers sont créés" in (await _create(site, page)).text
    assert await Session.all().count() == 2


@pytest.mark.anyio
async def test_what_is_created_is_what_was_looked_at(site: Visitor, cast: world.World) -> None:
    page = await _check(site, f"date;heure;titre\n{_day(9)};14h;{MODULE}\n")
    changed = await _create(site, page, texte=f"date;heure;titre\n{_day(10)};14h;{MODULE}\n")
    assert changed.status == 422
    assert "Le tableau a changé" in changed.text
    assert await Session.all().count() == 0
    drafts = await _create(site, page, publication="brouillon")  # the same rows, but not what was looked at
    assert drafts.status == 422
    assert "1 atelier est créé" in (await _create(site, drafts)).text
    assert (await Session.get()).published_at is None


@pytest.mark.anyio
async def test_a_mended_table_sent_again_creates_only_what_is_new(site: Visitor, cast: world.World) -> None:
    first = f"date;heure;titre\n{_day(9)};14h;{MODULE}\n"
    await _create(site, await _check(site, first))
    page = await _check(site, f"{first}{_day(10)};14h;{MODULE}\n")
    assert "Cet atelier existe déjà" in _rows(page)[0]
    assert "1 atelier est créé" in (await _create(site, page)).text
    assert await Session.all().count() == 2


@pytest.mark.anyio
async def test_clashes_are_told_and_not_refused(site: Visitor, cast: world.World) -> None:
    await world.session(cast.gueret, cast.workshop, _wall(9, 15), counsellor=cast.amina)
    page = await _check(
        site, f"date;heure;titre\n{_day(9)};14h;{MODULE}\n{_day(10)};9h;{MODULE}\n{_day(10)};10h;{MODULE}"
    )
    rows = _rows(page)
    assert "En même temps que : Café IA" in rows[0]
    assert "(ligne 4)" in rows[1]
    assert "(ligne 3)" in rows[2]
    assert "3 ateliers peuvent être créés." in page.text


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Choisissez un fichier"),
        (b"PK\x03\x04 an xlsx", "C’est un classeur"),
        (b"date;heure;titre\n\x81\x8d\x00", "pas de texte lisible"),
        ("date;heure;titre\n1;2;CafÃ© IA".encode(), "lettres accentuées sont abîmées"),
        ("date;heure;titre\n1;2;Caf\ufffd".encode(), "lettres accentuées sont abîmées"),
        (b'date;heure;titre\n1;2;"open', "Un guillemet n’est pas fermé"),
        (b"quand;quoi\n1;2", "Nous ne trouvons pas la colonne « date »"),
        (b"date;heure\n1;2", "ni la colonne « titre »"),
        (b"date;heure;titre\n", "Choisissez un fichier"),
        (b"date;heure;titre\n" + b"1;2;x\n" * 501, "Ce tableau a 501 lignes"),
        (b"date;heure;titre\n" + b"x" * 1_100_000, "Ce fichier est trop gros"),
    ],
    ids=range(11),
)
async def test_a_file_that_cannot_be_read_is_answered_with_a_sentence(
    site: Visitor, cast: world.World, content: bytes, words: str
) -> None:
    page = await _upload(site, content)
    assert page.status == 422
    assert words in page.text


async def _upload(site: Visitor, content: bytes) -> Page:
    form = (await site.get(PAGE)).fields()
    answer: httpx2.Response = await site.client.post(
        PAGE, data={"cle": form["cle"], "etape": "verifier", "texte": ""}, files={"fichier": ("a.csv", content, "text/csv")},
        headers={"Sec-Fetch-Site": "same-origin"},
    )  # fmt: skip
    return site._seen(answer)


@pytest.mark.anyio
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
async def test_files_of_every_spreadsheet_are_read(site: Visitor, cast: world.World, encoding: str) -> None:
    text = f"sep=;\r\nDécembre à Guéret\r\n\r\nDate;Début;Fin;Intitulé\r\n{_day(9)};14:00:00;16:30;{MODULE} \r\n;;;\r\n"
    page = await _upload(site, text.encode(encoding))
    assert "1 atelier peut être créé." in page.text, page.text
    assert "Ligne 5" in _rows(page)[0]
    assert "14 h à 16 h 30" in _rows(page)[0]
    assert "1 atelier est créé" in (await _create(site, page)).text


@pytest.mark.anyio
async def test_a_body_larger_than_any_table_is_refused_and_other_pages_stay_small(
    site: Visitor, cast: world.World
) -> None:
    assert (await _upload(site, b"x" * 2_400_000)).status == 413
    answer = await site.post("/pro/calendrier/abonnement", {"faire": "x" * 70_000})
    assert answer.status == 413


@pytest.mark.anyio
async def test_the_model_can_be_sent_as_it_is(site: Visitor, cast: world.World) -> None:
    answer = await site.client.get(f"{PAGE}/modele.csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert len(rows) == 2
    assert len(rows[0]) == len(rows[1])
    page = await _upload(site, answer.content)
    assert "1 atelier peut être créé." in page.text, page.text


@pytest.mark.anyio
async def test_a_stale_or_foreign_form_creates_nothing_and_keeps_the_table(site: Visitor, cast: world.World) -> None:
    page = await _check(site, f"date;heure;titre\n{_day(9)};14h;{MODULE}\n")
    stale = await _create(site, page, cle="1.2.3")
    assert stale.status == 422
    assert MODULE in stale.fields()["texte"]
    await signed_in_as(site, cast.bruno)
    assert (await _create(site, page)).status == 422  # the key is Amina's
    assert await Session.all().count() == 0
    site.client.cookies.clear()
    assert (await site.post(PAGE, page.fields(), follow=False)).status == 303


@pytest.mark.anyio
async def test_places_are_told_by_number_name_commune_or_postcode(site: Visitor, cast: world.World) -> None:
    lac = await world.venue(name="Maison du Lac", commune="Aubusson", postcode="23200")
    lac.search_text += " 23200"
    await lac.save()
    for cells in (
        f"{lac.id};",
        "maison du lac;",
        "Maison du lac;Aubusson",
        "Aubusson;",
        ";Aubusson",
        "23200;",
        f"n° {lac.id};",
    ):
        page = await _check(site, f"date;heure;lieu;ville;titre\n{_day(9)};14h;{cells};{MODULE}\n")
        assert "Maison du Lac, Aubusson" in _rows(page)[0], (cells, _rows(page))
    page = await _check(site, f"date;heure;lieu;ville;titre\n{_day(9)};14h;Maison du Lac;Guéret;{MODULE}\n")
    assert "Nous ne connaissons pas ce lieu" in _rows(page)[0]
    await lac.update_from_dict({"withdrawn_at": utc_now()}).save()
    page = await _check(site, f"date;heure;lieu;titre\n{_day(9)};14h;{lac.id};{MODULE}\n")
    assert "Nous ne connaissons pas ce lieu" in _rows(page)[0]


@pytest.mark.anyio
async def test_hours_are_those_of_the_venue(site: Visitor, cast: world.World) -> None:
    page = await _check(site, f"date;heure;lieu;titre\n{_day(9)};14h;Médiathèque de Saint-Denis;{MODULE}\n")
    assert "(heure de La Réunion)" in _rows(page)[0]
    await _create(site, page)
    made = await Session.get()
    assert made.starts_at.strftime("%H:%M") == "10:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("14h", (14, 0, None)), ("9 h 30", (9, 30, None)), ("14h-16h", (14, 0, 16)), ("de 9h30 à 11h", (9, 30, 11)),
     ("14:00:00", (14, 0, None)), ("25h", None), ("midi", None), ("", None)],
)  # fmt: skip
def test_hours_as_people_write_them(text: str, expected: tuple[int, int, int | None] | None) -> None:
    found = reading.hours(text)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found[0] == time(expected[0], expected[1])
        assert (found[1].hour if found[1] else None) == expected[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("1h30", 90), ("2 h", 120), ("2", 120), ("1,5 h", 90), ("90 min", 90), ("1:30", 90), ("long", None)],
)
def test_lengths_as_people_write_them(text: str, expected: int | None) -> None:
    assert reading.minutes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-12-01", 1), ("01/12/26", 1), ("mardi 1er décembre 2026", 1), ("29 decembre 2026", 29), ("31/02/2027", None),
     ("12/2026", None), ("01/12/1926", None), ("01/12/2026 00:00", 1)],
)  # fmt: skip
def test_days_as_people_write_them(text: str, expected: int | None) -> None:
    assert reading.a_day(text) == (date(2026, 12, expected) if expected else None)


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|x", "#REF!", " =1"])
def test_formulas_are_known(text: str) -> None:
    assert reading.is_formula(text)


@pytest.mark.parametrize("text", ["Café IA", "-1", "+33 1 99 00 12 34", "C#", "1 + 1 = 2", "# tout un programme"])
def test_what_only_looks_like_a_formula_is_left_alone(text: str) -> None:
    assert not reading.is_formula(text)


def test_a_table_of_many_shapes_never_breaks() -> None:
    import random

    dice = random.Random(7)  # noqa: S311 - a test's dice
    for _ in range(400):
        blob = bytes(dice.choice(b'date;heure,titre\n"\x00\xff\t=1/2h\r') for _ in range(dice.randrange(200)))
        try:
            read(decoded(blob))
        except Unusable:
            continue


@pytest.mark.anyio
async def test_a_row_says_all_that_is_wrong_with_it(site: Visitor, cast: world.World) -> None:
    (row,) = _rows(await _check(site, "date;heure;lieu;titre;places\n31/02/2027;25h;Atlantide;=1+1;beaucoup\n"))
    for words in ("contient une formule", "Cette date", "Cette heure", "ce lieu", "Ce nombre de places"):
        assert words in row, words


@pytest.mark.anyio
async def test_a_title_of_ones_own_brings_its_texts(site: Visitor, cast: world.World) -> None:
    mine = await world.workshop(title="Le mien", theme="securite_numerique", bring="Un cahier.")
    await world.session(cast.gueret, mine, _wall(-9), counsellor=cast.amina)
    await _create(site, await _check(site, f"date;heure;titre\n{_day(9)};14h;LE MIEN\n"))
    made = await Session.all().order_by("-id").select_related("workshop").first()
    assert made is not None
    assert (made.workshop.title, made.workshop.bring) == ("Le mien", "Un cahier.")
