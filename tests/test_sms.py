"""A text leaves once, by a real provider on a real socket, in time, within the budget, to France alone; its receipt tells."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ateliers import bookings, outbox, sms
from ateliers.bookings import Booking, changes, hosting, waiting_list
from ateliers.bookings.notices import Post
from ateliers.bookings.reminders import sweep
from ateliers.bookings.texting import TEXTS, reached
from ateliers.outbox import OutboxMessage
from ateliers.settings import Settings
from ateliers.sms import TextMessage, receipts
from ateliers.workshops import Session
from tests import world
from tests.sms_servers import KEY, SECRET, arrived, deliver, provider, texting

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
PHONE = "+33639980000"
START = datetime(2026, 12, 8, 13, 0, tzinfo=UTC)  # a Tuesday, 14:00 in Paris
NOW = START - timedelta(days=14, hours=3)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILE = texting("file:var/never-written")


async def _session(**more: Any) -> Session:
    cast = await world.build()
    return await world.session(
        cast.gueret,
        cast.workshop,
        datetime(2026, 12, 8, 14),
        counsellor=cast.amina,
        **({"published_at": NOW - DAY} | more),
    )


def _post(settings: Settings = FILE) -> Post:
    return Post(settings, settings.secret())


async def _book(
    session: Session, name: str = "Paul Petit", *, now: datetime = NOW, phone: str = PHONE, **more: Any
) -> Booking:
    wish = world.wish(name, email="", phone=phone, **more)
    return await bookings.book(session.id, wish, post=_post(), now=now)


async def _waiting() -> list[str]:
    """The words of the texts that wait to be sent, in order."""
    rows = await OutboxMessage.filter(channel="sms", next_attempt_at__isnull=False).order_by("id")
    return [(row.message or b"").decode().partition("\n")[2] for row in rows]


async def _kinds() -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in await TextMessage.all().order_by("id")]


@pytest.mark.parametrize("kind", ["json", "ovh"])
async def test_a_booking_s_text_leaves_once_and_its_receipt_comes(kind: str) -> None:
    session = await _session()
    await _book(session)
    async with provider() as there:
        there.ahead = 3600  # its clock is not ours
        settings = texting(there.json_url if kind == "json" else there.ovh_url)
        assert (await deliver(settings, NOW)).sent == 1
        assert (await deliver(settings, NOW)).idle
        [taken] = there.taken
        [row] = await TextMessage.all()
        words = taken["text"] if kind == "json" else taken["message"]
        assert words.startswith("Réservé : Café IA : parlons d'intelligence artificielle, mardi 8 déc. à 14 h")
        if kind == "json":
            assert (taken["to"], taken["from"], taken["id"]) == (PHONE, "Ateliers", row.key)
            assert taken["callback"] == receipts.receipt_url(settings)
            assert there.headers[0]["Authorization"].startswith("Basic ")
            receipt = receipts.of_body(json.dumps({"id": row.key, "status": "delivered"}).encode())
        else:
            assert there.forged == 0
            assert taken["receivers"] == [PHONE]
            assert (taken["coding"], taken["noStopClause"], taken["sender"]) == ("7bit", True, "Ateliers")
            assert (taken["tag"], taken["validityPeriod"]) == (row.key, 2880)
            receipt = receipts.of_query({"id": str(taken["id"]), "dlr": "1", "ptt": "0"})
        assert row.state == "sent"
        letter = await OutboxMessage.get(channel="sms")
        assert letter.message is None
        assert letter.sent_at == NOW or letter.sent_at is not None
        assert await receipts.note(receipt, NOW + HOUR)
        assert (await TextMessage.get(id=row.id)).state == "delivered"


async def test_two_workers_send_each_text_once() -> None:
    session = await _session(capacity=40)
    for number in range(12):
        await _book(session, f"Paul Petit {'abcdefghijkl'[number]}", phone=f"+336399800{number:02}")
    async with provider() as there:
        settings = texting(there.ovh_url)
        for _ in range(3):
            await asyncio.gather(*(deliver(settings, NOW) for _ in range(3)))
        assert len(there.taken) == len({taken["tag"] for taken in there.taken}) == 12
        assert {row.state for row in await TextMessage.all()} == {"sent"}


@pytest.mark.parametrize("kind", ["json", "ovh"])
async def test_a_text_that_left_before_the_line_broke_leaves_no_second_time(kind: str) -> None:
    session = await _session()
    await _book(session)
    async with provider() as there:
        settings = texting(there.json_url if kind == "json" else there.ovh_url)
        there.answers = ["drop"]
        assert (await deliver(settings, NOW)).delayed == 1
        assert len(there.taken) == 1
        assert (await deliver(settings, NOW + HOUR)).sent == 1
        assert len(there.taken) == 1
        [row] = await TextMessage.all()
        assert row.state == "sent"
        assert there.lookups == ([row.key] if kind == "ovh" else [])


@pytest.mark.parametrize(
    ("status", "outcome", "state"),
    [(400, "dead", "failed"), (422, "dead", "failed"), (401, "released", "waiting"), (403, "released", "waiting"),
     (429, "delayed", "waiting"), (500, "delayed", "waiting"), (302, "released", "waiting")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["json", "ovh"])
async def test_what_a_provider_refuses(kind: str, status: int, outcome: str, state: str) -> None:
    session = await _session()
    await _book(session)
    async with provider() as there:
        there.answers = [status]
        done = await deliver(texting(there.json_url if kind == "json" else there.ovh_url), NOW)
        assert getattr(done, outcome) == 1
        assert await _kinds() == [("confirmed", state)]
        assert PHONE not in done.unreachable


async def test_a_wrong_key_and_a_provider_that_is_away_kill_no_text() -> None:
    session = await _session()
    await _book(session)
    async with provider() as there:
        wrong = texting(there.ovh_url.replace(SECRET, "other"))
        assert (await deliver(wrong, NOW)).unreachable
        assert there.forged == 1
        gone = texting(there.json_url)
    assert "no connection" in (await deliver(gone, NOW)).unreachable
    assert (await OutboxMessage.get(channel="sms")).attempts == 0
    assert KEY not in repr(sms.gateway_of(wrong))


async def test_ovh_calls_a_number_invalid() -> None:
    session = await _session()
    await _book(session, phone="+33639980404")
    async with provider() as there:
        assert (await deliver(texting(there.ovh_url), NOW)).dead == 1
    assert await _kinds() == [("confirmed", "failed")]


async def test_the_day_s_budget_holds_with_two_workers_and_spares_the_urgent() -> None:
    session = await _session(capacity=60)
    for number in range(20):
        await _book(session, f"Paul Petit {'abcdefghijklmnopqrst'[number]}", phone=f"+336399800{number:02}")
    async with provider() as there:
        settings = texting(there.json_url, sms_budget=10)
        for _ in range(4):
            await asyncio.gather(*(deliver(settings, NOW) for _ in range(2)))
        assert len(there.taken) == 8  # a fifth is kept
        assert [state for _, state in await _kinds()].count("failed") == 12
        # Called off some hours before: that is what was kept.
        eve = START - timedelta(hours=2, minutes=30)
        await TextMessage.filter(state="failed").delete()
        await changes.call_off(session.id, reason="", post=_post(settings), now=eve)
        for _ in range(4):
            await asyncio.gather(*(deliver(settings, eve) for _ in range(2)))
        assert len(there.taken) == 8 + 10  # another day, another budget, whole for what is urgent
        refused = await TextMessage.filter(kind="called_off", state="failed")
        assert len(refused) == 10
        assert {row.reason for row in refused} == {"budget"}
        assert len(await hosting.to_be_told(session)) == 20  # until receipts come, and for those refused


async def test_one_number_is_not_rung_all_day() -> None:
    session = await _session(capacity=60)
    for number in range(15):
        await _book(session, f"Paul Petit {'abcdefghijklmnopqrst'[number]}")
    async with provider() as there:
        for _ in range(2):
            await deliver(texting(there.json_url), NOW)
        assert len(there.taken) == 12


async def test_no_text_leaves_france_whatever_the_table_says() -> None:
    session = await _session()
    assert not _post().reaches(await _book(session, phone="+8835100123456"))
    assert not _post().reaches(await _book(session, "Jean Fixe", phone="+33536490001"))
    assert await TextMessage.all().count() == 0
    await _book(session, "Ida Petit")
    await OutboxMessage.filter(channel="sms").update(recipient="+447400123456")
    async with provider() as there:
        assert (await deliver(texting(there.json_url), NOW)).dead == 1
        assert there.taken == []


async def test_an_invented_number_gets_nothing_outside_a_demonstration() -> None:
    real = texting("file:x", demo=False, mail_from="inscriptions@ville.fr")
    session = await _session()
    booking = await _book(session)
    assert not Post(real, real.secret()).reaches(booking)


async def test_texts_are_off_by_themselves() -> None:
    session = await _session()
    off = world.settings(sms_url="", demo=False, mail_from="inscriptions@ville.fr")
    assert off.sms == ""
    booking = await bookings.book(session.id, world.wish(email="", phone=PHONE), post=Post(off, world.SECRET), now=NOW)
    await changes.move(session.id, wall=datetime(2026, 12, 9, 14), post=Post(off, world.SECRET), now=NOW)
    assert await OutboxMessage.all().count() == 0
    assert [each.id for each in await hosting.to_be_told(session)] == [booking.id]
    stopping = asyncio.Event()
    await asyncio.wait_for(sms.run(off, stopping), 1)


async def test_at_night_a_text_waits_for_the_morning_on_the_venue_s_wall() -> None:
    session = await _session()
    night = datetime(2026, 11, 30, 21, 15, tzinfo=UTC)  # 22:15 in Paris
    booking = await _book(session, now=night)
    async with provider() as there:
        settings = texting(there.json_url)
        assert (await deliver(settings, night)).idle
        assert (await deliver(settings, datetime(2026, 12, 1, 6, 59, tzinfo=UTC))).idle
        # What overtakes it before the morning says it all.
        await bookings.cancel(booking.id, post=_post(settings), now=night + HOUR, by="host")
        assert (await deliver(settings, datetime(2026, 12, 1, 7, 0, tzinfo=UTC))).sent == 1
        assert [taken["text"].partition(" :")[0] for taken in there.taken] == ["Votre place est annulée"]
    assert await _kinds() == [("confirmed", "overtaken"), ("cancelled_by_host", "sent")]


async def test_what_cannot_wait_leaves_at_night() -> None:
    session = await _session()
    await _book(session)
    night = datetime(2026, 12, 7, 21, 30, tzinfo=UTC)  # the eve, 22:30
    await changes.move(session.id, wall=datetime(2026, 12, 8, 9), post=_post(), now=night)
    async with provider() as there:
        assert (await deliver(texting(there.json_url), night)).sent == 1
        assert "C'est maintenant : " in there.taken[0]["text"]
        assert "8 déc. à 9 h" in there.taken[0]["text"]


async def test_overseas_has_a_night_of_its_own() -> None:
    cast = await world.build()
    session = await world.session(cast.reunion, cast.workshop, datetime(2026, 12, 8, 14), published_at=NOW - DAY)
    await _book(session, now=datetime(2026, 11, 30, 18, 0, tzinfo=UTC))  # 22:00 there, 19:00 in Paris
    assert (await OutboxMessage.get(channel="sms")).next_attempt_at == datetime(2026, 12, 1, 4, tzinfo=UTC)


async def test_a_text_that_comes_too_late_does_not_leave() -> None:
    session = await _session()
    await _book(session)
    async with provider() as there:
        assert (await deliver(texting(there.json_url), START)).dead == 1
        assert there.taken == []
    assert (await TextMessage.get()).reason == "too late"


async def test_what_each_person_is_told() -> None:
    """The whole life: who has an e-mail gets letters alone, who has neither gets nothing, a cycle is one text."""
    session = await _session(capacity=2)
    post = _post()
    paul = await _book(session, seats=2)
    await bookings.change_seats(paul.id, 1, post=post, now=NOW)  # their own hand
    await bookings.change_seats(paul.id, 2, post=post, now=NOW)
    waits = await waiting_list.join(
        session.id, world.wish("Ida Roux", email="", phone="+33639980001"), post=post, now=NOW
    )
    await changes.move(session.id, wall=datetime(2026, 12, 9, 14), post=post, now=NOW)
    await bookings.cancel(paul.id, post=post, now=NOW)
    offered = await Booking.get(id=waits.id)
    assert offered.offered_at == NOW
    await waiting_list.accept(waits.id, post=post, now=NOW + HOUR)
    await bookings.book(session.id, world.wish("Léa Mail"), post=post, now=NOW + HOUR)
    await changes.call_off(session.id, reason="Travaux", post=post, now=NOW + 2 * HOUR)
    told = [(row.kind, row.group_key == paul.uid) for row in await TextMessage.all().order_by("id")]
    assert told == [
        ("confirmed", True), ("waiting", False), ("moved", True), ("waiting_moved", False), ("offer", False),
        ("confirmed", False), ("called_off", False),
    ]  # fmt: skip
    assert await OutboxMessage.filter(channel="mail").count() == 2  # Léa: booked, called off
    assert len(await _waiting()) == 2  # the last word for each
    assert {kind for kind, _ in told} <= set(TEXTS.values())


async def test_reminders_go_by_text_once() -> None:
    session = await _session()
    await _book(session)
    at = START - 8 * DAY
    while at < START + DAY:
        await sweep(_post(), at)
        at += timedelta(minutes=20)
    assert [kind for kind, _ in await _kinds()] == ["confirmed", "reminder_ask", "reminder_day"]
    await _book(session, "Jean Fixe", phone="+33536490001", now=NOW)
    assert await sweep(_post(), START - 4 * DAY) == 0


async def test_who_was_reached_is_not_phoned_and_who_was_not_is() -> None:
    session = await _session()
    paul, ida = await _book(session), await _book(session, "Ida Roux", phone="+33639980001")
    zoe = await _book(session, "Zoé Sans", phone="")
    told = await changes.move(session.id, wall=datetime(2026, 12, 9, 14), post=_post(), now=NOW)
    assert (told.letters, [each.name for each in told.to_phone]) == (2, ["Zoé Sans"])
    async with provider() as there:
        await deliver(texting(there.json_url), NOW)
    names = {each.id: (await reached([await Booking.get(id=each.id)]))[each.id] for each in (paul, ida)}
    assert len(await hosting.to_be_told(session)) == 3  # sent is not delivered
    await arrived(names[paul.id], NOW)
    await arrived(names[ida.id], NOW, "failed")
    assert {each.id for each in await hosting.to_be_told(session)} == {ida.id, zoe.id}
    assert [each.id for each, _ in await hosting.told_by_text(session)] == [paul.id]
    await arrived(names[ida.id], NOW)  # the phone was off
    await arrived(names[paul.id], NOW, "failed")  # too late to be true
    assert {each.id for each in await hosting.to_be_told(session)} == {zoe.id}
    # Another change is told anew.
    await changes.move(session.id, wall=datetime(2026, 12, 10, 14), post=_post(), now=NOW + HOUR)
    assert len(await hosting.to_be_told(session)) == 3


async def test_who_comes_is_told_beside_the_text() -> None:
    session = await _session()
    both = await _book(session, beneficiary="Rosa Petit", guest_email="rosa@example.org")
    phoned = await _book(session, "Ida Roux", phone="+33639980001", beneficiary="Jo Roux", guest_phone="+33639980009")
    told = await changes.move(session.id, wall=datetime(2026, 12, 9, 14), post=_post(), now=NOW)
    assert (told.letters, [each.id for each in told.to_phone]) == (3, [phoned.id])
    assert await TextMessage.filter(kind="moved").count() == 2
    letters = await OutboxMessage.filter(channel="mail", group_key=both.uid)
    assert {each.recipient for each in letters} == {"rosa@example.org"}
    async with provider() as there:
        await deliver(texting(there.json_url), NOW)
    for each in (both, phoned):
        text = (await reached([await Booking.get(id=each.id)]))[each.id]
        await arrived(text, NOW)
    assert [each.id for each in await hosting.to_be_told(session)] == [phoned.id]


async def test_a_letter_to_who_comes_is_no_text_to_who_booked() -> None:
    booking = await _book(await _session(), phone="", beneficiary="Rosa Petit", guest_email="rosa@example.org")
    assert (_post().reaches(booking), _post().texts(booking)) == (True, False)


async def test_a_text_tells_its_own_change_alone() -> None:
    session = await _session()
    paul, ida = await _book(session), await _book(session, "Ida Roux", phone="+33639980001")
    await changes.move(session.id, wall=datetime(2026, 12, 9, 14), post=_post(), now=NOW)
    await TextMessage.filter(kind="moved").update(state="delivered")
    # What Paul changes himself is no news to him.
    await bookings.change_seats(paul.id, 2, post=_post(), now=NOW)
    assert await hosting.to_be_told(session) == []
    # The next move comes while texts are off: what arrived before told nothing of it.
    await changes.move(session.id, wall=datetime(2026, 12, 10, 14), post=world.post(), now=NOW + HOUR)
    assert {each.id for each in await hosting.to_be_told(session)} == {paul.id, ida.id}
    assert await hosting.told_by_text(session) == []


async def test_an_offer_that_never_left_costs_nobody_their_rank() -> None:
    session = await _session(capacity=1)
    post = _post()
    first = await _book(session)
    ida = await waiting_list.join(
        session.id, world.wish("Ida Roux", email="", phone="+33639980001"), post=post, now=NOW
    )
    jean = await waiting_list.join(
        session.id, world.wish("Jean Dur", email="", phone="+33639980002"), post=post, now=NOW
    )
    await bookings.cancel(first.id, post=post, now=NOW)
    until = (await Booking.get(id=ida.id)).offer_expires_at
    assert until is not None
    async with provider() as there:
        there.answers = [400, 400, 400, 400]
        await deliver(texting(there.json_url), NOW)
    await waiting_list.sweep(post, until)
    ida, jean = await Booking.get(id=ida.id), await Booking.get(id=jean.id)
    assert (ida.state, ida.passed_at, ida.offered_at) == ("waiting", until, None)
    assert jean.state == "offered"
    # Jean's text leaves, and nobody answers: that offer has passed.
    async with provider() as there:
        await deliver(texting(there.json_url), until)
    end = jean.offer_expires_at
    assert end is not None
    await waiting_list.sweep(post, end)
    assert (await Booking.get(id=jean.id)).cancelled_by == "lapsed"


async def test_forged_and_foreign_receipts_change_nothing() -> None:
    session = await _session()
    await _book(session)
    [row] = await TextMessage.all()
    assert await receipts.note(receipts.Receipt(row.key, "delivered"), NOW)  # known, but never handed over
    assert (await TextMessage.get()).state == "waiting"
    for name in ("", "0", "nobody", "a\0b", row.key.upper() + "x"):
        assert not await receipts.note(receipts.Receipt(name, "delivered"), NOW)
    for body in (b"", b"[]", b"{}", b'{"id": 1, "status": "delivered"}', b'{"id": "x"}', b"\xff", b"[" * 3000,
                 b'{"id": "' + b"x" * 81 + b'", "status": "delivered"}'):  # fmt: skip
        with pytest.raises(sms.Unreadable):
            receipts.of_body(body)
    for query in ({}, {"id": "1"}, {"id": "x", "dlr": "1"}, {"id": "1", "dlr": "un"}, {"id": "9" * 30, "dlr": "1"}):
        with pytest.raises(sms.Unreadable):
            receipts.of_query(query)
    assert receipts.of_query({"id": "1", "dlr": "4"}).state == ""
    assert receipts.of_body(b'{"id": "x", "status": "read"}').state == ""


async def test_the_demonstration_s_phones(tmp_path: Path) -> None:
    session = await _session()
    await _book(session)
    await _book(session, "Ida Off", phone="+33639980099")
    settings = texting(f"file:{tmp_path / 'sms'}")
    await deliver(settings, NOW)
    assert len(list((tmp_path / "sms").glob("*.json"))) == 2
    assert sorted(await _kinds()) == [("confirmed", "delivered"), ("confirmed", "failed")]
    (tmp_path / "file").write_text("")
    await _book(session, "Léa Roux", phone="+33639980003")
    assert "cannot be written" in (await deliver(texting(f"file:{tmp_path / 'file'}"), NOW)).unreachable


async def test_texts_are_forgotten_with_their_person_and_their_time() -> None:
    from ateliers.bookings import ShortLink, retention
    from ateliers.sms.messages import KEPT, forget

    session = await _session()
    await _book(session)
    assert await ShortLink.all().count() == 1
    await retention.forget(START + 40 * DAY)
    assert await ShortLink.all().count() == 0
    row = await OutboxMessage.get(channel="sms")
    assert (row.recipient, row.message) == ("", None)
    assert await forget(NOW + KEPT) == 0
    assert await forget(NOW + KEPT + timedelta(seconds=1)) == 1


async def test_the_worker_sends_and_stops(tmp_path: Path) -> None:
    from ateliers.database import utc_now
    from tests.web.test_find import _wall

    cast, now = await world.build(), utc_now()
    session = await world.session(cast.gueret, cast.workshop, _wall(9), published_at=now - DAY)
    await _book(session, now=now)
    await OutboxMessage.all().update(next_attempt_at=now)  # whatever the hour
    stopping = asyncio.Event()
    task = asyncio.create_task(sms.run(texting(f"file:{tmp_path / 'sms'}"), stopping))
    async with asyncio.timeout(10):
        while await OutboxMessage.filter(sent_at__isnull=True).exists():  # noqa: ASYNC110 - the row tells
            await asyncio.sleep(0.05)
    stopping.set()
    await asyncio.wait_for(task, 5)
    assert await outbox.purge(now + timedelta(days=91)) == 1
