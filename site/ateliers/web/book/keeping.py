"""A booking's own page `/r/{token}`: see it, change the places, cancel, take back, save to a calendar."""

from __future__ import annotations

from datetime import datetime

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers import bookings, invites
from ateliers.bookings import MOST_SEATS, Booking, cycles, paths, reminders, waiting_list
from ateliers.bookings.changes import instead_of, rebook
from ateliers.bookings.notices import alert_query
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.refusals import (
    AlreadyBooked,
    CalledOff,
    Gone,
    NotFound,
    NotOpenYet,
    SessionFull,
    TooLate,
    VenueWithdrawn,
)
from ateliers.templating import url
from ateliers.web.book.waiting import waiting_page
from ateliers.web.pages import respond
from ateliers.web.signed_in import runs
from ateliers.workshops import alternatives_to
from geo.points import distance_km


async def see(request: Request) -> Response:
    """The booking's own page: what, when, where, the reference, the ticket to print, what can be changed."""
    booking = await _mine(request)
    done, new = request.query_params.get("fait", ""), "nouveau" in request.query_params
    easy = new and "facile" in request.query_params
    if easy and booking.state == "confirmed" and _is_coming(booking, utc_now()):
        return await _easy_page(request, booking)
    return await _booking_page(request, booking, new=new, done=done)


async def _booking_page(
    request: Request, booking: Booking, *, status: int = 200, new: bool = False, problem: str = "", done: str = ""
) -> Response:
    if booking.waiting_since is not None:
        return await waiting_page(request, booking, status=status, new=new, problem=problem)
    now = utc_now()
    session = booking.session
    link = request.app.state.post.manage_url(booking)
    others = await alternatives_to(session, now, seats=booking.seats, most=3) if session.called_off_at else []
    ended = booking.state == "confirmed" and session.called_off_at is None and session.is_over(now)
    following = await paths.following(session, now) if ended else []
    mates = await cycles.mates(booking)
    return respond(
        request,
        "book/booking.html",
        status,
        booking=booking,
        session=session,
        token=request.path_params["token"],
        texted=request.app.state.post.texts(booking),
        qr=Markup(segno.make(link, error="m").svg_inline(border=2, omitsize=True)),  # noqa: S704 - drawn by segno
        link=link,
        new=new,
        mates=[(each, manage_token(each.uid, request.app.state.secret)) for each in mates],
        to_come=[each for each in mates if each.state == "confirmed" and _is_coming(each, now)],
        problem=problem,
        done=done,
        runs=await runs(request, session),
        others=others,
        instead=await instead_of(session, now) if session.called_off_at else None,
        following=following,
        alert_query=alert_query(session) if ended and not following else "",
        distances={other.id: distance_km(session.venue.point, other.venue.point) for other in (*others, *following)},
        most=min(MOST_SEATS, booking.seats + session.seats_left),
        now=now,
    )


async def _easy_page(request: Request, booking: Booking) -> Response:
    """The end of the easy-to-read steps; the usual page is one link away."""
    return respond(
        request,
        "book/easy_done.html",
        booking=booking,
        session=booking.session,
        dates=[mate.session for mate in await cycles.mates(booking)],
        token=request.path_params["token"],
        texted=request.app.state.post.texts(booking),
        link=request.app.state.post.manage_url(booking),
    )


async def change_places(request: Request) -> Response:
    """Another number of places."""
    booking = await _mine(request)
    async with request.form(max_files=0, max_fields=5) as data:
        typed = str(data.get("places", ""))
    seats = int(typed) if typed in {"1", "2", "3", "4"} else 0
    try:
        if not seats:
            return await _booking_page(request, booking, status=422, problem="seats")
        await bookings.change_seats(booking.id, seats, post=request.app.state.post, now=utc_now())
    except SessionFull:
        return await _booking_page(request, await _mine(request), status=409, problem="seats_few")
    except VenueWithdrawn:
        return await _booking_page(request, await _mine(request), status=409, problem="venue")
    except (TooLate, CalledOff, Gone):
        return await _booking_page(request, await _mine(request), status=409, problem="late")
    return _back(request, "places")


async def ask_cancel(request: Request) -> Response:
    """Are you sure? The page before cancelling (RGAA 11.12), which a mail scanner may fetch as it likes."""
    booking = await _mine(request)
    if booking.state != "confirmed" or booking.session.called_off_at or booking.session.starts_at <= utc_now():
        return _back(request)
    return respond(
        request, "book/cancel.html", booking=booking, session=booking.session, token=request.path_params["token"]
    )


def _is_coming(booking: Booking, now: datetime) -> bool:
    return booking.session.called_off_at is None and booking.session.starts_at > now


async def ask_cancel_all(request: Request) -> Response:
    """Are you sure, of every date still to come?"""
    booking, now = await _mine(request), utc_now()
    coming = [each for each in await cycles.mates(booking) if each.state == "confirmed" and _is_coming(each, now)]
    if not coming:
        return _back(request)
    return respond(
        request, "book/cancel.html", booking=booking, session=coming[0].session, token=request.path_params["token"],
        coming=coming,
    )  # fmt: skip


