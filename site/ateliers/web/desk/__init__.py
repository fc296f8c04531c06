"""The counsellor's desk: one module a sub-journey. Every route names who may use it."""

from __future__ import annotations

from ateliers.web.desk import account, places, team, week
from ateliers.web.signed_in import DeskRoute

routes: list[DeskRoute] = [*week.routes, *team.routes, *account.routes, *places.routes]
