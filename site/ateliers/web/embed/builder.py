"""`/integrer`: choose what a widget shows and how it looks, see it, copy its code. A GET form: without scripts too."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from ateliers import i18n
from ateliers.database import utc_now
from ateliers.search import RADII
from ateliers.templating import url
from ateliers.web.embed.options import HEIGHTS, HIGHEST, LOWEST, MOST, SIZES, Options, subject_of
from ateliers.web.embed.snippets import Snippets
from ateliers.web.embed.territories import KINDS, Territory, named_like
from ateliers.web.pages import respond

PRESENTATION = ("lang", "couleur", "hauteur", "max", "theme", "rayon", "page")  # fields of the form, not hidden ones


async def builder(request: Request) -> Response:
    """The page. `sorte` and `nom` look for a territory, `choix` (`commune:23096`) takes one of those found."""
    now = utc_now()
    asked = request.query_params
    view = asked.get("vue", "") if asked.get("vue", "") in HEIGHTS else "carte"
    options = Options.from_query(view, asked.multi_items())
    kind = asked.get("sorte", "") if asked.get("sorte", "") in (*KINDS, "france") else ""
    name = " ".join(asked.get("nom", "").split())[:100]
    complaints = dict(options.complaints)
    search, found = options.search, list[Territory]()
    if kind == "france" and not name:
        search = replace(search.anywhere(), counsellor_id=0, organisation_id=0)
    elif name:
        found = await named_like(kind if kind in KINDS else "commune", name, request.app.state.gazetteer, now)
        if found:
            search = found[0].within(search)
        else:
            complaints["nom"] = "unknown"
    elif (choice := _chosen(asked.get("choix", ""))) is not None:
        search = choice.within(search)
    options = replace(options, search=search)
    subject = await subject_of(request, options, now)
    with i18n.using_language(options.language):
        title, page = subject.title, url(subject.page)
    return respond(
        request,
        "embed/builder.html",
        options=options,
        subject=subject,
        snippets=Snippets(
            options, request.app.state.settings.base_url, title, request.app.state.settings.base_url + page
        ),
        feed=f"{url('/agenda.ics')}?{search.query()}",
        found=found,
        name=name if not found else "",
        kind=kind,
        complaints=complaints,
        hidden=[(key, value) for key, value in search.pairs() if key not in PRESENTATION],
        radii=RADII,
        limits={"low": LOWEST, "high": HIGHEST, "most": MOST, "height": HEIGHTS[view], "size": SIZES[view]},
    )


def _chosen(text: str) -> Territory | None:
    kind, colon, code = text.partition(":")
    return Territory(kind, code, "") if colon and kind in KINDS else None
