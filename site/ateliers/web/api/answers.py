"""Answers of the API: JSON that may be kept and read from any site, and problems (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ateliers.templating import url
from ateliers.web.api.words import words
from ateliers.web.etags import answered

PREFIX = "/api/v1"
JSON, GEOJSON, PROBLEM = "application/json", "application/geo+json", "application/problem+json"
METHODS = "GET, HEAD, OPTIONS"
OPEN = {
    # Any site may read it, and none with somebody's cookies: `*` and credentials exclude each other (Fetch standard).
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Last-Modified, Link, Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@dataclass(frozen=True)
class Complaint:
    """A parameter that cannot be used, and the code of the sentence that says why."""

    parameter: str
    code: str


class Wrong(Exception):
    """The request cannot be answered as it is asked: 400, each reason named."""

    def __init__(self, *complaints: Complaint) -> None:
        super().__init__(complaints)
        self.complaints = complaints


def answer(
    request: Request, content: Any, *, media_type: str = JSON, max_age: int = 30, headers: dict[str, str] | None = None
) -> Response:
    """`content` as JSON with its tag and its date, or 304."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return answered(request, body, media_type, max_age=max_age, headers=OPEN | (headers or {}))


def problem(request: Request, complaints: Iterable[Complaint]) -> Response:
    """400 with every complaint: the parameter, a code for programs, a sentence for people."""
    said = words()
    errors = [{"parameter": c.parameter, "code": c.code, "detail": said[f"error.{c.code}"]} for c in complaints]
    content = {
        "type": f"{request.app.state.settings.base_url}{url('/api')}#erreurs",
        "title": said["problem.parameters"],
        "status": 400,
        "detail": " ".join(f"{each['parameter']} : {each['detail']}" for each in errors),
        "errors": errors,
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(body, 400, OPEN | {"Cache-Control": "no-store"}, media_type=PROBLEM)


def options() -> Response:
    """What may be asked, and from where: everything, from everywhere; a day's worth for a browser (Fetch, CORS-preflight)."""
    allowed = {
        "Allow": METHODS,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": "Accept, Accept-Language, If-None-Match, If-Modified-Since",
        "Access-Control-Max-Age": "86400",
    }
    return Response(status_code=204, headers=OPEN | allowed)


def wants_geojson(request: Request, asked: str | None) -> bool:
    """Whether GeoJSON is wanted: by `format`, else by Accept (RFC 9110 §12.5.1), where a draw means JSON."""
    if asked:
        return asked == "geojson"
    weights = {JSON: 0.0, GEOJSON: 0.0}
    for part in request.headers.get("accept", "").split(","):
        kind, *parameters = (each.strip() for each in part.split(";"))
        if kind.lower() in weights:
            weights[kind.lower()] = _weight(parameters)
    return weights[GEOJSON] > weights[JSON]


def _weight(parameters: Iterable[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def feature(content: dict[str, Any], lat: float, lon: float) -> dict[str, Any]:
    """A GeoJSON Feature (RFC 7946): longitude first."""
    return {
        "type": "Feature",
        "id": content["id"],
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": content,
    }
