"""The waiting list at the desk: who waits in order, who has an offer until when; offer, accept or remove by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers.bookings import Booking, texting, waiting_list
from ateliers.database import utc_now
from ateliers.people import Standing
from ateliers.refusals import CalledOff, Gone, NotFound, SessionFull, TooLate
from ateliers.templating import url
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session

NOTICES = {"propose", "accepte", "retire", "complet", "tard"}


async def see(request: Request, me: Standing, session: Session) -> Response:
    """The list, with whom to phone."""
    done = request.query_params.get("fait", "")
    waiting = await waiting_list.waiting_for(session.id)
    texts = await texting.reached([each for each in waiting if not each.email])
    return respond(
        request, "desk/waiting.html", session=session, workshop=session.workshop, venue=session.venue, now=utc_now(),
        waiting=waiting, texts=texts, done=done if done in NOTICES else "",
    )  # fmt: skip


async def offer(request: Request, me: Standing, session: Session) -> Response:
    """Offer the free places to one of them now, whatever the rank and the hour."""
    return await _do(request, session, waiting_list.offer_by_hand, "propose")


async def accept(request: Request, me: Standing, session: Session) -> Response:
    """Somebody said yes on the phone."""
    return await _do(request, session, waiting_list.accept_for, "accepte")


async def remove(request: Request, me: Standing, session: Session) -> Response:
    """Take somebody off the list."""
    return await _do(request, session, waiting_list.remove, "retire")


async def _do(request: Request, session: Session, verb: Callable[..., Awaitable[Booking]], done: str) -> Response:
    number = request.path_params["waiting"]
    known = number < 2**63 and await Booking.exists(id=number, session_id=session.id)
    if not known:
        raise NotFound
    try:
        await verb(number, post=request.app.state.post, now=utc_now())
    except SessionFull:
        done = "complet"
    except (CalledOff, TooLate, Gone):
        done = "tard"
    return RedirectResponse(url(f"/pro/ateliers/{session.id}/attente", fait=done), 303)


routes = [
    DeskRoute("/pro/ateliers/{id:int}/attente", see, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/attente/{waiting:int}/proposer", offer, Rule.RUNS, "POST"),
    DeskRoute("/pro/ateliers/{id:int}/attente/{waiting:int}/accepter", accept, Rule.RUNS, "POST"),
    DeskRoute("/pro/ateliers/{id:int}/attente/{waiting:int}/retirer", remove, Rule.RUNS, "POST"),
]
