"""From a query string to the fields of a Search: never raises, clamps, and says what it did not understand."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from ateliers import modules
from ateliers.workshops import LARGEST_ID
from geo.points import Box, Point
from geo.territories import DEPARTMENTS

RADII = (5, 10, 20, 50)  # km
PERIODS = ("aujourdhui", "demain", "semaine", "weekend", "mois")
MOMENTS = ("matin", "apres-midi", "soir", "week-end")
SORTS = ("date", "distance")
YES, NO = frozenset({"1", "oui", "on"}), frozenset({"0", "non", "off"})
LAST_PAGE = 1_000
MOST_COMMUNES = 400


class Reader:
    """Reads a query string, one parameter after the other. `complaints` names what could not be used: field -> code."""

    def __init__(self, params: Iterable[tuple[str, str]]) -> None:
        self.given: dict[str, list[str]] = {}
        pairs = list(params)
        for name, value in pairs:
            cleaned = "".join(c for c in value if c.isprintable()).strip()[:200]
            if cleaned:
                self.given.setdefault(name, []).append(cleaned)
        # The one parameter that is longer than a sentence: the communes of the largest intercommunality are 158.
        self.listed = ",".join(value for name, value in pairs if name == "communes")[: MOST_COMMUNES * 6]
        self.complaints: dict[str, str] = {}

    def fields(self) -> dict[str, Any]:
        """What a Search is made of."""
        since, until = self._day("du"), self._day("au")
        if since and until and since > until:
            self.complaints["du"] = "dates_swapped"
            since, until = until, since
        period = self._code("quand", PERIODS)
        if period:
            since = until = None
        where = self._one("ou")
        if where:
            # One place at a time: the one that was typed, not one left over from the page before.
            for other in ("lat", "lon", "zone", "commune", "departement", "lieu", "epci", "communes"):
                self.given.pop(other, None)
            self.listed = ""
        return {
            "where": where,
            "position": self._position(),
            "commune": self._one("commune")[:5],
            "department": self._department(),
            "epci": self._epci(),
            "communes": self._communes(),
            "venue_id": self._id("lieu", "no_venue"),
            "counsellor_id": self._id("conseiller", "no_counsellor"),
            "organisation_id": self._id("organisation", "no_organisation"),
            "box": self._box(),
            "radius": self._radius(),
            "themes": self._codes("theme", modules.THEMES),
            "text": self._one("quoi")[:100],
            "since": since,
            "until": until,
            "period": period,
            "moments": self._codes("moment", MOMENTS),
            "level": self._code("niveau", modules.LEVELS),
            "audience": self._code("public", modules.AUDIENCES),
            "language": self._code("langue", modules.LANGUAGES),
            "kinds": self._codes("type", modules.VENUE_KINDS),
            "wheelchair": self._flag("acces"),
            "with_places": self._flag("places"),
            "sort": self._code("tri", SORTS) or "date",
            "page": self._page(),
            "complaints": self.complaints,
        }

    def _one(self, name: str) -> str:
        return self.given.get(name, [""])[0]

    def _code(self, name: str, known: Iterable[str]) -> str:
        value = self._one(name)
        if value and value not in set(known):
            self.complaints[name] = "unknown_choice"
            return ""
        return value

    def _codes(self, name: str, known: Iterable[str]) -> tuple[str, ...]:
        codes = set(known)
        values = self.given.get(name, [])
        if any(value not in codes for value in values):
            self.complaints[name] = "unknown_choice"
        return tuple(dict.fromkeys(value for value in values if value in codes))

    def _flag(self, name: str) -> bool:
        return self._code(name, YES | NO) in YES

    def _department(self) -> str:
        if "departement" in self.given:
            self.given["departement"] = [self.given["departement"][0].upper()]  # 2a is written as it is said
        return self._code("departement", DEPARTMENTS)

    def _number(self, name: str, default: int) -> int:
        text = self._one(name)
        if not text:
            return default
        if not re.fullmatch(r"-?[0-9]{1,30}", text):
            self.complaints[name] = "not_a_number"
            return default
        return int(text)

    def _id(self, name: str, unknown: str) -> int:
        number = self._number(name, 0)
        if name in self.given and name not in self.complaints and not 0 < number <= LARGEST_ID:
            self.complaints[name] = unknown
        return 0 if name in self.complaints else number

    def _epci(self) -> str:
        code = self._one("epci")
        if code and not re.fullmatch(r"[1-9][0-9]{8}", code):
            self.complaints["epci"] = "unknown_choice"
            return ""
        return code

    def _communes(self) -> tuple[str, ...]:
        codes = tuple(dict.fromkeys(code for code in self.listed.upper().split(",") if code))
        good = tuple(code for code in codes if re.fullmatch(r"(?:[0-9]{2}|2[AB])[0-9]{3}", code))[:MOST_COMMUNES]
        if good != codes:
            self.complaints["communes"] = "unknown_choice"
        return good

    def _page(self) -> int:
        asked = self._number("page", 1)
        if asked < 1:
            self.complaints["page"] = "before_first"
        return min(max(asked, 1), LAST_PAGE)  # past the last one is known once the results are counted

    def _radius(self) -> int:
        asked = self._number("rayon", 20)
        nearest = min(RADII, key=lambda km: (abs(km - asked), km))
        if nearest != asked:
            self.complaints["rayon"] = "nearest_radius"
        return nearest

    def _day(self, name: str) -> date | None:
        text = self._one(name)
        if not text:
            return None
        try:
            day = date.fromisoformat(text)
        except ValueError:
            self.complaints[name] = "not_a_date"
            return None
        if not 2000 <= day.year <= 2100:
            self.complaints[name] = "not_a_date"
            return None
        return day

    def _position(self) -> Point | None:
        if not (self._one("lat") or self._one("lon")):
            return None
        lat, lon = self._float(self._one("lat"), 90), self._float(self._one("lon"), 180)
        if lat is None or lon is None:
            self.complaints["ou"] = "bad_position"
            return None
        return Point(round(lat, 2), round(lon, 2))  # two decimals are a kilometre: nobody's doorstep

    def _box(self) -> Box | None:
        text = self._one("zone")
        if not text:
            return None
        parts = text.split(",")
        numbers = [self._float(part, limit) for part, limit in zip(parts, (90, 180, 90, 180), strict=False)]
        if len(parts) != 4 or any(number is None for number in numbers):
            self.complaints["zone"] = "bad_zone"
            return None
        south, west, north, east = (float(number or 0) for number in numbers)
        if south >= north or west == east:  # west of what is east of it: across the antimeridian
            self.complaints["zone"] = "bad_zone"
            return None
        return Box(south, west, north, east)

    @staticmethod
    def _float(text: str, limit: float) -> float | None:
        try:
            value = float(text)
        except ValueError:
            return None
        return value if math.isfinite(value) and -limit <= value <= limit else None
