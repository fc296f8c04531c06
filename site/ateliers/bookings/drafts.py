"""What a letter about a booking is written from later: its rows as they were at the instant it tells of.

The database writes them down in the statement that makes the promise; the worker reads them back. A session that moves in
the meantime has a letter of its own, behind this one.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

from tortoise.models import Model

from ateliers.bookings.booking import Booking
from ateliers.database import is_postgres
from ateliers.database.at_once import json_object
from ateliers.people import Counsellor
from ateliers.venues import Venue
from ateliers.workshops import Session, Workshop

SOURCE = (
    "JOIN session ON session.id = {session} JOIN workshop ON workshop.id = session.workshop_id"
    " JOIN venue ON venue.id = session.venue_id LEFT JOIN counsellor ON counsellor.id = session.counsellor_id"
)
# No more than letters and invitations show: of the counsellor a name, of the booking not what its person needs.
_OF_ROWS: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "session": (Session, ("id", "starts_at", "ends_at", "private_key", "called_off_at")),
    "workshop": (Workshop, ("id", "title", "theme", "bring")),
    "venue": (Venue, (
        "id", "name", "address", "address_more", "postcode", "commune", "lat", "lon", "position", "time_zone", "phone",
        "access_notes",
    )),
    "counsellor": (Counsellor, ("id", "public_name")),
}  # fmt: skip
_OF_BOOKING = (
    "uid", "reference", "name", "beneficiary", "email", "seats", "language", "sequence", "secret_organizer", "changed_at",
    "guest_email", "cancelled_at",
)  # fmt: skip


def sql(booking_mark: str) -> str:
    """The SQL of a draft over `SOURCE`. `booking_mark`: the parameter that holds `of_booking`."""
    return _sql(booking_mark, is_postgres())


@cache
def _sql(booking_mark: str, postgres: bool) -> str:
    rows = {
        table: json_object({column: f"{table}.{column}" for column in columns}, postgres=postgres)
        for table, (_, columns) in _OF_ROWS.items()
    }
    head, tail = f"CAST({booking_mark} AS text)", f"CAST({json_object(rows, postgres=postgres)} AS text)"
    return f"'{{\"booking\": ' || {head} || ', \"rows\": ' || {tail} || '}}'"


def of_booking(booking: Booking) -> str:
    """Of the booking, as JSON, what its letters tell."""
    values = {name: getattr(booking, name) for name in _OF_BOOKING}
    return json.dumps(values, ensure_ascii=False, default=datetime.isoformat)


def read(draft: str) -> tuple[Booking, Session]:
    """The booking, and the session with its workshop, venue and counsellor, as they were. Never to be saved."""
    found: dict[str, Any] = json.loads(draft)
    rows = {table: _row(model, found["rows"][table]) for table, (model, _) in _OF_ROWS.items()}
    session: Any = rows["session"]
    for name in ("workshop", "venue", "counsellor"):
        setattr(session, name, rows[name])
    booking: Any = _row(Booking, found["booking"])
    return booking, session


def _row(model: type[Model], values: dict[str, Any]) -> Any:
    """A row of JSON as the model that it was; None for a row that there is not."""
    if values.get("id", 0) is None:
        return None
    fields = model._meta.fields_map
    row = model(**{name: fields[name].to_python_value(value) for name, value in values.items()})
    row._saved_in_db = True  # or Tortoise would not let another point to it
    for name in set(model._meta.fields_db_projection) - set(values):
        vars(row).pop(name, None)  # a letter that asks for what was not written down shall fail, and not say nothing
    return row
