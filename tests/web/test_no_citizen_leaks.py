"""No public page, feed, picture, export or API answer carries a citizen's name, contact or token.

Unmistakable values are planted in every column that holds what a citizen gave, and every public GET route is walked, in
each language and format. A route that is added is walked too: the table is the route map itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from starlette.routing import Mount, Route

from ateliers import bookings
from ateliers.bookings import Booking, waiting_list
from ateliers.bookings.tokens import hashed, manage_token
from ateliers.database import utc_now
from ateliers.web.routes import routes
from ateliers.web.signed_in import DeskRoute
from ateliers.workshops import Session, Workshop
from tests import world
from tests.visiting import Visitor
from tests.web.test_data import make_files
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio

# Opened by a citizen's own token, or by whoever runs a demonstration: what is theirs is shown there, on purpose.
THEIR_OWN = re.compile(r"/r/\{token\}(/.*)?|/demo/.*")
# Queries that a route is walked with, beside none. What they ask is said back: so never a planted value whole.
QUERIES = {
    "/ateliers": ("ou=23000", "lieu={venue}", "quoi=zoubir"),
    "/agenda.ics": ("ou=23000",),
    "/agenda.atom": ("ou=23000",),
    "/agenda.json": ("ou=23000",),
    "/api/v1/sessions": ("format=geojson", "quoi=zoubir", "limit=1", "commune=23096&tri=distance"),
    "/api/v1/sessions/{id:int}": ("format=geojson",),
    "/api/v1/venues": ("format=geojson", "quoi=zoubir"),
    "/api/v1/venues/{id:int}": ("format=geojson",),
    "/api/v1/map": ("bbox=45,0,47,3&zoom=12",),
    "/api/v1/towns": ("bbox=45,0,47,3&zoom=12",),
    "/api/v1/suggest": ("q=zoubir", "q=gueret"),
}
FEWEST_ANSWERS = 60


@dataclass
class Planted:
    session: Session
    secrets: dict[str, str]


async def _planted() -> Planted:
    """A booking, one who waits, one who is offered a place, one cancelled: each with values found nowhere else."""
    cast, now, post = await world.build(), utc_now(), world.post()
    session = await world.session(
        cast.gueret, cast.workshop, _wall(3), capacity=2, counsellor=cast.amina, organisation=cast.creuse
    )
    secrets: dict[str, str] = {}
    made: list[Booking] = []
    for role, seats in (("booked", 1), ("cancelled", 1), ("filling", 1), ("waiting", 1)):
        wish = world.wish(
            f"Zoubiria {role.title()}leak",
            seats=seats,
            email=f"zoubiria.leak.{role}@exemple.fr",
            phone=f"+3363998{len(made):04d}",
            beneficiary=f"Beneficiaria {role.title()}leak",
            guest_email=f"guestia.leak.{role}@exemple.fr",
            guest_phone=f"+3363997{len(made):04d}",
            needs=f"Needleak {role}",
        )
        join = waiting_list.join if role == "waiting" else bookings.book
        booking = await join(session.id, wish, post=post, now=now)
        made.append(booking)
        if role == "cancelled":
            await bookings.cancel(booking.id, post=post, now=now)
        token = manage_token(booking.uid, world.SECRET)
        secrets |= {
            f"{role} token": token,
            f"{role} token's hash": hashed(token),
            f"{role} uid": booking.uid,
            f"{role} reference": booking.reference,
        }
    secrets |= {
        "name": "Zoubiria", "beneficiary": "Beneficiaria", "needs": "Needleak", "e-mail": "zoubiria.leak",
        "phone": "63998000", "guest's e-mail": "guestia.leak", "guest's phone": "63997000",
        "counsellor's e-mail": cast.amina.email, "counsellor's full name": cast.amina.full_name,
    }  # fmt: skip
    assert await Booking.filter(session=session).count() == 4
    return Planted(session, secrets)


def _walked() -> list[str]:
    found = []
    for route in routes(world.settings(demo=True)):
        if isinstance(route, Route) and not isinstance(route, DeskRoute) and not THEIR_OWN.fullmatch(route.path):
            if "GET" in (route.methods or {"GET"}):
                found.append(route.path)
        else:
            assert isinstance(route, Mount | DeskRoute) or THEIR_OWN.fullmatch(route.path)
    return found


def _address(path: str, planted: Planted) -> str:
    session = planted.session
    number = session.venue_id if "venues" in path or "lieux" in path else session.id
    values = {
        "{session:session}": str(session.id), "{id:int}": str(number), "{number:int}": "1", "{insee}": "23096",
        "{name}": "ateliers", "{code}": "23" if "departement" in path else session.workshop.theme, "{digest}": "x",
        "{z:int}": "5", "{x:int}": "16", "{y:int}": "11",
    }  # fmt: skip
    for name, value in values.items():
        path = path.replace(name, value)
    return re.sub(r"\{\w+(:\w+)?\}", "1", path)


async def leaks(site: Visitor, planted: Planted) -> tuple[int, list[tuple[str, str]]]:
    """How many answers were read, and what was found where it must not be: (what, address)."""
    answered, found = 0, []
    for path in _walked():
        address = _address(path, planted)
        queries = ["", *(f"?{query}".format(venue=planted.session.venue_id) for query in QUERIES.get(path, ()))]
        for asked in (f"{prefix}{address}{query}" for prefix in ("", "/en") for query in queries):
            answer = await site.client.get(asked, follow_redirects=True)
            assert answer.status_code < 500 or address == "/health", asked
            answered += answer.status_code == 200
            read = " ".join([answer.text, *(f"{name}: {value}" for name, value in answer.headers.items())])
            found += [(what, asked) for what, secret in planted.secrets.items() if secret in read]
    return answered, found


async def test_no_public_address_carries_a_citizen(site: Visitor) -> None:
    planted = await _planted()
    await make_files(site)
    answered, found = await leaks(site, planted)
    assert found == []
    assert answered >= FEWEST_ANSWERS


async def test_the_walk_would_find_one(site: Visitor) -> None:
    """The values are there for whoever holds the token; and what a page says by mistake is found, feeds and API included."""
    planted = await _planted()
    own = await site.client.get(f"/r/{planted.secrets['booked token']}")
    assert own.status_code == 200
    assert planted.secrets["booked reference"] in own.text
    await Workshop.filter(id=planted.session.workshop_id).update(promise=f"Avec {planted.secrets['e-mail']}")
    await make_files(site)
    _, found = await leaks(site, planted)
    where = {address.partition("?")[0] for what, address in found if what == "e-mail"}
    number = planted.session.id
    assert {
        f"/ateliers/{number}", f"/ateliers/{number}.ics", "/agenda.ics", "/agenda.atom", "/agenda.json", "/api/v1/sessions",
        f"/api/v1/sessions/{number}",
    } <= where  # fmt: skip
