"""Groups and helpers: who books for somebody and who comes are both told, each in a letter of their own; families share."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from icalendar import Calendar

from ateliers import bookings
from ateliers.bookings import Booking, attendance, changes, hosting, messages, reminders, retention, waiting_list
from ateliers.bookings.messages import Draft
from ateliers.bookings.tokens import manage_token
from ateliers.feedback.thanks import sweep as thank
from ateliers.outbox import OutboxMessage
from ateliers.workshops import Session
from tests import world
from tests.web.desk.days import calendar, letter, said

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
HELPER, GUEST = "aide@ccas.example", "jeanne@exemple.fr"
DAY = timedelta(days=1)


async def _helped(**more: object) -> tuple[world.World, Session, Booking]:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, datetime(2026, 12, 8, 14), counsellor=cast.amina)
    values: dict[str, object] = {"email": HELPER, "beneficiary": "Jeanne Petit", "guest_email": GUEST} | more
    wish = world.wish("Aide Sociale", **values)
    return cast, session, await bookings.book(session.id, wish, post=world.post(), now=world.NOW)


async def _of(kind: str) -> dict[str, OutboxMessage]:
    rows = await OutboxMessage.filter(kind=kind).order_by("id")
    assert len({row.recipient for row in rows}) == len(rows)
    return {row.recipient: row for row in rows}


async def test_both_are_told_each_in_their_own_name_with_the_same_invitation() -> None:
    _, _, booking = await _helped()
    rows = await _of("confirmed")
    assert set(rows) == {HELPER, GUEST}
    assert "Bonjour Aide Sociale," in said(rows[HELPER])
    assert "pour Jeanne Petit" in said(rows[HELPER])
    assert "Bonjour Jeanne Petit," in said(rows[GUEST])
    link = f"/r/{manage_token(booking.uid, world.SECRET)}"
    for address, row in rows.items():
        other = ({HELPER, GUEST} - {address}).pop()
        assert link in said(row)  # who comes may cancel too
        assert other not in letter(row).as_string()
        (event,) = Calendar.from_ical(calendar(row)).walk("VEVENT")
        assert str(event["UID"]).startswith(booking.uid)
        assert str(event["ATTENDEE"]).lower() == f"mailto:{address}"
    assert "Aide Sociale" not in letter(rows[GUEST]).as_string()


async def test_both_hear_of_every_change() -> None:
    cast, session, booking = await _helped(seats=2)
    await bookings.change_seats(booking.id, 3, post=world.post(), now=world.NOW)
    told = await changes.move(session.id, wall=datetime(2026, 12, 9, 10), post=world.post(), now=world.NOW)
    assert (told.letters, told.to_phone) == (2, [])
    rows = await OutboxMessage.filter(kind="changed")
    assert sorted(row.recipient for row in rows) == [HELPER, HELPER, GUEST, GUEST]
    await reminders.sweep(world.post(), datetime.fromisoformat("2026-12-08T15:00:00+00:00"))
    assert set(await _of("reminder_day")) == {HELPER, GUEST}
    draft = Draft("Apportez vos lunettes.", "form-1")
    await messages.send(session, cast.amina, draft, post=world.post(), now=world.NOW)
    assert set(await _of("host_message")) == {HELPER, GUEST}
    assert "Bonjour Jeanne Petit," in said((await _of("host_message"))[GUEST])
    await bookings.cancel(booking.id, post=world.post(), now=world.NOW)
    assert set(await _of("cancelled")) == {HELPER, GUEST}


async def test_only_who_came_is_thanked() -> None:
    cast, session, booking = await _helped()
    await attendance.take(session, booking.id, "present", cast.amina, session.ends_at)
    assert await thank(world.post(), session.ends_at + timedelta(hours=3)) == 1
    rows = await _of("thanks")
    assert set(rows) == {GUEST}
    assert "Bonjour Jeanne Petit," in said(rows[GUEST])


async def test_a_guest_is_written_to_though_the_helper_has_a_telephone_alone() -> None:
    _, session, booking = await _helped(email="", phone="+33555000000", phone_typed="05 55 00 00 00")
    assert set(await _of("confirmed")) == {GUEST}
    told = await changes.move(session.id, wall=datetime(2026, 12, 9, 10), post=world.post(), now=world.NOW)
    assert (told.letters, [each.id for each in told.to_phone]) == (1, [booking.id])
    assert [each.id for each in await hosting.to_be_told(session)] == [booking.id]


async def test_a_guest_with_a_telephone_is_on_the_list_of_calls() -> None:
    _, session, booking = await _helped(guest_email="", guest_phone="+33639980001")
    assert set(await _of("confirmed")) == {HELPER}
    assert await hosting.to_be_told(session) == []
    await changes.call_off(session.id, reason="", post=world.post(), now=world.NOW)
    (due,) = await hosting.to_be_told(session)
    assert due.id == booking.id
    assert await hosting.told(session, {booking.id: due.sequence}, world.NOW) == 1
    assert (await hosting.to_be_told(session))[0].told_sequence == due.sequence
    await hosting.not_told(session, booking.id)
    assert (await hosting.to_be_told(session))[0].told_sequence < due.sequence


async def test_one_address_twice_gets_one_letter() -> None:
    await _helped(guest_email=HELPER.upper())
    assert set(await _of("confirmed")) == {HELPER}


async def test_families_that_share_an_address_are_no_duplicates() -> None:
    _, session, _ = await _helped()
    for name in ("Paul Petit", "Léa Petit"):
        wish = world.wish("Aide Sociale", email=HELPER, beneficiary=name)
        await bookings.book(session.id, wish, post=world.post(), now=world.NOW)
    await bookings.book(session.id, world.wish("Jeanne Petit", email=GUEST), post=world.post(), now=world.NOW)
    assert await Booking.confirmed(session_id=session.id).count() == 4
    twice = world.wish("Aide Sociale", email=HELPER, beneficiary="  paul PETIT")
    with pytest.raises(bookings.booking.AlreadyBooked):
        await bookings.book(session.id, twice, post=world.post(), now=world.NOW)


async def test_on_the_waiting_list_and_offered_both_are_told() -> None:
    _, session, first = await _helped(seats=1)
    await Session.filter(id=session.id).update(capacity=1)
    wish = world.wish("Aide Sociale", email=HELPER, beneficiary="Paul Petit", guest_email="paul@exemple.fr")
    await waiting_list.join(session.id, wish, post=world.post(), now=world.NOW)
    assert set(await _of("waiting")) == {HELPER, "paul@exemple.fr"}
    await bookings.cancel(first.id, post=world.post(), now=world.NOW)
    assert set(await _of("offer")) == {HELPER, "paul@exemple.fr"}


async def test_names_of_the_others_go_with_one_place_and_with_the_rest() -> None:
    _, session, booking = await _helped(seats=3, others="Paul Petit, Léa Petit")
    assert (await Booking.get()).others == "Paul Petit, Léa Petit"
    for row in (await _of("confirmed")).values():
        assert "Léa" not in letter(row).as_string()  # for the host alone
    await bookings.change_seats(booking.id, 2, post=world.post(), now=world.NOW)
    assert (await Booking.get()).others
    await retention.forget(session.ends_at + 31 * DAY)
    gone = await Booking.get()
    assert (gone.others, gone.guest_email, gone.guest_phone, gone.beneficiary) == ("", "", "", "")
    assert not await OutboxMessage.exclude(recipient="").exists()


async def test_one_place_keeps_no_other_name() -> None:
    _, _, booking = await _helped(seats=2, others="Paul Petit")
    await bookings.change_seats(booking.id, 1, post=world.post(), now=world.NOW)
    assert (await Booking.get()).others == ""
    _, _, alone = await _again(others="Paul Petit")
    assert alone.others == ""


async def _again(**more: object) -> tuple[None, None, Booking]:
    session = await Session.get()
    made = await bookings.book(session.id, world.wish("Autre Personne", **more), post=world.post(), now=world.NOW)
    return None, None, await Booking.get(id=made.id)


async def test_the_session_that_stands_in_is_for_the_same_people() -> None:
    cast, session, booking = await _helped(seats=2, others="Paul Petit")
    instead = await world.session(cast.gueret, cast.workshop, datetime(2026, 12, 10, 14))
    await Session.filter(id=session.id).update(replacement_id=instead.id, called_off_at=world.NOW)
    found = await Booking.get(id=booking.id).select_related("session__venue")
    made = await changes.rebook(found, post=world.post(), now=world.NOW)
    assert (made.others, made.guest_email) == ("Paul Petit", GUEST)
