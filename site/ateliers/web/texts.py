"""What becomes of texts, told by the provider at an address that nobody else knows."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ateliers import sms
from ateliers.database import utc_now
from ateliers.refusals import NotFound
from ateliers.sms import receipts

MOST = 4_000  # bytes of a receipt


async def by_post(request: Request) -> Response:
    """A receipt of the generic interface."""
    _refuse_strangers(request)
    body = await request.body()
    return await _note(receipts.of_body(body)) if len(body) <= MOST else Response(status_code=413)


async def by_get(request: Request) -> Response:
    """A receipt of OVHcloud, whose callback is a GET: the one address of ours where a GET writes. HEAD writes nothing."""
    _refuse_strangers(request)
    if request.method == "HEAD":
        return Response(status_code=204)
    return await _note(receipts.of_query(request.query_params))


async def _note(receipt: sms.Receipt) -> Response:
    return Response(status_code=204 if await sms.note(receipt, utc_now()) else 404)


def _refuse_strangers(request: Request) -> None:
    given, settings = request.path_params["key"], request.app.state.settings
    if not settings.sms or not hmac.compare_digest(given.encode(), sms.receipt_key(request.app.state.secret).encode()):
        raise NotFound


async def _guarded(request: Request) -> Response:
    try:
        return await (by_post if request.method == "POST" else by_get)(request)
    except sms.Unreadable:
        return Response(status_code=400)


routes = [Route(f"{receipts.PATH}/{{key}}", _guarded, methods=["GET", "POST"])]
