"""A venue as the national standard writes it: one row of a file, cleaned, with what had to be repaired.

The standard is LaMednum's "lieux de médiation numérique" 1.0.2, 32 fields, all text:
https://schema.data.gouv.fr/LaMednum/standard-mediation-num. Its README separates values by `;` and its schema by `|`:
both are read, `|` is written. Version 0.1's names and values are read too. The vocabularies are in `standard.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from importlib.resources import files

from ateliers.venues import values
from ateliers.venues.hours import in_words
from ateliers.venues.names import plain

_FACTS = tomllib.loads(files("ateliers.venues").joinpath("standard.toml").read_text(encoding="utf-8"))

FIELDS: tuple[str, ...] = tuple(_FACTS["fields"])
REASONS: Mapping[str, str] = _FACTS["reasons"]
"""Code of a repair or a rejection -> its sentence."""

_OLD_NAMES: Mapping[str, str] = _FACTS["old_names"]
_VALUES: Mapping[str, Mapping[str, str]] = {
    name: {plain(value): value for value in known} for name, known in _FACTS["values"].items()
}
_OLD_VALUES: Mapping[str, str] = {plain(old): new for old, new in _FACTS["old_values"].items()}
_LONGEST_FIRST = sorted(_OLD_VALUES, key=len, reverse=True)
_LENGTHS = {
    "nom": 250,
    "adresse": 250,
    "complement_adresse": 250,
    "commune": 120,
    "horaires": 500,
    "structure_parente": 250,
}
_SUMMARY_LENGTH = 280  # the standard's
_ID_LENGTH = 200


class Rejected(Exception):
    """The row cannot become a venue. `code` is a key of `REASONS`."""

    def __init__(self, field: str, code: str, value: str = "") -> None:
        super().__init__(REASONS[code])
        self.field, self.code, self.value = field, code, value


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing put right in a row: the national field, a key of `REASONS`, and what was there."""

    field: str
    code: str
    value: str = ""


@dataclass(slots=True)
class Record:
    """A row once read. `fields` holds the national fields that say something, as the standard writes them.

    `lat` and `lon` are the source's, in degrees, not compared with anything yet; `phone` is as France writes it;
    `wheelchair` is None when nobody said; `notes` tells how to get in.
    """

    fields: dict[str, str] = field(default_factory=dict)
    lat: float | None = None
    lon: float | None = None
    kind: str = "other"
    phone: str = ""
    email: str = ""
    website: str = ""
    notes: str = ""
    wheelchair: bool | None = None
    updated_on: date | None = None
    repairs: list[Repair] = field(default_factory=list)

    def repaired(self, name: str, code: str, value: str = "") -> None:
        self.repairs.append(Repair(name, code, value[:200]))

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


def is_standard(header: Mapping[str, object] | list[str]) -> bool:
    """True when these column names are those of the standard, of any version."""
    names = {name.strip().casefold() for name in header if name}
    return {"id", "nom"} <= names


def read(row: Mapping[str, object], today: date) -> Record:
    """Clean a row of a CSV file or an entry of a JSON one. Raises `Rejected` when it has no identifier or no name."""
    record = Record()
    texts = _named(row, record)
    for name in ("id", "nom", "commune", "adresse", "complement_adresse", "structure_parente", "source"):
        _keep(record, name, texts.get(name, ""))
    _identified(record)
    _codes(record, texts)
    record.lat, record.lon = values.degrees(texts.get("latitude", "")), values.degrees(texts.get("longitude", ""))
    for name in _VALUES:
        _listed(record, name, texts.get(name, ""))
    for name in ("typologie", "autres_formations_labels"):
        _keep(record, name, "|".join(values.split(texts.get(name, ""))))
    _contacts(record, texts)
    _keep(record, "horaires", texts.get("horaires", ""))
    if record["horaires"] and not in_words(record["horaires"]):
        record.repaired("horaires", "hours_unreadable", record["horaires"])
    _presented(record, texts)
    _dated(record, texts.get("date_maj", ""), today)
    record.kind = kind_of(record["nom"], record["typologie"], record["dispositif_programmes_nationaux"])
    if "Handicaps moteurs" in values.split(record["prise_en_charge_specifique"]):
        record.wheelchair = True
    return record


def kind_of(name: str, typology: str = "", programmes: str = "") -> str:
    """The code of `modules.VENUE_KINDS` that its name says, else its typology, else its programmes; else `other`."""
    said = f" {plain(name)} "
    codes = {code.upper() for code in values.split(typology)}
    tests: tuple[Callable[[dict[str, list[str]]], bool], ...] = (
        lambda kind: any(f" {words} " in said for words in kind["words"]),
        lambda kind: not codes.isdisjoint(kind["typology"]),
        lambda kind: kind.get("programme", "") in values.split(programmes),
    )
    return next((str(kind["kind"]) for test in tests for kind in _FACTS["kinds"] if test(kind)), "other")


def _named(row: Mapping[str, object], record: Record) -> dict[str, str]:
    """Texts by today's field names. A field under both names keeps the new one's value, unless it is empty."""
    texts: dict[str, str] = {}
    for key, raw in row.items():
        name = str(key).strip().casefold()
        name = _OLD_NAMES.get(name, name)
        if name not in FIELDS or texts.get(name):
            continue
        text, repair = values.text(raw)
        if repair:
            record.repaired(name, repair, text)
        texts[name] = text
    return texts


