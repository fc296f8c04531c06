"""Map tiles through our own server: no visitor's address ever reaches the tile server.

`TileCache.get` answers from a bounded folder on disk, else asks the upstream once for all who want that tile.
An upstream that is slow, dead or answers nonsense is left alone for a while (`Breaker`), and meanwhile an old
tile is better than none.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from geo.mercator import MAX_ZOOM, tile_box
from geo.points import Box
from geo.territories import DEPARTMENTS, MAINLAND_BOX
from geo.tiles.breaker import Breaker
from geo.tiles.store import Store

log = logging.getLogger(__name__)

IGN_PLAN = (
    "https://data.geopf.fr/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
    "&LAYER=GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2&STYLE=normal&FORMAT=image/png"
    "&TILEMATRIXSET=PM&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"
)
"""Plan IGN v2, no key: France and its overseas départements, zoom 0 to 19."""
WORLD_ZOOM = 8
"""Up to this zoom the whole world may be asked for; closer, only what touches `COVERAGE`."""
COVERAGE: tuple[Box, ...] = tuple(
    box.padded(0.15) for box in (MAINLAND_BOX, *(each.box for each in DEPARTMENTS.values() if each.is_overseas))
)

_PROBE = (6, 32, 22)
"""A tile that every map of France has: the middle of the country."""
_FRESH_NEWS = 300.0
_MISSING_FOR = 3600.0
_MOST_MISSING = 10_000


class NoTile(Exception):
    """There is no such tile, or none can be had now. Says why, for the log."""


@dataclass(frozen=True, slots=True)
class Tile:
    """An image as the upstream drew it. ``etag`` is ready for the header, quotes included."""

    body: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes) -> Tile | None:
        """The tile in ``body``, or None when its first bytes are not those of a PNG, a JPEG or a WebP."""
        kind = media_type_of(body)
        if kind is None:
            return None
        return cls(body, kind, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')


def media_type_of(body: bytes) -> str | None:
    """By the signature, not by what the server says: an error page often comes as ``image/png``, and 200."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return None


