"""The gazetteer as one types: figures of `make bench`, one a line, `name: value unit`."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from geo.communes import Gazetteer
from geo.points import Box, Point

PEOPLE = 400
SEED = 23


def typed_by(gazetteer: Gazetteer, people: int, seed: int) -> list[str]:
    """What the field holds after each key, for people who look for towns in proportion of their inhabitants.

    One in six makes a typo and goes on, one in six types a postcode, one in six leaves out the accents and hyphens.
    """
    draw = random.Random(seed)  # noqa: S311 - a benchmark, the same each time
    communes = list(gazetteer)
    towns = draw.choices(communes, [commune.population + 200 for commune in communes], k=people)
    states: list[str] = []
    for number, town in enumerate(towns):
        text = town.name
        if number % 6 == 1:
            text = town.postcodes[0] if town.postcodes else text
        elif number % 6 == 3:
            text = text.lower().replace("-", " ").replace("é", "e").replace("è", "e")
        elif number % 6 == 5 and len(text) > 4:
            at = draw.randrange(1, len(text) - 1)
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        states.extend(text[:end] for end in range(1, len(text) + 1))
    return states


def bench_suggest(path: Path) -> None:
    """Print the figures of the table at ``path``. Nothing is warm: each text is asked of a gazetteer without cache."""
    start = time.perf_counter()
    gazetteer = Gazetteer.open(path)
    print(f"gazetteer open: {(time.perf_counter() - start) * 1000:.2f} ms")
    print(f"gazetteer file: {path.stat().st_size / 1e6:.2f} MB")
    states = typed_by(gazetteer, PEOPLE, SEED)
    uncached = gazetteer._suggestions
    times = sorted(_ms(lambda text=text: uncached.suggest(text, 8)) for text in states)
    print(f"suggest keys typed: {len(times)} keys")
    print(f"suggest median: {statistics.median(times):.3f} ms")
    print(f"suggest p99: {times[int(len(times) * 0.99)]:.3f} ms")
    print(f"suggest worst: {times[-1]:.3f} ms")
    finds = sorted(_ms(lambda label=commune.label: gazetteer.find(label)) for commune in list(gazetteer)[::50])
    print(f"find a label median: {statistics.median(finds):.3f} ms")
    nearest = [_ms(lambda: gazetteer.nearest(Point(46.1, 1.9))) for _ in range(9)]
    print(f"nearest commune median: {statistics.median(nearest):.2f} ms")
    labels = [_ms(lambda: gazetteer.in_box(Box(41, -5, 51, 10), 24)) for _ in range(9)]
    print(f"map labels of France median: {statistics.median(labels):.2f} ms")


def _ms(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000
