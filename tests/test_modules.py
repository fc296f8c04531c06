"""The catalogue: whole, consistent, in plain French, wholly handed to translators, and a drawing for each theme."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract
from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from ateliers import modules
from ateliers.i18n import using_language
from ateliers.modules import (
    AREAS,
    AUDIENCES,
    CATALOGUE_DIR,
    COMPETENCES,
    LANGUAGES,
    LEVELS,
    MODULES,
    THEMES,
    VENUE_KINDS,
    CatalogueError,
    read_catalogue,
)
from ateliers.settings import resource_dir

# The API values of La Coop's `thematiques` that are not administrative sub-themes (June 2026).
COOP = """diagnostic_numerique prendre_en_main_du_materiel maintenance_de_materiel gere_ses_contenus_numeriques
navigation_sur_internet email bureautique reseaux_sociaux sante banque_et_achats_en_ligne entrepreneuriat
insertion_professionnelle securite_numerique parentalite scolarite_et_numerique creer_avec_le_numerique
culture_numerique intelligence_artificielle aide_aux_demarches_administratives"""

# Words that our readers should never meet; each with the plain word that we use.
JARGON = """
back-office onboarding slot login password digital app apps cloud cookie cookies phishing hameçonnage spam
malware URL navigateur interface paramétrer paramétrage tutoriel process feedback data digitaliser dématérialisé
dématérialisée usager usagers bénéficiaire apprenant périphérique hardware software upload uploader
downloader mail mails podcast webinaire workshop pitch ENT RGPD MFA OS USB-C HTTPS VPN prompt chatbot
"""

NBSP, NARROW = "\u00a0", "\u202f"


def texts() -> Iterator[tuple[str, str]]:
    """(where, text) for everything a person reads, found by walking the files, apart from the extractor."""
    for file in sorted(CATALOGUE_DIR.glob("*.toml")):
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        tables = [table for table in document.values() if isinstance(table, dict)]
        for entries in tables:
            for code, fields in entries.items():
                for key, value in fields.items():
                    if key in {"theme", "level", "audiences", "icon", "digcomp", "pix", "service", "english", "next"}:
                        continue
                    for text in value if isinstance(value, list) else [value]:
                        if isinstance(text, str):
                            yield f"{file.name} {code}.{key}", text


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+", text) if part]


def words(sentence: str) -> list[str]:
    """Its words; an elided article counts as one ("l’école" is two), a compound as one ("petit-fils")."""
    return re.findall(r"[^\W_]+(?:-[^\W_]+)*", sentence)


# The catalogue itself


def test_themes_are_those_of_la_coop() -> None:
    assert sorted(THEMES) == sorted(COOP.split())


def test_frameworks_are_whole() -> None:
    assert {name: (len(AREAS[name]), len(found)) for name, found in COMPETENCES.items()} == {
        "digcomp": (5, 21),
        "pix": (5, 16),
    }
    assert all(found.english for found in COMPETENCES["digcomp"].values())


def test_each_theme_is_mapped_to_both_frameworks() -> None:
    for theme in THEMES.values():
        assert set(theme.digcomp) <= set(COMPETENCES["digcomp"]), theme.code
        assert set(theme.pix) <= set(COMPETENCES["pix"]), theme.code
        assert theme.digcomp, theme.code
        assert theme.pix, theme.code


@pytest.mark.data
def test_services_are_the_words_of_the_national_standard(shared_data: Path) -> None:
    schema = json.loads((shared_data / "lieux-mediation-schema-1.0.2.json").read_text(encoding="utf-8"))
    (field,) = (field for field in schema["fields"] if field["name"] == "services")
    pattern = re.compile(field["constraints"]["pattern"])
    for theme in THEMES.values():
        assert pattern.fullmatch(theme.service), theme.service


def test_there_are_modules_for_every_theme_level_and_audience() -> None:
    assert len(MODULES) >= 20
    assert {module.theme for module in MODULES.values()} == set(THEMES)
    assert {module.level for module in MODULES.values()} == set(LEVELS)
    assert {code for module in MODULES.values() for code in module.audiences} == set(AUDIENCES)


def test_the_short_lists_are_those_that_rows_store() -> None:
    assert list(LEVELS) == ["debutant", "intermediaire", "avance"]
    assert set(LANGUAGES) == {"fr", "en", "ar", "uk", "es", "pt", "tr", "lsf"}
    kinds = "france_services town_hall library job_centre hospital social_centre association other"
    assert " ".join(VENUE_KINDS) == kinds
    # What the tables have room for (workshops, venues).
    assert max(map(len, MODULES)) <= 60
    assert max(map(len, THEMES)) <= 40
    assert max(map(len, VENUE_KINDS)) <= 20


def test_choices_are_labels_in_order() -> None:
    with using_language("fr"):
        found = modules.choices(LEVELS)
    assert [code for code, _ in found] == list(LEVELS)
    assert [label for _, label in found] == [level.label for level in LEVELS.values()]


# What is refused


def broken(folder: Path, file: str, old: str, new: str) -> Path:
    copy = folder / "catalogue"
    shutil.copytree(CATALOGUE_DIR, copy)
    source = (copy / file).read_text(encoding="utf-8")
    assert old in source
    (copy / file).write_text(source.replace(old, new, 1), encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("modules.toml", 'theme = "sante"', 'theme = "santé"', r"modules\.\S+, theme: unknown santé"),
        ("modules.toml", 'level = "avance"', 'level = "expert"', "level: unknown expert"),
        ("modules.toml", '["illettrisme", "allophones"]', '["illetrisme"]', "audiences: unknown illetrisme"),
        ("modules.toml", '["illettrisme", "allophones"]', "[]", "may not be empty"),
        ("modules.toml", "minutes = 60", "minutes = 2", "2 is not between 15 and 480"),
        ("modules.toml", "minutes = 60", 'minutes = "une heure"', "minutes: Input should be"),
        ("modules.toml", "minutes = 60", "minutes = 60\nprice = 5", "price: Unexpected"),
        ("modules.toml", 'title = "Café IA', 'titel = "Café IA', "cafe-ia: .*title"),
        ("modules.toml", 'title = "Vérifier une information"', 'title = ""', "title: .*at least 1"),
        ("modules.toml", "[modules.mots-de-passe]", "[modules.arnaques]", "modules.toml: .*twice"),
        ("modules.toml", "[modules.arnaques]", "[modules.arnaques", r"modules\.toml: .*line"),
        ("themes.toml", 'digcomp = ["1.1"', 'digcomp = ["1.9"', "digcomp: unknown 1.9"),
        ("themes.toml", 'pix = ["2.1"]', 'pix = ["2.1", "6.1"]', "pix: unknown 6.1"),
        ("themes.toml", '"Loisirs et créations numériques"\nicon', '"Loisirs"\nicon', "service: unknown Loisirs"),
        ("digcomp.toml", '[competences."5.4"]', '[competences."9.4"]', "competences.9.4: unknown 9"),
        ("pix.toml", "[areas", "[domains", r"pix\.toml"),
    ],
)
def test_a_wrong_catalogue_stops_the_start_and_says_where(
    tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    with pytest.raises(CatalogueError, match=says):
        read_catalogue(broken(tmp_path, file, old, new))


# Plain language (CONVENTIONS 1.10)


def test_sentences_are_short() -> None:
    lengths: dict[str, int] = {}
    for module in MODULES.values():
        for text in (module.title, module.promise, *module.outcomes, module.for_whom, module.bring):
            lengths |= {sentence: len(words(sentence)) for sentence in sentences(text)}
    too_long = {sentence: length for sentence, length in lengths.items() if length > 22}
    assert not too_long
    promises = [len(words(s)) for module in MODULES.values() for s in sentences(module.promise)]
    assert sum(promises) / len(promises) <= 15  # the longest texts on their own: short titles must not hide them
    assert sum(lengths.values()) / len(lengths) <= 15


def test_a_promise_is_two_sentences_and_outcomes_are_three_infinitives() -> None:
    for module in MODULES.values():
        assert len(sentences(module.promise)) == 2, module.code
        assert len(module.outcomes) == 3, module.code
        for outcome in module.outcomes:
            verb = words(outcome)[1 if outcome.startswith(("vous ", "l’")) else 0]
            assert re.search(r"(er|ir|re|oir)$", verb), (module.code, outcome)
            assert outcome[0].islower(), (module.code, outcome)
            assert not outcome.endswith("."), (module.code, outcome)
        for text in (module.promise, module.for_whom, module.bring):
            assert text.endswith((".", f"{NARROW}!", f"{NARROW}?")), (module.code, text)


def test_no_jargon() -> None:
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, JARGON.split()))})(?![\w-])", re.IGNORECASE)
    found = [(where, match[0]) for where, text in texts() if (match := pattern.search(text))]
    assert not found


def test_acronyms_are_explained_or_known_to_all() -> None:
    known = {"SMS", "CV", "USB", "IA"}
    for module in MODULES.values():
        whole = " ".join([module.title, module.promise, *module.outcomes, module.for_whom, module.bring])
        assert set(re.findall(r"\b[A-Z]{2,}\b", whole)) <= known, module.code
        if re.search(r"\bIA\b", whole):
            assert "intelligence artificielle (IA)" in whole, module.code


def test_typography_is_french_and_safe_for_templates() -> None:
    for where, text in texts():
        assert "'" not in text, where
        assert not re.search(r"[ \u00a0][;!?]", text), (where, "narrow no-break space")
        assert not re.search(rf"[^{NARROW}][;!?]", text), (where, "narrow no-break space")
        assert not re.search(rf"[^{NBSP}]:", text), (where, "no-break space before a colon")
        assert "« " not in text, where
        assert " »" not in text, where
        assert not re.search(r"\d (ans|h|min|minutes|heures|km|euros|€)", text), (where, "a number holds to its unit")
        assert not re.search(r"  |^\s|\s$|\.\.\.", text), where
        # Jinja's newstyle gettext formats the text and marks it as safe HTML.
        assert not re.search(r"[%<>&]", text), where


def test_nobody_is_addressed_as_tu_and_no_brand_is_sold() -> None:
    said = " ".join(text for _, text in texts())
    assert not re.search(r"\b(tu|ton|tes|toi)\b", said, re.IGNORECASE)
    assert not re.search(
        r"Google|Gmail|WhatsApp|Facebook|Instagram|TikTok|ChatGPT|Doctolib|Pronote|Windows|iPhone|Amazon", said
    )


# Translators


def test_extraction_hands_over_every_text() -> None:
    extracted = set()
    for file in sorted(CATALOGUE_DIR.glob("*.toml")):
        lines = file.read_text(encoding="utf-8").splitlines()
        with file.open("rb") as handle:
            for number, message, comments, _context in extract("ateliers.modules:extract_catalogue", handle):
                assert str(message) in lines[number - 1], (file.name, number)
                assert comments, message
                extracted.add(message)
    assert extracted == {text for _, text in texts()}
    assert "Aide aux démarches administratives" not in extracted  # a code of the standard, not a word of ours


def test_extraction_tells_translators_digcomps_own_english() -> None:
    with (CATALOGUE_DIR / "digcomp.toml").open("rb") as handle:
        found = {message: comments for _, message, comments, _ in extract("ateliers.modules:extract_catalogue", handle)}
    assert "Evaluating information" in found["Évaluer l’information"]


def test_extraction_of_every_key_serves_other_lists(tmp_path: Path) -> None:
    file = tmp_path / "words.toml"
    file.write_text('[phrases]\nnear = "à deux pas"\n[zones]\n"Indian/Reunion" = "heure de La Réunion"\n', "utf-8")
    with file.open("rb") as handle:
        found = list(extract("ateliers.modules:extract_catalogue", handle, options={"keys": "*"}))
    assert [(line, text) for line, text, _, _ in found] == [(2, "à deux pas"), (4, "heure de La Réunion")]


# Pictograms

UI = """place calendar clock people phone mail wheelchair language search check print share info warning map list arrow
plus minus close bus face_yes face_partly face_no"""


@pytest.fixture(scope="module")
def pictogram() -> Callable[..., Any]:
    env = Environment(loader=FileSystemLoader(resource_dir("templates")), autoescape=True, undefined=StrictUndefined)
    return env.get_template("parts/pictograms.html").module.pictogram  # type: ignore[attr-defined, no-any-return]


def test_every_theme_has_a_drawing_of_its_own(pictogram: Callable[..., Any]) -> None:
    drawings = {str(pictogram(theme.icon)) for theme in THEMES.values()}
    assert len(drawings) == len(THEMES)


def test_drawings_are_one_path_on_the_grid_and_silent(pictogram: Callable[..., Any]) -> None:
    for name in [theme.icon for theme in THEMES.values()] + UI.split():
        svg = ET.fromstring(str(pictogram(name, "pic")))  # noqa: S314 - ours
        assert svg.attrib["viewBox"] == "0 0 24 24"
        assert svg.attrib["aria-hidden"] == "true"
        assert svg.attrib["class"] == "pic"
        assert svg.attrib["fill"] == "none"
        assert [child.tag for child in svg] == ["path"], name
        assert re.fullmatch(r"M[\d.\sMmLlHhVvCcSsAaZz-]+", svg[0].attrib["d"]), name


def test_an_unknown_drawing_is_an_error(pictogram: Callable[..., Any]) -> None:
    with pytest.raises(UndefinedError):
        pictogram("unicorn")


def test_the_shared_image_is_light() -> None:
    image = (resource_dir("static") / "img" / "og-default.png").read_bytes()
    assert (int.from_bytes(image[16:20]), int.from_bytes(image[20:24])) == (1200, 630)
    assert len(image) < 60_000


def test_the_manifest_names_files_that_exist() -> None:
    static = resource_dir("static")
    manifest = json.loads((static / "site.webmanifest").read_text(encoding="utf-8"))
    for icon in manifest["icons"]:
        assert (static / icon["src"].removeprefix("/static/")).is_file(), icon
