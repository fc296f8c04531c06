"""The other door: a mailbox that is looked into every minute (IMAP4rev1, RFC 3501).

People read that mailbox too. What was an answer or a letter that came back is marked as seen; all else stays unread, with
a keyword that says it was looked at, so that it is not looked at again. A crash in between reads a message twice, which
does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import ipaddress
import logging
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ateliers.bookings.notices import Post
from ateliers.database import utc_now
from ateliers.inbound import Done, receive
from ateliers.inbound.reading import MOST_BYTES
from ateliers.rounds import pause

T = TypeVar("T")
log = logging.getLogger(__name__)
EVERY = 60.0  # seconds
PATIENCE = 30.0  # seconds for each answer of the server
LONGEST_PAUSE = 900.0
AT_ONCE = 200  # messages in one look
KEYWORD = "AteliersRead"


class MailboxUnusable(Exception):
    """The mailbox cannot be read now. The text says why, without an address or a password."""


@dataclass
class Mailbox:
    """What INBOUND_IMAP names. Its calls block: one at a time, in a thread."""

    url: str
    looked_at: set[tuple[str, str]] = field(default_factory=set)  # of servers that keep no keyword: UIDVALIDITY, UID
    connection: imaplib.IMAP4 | None = None
    validity: str = ""
    keeps_keywords: bool = False

    def __repr__(self) -> str:
        return "Mailbox()"  # the password must not reach a log

    def open(self) -> None:
        """Connect, sign in and select the folder."""
        parts = urlsplit(self.url)
        host, tls = parts.hostname or "", parts.scheme == "imaps"
        here = _is_loopback(host)
        context = ssl.create_default_context()
        if here:  # a local server's certificate is its own, and there is no network to listen on
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with _failing():
            if tls:
                self.connection = imaplib.IMAP4_SSL(host, parts.port or 993, ssl_context=context, timeout=PATIENCE)
            else:
                self.connection = imaplib.IMAP4(host, parts.port or 143, timeout=PATIENCE)
                if "STARTTLS" in self.connection.capabilities:
                    self.connection.starttls(context)
                elif not here:
                    raise MailboxUnusable("the server offers no encryption: the password was not sent")
            self.connection.login(unquote(parts.username or ""), unquote(parts.password or ""))
            folder = unquote(parts.path.strip("/")) or "INBOX"
            answer, _ = self.connection.select('"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"')
            if answer != "OK":
                raise MailboxUnusable("there is no such folder")
            self.validity = self._told("UIDVALIDITY")
            self.keeps_keywords = "\\*" in self._told("PERMANENTFLAGS")

    def unread(self) -> list[str]:
        """The UIDs of what nobody has read and we have not looked at, oldest first."""
        wanted = ["UNSEEN", "UNKEYWORD", KEYWORD] if self.keeps_keywords else ["UNSEEN"]
        found = (self._uid("SEARCH", *wanted)[0] or b"").decode().split()
        return [uid for uid in found if (self.validity, uid) not in self.looked_at][:AT_ONCE]

    def message(self, uid: str) -> bytes | None:
        """The message, without marking it as read; None when it is too big, or gone."""
        size = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(_bytes(self._uid("FETCH", uid, "(RFC822.SIZE)"))))
        if size is None or int(size.group(1)) > MOST_BYTES:
            return None
        for part in self._uid("FETCH", uid, "(BODY.PEEK[])"):
            if isinstance(part, tuple) and isinstance(part[1], bytes):
                return part[1]
        return None

    def mark(self, uid: str, *, seen: bool) -> None:
        """Note that it was looked at; `seen`: nobody else needs to read it."""
        flags = [flag for flag, on in (("\\Seen", seen), (KEYWORD, self.keeps_keywords)) if on]
        self.looked_at.add((self.validity, uid))
        if flags:
            self._uid("STORE", uid, "+FLAGS.SILENT", f"({' '.join(flags)})")

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                connection.logout()

    @property
    def _connected(self) -> imaplib.IMAP4:
        if self.connection is None:
            raise MailboxUnusable("it is not open")
        return self.connection

    def _told(self, name: str) -> str:
        _, values = self._connected.response(name)
        return b" ".join(_bytes(values)).decode("ascii", "replace")

    def _uid(self, command: str, *arguments: str) -> list[Any]:
        with _failing():
            answer, data = self._connected.uid(command, *arguments)
            if answer != "OK":
                raise MailboxUnusable(f"the server refuses {command}")
            return data


async def poll(mailbox: Mailbox, post: Post) -> int:
    """Read what is new; how many messages. Raises `MailboxUnusable`."""
    read = 0
    try:
        await _in_thread(mailbox.open)
        for uid in await _in_thread(mailbox.unread):
            raw = await _in_thread(mailbox.message, uid)
            try:
                done = Done.FOREIGN if raw is None else await receive(raw, post=post, now=utc_now())
            except Exception as error:  # of the database: not marked, so that it is read next time
                log.error("a message could not be read now (%s): it will be", type(error).__name__)
                continue
            await _in_thread(mailbox.mark, uid, seen=done is not Done.FOREIGN)
            read += 1
    finally:
        await _in_thread(mailbox.close)
    return read


async def run(post: Post, stopping: asyncio.Event) -> None:
    """Look now and every minute until `stopping`; a little later each time while the server is away."""
    mailbox, seconds = Mailbox(post.settings.inbound_imap), EVERY
    while not stopping.is_set():
        try:
            read = await poll(mailbox, post)
            seconds = EVERY
            if read:
                log.info("%d messages of the mailbox were looked at", read)
        except MailboxUnusable as error:
            seconds = min(seconds * 2, LONGEST_PAUSE)
            log.error("the mailbox cannot be read (%s); next try in %.0f s", error, seconds)
        await pause(stopping, seconds)


async def _in_thread(work: Callable[..., T], *args: Any, **more: Any) -> T:
    return await asyncio.to_thread(work, *args, **more)


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """What imaplib and the network say, as one exception without their words: they may hold an address."""
    try:
        yield
    except (imaplib.IMAP4.error, OSError, ValueError) as error:
        said = re.search(r"\[(AUTHENTICATIONFAILED|UNAVAILABLE|LIMIT|ALERT|OVERQUOTA)\]", str(error))
        raise MailboxUnusable(said.group(1).lower() if said else type(error).__name__) from None


def _bytes(values: Any) -> list[bytes]:
    return [value for value in values or () if isinstance(value, bytes)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
