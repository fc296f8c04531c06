"""How a text leaves the house: by a provider's HTTP interface, or into a folder. Chosen by SMS_URL.

The generic interface, for whatever stands between us and the network (a modem, another provider's adapter):

    POST {address}                        Content-Type: application/json    Idempotency-Key: {id}
    {"id": …, "to": "+33…", "from": …, "text": …, "callback": "https://…"}

Any 2xx takes the text; the same id twice is one text. 401 to 404: our settings are wrong, nothing leaves until they are
mended. 408, 409, 425, 429 and 5xx: later. Any other 4xx: never. What became of it is POSTed to `callback`, as often as one
likes: {"id": …, "status": "delivered" | "failed" | "sent", "reason": …}.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, unquote, urlsplit

import aiohttp

from ateliers.database import utc_now
from ateliers.outbox import Delayed, Refused, Unreachable
from ateliers.sms.gsm7 import size

PATIENCE = timedelta(seconds=20)
OVH = "https://eu.api.ovh.com/1.0"
LATER = {408, 409, 425, 429}
NEVER_ANSWERS = "+33639980099"  # in a demonstration, this invented phone is always off


@dataclass(frozen=True)
class Text:
    """One text to be sent. `name` is ours, the same at each attempt; it is dropped after `valid`."""

    name: str
    number: str
    words: str
    valid: timedelta


@dataclass(frozen=True)
class Taken:
    """The provider's own name for it, and what is known at once: "sent", or "delivered", "failed" in a demonstration."""

    name: str
    state: str = "sent"


class Gateway(Protocol):
    """One way out. Raises `outbox.Refused`, `Delayed` or `Unreachable`; their text holds no number."""

    async def find(self, name: str) -> Taken | None:
        """Whether a text of an attempt that nobody saw the end of was taken after all; None where one cannot know."""

    async def send(self, text: Text) -> Taken:
        """Hand over one text."""

    async def close(self) -> None:
        """End of a batch."""


def open_gateway(url: str, *, sender: str = "", callback: str = "") -> Gateway:
    """The gateway that SMS_URL names; nothing is connected yet. Raises ValueError, with a sentence, for anything else.

    `file:FOLDER`; `https+json://[user:password@]host[:port]/path` (Basic; a password alone is a Bearer token);
    `ovh://application-key:application-secret@service-name?consumer=consumer-key`.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "file":
        if not rest.removeprefix("//"):
            raise ValueError("it names no folder: write for example file:var/sms")
        return FileGateway(Path(rest.removeprefix("//")), sender)
    if scheme not in {"https+json", "http+json", "ovh"}:
        raise ValueError(f"it starts with {scheme!r}, but only file:, https+json:// and ovh:// are supported")
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise ValueError("its port is not a number from 1 to 65535") from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not parts.hostname:
        raise ValueError("it names no host")
    if scheme == "ovh":
        query = parse_qs(parts.query)
        consumer = query.get("consumer", [""])[0]
        if not (user and password and consumer):
            raise ValueError("write ovh://application-key:application-secret@service-name?consumer=consumer-key")
        return OvhGateway(parts.hostname, user, password, consumer, sender, query.get("endpoint", [OVH])[0].rstrip("/"))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{scheme.removesuffix('+json')}://{host}{port}{parts.path or '/'}" + (
        f"?{parts.query}" if parts.query else ""
    )
    headers = {}
    if user:
        headers["Authorization"] = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    elif password:
        headers["Authorization"] = f"Bearer {password}"
    return JsonGateway(address, sender, callback, headers)


@dataclass
class FileGateway:
    """A folder of texts, one JSON file each: the demonstration's phones."""

    folder: Path
    sender: str = ""

    async def find(self, name: str) -> Taken | None:
        return None  # written again under its own name, it is one text

    async def send(self, text: Text) -> Taken:
        try:
            await asyncio.to_thread(self._write, text)
        except OSError as error:
            raise Unreachable(f"the folder of texts cannot be written: {error.strerror}") from None
        return Taken(text.name, "failed" if text.number == NEVER_ANSWERS else "delivered")

    def _write(self, text: Text) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {"to": text.number, "from": self.sender, "text": text.words, "at": utc_now().isoformat()}
        draft = self.folder / f".{secrets.token_hex(4)}"
        draft.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        draft.replace(self.folder / f"{text.name}.json")

    async def close(self) -> None:
        """Nothing stays open between texts."""


