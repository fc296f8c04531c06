"""Providers of text messages on real sockets: the generic interface, and OVHcloud's as its documentation has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from ateliers.outbox import Delivered, deliver_due
from ateliers.settings import Settings
from ateliers.sms import SmsTransport, TextMessage, gateway_of, receipts
from ateliers.sms.messages import CHANNEL
from tests import world

KEY, SECRET, CONSUMER, SERVICE = (
    "7kbG7Bk7S9Nt7ZSV",
    "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
    "MtSwSrPpNjqfVSmJ",
    "sms-ab12345-1",
)


@dataclass
class Provider:
    """What it took, and the statuses it will answer in turn before it takes more; "drop" takes it and hangs up."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    forged: int = 0
    ahead: int = 0
    port: int = 0

    @property
    def json_url(self) -> str:
        return f"http+json://agent:mot%20de%20passe@127.0.0.1:{self.port}/send"

    @property
    def ovh_url(self) -> str:
        return f"ovh://{KEY}:{SECRET}@{SERVICE}?consumer={CONSUMER}&endpoint=http://127.0.0.1:{self.port}/1.0"

    def _answer(self, request: web.Request, told: dict[str, Any], answer: Any) -> web.Response:
        status = self.answers.pop(0) if self.answers else 200
        if status in {200, "drop"}:
            self.taken.append(told)
            self.headers.append(dict(request.headers))
        if status == "drop":
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        return web.json_response(answer, status=int(status))

    async def generic(self, request: web.Request) -> web.Response:
        told = await request.json()
        assert set(told) == {"id", "to", "from", "text", "callback"}
        assert request.headers["Idempotency-Key"] == told["id"]
        if any(each["id"] == told["id"] for each in self.taken):
            return web.json_response({"id": f"p-{told['id']}"})
        return self._answer(request, told, {"id": f"p-{told['id']}"})

    async def time(self, request: web.Request) -> web.Response:
        return web.json_response(int(datetime.now(UTC).timestamp()) + self.ahead)

    async def jobs(self, request: web.Request) -> web.Response:
        if not await self._signed(request):
            return web.json_response({"message": "Invalid signature", "httpCode": "403 Forbidden"}, status=403)
        told = json.loads(await request.read())
        if told["receivers"] == ["+33639980404"]:
            report = {"ids": [], "invalidReceivers": told["receivers"], "validReceivers": [], "totalCreditsRemoved": 0}
            return web.json_response(report)
        number = 100_000 + len(self.taken)
        report = {
            "ids": [number], "invalidReceivers": [], "validReceivers": told["receivers"], "totalCreditsRemoved": 1,
        }  # fmt: skip
        return self._answer(request, told | {"id": number}, report)

    async def outgoing(self, request: web.Request) -> web.Response:
        if not await self._signed(request):
            return web.json_response({"message": "Invalid signature"}, status=403)
        tag = request.query["tag"]
        self.lookups.append(tag)
        return web.json_response([each["id"] for each in self.taken if each["tag"] == tag])

    async def _signed(self, request: web.Request) -> bool:
        """As https://docs.ovh.com ("First steps with the API") has it: "$1$" + SHA-1(AS+CK+METHOD+QUERY+BODY+TSTAMP)."""
        stamp, body = request.headers["X-Ovh-Timestamp"], (await request.read()).decode()
        url = f"http://127.0.0.1:{self.port}{request.raw_path}"
        text = f"{SECRET}+{CONSUMER}+{request.method}+{url}+{body}+{stamp}"
        ours = "$1$" + hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - their protocol
        near = abs(int(stamp) - datetime.now(UTC).timestamp() - self.ahead) < 30
        good = request.headers["X-Ovh-Signature"] == ours and near
        good = good and (request.headers["X-Ovh-Application"], request.headers["X-Ovh-Consumer"]) == (KEY, CONSUMER)
        self.forged += not good
        return good


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """Serve both interfaces on one free port for the time of the block."""
    made, app = Provider(), web.Application()
    app.router.add_post("/send", made.generic)
    app.router.add_get("/1.0/auth/time", made.time)
    app.router.add_post(f"/1.0/sms/{SERVICE}/jobs", made.jobs)
    app.router.add_get(f"/1.0/sms/{SERVICE}/outgoing", made.outgoing)
    async with TestServer(app) as server:
        assert server.port is not None
        made.port = server.port
        yield made


async def deliver(settings: Settings, now: datetime, *, ahead: timedelta = timedelta()) -> Delivered:
    """One batch of texts, as the worker sends it, at `now`."""
    transport = SmsTransport(gateway_of(settings), settings, clock=lambda: now)
    return await deliver_due(transport, now + ahead, channel=CHANNEL)


async def arrived(text: TextMessage, now: datetime, state: str = "delivered") -> None:
    """The receipt of one text."""
    assert await receipts.note(receipts.Receipt(text.key, state), now)


def texting(url: str, **more: object) -> Settings:
    """Settings of a test with texts."""
    return world.settings(sms_url=url, **more)
