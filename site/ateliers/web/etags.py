"""Answers that a browser may keep and ask about: their tag, and whether it is the one it has."""

from __future__ import annotations

import hashlib

from starlette.requests import Request


def tag_of(body: bytes) -> str:
    """The strong tag of an answer, quotes included."""
    return f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def is_kept(request: Request, etag: str) -> bool:
    """Whether the visitor has it already: 304, RFC 9110 §13.1.2.

    The header is a list of tags, weak ones compared without their ``W/``, or ``*``.
    """
    header = request.headers.get("if-none-match", "")
    return header.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in header.split(","))
