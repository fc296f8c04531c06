"""All that goes on beside the pages, in `ateliers work` and in the one process of `ateliers up`: one list for both."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ateliers import opendata, outbox, retention, sms
from ateliers.alerts import telling as alerts
from ateliers.bookings import addresses, reminders
from ateliers.bookings.notices import Post
from ateliers.bookings.waiting_list import worker as waiting_list
from ateliers.feedback import thanks
from ateliers.webhooks import worker as webhooks


def rounds_of(post: Post, stopping: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
    """Each round, to be run until `stopping`; the database must be open. Any number of processes may run them."""
    settings = post.settings
    return [
        outbox.run_worker(settings, stopping, post.letter_of),
        sms.run(settings, stopping),
        waiting_list.run(post, stopping),
        reminders.run(post, stopping),
        thanks.run(post, stopping),
        addresses.run(stopping),
        alerts.run(settings, post.secret, stopping),
        webhooks.run(settings, stopping),
        opendata.run(settings, stopping),
        retention.run(stopping),
    ]
