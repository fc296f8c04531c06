"""How figures are said: one a line, `name: value unit`, and medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable


def say(name: str, value: float, unit: str) -> None:
    """Print one figure."""
    print(f"{name}: {value:.4g} {unit}", flush=True)


def remark(text: str) -> None:
    """Print what a figure needs to be understood, or why there is none."""
    print(f"# {text}", flush=True)


def median(values: Iterable[float]) -> float:
    """The middle of them."""
    return statistics.median(values)


def median_ms(work: Callable[[], object], times: int) -> float:
    """Median of one call, in milliseconds."""
    spans = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spans.append(time.perf_counter() - began)
    return statistics.median(spans) * 1000
