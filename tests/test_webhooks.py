"""Webhooks: what is told, signed for a second library, in order, once a change; nothing of a person; no private address."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook as Verifier

from ateliers import bookings, webhooks
from ateliers.bookings import changes, waiting_list
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage, deliver_due
from ateliers.people import Standing, Stay, standing_of
from ateliers.refusals import NotAllowed, NotFound, Unusable
from ateliers.webhooks import UnsafeAddress, Webhook, WebhookState, WebhookTransport, check_address
from ateliers.webhooks.guard import PublicResolver, is_public
from ateliers.workshops import Session
from tests import world

pytestmark = pytest.mark.anyio
database = pytest.mark.usefixtures("database")
BASE = "https://ateliers.example"
SECOND = timedelta(seconds=1)


@dataclass
class Partner:
    """A partner's server: what it received, and the answers it gives in turn before 204."""

    url: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        status = self.answers.pop(0) if self.answers else 204
        if status == 204:
            self.received.append((dict(request.headers), await request.read()))
        elif status == 302:
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        return web.Response(status=status)

    async def elsewhere(self, request: web.Request) -> web.StreamResponse:
        raise AssertionError("a redirect was followed")

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]


@asynccontextmanager
async def partner() -> AsyncIterator[Partner]:
    """Serve on a free port of this machine."""
    found = Partner()
    app = web.Application()
    app.router.add_post("/ateliers", found.take)
    app.router.add_route("*", "/elsewhere", found.elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ateliers"
    try:
        yield found
    finally:
        await runner.cleanup()


async def _me(cast: world.World) -> Standing:
    return await standing_of(cast.amina, utc_now().date())


async def _session(cast: world.World, **more: object) -> Session:
    now = utc_now()
    values: dict[str, object] = {
        "counsellor": cast.amina,
        "organisation": cast.creuse,
        "published_at": now,
        "updated_at": now,
    }
    wall = (now + timedelta(days=9)).replace(tzinfo=None, hour=14, minute=0, second=0, microsecond=0)
    return await world.session(cast.gueret, cast.workshop, wall, **(values | more))


async def _follow(cast: world.World, url: str, **more: Any) -> Webhook:
    options: dict[str, Any] = {"private": True, "secret": world.SECRET, "now": utc_now()}
    return await webhooks.subscribe(await _me(cast), url, webhooks.EVENTS, **(options | more))


async def _tell(at: datetime | None = None) -> None:
    """What the worker does: look, then deliver what is due."""
    now = at or utc_now()
    await webhooks.look_at_all(BASE, now)
    transport = WebhookTransport(world.SECRET, private=True)
    while not (await deliver_due(transport, max(now, utc_now()) + SECOND, channel="webhook")).idle:
        pass


@database
async def test_each_change_is_told_once_in_order_and_signed() -> None:
    cast = await world.build()
    async with partner() as there:
        known = await _session(cast)
        hook = await _follow(cast, there.url)
        await _tell()
        assert there.told == []  # what was there before is not news
        session = await _session(cast, capacity=2)
        await _tell()
        await bookings.book(session.id, world.wish("Chloé Martin"), post=world.post(), now=utc_now())
        await bookings.book(session.id, world.wish("Ben", email="ben@exemple.fr"), post=world.post(), now=utc_now())
        await waiting_list.join(session.id, world.wish("Ana", email="ana@exemple.fr"), post=world.post(), now=utc_now())
        await _tell()
        wall = datetime.fromisoformat(session.starts_local) + timedelta(hours=2)
        await changes.move(session.id, wall=wall, post=world.post(), now=utc_now())
        await _tell()
        await changes.call_off(session.id, reason="La salle est fermée.", post=world.post(), now=utc_now())
        await _tell()
        await _tell()
        assert [each["type"] for each in there.told] == [
            "session.published", "session.places", "session.moved", "session.called_off",
        ]  # fmt: skip
        places, moved, off = (each["data"] for each in there.told[1:])
        assert (places["seats_taken"], places["seats_left"], places["waiting"]) == (2, 0, 1)
        assert moved["previous"]["starts_at"] == session.starts_at.isoformat()
        assert datetime.fromisoformat(moved["starts_at"]) == session.starts_at + timedelta(hours=2)
        assert off["status"] == "cancelled"
        verifier = Verifier(webhooks.secret_of(hook, world.SECRET))
        for headers, body in there.received:
            assert verifier.verify(body.decode(), {name.lower(): value for name, value in headers.items()})
            for word in ("Chloé", "Martin", "exemple.fr", "Ben", "Ana", "Amina", "fermée"):
                assert word not in body.decode()
        assert len({headers["webhook-id"] for headers, _ in there.received}) == 4
        assert known.id not in {each["data"]["id"] for each in there.told}


@database
async def test_what_becomes_private_is_withdrawn_and_a_dated_publication_is_news_on_its_day() -> None:
    cast = await world.build()
    async with partner() as there:
        await _follow(cast, there.url)
        soon = utc_now() + timedelta(hours=1)
        session = await _session(cast, published_at=soon)
        await _tell()
        assert there.told == []
        await _tell(soon + SECOND)
        assert [each["type"] for each in there.told] == ["session.published"]
        await Session.filter(id=session.id).update(private_key="abcdefgh", updated_at=soon + SECOND)
        await _tell(soon + SECOND * 2)
        assert [each["type"] for each in there.told] == ["session.published", "session.withdrawn"]
        assert await WebhookState.all().count() == 0


@database
async def test_an_address_that_fails_is_tried_again_in_order_and_paused_in_the_end() -> None:
    cast = await world.build()
    async with partner() as there:
        hook = await _follow(cast, there.url)
        there.answers = [500, 302, 503]
        await _session(cast)
        await webhooks.look_at_all(BASE, utc_now())
        transport, at = WebhookTransport(world.SECRET, private=True), utc_now()
        identifiers = set()
        for _ in range(4):
            await deliver_due(transport, at, channel="webhook")
            at += timedelta(hours=5)
        assert [each["type"] for each in there.told] == ["session.published"]
        identifiers.update(headers["webhook-id"] for headers, _ in there.received)
        assert (await OutboxMessage.get(channel="webhook")).dedupe_key in identifiers
        await hook.refresh_from_db()
        assert hook.failing_since is None
        # Down for five days: paused, its owner resumes it, and is told from then on.
        await Webhook.all().update(failing_since=utc_now() - timedelta(days=6))
        there.answers = [500]
        await _session(cast)
        await _tell()
        await hook.refresh_from_db()
        assert hook.paused_at is not None
        await _session(cast)
        await _tell()
        assert len(there.told) == 1
        await webhooks.resume(hook, utc_now())
        await _session(cast)
        await _tell()
        assert len(there.told) == 2
        there.answers = [410]
        await webhooks.ping(await Webhook.get(id=hook.id), utc_now())
        await _tell()
        assert (await Webhook.get(id=hook.id)).paused_at is not None


@database
async def test_a_webhook_of_an_organisation_is_its_manager_s_and_ends_for_good() -> None:
    cast = await world.build()
    async with partner() as there:
        with pytest.raises(NotAllowed):
            await _follow(cast, there.url, organisation_id=cast.creuse.id)
        await Stay.filter(counsellor=cast.amina).update(role="manager")
        hook = await _follow(cast, there.url, organisation_id=cast.creuse.id)
        assert (await _follow(cast, there.url, organisation_id=cast.creuse.id)).id == hook.id
        theirs = await _session(cast, counsellor=cast.bruno)
        await _session(cast, counsellor=cast.bruno, organisation=cast.region)
        await _tell()
        assert [each["data"]["id"] for each in there.told] == [theirs.id]
        await webhooks.end(hook, utc_now())
        await _session(cast, counsellor=cast.bruno)
        await _tell()
        assert len(there.told) == 1
        assert await OutboxMessage.filter(channel="webhook").count() == await WebhookState.all().count() == 0
        with pytest.raises(NotFound):
            await webhooks.mine(await _me(cast), hook.id)
        for n in range(webhooks.MOST_WEBHOOKS):
            await _follow(cast, f"{there.url}?{n}")
        with pytest.raises(Unusable):
            await _follow(cast, f"{there.url}?more")


@database
async def test_two_workers_tell_a_change_once() -> None:
    cast = await world.build()
    async with partner() as there:
        await _follow(cast, there.url)
        for _ in range(5):
            await _session(cast)
        await asyncio.gather(*(_tell() for _ in range(4)))
        await _tell()
        assert [each["type"] for each in there.told] == ["session.published"] * 5


def test_only_public_https_addresses_are_taken() -> None:
    check_address("https://agenda.ville.fr/ateliers?cle=1")
    check_address("https://93.184.216.34/x")
    for url, reason in {
        "": "url_bad", "agenda.ville.fr": "url_bad", "ftp://ville.fr": "url_bad", "https://user:pw@ville.fr/": "url_bad",
        "https://ville.fr/#x": "url_bad", "https://ville.fr:99999/": "url_bad", "http://ville.fr/": "url_http",
        "https://localhost/": "url_private", "https://127.0.0.1/": "url_private", "https://127.1/": "url_private",
        "https://2130706433/": "url_private", "https://0x7f000001/": "url_private", "https://10.0.0.1/": "url_private",
        "https://[::1]/": "url_private", "https://[::ffff:10.0.0.1]/": "url_private", "https://[fe80::1]/": "url_private",
        "https://169.254.169.254/latest": "url_private", "https://intranet/": "url_private", "https://nas.local/": "url_private",
    }.items():  # fmt: skip
        with pytest.raises(UnsafeAddress) as refused:
            check_address(url)
        assert refused.value.reason == reason, url
    assert not any(map(is_public, ("64:ff9b::a00:1", "2002:a00:1::", "224.0.0.1", "100.64.0.1", "0.0.0.0", "nonsense")))  # noqa: S104


async def test_a_name_that_points_inside_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def answers(host: str, port: int, **options: Any) -> list[Any]:
        addresses = ["10.1.2.3", "93.184.216.34"] if host == "both.example" else ["192.168.1.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(loop, "getaddrinfo", answers)
    assert [each["host"] for each in await PublicResolver().resolve("both.example", 443)] == ["93.184.216.34"]
    with pytest.raises(OSError, match="no public address"):
        await PublicResolver().resolve("inside.example", 443)


@database
async def test_a_local_service_is_not_reached_when_private_addresses_are_off() -> None:
    cast = await world.build()
    async with partner() as there:
        hook = await _follow(cast, there.url)
        await _session(cast)
        await webhooks.look_at_all(BASE, utc_now())
        await deliver_due(WebhookTransport(world.SECRET), utc_now() + SECOND, channel="webhook")
        assert there.received == []
        assert (await Webhook.get(id=hook.id)).paused_at is not None
        assert (await OutboxMessage.get(channel="webhook")).dead_at is not None
