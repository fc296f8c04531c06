"""The counsellor's desk: one module a sub-journey. Every route names who may use it."""

from __future__ import annotations

from ateliers.web.desk import adding, calling, figures, register, scanning, week, writing
from ateliers.web.signed_in import DeskRoute

routes: list[DeskRoute] = [
    *week.routes,
    *register.routes,
    *adding.routes,
    *calling.routes,
    *scanning.routes,
    *writing.routes,
    *figures.routes,
]
