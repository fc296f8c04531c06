"""The names of a table that match what is typed, best first. Pure search: ranks in, ranks out.

The names lie in one text, biggest commune first, so that a scan meets the best matches first and can stop; the
beginnings of their words are also kept in alphabetical order, for what is rare. Each answer takes well under a
millisecond either way.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import islice

from geo.communes.names import LITTLE_WORDS
from geo.communes.table import Table

_FEW = 300
"""Up to so many words beginning alike are all looked at; beyond, the text is scanned until enough are found."""
_MANY = 20
"""Of the names that begin like a common word with a typo ("sint"), so many of the biggest."""
_ALPHABET = b"abcdefghijklmnopqrstuvwxyz "
_SHORTEST_WITH_TYPO = 4
_SHORTEST_INSIDE = 3


class Match(IntEnum):
    """How a name matches, best first."""

    EXACT = 0
    BEGINS = 1
    WORD_BEGINS = 2
    WORDS_APART = 3
    WHOLE_BUT_TYPO = 4
    """The whole name, one typo away: likelier meant than a longer name, or letters within another."""
    INSIDE = 5
    TYPO = 6
    TYPO_AT_FIRST = 7
    """A first letter is seldom wrong."""

    @property
    def is_sure(self) -> bool:
        """Whether every letter typed is in the name."""
        return self not in (Match.WHOLE_BUT_TYPO, Match.TYPO, Match.TYPO_AT_FIRST)


class Names:
    """The spelt names of a table."""

    def __init__(self, table: Table) -> None:
        self._text = table.names
        self._starts = table.name_starts
        self._words = table.word_starts

    def named(self, spelt: str) -> list[int]:
        """The ranks of the communes that bear exactly this name, biggest first."""
        # The line's end sorts before any letter: names that end there come together among the words.
        first, last = self._span(spelt.encode() + b"\n", 0, len(self._words)) if spelt else (0, 0)
        ends = ((at, self._rank(at)) for at in self._words[first:last])
        return sorted(rank for at, rank in ends if self._starts[rank] == at)

    def misnamed(self, spelt: str) -> list[int]:
        """Those whose name is one typo away, or the same but for its little words, biggest first."""
        if len(spelt) < _SHORTEST_WITH_TYPO:
            return []
        essential = _essential(spelt)
        found = {rank for rank in self._with_words(spelt) if _essential(self._name(rank)) == essential}
        found.update(self._with_typo(spelt)[0])
        return sorted(found)

    def matching(self, spelt: str, limit: int) -> list[tuple[Match, int]]:
        """At most ``limit`` communes, best first: how their name matches, and their rank."""
        found: dict[int, Match] = {}

        def add(how: Match, ranks: Iterable[int]) -> None:
            for rank in ranks:
                if len(found) >= limit:
                    return
                found.setdefault(rank, how)

        typed = spelt.encode()
        if not typed:
            return []
        for how, ranks in self._beginning_with(typed):
            add(how, ranks)
        if len(found) < limit and " " in spelt:
            add(Match.WORDS_APART, self._with_words(spelt))
        near: list[int] = []
        if len(found) < limit and len(typed) >= _SHORTEST_WITH_TYPO and Match.EXACT not in found.values():
            whole, near = self._with_typo(spelt)
            add(Match.WHOLE_BUT_TYPO, (rank for rank in whole if self._text[self._starts[rank]] == typed[0]))
            near = [*whole, *near]
        if len(found) < limit and len(typed) >= _SHORTEST_INSIDE:
            add(Match.INSIDE, self._scan(typed, 0))
        if len(found) < limit and near:
            add(Match.TYPO, (rank for rank in near if self._text[self._starts[rank]] == typed[0]))
            add(Match.TYPO_AT_FIRST, near)
        return sorted((how, rank) for rank, how in found.items())

    def _beginning_with(self, typed: bytes) -> Iterator[tuple[Match, Iterable[int]]]:
        first, last = self._span(typed, 0, len(self._words))
        if last - first > _FEW:
            yield Match.EXACT, self._scan(b"\n" + typed + b"\n", 1)
            yield Match.BEGINS, self._scan(b"\n" + typed, 1)
            yield Match.WORD_BEGINS, self._scan(b" " + typed, 1)
            return
        sorts: dict[Match, list[int]] = {Match.EXACT: [], Match.BEGINS: [], Match.WORD_BEGINS: []}
        for at in self._words[first:last]:
            rank = self._rank(at)
            if self._starts[rank] != at:
                sorts[Match.WORD_BEGINS].append(rank)
            elif self._text[at + len(typed)] == 10:
                sorts[Match.EXACT].append(rank)
            else:
                sorts[Match.BEGINS].append(rank)
        for how, ranks in sorts.items():
            yield how, sorted(ranks)

    def _with_words(self, spelt: str) -> list[int]:
        """Names that have, in any order, a word beginning with each word typed: "villeneuve ascq"."""
        words = [word for word in spelt.split() if word not in LITTLE_WORDS]
        if not words:
            return []
        spans = [self._span(word.encode(), 0, len(self._words)) for word in words]
        first, last = min(spans, key=lambda span: span[1] - span[0])
        rest = [f" {word}" for word in words]
        ranks = {self._rank(at) for at in self._words[first:last]}
        return sorted(rank for rank in ranks if _has_all(f" {self._name(rank)}", rest))

    def _with_typo(self, spelt: str) -> tuple[list[int], list[int]]:
        """Names that are the text but for one typo; and those of which a part, from a word on, begins so."""
        ranks: set[int] = set()
        whole: set[int] = set()
        typed = spelt.encode()
        low, high = 0, len(self._words)
        for at in range(len(typed) + 1):
            # All that begins with the first letters, which are right; the typo is the next one.
            low, high = self._span(typed[:at], low, high)
            if low == high:
                break
            head, here, tail = typed[:at], typed[at : at + 1], typed[at + 1 :]
            others = [head + tail, head + tail[:1] + here + tail[1:]]
            others += [head + bytes((letter,)) + part for letter in _ALPHABET for part in (tail, here + tail)]
            for other in others:
                if other == typed:
                    continue
                first, last = self._span(other, low, high)
                if first < last:
                    start, end = self._span(other + b"\n", first, last)
                    ends = ((place, self._rank(place)) for place in self._words[start:end])
                    whole.update(rank for place, rank in ends if self._starts[rank] == place)
                if last - first > _FEW:
                    ranks.update(islice(self._scan(b"\n" + other, 1), _MANY))
                else:
                    ranks.update(map(self._rank, self._words[first:last]))
        return sorted(whole), sorted(ranks)

    def _span(self, beginning: bytes, low: int, high: int) -> tuple[int, int]:
        """Where, between ``low`` and ``high`` of the alphabetical words, those with this beginning are."""
        size, text = len(beginning), self._text

        def cut(at: int) -> bytes:
            return text[at : at + size]

        first = bisect_left(self._words, beginning, low, high, key=cut)
        if first == high or cut(self._words[first]) != beginning:
            return first, first
        return first, bisect_right(self._words, beginning, first, high, key=cut)

    def _scan(self, part: bytes, skip: int) -> Iterator[int]:
        """The ranks of the names where ``part`` occurs, biggest first; ``skip`` letters of it come before."""
        at = self._text.find(part)
        while at >= 0:
            yield self._rank(at + skip)
            at = self._text.find(part, at + 1)

    def _rank(self, at: int) -> int:
        return bisect_right(self._starts, at) - 1

    def _name(self, rank: int) -> str:
        start = self._starts[rank]
        return self._text[start : self._text.index(b"\n", start)].decode()


def _essential(spelt: str) -> tuple[str, ...]:
    return tuple(word for word in spelt.split() if word not in LITTLE_WORDS)


def _has_all(name: str, words: Iterable[str]) -> bool:
    return all(word in name for word in words)
