"""What lists and maps say of a session, each piece kept for as long as it says the same: ten cards are ten texts put together.

A piece is kept by its session, what makes it and the language, with the rows it was made of and the instant from which the
clock alone would change it. Without an index (`search.index`) nothing says whether a row has changed: each is made anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from ateliers.i18n import current_language, distance_words, gettext
from ateliers.search.index import Shown
from ateliers.templating import environment, fragment, url
from ateliers.workshops import Session
from geo.points import Point, distance_km

MOST = 3_000  # of about three kilobytes, all told
_DISTANCE = "\ufffc"  # stands for the words that depend on where one searches
_GAP = f" · {_DISTANCE}"

Make = Callable[[Session, datetime], Any]


@dataclass(frozen=True, slots=True)
class Card:
    """What was made of a session. `shown` says how long it is good; None: it is not kept."""

    session_id: int
    made: Any
    point: Point
    shown: Shown | None


class Cards:
    """Those of this process, the one not asked for the longest going first."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._kept: OrderedDict[tuple[int, Make, str], Card] = OrderedDict()

    async def of(self, session_ids: Sequence[int], now: datetime, make: Make) -> list[Card]:
        """The cards of these sessions in their order, without those that are no longer there."""
        language = current_language()
        found: dict[int, Card] = {}
        for number in session_ids:
            card = self._kept.get((number, make, language))
            if card is not None and card.shown is not None and card.shown.holds():
                self._kept.move_to_end((number, make, language))
                found[number] = card
        missing = [number for number in session_ids if number not in found]
        if missing:
            for card in await self._made(missing, now, make):
                found[card.session_id] = card
                if card.shown is not None:
                    self._kept[card.session_id, make, language] = card
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return [found[number] for number in session_ids if number in found]

    @staticmethod
    async def _made(session_ids: Sequence[int], now: datetime, make: Make) -> list[Card]:
        shown = await Shown.from_now(now)  # before the rows are read
        cards = []
        for session in await Session.filter(id__in=session_ids).select_related("workshop", "venue"):
            own = shown.alone() if shown is not None else None
            if own is not None:
                own.sessions([session])
            cards.append(Card(session.id, make(session, now), session.venue.point, own))
        return cards


def in_list(session: Session, now: datetime) -> tuple[str, str]:
    """A card of a list as HTML, before and after the distance."""
    return _halves("parts/session.html", session, now)


def in_widget(session: Session, now: datetime) -> tuple[str, str]:
    """The same in a frame on another site."""
    return _halves("embed/parts.html", session, now)


def on_map(session: Session, now: datetime) -> dict[str, str]:
    """A line of a venue on the map."""
    return {
        "title": gettext(session.workshop.title),
        "when": fragment("find/when.txt", session=session).strip(),
        "url": url(f"/ateliers/{session.slug}"),
    }


def _halves(template: str, session: Session, now: datetime) -> tuple[str, str]:
    macro: Any = environment.get_template(template).module
    before, _, after = str(macro.card(session, now, _DISTANCE)).partition(_GAP)
    return before, after


def written(cards: Iterable[Card], center: Point | None) -> Markup:
    """Cards in HTML one behind the other, each with its distance from `center`, if there is one."""
    texts = []
    for card in cards:
        before, after = card.made
        words = "" if center is None else f" · {escape(distance_words(distance_km(center, card.point)))}"
        texts.append(f"{before}{words}{after}")
    return Markup("".join(texts))  # noqa: S704 - templates have escaped them
