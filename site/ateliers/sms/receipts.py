"""What became of a text, as the provider tells: by calling an address that only it knows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q

from ateliers.settings import Settings
from ateliers.sms.messages import KEY_CHARACTERS, TextMessage

PATH = "/sms/recus"
_OVH = {
    "1": "delivered",
    "2": "failed",
    "16": "failed",
}  # the others are on the way: 0, 4 (buffered), 8 (at the operator's)


class Unreadable(ValueError):
    """No receipt of any form we know."""


@dataclass(frozen=True)
class Receipt:
    """`name` is ours or the provider's; `state` is delivered, failed, or empty for what changes nothing."""

    name: str
    state: str
    reason: str = ""


def receipt_key(secret: bytes) -> str:
    """The unguessable end of the address that receipts come to: 130 bits."""
    digest = hmac.new(secret, b"sms:receipts", hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:26].lower()


def receipt_url(settings: Settings) -> str:
    """What the provider is told to call."""
    return f"{settings.base_url}{PATH}/{receipt_key(settings.secret())}"


def of_query(query: Mapping[str, str]) -> Receipt:
    """OVHcloud calls back by GET: `id` is the message's, `dlr` how it went. Raises Unreadable."""
    name, code = query.get("id", ""), query.get("dlr", "")
    if not (name.isascii() and name.isdigit() and code.isascii() and code.isdigit() and len(name) < 20):
        raise Unreadable
    return Receipt(
        name, _OVH.get(code, ""), f"ptt {query.get('ptt', '')[:10]}" if query.get("ptt", "").isdigit() else ""
    )


def of_body(body: bytes) -> Receipt:
    """The generic interface: `{"id": ours, "status": "delivered" | "failed" | "sent", "reason": words}`. Raises Unreadable."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable from None
    name, status = (told.get("id"), told.get("status")) if isinstance(told, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(status, str) or not 0 < len(name) <= 80:
        raise Unreadable
    reason = told.get("reason")
    words = "".join(sign for sign in reason if sign.isprintable())[:100] if isinstance(reason, str) else ""
    return Receipt(name, status if status in {"delivered", "failed"} else "", words)


async def note(receipt: Receipt, now: datetime) -> bool:
    """Write it down; False when we know no such text. Delivered is for good: phones that were off get their texts late."""
    if not receipt.name or "\0" in receipt.name:
        return False
    known = Q(provider_id=receipt.name)
    if len(receipt.name) <= KEY_CHARACTERS:
        known |= Q(key=receipt.name)
    named = TextMessage.filter(known)
    if not await named.exists():
        return False
    before = {"delivered": ("waiting", "sent", "failed"), "failed": ("waiting", "sent")}.get(receipt.state)
    if before is not None:
        # Nothing that was never handed over can have arrived.
        changed = named.filter(tried_at__isnull=False, state__in=before)
        await changed.update(state=receipt.state, state_at=now, reason=receipt.reason)
    return True
