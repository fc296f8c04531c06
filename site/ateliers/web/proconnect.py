"""The door of ProConnect: out to the identity provider and back, and out of it at the end."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from tortoise.backends.base.client import TransactionalDBClient

from ateliers.database import unit_of_work, utc_now
from ateliers.limits import Limit, count
from ateliers.openid import Claims, Provider, ProviderDown, Refused, new_state
from ateliers.people import SignIn, identities, sign_in
from ateliers.refusals import NotAllowed, NotFound
from ateliers.templating import url
from ateliers.web.middleware import client_address
from ateliers.web.pages import respond
from ateliers.web.signed_in import (
    BROWSER_SECONDS,
    DeskRoute,
    Rule,
    browser_key,
    browser_name,
    cookie_name,
    drop_cookie,
    local_path,
    set_cookie,
    signed_in,
)

log = logging.getLogger(__name__)
RETURN, LEFT = "/pro/proconnect/retour", "/pro/proconnect/sorti"
LEAVES = Limit("proconnect:address", 60, timedelta(hours=1))  # a whole office may stand behind one address
_KINDS = {
    **dict.fromkeys(("acr", "unmet_authentication_requirements"), ("factor", 403)),
    **dict.fromkeys(("access_denied", "login_required", "interaction_required", "consent_required"), ("gave_up", 403)),
    **dict.fromkeys(("server_error", "temporarily_unavailable"), ("down", 503)),
}  # a reason of `Refused` -> which words of sign_in/refused.html, and the status; any other: the callback is spoilt


async def leave(request: Request) -> Response:
    """Off to ProConnect. A GET: the content policy would stop a form's redirect to another host."""
    provider, now = _provider(request), utc_now()
    browser, nonce = browser_key(request) or sign_in.new_key(), new_state()

    async def work(tx: TransactionalDBClient) -> str:
        await count(tx, LEAVES, client_address(request), request.app.state.secret, now)
        return await sign_in.leave_for_provider(browser, nonce, now)

    state = await unit_of_work(work)
    try:
        address = await provider.authorization_url(state, nonce, _ours(request, RETURN))
    except ProviderDown as down:
        return _refusal(request, "down", 503, str(down))
    response = RedirectResponse(address, 303)
    set_cookie(response, request, "browser", browser, seconds=BROWSER_SECONDS)
    set_cookie(response, request, "suite", local_path(request.query_params.get("suite", "")), seconds=BROWSER_SECONDS)
    return response


async def back(request: Request) -> Response:
    """Back from ProConnect, once, in the browser that left."""
    provider, now = _provider(request), utc_now()
    params = request.query_params.multi_items()
    state = request.query_params.get("state", "")
    try:
        nonce = await sign_in.back_from_provider(state, browser_key(request), now)
        code = await provider.check_callback(params, state)
        claims = await provider.exchange(code, nonce, _ours(request, RETURN), now)
    except NotAllowed:
        return _refusal(request, "callback", 410, "state")
    except ProviderDown as down:
        return _refusal(request, "down", 503, str(down))
    except Refused as no:
        kind, status = _KINDS.get(no.reason, ("callback", 403))
        return _refusal(request, kind, status, no.reason)
    key = await identities.enter(
        claims.issuer, claims.subject, claims.email, id_token=claims.id_token, browser=browser_name(request), now=now
    )
    if key is None:
        return await _unknown(request, claims)
    wanted = local_path(request.cookies.get(cookie_name("suite", request.app.state.settings), ""))
    response = signed_in(request, key, wanted)
    drop_cookie(response, request, "suite")
    return response


async def _unknown(request: Request, claims: Claims) -> Response:
    """ProConnect vouches for anyone in a profession; a desk is for those whom somebody here knows."""
    name = " ".join(part for part in (claims.given_name, claims.usual_name) if part)
    return respond(
        request, "sign_in/unknown.html", 403, name=name, email=claims.email, employer=claims.organization_label,
        invited=await identities.is_invited(claims.email, utc_now()),
    )  # fmt: skip


async def farewell(request: Request, found: SignIn | None) -> Response | None:
    """The page that goes on to ProConnect's own sign-out; None where one had not come in by it, or it does not answer.

    A page with a Refresh and not a redirect: `form-action` of the content policy holds for redirects of a form too.
    """
    provider: Provider | None = request.app.state.proconnect
    if provider is None or found is None or not found.id_token:
        return None
    state = secrets.token_urlsafe(32)
    try:
        address = await provider.logout_url(found.id_token, state, _ours(request, LEFT))
    except ProviderDown as down:
        log.warning("ProConnect does not answer at sign-out: %s", down)
        return None
    if address is None:
        return None
    response = respond(request, "sign_in/leaving.html", address=address)
    response.headers["Refresh"] = f"0;url={address}"
    set_cookie(response, request, "leaving", state, seconds=600)
    return response


async def left(request: Request) -> Response:
    """Back from ProConnect's sign-out. Only the browser that left is told that it has."""
    expected = request.cookies.get(cookie_name("leaving", request.app.state.settings), "")
    same = bool(expected) and secrets.compare_digest(
        expected.encode(), request.query_params.get("state", "").encode("utf-8", "replace")
    )
    response = RedirectResponse(url("/pro/connexion", sortie="1" if same else ""), 303)
    drop_cookie(response, request, "leaving")
    return response


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.proconnect
    if found is None:
        raise NotFound
    return found


def _ours(request: Request, path: str) -> str:
    """The registered address: no language, no query (ProConnect compares it letter by letter)."""
    return f"{request.app.state.settings.base_url}{path}"


def _refusal(request: Request, kind: str, status: int, reason: str) -> Response:
    log.warning("ProConnect refused: %s (%s)", kind, reason)
    headers = {"Retry-After": "60"} if status == 503 else None
    return respond(request, "sign_in/refused.html", status, headers, kind=kind)


routes = [
    DeskRoute("/pro/proconnect", leave, Rule.ANYONE),
    DeskRoute(RETURN, back, Rule.ANYONE),
    DeskRoute(LEFT, left, Rule.ANYONE),
]
