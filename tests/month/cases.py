"""What happens to the sessions of the month: each case does things at instants, and says which letters follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ateliers import bookings
from ateliers.bookings import Booking, changes, reminders, waiting_list
from ateliers.bookings.notices import Post
from ateliers.workshops import Session
from tests import world
from tests.month.table import DAY, HOUR, Table

Event = tuple[datetime, Callable[[datetime], Awaitable[Any]]]


class Case:
    """One session of the month, its people, what they do and what they are to get."""

    def __init__(self, number: int, session: Session, zone: ZoneInfo, table: Table, post: Post) -> None:
        self.number, self.session, self.zone, self.table, self.post = number, session, zone, table, post
        self.start, self.end = session.starts_at, session.ends_at
        self.events: list[Event] = []
        self.people: dict[str, Booking] = {}
        # Nobody acts in the very minute in which the worker looks.
        self.skew = timedelta(minutes=1 + number % 13, seconds=number % 50)

    def before(self, span: timedelta) -> datetime:
        """An instant so long before the start."""
        return self.start - span + self.skew

    def email(self, who: str) -> str:
        return f"{who}{self.number}@exemple.fr"

    def phone(self, who: str) -> str:
        return f"+33639{98 + ord(who[0]) % 2:02d}{self.number:04d}"

    def does(self, at: datetime, work: Callable[[datetime], Awaitable[Any]]) -> datetime:
        self.events.append((at, work))
        return at

    def books(
        self, who: str, at: datetime, *, seats: int = 1, contact: str = "email", verb: Any = bookings.book
    ) -> datetime:
        """And gets the letter, or the text, that says so."""
        contacts: dict[str, Any] = {
            "email": {"email": self.email(who)},
            "phone": {"email": "", "phone": self.phone(who), "phone_typed": "06"},
            "none": {"email": ""},
        }[contact]

        async def work(now: datetime) -> None:
            wish = world.wish(f"{who} Essai", seats=seats, language=("fr", "en")[self.number % 2], **contacts)
            self.people[who] = await verb(self.session.id, wish, post=self.post, now=now)

        kind = "confirmed" if verb is bookings.book else "waiting"
        if contact != "none":
            told = self.email(who) if contact == "email" else self.phone(who)
            self.table.add(at, told, kind if contact == "email" else f"sms_{kind}")
        return self.does(at, work)

    def then(self, who: str, at: datetime, verb: Callable[..., Awaitable[Any]], kind: str = "") -> datetime:
        """What `who` does with their booking, and the letter that answers."""

        async def work(now: datetime) -> None:
            takes_post = verb not in {reminders.come, reminders.stop}
            await verb(self.people[who].id, **({"post": self.post, "now": now} if takes_post else {"now": now}))

        if kind:
            self.table.add(at, self.email(who), kind)
        return self.does(at, work)

    def hears(self, who: str, since: datetime, **more: Any) -> None:
        """All that somebody with an address gets who has the place to the end."""
        self.table.reminders(self.email(who), self.start, self.zone, since, **more)
        self.table.thanks(self.email(who), self.end, self.zone)

    def moves(self, at: datetime, wall: datetime) -> datetime:
        """To another hour of another day, on the venue's wall."""

        async def work(now: datetime) -> None:
            await changes.move(self.session.id, wall=wall, post=self.post, now=now)

        length = self.end - self.start
        self.start = wall.replace(tzinfo=self.zone)
        self.end = self.start + length
        return self.does(at, work)

    def is_called_off(self, at: datetime) -> datetime:
        async def work(now: datetime) -> None:
            await changes.call_off(self.session.id, reason="Malade.", post=self.post, now=now)

        return self.does(at, work)


def plain(case: Case) -> None:
    """Booked long before: asked, reminded, thanked."""
    case.hears("a", case.books("a", case.before(8 * DAY)))
    case.hears("b", case.books("b", case.before(7 * DAY), seats=2))


def every_channel(case: Case) -> None:
    """By text what a text can say; to who gave nothing, nothing."""
    since = case.books("p", case.before(8 * DAY), contact="phone")
    case.table.reminders(case.phone("p"), case.start, case.zone, since, prefix="sms_")
    case.books("n", case.before(6 * DAY), contact="none")


def late(case: Case) -> None:
    """Some days, some hours, minutes before: each is reminded of what they do not know."""
    for who, span in (("a", 3 * DAY), ("b", 30 * HOUR), ("c", 13 * HOUR), ("d", 5 * HOUR), ("e", HOUR / 2)):
        case.hears(who, case.books(who, case.before(span)))


def says_yes(case: Case) -> None:
    """Before the question: it is not asked."""
    since = case.books("a", case.before(8 * DAY))
    case.then("a", case.before(6 * DAY), reminders.come)
    case.hears("a", since, asked=False)


def wants_no_letters(case: Case) -> None:
    """No more reminders, no thanks."""
    since = case.books("a", case.before(8 * DAY))
    stopped = case.then("a", case.before(4 * DAY), reminders.stop)
    case.table.reminders(case.email("a"), case.start, case.zone, since, until=stopped)


def cancels(case: Case) -> None:
    """After the question: one letter, then silence. Another comes back."""
    for who in ("a", "b"):
        since = case.books(who, case.before(8 * DAY))
        left = case.then(who, case.before(3 * DAY), bookings.cancel, "cancelled")
        case.table.reminders(case.email(who), case.start, case.zone, since, until=left)
    back = case.then("b", case.before(3 * DAY - 2 * HOUR), bookings.take_back, "confirmed")
    # The question was asked before, where the worker was up; it is not asked again.
    asked = [each for each in case.table.letters if (each.recipient, each.kind) == (case.email("b"), "reminder_ask")]
    case.hears("b", back, asked=not asked)


