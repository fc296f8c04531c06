"""The booking form in easy-to-read steps: one question a page, a drawing beside every fact, the same booking at the end.

What was answered travels from page to page in the form itself: nothing is kept before the booking.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from ateliers.bookings import MOST_SEATS
from ateliers.database import utc_now
from ateliers.web.book.asking import asked, book, refusal_of, refused
from ateliers.web.book.form import BookingForm
from ateliers.web.forms import FORM_MIN_SECONDS, email_meant, form_key_age, new_form_key
from ateliers.web.pages import respond
from ateliers.workshops import Session
from geo.territories import phone_region_of

START, CHECK = "debut", "verifier"
QUESTIONS = ("nom", "contact", "email", "tel", "places")  # each is a page, and the name of its field


async def ask(request: Request) -> Response:
    """What the workshop is, and how many questions there will be."""
    now = utc_now()
    session, dates = await asked(request, now)
    refusal = refusal_of(session, now)
    if refusal is not None:
        return await refused(request, session, refusal, now)
    return _page(request, session, BookingForm(places=1), START, set(), _new_key(request, session, now), dates=dates)


async def send(request: Request) -> Response:
    """An answer: the next question, the same one again, the check, or the booking."""
    now = utc_now()
    session, dates = await asked(request, now)
    async with request.form(max_files=0, max_fields=30) as data:
        form, answered = BookingForm(data), {name for name in QUESTIONS if name in data}
        key, trap = str(data.get("cle", "")), str(data.get("site_web", ""))
        step, wanted = str(data.get("etape", "")), str(data.get("aller", ""))
    form.region = phone_region_of(session.venue.department)
    age = form_key_age(key, request.app.state.secret, f"book:{session.id}", now)
    form.validate()
    if age is None or trap:
        key, step = _new_key(request, session, now), ""
    page = wanted if wanted in {START, *QUESTIONS} else _lacking(form, answered)
    wrong = page == step
    if wrong and page in QUESTIONS and page not in answered:
        form[page].errors = ["answer_missing"]  # no choice made: a radio button sends nothing
    for field in form:
        field.errors = field.errors if wrong and field.name == page else []  # of this page, once it has been answered
    if page != CHECK or step != CHECK or (age or 0) < FORM_MIN_SECONDS:
        status = 422 if wrong or not step else 200
        return _page(request, session, form, page, answered, key, status, dates=dates, stale=not step)

    async def again(status: int, *, left: int = 0, wait: int = 0) -> Response:
        page = "places" if left else CHECK
        return _page(request, session, form, page, answered, key, status, dates=dates, left=left, wait=wait)

    return await book(request, form, key, now, again=again, easy=True)


def _lacking(form: BookingForm, answered: Set[str]) -> str:
    """The first question without a good answer; the check when there is none."""
    for name in _asked_of(form, answered):
        if name not in answered or form[name].errors:
            return name
    return CHECK


def _asked_of(form: BookingForm, answered: Set[str]) -> list[str]:
    """The questions of this person: who gives no address is not asked for one."""
    contact = form.contact.data if "contact" in answered else ""
    needless = {"email", "tel"} - {{"email": "email", "phone": "tel"}.get(contact or "", "")}
    return [name for name in QUESTIONS if name not in needless]


def _page(
    request: Request,
    session: Session,
    form: BookingForm,
    page: str,
    answered: Set[str],
    key: str,
    status: int = 200,
    *,
    dates: list[Session],
    stale: bool = False,
    left: int = 0,
    wait: int = 0,
) -> Response:
    """One page. `left`: places that there still are; `wait`: seconds until it may be sent again."""
    asked_of = _asked_of(form, answered)
    return respond(
        request,
        "book/easy.html",
        status,
        {"Retry-After": str(wait)} if wait else None,
        session=session,
        form=form,
        page=page,
        before=asked_of[asked_of.index(page) - 1] if page in asked_of[1:] else START,
        number=asked_of.index(page) + 1 if page in asked_of else 0,
        total=len(asked_of) if "contact" in answered else len(QUESTIONS) - 1,
        answered=answered,
        key=key,
        dates=dates,
        most=max(1, min(MOST_SEATS, left or session.seats_left)),
        meant=email_meant(form.email.data or "") if page == CHECK else "",
        stale=stale,
        left=left,
        wait=wait,
    )


def _new_key(request: Request, session: Session, now: datetime) -> str:
    return new_form_key(request.app.state.secret, f"book:{session.id}", now)
