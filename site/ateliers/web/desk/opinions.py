"""What those who came say: of a session, of mine, of the département I coordinate; sheets of paper; the tablet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers import feedback
from ateliers.database import utc_now
from ateliers.feedback import ANSWERS, QUESTIONS, results
from ateliers.feedback.counts import COLUMNS
from ateliers.feedback.results import Said
from ateliers.feedback.tokens import kiosk_token
from ateliers.people import Standing
from ateliers.refusals import Unusable
from ateliers.templating import url
from ateliers.web.desk.period import Period, read_period
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session

KIOSK_LASTS, KIOSK_AFTER = timedelta(hours=8), timedelta(hours=3)  # from its opening; after the session's end
MOST_SESSIONS = 100


@dataclass(frozen=True)
class Opinions:
    """The sums of a period: the whole (None where nobody answered), and by theme, venue and month."""

    total: Said | None
    by: dict[str, list[Said]]
    questions: tuple[str, ...] = QUESTIONS

    @property
    def months(self) -> dict[str, date]:
        """The first day of each month of `by`."""
        return {each.key: date.fromisoformat(f"{each.key}-01") for each in self.by["month"]}


async def opinions_of(me: Standing, period: Period, now: datetime, department: str = "") -> Opinions:
    """Of the sessions that `me` hosted; with `department`, of all there."""

    async def found(by: str) -> list[Said]:
        if department:
            return await results.of_department(department, period.since, period.until, now, by)
        return await results.of_mine(me, period.since, period.until, now, by)

    by = {kind: await found(kind) for kind in ("theme", "venue", "month")}
    return Opinions(results.together(by["month"]) if by["month"] else None, by)


async def see_all(request: Request, me: Standing) -> Response:
    """Mine, session by session and in sums; and the sums of the départements that I coordinate."""
    now = utc_now()
    period = read_period(request.query_params, now)
    said = {int(each.key): each for each in await results.of_mine(me, period.since, period.until, now, "session")}
    shown = [number for number, each in said.items() if each.shown][-MOST_SESSIONS:]
    found = await Session.filter(id__in=shown).select_related("workshop", "venue").order_by("-starts_at", "-id")
    return respond(
        request, "desk/opinions.html", period=period, mine=await opinions_of(me, period, now),
        sessions=[(each, said[each.id]) for each in found],
        words=await results.words_of_few(me, period.since, period.until, now),
        departments=[(code, await opinions_of(me, period, now, code)) for code in sorted(me.coordinates)],
    )  # fmt: skip


async def see(request: Request, me: Standing, session: Session) -> Response:
    """What was said of a session, and the form that counts its sheets of paper."""
    noted = await feedback.of_paper(session)
    typed = {"feuilles": str(noted.people or "") if noted else ""}
    typed |= {name: str(getattr(noted, name) or "") if noted else "" for name in COLUMNS}
    return await _page(request, session, typed, done=request.query_params.get("fait", ""))


async def count_paper(request: Request, me: Standing, session: Session) -> Response:
    """Note the counts of the sheets of paper, in place of those noted before."""
    async with request.form(max_files=0, max_fields=15) as data:
        typed = {name: str(data.get(name, "")).strip()[:10] for name in ("feuilles", *COLUMNS)}
    numbers = {name: _number(text) for name, text in typed.items()}
    try:
        await feedback.set_paper(session, numbers.pop("feuilles"), numbers, utc_now())
    except Unusable as unusable:
        return await _page(request, session, typed, problem=unusable.reason, status=422)
    return RedirectResponse(url(f"/pro/ateliers/{session.id}/avis", fait="papier"), 303)


def _number(text: str) -> int:
    """A number that somebody typed, nothing as 0; -1 for what is none."""
    if not text:
        return 0
    return int(text) if text.isascii() and text.isdigit() else -1


async def _page(
    request: Request, session: Session, typed: dict[str, str], *, problem: str = "", done: str = "", status: int = 200
) -> Response:
    shown: dict[str, Any] = {"questions": QUESTIONS, "answers": ANSWERS, "typed": typed, "problem": problem}
    return respond(
        request, "desk/session_opinions.html", status, session=session, done=done, begun=session.starts_at <= utc_now(),
        result=(await results.of_sessions([session.id])).get(session.id), words=await results.words_of(session), **shown,
    )  # fmt: skip


async def kiosk(request: Request, me: Standing, session: Session) -> Response:
    """The address of a tablet at the door, as a code to photograph; good for some hours, and for this session alone."""
    now, state = utc_now(), request.app.state
    until = min(now + KIOSK_LASTS, session.ends_at + KIOSK_AFTER)
    link = ""
    if session.called_off_at is None and session.starts_at <= now < until:
        link = f"{state.settings.base_url}{url(f'/borne/{kiosk_token(session.id, until, state.secret)}')}"
    qr = Markup(segno.make(link, error="m").svg_inline(border=2, omitsize=True)) if link else ""  # noqa: S704 - by segno
    return respond(request, "desk/kiosk.html", session=session, link=link, qr=qr, until=until, now=now)


routes = [
    DeskRoute("/pro/avis", see_all, Rule.SIGNED_IN),
    DeskRoute("/pro/ateliers/{id:int}/avis", see, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/avis/papier", count_paper, Rule.RUNS, "POST"),
    DeskRoute("/pro/ateliers/{id:int}/borne", kiosk, Rule.RUNS),
]
