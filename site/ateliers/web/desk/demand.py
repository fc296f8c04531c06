"""What is wanted near me: wishes and searches that found nothing, by place and theme. Numbers alone."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from ateliers.alerts.demand import wanted_in
from ateliers.database import utc_now
from ateliers.people import Organisation, Standing
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from geo.territories import DEPARTMENTS

MOST_LINES = 100
LOOKED_BACK = timedelta(days=92)


async def see(request: Request, me: Standing) -> Response:
    """The départements where one works or that one coordinates; an administrator's are all of them."""
    employers = await Organisation.filter(id__in=list(me.works_for)).values_list("department", flat=True)
    mine = set(DEPARTMENTS) if me.is_admin else {str(code) for code in employers} | set(me.coordinates)
    wants = await wanted_in(sorted(mine), (utc_now() - LOOKED_BACK).date())
    return respond(
        request, "desk/demand.html", wants=wants[:MOST_LINES],
        where=[DEPARTMENTS[code].name for code in sorted(mine) if code in DEPARTMENTS] if not me.is_admin else [],
    )  # fmt: skip


routes = [DeskRoute("/pro/besoins", see, Rule.SIGNED_IN)]
