"""After the workshop: the three questions that the letter opens, the tablet at the door, and « no such letter »."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ateliers import feedback
from ateliers.database import unit_of_work, utc_now
from ateliers.feedback import ANSWERS, QUESTIONS, Answered, Enough, counts, refusing, tokens
from ateliers.limits import Limit, count
from ateliers.refusals import CalledOff, Gone, NotFound, NotOpenYet, TooMany, Unusable
from ateliers.templating import url
from ateliers.web.forms import clean_lines, form_key_age, new_form_key
from ateliers.web.pages import respond
from ateliers.workshops import Session

MERCI = "/avis/merci"
# One person in some seconds: three taps take as long.
PER_TABLET = Limit("feedback:tablet", 12, timedelta(minutes=1))


async def ask(request: Request) -> Response:
    """The questions; the answer that was touched in the letter is chosen already. Nothing is counted: scanners come here."""
    session, token = await _letter(request)
    if await counts.is_spent(token):
        return respond(request, "feedback/done.html", state="deja")
    one = request.query_params.get("a", "")
    return _page(request, session, token, given={QUESTIONS[0]: one} if one in ANSWERS else {})


async def send(request: Request) -> Response:
    """Count the answers, once."""
    session, token = await _letter(request)
    async with request.form(max_files=0, max_fields=10) as data:
        given = {question: str(data.get(question, "")) for question in QUESTIONS}
        words = clean_lines(str(data.get("mots", ""))[:4000])
    try:
        await feedback.answer(session, given, token=token, source="letter", words=words, now=utc_now())
    except Unusable as unusable:
        return _page(request, session, token, given=given, words=words, problem=unusable.reason, status=422)
    except Answered:
        return respond(request, "feedback/done.html", 409, state="deja")
    return RedirectResponse(url(MERCI), 303)


async def thanked(request: Request) -> Response:
    """Thanks: the same page for everybody."""
    return respond(request, "feedback/done.html", state="merci")


def _page(
    request: Request, session: Session, token: str, *, given: dict[str, str], words: str = "", problem: str = "",
    status: int = 200,
) -> Response:  # fmt: skip
    return respond(
        request, "feedback/ask.html", status, session=session, token=token, given=given, words=words, problem=problem,
        questions=QUESTIONS, answers=ANSWERS,
    )  # fmt: skip


async def _letter(request: Request) -> tuple[Session, str]:
    token = request.path_params["token"].lower()
    number = tokens.session_of_letter(token, request.app.state.secret)
    session = await _session(number)
    counts.refuse_unless_open(session, utc_now())
    return session, token


async def _session(number: int | None) -> Session:
    found = None
    if number is not None:
        found = await Session.get_or_none(id=number).select_related("workshop", "venue")
    if found is None:
        raise NotFound
    return found


async def ask_refusal(request: Request) -> Response:
    """No more such letters? The page; a scanner may fetch it."""
    return respond(request, "feedback/refuse.html", token=_refusing(request)[0])


async def refuse(request: Request) -> Response:
    """No more: by the page's button, or by the mail program's own (RFC 8058)."""
    await refusing.refuse(_refusing(request)[1], utc_now())
    return respond(request, "feedback/done.html", state="sans")


def _refusing(request: Request) -> tuple[str, str]:
    token = request.path_params["token"].lower()
    key = tokens.key_of_refusal(token, request.app.state.secret)
    if not key:
        raise NotFound
    return token, key


async def stand(request: Request) -> Response:
    """The tablet at the door: the first question."""
    now = utc_now()
    session = await _tablet(request, now)
    if session is None:
        return _closed(request)
    return _question(request, session, [], new_form_key(request.app.state.secret, _subject(session), now))


async def tap(request: Request) -> Response:
    """One tap. After the last question all three are counted, and the next person finds the first."""
    now, state = utc_now(), request.app.state
    session = await _tablet(request, now)
    if session is None:
        return _closed(request)
    async with request.form(max_files=0, max_fields=5) as data:
        key, before, one = (str(data.get(name, "")) for name in ("cle", "deja", "r"))
    given = [each for each in before.split(",") if each in ANSWERS or each == "passe"][: len(QUESTIONS) - 1]
    if form_key_age(key, state.secret, _subject(session), now) is None:
        return RedirectResponse(_home(request), 303)  # a page of yesterday
    if one in ANSWERS or one == "passe":
        given.append(one)
    if len(given) < len(QUESTIONS):
        return _question(request, session, given, key)
    said = {question: each for question, each in zip(QUESTIONS, given, strict=True) if each in ANSWERS}
    if not said:
        return RedirectResponse(_home(request), 303)
    try:
        await unit_of_work(count, PER_TABLET, str(session.id), state.secret, now)
        await feedback.answer(session, said, token=key, source="tablet", now=now)
    except TooMany as many:
        headers = {"Retry-After": str(many.retry_after)}
        return _question(request, session, given[:-1], key, busy=True, status=429, headers=headers)
    except Enough:
        return respond(request, "feedback/kiosk.html", 409, state="enough")
    except Answered:
        pass  # touched twice: counted once
    return RedirectResponse(_home(request, fait="1"), 303)


def _question(
    request: Request, session: Session, given: Sequence[str], key: str, *, busy: bool = False, status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    return respond(
        request, "feedback/kiosk.html", status, headers, state="ask", session=session, token=request.path_params["token"],
        code=QUESTIONS[len(given)], number=len(given) + 1, questions=QUESTIONS, answers=ANSWERS, given=given, key=key,
        busy=busy, done=not given and "fait" in request.query_params,
    )  # fmt: skip


def _closed(request: Request) -> Response:
    return respond(request, "feedback/kiosk.html", 410, state="over")


def _subject(session: Session) -> str:
    return f"tablet:{session.id}"


def _home(request: Request, **query: str) -> str:
    return url(f"/borne/{request.path_params['token']}", **query)


async def _tablet(request: Request, now: datetime) -> Session | None:
    """The tablet's session; None once its time is over. Raises NotFound."""
    found = tokens.session_of_kiosk(request.path_params["token"], request.app.state.secret)
    if found is None:
        raise NotFound
    session = await _session(found[0])
    if found[1] <= now:
        return None
    try:
        counts.refuse_unless_open(session, now)
    except (CalledOff, NotOpenYet, Gone):
        return None
    return session


routes = [
    Route(MERCI, thanked),
    Route("/avis/sans/{token}", ask_refusal),
    Route("/avis/sans/{token}", refuse, methods=["POST"]),
    Route("/avis/{token}", ask),
    Route("/avis/{token}", send, methods=["POST"]),
    Route("/borne/{token}", stand),
    Route("/borne/{token}", tap, methods=["POST"]),
]
