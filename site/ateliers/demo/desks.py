"""What a counsellor of the demonstration finds at the desk: usual places, people who booked, who came, who leads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.bookings import AttendanceMark, Booking, Wish, contact_key
from ateliers.bookings.tokens import DIGITS, LETTERS, hashed, manage_token
from ateliers.demo.teams import Round
from ateliers.demo.words import PEOPLE
from ateliers.people import Coordination, Stay
from ateliers.venues import Presence
from ateliers.venues.names import plain
from ateliers.workshops import Session

MAIL = "@courriel.example"
"""How the addresses of invented citizens end (RFC 2606)."""
MANAGER, COORDINATOR = 6, 7  # among the rounds: two more of Guéret, so that its team is whole
_CHUNK = 500
_CAME = ("present",) * 16 + ("absent",) * 3 + ("excused",)
_WAIT = (0, 0, 1, 2, 3)  # people on the list of a full session
_CONTACTS = ("email",) * 15 + ("phone",) * 3 + ("none",) * 2


async def furnish(tx: TransactionalDBClient, rounds: Sequence[Round], today: date) -> None:
    """Give each counsellor their usual places; to Guéret, somebody who manages and somebody who coordinates."""
    since = today - timedelta(days=90)
    known = set(await Presence.all().using_db(tx).values_list("counsellor_id", "venue_id"))
    new = [
        Presence(counsellor_id=round_.counsellor.id, venue_id=venue.id, capacity=8 + 2 * (number % 3), since=since)
        for round_ in rounds
        for number, venue in enumerate(dict.fromkeys((*round_.home, *round_.venues)))
        if (round_.counsellor.id, venue.id) not in known
    ]
    await Presence.bulk_create(new, using_db=tx)
    if len(rounds) <= COORDINATOR:
        return
    first, boss, guide = rounds[0], rounds[MANAGER].counsellor, rounds[COORDINATOR].counsellor
    employer = await Stay.get(counsellor_id=first.counsellor.id, using_db=tx)
    if not await Stay.filter(counsellor_id=boss.id, role="manager").using_db(tx).exists():
        await (
            Stay.filter(counsellor_id=boss.id)
            .using_db(tx)
            .update(organisation_id=employer.organisation_id, role="manager")
        )
    if not await Coordination.filter(counsellor_id=guide.id).using_db(tx).exists():
        await Coordination.create(using_db=tx, counsellor=guide, department=first.anchor.department, since=since)


async def people_it(tx: TransactionalDBClient, rng: Random, secret: bytes, today: date) -> int:
    """Write the bookings that the sessions' taken places speak of, and who came to those that are over.

    Returns how many bookings. Sessions that have some already are left alone.
    """
    taken = Session.filter(seats_taken__gt=0, bookings__id__isnull=True).using_db(tx).order_by("id")
    sessions, made = await taken, list[Booking]()
    references = {str(known) for known in await Booking.all().using_db(tx).values_list("reference", flat=True)}
    # The same seed again, upon rows that are there, must not draw the same references and links.
    rng = Random(f"{rng.random()}:{today}:{len(references)}")  # noqa: S311 - nothing of it is secret
    for session in sessions:
        left, guests = session.seats_taken, set[str]()
        while left:
            seats = min(left, 2 if rng.random() < 0.12 else 1)
            made.append(_booking(rng, session, seats, secret, references, guests, today))
            left -= seats
        if session.is_full and session.called_off_at is None and session.starts_at.date() > today:
            for _ in range(rng.choice(_WAIT)):
                waits = _booking(rng, session, 1, secret, references, guests, today)
                if waits.contact_key:  # who cannot be reached cannot wait
                    waits.waiting_since = waits.created_at
                    made.append(waits)
    for start in range(0, len(made), _CHUNK):
        await Booking.bulk_create(made[start : start + _CHUNK], using_db=tx)
    await _who_came(tx, rng, {session.id: session for session in sessions}, today)
    return len(made)


def _booking(
    rng: Random, session: Session, seats: int, secret: bytes, references: set[str], guests: set[str], today: date
) -> Booking:
    name = _name(rng, guests)
    contact = rng.choice(_CONTACTS)
    digits = f"{rng.randint(0, 9999):04d}"
    wish = Wish(
        name=name,
        seats=seats,
        form_key=f"{rng.getrandbits(128):032x}",
        email=f"{plain(name).replace(' ', '.')}{MAIL}" if contact == "email" else "",
        phone=f"+3363998{digits}" if contact == "phone" else "",
        phone_typed=f"06 39 98 {digits[:2]} {digits[2:]}" if contact == "phone" else "",
    )
    uid = f"bk-{rng.getrandbits(128):032x}"
    opened = session.published_at or session.created_at
    last = min(session.starts_at - timedelta(hours=20), datetime.combine(today, time(5), UTC))
    moment = opened + (last - opened) * rng.random() if last > opened else opened
    return Booking(
        session_id=session.id, uid=uid, reference=_reference(rng, references), name=wish.name, email=wish.email,
        phone=wish.phone, phone_typed=wish.phone_typed, seats=seats, contact_key=contact_key(session.id, wish, secret),
        form_key_hash=hashed(wish.form_key), token_hash=hashed(manage_token(uid, secret)), sequence=session.sequence,
        channel="web" if contact == "email" else "phone", created_at=moment, changed_at=moment,
    )  # fmt: skip


def _name(rng: Random, guests: set[str]) -> str:
    while True:
        name = f"{rng.choice(PEOPLE['first_names'])} {rng.choice(PEOPLE['last_names'])}"
        if name not in guests:
            guests.add(name)
            return name


def _reference(rng: Random, references: set[str]) -> str:
    while True:
        letters, digits = ("".join(rng.choice(among) for _ in range(4)) for among in (LETTERS, DIGITS))
        if (reference := f"{letters}-{digits}") not in references:
            references.add(reference)
            return reference


async def _who_came(tx: TransactionalDBClient, rng: Random, sessions: dict[int, Session], today: date) -> None:
    morning = datetime.combine(today, time(5), UTC)
    over = [number for number, session in sessions.items() if session.ends_at < morning and not session.called_off_at]
    marks: list[AttendanceMark] = []
    for start in range(0, len(over), _CHUNK):
        rows = Booking.confirmed(session_id__in=over[start : start + _CHUNK]).using_db(tx).order_by("id")
        for number, session_id in await rows.values_list("id", "session_id"):
            session = sessions[session_id]
            marks.append(
                AttendanceMark(
                    booking_id=number, state=rng.choice(_CAME), marked_at=session.ends_at,
                    marked_by_id=session.counsellor_id,
                )
            )  # fmt: skip
    for start in range(0, len(marks), _CHUNK):
        await AttendanceMark.bulk_create(marks[start : start + _CHUNK], using_db=tx)
