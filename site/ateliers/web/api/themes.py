"""`/themes`: what workshops are about, with how many come."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ateliers import modules
from ateliers.database import utc_now
from ateliers.i18n import gettext
from ateliers.templating import url
from ateliers.web.api.answers import JSON, answer
from ateliers.web.api.criteria import PLACE, SESSIONS, searched
from ateliers.web.api.declaring import ADDRESS, TEXT, WHOLE, Asked, Endpoint, Field, Shape, Told

_CODES = {"type": "array", "items": TEXT}
THEME = Shape(
    "Theme",
    (
        Field("code", TEXT | {"enum": list(modules.THEMES)}, lambda theme, _: theme.code),
        Field("url", ADDRESS, lambda theme, told: f"{told.base_url}{url(f'/ateliers/theme/{theme.code}')}"),
        Field("label", TEXT, lambda theme, _: gettext(theme.label)),
        Field("plain_label", TEXT, lambda theme, _: gettext(theme.plain_label)),
        Field("digcomp", _CODES, lambda theme, _: list(theme.digcomp)),
        Field("pix", _CODES, lambda theme, _: list(theme.pix)),
        Field("service", TEXT, lambda theme, _: theme.service),
        Field("sessions", WHOLE | {"minimum": 0}, lambda theme, told: told.coming.get(theme.code, 0)),
    ),
)


async def listed(request: Request, asked: Asked) -> Response:
    """Every theme, in the catalogue's order; `sessions` counts those that the criteria find."""
    now = utc_now()
    search = await searched(request, asked)
    told = Told(request.app.state.settings.base_url, now, coming=await search.count_by("theme", now))
    rows = [THEME.write(theme, told) for theme in modules.THEMES.values()]
    return answer(request, {"themes": rows}, max_age=30)


endpoints = [
    Endpoint(
        "themes", "/themes", listed, {JSON: "ThemeList"}, (*PLACE, *SESSIONS), statuses=(503,), example="commune=23096"
    )
]
