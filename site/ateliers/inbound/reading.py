"""A message from anybody, read without trusting a byte of it: headers in order, the calendar in it, the report in it.

What would keep a processor or the memory busy is refused before it is parsed: Python's parser takes time with the square
of the length of a Content-Type (over a minute for 400 kB), and with the lines times the depth of nested parts. Nothing is
ever unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32, default
from typing import cast

MOST_BYTES = 1_000_000  # an answer has 10,000; one with pictures in its signature some hundred thousand
MOST_LINES = 30_000
MOST_NESTED = 20  # parts that hold parts
MOST_PARTS = 60
MOST_HEADERS = 500
HEADER_CHARACTERS = 4_000
CALENDAR_BYTES = 100_000
_CONTENT_TYPE = re.compile(rb"^content-type:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"[^\s<>,;:()\"\x00-\x1f\x7f]{1,64}@[^\s<>,;:()\"@\x00-\x1f\x7f]{1,255}")


class Unreadable(Exception):
    """Nobody will read this message: too big, too deep, broken. The text says which, without a word of it."""


@dataclass(frozen=True)
class Mail:
    """`headers`: (name in lower case, value on one line) from the top down, the order in which servers put them on."""

    headers: tuple[tuple[str, str], ...]
    parts: tuple[Message, ...]  # in order, without what is inside an attached message

    def all(self, name: str) -> list[str]:
        """The values of a header, in order."""
        return [value for each, value in self.headers if each == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def sender(self) -> str:
        """The one address of the one From, in lower case; "" where there are none, several, or nobody can tell."""
        return _one_address(self.all("from"))

    @property
    def is_automatic(self) -> bool:
        """A holiday notice, a list, a loop: no person's doing. A calendar's answers are auto-generated, which is none."""
        return (
            self.first("auto-submitted").lower().startswith("auto-replied")
            or self.first("precedence").strip().lower() in {"bulk", "junk", "list", "auto_reply"}
            or any(name in {"list-id", "x-autoreply", "x-autorespond", "x-loop"} for name, _ in self.headers)
        )

    @property
    def calendar(self) -> bytes:
        """The first calendar in it, as UTF-8; b"" when there is none. One that is only attached will do."""
        for wanted in ({"text/calendar"}, {"application/ics"}):
            for part in self.parts:
                if part.get_content_type() in wanted and (text := _calendar_text(part)):
                    return text
        return b""


def read(raw: bytes) -> Mail:
    """Parse a message. Raises `Unreadable`, and nothing else, whatever the bytes are."""
    if len(raw) > MOST_BYTES:
        raise Unreadable("too big")
    if b"\0" in raw:
        raise Unreadable("broken: NUL")  # RFC 5322 §4; PostgreSQL keeps none either
    text = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if text.count(b"\n") > MOST_LINES:
        raise Unreadable("too many lines")
    types = [found.group() for found in _CONTENT_TYPE.finditer(text)]
    if any(len(each) > HEADER_CHARACTERS // 2 for each in types):
        raise Unreadable("a header is too long")
    if sum(b"multipart/" in each.lower() or b"message/" in each.lower() for each in types) > MOST_NESTED:
        raise Unreadable("too deep")
    try:
        message = message_from_bytes(text, policy=compat32)
        pairs = message.items()
        if len(pairs) > MOST_HEADERS:
            raise Unreadable("too many headers")
        headers = tuple((name.lower(), _line(str(value))) for name, value in pairs)
        return Mail(headers, tuple(_parts(message)))
    except Unreadable:
        raise
    except Exception as error:  # of a hostile message nobody can list them all
        raise Unreadable(f"broken: {type(error).__name__}") from None


def address_in(value: str) -> str:
    """A bare address, in lower case, "" where it is none."""
    found = value.strip().strip("<>").lower()
    return found if _ADDRESS.fullmatch(found) else ""


def _parts(message: Message) -> Iterator[Message]:
    waiting, seen = [message], 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MOST_PARTS:
            raise Unreadable("too many parts")
        yield part
        inside = part.get_payload()
        # What an attached message holds was said by somebody else: our own invitation in what came back.
        if part.get_content_maintype() == "multipart" and isinstance(inside, list):
            waiting[:0] = cast("list[Message]", inside)


def _line(value: str) -> str:
    return " ".join(value[:HEADER_CHARACTERS].split())


def _one_address(values: list[str]) -> str:
    if len(values) != 1 or len(values[0]) > HEADER_CHARACTERS // 4:
        return ""
    try:
        addresses = default.header_factory("from", values[0]).addresses
    except Exception:  # the parser of Python fails on some of what is no address
        return ""
    return address_in(addresses[0].addr_spec) if len(addresses) == 1 else ""


def _calendar_text(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes) or b"\0" in content or len(content) > CALENDAR_BYTES:
        return b""
    try:
        return content.decode(str(part.get_param("charset") or "utf-8"), "replace").encode()
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace").encode()
