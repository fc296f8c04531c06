"""Text to Place: the local gazetteer first, then the State's address service (BAN, by geopy).

The service is the Géoplateforme's (https://data.geopf.fr/geocodage, 50 questions a second, then 429 for five
seconds; texts of 3 to 200 characters that begin with a letter or a digit). What people type is never logged.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from geopy.adapters import AioHTTPAdapter
from geopy.exc import GeocoderRateLimited
from geopy.geocoders import BANFrance
from geopy.util import logger as geopy_logger

from geo.communes import Gazetteer
from geo.communes.names import fold
from geo.geocoding.limits import Cache, TokenBucket
from geo.geocoding.places import (
    GeocoderDown,
    Place,
    Unlocated,
    locate_locally,
    looks_like_address,
    place_of_commune,
)
from geo.points import Point
from geo.territories import DEPARTMENTS, department_of
from geo.tiles.breaker import Breaker

__all__ = [
    "Geocoder",
    "GeocoderDown",
    "Place",
    "Unlocated",
    "locate_locally",
    "looks_like_address",
    "place_of_commune",
]

SHORTEST, LONGEST = 3, 200
LOWEST_SCORE = 0.45
"""BAN scores answers from 0 to 1; under about a half, it has kept a word or two of the question."""
_CLOSE_SCORE = 0.05
"""Answers so close to the best one are offered with it: "12 rue de la Paix" is in many towns."""
_ASKED = 5
_DAY = 86_400.0
_EMPTY_KEPT_S = 600.0
_CACHE_SIZE = 2_000
RATE = 40.0  # questions a second; the service refuses an address that asks more than 50
_LONGEST_QUIET_S = 60.0
_LEAD = re.compile(r"^[\W_]+")


class Geocoder:
    """Finds places; to be opened and closed in the event loop that uses it (``async with``, or start and close).

    ``domain`` is the service's host and path, or None (or "none") for the gazetteer alone. ``timeout`` in seconds.
    ``clock`` is monotonic, in seconds. One per process: the ``rate`` is counted
    here, in questions a second, so that several processes on one machine are each given their share.
    """

    def __init__(
        self,
        gazetteer: Gazetteer,
        *,
        domain: str | None = "data.geopf.fr/geocodage",
        scheme: str = "https",
        user_agent: str = "ateliers/1.0",
        timeout: float = 3.0,
        rate: float = RATE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gazetteer = gazetteer
        self._domain = None if domain in (None, "", "none") else domain
        self._scheme = scheme
        self._user_agent = user_agent
        self._timeout = timeout
        self._clock = clock
        self._service: BANFrance | None = None
        self._breaker = Breaker(failures=5, pause=30.0, longest=300.0, clock=clock)
        self._bucket = TokenBucket(rate, max(1.0, rate), clock)
        self._cache: Cache[list[Place]] = Cache(_CACHE_SIZE, clock)
        self._quiet_until = -math.inf

    @classmethod
    def from_url(cls, url: str, gazetteer: Gazetteer, **options: Any) -> Geocoder:
        """A geocoder from one setting: "https://data.geopf.fr/geocodage", or "none" (or "") for the gazetteer alone."""
        if url in ("", "none"):
            return cls(gazetteer, domain=None, **options)
        parts = urlsplit(url)
        return cls(gazetteer, domain=f"{parts.netloc}{parts.path}", scheme=parts.scheme, **options)

    async def start(self) -> None:
        """Make the connections' pool; nothing is asked yet."""
        if self._domain is None or self._service is not None:
            return
        # geopy writes the whole question to its log at DEBUG, and the service's answer at INFO.
        geopy_logger.addFilter(_silence)
        self._service = BANFrance(
            domain=self._domain,
            scheme=self._scheme,
            timeout=self._timeout,
            user_agent=self._user_agent,
            adapter_factory=AioHTTPAdapter,
        )

    async def close(self) -> None:
        """Close the connections; the geocoder then answers from the gazetteer alone."""
        service, self._service = self._service, None
        if service is not None:
            await service.__aexit__(None, None, None)

    async def __aenter__(self) -> Geocoder:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def locate(self, text: str) -> list[Place]:
        """The places that a submitted text may mean, likeliest first, at least one.

        Raises Unlocated; or GeocoderDown when the text looks like an address and the service cannot be asked.
        """
        question = _tidy(text)
        if places := locate_locally(self._gazetteer, question):
            return places
        if not _may_be_asked(question):
            raise Unlocated
        try:
            places = await self._ask(question)
        except _Unanswered as unanswered:
            if looks_like_address(question):
                raise GeocoderDown(self._mentioned(question), str(unanswered)) from None
            raise Unlocated from None
        if places:
            return places
        if looks_like_address(question) and (commune := self._mentioned(question)):
            return [commune]
        raise Unlocated

    def _mentioned(self, text: str) -> Place | None:
        commune = self._gazetteer.mentioned_in(text)
        return place_of_commune(commune) if commune else None

    async def _ask(self, question: str) -> list[Place]:
        """BAN's answer, kept a day. Raises _Unanswered."""
        key = question.casefold()
        if (kept := self._cache.get(key)) is not None:
            return kept
        if self._service is None:
            raise _Unanswered("no address service")
        if self._clock() < self._quiet_until or not self._bucket.take():
            raise _Unanswered("too many questions")
        if not self._breaker.lets_through():
            raise _Unanswered("the address service has failed several times")
        answered = False
        try:
            found = await self._service.geocode(question, limit=_ASKED, exactly_one=False)
            places = self._places(found or [])
            answered = True
        except GeocoderRateLimited as limited:
            # The service works; it wants quiet, and says for how long.
            answered = True
            self._quiet_until = self._clock() + min(limited.retry_after or 5.0, _LONGEST_QUIET_S)
            raise _Unanswered("the address service asks for quiet") from None
        except Exception as error:
            # Time-out, HTML, JSON that is not GeoCodeJSON... The error may quote the question: only its kind is kept.
            raise _Unanswered(type(error).__name__) from None
        finally:
            # Also when the visitor hangs up: a trial that is never concluded would keep the breaker open.
            if answered:
                self._breaker.worked()
            else:
                self._breaker.failed()
        self._cache.keep(key, places, _DAY if places else _EMPTY_KEPT_S)
        return places

    def _places(self, found: list[Any]) -> list[Place]:
        scored = [(float(location.raw["properties"].get("score") or 0), location) for location in found]
        lowest = max([LOWEST_SCORE, *(score - _CLOSE_SCORE for score, _ in scored)])
        places: dict[str, Place] = {}
        for score, location in scored:
            if score >= lowest and (place := self._place(location)):
                places.setdefault(place.label, place)
        return list(places.values())

    def _place(self, location: Any) -> Place | None:
        """A BAN feature: https://adresse.data.gouv.fr/outils/api-doc/adresse (type, citycode, label)."""
        properties = location.raw["properties"]
        insee = str(properties.get("citycode") or "")
        commune = self._gazetteer.by_insee(insee)
        if properties.get("type") == "municipality" and commune:
            return place_of_commune(commune)
        label = " ".join(str(properties["label"]).split())[:LONGEST]
        department = commune.department if commune else department_of(insee)
        return Place(
            kind="address",
            label=label,
            point=Point(float(location.latitude), float(location.longitude)),
            insee=insee or None,
            department=department if department in DEPARTMENTS else None,
        )


class _Unanswered(Exception):
    """The service could not be asked or did not answer; the message is for operators and holds no text of a person."""


def _tidy(text: str) -> str:
    """One line of printable characters, at most LONGEST, beginning with a letter or a digit as the service wants."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * LONGEST])
    return _LEAD.sub("", " ".join(printable.split()))[:LONGEST]


def _may_be_asked(question: str) -> bool:
    return len(question) >= SHORTEST and bool(fold(question))


def _silence(record: logging.LogRecord) -> bool:
    return False
