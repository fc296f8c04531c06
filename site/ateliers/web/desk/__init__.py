"""The counsellor's desk: one module a sub-journey. Every route names who may use it."""

from __future__ import annotations

from ateliers.web.desk import (
    account,
    adding,
    agenda,
    calling,
    change,
    demand,
    figures,
    history,
    importing,
    month,
    opinions,
    partners,
    places,
    printing,
    publish,
    register,
    scanning,
    team,
    waiting,
    week,
    writing,
)
from ateliers.web.signed_in import DeskRoute

routes: list[DeskRoute] = [
    *week.routes,
    *publish.routes,
    *change.routes,
    *printing.routes,
    *team.routes,
    *account.routes,
    *partners.routes,
    *places.routes,
    *register.routes,
    *adding.routes,
    *calling.routes,
    *scanning.routes,
    *writing.routes,
    *figures.routes,
    *opinions.routes,
    *demand.routes,
    *month.routes,
    *agenda.routes,
    *importing.routes,
    *history.routes,
    *waiting.routes,
]
