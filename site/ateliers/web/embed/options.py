"""What the address of a widget says: its form, its criteria and its looks. The address is the whole configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from ateliers import i18n, modules
from ateliers.search import Search
from ateliers.templating import fragment
from ateliers.web.embed.colours import Accent, accent
from ateliers.web.places import Named, is_nowhere, located, named
from ateliers.workshops import LARGEST_ID, Session, public_session
from geo.territories import DEPARTMENTS

HEIGHTS = {"carte": 640, "liste": 640, "prochain": 360, "bouton": 200}  # px, of a frame nobody gave a height
SIZES = {"carte": 10, "liste": 10, "prochain": 3, "bouton": 1}  # sessions, unless `max` says otherwise
LOWEST, HIGHEST = 200, 2000  # px: what the loader clamps heights to
MOST = 20


@dataclass(frozen=True)
class Options:
    """A widget: `view` is its form, one of HEIGHTS. `complaints`: field -> code, as those of a Search."""

    view: str
    search: Search
    language: str = i18n.DEFAULT
    accent: Accent | None = None
    height: int = 0  # px; 0: its form's own
    most: int = 0  # sessions; 0: its form's own
    session_id: int = 0  # the widget of one session; -1: of one that is not there
    complaints: dict[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def from_query(cls, view: str, params: Iterable[tuple[str, str]]) -> Options:
        """Read a query string's pairs. Never raises: what cannot be used is left out or clamped, and named."""
        pairs = list(params)
        said = {name: value.strip()[:20] for name, value in pairs}
        complaints: dict[str, str] = {}
        language = said.get("lang", "")
        if language and language not in i18n.languages():
            complaints["lang"] = "unknown_choice"
            language = ""
        colour = accent(said.get("couleur", ""))
        if said.get("couleur") and colour is None:
            complaints["couleur"] = "not_a_colour"
        elif colour is not None and colour.is_adjusted:
            complaints["couleur"] = "adjusted"
        session_id = _number(said, "atelier", 1, LARGEST_ID, {}) or -1 if said.get("atelier") else 0
        return cls(
            view=view,
            search=replace(Search.from_query(pairs), page=1),
            language=language or i18n.current_language(),
            accent=colour,
            height=_number(said, "hauteur", LOWEST, HIGHEST, complaints),
            most=_number(said, "max", 1, MOST, complaints),
            session_id=session_id,
            complaints=complaints,
        )

    @property
    def pixels(self) -> int:
        """The height of its frame."""
        return self.height or HEIGHTS[self.view]

    @property
    def size(self) -> int:
        """How many sessions it shows."""
        return self.most or SIZES[self.view]

    def pairs(self) -> list[tuple[str, str]]:
        """Its parameters; what has its usual value is left out."""
        found: list[tuple[str, Any]] = [("atelier", self.session_id or ""), *self.search.pairs()]
        found.append(("lang", self.language if self.language != i18n.DEFAULT else ""))
        found.append(("couleur", self.accent.code if self.accent else ""))
        found.append(("hauteur", self.height if self.height and self.height != HEIGHTS[self.view] else ""))
        found.append(("max", self.most if self.most and self.most != SIZES[self.view] else ""))
        return [(name, str(value)) for name, value in found if str(value)]

    @property
    def path(self) -> str:
        """Where its document is, on our site."""
        query = urlencode(self.pairs(), safe=",")
        return f"/embed/v1/{self.view}" + (f"?{query}" if query else "")


@dataclass(frozen=True)
class Subject:
    """What a widget is about, found: `nowhere` when it names a place, a person or a session that is not there."""

    asked: Search
    search: Search  # the one asked, its place found
    known: Named
    session: Session | None
    nowhere: bool

    @property
    def page(self) -> str:
        """The path of our page that shows the same, without a language."""
        if self.session is not None:
            return f"/ateliers/{self.session.slug}"
        query = self.asked.query()
        return f"/ateliers?{query}" if query and not self.nowhere else "/ateliers"

    @property
    def title(self) -> str:
        """What it is called in the language of the request: title of its frame, heading of its list."""
        return text(
            "embed/title.txt", search=self.search, known=self.known, session=self.session, nowhere=self.nowhere,
            themes=modules.THEMES, departments=DEPARTMENTS,
        )  # fmt: skip


async def subject_of(request: Request, options: Options, now: datetime) -> Subject:
    """What the options are about. A session that is over and a number that is nobody's find nothing.

    The whole country would be a wrong answer.
    """
    asked = options.search
    session = None
    if options.session_id:
        session = await public_session(options.session_id, "", now)
        over = session is None or session.is_over(now)
        return Subject(asked, asked, Named(), None if over else session, over)
    search, _ = await located(request, asked)
    search, known = await named(search, now)
    lost = {"lieu", "conseiller", "organisation", "epci", "communes", "departement", "zone"} & set(search.complaints)
    return Subject(asked, search, known, None, bool(lost) or is_nowhere(search))


def text(template: str, **context: Any) -> str:
    """A template as plain text, to be escaped by whoever writes it into something."""
    return " ".join(unescape(fragment(template, **context)).split())


def _number(said: dict[str, str], name: str, least: int, most: int, complaints: dict[str, str]) -> int:
    digits = said.get(name, "")
    if not digits:
        return 0
    if not (digits.isascii() and digits.isdigit()):
        complaints[name] = "not_a_number"
        return 0
    found = min(max(int(digits), least), most)
    if found != int(digits):
        complaints[name] = "clamped"
    return found
