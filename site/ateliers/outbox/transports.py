"""How a letter leaves the house: into a Maildir, or to an SMTP server. Chosen by MAIL_URL."""

from __future__ import annotations

import asyncio
import ipaddress
import mailbox
import re
import ssl
from dataclasses import dataclass
from datetime import timedelta
from email.parser import BytesHeaderParser
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

REPLY_SECONDS = 20  # how long the server may think before each of its replies


class Refused(Exception):
    """The server will never take this letter (SMTP 5xx): trying again would only annoy it."""


class Delayed(Exception):
    """This letter was not taken now (SMTP 4xx, or the connection broke): it may be later."""


class Unreachable(Exception):
    """No letter can leave at all: no server, no disk, or a wrong password. It is not this letter's fault."""


class Transport(Protocol):
    """One way out. `send` raises `Refused`, `Delayed` or `Unreachable`; their text holds no address.

    `patience` is the longest that one `send` may take, connection included; it is given up after that.
    """

    patience: timedelta

    async def send(self, recipient: str, message: bytes) -> None:
        """Hand over one RFC 5322 message to one recipient."""

    async def close(self) -> None:
        """End of a batch: let go of what was opened. `send` may be called again afterwards."""


def open_transport(url: str) -> Transport:
    """The transport that MAIL_URL names; nothing is connected yet.

    `maildir:FOLDER`, `smtp://[user:password@]host[:port]` (STARTTLS when offered; port 25, or 587 with a user),
    `smtps://…` (TLS from the first byte; port 465). Raises ValueError, with a sentence, for anything else.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "maildir":
        folder = rest.removeprefix("//")
        if not folder:
            raise ValueError("MAIL_URL names no folder: write for example maildir:var/mail")
        return MaildirTransport(Path(folder))
    if scheme not in {"smtp", "smtps"}:
        raise ValueError(f"MAIL_URL starts with {scheme!r}, but only maildir:, smtp:// and smtps:// are supported")
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise ValueError("MAIL_URL has a port that is not a number from 1 to 65535") from None
    if not parts.hostname:
        raise ValueError("MAIL_URL names no host: write for example smtp://user:password@mail.example:587")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("MAIL_URL has something after the host and port: encode / ? # in the password (%2F %3F %23)")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError("MAIL_URL needs both a user and a password, or neither")
    tls = scheme == "smtps"
    return SmtpTransport(parts.hostname, port or (465 if tls else 587 if user else 25), user, password, tls)


@dataclass
class MaildirTransport:
    """A Maildir that any mail client opens: each letter is written whole under tmp/, then appears in new/."""

    folder: Path
    patience: timedelta = timedelta(seconds=5)

    async def send(self, recipient: str, message: bytes) -> None:
        try:
            await asyncio.to_thread(self._add, message)
        except OSError as error:
            raise Unreachable(f"the mail folder cannot be written: {error.strerror}") from None

    def _add(self, message: bytes) -> None:
        for part in ("tmp", "new", "cur"):  # mailbox creates them too, but trips over another process that does
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        # On disk, as every program writes there, lines end in LF; CRLF is for the wire.
        mailbox.Maildir(self.folder).add(message.replace(b"\r\n", b"\n"))

    async def close(self) -> None:
        """Nothing stays open between letters."""


@dataclass
class SmtpTransport:
    """An SMTP server (RFC 5321). One connection serves a batch, and is opened again when it breaks."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: bool = False
    patience: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        self._client: aiosmtplib.SMTP | None = None

    def __repr__(self) -> str:
        return f"SmtpTransport({self.host}:{self.port})"  # the password must not reach a log

    async def send(self, recipient: str, message: bytes) -> None:
        client = await self._connected()
        sender = BytesHeaderParser(policy=SMTP_POLICY).parsebytes(message)["From"].addresses[0].addr_spec
        options = [] if (sender + recipient).isascii() else ["SMTPUTF8"]
        try:
            await client.sendmail(sender, [recipient], message, mail_options=options)
        except aiosmtplib.SMTPRecipientsRefused as error:
            first = error.recipients[0]
            await self._after_refusal(client)
            raise _by_code(first.code, first.message) from None
        except aiosmtplib.SMTPSenderRefused as error:
            # Our own address is not welcome: a mistake of settings, which must not kill every letter of the day.
            await self._after_refusal(client)
            raise Delayed(_words(error.code, error.message)) from None
        except aiosmtplib.SMTPNotSupported:
            await self._after_refusal(client)
            raise Refused("the server takes no address outside ASCII (SMTPUTF8)") from None
        except aiosmtplib.SMTPResponseException as error:
            await self._after_refusal(client)
            raise _by_code(error.code, error.message) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            await self.close()
            raise Delayed(f"the connection broke: {type(error).__name__}") from None
        except BaseException:
            # Given up half-way (a time limit): the server waits for the rest of this letter, the next must not be it.
            client.close()
            self._client = None
            raise

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.is_connected:
            try:
                await client.quit(timeout=2)
            except (aiosmtplib.SMTPException, OSError):
                client.close()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        await self.close()
        local = _is_loopback(self.host)
        client = aiosmtplib.SMTP(
            hostname=self.host, port=self.port, use_tls=self.tls, timeout=REPLY_SECONDS,
            validate_certs=not local,  # a local relay's certificate is its own, and there is no network to listen on
        )  # fmt: skip
        try:
            await client.connect()
            if self.user:
                if not local and client.get_transport_info("ssl_object") is None:
                    raise Unreachable("the server offers no encryption: the password was not sent")
                await client.login(self.user, self.password)
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            client.close()
            raise Unreachable(_why_unreachable(error)) from None
        except BaseException:
            client.close()
            raise
        self._client = client
        return client

    async def _after_refusal(self, client: aiosmtplib.SMTP) -> None:
        """Ready the connection for the next letter; one that says 421 is closing (RFC 5321 §3.8)."""
        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            await self.close()


def _why_unreachable(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _words(error.code, error.message)
    return f"no connection to the mail server: {type(error).__name__}"


def _by_code(code: int, message: str) -> Refused | Delayed:
    return (Refused if 500 <= code < 600 else Delayed)(_words(code, message))


def _words(code: int, message: str) -> str:
    """What the server said, without the addresses and links it likes to repeat."""
    clean = re.sub(r"\S*(?:@|://)\S*", "…", " ".join(str(message).split()))
    return f"{code} {''.join(c for c in clean if c.isprintable())}"[:300]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
