"""The counsellor's desk: one module a sub-journey. Every route names who may use it."""

from __future__ import annotations

from ateliers.web.desk import change, printing, publish, waiting, week
from ateliers.web.signed_in import DeskRoute

routes: list[DeskRoute] = [*week.routes, *publish.routes, *change.routes, *printing.routes, *waiting.routes]
