"""Who must be phoned: people without an address whose session changed, ticked as they are told."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers.bookings import Booking, hosting, texting
from ateliers.database import utc_now
from ateliers.people import Standing
from ateliers.refusals import NotFound
from ateliers.sms import TextMessage
from ateliers.templating import url
from ateliers.web.forms import phone_words
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import LARGEST_ID, Session


async def see(request: Request, me: Standing, session: Session) -> Response:
    """Those still to be told, then those told."""
    people = await hosting.to_be_told(session)
    texts = await texting.reached(people)
    phones = {each.id: [(number, phone_words(number)) for number in _numbers(each, texts)] for each in people}
    return respond(
        request,
        "desk/call.html",
        session=session,
        waiting=[each for each in people if each.told_sequence < each.sequence],
        told=[each for each in people if each.told_sequence >= each.sequence],
        phones=phones,
        texts=texts,
        by_text=await hosting.told_by_text(session),
        late=utc_now() - texting.ON_ITS_WAY,
        done=request.query_params.get("fait", ""),
    )


def _numbers(booking: Booking, texts: dict[int, TextMessage]) -> list[str]:
    """Whom no letter and no text reaches: who comes, then who booked."""
    texted = booking.id in texts and texts[booking.id].state == "delivered"
    booker = "" if booking.email or texted else booking.phone
    return [number for number in dict.fromkeys((booking.guest_phone, booker)) if number]


async def tick(request: Request, me: Standing, session: Session) -> Response:
    """Note who was told (`appele`: booking.sequence, of what the page showed), or take one tick back (`encore`)."""
    async with request.form(max_files=0, max_fields=600) as data:
        ticked = [str(value) for value in data.getlist("appele")]
        again = str(data.get("encore", ""))
    if again:
        await hosting.not_told(session, _number(again))
    else:
        pairs = [value.partition(".") for value in ticked]
        await hosting.told(session, {_number(one): _number(other) for one, _, other in pairs}, utc_now())
    return RedirectResponse(url(f"/pro/ateliers/{session.id}/appeler", fait="encore" if again else "note"), 303)


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else LARGEST_ID + 1
    if number > LARGEST_ID:
        raise NotFound
    return number


routes = [
    DeskRoute("/pro/ateliers/{id:int}/appeler", see, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/appeler", tick, Rule.RUNS, "POST"),
]