def _keep(record: Record, name: str, text: str) -> None:
    most = _LENGTHS.get(name, 1000)
    if len(text) > most:
        record.repaired(name, "too_long", text)
        # Half an opening_hours is a wrong one.
        text = "" if name == "horaires" else text[:most].rstrip()
    if text:
        record.fields[name] = text


def _identified(record: Record) -> None:
    if not record["id"]:
        raise Rejected("id", "no_id")
    if not record["nom"]:
        raise Rejected("nom", "no_name")
    if len(record["id"]) > _ID_LENGTH:
        # Merged files glue identifiers together: the end is what tells two of them apart.
        record.repaired("id", "id_too_long", record["id"])
        record.fields["id"] = f"{record['id'][:150]}~{sha256(record['id'].encode()).hexdigest()[:32]}"


def _codes(record: Record, texts: Mapping[str, str]) -> None:
    pivot = re.sub(r"\s", "", texts.get("pivot", ""))
    if re.fullmatch("[a-zA-Z0-9]{9,14}", pivot) and len(set(pivot)) > 1:
        record.fields["pivot"] = pivot
    elif pivot:
        record.repaired("pivot", "dummy_siret", pivot)
    postcode, insee = (re.sub(r"\s", "", texts.get(name, "")).upper() for name in ("code_postal", "code_insee"))
    if re.fullmatch(r"\d{4}", postcode):
        record.repaired("code_postal", "number_for_text", postcode)
        postcode = f"0{postcode}"
    if re.fullmatch(r"\d{5}", postcode):
        record.fields["code_postal"] = postcode
    elif postcode:
        record.repaired("code_postal", "bad_postcode", postcode)
    if re.fullmatch(r"\d{4}", insee):
        record.repaired("code_insee", "number_for_text", insee)
        insee = f"0{insee}"
    if re.fullmatch(r"([013-9]\d|2[AB1-9])\d{3}", insee):
        record.fields["code_insee"] = insee
    elif insee:
        record.repaired("code_insee", "bad_insee", insee)


def _listed(record: Record, name: str, text: str) -> None:
    """The values of a closed list, in the file's order, each once; an old value may belong to another field now."""
    for value in values.split(text):
        for target, found in _known(record, name, value):
            kept = values.split(record[target])
            if found not in kept:
                record.fields[target] = "|".join((*kept, found))


def _known(record: Record, name: str, value: str) -> list[tuple[str, str]]:
    said = plain(value)
    if said in _VALUES[name]:
        return [(name, _VALUES[name][said])]
    if said in _OLD_VALUES:
        return _target(name, _OLD_VALUES[said])
    found: list[tuple[str, str]] = []
    for old in _LONGEST_FIRST:
        # Forms that lost their separators: a space is all that is left between two values.
        if len(old) > 12 and old in said:
            found += _target(name, _OLD_VALUES[old])
            said = said.replace(old, "|")
    record.repaired(name, "values_unseparated" if found else "unknown_value", value)
    return found


def _target(name: str, new: str) -> list[tuple[str, str]]:
    field_name, colon, value = new.partition(":")
    target, value = (field_name, value) if colon else (name, new)
    return [(target, value)] if value and value in _VALUES[target].values() else []


def _contacts(record: Record, texts: Mapping[str, str]) -> None:
    typed = texts.get("telephone", "")
    phone, international, repair = values.phone(typed, record["code_insee"] or record["code_postal"])
    record.phone = phone
    if international:
        record.fields["telephone"] = international
    if repair:
        record.repaired("telephone", repair, typed)
    emails = []
    for typed in values.split(texts.get("courriels", "")):
        if values.is_email(typed):
            emails.append(typed)
        else:
            record.repaired("courriels", "email_unreadable", typed)
    _keep(record, "courriels", "|".join(emails))
    record.email = emails[0] if emails else ""
    for name in ("site_web", "fiche_acces_libre", "prise_rdv"):
        addresses = []
        for typed in values.split(texts.get(name, ""), urls=True):
            address, repair = values.web_address(typed)
            if repair:
                record.repaired(name, repair, typed)
            if address:
                addresses.append(address)
        _keep(record, name, "|".join(addresses) if name == "site_web" else "".join(addresses[:1]))
    record.website = values.split(record["site_web"], urls=True)[0] if record["site_web"] else ""


def _presented(record: Record, texts: Mapping[str, str]) -> None:
    summary, detail = texts.get("presentation_resume", ""), texts.get("presentation_detail", "")
    if len(summary) > _SUMMARY_LENGTH:
        record.repaired("presentation_resume", "too_long", summary)
        detail = detail or summary
        summary = summary[: _SUMMARY_LENGTH - 1].rsplit(" ", 1)[0] + "…"
    record.fields |= {name: text for name, text in (("presentation_resume", summary),) if text}
    if len(detail) > 10_000:
        record.repaired("presentation_detail", "too_long", detail)
    if detail:
        record.fields["presentation_detail"] = detail[:10_000]


def _dated(record: Record, text: str, today: date) -> None:
    if not text:
        return
    found, reformatted = values.day(text)
    if found is None or not date(2000, 1, 1) <= found <= today:
        record.repaired("date_maj", "date_unlikely", text)
        return
    if reformatted:
        record.repaired("date_maj", "date_reformatted", text)
    record.updated_on, record.fields["date_maj"] = found, found.isoformat()
