"""oEmbed 1.0 (https://oembed.com): from the address of a page of ours to the frame that shows it elsewhere.

WordPress keeps of the answer's HTML one blockquote and one iframe, and puts the frame in a sandbox.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ateliers import i18n, modules
from ateliers.database import utc_now
from ateliers.refusals import NotFound
from ateliers.search import Search
from ateliers.templating import url
from ateliers.web.embed.options import HEIGHTS, LOWEST, Options, Subject, subject_of, text
from geo.territories import DEPARTMENTS

WIDTH = 600  # px
LOWEST_WIDTH = 240
CACHE_SECONDS = 86_400
LONGEST_URL = 4_000
_SESSION = re.compile(r"/ateliers/([0-9]{1,18})")
_VENUE = re.compile(r"/lieux/([0-9]{1,18})")
_COMMUNE = re.compile(r"/ateliers/commune/(\w{5})", re.ASCII)
_DEPARTMENT = re.compile(r"/ateliers/departement/(\w{2,3})", re.ASCII)
_THEME = re.compile(r"/ateliers/theme/(\w{1,40})", re.ASCII)
_WIDGET = re.compile(r"/embed/v1/(\w{1,10})", re.ASCII)


async def oembed(request: Request) -> Response:
    """`/oembed?url=…&format=json&maxwidth=…&maxheight=…`. 404: no page of ours that can be embedded; 501: XML."""
    asked = request.query_params
    if asked.get("format", "json") != "json":
        return PlainTextResponse("501", 501)
    settings = request.app.state.settings
    options = options_of(asked.get("url", ""), settings.base_url)
    if options is None:
        raise NotFound
    i18n.set_language(options.language)
    subject = await subject_of(request, options, utc_now())
    if subject.nowhere:
        raise NotFound
    width = _within(asked.get("maxwidth", ""), LOWEST_WIDTH, WIDTH)
    height = _within(asked.get("maxheight", ""), LOWEST, options.pixels)
    content = {
        "version": "1.0",
        "type": "rich",
        "title": subject.title,
        "provider_name": text("embed/provider.txt"),
        "provider_url": f"{settings.base_url}/",
        "width": width,
        "height": height,
        "html": frame(settings.base_url, options, subject, width, height),
        "cache_age": CACHE_SECONDS,
    }
    return _json(content)


def options_of(address: str, base_url: str) -> Options | None:
    """The widget that shows what the page at `address` shows; None where it is not ours, or none does.

    A private session has none: nothing invites to spread its link.
    """
    if len(address) > LONGEST_URL:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.netloc != urlsplit(base_url).netloc:
        return None
    path, language = parts.path.rstrip("/") or "/", i18n.DEFAULT
    code, _, rest = path.lstrip("/").partition("/")
    if code in i18n.languages():
        path, language = f"/{rest}", code
    pairs = parse_qsl(parts.query)
    options = _of_path(path, pairs)
    if options is None:
        return None
    return options if "lang" in dict(pairs) else replace(options, language=language)


def _of_path(path: str, pairs: list[tuple[str, str]]) -> Options | None:
    if found := _WIDGET.fullmatch(path):
        return Options.from_query(found[1], pairs) if found[1] in HEIGHTS else None
    if found := _SESSION.fullmatch(path):
        return Options("prochain", Search(), session_id=int(found[1]), height=LOWEST + 20)
    if path == "/ateliers":
        return Options("liste", replace(Search.from_query(pairs), page=1))
    if found := _VENUE.fullmatch(path):
        return Options("liste", Search.from_query([("lieu", found[1])]))
    if found := _COMMUNE.fullmatch(path):
        return Options("liste", Search(commune=found[1].upper()))
    if (found := _DEPARTMENT.fullmatch(path)) and found[1].upper() in DEPARTMENTS:
        return Options("liste", Search(department=found[1].upper()))
    if (found := _THEME.fullmatch(path)) and found[1] in modules.THEMES:
        return Options("liste", Search(themes=(found[1],)))
    return None


def frame(base_url: str, options: Options, subject: Subject, width: int, height: int) -> str:
    """The HTML: what WordPress leaves of it is all there is; it takes no style, so `frameborder` takes the border off."""
    made = Markup(
        '<blockquote><a href="{}">{}</a></blockquote><iframe src="{}" width="{}" height="{}" frameborder="0"'
        ' title="{}"></iframe>'
    ).format(base_url + url(subject.page), subject.title, base_url + options.path, width, height, subject.title)
    return str(made)


def _within(digits: str, least: int, most: int) -> int:
    """What the consumer allows, no more than we want; unusable values are not there."""
    return max(least, min(most, int(digits))) if digits.isascii() and digits.isdigit() and len(digits) < 6 else most


def _json(content: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"}
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(body, media_type="application/json", headers=headers)
