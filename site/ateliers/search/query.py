"""The SQL of a search: one hand-written text for SQLite and PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ateliers.database import connection, is_postgres
from ateliers.venues.names import plain
from geo.points import KM_PER_DEGREE, Box, Point
from geo.territories import DEPARTMENTS, department_of

if TYPE_CHECKING:
    from ateliers.search import Search

MAINLAND = "Europe/Paris"


class Query:
    """The SQL of a search: one text for both engines, arithmetic only (SQLite may lack trigonometry)."""

    tables = "FROM session s JOIN venue v ON v.id = s.venue_id JOIN workshop w ON w.id = s.workshop_id"

    def __init__(self, search: Search, now: datetime, called_off_since: datetime | None = None) -> None:
        self.values: list[Any] = []
        self.distance = ""
        self._postgres = is_postgres()
        takes_place = f"s.called_off_at IS NULL AND s.starts_at > {self._add(now)}"
        if called_off_since is not None:
            # Said for as long after it was called off, even past its day: a program may not have asked for a while.
            takes_place = f"(({takes_place}) OR s.called_off_at >= {self._add(called_off_since)})"
            # Nothing is called off once it is over, so none of these began long before: the index is on the start.
            takes_place += f" AND s.starts_at > {self._add(called_off_since - timedelta(days=7))}"
        parts = [
            takes_place,
            f"s.published_at <= {self._add(now)}",
            "s.private_key = ''",
            "v.withdrawn_at IS NULL",
        ]
        parts += self._somewhere(search)
        parts += self._sometime(search, now)
        parts += self._something(search)
        if search.with_places:
            parts += [
                "s.seats_taken < s.capacity",
                f"(s.booking_closes_at IS NULL OR s.booking_closes_at > {self._add(now)})",
                f"(s.booking_opens_at IS NULL OR s.booking_opens_at <= {self._add(now)})",
            ]
        self.conditions = " AND ".join(parts)

    async def run(self, sql: str) -> list[dict[str, Any]]:
        return await connection().execute_query_dict(sql, self.values)

    def _add(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}" if self._postgres else f"?{len(self.values)}"

    def _any(self, column: str, values: Iterable[str]) -> str:
        return f"{column} IN ({', '.join(self._add(value) for value in values)})"

    def _somewhere(self, search: Search) -> list[str]:
        parts = []
        if search.center is not None:
            self.distance = self._squared_km(search.center)
        if search.venue_id:
            parts.append(f"s.venue_id = {self._add(search.venue_id)}")
        if search.counsellor_id:
            parts.append(f"s.counsellor_id = {self._add(search.counsellor_id)}")
        if search.organisation_id:
            parts.append(f"s.organisation_id = {self._add(search.organisation_id)}")
        if search.box is not None:
            parts += self._inside(search.box)
        elif search.communes:
            parts.append(self._any("v.insee", search.communes))
        elif search.department:
            parts.append(f"v.department = {self._add(search.department)}")
        elif search.place is not None and search.place.kind == "department":
            parts.append(f"v.department = {self._add(search.place.department)}")
        elif search.center is not None:
            parts += self._inside(Box.around(search.center, search.radius))
            parts.append(f"{self.distance} <= {float(search.radius) ** 2!r}")
        if search.viewport is not None:
            parts += self._inside(search.viewport)
        if search.kinds:
            parts.append(self._any("v.kind", search.kinds))
        if search.wheelchair:
            parts.append("v.wheelchair = TRUE" if self._postgres else "v.wheelchair = 1")
        return parts

    def _inside(self, box: Box) -> list[str]:
        lat = f"v.lat BETWEEN {self._add(box.south)} AND {self._add(box.north)}"
        if box.west > box.east:  # the box crosses the antimeridian (Wallis, New Caledonia seen wide)
            return [lat, f"(v.lon >= {self._add(box.west)} OR v.lon <= {self._add(box.east)})"]
        return [lat, f"v.lon BETWEEN {self._add(box.west)} AND {self._add(box.east)}"]

    @staticmethod
    def _squared_km(center: Point) -> str:
        """Squared distance in km: equirectangular, the cosine of the middle latitude by its tangent.

        Within 50 km it differs from the great circle by less than 0.05 %; numbers are written by `repr`, never typed text.
        """
        cos, slope = Query.flattening(center)
        dy = f"({KM_PER_DEGREE!r} * (v.lat - ({center.lat!r})))"
        dx = f"({KM_PER_DEGREE!r} * (v.lon - ({center.lon!r})) * ({cos!r} - ({slope!r}) * (v.lat - ({center.lat!r}))))"
        return f"({dx} * {dx} + {dy} * {dy})"

    @staticmethod
    def flattening(center: Point) -> tuple[float, float]:
        """The cosine of the centre's latitude, and by how much it changes in half a degree."""
        latitude = math.radians(center.lat)
        return math.cos(latitude), math.sin(latitude) * math.pi / 360

    def _sometime(self, search: Search, now: datetime) -> list[str]:
        # Days and hours are those of the venue's wall, which is why they are compared as it was written there.
        first, last = search.period_days(today(search, now))
        parts = []
        if first is not None:
            parts.append(f"s.starts_local >= {self._add(first.isoformat())}")
        if last is not None:
            parts.append(f"s.starts_local < {self._add((last + timedelta(days=1)).isoformat())}")
        hour = "substr(s.starts_local, 12, 2)"
        choices = {
            "matin": f"{hour} < '12'",
            "apres-midi": f"({hour} >= '12' AND {hour} < '18')",
            "soir": f"{hour} >= '18'",
            "week-end": "s.weekday >= 6",
        }
        if search.moments:
            parts.append(f"({' OR '.join(choices[moment] for moment in search.moments)})")
        return parts

    def _something(self, search: Search) -> list[str]:
        parts = []
        if search.themes:
            parts.append(self._any("w.theme", search.themes))
        if search.level:
            parts.append(f"w.level = {self._add(search.level)}")
        if search.audience:
            parts.append(f"w.audiences LIKE {self._add(f'%,{search.audience},%')}")
        if search.language:
            parts.append(f"w.language = {self._add(search.language)}")
        for word in plain(search.text).split()[:6]:
            mark = self._add(f"%{word}%")
            parts.append(f"(w.search_text LIKE {mark} OR v.search_text LIKE {mark})")
        return parts


def today(search: Search, now: datetime) -> date:
    """The day it is where one searches: in La Réunion, tomorrow begins three hours before Paris's."""
    code = search.department or (search.place.department if search.place is not None else "")
    if not code and search.communes:
        code = department_of(search.communes[0])
    zone = DEPARTMENTS[code].time_zone if code in DEPARTMENTS else MAINLAND
    return now.astimezone(ZoneInfo(zone)).date()
