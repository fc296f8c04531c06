"""The cast: Amina (counsellor in Guéret), Bruno (counsellor elsewhere), Chloé (citizen); their venues and sessions."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ateliers.bookings import Wish
from ateliers.bookings.notices import Post
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor, Organisation, Stay
from ateliers.settings import Settings
from ateliers.venues import Venue
from ateliers.venues.names import plain
from ateliers.workshops import Session, Workshop

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECRET = b"a secret of the tests, long enough to sign"


def settings(**changes: object) -> Settings:
    """Settings of a test, whatever the environment says."""
    values: dict[str, object] = {
        "site_url": "https://ateliers.example",
        "secret_key": SECRET.decode(),
        "tiles_url": "none",
        "sms_url": "none",
        "geocoder": "none",
        "mail_from": "inscriptions@ateliers.example",
        "pages_kept": 0,
        "search_index": False,  # a test reads what it has just written
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]


def post() -> Post:
    """Where letters are written in tests."""
    return Post(settings(), SECRET)


def wish(name: str = "Chloé Martin", *, seats: int = 1, email: str = "chloe@exemple.fr", **more: object) -> Wish:
    """What Chloé asks for; each call is another form."""
    values: dict[str, object] = {"name": name, "seats": seats, "email": email, "form_key": secrets.token_hex(16)}
    return Wish(**(values | more))  # type: ignore[arg-type]


@dataclass
class World:
    """Rows every test may count on."""

    amina: Counsellor
    bruno: Counsellor
    creuse: Organisation
    region: Organisation
    gueret: Venue
    reunion: Venue
    workshop: Workshop


async def venue(**changes: object) -> Venue:
    """France services de Guéret, or what `changes` make of it."""
    values: dict[str, object] = {
        "source": "test",
        "source_id": secrets.token_hex(6),
        "name": "France services de Guéret",
        "kind": "france_services",
        "address": "Place Bonnyaud",
        "postcode": "23000",
        "commune": "Guéret",
        "insee": "23096",
        "department": "23",
        "lat": 46.1707,
        "lon": 1.8714,
        "phone": "05 36 49 00 00",
        "wheelchair": True,
    }
    values |= changes
    values["search_text"] = plain(f"{values['name']} {values['commune']}")
    return await Venue.create(**values)


async def workshop(**changes: object) -> Workshop:
    """Café IA, or what `changes` make of it."""
    values: dict[str, object] = {
        "title": "Café IA : parlons d’intelligence artificielle",
        "promise": "On essaie ensemble. On en parle sans jargon.",
        "outcomes": ["poser une question à une IA", "vérifier sa réponse"],
        "theme": "intelligence_artificielle",
        "level": "debutant",
        "bring": "Votre téléphone si vous en avez un.",
    }
    made = Workshop(**(values | changes))
    made.refresh_search_text()
    await made.save()
    return made


async def session(
    place: Venue,
    what: Workshop,
    wall: datetime = datetime(2026, 12, 1, 14, 0),
    *,
    minutes: int = 120,
    **changes: object,
) -> Session:
    """A session at `wall`, the time on the venue's wall: Tuesday 1 December 2026 at 14:00 unless told."""
    values: dict[str, object] = {
        "capacity": 8,
        "published_at": NOW - timedelta(days=3),
        "created_at": NOW,
        "updated_at": NOW,
    }
    made = Session(venue=place, workshop=what, **(values | changes))
    made.place_at(wall, timedelta(minutes=minutes), place)
    await made.save()
    return made


async def build() -> World:
    """The cast, in the open database."""
    creuse = await Organisation.create(
        name="Communauté d’agglomération du Grand Guéret", department="23", created_at=NOW
    )
    region = await Organisation.create(name="Ville de Saint-Denis", department="974", created_at=NOW)
    amina = await Counsellor.create(
        public_name="Amina", full_name="Amina Diallo", email="amina@gueret.example", created_at=NOW
    )
    bruno = await Counsellor.create(
        public_name="Bruno", full_name="Bruno Hoarau", email="bruno@saint-denis.example", created_at=NOW
    )
    await Stay.create(counsellor=amina, organisation=creuse, since=NOW.date())
    await Stay.create(counsellor=bruno, organisation=region, since=NOW.date())
    return World(
        amina=amina,
        bruno=bruno,
        creuse=creuse,
        region=region,
        gueret=await venue(),
        reunion=await venue(
            name="Médiathèque de Saint-Denis", kind="library", address="1 rue de la Source", postcode="97400",
            commune="Saint-Denis", insee="97411", department="974", lat=-20.8789, lon=55.4481,
            time_zone="Indian/Reunion", wheelchair=None,
        ),
        workshop=await workshop(),
    )  # fmt: skip


def written(row: OutboxMessage, where: Post | None = None) -> bytes:
    """The letter of an outbox row, as the worker hands it to the mail server."""
    if row.draft is not None:
        return (where or post()).letter_of(row.draft)
    assert row.message is not None
    return bytes(row.message)
