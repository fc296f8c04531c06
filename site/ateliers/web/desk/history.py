"""All one's sessions, past ones first: to copy one, or to open its register again. By title, by month."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ateliers.database import utc_now
from ateliers.i18n import month_words
from ateliers.people import Standing
from ateliers.venues.names import plain
from ateliers.web.desk.month import read_month
from ateliers.web.forms import clean
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops.access import hosted_by

PER_PAGE = 20
MOST_WORDS = 6


@dataclass(frozen=True)
class Wanted:
    """What the list shows, as its address says it. `when`: past, coming."""

    words: str = ""
    month: str = ""
    when: str = "passes"
    page: int = 1

    @classmethod
    def from_query(cls, request: Request) -> Wanted:
        """Never fails: what is not understood is left out."""
        query = request.query_params
        page, month = query.get("page", ""), query.get("mois", "")
        return cls(
            words=clean(query.get("titre", ""))[:100],
            month=month if read_month(month) else "",
            when="avenir" if query.get("quand") == "avenir" else "passes",
            page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
        )

    def query(self, page: int = 1) -> str:
        """The query string of one of its pages."""
        pairs = {"titre": self.words, "mois": self.month, "quand": self.when if self.when != "passes" else ""}
        pairs["page"] = str(page) if page > 1 else ""
        return urlencode({name: value for name, value in pairs.items() if value})


async def sessions(request: Request, me: Standing) -> Response:
    """One page of them."""
    now, wanted = utc_now(), Wanted.from_query(request)
    when = {"ends_at__lte": now} if wanted.when == "passes" else {"ends_at__gt": now}
    mine = hosted_by(me).filter(**when)
    walls = await mine.values_list("starts_local", flat=True)
    months = sorted({str(wall)[:7] for wall in walls}, reverse=True)
    for word in plain(wanted.words).split()[:MOST_WORDS]:
        mine = mine.filter(workshop__search_text__contains=word)
    if wanted.month:
        mine = mine.filter(starts_local__startswith=f"{wanted.month}-")
    total = await mine.count()
    pages = max(1, -(-total // PER_PAGE))
    wanted = replace(wanted, page=min(wanted.page, pages))
    order = ("-starts_at", "-id") if wanted.when == "passes" else ("starts_at", "id")
    found = mine.select_related("workshop", "venue").order_by(*order).offset((wanted.page - 1) * PER_PAGE)
    return respond(
        request, "desk/history.html", sessions=await found.limit(PER_PAGE), wanted=wanted, total=total, pages=pages,
        months=[(month, month_words(date.fromisoformat(f"{month}-01"))) for month in months], now=now,
    )  # fmt: skip


routes = [DeskRoute("/pro/ateliers", sessions, Rule.SIGNED_IN)]
