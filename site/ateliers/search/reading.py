"""From a query string to the fields of a Search: never raises, clamps, and says what it did not understand."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from ateliers import modules
from geo.points import Box, Point
from geo.territories import DEPARTMENTS

RADII = (5, 10, 20, 50)  # km
PERIODS = ("aujourdhui", "demain", "semaine", "weekend", "mois")
MOMENTS = ("matin", "apres-midi", "soir", "week-end")
SORTS = ("date", "distance")
LAST_PAGE = 1_000


class Reader:
    """Reads a query string, one parameter after the other. `complaints` names what could not be used: field -> code."""

    def __init__(self, params: Iterable[tuple[str, str]]) -> None:
        self.given: dict[str, list[str]] = {}
        for name, value in params:
            cleaned = "".join(c for c in value if c.isprintable()).strip()[:200]
            if cleaned:
                self.given.setdefault(name, []).append(cleaned)
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
            for other in ("lat", "lon", "zone", "commune", "departement", "lieu"):
                self.given.pop(other, None)
        return {
            "where": where,
            "position": self._position(),
            "commune": self._one("commune")[:5],
            "department": self._code("departement", DEPARTMENTS),
            "venue_id": self._number("lieu", 0, 0, 2**62, quiet=True),
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
            "wheelchair": self._one("acces") in {"1", "oui", "on"},
            "with_places": self._one("places") in {"1", "oui", "on"},
            "sort": self._code("tri", SORTS) or "date",
            "page": self._number("page", 1, 1, LAST_PAGE),
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

    def _number(self, name: str, default: int, least: int, most: int, *, quiet: bool = False) -> int:
        text = self._one(name)
        if not text:
            return default
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            if not quiet:
                self.complaints[name] = "not_a_number"
            return default
        value = min(max(int(text), least), most)
        if value != int(text) and not quiet:
            self.complaints[name] = "out_of_range"
        return value

    def _radius(self) -> int:
        asked = self._number("rayon", 20, RADII[0], RADII[-1])
        return min(RADII, key=lambda km: (abs(km - asked), km))

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
        numbers = [self._float(part, limit) for part, limit in zip(text.split(","), (90, 180, 90, 180), strict=False)]
        if len(numbers) != 4 or any(number is None for number in numbers):
            self.complaints["zone"] = "bad_zone"
            return None
        south, west, north, east = (float(number or 0) for number in numbers)
        if south >= north or west >= east:
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
