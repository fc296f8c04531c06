"""Public pages kept: when a television report sends everybody to one address, it is made once.

What is kept is the whole answer, compressed as it leaves, in this process: for `seconds`, or for as long as what it shows is
what a new one would show, where its handler said what that is (`keep_while`). A change shows everywhere within two seconds,
and no booking ever looks here. Requests that say anything of who asks (a cookie, a key) go to the application. Of those that
come while an answer is being made, all but the first wait for it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 16 * 1024 * 1024  # of answers kept by a process
AROUND = 6_000  # bytes that an answer takes besides its body: its headers, its address, what it shows
LARGEST = 512 * 1024
# Lists, sessions, venues, feeds, the map's data, widgets; with any language before. Nobody's own page, no form, no file.
_PUBLIC = re.compile(
    rb"(?!/pro\b)(?:/[a-z]{2,3})?(?:/|/ateliers(?!/filtres)(?:/(?:departement|commune|theme)/\w+|/[0-9]+(?:\.ics)?)?|/lieux/[0-9]+"
    rb"|/agenda\.(?:ics|atom|json)|/api/v1/(?:sessions|venues|themes|map|towns|suggest)(?:/[0-9]+)?|/embed/v1/\w+)"
)
_PERSONAL = {b"cookie", b"authorization", b"if-modified-since", b"range", b"if-range"}
_NOTE = "ateliers.kept"  # in the scope: where a handler leaves what its page shows
_NOT_MODIFIED = {b"content-type", b"content-length", b"content-encoding"}  # no headers of a 304

Key = tuple[bytes, bytes, bytes, bytes]
Each = Callable[[Scope], None]


class Shows(Protocol):
    """What a page shows."""

    def holds(self) -> bool:
        """Whether a page made now would be the same. Asked at each request: microseconds."""


@dataclass
class _Kept:
    start: Message
    body: bytes
    until: float
    shows: Shows | None
    etag: bytes
    each: Each | None


def keep_while(request: Request, shows: Shows | None, each: Each | None = None) -> None:
    """Say that the answer to this request may be kept while `shows` holds; None says nothing.

    `each` is called for every later request that it answers.
    """
    request.scope.get(_NOTE, []).append((shows, each))


@dataclass
class KeptAnswers:
    """The middleware. `seconds` of 0 keeps what says how long it is good, and nothing else."""

    app: ASGIApp
    seconds: float = 1.0
    _kept: OrderedDict[Key, _Kept] = field(default_factory=OrderedDict)
    _making: dict[Key, asyncio.Event] = field(default_factory=dict)
    _bytes: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key, tags = self._key(scope) if scope["type"] == "http" else (None, b"")
        if key is None:
            await self.app(scope, receive, send)
            return
        found = self._fresh(key)
        if found is None and not tags and (made := self._making.get(key)) is not None:
            await made.wait()
            found = self._fresh(key)
        if found is not None and (not tags or found.etag):
            if found.each is not None:
                found.each(scope)
            await self._send(found, tags, send)
        elif tags:
            await self.app(scope, receive, send)
        else:
            await self._make(key, scope, receive, send)

    @staticmethod
    async def _send(found: _Kept, tags: bytes, send: Send) -> None:
        # RFC 9110 §13.1.2: weak comparison, and `*` is whatever there is.
        if tags and (
            tags.strip() == b"*" or found.etag in [tag.strip().removeprefix(b"W/") for tag in tags.split(b",")]
        ):
            headers = [pair for pair in found.start["headers"] if pair[0].lower() not in _NOT_MODIFIED]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await send(dict(found.start))
        await send({"type": "http.response.body", "body": found.body})

    def _key(self, scope: Scope) -> tuple[Key | None, bytes]:
        if scope["method"] != "GET" or len(scope["query_string"]) > 2000:
            return None, b""
        path = scope.get("raw_path") or scope["path"].encode()
        if not _PUBLIC.fullmatch(path):
            return None, b""
        encoding = accept = tags = b""
        for name, value in scope["headers"]:
            if name in _PERSONAL:
                return None, b""
            if name == b"accept-encoding":
                encoding = b"gzip" if b"gzip" in value else b""
            elif name == b"accept" and b"/api/" in path:
                accept = value[:200]
            elif name == b"if-none-match":
                tags = value or b"-"
        return (path, scope["query_string"], encoding, accept), tags

    def _fresh(self, key: Key) -> _Kept | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if found.until > time.monotonic() if found.shows is None else found.shows.holds():
            self._kept.move_to_end(key)
            return found
        self._drop(key)
        return None

    async def _make(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        self._making[key] = made = asyncio.Event()
        notes: list[tuple[Shows | None, Each | None]] = []
        # From before it is made: what changes meanwhile shows in time all the same.
        until, start, parts = time.monotonic() + self.seconds, None, []

        async def noting(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body") and start is not None and start["status"] == 200:
                    self._keep(key, start, b"".join(parts), until, notes)
            await send(message)

        try:
            await self.app({**scope, _NOTE: notes}, receive, noting)
        finally:
            if self._making.get(key) is made:
                del self._making[key]
            made.set()

    def _keep(
        self, key: Key, start: Message, body: bytes, until: float, notes: list[tuple[Shows | None, Each | None]]
    ) -> None:
        shows, each = notes[-1] if notes else (None, None)
        headers = {name.lower(): value for name, value in start["headers"]}
        if len(body) > LARGEST or b"set-cookie" in headers or (shows is None and not self.seconds):
            return
        self._drop(key)
        self._kept[key] = _Kept(start, body, until, shows, headers.get(b"etag", b"").removeprefix(b"W/"), each)
        self._bytes += len(body) + AROUND
        while self._bytes > MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= len(gone.body) + AROUND