async def cancel_all(request: Request) -> Response:
    """Give the places back on every date still to come."""
    booking = await _mine(request)
    try:
        await bookings.cancel_cycle(booking.id, post=request.app.state.post, now=utc_now())
    except Gone:
        return _back(request)
    return _back(request, "cycle")


async def cancel(request: Request) -> Response:
    """Give the places back."""
    booking = await _mine(request)
    try:
        await bookings.cancel(booking.id, post=request.app.state.post, now=utc_now())
    except (TooLate, CalledOff):
        return await _booking_page(request, booking, status=409, problem="late")
    return _back(request)


async def take_back(request: Request) -> Response:
    """Undo the cancelling, while places remain."""
    booking = await _mine(request)
    try:
        await bookings.take_back(booking.id, post=request.app.state.post, now=utc_now())
    except SessionFull:
        return await _booking_page(request, await _mine(request), status=409, problem="full")
    except AlreadyBooked:
        return await _booking_page(request, await _mine(request), status=409, problem="again")
    except VenueWithdrawn:
        return await _booking_page(request, await _mine(request), status=409, problem="venue")
    except (TooLate, CalledOff, NotOpenYet):
        return await _booking_page(request, await _mine(request), status=409, problem="late")
    return _back(request, "reprise")


async def ask_answer(request: Request) -> Response:
    """Take the places offered, or not? The page that an offer's letter opens; a mail scanner may fetch it as it likes."""
    booking = await _mine(request)
    if booking.waiting_since is None:
        return _back(request)
    return await waiting_page(request, booking, ask=request.url.path.rpartition("/")[2])


async def accept(request: Request) -> Response:
    """Take the places that are held."""
    booking = await _mine(request)
    try:
        await waiting_list.accept(booking.id, post=request.app.state.post, now=utc_now())
    except (TooLate, CalledOff, Gone):
        return await _booking_page(request, await _mine(request), status=409, problem="offer_late")
    return RedirectResponse(url(f"/r/{request.path_params['token'].lower()}", nouveau="1"), 303)


async def leave(request: Request) -> Response:
    """Leave the waiting list, or decline its offer. Who has places keeps them: they cancel on a page of its own."""
    booking = await _mine(request)
    try:
        await waiting_list.leave(booking.id, post=request.app.state.post, now=utc_now())
    except (TooLate, CalledOff):
        return await _booking_page(request, await _mine(request), status=409, problem="late")
    except Gone:
        pass
    return _back(request)


async def ask_come(request: Request) -> Response:
    """Do you still come? And: no more reminders? The pages that the letter opens; a scanner may fetch them."""
    booking = await _mine(request)
    if booking.state != "confirmed" or not _is_coming(booking, utc_now()):
        return _back(request)
    ask = request.url.path.rpartition("/")[2]
    return respond(
        request,
        "book/answer.html",
        booking=booking,
        session=booking.session,
        token=request.path_params["token"],
        ask=ask,
    )


async def come(request: Request) -> Response:
    """They come."""
    booking = await _mine(request)
    try:
        await reminders.come(booking.id, utc_now())
    except (TooLate, CalledOff, Gone):
        return await _booking_page(request, booking, status=409, problem="late")
    return _back(request, "viens")


async def no_reminders(request: Request) -> Response:
    """No more reminders: from the page, or from the mail program itself (RFC 8058: no cookie, no redirect needed)."""
    booking = await _mine(request)
    await reminders.stop(booking.id, utc_now())
    return _back(request, "sans-rappel")


async def replace(request: Request) -> Response:
    """Go to the session that stands in for one called off."""
    booking = await _mine(request)
    try:
        made = await rebook(booking, post=request.app.state.post, now=utc_now())
    except SessionFull:
        return await _booking_page(request, booking, status=409, problem="full")
    except (TooLate, CalledOff, NotOpenYet, Gone):
        return await _booking_page(request, booking, status=409, problem="late")
    return RedirectResponse(url(f"/r/{manage_token(made.uid, request.app.state.secret)}", nouveau="1"), 303)


async def invitation(request: Request) -> Response:
    """The booking for one's calendar. METHOD:PUBLISH and no attendee: this file is opened by hand, not received."""
    booking = await _mine(request)
    if booking.state != "confirmed" or booking.session.called_off_at:
        return _back(request)  # whose page says why there is nothing to save
    text = invites.published(request.app.state.post.invite(booking, booking.session, utc_now()))
    headers = {"Content-Disposition": 'attachment; filename="atelier.ics"'}
    return Response(text, media_type="text/calendar; charset=utf-8", headers=headers)


async def _mine(request: Request) -> Booking:
    token = request.path_params["token"].lower()
    if not (len(token) == 26 and token.isascii() and token.isalnum()):
        raise NotFound
    return await bookings.by_token(token)


def _back(request: Request, done: str = "") -> Response:
    """To the booking's page, which says what was done: `done` is a code of its template."""
    return RedirectResponse(url(f"/r/{request.path_params['token'].lower()}", fait=done), 303)
