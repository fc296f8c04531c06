"""The publishing API in the OpenAPI document: its paths, schemas and key, from the routes and bodies themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ateliers import modules
from ateliers.web.publishing import PROBLEM, KeyRoute, routes
from ateliers.web.publishing.bodies import CallOff, NewSession, Revision

Schema = dict[str, Any]
BODIES: dict[str, type[BaseModel]] = {"publish": NewSession, "revise": Revision, "call_off": CallOff}
ANSWERS = {
    "whoami": "KeyHolder", "listed": "OwnSessionPage", "one": "OwnSession", "publish": "OwnSession", "revise": "OwnSession",
    "call_off": "OwnSession", "deletions": "Deletions",
}  # fmt: skip
_TEXT, _WHOLE, _YES_NO = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_INSTANT = {"type": "string", "format": "date-time"}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_NUMBER_IN_PATH = {"name": "id", "in": "path", "required": True, "schema": _NUMBER}


def paths(said: Mapping[str, str]) -> dict[str, Schema]:
    """Path items, by path."""
    found: dict[str, Schema] = {}
    for route in routes:
        method = next(iter((route.methods or set()) - {"HEAD"})).lower()
        name = route.handler.__name__ if isinstance(route, KeyRoute) else "deletions"
        path = route.path.replace("{id:int}", "{id}")
        found.setdefault(path, {})[method] = _operation(name, path, method, said, keyed=isinstance(route, KeyRoute))
    return found


def _operation(name: str, path: str, method: str, said: Mapping[str, str], *, keyed: bool) -> Schema:
    params: list[Schema] = [_NUMBER_IN_PATH | {"description": said["param.id"]}] if "{id}" in path else []
    for param, schema in _QUERY.get(name, {}).items():
        params.append({"name": param, "in": "query", "schema": schema, "description": said[f"publish.param.{param}"]})
    for header in _HEADERS.get(name, {}):
        required = header == "If-Match"
        params.append(
            {"name": header, "in": "header", "required": required, "schema": _HEADERS[name][header],
             "description": said[f"publish.header.{header}"]}
        )  # fmt: skip
    answer = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ANSWERS[name]}"}}}
    code = "201" if name == "publish" else "200"
    responses: Schema = {code: {"description": said["status.200"], "content": answer}}
    for status in (*((401, 403) if keyed else ()), *_REFUSALS[name]):
        responses[str(status)] = {
            "description": said[f"publish.status.{status}"],
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/PublishingProblem"}}},
        }
    operation: Schema = {
        "operationId": f"publishing_{name}", "summary": said[f"publish.{name}"], "parameters": params,
        "responses": responses, "tags": ["publishing"],
    }  # fmt: skip
    if keyed:
        operation["security"] = [{"key": []}]
    if name in BODIES:
        reference = {"$ref": f"#/components/schemas/{BODIES[name].__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return operation


_QUERY: dict[str, dict[str, Schema]] = {
    "listed": {
        "external_id": _TEXT | {"maxLength": 100}, "after": _WHOLE | {"minimum": 0, "maximum": 2**63 - 1},
        "limit": _WHOLE | {"minimum": 1, "maximum": 100},
    },
    "deletions": {
        "since": _INSTANT, "after": _WHOLE | {"minimum": 0, "maximum": 2**63 - 1},
        "limit": _WHOLE | {"minimum": 1, "maximum": 1000},
    },
}  # fmt: skip
_HEADERS: dict[str, dict[str, Schema]] = {
    "publish": {"Idempotency-Key": _TEXT | {"maxLength": 255}},
    "revise": {"If-Match": _TEXT | {"minLength": 1, "examples": ['"3"', "*"]}},
}
_REFUSALS: dict[str, tuple[int, ...]] = {
    "whoami": (), "listed": (400,), "one": (404,), "publish": (400, 409, 413, 415, 422, 429),
    "revise": (400, 404, 409, 412, 413, 415, 422, 428, 429), "call_off": (400, 404, 409, 413, 415, 422, 429),
    "deletions": (400,),
}  # fmt: skip


def _null(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]}


def _closed(members: Mapping[str, Schema], *optional: str) -> Schema:
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": dict(members), "required": required, "additionalProperties": False}


def schemas() -> dict[str, Schema]:
    """Component schemas, by name."""
    bodies = models_json_schema(
        [(model, "validation") for model in BODIES.values()], ref_template="#/components/schemas/{model}"
    )[1]["$defs"]
    own: dict[str, Schema] = {
        "id": _WHOLE, "url": _TEXT, "booking_url": _TEXT,
        "status": _TEXT | {"enum": ["scheduled", "rescheduled", "cancelled"]}, "title": _TEXT, "promise": _TEXT,
        "theme": _TEXT | {"enum": list(modules.THEMES)}, "level": _TEXT | {"enum": list(modules.LEVELS)},
        "audiences": {"type": "array", "items": _TEXT}, "language": _TEXT, "starts_at": _INSTANT, "ends_at": _INSTANT,
        "time_zone": _TEXT, "previous_starts_at": _null(_INSTANT), "cancelled_at": _null(_INSTANT), "room": _TEXT,
        "capacity": _WHOLE, "seats_taken": _WHOLE, "seats_left": _WHOLE, "waiting_list": _YES_NO, "in_cycle": _YES_NO,
        "venue": {"type": "object"}, "state": _TEXT | {"enum": ["draft", "scheduled", "published"]},
        "external_id": _null(_TEXT), "private": _YES_NO, "published_at": _null(_INSTANT), "starts_local": _TEXT,
        "version": _WHOLE, "notified": _closed({"letters": _WHOLE, "to_phone": _WHOLE}),
    }  # fmt: skip
    deletion = _closed({"id": _WHOLE, "at": _INSTANT, "reason": _TEXT | {"enum": ["called_off", "unlisted"]}})
    return {
        **bodies,
        "OwnSession": _closed(own, "notified"),
        "OwnSessionPage": _closed(
            {"sessions": {"type": "array", "items": {"$ref": "#/components/schemas/OwnSession"}}, "after": _null(_WHOLE)}
        ),
        "KeyHolder": _closed({"name": _TEXT, "scopes": {"type": "array", "items": _TEXT}, "counsellor": _TEXT}),
        "Deletions": _closed(
            {"deletions": {"type": "array", "items": deletion}, "next": _closed({"since": _INSTANT, "after": _WHOLE})}
        ),
        "PublishingProblem": _closed(
            {"type": _TEXT, "title": _TEXT, "status": _WHOLE,
             "errors": {"type": "array", "items": _closed({"pointer": _TEXT, "code": _TEXT})}}, "errors",
        ),
    }  # fmt: skip


SECURITY = {"key": {"type": "http", "scheme": "bearer"}}
