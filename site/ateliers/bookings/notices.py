"""What people who booked are told, and the invitation that goes with it. Called inside the booking's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import invites, letters
from ateliers.bookings import calendars, drafts, texting
from ateliers.bookings.tokens import answer_tag, manage_token
from ateliers.letters.lines import one_line
from ateliers.people import Counsellor
from ateliers.settings import Settings
from ateliers.venues import Venue
from ateliers.workshops import Session, alternatives_to

if TYPE_CHECKING:
    from ateliers.bookings import Booking

AGAIN = timedelta(hours=1)


def alert_query(session: Session) -> str:
    """The query string of an alert for workshops of the same theme near `session`: see `search.Search`."""
    return urlencode({"ou": f"{session.venue.postcode} {session.venue.commune}", "theme": session.workshop.theme})


@dataclass(frozen=True)
class Post:
    """The desk where letters to citizens are written: who sends, under which address links live, the signing key."""

    settings: Settings
    secret: bytes

    def reaches(self, booking: Booking) -> bool:
        """Whether a letter or a text gets to somebody of it; else the host phones."""
        return booking.is_written_to or self.texts(booking)

    def texts(self, booking: Booking) -> bool:
        """Whether texts go to who booked, who then has no e-mail."""
        return texting.reachable(booking, self.settings)

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

    def letter_of(self, draft: str) -> bytes:
        """The confirmation that was promised with `draft` (`bookings.usual`): what `confirmed` would have written then."""
        booking, session = drafts.read(draft)
        now = booking.changed_at
        return letters.compose(
            settings=self.settings,
            template="confirmed",
            to=letters.Recipient(booking.name, booking.email, booking.language),
            context={**self._words(booking, session), "cycle": [], "nth": 0},
            message_id=letters.message_id_of(self.key_of(booking, "confirmed"), self.settings),
            calendar=invites.request(self.invite(booking, session, now)),
            now=now,
        )

    @staticmethod
    def key_of(booking: Booking, template: str, suffix: str = "") -> str:
        """What names a letter among all: the same key is never written twice."""
        return f"{booking.uid}:{booking.sequence}:{template}{suffix}"

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

    async def cancelled(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        by_calendar: bool = False,
    ) -> bool:
        """Tell the citizen that their places are given back, and by what, should it not have been meant; CANCEL."""
        return await self._send(
            tx, "cancelled", booking, session, now, invites.cancel, words={"by_calendar": by_calendar}
        )

    async def free_place(
        self, tx: TransactionalDBClient, booking: Booking, session: Session, now: datetime, *, answered: int
    ) -> bool:
        """Ask whether to free the places: their calendar declined, and nothing proves that it was theirs.

        One letter for each SEQUENCE `answered`: whoever forges declines cannot make it two.
        """
        key = f"{booking.uid}:{answered}:free_place"
        return await self._send(tx, "free_place", booking, session, now, None, dedupe=key)

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
        written = False
        for reader in booking.readers():
            written |= await letters.post(
                tx,
                settings=self.settings,
                template="host_message",
                to=letters.Recipient(reader.name, reader.email, reader.language),
                context=self.message_words(reader, session, author, text),
                thread=booking.uid,
                dedupe=f"{key}:{booking.uid}" if reader is booking else f"{key}:{booking.uid}:guest",
                now=now,
                reply_to=letters.Recipient(name, email) if email else None,
            )
        return written

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

    async def thanks(
        self,
        tx: TransactionalDBClient,
        booking: Booking,
        session: Session,
        now: datetime,
        *,
        reader: Booking,
        answer_url: str,
        refuse_url: str,
        following: Sequence[Session],
    ) -> bool:
        """Thank `reader`, who came, ask how it was, and tell what comes next. Its address leads to nobody's booking."""
        words = {
            "answer_url": answer_url,
            "refuse_url": refuse_url,
            "following": list(following),
            "alert_query": alert_query(session),
        }
        return await self._send(
            tx, "thanks", booking, session, now, None, words=words, unsubscribe=refuse_url, readers=[reader]
        )

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
        dedupe: str = "",
        readers: Sequence[Booking] | None = None,
    ) -> bool:
        """A letter to who booked, or a text without an e-mail, and a letter to who comes and has an address.

        True when any was written.
        """
        written = False
        if not booking.email and readers is None:
            written = await texting.text(
                tx, template, booking, session, now, settings=self.settings, secret=self.secret, suffix=suffix, words=words
            )  # fmt: skip
        for reader in booking.readers() if readers is None else readers:
            # Two people, two letters: neither holds the other's address.
            own = "" if reader is booking else ":guest"
            written |= await letters.post(
                tx,
                settings=self.settings,
                template=template,
                to=letters.Recipient(reader.name, reader.email, reader.language),
                context={**self._words(reader, session), **(words or {})},
                calendar=method(self.invite(reader, session, now)) if method else None,
                thread=booking.uid,
                dedupe=(dedupe or self.key_of(booking, template, suffix)) + own,
                now=now,
                unsubscribe=unsubscribe,
            )
        return written

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
        organizer = self.answer_address(booking) if booking.secret_organizer else ""
        return calendars.of_booking(booking, session, self.settings, now, organizer_email=organizer)

    def answer_address(self, booking: Booking) -> str:
        """The secret address that proves an answer to this booking's invitation."""
        local, _, domain = self.settings.mail_from.rpartition("@")
        return f"{local}+{answer_tag(booking.uid, self.secret)}@{domain}"
