"""The power goes between two statements of a transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from ateliers.database import unit_of_work
from ateliers.refusals import Refusal


class Crash(Exception):
    """The power goes."""


async def crashing(act: Callable[[], Awaitable[Any]], after: int) -> None:
    """Do it, and let the power go at the `after`-th statement, or before the commit: it must not have happened."""

    async def work(tx: Any) -> None:
        seen = 0

        def counting(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def counted(*args: Any, **more: Any) -> Any:
                nonlocal seen
                seen += 1
                if seen > after:
                    raise Crash
                return await original(*args, **more)

            return counted

        for name in ("execute_insert", "execute_many", "execute_query", "execute_query_dict"):
            setattr(tx, name, counting(getattr(tx, name)))
        await act()
        raise Crash

    with contextlib.suppress(Crash, Refusal):
        await unit_of_work(work)
