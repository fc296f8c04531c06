"""One table from a refusal to its page. Every error page says what happened and what to do next."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import asyncpg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from tortoise.exceptions import DBConnectionError

from ateliers import refusals
from ateliers.web.pages import respond

log = logging.getLogger("ateliers.errors")

STATUS: dict[type[refusals.Refusal], int] = {
    refusals.NotAllowed: 403,
    refusals.NotFound: 404,
    refusals.Gone: 410,
    refusals.SessionFull: 409,
    refusals.TooLate: 409,
    refusals.NotOpenYet: 409,
    refusals.CalledOff: 409,
    refusals.VenueWithdrawn: 409,
    refusals.AlreadyBooked: 409,
    refusals.SameForm: 409,
    refusals.TooMany: 429,
    refusals.Unusable: 422,
}
PAGES = {403, 404, 405, 409, 410, 413, 422, 429, 500, 503}  # statuses with words of their own in errors/error.html
RETRY_SECONDS = 60
DOORS = (
    "/r/", "/alertes/", "/avis/", "/borne/", "/pro/entrer/", "/pro/invitation/", "/pro/agenda/", "/pro/compte/adresse/",
    "/pro/presence/",
)  # fmt: skip


async def refused(request: Request, error: Exception) -> Response:
    """The page of a refusal that no handler made something better of."""
    status = STATUS.get(type(error), 409)  # type: ignore[arg-type]
    if isinstance(error, refusals.TooMany):
        return answer(request, status, {"Retry-After": str(error.retry_after)}, wait=error.retry_after)
    return answer(request, status, reason=error.reason if isinstance(error, refusals.Gone) else "")


async def http_error(request: Request, error: Exception) -> Response:
    """Starlette's own errors: no such route, a method that is not there, a body too large."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    return answer(request, error.status_code, dict(error.headers or {}))


async def no_database(request: Request, error: Exception) -> Response:
    """The database does not answer: for a while, and not by a defect of ours."""
    log.error("no database on %s %s: %s", request.method, masked(request.url.path), error)
    return answer(request, 503, {"Retry-After": str(RETRY_SECONDS)})


async def crashed(request: Request, error: Exception) -> Response:
    """A defect of ours. The log has the trace; the page has no detail, and needs no database."""
    log.error("crash on %s %s", request.method, masked(request.url.path), exc_info=error)
    try:
        return answer(request, 500)
    except Exception:
        log.exception("the error page crashed too")
        return PlainTextResponse("500", 500)


async def cross_site(request: Request) -> Response:
    """Another site's page sent us a form."""
    return answer(request, 403)


def answer(
    request: Request, status: int, headers: dict[str, str] | None = None, *, reason: str = "", wait: int = 0
) -> Response:
    """The page of a status; JSON (RFC 9457) under `/api/`. `reason`: what is gone; `wait`: seconds before another try."""
    if request.url.path.startswith("/api/"):
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
        opened = {"Access-Control-Allow-Origin": "*"} | (headers or {})  # or the page that asked could not read why
        return JSONResponse(problem, status, opened, media_type="application/problem+json")
    known = status if status in PAGES else (500 if status >= 500 else 422)
    return respond(request, "errors/error.html", status, headers, code=status, known=known, reason=reason, wait=wait)


def masked(path: str) -> str:
    """A path that may be logged: what follows these opens somebody's booking, desk or calendar."""
    for door in (
        "/r/",
        "/alertes/",
        "/avis/",
        "/borne/",
        "/pro/entrer/",
        "/pro/invitation/",
        "/pro/agenda/",
        "/pro/compte/adresse/",
        "/pro/presence/",
    ):
        head, mark, _ = path.partition(door)
        if mark:
            return f"{head}{mark}…"
    return path


# A defect (any other exception) is answered by `middleware.Crashes`.
handlers: dict[Any, Any] = {
    refusals.Refusal: refused,
    HTTPException: http_error,
    DBConnectionError: no_database,
    # As asyncpg says it. Nothing else that a page asks lets an error of the network through.
    ConnectionError: no_database,
    asyncpg.PostgresConnectionError: no_database,
    asyncpg.CannotConnectNowError: no_database,
    asyncpg.AdminShutdownError: no_database,
}
