"""A site of a few routes with the real middleware and error pages: no database, no gazetteer."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from ateliers.web import errors, middleware
from tests import world


def small(*routes: BaseRoute, **settings: object) -> Starlette:
    """The application; `settings` are changes to those of the tests."""
    current = world.settings(**settings)
    app = Starlette(routes=routes, middleware=middleware.stack(current), exception_handlers=errors.handlers)
    app.state.settings = current
    app.state.secret = current.secret()
    return app
