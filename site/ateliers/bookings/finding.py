"""Find a booking again without its letter: by its number and a name, never by one of them alone."""

from __future__ import annotations

import re

from ateliers.bookings.booking import Booking
from ateliers.bookings.tokens import DIGITS, LETTERS
from ateliers.venues.names import plain

_REFERENCE = re.compile(rf"([{LETTERS}]{{4}})[\W_]*([{DIGITS}]{{4}})")


def normal(reference: str) -> str:
    """The number as it is kept, however it is typed; empty for what is none."""
    found = _REFERENCE.fullmatch(reference.strip().upper())
    return f"{found[1]}-{found[2]}" if found else ""


async def by_reference(reference: str, name: str) -> Booking | None:
    """The booking with this number (`KTRM-4827`, however it is typed) of somebody of this name; None for anything else.

    The family name is enough, and the order of the names is free; the first name alone is not. Who comes is as good as
    who booked.
    """
    number, said = normal(reference), plain(name).split()
    if not number or not said:
        return None
    booking = await Booking.get_or_none(reference=number, forgotten_at__isnull=True)
    if booking is None:
        return None
    return (
        booking if any(said_is(said, plain(known).split()) for known in (booking.name, booking.beneficiary)) else None
    )


def said_is(said: list[str], known: list[str]) -> bool:
    """Every word that was said is in the name, the last one of the name among them."""
    return bool(known) and known[-1] in said and set(said) <= set(known)
