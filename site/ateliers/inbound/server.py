"""The door where a mail server hands messages over: LMTP (RFC 2033) or SMTP, by aiosmtpd.

A message is answered 250 once what it does is committed, 451 when the database is away: the mail server keeps it and comes
again. Whatever cannot be read is answered 250 too and put aside: a refusal would make the mail server write to whoever is
named as its sender, mostly somebody else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from ateliers.bookings.notices import Post
from ateliers.database import utc_now
from ateliers.inbound import receive
from ateliers.inbound.reading import MOST_BYTES

log = logging.getLogger(__name__)
SECONDS = 60.0  # for each command, and for a whole message
MOST_AT_ONCE = 50  # connections
MOST_RECIPIENTS = 100
OVERSIZE = ("552 Error: Too much mail data", "500 Line too long")  # as aiosmtpd words them

# It tells the sender and the recipient of each message, at the level of information.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class _PutsAside:
    """Mixed into aiosmtpd's protocols: what is too long is swallowed, and answered as if it had been read."""

    line_length_limit = 100_000  # Outlook writes longer lines than RFC 5321 §4.5.3.1.6 knows
    envelope: Envelope | None

    async def push(self, status: Any) -> None:
        if isinstance(status, str) and status.startswith(OVERSIZE):
            log.warning("a message was put aside: too big")
            status = _for_each(self.envelope, isinstance(self, LMTP), "250 2.0.0 Put aside")
        await super().push(status)  # type: ignore[misc]


class _Lmtp(_PutsAside, LMTP):
    pass


class _Smtp(_PutsAside, SMTP):
    pass


class Door:
    """What is done with each message; see aiosmtpd's handlers."""

    def __init__(self, post: Post, *, lmtp: bool) -> None:
        self.post, self.lmtp, self.inside = post, lmtp, 0
        self.relays = [ipaddress.ip_network(each, strict=False) for each in post.settings.inbound_relays]

    async def handle_MAIL(  # noqa: N802 - named by aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        if not self._is_relay(session):
            log.warning("a server that is not in INBOUND_RELAYS was turned away")
            return "554 5.7.1 This server takes mail from its own relay only"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        try:
            await receive(content, post=self.post, now=utc_now(), recipients=envelope.rcpt_tos)
        except Exception as error:  # of the database: it may be there next time
            log.error("a message could not be read now (%s): the relay brings it again", type(error).__name__)
            return _for_each(envelope, self.lmtp, "451 4.3.0 Try again later")
        return _for_each(envelope, self.lmtp, "250 2.0.0 OK")

    def _is_relay(self, session: Session) -> bool:
        try:
            peer = ipaddress.ip_address(str((session.peer or ("",))[0]))
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self.relays)


def _for_each(envelope: Envelope | None, lmtp: bool, status: str) -> str:
    """In LMTP, each recipient has an answer of its own (RFC 2033 §4.2)."""
    return "\r\n".join([status] * (len(envelope.rcpt_tos) if lmtp and envelope is not None else 1))


@asynccontextmanager
async def listening(post: Post, url: str) -> AsyncIterator[int]:
    """Take mail at `url` (`lmtp://host:port`, `smtp://host:port`) for the time of the block; yields the port.

    Raises OSError where nobody may listen there.
    """
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    lmtp = parts.scheme == "lmtp"
    door = Door(post, lmtp=lmtp)
    open_doors: set[SMTP] = set()

    def connected() -> asyncio.BaseProtocol:
        for each in [each for each in open_doors if each.transport is None or each.transport.is_closing()]:
            open_doors.discard(each)
        if len(open_doors) >= MOST_AT_ONCE:
            return _Full()
        made = (_Lmtp if lmtp else _Smtp)(
            door, hostname="ateliers", ident="ateliers", loop=loop, enable_SMTPUTF8=True, data_size_limit=MOST_BYTES,
            timeout=SECONDS,
        )  # fmt: skip
        open_doors.add(made)
        return made

    server = await loop.create_server(connected, parts.hostname, parts.port or 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        for each in open_doors:
            if each.transport is not None:
                each.transport.close()


class _Full(asyncio.Protocol):
    """One connection too many: come again."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"421 4.3.2 Too many connections\r\n")
        transport.close()
