"""The code of the phone, asked for between the link and the desk."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers.database import utc_now
from ateliers.people import factor
from ateliers.refusals import Gone
from ateliers.templating import url
from ateliers.web.pages import respond
from ateliers.web.signed_in import SIGN_IN, DeskRoute, Rule, current_sign_in, local_path, signed_in


async def ask_code(request: Request) -> Response:
    """Where a guarded page sends who has opened the link and not yet given the code."""
    found, wanted = await current_sign_in(request), local_path(request.query_params.get("suite", ""))
    if found is None:
        return RedirectResponse(url(SIGN_IN, suite=wanted), 303)
    if not found.needs_factor:
        return RedirectResponse(wanted, 303)
    return respond(request, "sign_in/code.html", wanted=wanted, wrong=False)


async def give_code(request: Request) -> Response:
    """Check it; the session goes on under another key. Five tries in a quarter of an hour, then 429."""
    found = await current_sign_in(request)
    async with request.form(max_files=0, max_fields=5) as data:
        typed, wanted = str(data.get("code", ""))[:100], local_path(str(data.get("suite", "")))
    if found is None:
        return RedirectResponse(url(SIGN_IN, suite=wanted), 303)
    if not found.needs_factor:
        return RedirectResponse(wanted, 303)
    try:
        key = await factor.pass_with(found, typed, request.app.state.secret, utc_now())
    except Gone:
        return RedirectResponse(url(SIGN_IN, suite=wanted), 303)
    if key is None:
        return respond(request, "sign_in/code.html", 422, wanted=wanted, wrong=True)
    return signed_in(request, key, wanted)


routes = [
    DeskRoute("/pro/code", ask_code, Rule.ANYONE),
    DeskRoute("/pro/code", give_code, Rule.ANYONE, "POST"),
]
