"""The signed-in counsellor of a request, and what a route of the desk asks of them: one rule a route, in its table.

A rule is checked before the handler runs, and the handler gets what was loaded: `handler(request, me)`, or
`handler(request, me, session)`. A route of the desk without a rule cannot be written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ateliers import i18n
from ateliers.database import utc_now
from ateliers.people import SignIn, Standing, sign_in, standing_of
from ateliers.refusals import NotFound
from ateliers.settings import Settings
from ateliers.templating import url
from ateliers.workshops import Session
from ateliers.workshops.access import run_by, session_run_by, session_seen_by

SIGN_IN = "/pro/connexion"
BROWSER_SECONDS = 3600  # how long a browser is remembered that asked for a link


class Rule(Enum):
    """Who may use a route of the desk. Everybody else gets 404; nobody signed in goes to the sign-in page."""

    ANYONE = "anyone"  # the doors themselves
    SIGNED_IN = "signed in"
    LEADS = "leads"  # managers, coordinators, administrators
    RUNS = "runs"  # this session: host, co-host, manager of its organisation
    SEES = "sees"  # also coordinators of its département and administrators


class DeskRoute(Route):
    """A route of the desk, with its rule."""

    def __init__(self, path: str, handler: Callable[..., Awaitable[Response]], rule: Rule, method: str = "GET") -> None:
        self.rule = rule
        self.handler = handler
        super().__init__(path, self._guarded, methods=[method], name=f"{method} {path}")

    async def _guarded(self, request: Request) -> Response:
        if self.rule is Rule.ANYONE:
            return await self.handler(request)
        now = utc_now()
        found = await current_sign_in(request)
        if found is None or found.needs_factor:
            return _to_sign_in(request, found)
        me = await standing_of(found.counsellor, now.date())
        request.state.sign_in, request.state.me = found, me
        arguments: list[Any] = [request, me]
        if self.rule is Rule.LEADS and not me.leads:
            raise NotFound
        if self.rule in {Rule.RUNS, Rule.SEES}:
            load = session_run_by if self.rule is Rule.RUNS else session_seen_by
            arguments.append(await load(me, request.path_params["id"]))
        return await self.handler(*arguments)


async def current_sign_in(request: Request) -> SignIn | None:
    """The living browser session of the request's cookie."""
    key = request.cookies.get(cookie_name("desk", request.app.state.settings), "")
    return await sign_in.current(key, utc_now()) if key else None


def standing(request: Request) -> Standing | None:
    """Who is signed in, where a guarded route has found out; None on other pages."""
    return getattr(request.state, "me", None)


async def runs(request: Request, session: Session) -> bool:
    """Whether whoever looks at a public page is signed in and runs `session`: a ticket then opens the register too."""
    found = await current_sign_in(request)
    if found is None or found.needs_factor:
        return False
    me = await standing_of(found.counsellor, utc_now().date())
    return await run_by(me).filter(id=session.id).exists()


def cookie_name(name: str, settings: Settings) -> str:
    """`__Host-` where the site has TLS: the browser then refuses it from anywhere else (RFC 6265bis §4.1.3.2)."""
    return f"__Host-{name}" if settings.base_url.startswith("https://") else name


def set_cookie(response: Response, request: Request, name: str, value: str, *, seconds: int | None = None) -> None:
    """A cookie of the desk: HttpOnly, SameSite=Lax (a link in a letter must find it), for this host alone."""
    settings = request.app.state.settings
    response.set_cookie(
        cookie_name(name, settings), value, max_age=seconds, path="/", httponly=True, samesite="lax",
        secure=settings.base_url.startswith("https://"),
    )  # fmt: skip


def drop_cookie(response: Response, request: Request, name: str) -> None:
    """Take a cookie back, with the very attributes it was set with."""
    set_cookie(response, request, name, "", seconds=0)


def browser_key(request: Request) -> str:
    """What this browser was given when it asked for a link; empty when it never did."""
    return request.cookies.get(cookie_name("browser", request.app.state.settings), "")


def local_path(text: str) -> str:
    """`text` if it is a page of the desk, else the desk's first page: no address of another site gets through."""
    parts = urlsplit(text)
    path = parts.path
    for code in i18n.languages():
        path = path.removeprefix(f"/{code}") if path.startswith(f"/{code}/") else path
    inside = path == "/pro" or path.startswith("/pro/")
    if parts.scheme or parts.netloc or not inside or "\\" in text or any(ord(c) < 33 for c in text):
        return url("/pro")
    return text


def _to_sign_in(request: Request, found: SignIn | None) -> Response:
    prefix = "" if i18n.current_language() == i18n.DEFAULT else f"/{i18n.current_language()}"
    wanted = prefix + request.scope["path"] + (f"?{request.url.query}" if request.url.query else "")
    # After signing in one comes back to a page; what was being sent cannot be sent again by a redirect.
    back = wanted if request.method == "GET" and request.scope["path"] != "/pro" else ""
    target = "/pro/code" if found is not None else SIGN_IN
    return RedirectResponse(url(target, suite=back), 303, headers={"Cache-Control": "no-store"})


def signed_in(request: Request, key: str, wanted: str) -> Response:
    """Give the browser its cookie, and go on; the new key takes the place of the one it had."""
    response = RedirectResponse(wanted, 303)
    set_cookie(response, request, "desk", key, seconds=round(sign_in.LONGEST.total_seconds()))
    drop_cookie(response, request, "browser")
    return response


def browser_name(request: Request) -> str:
    """A browser as its owner knows it: "Firefox, Android". From what it says of itself; no more is kept."""
    agent = request.headers.get("user-agent", "")
    names = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {
        "Android": "Android",
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Windows": "Windows",
        "Mac OS": "Mac",
        "Linux": "Linux",
    }
    found = [next((name for mark, name in table.items() if mark in agent), "") for table in (names, systems)]
    return ", ".join(part for part in found if part)