@dataclass
class _HttpGateway:
    _client: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)

    async def _ask(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        """Status and JSON of one answer, None where it is none. Raises Delayed, Unreachable."""
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=8), trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        sent = {"Content-Type": "application/json", "User-Agent": "Ateliers-SMS/1"} | headers
        try:
            async with self._client.request(
                method, url, data=body or None, headers=sent, allow_redirects=False
            ) as answer:
                told = await answer.content.read(20_000)
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"no connection to the SMS provider: {type(error).__name__}") from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Delayed(f"the connection broke: {type(error).__name__}") from None
        try:
            return answer.status, json.loads(told)
        except (ValueError, RecursionError):
            return answer.status, None

    @staticmethod
    def _judge(status: int) -> None:
        """Raise what a status other than 2xx means."""
        if 200 <= status < 300:
            return
        if status in {401, 402, 403, 404} or 300 <= status < 400:
            # Our own key, credit or address: a mistake of settings, which must not kill every text of the day.
            raise Unreachable(f"the SMS provider answers {status}: look at SMS_URL and at its credit")
        raise (Delayed if status in LATER or status >= 500 else Refused)(str(status))

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()


@dataclass
class JsonGateway(_HttpGateway):
    """The generic interface: see the module."""

    url: str
    sender: str
    callback: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    async def find(self, name: str) -> Taken | None:
        return None  # the interface itself promises that the same id twice is one text

    async def send(self, text: Text) -> Taken:
        told = {
            "id": text.name, "to": text.number, "from": self.sender, "text": text.words, "callback": self.callback,
        }  # fmt: skip
        body = json.dumps(told, ensure_ascii=False).encode()
        status, answer = await self._ask("POST", self.url, body, self.headers | {"Idempotency-Key": text.name})
        self._judge(status)
        theirs = answer.get("id") if isinstance(answer, dict) else None
        return Taken(theirs[:80] if isinstance(theirs, str) else text.name)


@dataclass
class OvhGateway(_HttpGateway):
    """OVHcloud's SMS API (https://eu.api.ovh.com/console/?section=%2Fsms): `POST /sms/{serviceName}/jobs`.

    Each request is signed: SHA-1 of secret, consumer key, method, address, body and time, joined by plus signs. It
    promises nothing for a text sent twice; but what was sent is found by its `tag`, which is our name for it.
    """

    service: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    consumer: str = field(repr=False)
    sender: str = ""
    endpoint: str = OVH
    _ahead: float | None = field(default=None, init=False, repr=False)  # their clock before ours, in seconds

    async def find(self, name: str) -> Taken | None:
        status, answer = await self._signed("GET", f"/sms/{quote(self.service)}/outgoing?tag={quote(name)}")
        self._judge(status)
        return Taken(str(answer[0])) if isinstance(answer, list) and answer else None

    async def send(self, text: Text) -> Taken:
        job: dict[str, Any] = {
            "message": text.words, "receivers": [text.number], "charset": "UTF-8", "class": "phoneDisplay",
            "coding": "8bit" if size(text.words).wide else "7bit", "noStopClause": True, "priority": "high",
            "tag": text.name, "validityPeriod": max(5, min(2880, round(text.valid / timedelta(minutes=1)))),
        }  # fmt: skip
        job |= {"sender": self.sender} if self.sender else {"senderForResponse": True}
        status, answer = await self._signed("POST", f"/sms/{quote(self.service)}/jobs", json.dumps(job).encode())
        self._judge(status)
        ids = answer.get("ids") if isinstance(answer, dict) else None
        if not ids:
            raise Refused("the provider calls the number invalid")
        return Taken(str(ids[0])[:80])

    async def _signed(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        if self._ahead is None:
            status, told = await self._ask("GET", f"{self.endpoint}/auth/time", b"", {})
            self._ahead = told - utc_now().timestamp() if status == 200 and isinstance(told, int) else 0.0
        url, stamp = f"{self.endpoint}{path}", str(round(utc_now().timestamp() + self._ahead))
        signed = "+".join((self.secret, self.consumer, method, url, body.decode(), stamp))
        digest = hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324 - their protocol
        headers = {
            "X-Ovh-Application": self.key, "X-Ovh-Consumer": self.consumer, "X-Ovh-Timestamp": stamp,
            "X-Ovh-Signature": f"$1${digest}",
        }  # fmt: skip
        return await self._ask(method, url, body, headers)
