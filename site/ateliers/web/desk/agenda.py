"""One's sessions as a calendar to subscribe to: its secret address, made, renewed and taken back; the feed itself."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from tortoise.expressions import Q

from ateliers import invites
from ateliers.bookings import calendars
from ateliers.database import utc_now
from ateliers.i18n import current_language
from ateliers.letters import words
from ateliers.people import Counsellor, Standing
from ateliers.people.calendar_keys import by_calendar_key, give_calendar_key, revoke_calendar_key
from ateliers.refusals import NotFound
from ateliers.templating import url
from ateliers.web.forms import form_key_age, new_form_key
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session
from ateliers.workshops.access import hosted_by

PAST = timedelta(days=31)
CANCELLED_KEPT = timedelta(days=30)
MOST_EVENTS = 1000
PAGE = "/pro/calendrier/abonnement"


async def ask(request: Request, me: Standing) -> Response:
    """Whether there is an address, how to subscribe, and the buttons."""
    return _page(request, me, done=request.query_params.get("fait", ""))


async def send(request: Request, me: Standing) -> Response:
    """Make an address, a new one in place of the old, or none."""
    now, secret = utc_now(), request.app.state.secret
    async with request.form(max_files=0, max_fields=5) as data:
        what, key = str(data.get("faire", "")), str(data.get("cle", ""))
    if what == "retirer":
        await revoke_calendar_key(me.counsellor)
        return RedirectResponse(url(PAGE, fait="retire"), 303)
    if what != "donner" or form_key_age(key, secret, f"calendar:{me.id}", now) is None:
        return _page(request, me, status=422)
    # No redirect here: the address is shown in this answer and kept nowhere. The same form again shows it again.
    return _page(request, me, address=_address(request, await give_calendar_key(me.counsellor, key, secret)))


def _address(request: Request, key: str) -> str:
    return f"{request.app.state.settings.base_url}{url(f'/pro/agenda/{key}.ics')}"


def _page(request: Request, me: Standing, *, address: str = "", done: str = "", status: int = 200) -> Response:
    form_key = new_form_key(request.app.state.secret, f"calendar:{me.id}", utc_now())
    return respond(
        request, "desk/calendar_feed.html", status, address=address, webcal=f"webcal://{address.partition('://')[2]}",
        exists=bool(me.counsellor.calendar_key_hash), key=form_key, done=done, stale=status == 422,
    )  # fmt: skip


async def feed(request: Request) -> Response:
    """The feed behind a secret address: hosted and co-hosted sessions, with how many have booked. No citizen is in it."""
    counsellor = await by_calendar_key(request.path_params["secret"])
    if counsellor is None:
        raise NotFound
    settings, found = request.app.state.settings, await _sessions(counsellor, utc_now())
    text = invites.feed(
        [calendars.of_desk(session, settings, mine=session.counsellor_id == counsellor.id) for session in found],
        name=words("calendar_desk_feed", current_language()),
        url=f"{settings.base_url}{url('/pro/calendrier')}",
        secret=True,
    )
    etag = f'"{hashlib.sha256(text).hexdigest()[:20]}"'
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": etag})
    headers = {"ETag": etag, "Content-Disposition": 'inline; filename="agenda.ics"'}
    return Response(text, media_type=invites.CONTENT_TYPE, headers=headers)


async def _sessions(counsellor: Counsellor, now: datetime) -> list[Session]:
    """Published ones of the past month and to come, soonest first; those called off for as long as readers need it."""
    mine = hosted_by(Standing(counsellor)).filter(published_at__isnull=False, starts_at__gte=now - PAST)
    kept = Q(called_off_at__isnull=True) | Q(called_off_at__gte=now - CANCELLED_KEPT)
    return await mine.filter(kept).select_related("workshop", "venue").order_by("starts_at", "id").limit(MOST_EVENTS)


routes = [
    DeskRoute(PAGE, ask, Rule.SIGNED_IN),
    DeskRoute(PAGE, send, Rule.SIGNED_IN, "POST"),
    DeskRoute("/pro/agenda/{secret}.ics", feed, Rule.ANYONE),  # the secret is the key
]
