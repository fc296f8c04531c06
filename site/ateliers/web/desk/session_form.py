"""The form of a session: five fields that matter, the others folded. Also what it becomes: words, terms, dates."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import BooleanField, RadioField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers import modules
from ateliers.venues import Venue
from ateliers.web.forms import Form, clean
from ateliers.workshops import Session
from ateliers.workshops.planning import LEAST_MINUTES, LETTERS, MOST_MINUTES, MOST_OUTCOMES, MOST_PLACES, Content, Terms
from ateliers.workshops.series import MOST_DATES, BadRule, Rule

LENGTHS = (60, 90, 120, 150, 180, 240)
CLOSES = {
    "": None,
    "2": timedelta(hours=2),
    "24": timedelta(hours=24),
    "48": timedelta(hours=48),
    "168": timedelta(days=7),
}
REPEATS = ("non", "semaine", "quinzaine", "mois", "jour", "dates")
_LANGUAGES = [SelectChoice(code) for code in modules.LANGUAGES]


def lines(text: str | None) -> str:
    """Several lines, each clean, blank ones folded to one: what a paragraph of Markdown needs."""
    found = [clean(line) for line in (text or "").replace("\r\n", "\n").split("\n")]
    kept = [line for number, line in enumerate(found) if line or (number and found[number - 1])]
    return "\n".join(kept).strip()


class SessionForm(Form):
    """What a counsellor writes down. Times are the venue's; `lieu` is `venue` or `venue|room`."""

    titre = StringField()
    accroche = TextAreaField()
    savoirs = TextAreaField()
    pour = StringField()
    apporter = StringField()
    description = TextAreaField()
    materiel = StringField()
    accessibilite = StringField()
    theme = StringField()
    niveau = StringField(default="debutant")
    publics = SelectMultipleField(choices=[SelectChoice(code) for code in modules.AUDIENCES], validate_choice=False)
    langue = StringField(default="fr")

    lieu = StringField()
    salle = StringField()
    date = StringField()
    heure = StringField(default="14:00")
    duree = StringField(default="120")
    places = StringField(default="8")

    repetition = RadioField(choices=[SelectChoice(code) for code in REPEATS], default="non", validate_choice=False)
    nombre = StringField(default="10")
    dates = TextAreaField()
    sauf_feries = BooleanField(default=True)
    sauf_vacances = BooleanField()
    cycle = BooleanField()

    publication = RadioField(
        default="maintenant",
        validate_choice=False,
        choices=[SelectChoice(c) for c in ("maintenant", "le", "brouillon")],
    )
    publie_le = StringField()
    ouverture = StringField()
    fermeture = StringField(default="")
    prive = BooleanField()
    attente = BooleanField(default=True)
    employeur = StringField()
    coanimateurs = SelectMultipleField(choices=[], validate_choice=False)

    published: bool = False  # what is edited was published already: it cannot become a draft again

    def validate_titre(self, field: Any) -> None:
        _text(field, LETTERS["title"])
        if len(field.data) < 3:
            raise StopValidation("title_missing")

    def validate_accroche(self, field: Any) -> None:
        _text(field, LETTERS["promise"])

    def validate_savoirs(self, field: Any) -> None:
        field.data = "\n".join(line for line in lines(field.data).split("\n") if line)
        if len(field.data) > LETTERS["outcomes"] or field.data.count("\n") >= MOST_OUTCOMES:
            raise StopValidation("text_long")

    def validate_pour(self, field: Any) -> None:
        _text(field, LETTERS["for_whom"])

    def validate_apporter(self, field: Any) -> None:
        _text(field, LETTERS["bring"])

    def validate_description(self, field: Any) -> None:
        field.data = lines(field.data)
        if len(field.data) > LETTERS["description"]:
            raise StopValidation("text_long")

    def validate_materiel(self, field: Any) -> None:
        _text(field, LETTERS["equipment"])

    def validate_accessibilite(self, field: Any) -> None:
        _text(field, LETTERS["accessibility"])

    def validate_theme(self, field: Any) -> None:
        _among(field, modules.THEMES)

    def validate_niveau(self, field: Any) -> None:
        _among(field, modules.LEVELS)

    def validate_langue(self, field: Any) -> None:
        _among(field, modules.LANGUAGES)

    def validate_publics(self, field: Any) -> None:
        field.data = [code for code in field.data or [] if code in modules.AUDIENCES] or ["tous"]

    def validate_lieu(self, field: Any) -> None:
        number, _, room = clean(field.data).partition("|")
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise StopValidation("venue_missing")
        field.data = f"{number}|{room[:80]}" if room else number

    def validate_salle(self, field: Any) -> None:
        _text(field, LETTERS["room"])

    def validate_date(self, field: Any) -> None:
        if self.repetition.data == "dates":
            return
        self._read(field, date.fromisoformat, "date_bad")

    def validate_heure(self, field: Any) -> None:
        text = clean(field.data).lower().replace("h", ":").replace(" ", "")
        field.data = text + "00" if text.endswith(":") else text
        if ":" not in field.data and field.data.isdigit():
            field.data += ":00"
        hour, _, minute = field.data.partition(":")
        field.data = f"{hour.zfill(2)}:{minute}"
        self._read(field, time.fromisoformat, "hour_bad")

    def validate_duree(self, field: Any) -> None:
        _number(field, LEAST_MINUTES, MOST_MINUTES, "length_bad")

    def validate_places(self, field: Any) -> None:
        _number(field, 1, MOST_PLACES, "places_bad")

    def validate_repetition(self, field: Any) -> None:
        if field.data not in REPEATS:
            raise StopValidation("choice")

    def validate_nombre(self, field: Any) -> None:
        if self.repetition.data in {"non", "dates"}:
            return
        _number(field, 2, MOST_DATES, "count_bad")

    def validate_dates(self, field: Any) -> None:
        field.data = lines(field.data)
        if self.repetition.data == "dates" and not _days(field.data):
            raise StopValidation("dates_bad")

    def validate_publication(self, field: Any) -> None:
        if field.data not in {"maintenant", "le", "brouillon"} or (self.published and field.data != "maintenant"):
            raise StopValidation("choice")

    def validate_publie_le(self, field: Any) -> None:
        if self.publication.data == "le":
            self._read(field, datetime.fromisoformat, "moment_bad")

    def validate_ouverture(self, field: Any) -> None:
        if clean(field.data):
            self._read(field, datetime.fromisoformat, "moment_bad")

    def validate_fermeture(self, field: Any) -> None:
        _among(field, CLOSES)

    def _read(self, field: Any, read: Any, complaint: str) -> None:
        field.data = clean(field.data)
        try:
            value = read(field.data)
        except ValueError:
            raise StopValidation(complaint) from None
        if isinstance(value, time) and (value.second or value.tzinfo):
            raise StopValidation(complaint)
        if isinstance(value, date) and not 2020 <= value.year <= 2099:
            raise StopValidation(complaint)

    @property
    def venue_id(self) -> int:
        return int((self.lieu.data or "0").partition("|")[0])

    @property
    def room(self) -> str:
        return (self.salle.data or "").strip() or (self.lieu.data or "").partition("|")[2]

    @property
    def wall(self) -> datetime:
        """The first date, naive, on the venue's wall."""
        if self.repetition.data == "dates":
            return self.walls()[0]
        return datetime.combine(date.fromisoformat(self.date.data or ""), time.fromisoformat(self.heure.data or ""))

    def walls(self) -> list[datetime]:
        """Hand-picked days, each at the form's hour."""
        at = time.fromisoformat(self.heure.data or "")
        return sorted({datetime.combine(day, at) for day in _days(self.dates.data or "")})

    def rule(self) -> Rule | None:
        """The series it asks for, None for a single date. Raises BadRule."""
        minutes, repeat = int(self.duree.data or 0), self.repetition.data
        if repeat == "non":
            return None
        if repeat == "dates":
            return Rule.picking(self.walls(), minutes)
        first = self.wall
        common: dict[str, Any] = {
            "starts_on": first.date(), "at": first.time(), "minutes": minutes, "count": int(self.nombre.data or 0),
        }  # fmt: skip
        if repeat == "jour":
            return Rule(kind="monthly_day", day=first.day, **common)
        if repeat == "mois":
            nth = (first.day - 1) // 7 + 1
            return Rule(
                kind="monthly_weekday", weekdays=(first.isoweekday(),), position=nth if nth < 5 else -1, **common
            )
        return Rule(kind="weekly", weekdays=(first.isoweekday(),), every=2 if repeat == "quinzaine" else 1, **common)

    def content(self, module: str = "") -> Content:
        """The words."""
        return Content(
            title=self.titre.data or "", theme=self.theme.data or "", promise=self.accroche.data or "",
            outcomes=tuple((self.savoirs.data or "").split("\n")) if self.savoirs.data else (),
            for_whom=self.pour.data or "", bring=self.apporter.data or "", description=self.description.data or "",
            equipment=self.materiel.data or "", accessibility=self.accessibilite.data or "",
            level=self.niveau.data or "debutant", audiences=tuple(self.publics.data or ("tous",)),
            language=self.langue.data or "fr", module=module,
        )  # fmt: skip

    def terms(self, venue: Venue, organisation_id: int | None, now: datetime) -> Terms:
        """Where, how long, how many, and who may see it."""
        published = {"maintenant": now, "brouillon": None, "le": _moment(self.publie_le.data, venue.zone)}
        return Terms(
            venue=venue, minutes=int(self.duree.data or 0), capacity=int(self.places.data or 0), room=self.room,
            published_at=published[self.publication.data or "maintenant"],
            booking_opens_at=_moment(self.ouverture.data, venue.zone), closes_before=CLOSES[self.fermeture.data or ""],
            private=bool(self.prive.data), waiting_list=bool(self.attente.data),
            cycle=bool(self.cycle.data) and self.repetition.data != "non", organisation_id=organisation_id,
            cohosts=tuple(sorted(int(n) for n in self.coanimateurs.data or [] if n.isascii() and n.isdigit() and len(n) < 19)),
        )  # fmt: skip


