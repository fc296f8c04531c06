"""Import many sessions from a table: send it, read what each row would be, mend it on the spot, create those that are right."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers.database import utc_now
from ateliers.letters import words
from ateliers.modules import MODULES
from ateliers.people import Standing
from ateliers.refusals import Unusable
from ateliers.templating import url
from ateliers.web.forms import form_key_age, new_form_key
from ateliers.web.middleware import LARGER_BODIES
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session, importing
from ateliers.workshops.importing.places import Places
from ateliers.workshops.importing.reading import HEADS

PAGE = "/pro/importer"


async def ask(request: Request, me: Standing) -> Response:
    """Where a file is chosen, or a table pasted."""
    return _page(request, me)


async def send(request: Request, me: Standing) -> Response:
    """Say what each row would be; or, when that was read, create what is right."""
    now, secret = utc_now(), request.app.state.secret
    text = ""
    async with request.form(max_files=1, max_fields=10, max_part_size=LARGER_BODIES[PAGE]) as data:
        step, key, seen = (str(data.get(name, "")) for name in ("etape", "cle", "empreinte"))
        draft = data.get("publication") == "brouillon"
        try:
            text = await _sent(data)
            table = importing.read(text)
        except importing.Unreadable as wrong:
            return _page(request, me, wrong=wrong, text=text, draft=draft, key=key)
    if step == "creer" and (made := await importing.created(me, key)):
        return _to_calendar(made)
    lines = await importing.check(table, me, published_at=None if draft else now, now=now)
    right, notice = sum(line.right for line in lines), ""
    if step == "creer":
        if form_key_age(key, secret, f"import:{me.id}", now) is None:
            key, notice = "", "stale"
        elif seen != importing.fingerprint(lines):
            # This very form's twin may have created them meanwhile: then they are there already, and that is the answer.
            if made := await importing.created(me, key):
                return _to_calendar(made)
            notice = "changed"
        elif not right:
            notice = "nothing"
        else:
            try:
                return _to_calendar(await importing.create(lines, me=me, form_key=key, now=now))
            except Unusable:  # one began between the check and the writing
                notice = "changed"
    return respond(
        request, "desk/import_check.html", 422 if notice else 200, lines=lines, right=right, notice=notice, draft=draft,
        ignored=table.ignored, text=text, key=key or _key(request, me, now), seen=importing.fingerprint(lines),
    )  # fmt: skip


async def _sent(data: FormData) -> str:
    """The chosen file, else the pasted text. Line ends are folded: what the page sends again gives the same rows."""
    file = data.get("fichier")
    if isinstance(file, UploadFile) and file.filename:
        text = importing.decoded(await file.read(importing.MOST_BYTES + 1))
    else:
        text = str(data.get("texte", ""))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _to_calendar(made: list[Session]) -> Response:
    month = made[0].starts_local[:7]
    return RedirectResponse(url("/pro/calendrier", mois=month, fait="importe", n=len(made)), 303)


def _key(request: Request, me: Standing, now: datetime) -> str:
    return new_form_key(request.app.state.secret, f"import:{me.id}", now)


def _page(
    request: Request, me: Standing, *, wrong: importing.Unreadable | None = None, text: str = "", draft: bool = False,
    key: str = "",
) -> Response:  # fmt: skip
    return respond(
        request, "desk/import.html", 422 if wrong else 200, wrong=wrong, text=text, draft=draft,
        key=key or _key(request, me, utc_now()), most=importing.MOST_ROWS, heads=list(HEADS),
    )  # fmt: skip


async def template(request: Request, me: Standing) -> Response:
    """A table to fill: the heads, and one row as an example. `;` and a mark of UTF-8: what Excel opens in France."""
    now = utc_now()
    places = await Places.of(me, now)
    day = (now + timedelta(days=28)).date()
    module = next(iter(MODULES.values()))
    lieu = f"n° {places.own[0].id}" if places.own else ""
    row = [f"{day:%d/%m/%Y}", "14:00", str(module.minutes), lieu, "", module.title, "", "8"]
    made = io.StringIO()
    csv.writer(made, delimiter=";", lineterminator="\r\n").writerows([words("import_heads", "fr").split(";"), row])
    headers = {"Content-Disposition": 'attachment; filename="modele-ateliers.csv"'}
    return Response(made.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


routes = [
    DeskRoute(PAGE, ask, Rule.SIGNED_IN),
    DeskRoute(PAGE, send, Rule.SIGNED_IN, "POST"),
    DeskRoute("/pro/importer/modele.csv", template, Rule.SIGNED_IN),
]
