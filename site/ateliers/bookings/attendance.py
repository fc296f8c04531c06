"""Attendance: who came. Kept apart from the booking's state; each mark stays, with who made it and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from ateliers.people import Counsellor

if TYPE_CHECKING:
    from ateliers.bookings import Booking

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


async def mark(tx: TransactionalDBClient, booking_id: int, state: str, by: Counsellor, now: datetime) -> bool:
    """Set who came, or correct it. The same mark twice is one; returns whether anything was written."""
    last = await AttendanceMark.filter(booking_id=booking_id).using_db(tx).order_by("-id").first()
    if (last.state if last else "") == state:
        return False
    await AttendanceMark.create(using_db=tx, booking_id=booking_id, state=state, marked_at=now, marked_by=by)
    return True
