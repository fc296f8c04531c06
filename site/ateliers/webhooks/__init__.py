"""Webhooks: a partner's address is told what became of the sessions it follows. Never who booked: how many.

Nothing on the way of a booking writes for them. A worker compares what it said last with what is now, in one
transaction with the messages that tell the difference: what changed twice meanwhile is told once, and a crash loses
nothing. Messages are Standard Webhooks (https://www.standardwebhooks.com): signed, the same id at each attempt.
"""

from ateliers.webhooks.delivery import WebhookTransport
from ateliers.webhooks.guard import UnsafeAddress, check_address
from ateliers.webhooks.subscriptions import (
    EVENTS,
    MOST_WEBHOOKS,
    Webhook,
    WebhookState,
    alive,
    end,
    mine,
    ping,
    recent,
    resume,
    secret_of,
    subscribe,
)
from ateliers.webhooks.watching import look, look_at_all

__all__ = [
    "EVENTS",
    "MOST_WEBHOOKS",
    "UnsafeAddress",
    "Webhook",
    "WebhookState",
    "WebhookTransport",
    "alive",
    "check_address",
    "end",
    "look",
    "look_at_all",
    "mine",
    "ping",
    "recent",
    "resume",
    "secret_of",
    "subscribe",
]