class TileCache:
    """The tiles of one upstream, kept in ``folder``. An asynchronous context manager; one per process.

    ``template`` is an address with ``{z}``, ``{x}`` and ``{y}``; several processes may share the folder.
    ``max_bytes`` bounds the folder, ``max_tile_bytes`` one answer, ``timeout`` (seconds) one question,
    ``max_age`` (seconds) is how long a tile is good before it is asked for again, ``waiting`` how many
    different tiles may be awaited at once. ``now`` is the wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        template: str,
        folder: Path,
        *,
        max_bytes: int = 512 * 1024 * 1024,
        max_tile_bytes: int = 1024 * 1024,
        timeout: float = 4.0,
        max_age: float = 30 * 86400.0,
        connections: int = 12,
        waiting: int = 200,
        user_agent: str = "ateliers/1.0",
        breaker: Breaker | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not all(name in template for name in ("{z}", "{x}", "{y}")):
            raise ValueError(f"an address of tiles holds {{z}}, {{x}} and {{y}}: {template}")
        self.breaker = breaker or Breaker()
        self._template = template
        # A folder of its own for each upstream: another TILES_URL must not show the former's tiles.
        name = hashlib.blake2b(template.encode(), digest_size=6).hexdigest()
        self._store = Store(folder, name, max_bytes, now)
        self._max_tile_bytes = max_tile_bytes
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._max_age = max_age
        self._connections = connections
        self._waiting = waiting
        self._headers = {"User-Agent": user_agent, "Accept": "image/png,image/webp,image/jpeg"}
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._flights: dict[tuple[int, int, int], asyncio.Task[Tile]] = {}
        self._missing: dict[tuple[int, int, int], float] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout,
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=self._connections),
            trust_env=True,  # a town hall's server often reaches the world through a proxy only
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._store.settle()
        if self._session:
            await self._session.close()

    async def get(self, z: int, x: int, y: int) -> Tile:
        """The tile, from the folder or from the upstream. Raises NoTile; never anything else of the network."""
        if not allows(z, x, y):
            raise NoTile(f"{z}/{x}/{y} is not a tile of France")
        key = (z, x, y)
        kept = await self._store.read(key)
        old = Tile.of(kept.body) if kept else None
        if kept and old and self._now() - kept.fetched_at < self._max_age:
            return old
        try:
            return await self._fly(key)
        except NoTile:
            if old:
                return old
            raise

    async def ready(self) -> bool:
        """True when tiles can be expected: the upstream answered lately, or answers now.

        At most one question every few minutes, and none while the breaker is open, so a page may ask before it
        shows a single tile (a tile that fails is an error in the visitor's console). The folder does not count:
        a tile of the middle of France says nothing of the street that this visitor looks at.
        """
        if self.breaker.is_open:
            return False
        if not self.breaker.worked_within(_FRESH_NEWS):
            self._missing.pop(_PROBE, None)
            with contextlib.suppress(NoTile):
                await self._fly(_PROBE)
        # A plain "there is no such tile" is an answer too: this upstream covers another area, and lives.
        return self.breaker.worked_within(_FRESH_NEWS)

    async def _fly(self, key: tuple[int, int, int]) -> Tile:
        """One question to the upstream for all who want this tile now."""
        flight = self._flights.get(key)
        if flight is None:
            if len(self._flights) >= self._waiting:
                raise NoTile("too many tiles are awaited")
            flight = self._flights[key] = asyncio.create_task(self._fetch(key))
            flight.add_done_callback(lambda done: self._landed(key, done))
        # Shielded: the visitor who asked first may leave, the others still want the tile.
        return await asyncio.shield(flight)

    def _landed(self, key: tuple[int, int, int], flight: asyncio.Task[Tile]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # read, so that asyncio does not report it when nobody waits any more

    async def _fetch(self, key: tuple[int, int, int]) -> Tile:
        if self._missing.get(key, 0.0) > self._now():
            raise NoTile("the upstream has no such tile")
        if not self.breaker.lets_through():
            raise NoTile("the upstream is left alone for a while")
        try:
            body = await self._ask(key)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self.breaker.failed()
            log.warning("tile %s: %s", key, str(error) or type(error).__name__)
            raise NoTile(f"the upstream failed: {error}") from error
        except asyncio.CancelledError:
            self.breaker.failed()
            raise
        self.breaker.worked()
        tile = Tile.of(body) if body is not None else None
        if tile is None:
            self._remember_missing(key)
            raise NoTile("the upstream has no such tile")
        await self._store.write(key, tile.body)
        return tile

    async def _ask(self, key: tuple[int, int, int]) -> bytes | None:
        """What the upstream answers; None for "there is none". Raises ValueError for what is not a tile."""
        if self._session is None:
            raise RuntimeError("a TileCache is used inside `async with`")
        z, x, y = key
        address = self._template.replace("{z}", str(z)).replace("{x}", str(x)).replace("{y}", str(y))
        async with self._session.get(address, max_redirects=3) as answer:
            if answer.status in (204, 404, 410):
                return None
            if answer.status != 200:
                raise ValueError(f"the upstream answers {answer.status}")
            body = bytearray()
            async for piece in answer.content.iter_chunked(65536):
                body += piece
                if len(body) > self._max_tile_bytes:
                    raise ValueError(f"larger than {self._max_tile_bytes} bytes")
        if media_type_of(bytes(body[:16])) is None:
            raise ValueError(f"not an image: {bytes(body[:40])!r}")
        return bytes(body)

    def _remember_missing(self, key: tuple[int, int, int]) -> None:
        if len(self._missing) >= _MOST_MISSING:
            self._missing.clear()
        self._missing[key] = self._now() + _MISSING_FOR


def allows(z: int, x: int, y: int) -> bool:
    """True for a tile that exists on the grid and, beyond `WORLD_ZOOM`, touches French soil."""
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
        return False
    return z <= WORLD_ZOOM or any(tile_box(z, x, y).meets(box) for box in COVERAGE)
