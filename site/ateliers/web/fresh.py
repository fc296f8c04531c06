"""Public pages kept for a moment: when a television report sends everybody to one address, it is made once a second.

What is kept is the whole answer, compressed as it leaves, for `seconds` and for this process: a change shows everywhere
within that time, and no booking ever looks here. Requests that say anything of who asks (a cookie, a key, what they have
already) go to the application. Of those that come while an answer is being made, all but the first wait for it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 32 * 1024 * 1024  # of answers kept by a process
LARGEST = 512 * 1024
# Lists, sessions, venues, feeds, the map's data, widgets; with any language before. Nobody's own page, no form, no file.
_PUBLIC = re.compile(
    rb"(?!/pro\b)(?:/[a-z]{2,3})?(?:/|/ateliers(?!/filtres)(?:/(?:departement|commune|theme)/\w+|/[0-9]+(?:\.ics)?)?|/lieux/[0-9]+"
    rb"|/agenda\.(?:ics|atom|json)|/api/v1/(?:sessions|venues|themes|map|towns|suggest)(?:/[0-9]+)?|/embed/v1/\w+)"
)
_PERSONAL = {b"cookie", b"authorization", b"if-none-match", b"if-modified-since", b"range", b"if-range"}

Key = tuple[bytes, bytes, bytes, bytes]


@dataclass
class _Kept:
    start: Message
    body: bytes
    until: float


@dataclass
class KeptAnswers:
    """The middleware. `seconds` of 0 keeps nothing."""

    app: ASGIApp
    seconds: float = 1.0
    _kept: OrderedDict[Key, _Kept] = field(default_factory=OrderedDict)
    _making: dict[Key, asyncio.Event] = field(default_factory=dict)
    _bytes: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._key(scope) if self.seconds and scope["type"] == "http" else None
        if key is None:
            await self.app(scope, receive, send)
            return
        found = self._fresh(key)
        if found is None and (made := self._making.get(key)) is not None:
            await made.wait()
            found = self._fresh(key)
        if found is not None:
            await send(dict(found.start))
            await send({"type": "http.response.body", "body": found.body})
            return
        await self._make(key, scope, receive, send)

    def _key(self, scope: Scope) -> Key | None:
        if scope["method"] != "GET" or len(scope["query_string"]) > 2000:
            return None
        path = scope.get("raw_path") or scope["path"].encode()
        if not _PUBLIC.fullmatch(path):
            return None
        encoding = accept = b""
        for name, value in scope["headers"]:
            if name in _PERSONAL:
                return None
            if name == b"accept-encoding":
                encoding = b"gzip" if b"gzip" in value else b""
            elif name == b"accept" and b"/api/" in path:
                accept = value[:200]
        return path, scope["query_string"], encoding, accept

    def _fresh(self, key: Key) -> _Kept | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if found.until > time.monotonic():
            return found
        self._drop(key)
        return None

    async def _make(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        self._making[key] = made = asyncio.Event()
        # From before it is made: what changes meanwhile shows in time all the same.
        until, start, parts = time.monotonic() + self.seconds, None, []

        async def noting(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body") and start is not None and start["status"] == 200:
                    self._keep(key, _Kept(start, b"".join(parts), until))
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            if self._making.get(key) is made:
                del self._making[key]
            made.set()

    def _keep(self, key: Key, answer: _Kept) -> None:
        if len(answer.body) > LARGEST or any(name.lower() == b"set-cookie" for name, _ in answer.start["headers"]):
            return
        self._drop(key)
        self._kept[key] = answer
        self._bytes += len(answer.body)
        while self._bytes > MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= len(gone.body)
