"""A circuit breaker: after some failures in a row, stop asking for a while, then try once."""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Opens after ``failures`` in a row, for ``pause`` seconds, doubled at each failed trial up to ``longest``.

    When the pause is over one question goes through as a trial, the others still do not: a server that comes
    back is not knocked over, and one that hangs costs a single time-out. ``clock`` never goes back (seconds).
    """

    def __init__(
        self,
        failures: int = 4,
        pause: float = 30.0,
        longest: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._first_pause = pause
        self._longest = longest
        self._clock = clock
        self._in_a_row = 0
        self._pause = pause
        self._open_until: float | None = None
        self._trial = False
        self._worked_at: float | None = None

    @property
    def is_open(self) -> bool:
        """True while questions are refused; no longer when the time of a trial has come."""
        return self._open_until is not None and (self._trial or self._clock() < self._open_until)

    def lets_through(self) -> bool:
        """May this question be asked? Whoever is told yes must say `worked` or `failed` afterwards."""
        if self._open_until is None:
            return True
        if self.is_open:
            return False
        self._trial = True
        return True

    def worked_within(self, seconds: float) -> bool:
        """Is the last good answer younger than that, and nothing broken since?"""
        return self._open_until is None and self._worked_at is not None and self._clock() - self._worked_at < seconds

    def worked(self) -> None:
        self._worked_at = self._clock()
        # A late answer to a question asked before the opening is good news too.
        self._in_a_row, self._pause, self._open_until, self._trial = 0, self._first_pause, None, False

    def failed(self) -> None:
        if self._trial:
            self._pause = min(self._pause * 2, self._longest)
            self._open_until, self._trial = self._clock() + self._pause, False
            return
        self._in_a_row += 1
        if self._in_a_row >= self._limit and self._open_until is None:
            self._open_until = self._clock() + self._pause
