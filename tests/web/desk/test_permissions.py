"""Every route with every role: the table is the route map itself, and a new route without a rule fails here."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from starlette.routing import BaseRoute, Mount, Route

from ateliers import bookings
from ateliers.bookings import Booking
from ateliers.database import utc_now
from ateliers.people import Coordination, Counsellor, Stay
from ateliers.web.routes import routes
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import CoHost, Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio

# Open to anybody, on purpose: what citizens, calendars, maps and monitors ask for. `/r/…` is opened by its token.
PUBLIC = re.compile(
    r"/|/api|/ateliers(/.*)?|/lieux/.*|/a/.*|/agenda\.(ics|atom|json)|/sitemap(-.*)?\.xml|/r/\{token\}(/.*)?|/api/v1/.*"
    r"|/tiles/.*|/carte.*|/static|/health(/web)?|/robots\.txt|/\.well-known/.*|/demo/(courrier|sms)(/.*)?|/map/.*|/embed/.*|/alertes/.*"
    r"|/(integrer|oembed|donnees(/.*)?|ma-reservation|accessibilite|mentions-legales|donnees-personnelles|cookies|plan-du-site)"
    r"|/aide|/facile-a-lire|/avis/.*|/borne/.*|/s/\{code\}|/sms/recus/\{key\}"
)
ROLES = ("anonymous", "citizen", "stranger", "host", "cohost", "manager", "coordinator", "admin")
OWN = {"/pro/mois/{month}.pdf"}  # of one's own sessions alone: nothing to print is not found
MAY = {
    Rule.SIGNED_IN: {"stranger", "host", "cohost", "manager", "coordinator", "admin"},
    Rule.LEADS: {"manager", "coordinator", "admin"},
    Rule.RUNS: {"host", "cohost", "manager"},
    Rule.SEES: {"host", "cohost", "manager", "coordinator", "admin"},
}


@dataclass
class Cast:
    people: dict[str, Counsellor]
    session: Session
    booking: Booking


async def _cast() -> Cast:
    cast, now = await world.build(), utc_now()
    session = await world.session(
        cast.gueret, cast.workshop, _wall(9), counsellor=cast.amina, organisation=cast.creuse, published_at=now
    )
    people = {"host": cast.amina, "stranger": cast.bruno}
    for role in ("cohost", "manager", "coordinator", "admin"):
        people[role] = await Counsellor.create(
            public_name=role, email=f"{role}@x.example", created_at=now, admin_since=now if role == "admin" else None
        )
    await CoHost.create(session=session, counsellor=people["cohost"], uid="ch-1", added_at=now)
    await Stay.create(counsellor=people["manager"], organisation=cast.creuse, role="manager", since=now.date())
    await Coordination.create(counsellor=people["coordinator"], department="23", since=now.date())
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=now)
    return Cast(people, session, booking)


def _every(found: list[BaseRoute]) -> list[Route]:
    return [route for route in found if isinstance(route, Route)]


def test_every_route_is_public_on_purpose_or_has_a_rule() -> None:
    for route in routes(world.settings()):
        path = route.path if isinstance(route, Route | Mount) else "?"
        assert isinstance(route, DeskRoute) or PUBLIC.fullmatch(path), f"{path} has no rule"
        if isinstance(route, DeskRoute):
            assert path == "/pro" or path.startswith("/pro/")
            assert ("{id:int}" in path and "/ateliers/" in path) <= (route.rule in {Rule.RUNS, Rule.SEES}), path


@pytest.mark.slow
async def test_every_route_with_every_role(site: Visitor) -> None:
    cast = await _cast()
    known = {
        "{id:int}": str(cast.session.id), "{module}": "libre", "{size}": "a4", "{month}": cast.session.starts_local[:7],
        "{booking:int}": str(cast.booking.id),
    }  # fmt: skip
    desk = [route for route in _every(routes(world.settings())) if isinstance(route, DeskRoute)]
    walked = 0
    for role in ROLES:
        if role in cast.people:
            await signed_in_as(site, cast.people[role])
        else:
            site.client.cookies.clear()  # a citizen's token is in a path of its own, and opens no desk
        for route in desk:
            if route.rule is Rule.ANYONE:
                continue
            path = route.path
            for name, value in known.items():
                if (
                    name != "{id:int}" or "/ateliers/" in path
                ):  # other numbers are of stays, venues …: see their own tests
                    path = path.replace(name, value)
            method = next(iter(route.methods - {"HEAD"})) if route.methods else "GET"
            if "{" in path:
                path = re.sub(r"\{\w+:int\}", "999999", re.sub(r"\{\w+\}", "unknown", path))
            answer = await site.client.request(
                method,
                path,
                data={"inscrit": str(cast.booking.id)} if method == "POST" else None,
                headers={"Sec-Fetch-Site": "same-origin"},
            )
            what = f"{role}: {method} {path} -> {answer.status_code}"
            if role in ("anonymous", "citizen"):
                assert answer.status_code == 303, what
                assert answer.headers["location"].startswith("/pro/connexion"), what
            elif role in MAY[route.rule]:
                assert answer.status_code < 500 or answer.status_code == 503, what
                if "unknown" not in path and "999999" not in path and route.path not in OWN:
                    assert answer.status_code != 404, what
            else:
                assert answer.status_code == 404, what
            walked += 1
            if method == "POST":  # what a host may do to a booking must not hide it from the next one
                await Booking.filter(id=cast.booking.id).update(cancelled_at=None, cancelled_by="")
                await Session.filter(id=cast.session.id).update(seats_taken=cast.booking.seats)
            if route.path == "/pro/compte/sessions/fermer" and role in cast.people:  # it has just signed the walker out
                await signed_in_as(site, cast.people[role])
        await Session.filter(id=cast.session.id).update(called_off_at=None)
    assert walked >= len(ROLES) * 10


@pytest.mark.parametrize("role", ["coordinator", "admin"])
async def test_who_may_only_look_sees_no_citizen(site: Visitor, role: str) -> None:
    cast = await _cast()
    await signed_in_as(site, cast.people[role])
    page = await site.get(f"/pro/ateliers/{cast.session.id}")
    assert page.status == 200
    for secret in (cast.booking.name, cast.booking.email, cast.booking.reference):
        assert secret not in page.response.text
