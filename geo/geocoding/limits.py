"""What keeps us a good customer of a public service: a rate that is never passed, answers that are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar


class TokenBucket:
    """Lets ``rate`` questions a second through, and ``burst`` at once after a quiet while."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    def take(self) -> bool:
        """True when one more question may be asked now."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


Kept = TypeVar("Kept")


class Cache(Generic[Kept]):
    """The ``size`` answers last used, each for at most the seconds given with it."""

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        self._answers: OrderedDict[str, tuple[float, Kept]] = OrderedDict()

    def get(self, key: str) -> Kept | None:
        """The answer kept for ``key``, or None."""
        kept = self._answers.get(key)
        if kept is None:
            return None
        until, answer = kept
        if self._clock() >= until:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        return answer

    def keep(self, key: str, answer: Kept, seconds: float) -> None:
        self._answers[key] = self._clock() + seconds, answer
        self._answers.move_to_end(key)
        while len(self._answers) > self._size:
            self._answers.popitem(last=False)
