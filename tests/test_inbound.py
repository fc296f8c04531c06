"""What comes in by mail, and what it does to bookings: declines, yeses, letters that come back, and what is forged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from icalendar import Event, vText

from ateliers import bookings, outbox
from ateliers.bookings import Booking, addresses, changes, hosting, reminders, waiting_list
from ateliers.bookings.notices import Post
from ateliers.bookings.tokens import manage_token
from ateliers.inbound import Done, receive
from ateliers.outbox import OutboxMessage
from ateliers.workshops import Session
from tests import inbound_mails as mails
from tests import world
from tests.inbound_mails import PASS, PROGRAMS, RELAY, STAMP
from tests.test_cycles import _cycle

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
NOW = datetime(2026, 11, 25, 8, 1, tzinfo=UTC)  # a minute after STAMP; the session is on 1 December
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def post(**changes: object) -> Post:
    return Post(
        world.settings(**({"inbound_authserv_id": RELAY, "inbound_listen": "lmtp://[::1]:1"} | changes)), world.SECRET
    )


async def booked(where: Post | None = None, *, capacity: int = 8, **more: Any) -> tuple[Session, Booking]:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, counsellor=cast.amina, capacity=capacity)
    return session, await bookings.book(session.id, world.wish(**more), post=where or post(), now=world.NOW)


async def letters(booking: Booking) -> list[OutboxMessage]:
    return await OutboxMessage.filter(group_key=booking.uid).order_by("id")


async def kinds(booking: Booking) -> list[str]:
    return [row.kind for row in await letters(booking)]


def written(row: OutboxMessage) -> bytes:
    return world.written(row, post())


async def event_of(booking: Booking) -> Event:
    row = (await letters(booking))[-1]
    return mails.invitation(written(row))


async def again(booking: Booking) -> Booking:
    return await Booking.get(id=booking.id)


async def taken(session: Session) -> int:
    return (await Session.get(id=session.id)).seats_taken


def text_of(row: OutboxMessage) -> str:
    part = message_from_bytes(written(row), policy=default).get_body(("plain",))  # type: ignore[attr-defined]
    return str(part.get_content())


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_decline_that_passed_the_relay_s_tests_frees_the_place_and_can_be_undone(program: str) -> None:
    session, booking = await booked(capacity=1)
    ben = await waiting_list.join(session.id, world.wish("Ben", email="ben@exemple.fr"), post=post(), now=world.NOW)
    reply = mails.relayed(PROGRAMS[program](await event_of(booking), "DECLINED"))
    assert await receive(reply, post=post(), now=NOW) is Done.FREED
    mine = await again(booking)
    assert (mine.state, mine.cancelled_by) == ("cancelled", "citizen")
    assert (await again(ben)).state == "offered"  # the list goes on at once
    assert await kinds(booking) == ["confirmed", "cancelled"]
    letter = (await letters(booking))[-1]
    assert "Votre agenda nous dit que vous ne venez pas." in text_of(letter)
    assert f"/r/{manage_token(booking.uid, world.SECRET)}" in text_of(letter)
    cancel = mails.invitation(written(letter))
    assert (cancel["STATUS"], int(cancel["SEQUENCE"])) == ("CANCELLED", 1)
    await waiting_list.leave(ben.id, post=post(), now=NOW)
    assert (await bookings.take_back(booking.id, post=post(), now=NOW)).state == "confirmed"
    # The very same mail, brought once more: it answers what was undone since.
    assert await receive(reply, post=post(), now=NOW + MINUTE) is Done.NOTHING
    assert (await again(booking)).state == "confirmed"
    assert await kinds(booking) == ["confirmed", "cancelled", "confirmed"]


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_decline_that_nothing_proves_is_asked_about_once(program: str) -> None:
    session, booking = await booked()
    reply = PROGRAMS[program](await event_of(booking), "DECLINED")
    assert await receive(reply, post=post(), now=NOW) is Done.ASKED
    for raw in (
        reply,
        mails.relayed(reply, ""),
        PROGRAMS[program](await event_of_first(booking), "DECLINED", STAMP + DAY),
    ):
        assert await receive(raw, post=post(), now=NOW + DAY) is Done.NOTHING
    assert await kinds(booking) == ["confirmed", "free_place"]
    assert (await taken(session), (await again(booking)).state) == (1, "confirmed")
    letter = (await letters(booking))[-1]
    assert str(message_from_bytes(written(letter), policy=default)["Subject"]).startswith("Libérer votre place ? ")
    link = f"https://ateliers.example/r/{manage_token(booking.uid, world.SECRET)}/annuler"
    assert text_of(letter).count(link) == 1
    assert letter.recipient == "chloe@exemple.fr"


async def event_of_first(booking: Booking) -> Event:
    row = (await letters(booking))[0]
    return mails.invitation(written(row))


@pytest.mark.parametrize(
    ("seats", "words"),
    [(1, "No longer coming? Free your place: someone else"), (2, "No longer coming? Free your 2 places: others")],
)
async def test_the_letter_speaks_english_and_counts(seats: int, words: str) -> None:
    _, booking = await booked(language="en", seats=seats)
    await receive(mails.answer(await event_of(booking)), post=post(), now=NOW)
    letter = (await letters(booking))[-1]
    assert words in text_of(letter)
    html = message_from_bytes(written(letter), policy=default).get_body(("html",)).get_content()  # type: ignore[attr-defined]
    assert ("Free my places" if seats > 1 else "Free my place<") in html


async def test_the_secret_address_of_the_organiser_proves_an_answer() -> None:
    secret = post(inbound_plus=True, inbound_authserv_id="")
    _, booking = await booked(secret)
    event = await event_of(booking)
    address = event["ORGANIZER"].removeprefix("mailto:")
    assert address == secret.answer_address(booking)
    assert address.startswith("inscriptions+")
    plain = mails.answer(event, to="inscriptions@ateliers.example")
    wrong = mails.answer(event, to="inscriptions+abcdefghijklmnopqrstuvwxyz@ateliers.example")
    assert await receive(plain, post=secret, now=NOW) is Done.ASKED
    assert await receive(wrong, post=secret, now=NOW) is Done.NOTHING
    assert (await again(booking)).state == "confirmed"
    # To another header, or to the envelope alone; from another address of theirs.
    mine = mails.answer(event, to="undisclosed", sender="chloe@travail.example")
    assert await receive(mine, post=secret, now=NOW, recipients=[address.upper()]) is Done.FREED
    letter = (await letters(booking))[-1]
    assert mails.invitation(written(letter))["ORGANIZER"] == event["ORGANIZER"]


@pytest.mark.parametrize("header", ["Delivered-To", "X-Original-To"])
async def test_a_mailbox_tells_the_secret_address_in_its_own_headers(header: str) -> None:
    secret = post(inbound_plus=True)
    _, booking = await booked(secret)
    reply = mails.answer(await event_of(booking), to="x@y.example", headers={header: secret.answer_address(booking)})
    assert await receive(reply, post=secret, now=NOW) is Done.FREED


async def test_the_organiser_stays_the_same_for_the_life_of_a_booking() -> None:
    secret, plain = post(inbound_plus=True), post()
    session, before = await booked(plain)
    after = await bookings.book(session.id, world.wish("Ben", email="ben@exemple.fr"), post=secret, now=world.NOW)
    seen = {each.id: (await event_of(each))["ORGANIZER"] for each in (before, after)}
    assert seen[before.id] == "mailto:inscriptions@ateliers.example"
    # The setting is switched on for one, off for the other: neither calendar may lose its event.
    for each, now_at in ((before, secret), (after, plain)):
        await bookings.change_seats(each.id, 2, post=now_at, now=NOW)
        assert (await event_of(each))["ORGANIZER"] == seen[each.id]
        await bookings.cancel(each.id, post=now_at, now=NOW)
        assert (await event_of(each))["ORGANIZER"] == seen[each.id]
    # And the secret of one proves nothing of another.
    assert secret.answer_address(before) not in seen[after.id]


async def test_answers_are_asked_for_only_where_somebody_reads_them() -> None:
    _, booking = await booked()
    assert (await event_of(booking))["ATTENDEE"].params["RSVP"] == "TRUE"
    await bookings.change_seats(booking.id, 2, post=world.post(), now=NOW)
    assert (await event_of(booking))["ATTENDEE"].params["RSVP"] == "FALSE"


async def test_yes_counts_once_the_question_was_asked_and_perhaps_never() -> None:
    _, booking = await booked()
    event = await event_of(booking)
    yes = mails.relayed(mails.answer(event, "ACCEPTED"))
    assert await receive(yes, post=post(), now=NOW) is Done.NOTHING  # calendars say it by themselves
    asked = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    assert await reminders.sweep(post(), asked) == 1
    later = asked + MINUTE
    assert await receive(mails.relayed(mails.answer(event, "TENTATIVE", later)), post=post(), now=later) is Done.NOTHING
    unproven = mails.answer(event, "ACCEPTED", later)
    assert await receive(unproven, post=post(), now=later) is Done.NOTHING
    assert (await again(booking)).coming_at is None
    yes = mails.relayed(mails.answer(event, "ACCEPTED", later))
    assert await receive(yes, post=post(), now=later) is Done.CONFIRMED
    assert await receive(yes, post=post(), now=later + MINUTE) is Done.NOTHING
    assert (await again(booking)).coming_at == later
    assert await kinds(booking) == ["confirmed", "reminder_ask"]


async def test_an_answer_to_the_hour_before_a_move_frees_nothing() -> None:
    session, booking = await booked()
    event = await event_of(booking)
    await changes.move(session.id, wall=datetime(2026, 12, 8, 14), post=post(), now=NOW)
    late_no, late_yes = (mails.relayed(mails.answer(event, partstat)) for partstat in ("DECLINED", "ACCEPTED"))
    await Booking.filter(id=booking.id).update(asked_at=NOW)
    assert await receive(late_yes, post=post(), now=NOW) is Done.NOTHING
    assert await receive(late_no, post=post(), now=NOW) is Done.ASKED
    assert await receive(late_no, post=post(), now=NOW) is Done.NOTHING
    assert await kinds(booking) == ["confirmed", "changed", "free_place"]
    new = await again(booking)
    assert (new.state, new.coming_at) == ("confirmed", None)
    moved = next(row for row in await letters(booking) if row.kind == "changed")
    fresh = mails.relayed(mails.answer(mails.invitation(written(moved))))
    assert await receive(fresh, post=post(), now=NOW) is Done.FREED


async def test_the_later_answer_counts_whichever_comes_first() -> None:
    _, booking = await booked()
    event = await event_of(booking)
    yes = mails.relayed(mails.answer(event, "ACCEPTED", STAMP + MINUTE))
    no = mails.relayed(mails.answer(event, "DECLINED", STAMP))
    assert await receive(yes, post=post(), now=NOW + MINUTE) is Done.NOTHING
    assert await receive(no, post=post(), now=NOW + 2 * MINUTE) is Done.NOTHING
    assert await kinds(booking) == ["confirmed"]
    newer = mails.relayed(mails.answer(event, "DECLINED", STAMP + 2 * MINUTE))
    assert await receive(newer, post=post(), now=NOW + 3 * MINUTE) is Done.FREED


@pytest.mark.parametrize("end", ["waiting", "cancelled", "over", "called off", "forgotten"])
async def test_what_is_over_or_waits_is_left_alone(end: str) -> None:
    session, booking = await booked(capacity=1)
    event, now = await event_of(booking), NOW
    if end == "waiting":
        waits = await waiting_list.join(session.id, world.wish("Ben", email="ben@exemple.fr"), post=post(), now=NOW)
        event["UID"] = f"{waits.uid}@ateliers.example"
        event["ATTENDEE"] = "mailto:ben@exemple.fr"
    elif end == "cancelled":
        await bookings.cancel(booking.id, post=post(), now=NOW)
    elif end == "over":
        now = session.starts_at
    elif end == "called off":
        await changes.call_off(session.id, reason="", post=post(), now=NOW)
    else:
        await Booking.filter(id=booking.id).update(forgotten_at=NOW)
    before = await everything()
    results = PASS.replace("chloe@", "ben@") if end == "waiting" else PASS
    reply = mails.relayed(mails.answer(event, sender=event["ATTENDEE"].removeprefix("mailto:")), results)
    assert await receive(reply, post=post(), now=now) in {Done.NOTHING, Done.FOREIGN}
    assert await everything() == before


async def everything() -> list[Any]:
    """All that a mail could change, but for the lock of the session's row."""
    rows: list[Any] = list(await Booking.all().order_by("id").values())
    rows += await OutboxMessage.all().order_by("id").values("id", "kind", "next_attempt_at")
    return rows + list(await Session.all().order_by("id").values("id", "seats_taken", "version", "sequence"))


