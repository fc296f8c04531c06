"""What people who booked are told, and the invitation that goes with it. Called inside the booking's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import invites, letters
from ateliers.bookings import calendars, texting
from ateliers.bookings.tokens import manage_token
from ateliers.letters.lines import one_line
from ateliers.people import Counsellor
from ateliers.settings import Settings
from ateliers.venues import Venue
from ateliers.workshops import Session, alternatives_to

if TYPE_CHECKING:
    from ateliers.bookings import Booking

AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Post:
    """The desk where letters to citizens are written: who sends, under which address links live, the signing key."""

    settings: Settings
    secret: bytes

    def reaches(self, booking: Booking) -> bool:
        """Whether a letter or a text gets to this person; else the host phones."""
        return bool(booking.email) or texting.reachable(booking, self.settings)

    async def confirmed(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        cycle: Sequence[Session] = (),
    ) -> bool:
        """Tell that the places are theirs; REQUEST. `cycle`: every date that was booked with it, which the first tells.

        One letter a date, for a calendar takes one invitation from a letter (RFC 5546 §3.2: one UID a REQUEST).
        """
        nth = next((n for n, each in enumerate(cycle, 1) if each.id == session.id), 0)
        words = {"cycle": list(cycle), "nth": nth}
        return await self._send(tx, "confirmed", booking, session, now, invites.request, words=words)

    async def again(self, tx: TransactionalDBClient, booking: Booking, session: Session, now: datetime) -> bool:
        """Repeat an existing booking to its own address, at most once in `AGAIN`."""
        return await self._send(tx, "already_booked", booking, session, now, invites.request, suffix=self._hour(now))

    @staticmethod
    def _hour(now: datetime) -> str:
        return f":again:{int(now.timestamp() // AGAIN.total_seconds())}"

    async def changed(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        seats_before: int,
    ) -> bool:
        """Tell the new number of places; REQUEST with a higher SEQUENCE."""
        words: dict[str, Any] = {"seats_before": seats_before, "before": None}
        return await self._send(tx, "changed", booking, session, now, invites.request, words=words)

    async def moved(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        before: tuple[datetime, datetime, Venue],
    ) -> bool:
        """Tell the new hour or place, and what it was; REQUEST with a higher SEQUENCE."""
        words: dict[str, Any] = {
            "seats_before": booking.seats,
            "before": {"starts_at": before[0], "ends_at": before[1], "venue": before[2]},
        }
        return await self._send(tx, "changed", booking, session, now, invites.request, words=words)

    async def cancelled(self, tx: TransactionalDBClient, booking: Booking, session: Session, now: datetime) -> bool:
        """Tell the citizen that their places are given back; CANCEL."""
        return await self._send(tx, "cancelled", booking, session, now, invites.cancel)

    async def cancelled_by_host(
        self, tx: TransactionalDBClient, booking: Booking, session: Session, now: datetime
    ) -> bool:
        """Tell the citizen that whoever hosts took their places back: not their doing, and said so; CANCEL."""
        return await self._send(tx, "cancelled_by_host", booking, session, now, invites.cancel)

    async def message(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        author: Counsellor,
        key: str,
        text: str,
    ) -> bool:
        """Pass on what the host wrote to those who booked; an answer goes to the host. `key` names the message."""
        name, email = one_line(author.public_name), author.email
        return await letters.post(
            tx,
            settings=self.settings,
            template="host_message",
            to=letters.Recipient(booking.name, booking.email, booking.language),
            context=self.message_words(booking, session, author, text),
            thread=booking.uid,
            dedupe=f"{key}:{booking.uid}",
            now=now,
            reply_to=letters.Recipient(name, email) if email else None,
        )

    def message_words(self, booking: Booking, session: Session, author: Counsellor, text: str) -> dict[str, Any]:
        """What the templates of a host's message need: the text in paragraphs (blank lines), each in lines."""
        return {
            **self._words(booking, session),
            "author": author.public_name,
            "paragraphs": [part.split("\n") for part in text.split("\n\n") if part.strip()],
        }

    async def called_off(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        alternatives: Sequence[Session],
        replacement: Session | None = None,
    ) -> bool:
        """Tell that the session will not take place, why, and what else there is; CANCEL."""
        words = {"alternatives": list(alternatives), "replacement": replacement}
        method = invites.cancel if booking.waiting_since is None else None  # who waits was never invited
        return await self._send(tx, "called_off", booking, session, now, method, words=words)

    async def reminder(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        kind: str,
        waiting: int = 0,
    ) -> bool:
        """Ask whether they still come ("ask"), or tell where and when ("day", "hours"). Not for what changes: no invitation.

        `waiting`: people on the waiting list, said where there are some. One day has one of each.
        """
        template = "reminder_ask" if kind == "ask" else "reminder_day"
        return await self._send(
            tx, template, booking, session, now, None, suffix=f":{session.starts_local}",
            words={"kind": kind, "waiting": waiting}, unsubscribe=f"{self.manage_url(booking)}/sans-rappel",
        )  # fmt: skip

    async def waiting(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        rank: int,
        again: bool = False,
    ) -> bool:
        """Tell that they are on the waiting list, and where. No invitation before the places are theirs."""
        suffix = self._hour(now) if again else ""
        return await self._send(tx, "waiting", booking, session, now, None, suffix=suffix, words={"rank": rank})

    async def offer(
        self, tx: TransactionalDBClient, booking: Booking, session: Session, now: datetime, *, again: bool = False
    ) -> bool:
        """Tell that places are held for them, until when, and where to take or leave them."""
        suffix = self._hour(now) if again else ""
        return await self._send(tx, "offer", booking, session, now, None, suffix=suffix)

    async def lapsed(self, tx: TransactionalDBClient, booking: Booking, session: Session, now: datetime) -> bool:
        """Tell that the offer has ended and went to the next."""
        return await self._send(tx, "offer_lapsed", booking, session, now, None)

    async def left(self, tx: TransactionalDBClient, booking: Booking, session: Session, now: datetime) -> bool:
        """Tell that they are off the list: they left, declined, or the host took them off."""
        return await self._send(tx, "waiting_left", booking, session, now, None)

    async def waiting_moved(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        before: tuple[datetime, datetime, Venue],
        rank: int,
    ) -> bool:
        """Tell those who wait the new hour or place, and that they wait still."""
        words: dict[str, Any] = {
            "rank": rank,
            "before": {"starts_at": before[0], "ends_at": before[1], "venue": before[2]},
        }
        return await self._send(tx, "waiting_moved", booking, session, now, None, words=words)

    async def alternatives(self, session: Session, now: datetime) -> list[Session]:
        """Up to three coming sessions of the same theme with places, nearest first."""
        return await alternatives_to(session, now, seats=1, most=3)

    async def _send(
        self,
        tx: TransactionalDBClient,
        template: str,
        booking: Booking,
        session: Session,
        now: datetime,
        method: Callable[[invites.Invite], bytes] | None,
        *,
        suffix: str = "",
        words: dict[str, Any] | None = None,
        unsubscribe: str = "",
    ) -> bool:
        if not booking.email:
            return await texting.text(
                tx, template, booking, session, now, settings=self.settings, secret=self.secret, suffix=suffix, words=words
            )  # fmt: skip
        context = {**self._words(booking, session), **(words or {})}
        return await letters.post(
            tx,
            settings=self.settings,
            template=template,
            to=letters.Recipient(booking.name, booking.email, booking.language),
            context=context,
            calendar=method(self.invite(booking, session, now)) if method else None,
            thread=booking.uid,
            dedupe=f"{booking.uid}:{booking.sequence}:{template}{suffix}",
            now=now,
            unsubscribe=unsubscribe,
        )

    def _words(self, booking: Booking, session: Session) -> dict[str, Any]:
        return {
            "booking": booking,
            "session": session,
            "workshop": session.workshop,
            "venue": session.venue,
            "counsellor": session.counsellor,
            "manage_url": self.manage_url(booking),
            "help_email": self.settings.help_email,
            "help_phone": calendars.help_phone(session, self.settings),
        }

    def manage_url(self, booking: Booking) -> str:
        """Absolute address of the booking's own page, in the booking's language."""
        prefix = "" if booking.language == "fr" else f"/{booking.language}"
        return f"{self.settings.base_url}{prefix}/r/{manage_token(booking.uid, self.secret)}"

    def invite(self, booking: Booking, session: Session, now: datetime) -> invites.Invite:
        """The booking as a calendar entry."""
        return calendars.of_booking(booking, session, self.settings, now)
