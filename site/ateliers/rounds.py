"""The rounds of a worker: look now, then again and again, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable


async def rounds(
    look: Callable[[], Awaitable[None]], *, every: float, stopping: asyncio.Event, log: logging.Logger, trouble: str
) -> None:
    """Await `look()` now and every `every` seconds until `stopping`.

    What it raises is logged as `trouble`, and tried again the next time: a database that is away comes back, and a
    worker that stopped would stop everybody's letters.
    """
    while not stopping.is_set():
        try:
            await look()
        except Exception:
            log.exception(trouble)
        await pause(stopping, every)


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """So many seconds, or until `stopping`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