def filled(content: Content, session: Session | None = None, now: datetime | None = None) -> SessionForm:
    """The form as it stands for these words and, when editing or copying, this session."""
    values: dict[str, Any] = {
        "titre": content.title, "accroche": content.promise, "savoirs": "\n".join(content.outcomes),
        "pour": content.for_whom, "apporter": content.bring, "description": content.description,
        "materiel": content.equipment, "accessibilite": content.accessibility, "theme": content.theme,
        "niveau": content.level, "publics": list(content.audiences), "langue": content.language,
    }  # fmt: skip
    if session is not None:
        zone = session.venue.zone
        lasts = round((session.ends_at - session.starts_at).total_seconds() / 60)
        closes = None if session.booking_closes_at is None else session.starts_at - session.booking_closes_at
        kind = "maintenant"
        if session.published_at is None:
            kind = "brouillon"
        elif now is not None and session.published_at > now:
            kind = "le"
        values |= {
            "lieu": f"{session.venue_id}|{session.room}" if session.room else str(session.venue_id),
            "date": session.starts_local[:10], "heure": session.starts_local[11:], "duree": str(lasts),
            "places": str(session.capacity), "publication": kind, "prive": bool(session.private_key),
            "publie_le": _local(session.published_at, zone) if kind == "le" else "",
            "ouverture": _local(session.booking_opens_at, zone), "attente": session.waiting_list,
            "fermeture": next((code for code, before in CLOSES.items() if before == closes), ""),
        }  # fmt: skip
    return SessionForm(**values)


def _moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=zone) if text else None


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if moment else ""


def _days(text: str) -> list[date]:
    """Days written one a line or with spaces, as 2027-03-09 or 09/03/2027; none when one cannot be read."""
    found = []
    for word in text.replace(",", " ").replace(";", " ").split():
        for pattern in ("%Y-%m-%d", "%d/%m/%Y"):
            try:
                found.append(datetime.strptime(word, pattern).date())  # noqa: DTZ007 - a day has no zone
                break
            except ValueError:
                continue
        else:
            return []
    return found if all(2020 <= day.year <= 2099 for day in found) else []


def _text(field: Any, most: int) -> None:
    field.data = clean(field.data)
    if len(field.data) > most:
        raise StopValidation("text_long")


def _among(field: Any, known: Any) -> None:
    if field.data not in known:
        raise StopValidation("choice")


def _number(field: Any, least: int, most: int, complaint: str) -> None:
    field.data = clean(field.data)
    if not (field.data.isascii() and field.data.isdigit() and len(field.data) < 5 and least <= int(field.data) <= most):
        raise StopValidation(complaint)


__all__ = ["CLOSES", "LENGTHS", "REPEATS", "BadRule", "SessionForm", "filled"]
