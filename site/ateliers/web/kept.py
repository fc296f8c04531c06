"""Answers kept for a while in this process, because they cost more than they change."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable


class Kept:
    """At most `most` answers, each for `seconds`; the one not asked for the longest goes first."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.seconds = seconds
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    async def get(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer of `key`, made where it is not kept or too old. Nothing is kept of a `make` that raises."""
        ends, answer = self._answers.get(key, (0.0, b""))
        if ends <= self._clock():
            answer = await make()
            self._answers[key] = (self._clock() + self.seconds, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > self.most:
            self._answers.popitem(last=False)
        return answer
