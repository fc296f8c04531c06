"""A message leaves: signed, to a public address, once a redirect-free POST; and what becomes of an address that fails."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from datetime import timedelta

import aiohttp

from ateliers import totp
from ateliers.database import utc_now
from ateliers.outbox import Delayed, Refused
from ateliers.webhooks.guard import PublicResolver, UnsafeAddress, check_address
from ateliers.webhooks.subscriptions import Webhook

log = logging.getLogger(__name__)
PATIENCE = timedelta(seconds=15)
GIVE_UP = timedelta(days=5)  # of failures without a success: then it is paused, and its owner sees so
AGENT = "Ateliers-Webhooks/1"


class WebhookTransport:
    """The outbox's way to webhooks. `private` allows addresses of one's own network, for tests and intranets."""

    def __init__(self, secret: bytes, *, private: bool = False) -> None:
        self.secret = secret
        self.private = private
        self.patience = PATIENCE
        self._client: aiohttp.ClientSession | None = None

    async def send(self, recipient: str, message: bytes) -> None:
        """Hand over one message: `id`, line feed, JSON body. Raises Refused or Delayed."""
        webhook = await Webhook.get_or_none(id=int(recipient.removeprefix("webhook:")))
        if webhook is None or webhook.ended_at is not None or webhook.paused_at is not None:
            raise Refused("nobody is told any more")
        name, _, body = message.partition(b"\n")
        try:
            check_address(webhook.url, private=self.private)
            key = base64.b64decode(totp.unseal(webhook.secret_sealed, self.secret, owner=webhook.recipient))
        except (UnsafeAddress, totp.Unsealable) as error:
            await self._pause(webhook)
            raise Refused(type(error).__name__) from None
        stamp = str(int(utc_now().timestamp()))
        headers = {
            "Content-Type": "application/json", "User-Agent": AGENT, "webhook-id": name.decode(),
            "webhook-timestamp": stamp, "webhook-signature": signature(key, name, stamp, body),
        }  # fmt: skip
        try:
            status = await self._post(webhook.url, body, headers)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            await self._failed(webhook, f"no answer: {type(error).__name__}")
        else:
            if status == 410:
                await self._pause(webhook)
                raise Refused("410: the address wants no more")
            if not 200 <= status < 300:
                await self._failed(webhook, str(status))
        if webhook.failing_since is not None:
            await Webhook.filter(id=webhook.id).update(failing_since=None)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        if self._client is None:
            connector = aiohttp.TCPConnector(resolver=None if self.private else PublicResolver(), use_dns_cache=False)
            self._client = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=10), trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )  # fmt: skip
        async with self._client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status  # what it says is of no use, and may be endless: it is not read

    async def _failed(self, webhook: Webhook, reason: str) -> None:
        now = utc_now()
        if webhook.failing_since is None:
            await Webhook.filter(id=webhook.id, failing_since__isnull=True).update(failing_since=now)
        elif now - webhook.failing_since > GIVE_UP:
            await self._pause(webhook)
            raise Refused(reason)
        raise Delayed(reason)

    async def _pause(self, webhook: Webhook) -> None:
        log.warning("webhook %s is paused", webhook.id)
        await Webhook.filter(id=webhook.id, paused_at__isnull=True).update(paused_at=utc_now())

    async def close(self) -> None:
        """End of a batch."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def signature(key: bytes, name: bytes, stamp: str, body: bytes) -> str:
    """`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body` (Standard Webhooks, "Signature scheme")."""
    signed = b".".join((name, stamp.encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"
