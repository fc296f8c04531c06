"""The few kinds of "no" that the nouns say. What each becomes as a page is in `web/errors.py`."""

from __future__ import annotations


class Refusal(Exception):
    """The rules say no. Carries what a page or a command needs to say so kindly."""


class NotAllowed(Refusal):
    """The person may not do this."""


class NotFound(Refusal):
    """There is no such thing, or it is not yours: the two look the same from outside."""


class Gone(Refusal):
    """It existed, and it is over for good. `reason` is a code of errors/error.html: what it was, "" when unsaid."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class SessionFull(Refusal):
    """Fewer places are left than were asked for. `left` is what there was when we looked, 0 when none."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} places left")
        self.left = left


class TooLate(Refusal):
    """The session has begun, is over, or its booking has closed."""


class NotOpenYet(Refusal):
    """Booking has not opened: the session is a draft, or opens later."""


class VenueWithdrawn(Refusal):
    """The venue is no longer one of ours: nothing new can be booked there."""


class CalledOff(Refusal):
    """The session will not take place."""


class AlreadyBooked(Refusal):
    """This person has a place in this session already. `booking_id` is theirs."""

    def __init__(self, booking_id: int) -> None:
        super().__init__("already booked")
        self.booking_id = booking_id


class SameForm(Refusal):
    """The very same form came twice: it is the first one's booking that counts."""

    def __init__(self, booking_id: int) -> None:
        super().__init__("same form sent twice")
        self.booking_id = booking_id


class TooMany(Refusal):
    """A limit against abuse was reached. `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class Unusable(Refusal):
    """What was sent cannot be used; `reason` is a code, its sentence is in the templates."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
