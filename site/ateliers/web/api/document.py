"""The OpenAPI 3.1 document, written from the endpoints as they are declared, and the page that reads it aloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ateliers.templating import url
from ateliers.web.api.answers import JSON, PREFIX, PROBLEM, answer
from ateliers.web.api.declaring import ADDRESS, TEXT, WHOLE, Asked, Endpoint, Param, Schema, or_null
from ateliers.web.api.sessions import SESSION
from ateliers.web.api.themes import THEME
from ateliers.web.api.venues import BRIEF, VENUE
from ateliers.web.api.words import words
from ateliers.web.pages import respond
from ateliers.web.publishing import describing

VERSION = "1.0.0"  # of the API: a field or a parameter more is a minor one; nothing is taken away under /api/v1
LICENCE = {"name": "etalab-2.0", "url": "https://spdx.org/licenses/etalab-2.0.html"}
_NUMBER = {"type": "number"}


def build(endpoints: Sequence[Endpoint], base_url: str) -> Schema:
    """The document, in the current language."""
    said = words()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": said["api.title"],
            "version": VERSION,
            "description": said["api.description"],
            "license": LICENCE,
        },
        "servers": [{"url": base_url}],
        "paths": {documented(each): {"get": _operation(each, said)} for each in endpoints} | describing.paths(said),
        "components": {
            "schemas": _schemas(said) | describing.schemas(),
            "securitySchemes": {
                name: each | {"description": said["publish.key"]} for name, each in describing.SECURITY.items()
            },
            "parameters": {name: param.document(said[f"param.{name}"]) for name, param in _shared(endpoints).items()},
            "responses": {
                "NotModified": {"description": said["status.304"], "headers": _headers(said)},
                **{f"Problem{code}": _problem(code, said) for code in _refusals(endpoints)},
            },
        },
    }


def documented(endpoint: Endpoint) -> str:
    """Its path as OpenAPI writes it."""
    return f"{PREFIX}{endpoint.path}".replace("{id:int}", "{id}")


def _shared(endpoints: Sequence[Endpoint]) -> dict[str, Param]:
    """Parameters that mean the same wherever they stand: declared once, referred to."""
    found: dict[str, Param] = {}
    for endpoint in endpoints:
        for param in endpoint.params:
            found.setdefault(param.name, param)
    return {name: param for name, param in found.items() if name != "fields"}


def _refusals(endpoints: Sequence[Endpoint]) -> list[int]:
    return sorted({400, *(status for endpoint in endpoints for status in endpoint.statuses)})


def _operation(endpoint: Endpoint, said: Mapping[str, str]) -> Schema:
    params: list[Schema] = []
    if "{id:int}" in endpoint.path:
        number = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
        params.append({"name": "id", "in": "path", "required": True, "schema": number, "description": said["param.id"]})
    for param in endpoint.params:
        if param.name == "fields":
            params.append(param.document(said["param.fields"]))
        else:
            params.append({"$ref": f"#/components/parameters/{param.name}"})
    content = {
        media: {"schema": {"$ref": f"#/components/schemas/{name}"} if name else {"type": "object"}}
        for media, name in endpoint.answers.items()
    }
    responses: Schema = {
        "200": {"description": said["status.200"], "headers": _headers(said), "content": content},
        "304": {"$ref": "#/components/responses/NotModified"},
    }
    refusals = endpoint.statuses if endpoint.clamps else (400, *endpoint.statuses)
    for status in refusals:
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    operation: Schema = {
        "operationId": endpoint.name,
        "summary": said[f"endpoint.{endpoint.name}"],
        "parameters": params,
        "responses": responses,
    }
    if endpoint.clamps:
        operation["description"] = said["api.clamps"]
        operation["x-clamps"] = True
    return operation


def _headers(said: Mapping[str, str]) -> Schema:
    return {
        "ETag": {"description": said["header.etag"], "schema": {"type": "string"}},
        "Last-Modified": {"description": said["header.last_modified"], "schema": {"type": "string"}},
    }


def _problem(status: int, said: Mapping[str, str]) -> Schema:
    name = "Refused" if status == 400 else "Problem"
    content = {PROBLEM: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"description": said.get(f"status.{status}", HTTPStatus(status).phrase), "content": content}


def _closed(members: Mapping[str, Schema], *optional: str) -> Schema:
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": dict(members), "required": required, "additionalProperties": False}


def _listed(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _referred(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas(said: Mapping[str, str]) -> Schema:
    head: dict[str, Schema] = {"total": WHOLE | {"minimum": 0}, "place": or_null(TEXT), "next": or_null(ADDRESS)}
    schemas: Schema = {shape.name: shape.document(said) for shape in (SESSION, BRIEF, VENUE, THEME)}
    for name, member in (("Session", "sessions"), ("Venue", "venues")):
        schemas[f"{name}Page"] = _closed(head | {member: _listed(_referred(name))})
        schemas[f"{name}Feature"] = _feature(_referred(name), WHOLE)
        schemas[f"{name}Collection"] = _collection(_referred(f"{name}Feature"), head)
    town = _closed({"name": TEXT, "population": WHOLE})
    suggestion = _closed({"kind": TEXT, "label": TEXT, "detail": TEXT, "code": TEXT})
    error = _closed({"parameter": TEXT, "code": TEXT, "detail": TEXT})
    problem = {"type": TEXT, "title": TEXT, "status": WHOLE}
    return schemas | {
        "ThemeList": _closed({"themes": _listed(_referred("Theme"))}),
        "ClusterCollection": _collection(_feature({"type": "object"}, {"type": "string"}, boxed=True), {}),
        "TownCollection": _collection(_feature(town), {}),
        "Suggestions": _closed({"suggestions": _listed(suggestion)}),
        "Problem": _closed(problem),
        "Refused": _closed(problem | {"detail": TEXT, "errors": _listed(error)}),
    }


def _feature(properties: Schema, number: Schema | None = None, *, boxed: bool = False) -> Schema:
    point = _closed(
        {"type": {"const": "Point"}, "coordinates": {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}}
    )
    members = {"type": {"const": "Feature"}, "geometry": point, "properties": properties}
    more = {"id": number} if number else {}
    return _closed(members | more | ({"bbox": _listed(_NUMBER)} if boxed else {}))


def _collection(feature: Schema, head: Mapping[str, Schema]) -> Schema:
    return _closed({"type": {"const": "FeatureCollection"}, **head, "features": _listed(feature)})


def opening(endpoints: Sequence[Endpoint]) -> tuple[list[Endpoint], list[Route]]:
    """All the endpoints, that of the document among them, and their routes with that of the page."""

    async def document(request: Request, asked: Asked) -> Response:
        return answer(request, build(told, request.app.state.settings.base_url), max_age=3600)

    async def page(request: Request) -> Response:
        base: str = request.app.state.settings.base_url
        examples = {each.name: _example(each, base) for each in told}
        return respond(request, "api/page.html", document=build(told, base), examples=examples)

    told = [*endpoints, Endpoint("openapi", "/openapi.json", document, {JSON: ""})]
    return told, [*(each.route() for each in told), Route("/api", page)]


def _example(endpoint: Endpoint, base: str) -> str:
    path = url(documented(endpoint)).replace("{id}", "1")
    return f"{base}{path}{'?' + endpoint.example if endpoint.example else ''}"
