"""The mail that comes in: what calendars answer to our invitations, and our letters that come back.

Two doors, `server` (LMTP or SMTP) and `imap`, hand each message to `receive`, which does all there is to do in one
transaction, any number of times with the same outcome. Nothing is ever written to whoever sent it: senders are forged
(RFC 3834 §2). Of a message, the logs keep what it did, never a word.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from ateliers.bookings import addresses
from ateliers.bookings.notices import Post
from ateliers.inbound.answers import Done, answer, booking_of, person
from ateliers.inbound.reading import Mail, Unreadable, address_in, read
from ateliers.inbound.replies import reply_in
from ateliers.inbound.returned import returned_in
from ateliers.inbound.trust import proves

__all__ = ["Done", "receive"]

log = logging.getLogger(__name__)


async def receive(raw: bytes, *, post: Post, now: datetime, recipients: Sequence[str] = ()) -> Done:
    """Do what a message asks for, if it may. `recipients`: to whom the mail server said it was, where it did.

    What it did is committed when this returns. Raises what the database raises, and nothing else: then the message is
    to be brought again.
    """
    try:
        mail = await asyncio.to_thread(read, raw)
    except Unreadable as error:
        log.warning("a message was put aside: %s", error)
        return Done.FOREIGN
    done = await _obey(mail, recipients, post, now)
    log.info("a message was read: %s", done)
    return done


async def _obey(mail: Mail, recipients: Sequence[str], post: Post, now: datetime) -> Done:
    returned = await asyncio.to_thread(returned_in, mail)
    if returned is not None:  # before all else: mail servers call their reports auto-replied
        for address in returned.addresses:
            if await addresses.came_back(returned.message_id, address, post.settings, now):
                return Done.WRONG_ADDRESS
        return Done.FOREIGN
    if mail.is_automatic or address_in(mail.sender) == post.settings.mail_from.lower():
        return Done.FOREIGN
    reply = await asyncio.to_thread(lambda: reply_in(mail.calendar))
    booking = await booking_of(reply, post) if reply is not None else None
    if reply is None or booking is None:
        return Done.FOREIGN
    is_theirs = proves(
        mail,
        person(booking),
        recipients=recipients,
        secret_address=post.answer_address(booking) if booking.secret_organizer else "",
        authserv_id=post.settings.inbound_authserv_id,
    )
    return await answer(booking, reply, is_theirs=is_theirs, post=post, now=now)
