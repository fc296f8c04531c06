"""Open data: the page that explains it, its files, schemas and catalogue, and a search's results as a file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ateliers.database import utc_now
from ateliers.opendata import COLUMNS, DATASETS, FILES, Edition, File
from ateliers.opendata.catalogue import dcat_ap, schema_org
from ateliers.opendata.columns import LICENCE, VERSION
from ateliers.opendata.schemas import JSON_SCHEMA, TABLE_SCHEMA, json_schema, table_schema
from ateliers.opendata.sessions import found_rows
from ateliers.opendata.turtle import turtle
from ateliers.opendata.writing import FORMS
from ateliers.search import Search
from ateliers.web.etags import is_kept, tag_of
from ateliers.web.pages import respond
from geo.geocoding.places import place_of_commune

RETRY = 60  # seconds: the first making of a large site takes less
MAX_AGE = 3600
_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Disposition, Content-Range, ETag, Last-Modified",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT = _OPEN | {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "If-Match, If-Modified-Since, If-None-Match, If-Range, Range",
    "Access-Control-Max-Age": "86400",
}
_ASKED = ["GET", "HEAD", "OPTIONS"]


async def data_page(request: Request) -> Response:
    """What is published, in which forms, how fresh; a preview; the columns in words."""
    return _page(request, request.app.state.opendata.edition(utc_now()))


async def data_file(request: Request) -> Response:
    """A file of the current edition: whole, compressed, in part (RFC 9110 §14), or 304. 503 until the first is made."""
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=_PREFLIGHT)
    edition: Edition | None = request.app.state.opendata.edition(utc_now())
    if edition is None:
        return _page(request, None)
    file = FILES[request.url.path.rpartition("/")[2]]
    made = edition.files[file.name]
    plain = f'"{made.sha256[:20]}"'
    modified = format_datetime(made.modified.astimezone(UTC), usegmt=True)
    packed = bool(made.gzip_size) and _takes_gzip(request) and not _resumes(request, plain, modified)
    etag = f'"{made.sha256[:20]}-gzip"' if packed else plain
    headers = _OPEN | {"ETag": etag, "Last-Modified": modified, "Cache-Control": f"public, max-age={MAX_AGE}"}
    if not DATASETS[file.dataset].conforms_to:
        headers["Link"] = f'</donnees/{TABLE_SCHEMA}>; rel="describedby"'
    if made.gzip_size:
        headers["Vary"] = "Accept-Encoding"
    if _has(request, etag, made.modified):
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return FileResponse(edition.path(file.name, gzip=packed), 200, headers, media_type=file.media, filename=file.name)


async def catalogue(request: Request) -> Response:
    """DCAT-AP 3.0, as JSON-LD or Turtle: what data portals harvest."""
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=_PREFLIGHT)
    edition: Edition | None = request.app.state.opendata.edition(utc_now())
    if edition is None:
        return _page(request, None)
    tree = dcat_ap(edition, request.app.state.settings)
    if request.url.path.endswith(".ttl"):
        return _text(request, turtle(tree), "text/turtle; charset=utf-8")
    return _text(request, _json(tree), "application/ld+json")


async def schema(request: Request) -> Response:
    """The schema of the sessions, as Table Schema or JSON Schema."""
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=_PREFLIGHT)
    base = request.app.state.settings.base_url
    if request.url.path.endswith(TABLE_SCHEMA):
        return _text(request, _json(table_schema(base)), "application/json")
    return _text(request, _json(json_schema(base)), "application/schema+json")


async def searched(request: Request) -> Response:
    """The sessions of a search as CSV, NDJSON or GeoJSON, as they are now, streamed: the search page's own parameters.

    Not `ou`: a file asked for by a program must not hang on an address service, nor on which of two towns is meant. What
    cannot be used is refused with 400 (RFC 9457), for a filter left out in silence would answer with the whole country.
    """
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=_PREFLIGHT)
    search = Search.from_query(request.query_params.multi_items())
    wrong = dict(search.complaints)
    if search.where:
        wrong["ou"] = "give_commune_departement_or_lat_lon"
    if search.commune:
        commune = request.app.state.gazetteer.by_insee(search.commune)
        if commune is None or commune.point is None:
            wrong["commune"] = "unknown_choice"
        else:
            search = replace(search, commune="", place=place_of_commune(commune))
    if wrong:
        problem = {"type": "about:blank", "title": "Bad Request", "status": 400, "errors": wrong}
        return JSONResponse(problem, 400, _OPEN, media_type="application/problem+json")
    kind = request.url.path.rpartition(".")[2]
    form, now, base = FORMS[kind], utc_now(), request.app.state.settings.base_url
    headers = _OPEN | {
        "Cache-Control": "public, max-age=300",
        "X-Robots-Tag": "noindex",  # a thousand files of one thing, for who harvests by following links
        "Content-Disposition": f'attachment; filename="recherche.{kind}"',
    }
    media = FILES[f"ateliers.{kind}"].media
    if request.method == "HEAD":
        return Response(headers=headers | {"Content-Type": media})

    async def parts() -> AsyncIterator[bytes]:
        yield form.before
        first = True
        async for rows in found_rows(search, base, now):
            yield form.rows(rows, first)
            first = False
        yield form.after

    return StreamingResponse(parts(), media_type=media, headers=headers)


def _page(request: Request, edition: Edition | None) -> Response:
    """The page; 503 where a file was asked for and none is made yet."""
    asked_for_a_file = request.url.path.rpartition("/")[2] != "donnees"
    status = 503 if edition is None and asked_for_a_file else 200
    settings = request.app.state.settings
    request.scope["path"] = "/donnees"  # the address of this page in other languages
    return respond(
        request,
        "data/page.html",
        status,
        {"Retry-After": str(RETRY)} if status == 503 else None,
        edition=edition,
        datasets=[(dataset, _files_of(dataset.code)) for dataset in DATASETS.values()],
        columns=COLUMNS.values(),
        shown=[column for column in COLUMNS.values() if column.preview],
        table_schema=TABLE_SCHEMA,
        json_schema=JSON_SCHEMA,
        version=VERSION,
        licence=LICENCE,
        described=schema_org(edition, settings) if edition is not None and not settings.demo else None,
    )


def _files_of(code: str) -> list[File]:
    return [file for file in FILES.values() if file.dataset == code]


def _takes_gzip(request: Request) -> bool:
    """As GZipMiddleware reads it, which would otherwise compress what is tagged as plain."""
    return "gzip" in request.headers.get("accept-encoding", "")


def _resumes(request: Request, etag: str, modified: str) -> bool:
    """Whether a part of the uncompressed file is asked for, and it is still that file."""
    return "range" in request.headers and request.headers.get("if-range", etag) in {etag, modified}


def _has(request: Request, etag: str, modified: datetime) -> bool:
    """Whether the visitor's copy is the current one. RFC 9110 §13.2.2: the date counts only where no tag is given."""
    if "if-none-match" in request.headers:
        return is_kept(request, etag)
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    return modified <= (since if since.tzinfo else since.replace(tzinfo=UTC))


def _json(tree: Mapping[str, Any]) -> str:
    return json.dumps(tree, ensure_ascii=False, indent=1)


def _text(request: Request, text: str, media: str) -> Response:
    body = text.encode()
    headers = _OPEN | {"ETag": tag_of(body), "Cache-Control": f"public, max-age={MAX_AGE}"}
    if is_kept(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media, headers=headers)


routes = [
    Route("/donnees", data_page),
    *(Route(f"/donnees/{name}", data_file, methods=_ASKED) for name in FILES),
    *(Route(f"/donnees/{name}", schema, methods=_ASKED) for name in (TABLE_SCHEMA, JSON_SCHEMA)),
    *(Route(f"/donnees/catalogue.{kind}", catalogue, methods=_ASKED) for kind in ("jsonld", "ttl")),
    *(Route(f"/donnees/recherche.{kind}", searched, methods=_ASKED) for kind in FORMS),
]
