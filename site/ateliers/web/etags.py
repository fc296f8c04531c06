"""Answers that a browser may keep and ask about: their tag, their date, and whether it is the one it has."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

from ateliers.i18n import current_language

DATES_KEPT = 4096  # addresses


def tag_of(body: bytes) -> str:
    """The strong tag of an answer, quotes included."""
    return f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def is_kept(request: Request, etag: str) -> bool:
    """Whether the visitor has it already: 304, RFC 9110 §13.1.2.

    The header is a list of tags, weak ones compared without their ``W/``, or ``*``.
    """
    header = request.headers.get("if-none-match", "")
    return header.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in header.split(","))


class Dates:
    """Since when an address answers what it answers, as this process has seen it: its Last-Modified.

    A list changes by the clock alone, when a session begins: no column knows that date. A date seen is never too old,
    so nobody is told that what they have is still good when it is not.
    """

    def __init__(self, most: int = DATES_KEPT) -> None:
        self.most = most
        self._seen: OrderedDict[bytes, tuple[str, int]] = OrderedDict()

    def since(self, address: bytes, etag: str, now: float) -> int:
        """Seconds of the epoch. Two answers of one second get two dates: the second one's is still to come."""
        known, since = self._seen.get(address, ("", 0))
        if known != etag:
            since = max(int(now), since + 1)
            self._seen[address] = (etag, since)
        self._seen.move_to_end(address)
        while len(self._seen) > self.most:
            self._seen.popitem(last=False)
        return since


def answered(
    request: Request, body: bytes, media_type: str, *, max_age: int, headers: Mapping[str, str] | None = None
) -> Response:
    """`body` with ETag and Last-Modified, or 304 (RFC 9110 §13.2.2: a tag asked about wins over a date)."""
    etag, now = tag_of(body), time.time()
    since = request.app.state.dates.since(_address(request), etag, now)
    found = {"ETag": etag, "Cache-Control": f"public, max-age={max_age}", **(headers or {})}
    if since <= now:  # RFC 9110 §8.8.2.1: never a date to come
        found["Last-Modified"] = formatdate(since, usegmt=True)
    asked_by_tag = "if-none-match" in request.headers
    if is_kept(request, etag) if asked_by_tag else since <= min(now, _asked_since(request)):
        return Response(status_code=304, headers=found)
    return Response(body, media_type=media_type, headers=found)


def _address(request: Request) -> bytes:
    """What tells one answer from another, of a few bytes however long it was asked."""
    asked = (current_language(), request.scope["path"], request.headers.get("accept", ""))
    return hashlib.blake2b(repr(asked).encode() + request.scope["query_string"], digest_size=16).digest()


def _asked_since(request: Request) -> float:
    try:
        return parsedate_to_datetime(request.headers["if-modified-since"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return -1.0
