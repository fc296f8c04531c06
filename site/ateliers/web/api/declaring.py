"""What an endpoint is declared as, once: the same table reads a request, refuses it, writes the answer and the document.

Schemas are JSON Schema 2020-12, as OpenAPI 3.1 takes them. Words are not here: `templates/api/words.txt` has them, by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ateliers.web.api.answers import PREFIX, Complaint, Wrong, options, problem

Schema = dict[str, Any]
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")
_INTEGER = re.compile(r"-?[0-9]{1,20}")


@dataclass(frozen=True)
class Param:
    """A parameter of the query string. `schema` is that of one value; `many`: `theme=a&theme=b`, or `fields=a,b`."""

    name: str
    schema: Schema
    many: Literal["", "repeated", "joined"] = ""
    example: str = ""

    def read(self, given: list[str]) -> tuple[list[Any], str]:
        """The values, and the code of what is wrong with them ("": nothing)."""
        if len(given) > 1 and self.many != "repeated":
            return [], "repeated"
        texts = given[0].split(",") if self.many == "joined" else given
        values = []
        for text in texts:
            value, code = _value(text, self.schema)
            if code:
                return [], code
            values.append(value)
        return values, ""

    def document(self, description: str) -> Schema:
        """The Parameter Object of OpenAPI."""
        schema: Schema = {"type": "array", "items": self.schema, "minItems": 1} if self.many else self.schema
        said: Schema = {"name": self.name, "in": "query", "description": description, "schema": schema}
        if self.many:
            said |= {"style": "form", "explode": self.many == "repeated"}
        if self.example:
            said["example"] = [self.example] if self.many else _value(self.example, self.schema)[0]
        return said


def _value(text: str, schema: Schema) -> tuple[Any, str]:
    """A text as its schema types it, or the code of why not. Strict: what the document does not allow is not guessed at."""
    value: Any = text
    if schema["type"] == "integer":
        if not _INTEGER.fullmatch(text):
            return None, "not_a_number"
        value = int(text)
    elif schema["type"] == "number":
        if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            return None, "not_a_number"
        value = float(text)
    if "enum" in schema and value not in schema["enum"]:
        return None, "unknown_choice"
    if not isinstance(value, str):
        inside = schema.get("minimum", value) <= value <= schema.get("maximum", value)
        return (value, "") if inside else (None, "out_of_range")
    if len(value) > schema.get("maxLength", len(value)):
        return None, "too_long"
    dated = schema.get("format") == "date"
    if "pattern" in schema and not re.fullmatch(schema["pattern"].removeprefix("^").removesuffix("$"), value):
        return None, "not_a_date" if dated else "malformed"
    if dated and not _is_date(value):
        return None, "not_a_date"
    return value, ""


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)  # it also reads 20270309 and 2027-W10-2, which the patterns refuse
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Asked:
    """What a request asks, read: values by the name of their parameter, and the pairs as they were written."""

    values: Mapping[str, list[Any]]
    pairs: tuple[tuple[str, str], ...]

    def one(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, [default])[0]


Handler = Callable[[Request, Asked], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """One address, answered by GET, HEAD and OPTIONS. `name` is its operationId, and its words' name.

    `answers`: the component schema by media type. `statuses`: beyond 200, 304 and 400. One that `clamps` is asked by our
    own map and search field while somebody types or pans: it makes the best of odd values, and refuses none.
    `example`: the query string its page shows.
    """

    name: str
    path: str  # Starlette's, under /api/v1
    handler: Handler
    answers: Mapping[str, str]
    params: tuple[Param, ...] = ()
    clamps: bool = False
    statuses: tuple[int, ...] = ()
    example: str = ""

    def read(self, pairs: Iterable[tuple[str, str]]) -> tuple[Asked, list[Complaint]]:
        """What is asked, and everything that is wrong with it."""
        given: dict[str, list[str]] = {}
        pairs = tuple(pairs)
        for name, text in pairs:
            given.setdefault(name, []).append(text)
        known = {param.name: param for param in self.params}
        wrong = [Complaint(name[:50], "unknown_parameter") for name in given if name not in known]
        values = {}
        for name, param in known.items():
            if name in given:
                values[name], code = param.read(given[name])
                if code:
                    wrong.append(Complaint(name, code))
        return Asked(values, pairs), wrong

    async def answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return options()
        if self.clamps:
            return await self.handler(request, Asked({}, ()))
        asked, wrong = self.read(request.query_params.multi_items())
        if wrong:
            return problem(request, wrong)
        try:
            return await self.handler(request, asked)
        except Wrong as refused:
            return problem(request, refused.complaints)

    def route(self) -> Route:
        return Route(f"{PREFIX}{self.path}", self.answer, methods=["GET", "OPTIONS"], name=f"api-{self.name}")


@dataclass(frozen=True)
class Told:
    """What values are told from beside their row."""

    base_url: str
    now: Any
    distances: Mapping[int, float] = field(default_factory=dict)  # km by id
    coming: Mapping[Any, int] = field(default_factory=dict)  # sessions, by a venue's id or a theme's code


@dataclass(frozen=True)
class Field:
    """One member of an object: its schema, and how it is got from a row."""

    name: str
    schema: Schema
    value: Callable[[Any, Told], Any]


@dataclass(frozen=True)
class Shape:
    """An object of the answers. Its `id` is always told, the rest as `fields=` asks."""

    name: str
    fields: tuple[Field, ...]

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.fields]

    def write(self, row: Any, told: Told, only: Iterable[str] = ()) -> dict[str, Any]:
        wanted = {"id", *only} if only else None
        return {each.name: each.value(row, told) for each in self.fields if wanted is None or each.name in wanted}

    def document(self, words: Mapping[str, str]) -> Schema:
        """Its schema. Only the first member is always there."""
        members = {
            each.name: each.schema | _said(words, f"{self.name.removesuffix('Brief')}.{each.name}")
            for each in self.fields
        }
        return {
            "type": "object",
            "properties": members,
            "required": [self.fields[0].name],
            "additionalProperties": False,
        }


def _said(words: Mapping[str, str], name: str) -> Schema:
    return {"description": words[name]} if name in words else {}


def fields_param(shape: Shape) -> Param:
    """`fields=title,starts_at`: the members wanted."""
    return Param("fields", {"type": "string", "enum": shape.names}, many="joined", example=shape.names[1])


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
YES_NO: Schema = {"type": "boolean"}
INSTANT: Schema = {"type": "string", "format": "date-time"}
ADDRESS: Schema = {"type": "string", "format": "uri"}


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return schema | {"type": [schema["type"], "null"]} | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})
