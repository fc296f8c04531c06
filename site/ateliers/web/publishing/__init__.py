"""The publishing API: a partner's software makes, moves and calls off sessions, with a key made at the desk.

Every route asks for `Authorization: Bearer ateliers_…` and acts for the counsellor who made the key. What is not theirs
is 404. Answers are JSON, refusals RFC 9457 problems with `errors`, each a JSON pointer (RFC 6901) and a code.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from tortoise.backends.base.client import TransactionalDBClient

from ateliers import publishing
from ateliers.bookings import editing
from ateliers.bookings.editing import Change, Overtaken, TooFewPlaces
from ateliers.database import unit_of_work, utc_now
from ateliers.limits import Limit, count
from ateliers.modules import MODULES
from ateliers.people import ApiKey, Standing, api_keys, standing_of
from ateliers.refusals import CalledOff, NotFound, Refusal, TooLate, TooMany, Unusable
from ateliers.venues import Venue
from ateliers.web.publishing.bodies import CallOff, NewSession, Revision, wall_of
from ateliers.workshops import LARGEST_ID, CoHost, Session
from ateliers.workshops.access import run_by, session_run_by
from ateliers.workshops.documents import document
from ateliers.workshops.planning import Content, Terms

PER_KEY = Limit("api:key", 600, timedelta(hours=1))  # writes
MOST_LISTED = 100
LONGEST_NAME = 100  # characters of an external id
PROBLEM = "application/problem+json"
Body = TypeVar("Body", bound=BaseModel)


class Problem(Exception):
    """An answer that is no. `errors`: pointer and code of each field that cannot be used."""

    def __init__(self, status: int, title: str, errors: list[dict[str, str]] | None = None, **headers: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.errors = errors or []
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class KeyRoute(Route):
    """A route that a key opens: `handler(request, me, key)`, for keys with `scope`."""

    def __init__(
        self, path: str, handler: Callable[..., Awaitable[Response]], scope: str, *, method: str = "GET"
    ) -> None:
        self.scope = scope
        self.handler = handler
        super().__init__(path, self._guarded, methods=[method], name=f"{method} {path}")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Another method than its own: 405, with those of every route of this path (RFC 9110 §15.5.6)."""
        if self.methods and scope["method"] not in self.methods:
            found = {method for each in routes if each.path == self.path for method in each.methods or ()}
            refused = _problem(Problem(405, "Method not allowed", Allow=", ".join(sorted(found))))
            await refused(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    async def _guarded(self, request: Request) -> Response:
        now = utc_now()
        try:
            key = await self._key(request, now)
            me = await standing_of(key.counsellor, now.date())
            return await self.handler(request, me, key)
        except Problem as problem:
            return _problem(problem)
        except TooMany as many:
            return _problem(Problem(429, "Too many requests", Retry_After=str(many.retry_after)))
        except NotFound:
            return _problem(Problem(404, "There is no such thing, or it is not yours"))
        except Refusal as refusal:
            return _problem(Problem(409, _WORDS.get(type(refusal), "This is no longer possible")))

    async def _key(self, request: Request, now: datetime) -> ApiKey:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        key = await api_keys.by_text(text.strip(), now) if kind.lower() == "bearer" else None
        if key is None:
            raise Problem(401, "A key is needed", WWW_Authenticate='Bearer realm="ateliers"')
        if not key.may(self.scope):
            challenge = f'Bearer realm="ateliers", error="insufficient_scope", scope="{self.scope}"'
            raise Problem(403, f"This key was not made for {self.scope}", WWW_Authenticate=challenge)
        if self.scope.endswith(":write"):
            await unit_of_work(_counted, key, request.app.state.secret, now)
        return key


_WORDS: dict[type[Refusal], str] = {CalledOff: "It has been called off", TooLate: "It is over"}


async def _counted(tx: TransactionalDBClient, key: ApiKey, secret: bytes, now: datetime) -> None:
    await count(tx, PER_KEY, str(key.id), secret, now)


async def whoami(request: Request, me: Standing, key: ApiKey) -> Response:
    """For whom the key acts."""
    found = {"name": key.name, "scopes": key.scopes.split(), "counsellor": me.counsellor.public_name}
    return _json(found)


async def listed(request: Request, me: Standing, key: ApiKey) -> Response:
    """The sessions one runs, drafts included, in order of number; `external_id` finds one's own name of it."""
    query = request.query_params
    _refuse_unknown(request, "external_id", "after", "limit")
    found = run_by(me)
    if external := query.get("external_id", ""):
        if len(external) > LONGEST_NAME:
            raise Problem(400, "A parameter cannot be used", [{"pointer": "/external_id", "code": "too_long"}])
        found = found.filter(external_id=external, counsellor_id=me.id)
    after = _number(query.get("after", "0"), "/after", least=0)
    limit = _number(query.get("limit", "50"), "/limit", most=MOST_LISTED)
    rows = (
        await found.filter(id__gt=after)
        .select_related("workshop", "venue", "counsellor")
        .order_by("id")
        .limit(limit + 1)
    )
    base = request.app.state.settings.base_url
    more = rows[limit - 1].id if len(rows) > limit else None
    return _json({"sessions": [_own(each, base) for each in rows[:limit]], "after": more})


async def one(request: Request, me: Standing, key: ApiKey) -> Response:
    """One of them."""
    return _answer(request, await session_run_by(me, request.path_params["id"]))


async def publish(request: Request, me: Standing, key: ApiKey) -> Response:
    """Make a session. With `Idempotency-Key`, the same request again answers with the first one's session."""
    now = utc_now()
    body, sent = await _body(request, NewSession)
    again = request.headers.get("idempotency-key", "")
    if len(again) > 255:
        raise Problem(400, "Idempotency-Key is longer than 255 characters")
    if body.module is None and (body.title is None or body.theme is None):
        missing = [name for name in ("title", "theme") if getattr(body, name) is None]
        raise _unusable([(f"/{name}", "missing") for name in missing])
    before = Content.of_module(MODULES[body.module]) if body.module else Content(title="", theme="")
    minutes = MODULES[body.module].minutes if body.module else 120
    venue = await _venue(body.venue_id)
    terms = Terms(venue=venue, minutes=minutes, capacity=body.capacity, organisation_id=max(me.works_for, default=None))
    draft = publishing.Draft(body.content(before), body.terms(terms, venue, now), body.starts_local, body.external_id)
    try:
        made, repeated = await publishing.publish(
            me,
            key,
            draft,
            idempotency_key=again,
            print_=publishing.fingerprint(sent),
            post=request.app.state.post,
            now=now,
        )
    except publishing.Known as known:
        where = f"{request.app.state.settings.base_url}/api/v1/me/sessions/{known.session_id}"
        raise Problem(409, "A session has this external_id already", Location=where) from None
    except Unusable as wrong:
        if wrong.reason == "idempotency_key":
            raise Problem(422, "This Idempotency-Key came with another body before") from None
        raise _unusable([("/starts_local", wrong.reason)]) from None
    session = await session_run_by(me, made.id)
    headers = {"Location": f"{request.app.state.settings.base_url}/api/v1/me/sessions/{made.id}"}
    return _answer(
        request, session, status=201, headers=headers | ({"Idempotent-Replayed": "true"} if repeated else {})
    )


async def revise(request: Request, me: Standing, key: ApiKey) -> Response:
    """Change what is sent; everyone whose hour or place changes gets a letter. `If-Match` is the ETag one has seen."""
    now = utc_now()
    session = await session_run_by(me, request.path_params["id"])
    body, _ = await _body(request, Revision)
    version = _if_match(request, session)
    venue = await _venue(body.venue_id) if body.venue_id is not None else session.venue
    hosts: Any = await CoHost.filter(session_id=session.id).values_list("counsellor_id", flat=True)
    terms = body.terms(Terms.of_session(session, tuple(hosts)), venue, now)
    if session.published_at is not None and session.published_at <= now and terms.published_at is None:
        raise _unusable([("/publish", "published_already")])
    wall = body.starts_local or wall_of(session)
    change = Change(body.content(Content.of_workshop(session.workshop)), terms, wall, body.scope)
    try:
        told = await editing.edit(session, change, version=version, me=me, post=request.app.state.post, now=now)
    except Overtaken:
        raise Problem(412, "It has changed since: read it again") from None
    except TooFewPlaces as few:
        raise Problem(
            409, f"{few.taken} places are taken", [{"pointer": "/capacity", "code": "places_taken"}]
        ) from None
    except Unusable as wrong:
        raise _unusable([("/starts_local", wrong.reason)]) from None
    fresh = await session_run_by(me, session.id)
    return _answer(request, fresh, notified={"letters": told.letters, "to_phone": len(told.to_phone)})


async def call_off(request: Request, me: Standing, key: ApiKey) -> Response:
    """Call it off; everyone booked gets a letter. Twice is once."""
    now = utc_now()
    session = await session_run_by(me, request.path_params["id"])
    body, _ = await _body(request, CallOff)
    instead = None
    if body.replacement_id is not None:
        instead = await run_by(me).filter(
            id=body.replacement_id, called_off_at__isnull=True, starts_at__gt=now, published_at__lte=now
        ).exclude(id=session.id).first()  # fmt: skip
        if instead is None:
            raise _unusable([("/replacement_id", "unknown")])
    if session.called_off_at is None and session.starts_at <= now:
        raise TooLate
    told = await editing.call_off_all(
        session, body.scope, body.reason, instead, me=me, post=request.app.state.post, now=now
    )
    fresh = await session_run_by(me, session.id)
    return _answer(request, fresh, notified={"letters": told.letters, "to_phone": len(told.to_phone)})


async def deletions(request: Request) -> Response:
    """What copies must drop: sessions called off or no longer public, `since` an instant, in order. Needs no key."""
    now = utc_now()
    try:
        _refuse_unknown(request, "since", "after", "limit")
        since = _instant(request.query_params.get("since"), now - publishing.DELETIONS_KEPT)
        after = _number(request.query_params.get("after", "0"), "/after", least=0)
        limit = _number(request.query_params.get("limit", str(MOST_LISTED)), "/limit", most=1000)
    except Problem as problem:
        return _problem(problem)
    found = await publishing.deletions(since, after, now, limit)
    rows = [{"id": each.session_id, "at": each.at.isoformat(), "reason": each.reason} for each in found]
    at, number = (found[-1].at, found[-1].session_id) if found else (since, after)
    response = _json({"deletions": rows, "next": {"since": at.isoformat(), "after": number}})
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "public, max-age=30"
    return response


def _own(session: Session, base_url: str) -> dict[str, Any]:
    """A session as its partner sees it: what the public may know, and its own state."""
    now = utc_now()
    published = session.published_at
    state = "draft" if published is None else "published" if published <= now else "scheduled"
    return document(session, base_url) | {
        "state": state, "external_id": session.external_id or None, "private": bool(session.private_key),
        "published_at": published.isoformat() if published else None, "starts_local": session.starts_local,
        "version": session.version,
    }  # fmt: skip


def _answer(
    request: Request, session: Session, *, status: int = 200, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    found = _own(session, request.app.state.settings.base_url) | more
    return _json(found, status, {"ETag": f'"{session.version}"'} | (headers or {}))


def _if_match(request: Request, session: Session) -> int:
    """The version the partner has seen. 428 (RFC 6585 §3) without one: nothing is overwritten unseen."""
    sent = request.headers.get("if-match", "").strip()
    if not sent:
        raise Problem(428, "Send If-Match with the ETag of the session as you know it")
    if sent == "*":
        return session.version
    number = sent.removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10) or int(number) != session.version:
        raise Problem(412, "It has changed since: read it again")
    return int(number)


async def _venue(number: int) -> Venue:
    found = await Venue.get_or_none(id=number, withdrawn_at__isnull=True)
    if found is None:
        raise _unusable([("/venue_id", "unknown")])
    return found


async def _body(request: Request, model: type[Body]) -> tuple[Body, dict[str, Any]]:
    """The body as `model`, and as it was sent."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "Send JSON: Content-Type: application/json")
    try:
        body = await request.body() or b"{}"
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, "The body is no JSON") from None
    if not isinstance(sent, dict):
        raise Problem(422, "The body is no JSON object")
    try:
        return model.model_validate_json(body), sent
    except ValidationError as error:
        raise _unusable(
            [("/" + "/".join(str(part) for part in each["loc"]), each["type"]) for each in error.errors()]
        ) from None


def _unusable(errors: list[tuple[str, str]]) -> Problem:
    return Problem(422, "Some fields cannot be used", [{"pointer": where, "code": code} for where, code in errors])


def _number(text: str, where: str, *, least: int = 1, most: int = LARGEST_ID) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise Problem(400, "A parameter cannot be used", [{"pointer": where, "code": "number"}])
    return int(text)


def _refuse_unknown(request: Request, *known: str) -> None:
    if wrong := set(request.query_params) - set(known):
        errors = [{"pointer": f"/{name[:50]}", "code": "unknown_parameter"} for name in sorted(wrong)]
        raise Problem(400, "A parameter cannot be used", errors)


def _instant(text: str | None, otherwise: datetime) -> datetime:
    if text is None:
        return otherwise
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(400, "A parameter cannot be used", [{"pointer": "/since", "code": "instant"}]) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _json(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, {"Cache-Control": "no-store"} | (headers or {}), media_type="application/json")


def _problem(problem: Problem) -> Response:
    content: dict[str, Any] = {"type": "about:blank", "title": problem.title, "status": problem.status}
    if problem.errors:
        content["errors"] = problem.errors
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(body, problem.status, {"Cache-Control": "no-store"} | problem.headers, media_type=PROBLEM)


routes: list[Route] = [
    KeyRoute("/api/v1/me", whoami, "sessions:read"),
    KeyRoute("/api/v1/me/sessions", listed, "sessions:read"),
    KeyRoute("/api/v1/me/sessions", publish, "sessions:write", method="POST"),
    KeyRoute("/api/v1/me/sessions/{id:int}", one, "sessions:read"),
    KeyRoute("/api/v1/me/sessions/{id:int}", revise, "sessions:write", method="PATCH"),
    KeyRoute("/api/v1/me/sessions/{id:int}/call-off", call_off, "sessions:write", method="POST"),
    Route("/api/v1/deletions", deletions),
]
