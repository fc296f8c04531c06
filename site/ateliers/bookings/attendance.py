"""Attendance: who came. Kept apart from the booking's state; each mark stays, with who made it and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from ateliers.bookings.booking import Booking
from ateliers.bookings.hosting import walk_ins_from
from ateliers.database import unit_of_work
from ateliers.people import Counsellor
from ateliers.refusals import CalledOff, Gone, NotFound, NotOpenYet, Unusable
from ateliers.workshops import Session

STATES = ("present", "absent", "excused")


class AttendanceMark(Model):
    """One tap on the register. The last one of a booking is what holds, the earlier ones tell what was corrected."""

    id = fields.BigIntField(primary_key=True)
    booking: fields.ForeignKeyRelation[Booking] = fields.ForeignKeyField(
        "ateliers.Booking", related_name="marks", on_delete=fields.CASCADE, db_index=True
    )
    state = fields.CharField(max_length=8)  # one of STATES, or empty: the mark was taken back
    marked_at = fields.DatetimeField()
    marked_by: fields.ForeignKeyNullableRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="marks", null=True, on_delete=fields.SET_NULL
    )

    booking_id: int
    marked_by_id: int | None

    class Meta:
        table = "attendance_mark"


async def marks_of(booking_ids: Iterable[int]) -> dict[int, list[AttendanceMark]]:
    """Every mark of these bookings, oldest first, with who made it, by booking id."""
    found: dict[int, list[AttendanceMark]] = {}
    rows = AttendanceMark.filter(booking_id__in=list(booking_ids)).select_related("marked_by").order_by("id")
    for mark in await rows:
        found.setdefault(mark.booking_id, []).append(mark)
    return found


def opens_at(session: Session) -> datetime:
    """When the register opens: the first instant of the session's day, on the venue's wall. It closes when the people
    are forgotten, thirty days after.
    """
    return walk_ins_from(session)


async def take(
    session: Session, booking_id: int, state: str, by: Counsellor, now: datetime, *, tapped: datetime | None = None
) -> bool:
    """Note on the register of `session` who came; empty `state` takes the mark back. Whether anything was written.

    `tapped`: when a phone without network noted it. It does not undo what somebody noted since.
    Raises Unusable, NotFound (no such living booking in this session), NotOpenYet before the day, CalledOff, Gone once
    the person is forgotten.
    """
    if state not in STATES and state:
        raise Unusable("state")
    return await unit_of_work(_take, session.id, booking_id, state, by, now, tapped or now)


async def _take(
    tx: TransactionalDBClient,
    session_id: int,
    booking_id: int,
    state: str,
    by: Counsellor,
    now: datetime,
    tapped: datetime,
) -> bool:
    # The session's row first: two phones that mark the same person at once then come one after the other.
    await Session.filter(id=session_id).using_db(tx).update(updated_at=now)
    session = await Session.get(id=session_id, using_db=tx).select_related("venue")
    booking = await Booking.confirmed(id=booking_id, session_id=session_id).using_db(tx).first()
    if booking is None:
        raise NotFound
    if session.called_off_at is not None:
        raise CalledOff
    if now < opens_at(session):
        raise NotOpenYet
    if booking.forgotten_at is not None:
        raise Gone
    return await mark(tx, booking_id, state, by, max(tapped, opens_at(session)))


async def mark(tx: TransactionalDBClient, booking_id: int, state: str, by: Counsellor | None, now: datetime) -> bool:
    """Set who came at `now`, or correct it, holding the session's row. Whether it was written: the same mark twice is one,
    and a later one stays.
    """
    last = await AttendanceMark.filter(booking_id=booking_id).using_db(tx).order_by("-id").first()
    if (last.state if last else "") == state or (last is not None and last.marked_at > now):
        return False
    await AttendanceMark.create(using_db=tx, booking_id=booking_id, state=state, marked_at=now, marked_by=by)
    return True