def _looped(event: Event, **headers: str) -> bytes:
    return mails.relayed(mails.answer(event, headers=headers))


FORGED: dict[str, Callable[[Event], bytes]] = {
    "another attendee": lambda event: mails.relayed(mails.answer(event, attendee="mailto:ben@exemple.fr")),
    "unknown uid": lambda event: mails.relayed(mails.answer(event, uid=f"bk-{'0' * 32}@ateliers.example")),
    "uid of another site": lambda event: mails.relayed(
        mails.answer(event, uid=event["UID"].replace("ateliers", "autre"))
    ),
    "a version that never was": lambda event: mails.relayed(mails.answer(event, sequence=7)),
    "auto-replied": lambda event: _looped(event, **{"Auto-Submitted": "auto-replied (vacation)"}),
    "bulk": lambda event: _looped(event, Precedence="bulk"),
    "a list": lambda event: _looped(event, **{"List-Id": "<x.exemple.fr>"}),
    "our own letter": lambda event: mails.relayed(mails.answer(event, sender="inscriptions@ateliers.example")),
    "a request": lambda event: mails.relayed(mails.answer(event, method="REQUEST")),
    "a counter": lambda event: mails.relayed(mails.answer(event, method="COUNTER")),
    "nothing said": lambda event: mails.relayed(mails.answer(event, "NEEDS-ACTION")),
    "a NUL": lambda event: mails.relayed(mails.answer(event).replace(b"Subject: ", b"Subject: \0")),
    "a NUL in the calendar": lambda event: mails.relayed(mails.answer(event, summary=vText("a\0b"))),
    "cut in the middle": lambda event: mails.relayed(mails.answer(event))[:900],
    "huge": lambda event: mails.relayed(mails.answer(event)) + b"x" * 2_000_000,
    "ten thousand parts": lambda event: mails.relayed(b"".join((
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", *[b"--b\r\n\r\nx\r\n"] * 10_000, b"--b--\r\n"))),
    "as deep as it goes": lambda event: b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n)
                                                 for n in range(5_000)),
    "letters in letters": lambda event: b"Content-Type: message/rfc822\n\n" * 20_000,
    "a header that never ends": lambda event: b'Content-Type: multipart/mixed; "' + b";" * 400_000 + b"\n\nx",
    "a zip bomb": lambda event: mails.relayed(b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                                              + b"UEsDBBQAAAAI" * 60_000),
    "nothing": lambda event: b"",
}  # fmt: skip


@pytest.mark.parametrize("kind", FORGED)
async def test_what_is_forged_looping_huge_or_broken_changes_nothing(kind: str) -> None:
    _, booking = await booked()
    raw = FORGED[kind](await event_of(booking))
    await Booking.filter(id=booking.id).update(asked_at=NOW)
    before = await everything()
    async with asyncio.timeout(10):
        assert await receive(raw, post=post(), now=NOW) in {Done.FOREIGN, Done.NOTHING}
    assert await everything() == before


BAD = PASS.replace("pass", "fail")
UNPROVEN: dict[str, Callable[[bytes], bytes]] = {
    "nobody looked": lambda raw: raw,
    "somebody else says so": lambda raw: mails.relayed(raw, name="mx.elsewhere.example"),
    "all failed": lambda raw: mails.relayed(raw, BAD),
    "dmarc failed": lambda raw: mails.relayed(raw, f"dkim=pass header.d=exemple.fr; {BAD.rpartition('; ')[2]}"),
    "signed by another": lambda raw: mails.relayed(raw, "dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=x@evil.example"),
    "a name within a comment": lambda raw: mails.relayed(raw, "dkim=fail (dkim=pass header.d=exemple.fr)"),
    "a name within quotes": lambda raw: mails.relayed(raw, 'dkim=fail reason="; dkim=pass header.d=exemple.fr"'),
    "a domain that ends alike": lambda raw: mails.relayed(raw, "dkim=pass header.d=notexemple.fr"),
    "below an untrusted hop": lambda raw: b"Received: from mx.ville.example by evil.example; x\r\n" + mails.relayed(raw),
    "ours above, theirs below": lambda raw: mails.relayed(mails.relayed(raw), BAD),
    "two senders": lambda raw: mails.relayed(b"From: x@evil.example\r\n" + raw),
    "another of the same domain": lambda raw: mails.relayed(raw.replace(b"<chloe@exemple.fr>", b"<eve@exemple.fr>")),
    "none": lambda raw: mails.relayed(raw, "none"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNPROVEN)
async def test_what_the_relay_did_not_find_proves_nothing(kind: str) -> None:
    session, booking = await booked()
    raw = UNPROVEN[kind](mails.answer(await event_of(booking)))
    assert await receive(raw, post=post(), now=NOW) is Done.ASKED
    assert (await taken(session), await kinds(booking)) == (1, ["confirmed", "free_place"])


async def test_a_site_that_trusts_no_relay_believes_none() -> None:
    _, booking = await booked()
    raw = mails.relayed(mails.answer(await event_of(booking)))
    assert await receive(raw, post=post(inbound_authserv_id=""), now=NOW) is Done.ASKED


async def test_four_at_once_free_the_place_once() -> None:
    session, booking = await booked(seats=2)
    event = await event_of(booking)
    raw = mails.relayed(mails.answer(event))
    done = await asyncio.gather(*(receive(raw, post=post(), now=NOW) for _ in range(4)))
    assert sorted(done) == ["freed", "nothing", "nothing", "nothing"]
    assert (await taken(session), await kinds(booking)) == (0, ["confirmed", "cancelled"])


async def test_four_unproven_at_once_leave_one_letter() -> None:
    _, booking = await booked()
    raw = mails.answer(await event_of(booking))
    await asyncio.gather(*(receive(raw, post=post(), now=NOW) for _ in range(4)))
    assert await kinds(booking) == ["confirmed", "free_place"]


async def test_one_date_of_a_cycle_is_declined_alone() -> None:
    _, sessions = await _cycle()
    booking = await bookings.book(sessions[1].id, world.wish(), post=post(), now=world.NOW)
    raw = mails.relayed(mails.answer(await event_of(booking)))
    assert await receive(raw, post=post(), now=NOW) is Done.FREED
    assert [await taken(each) for each in sessions] == [1, 0, 1]


async def sent(booking: Booking) -> bytes:
    """Its first letter, as it left."""
    row = (await letters(booking))[0]
    raw = written(row)
    await OutboxMessage.filter(id=row.id).update(sent_at=NOW, next_attempt_at=None, message=None)
    return raw


@pytest.mark.parametrize("headers_only", [False, True])
async def test_a_letter_that_comes_back_puts_the_person_on_the_phone_list(headers_only: bool) -> None:
    session, booking = await booked()
    raw = mails.bounce(await sent(booking), headers_only=headers_only)
    assert await receive(raw, post=post(), now=NOW) is Done.WRONG_ADDRESS
    assert await receive(raw, post=post(), now=NOW + DAY) is Done.WRONG_ADDRESS  # twice is once
    assert (await again(booking)).bounced_at == NOW
    assert await hosting.to_be_told(session) == []  # nothing has changed
    told = await changes.move(session.id, wall=datetime(2026, 12, 8, 14), post=post(), now=NOW)
    assert (told.letters, [each.id for each in told.to_phone]) == (1, [booking.id])
    assert [each.id for each in await hosting.to_be_told(session)] == [booking.id]
    assert await hosting.told(session, {booking.id: 1}, NOW) == 1
    assert [each.told_sequence for each in await hosting.to_be_told(session)] == [1]
    await hosting.not_told(session, booking.id)
    assert [each.told_sequence for each in await hosting.to_be_told(session)] == [0]


REPORTS: dict[str, Callable[[bytes], bytes]] = {
    "delayed": lambda letter: mails.bounce(letter, action="delayed", status="4.4.1"),
    "relayed": lambda letter: mails.bounce(letter, action="relayed", status="2.0.0"),
    "refused as spam": lambda letter: mails.bounce(letter, status="5.7.1"),
    "another address": lambda letter: mails.bounce(letter, "ben@exemple.fr"),
    "a letter that was not": lambda letter: mails.bounce(letter, message_id=f"<{'0' * 40}@ateliers.example>"),
    "no letter": lambda letter: mails.bounce(b"Subject: x\r\n\r\nx\r\n"),
    "not a report": lambda letter: mails.bounce(letter).replace(b"multipart/report", b"multipart/mixed"),
    "of reading": lambda letter: mails.bounce(letter).replace(b"=delivery-status", b"=disposition-notification"),
    "cut short": lambda letter: mails.bounce(letter)[:1200],
}


@pytest.mark.parametrize("kind", REPORTS)
async def test_a_report_that_does_not_match_changes_nothing(kind: str) -> None:
    _, booking = await booked()
    raw = REPORTS[kind](await sent(booking))
    before = await everything()
    assert await receive(raw, post=post(), now=NOW) is Done.FOREIGN
    assert await everything() == before


async def test_a_letter_still_to_go_cannot_have_come_back() -> None:
    _, booking = await booked()
    raw = mails.bounce(written((await letters(booking))[0]))
    assert await receive(raw, post=post(), now=NOW) is Done.FOREIGN


async def test_places_freed_for_whom_no_letter_reaches_are_held_for_a_call() -> None:
    session, booking = await booked(capacity=1)
    ben = await waiting_list.join(session.id, world.wish("Ben", email="ben@exemple.fr"), post=post(), now=world.NOW)
    assert await receive(mails.bounce(await sent(ben), "ben@exemple.fr"), post=post(), now=NOW) is Done.WRONG_ADDRESS
    await bookings.cancel(booking.id, post=post(), now=NOW)
    held = await again(ben)
    assert (held.state, held.offered_at) == ("offered", None)
    assert "offer" not in await kinds(ben)


async def test_an_address_that_the_server_refused_is_wrong_and_a_server_that_refuses_all_is_not() -> None:
    session, booking = await booked()
    ben = await bookings.book(session.id, world.wish("Ben", email="ben@exemple.fr"), post=post(), now=world.NOW)
    for each, said in ((booking, "550 5.1.1 User unknown"), (ben, "554 5.7.1 Relay access denied")):
        await OutboxMessage.filter(group_key=each.uid).update(dead_at=NOW, next_attempt_at=None, last_error=said)
    assert len(await outbox.dead_letters()) == 2
    assert await addresses.refused_at_once(NOW) == 1
    assert await addresses.refused_at_once(NOW) == 0
    assert ((await again(booking)).bounced_at, (await again(ben)).bounced_at) == (NOW, None)


async def test_the_wrong_address_of_who_comes_says_nothing_of_who_booked() -> None:
    _, booking = await booked(beneficiary="Rosa Petit", guest_email="rosa@exemple.fr")
    theirs = await OutboxMessage.get(group_key=booking.uid, recipient="rosa@exemple.fr")
    back = mails.bounce(written(theirs), "rosa@exemple.fr")
    gone = OutboxMessage.filter(id=theirs.id)
    await gone.update(sent_at=NOW, next_attempt_at=None, message=None)
    assert await receive(back, post=post(), now=NOW) is Done.WRONG_ADDRESS
    await gone.update(sent_at=None, dead_at=NOW, last_error="550 5.1.1 User unknown")
    assert await addresses.refused_at_once(NOW) == 0
    assert (await again(booking)).bounced_at is None


async def test_the_logs_keep_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="ateliers")
    _, booking = await booked()
    event = await event_of(booking)
    for raw in (mails.answer(event), mails.relayed(mails.answer(event)), mails.bounce(b"x: y\r\n\r\n"), b"\0" * 9, *(
        made(event) for made in FORGED.values())):  # fmt: skip
        await receive(raw, post=post(), now=NOW)
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("ateliers.inbound"))
    assert said.count("\n") > 10
    for secret in ("chloe", "Chlo", "exemple", booking.uid, booking.reference):
        assert secret not in said