def called_off(case: Case) -> None:
    """Everybody hears it once, and nothing after."""
    at = case.before(36 * HOUR)
    for who, contact in (("a", "email"), ("b", "email"), ("p", "phone"), ("n", "none")):
        since = case.books(who, case.before(8 * DAY), contact=contact)
        told, prefix = (case.phone(who), "sms_") if contact == "phone" else (case.email(who), "")
        if contact != "none":
            case.table.reminders(told, case.start, case.zone, since, until=at, prefix=prefix)
            case.table.add(at, told, f"{prefix}called_off")
    case.is_called_off(at)


def moved(case: Case) -> None:
    """To two days later, after the question: asked again, reminded of the new day."""
    at, old = case.before(3 * DAY), case.start
    since = {who: case.books(who, case.before(8 * DAY)) for who in ("a", "b")}
    wall = (case.start.astimezone(case.zone) + 2 * DAY).replace(tzinfo=None, hour=11, minute=0)
    case.moves(at, wall)
    for who in ("a", "b"):
        case.table.reminders(case.email(who), old, case.zone, since[who], until=at)
        case.table.add(at, case.email(who), "changed")
        case.hears(who, at)


def queue_accepts(case: Case) -> None:
    """Full; a place comes back, the first takes it, the second waits to the end and hears no more."""
    since = case.books("a", case.before(8 * DAY))
    case.books("b", case.before(8 * DAY) + HOUR, verb=waiting_list.join)
    case.books("c", case.before(8 * DAY) + 2 * HOUR, verb=waiting_list.join)
    left = case.then("a", case.before(6 * DAY), bookings.cancel, "cancelled")
    case.table.reminders(case.email("a"), case.start, case.zone, since, until=left)
    case.table.add(left, case.email("b"), "offer")
    case.hears("b", case.then("b", left + HOUR, waiting_list.accept, "confirmed"))


def queue_without_an_answer(case: Case) -> None:
    """The offer goes on at the worker's next look after its end; the second declines; nobody is left."""
    since = case.books("a", case.before(8 * DAY))
    case.books("b", case.before(8 * DAY) + HOUR, verb=waiting_list.join)
    case.books("c", case.before(8 * DAY) + 2 * HOUR, verb=waiting_list.join)
    left = case.then("a", case.before(6 * DAY), bookings.cancel, "cancelled")
    case.table.reminders(case.email("a"), case.start, case.zone, since, until=left)
    case.table.add(left, case.email("b"), "offer")
    lapsed = case.table.look(case.table.offer_ends(left, case.start, case.zone), case.start)
    assert lapsed is not None
    case.table.add(lapsed, case.email("b"), "offer_lapsed")
    case.table.add(lapsed, case.email("c"), "offer")
    case.then("c", lapsed + timedelta(minutes=20), waiting_list.leave, "waiting_left")


def queue_of_parties(case: Case) -> None:
    """One place comes back: three people are passed by, the one behind them has it."""
    for who in ("a", "b"):
        since = case.books(who, case.before(8 * DAY))
        if who == "b":
            case.hears(who, since)
    case.books("t", case.before(8 * DAY) + HOUR, verb=waiting_list.join, seats=2)
    case.books("c", case.before(8 * DAY) + 2 * HOUR, verb=waiting_list.join)
    left = case.then("a", case.before(6 * DAY), bookings.cancel, "cancelled")
    case.table.add(left, case.email("c"), "offer")
    case.hears("c", case.then("c", left + HOUR, waiting_list.accept, "confirmed"))


def queue_too_late(case: Case) -> None:
    """Two hours before the start nothing is offered by itself: the host phones."""
    since = case.books("a", case.before(8 * DAY))
    case.books("b", case.before(8 * DAY) + HOUR, verb=waiting_list.join)
    left = case.then("a", case.before(2 * HOUR), bookings.cancel, "cancelled")
    case.table.reminders(case.email("a"), case.start, case.zone, since, until=left)


def queue_called_off(case: Case) -> None:
    """Who waits hears it too."""
    since = case.books("a", case.before(8 * DAY))
    case.books("b", case.before(8 * DAY) + HOUR, verb=waiting_list.join)
    at = case.is_called_off(case.before(7 * DAY))
    case.table.reminders(case.email("a"), case.start, case.zone, since, until=at)
    for who in ("a", "b"):
        case.table.add(at, case.email(who), "called_off")


CASES: dict[Callable[[Case], None], int] = {
    plain: 8, every_channel: 8, late: 8, says_yes: 8, wants_no_letters: 8, cancels: 8, called_off: 8, moved: 8,
    queue_accepts: 1, queue_without_an_answer: 1, queue_of_parties: 2, queue_too_late: 1, queue_called_off: 1,
}  # fmt: skip
"""Each case with the places of its session."""


def cycle(cases: list[Case]) -> None:
    """Three dates booked as one, the second given back: reminders of the others, thanks after the last alone."""
    first, second, third = cases
    at = first.before(8 * DAY)
    address = first.email("z")

    async def book(now: datetime) -> None:
        await bookings.book(first.session.id, world.wish("Zoé Cycle", email=address), post=first.post, now=now)

    async def give_back(now: datetime) -> None:
        mine = await Booking.get(session_id=second.session.id, email=address)
        await bookings.cancel(mine.id, post=second.post, now=now)

    first.does(at, book)
    for each in cases:
        each.table.add(at, address, "confirmed")
    left = second.does(second.before(4 * DAY), give_back)
    second.table.reminders(address, second.start, second.zone, at, until=left)
    second.table.add(left, address, "cancelled")
    for each in (first, third):
        each.table.reminders(address, each.start, each.zone, at)
    third.table.thanks(address, third.end, third.zone)
