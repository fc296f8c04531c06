"""The short link: ten signs and a second fact, the same answer whatever is wrong, slowed against guessing; GET does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ateliers import bookings, sms
from ateliers.app import create_app
from ateliers.bookings import Booking, ShortLink, changes, waiting_list
from ateliers.bookings.notices import Post
from ateliers.bookings.short_links import ALPHABET, code, opened, read
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.limits import Hit
from ateliers.outbox import OutboxMessage
from ateliers.sms import TextMessage
from ateliers.workshops import Session
from tests import world
from tests.desk import signed_in_as
from tests.sms_servers import arrived, deliver
from tests.visiting import Visitor, visiting
from tests.web.desk.days import in_days

pytestmark = pytest.mark.anyio
PHONE = "+33639980042"


@pytest.fixture
async def phones(database_url: str, communes_file: Path, tmp_path: Path) -> AsyncIterator[Visitor]:
    """The site with texts, into a folder."""
    (tmp_path / "communes.db").symlink_to(communes_file)
    settings = world.settings(
        database_url=database_url, var_dir=tmp_path, mail_url=f"maildir:{tmp_path}/mail", sms_url=f"file:{tmp_path}/sms"
    )
    async with visiting(create_app(settings)) as visitor:
        visitor.settings = settings  # type: ignore[attr-defined]
        yield visitor


async def _session() -> tuple[world.World, Session]:
    cast, now = await world.build(), utc_now()
    return cast, await world.session(
        cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina, published_at=now - timedelta(days=1), capacity=1
    )


def _post(site: Visitor) -> Post:
    return Post(site.settings, world.SECRET)  # type: ignore[attr-defined]


async def _booked(site: Visitor, **more: object) -> tuple[Booking, str]:
    _, session = await _session()
    wish = world.wish("Paul Petit", **({"email": "", "phone": PHONE, "beneficiary": "Zoé Roux"} | more))
    booking = await bookings.book(session.id, wish, post=_post(site), now=utc_now())
    return booking, f"/s/{code(booking.uid, 0, world.SECRET)}"


@given(st.integers(0, 2**50 - 1))
def test_signs_are_read_however_they_are_copied(number: int) -> None:
    signs = "".join(ALPHABET[number >> (5 * n) & 31] for n in range(10))
    assert read(signs) == signs
    typed = signs.lower().replace("0", "o").replace("1", "l")
    assert read(f"{typed[:5]}-{typed[5:]} ") == signs


@pytest.mark.parametrize("text", ["", "123456789", "12345678901", "UUUUUUUUUU", "é" * 10, "../../../.."])
def test_what_is_no_link(text: str) -> None:
    assert read(text) == ""


@pytest.mark.parametrize(
    ("fact", "opens"),
    [("42", True), (" 4 2 ", True), ("Petit", True), ("PAUL PETIT", True), ("roux", True), ("Zoé", False), ("Paul", False),
     ("24", False), ("042", False), ("0639980042", False), ("+33639980042", False), ("-42", False), ("４２", False)],
)  # fmt: skip
async def test_the_second_fact(phones: Visitor, fact: str, opens: bool) -> None:
    booking, path = await _booked(phones)
    answer = await phones.post(path, {"preuve": fact}, follow=False)
    if opens:
        assert answer.status == 303
        assert answer.response.headers["location"] == f"/r/{manage_token(booking.uid, world.SECRET)}"
        assert answer.response.headers["cache-control"] == "no-store"
        assert answer.response.headers["referrer-policy"] == "no-referrer"
    else:
        assert answer.status == 404


async def test_looking_tells_and_changes_nothing(phones: Visitor) -> None:
    booking, path = await _booked(phones)
    before = dict(await Booking.get(id=booking.id))
    real, false = await phones.get(path), await phones.get("/s/0000000000")
    assert real.status == false.status == 200
    assert real.response.text.replace(path, "") == false.response.text.replace("/s/0000000000", "")
    assert "noindex" in real.response.headers["x-robots-tag"]
    assert dict(await Booking.get(id=booking.id)) == before
    assert await Hit.all().count() == 0
    wrong, unknown = await phones.post(path, {"preuve": "13"}), await phones.post("/s/0000000000", {"preuve": "13"})
    assert wrong.status == unknown.status == 404
    assert wrong.response.text.replace(path, "") == unknown.response.text.replace("/s/0000000000", "")
    assert (await phones.get("/s/short")).status == (await phones.post("/s/UUUUUUUUUU", {"preuve": "42"})).status == 404
    assert (await phones.post(path, {"preuve": " "})).status == 422
    assert (await phones.get(f"/en{path}")).h1 == "Open my booking"


async def test_guessing_is_slowed_from_one_address_and_from_many(phones: Visitor) -> None:
    _, path = await _booked(phones)
    for _ in range(5):
        assert (await phones.post(path, {"preuve": "13"})).status == 404
    page = await phones.post(path, {"preuve": "42"})  # right, too late
    assert page.status == 429
    assert int(page.response.headers["retry-after"]) > 0
    statuses = []
    for number in range(2, 9):
        transport = phones.client._transport
        transport.client = (f"203.0.113.{number}0", 40000)  # type: ignore[attr-defined]
        statuses += [(await phones.post(path, {"preuve": "13"})).status for _ in range(5)]
    assert statuses.count(404) == 15  # and 5 before: twenty a day, of a hundred
    assert set(statuses[15:]) == {429}
    assert (await phones.post("/s/0000000000", {"preuve": "13"})).status == 404


async def test_the_table_alone_opens_nothing(phones: Visitor) -> None:
    booking, path = await _booked(phones)
    link = await ShortLink.get()
    assert path.removeprefix("/s/") not in link.code_hash
    assert await opened(path.removeprefix("/s/"), "42", b"another key of another site, long enough") is None
    found = await opened(path.removeprefix("/s/"), "42", world.SECRET)
    assert found is not None
    assert found.id == booking.id
    await Booking.filter(id=booking.id).update(forgotten_at=utc_now())
    assert await opened(path.removeprefix("/s/"), "Petit", world.SECRET) is None


async def test_two_bookings_on_the_same_signs_have_two_links(phones: Visitor) -> None:
    booking, _ = await _booked(phones)
    link = await ShortLink.get()
    # As if another booking had been given, before, the signs that this one falls on.
    other = await Booking.create(
        session_id=booking.session_id, uid="other", reference="AAAA-2222", name="A", seats=1, form_key_hash="f",
        token_hash="t", created_at=utc_now(), changed_at=utc_now(),
    )  # fmt: skip
    await ShortLink.all().delete()
    await ShortLink.create(booking_id=other.id, code_hash=link.code_hash, created_at=utc_now())
    await bookings.send_again(booking.id, post=_post(phones), now=utc_now() + timedelta(hours=1))
    assert (await ShortLink.get(booking_id=booking.id)).turn == 1
    row = await OutboxMessage.filter(channel="sms").order_by("-id").first()
    assert row is not None
    assert code(booking.uid, 1, world.SECRET).encode() in world.written(row)


async def test_who_was_asked_whether_they_come_is_asked_first(phones: Visitor) -> None:
    booking, path = await _booked(phones)
    await Booking.filter(id=booking.id).update(asked_at=utc_now())
    page = await phones.post(path, {"preuve": "42"})
    assert page.h1 == "Vous venez toujours ?"


async def test_an_offer_is_taken_from_its_text(phones: Visitor) -> None:
    _, session = await _session()
    post, now = _post(phones), utc_now()
    paul = await bookings.book(session.id, world.wish("Paul Petit", email="", phone=PHONE), post=post, now=now)
    ida = await waiting_list.join(
        session.id, world.wish("Ida Roux", email="", phone="+33639980007"), post=post, now=now
    )
    await bookings.cancel(paul.id, post=post, now=now)
    row = await OutboxMessage.filter(channel="sms", group_key=ida.uid).order_by("-id").first()
    assert row is not None
    words = world.written(row).decode()
    assert "Une place pour vous" in words
    page = await phones.post(words.rpartition(world.settings().base_url)[2], {"preuve": "07"})
    assert page.h1 == "Une place est gardée pour vous"
    page = await phones.post(f"/r/{manage_token(ida.uid, world.SECRET)}/accepter", {})
    assert page.h1 == "C’est réservé"
    assert "Vous allez recevoir un SMS" in page.text


HINTS = ("Vous recevez un SMS. Sans portable, l’équipe vous appelle.", "Pour vous envoyer un SMS. Exemple")


async def test_forms_say_what_will_come(phones: Visitor) -> None:
    _, session = await _session()
    text = (await phones.get(f"/ateliers/{session.slug}/reserver")).text
    assert all(hint in text for hint in HINTS)
    assert "Pour vous appeler si l’atelier change" not in text
    assert "Votre numéro de portable et le texte du SMS" in (await phones.get("/donnees-personnelles")).text


async def test_without_texts_nothing_promises_one(site: Visitor) -> None:
    _, session = await _session()
    text = (await site.get(f"/ateliers/{session.slug}/reserver")).text
    assert not any(hint in text for hint in HINTS)
    assert "Pour vous appeler si l’atelier change" in text
    assert "texte du SMS" not in (await site.get("/donnees-personnelles")).text
    assert (await site.get("/demo/sms")).status == 404
    assert "/demo/sms" not in (await site.get("/demo/courrier")).links()
    answer = await site.client.post(f"/sms/recus/{sms.receipt_key(world.SECRET)}", json={"id": "x", "status": "sent"})
    assert answer.status_code == 404


async def test_the_demonstration_shows_its_phones(phones: Visitor) -> None:
    _, path = await _booked(phones)
    assert "Aucun SMS pour le moment" in (await phones.get("/demo/sms")).text
    await OutboxMessage.all().update(next_attempt_at=utc_now())
    await deliver(phones.settings, utc_now())  # type: ignore[attr-defined]
    page = await phones.get("/demo/sms")
    assert "06 39 98 00 42" in page.text
    assert path in page.links()
    assert "/demo/sms" in (await phones.get("/demo/courrier")).links()


async def test_receipts_come_to_an_address_that_nobody_guesses(phones: Visitor) -> None:
    await _booked(phones)
    [row] = await TextMessage.all()
    await TextMessage.all().update(state="sent", tried_at=utc_now(), provider_id="1234")
    path = f"/sms/recus/{sms.receipt_key(world.SECRET)}"
    body = {"id": row.key, "status": "delivered"}
    for wrong in ("/sms/recus/x", path[:-1], path.upper().replace("/SMS/RECUS", "/sms/recus"), "/sms/recus/é"):
        assert (await phones.client.post(wrong, json=body)).status_code == 404
        assert (await phones.client.get(wrong, params={"id": "1234", "dlr": "1"})).status_code == 404
    assert (await phones.client.post(path, content=b"x")).status_code == 400
    assert (await phones.client.post(path, json=body | {"reason": "x" * 5000})).status_code == 413
    assert (await phones.client.post(path, json={"id": "no", "status": "delivered"})).status_code == 404
    assert (await phones.client.head(path, params={"id": "1234", "dlr": "1"})).status_code == 204
    assert (await TextMessage.get()).state == "sent"
    assert (await phones.client.get(path, params={"id": "1234", "dlr": "2", "ptt": "12"})).status_code == 204
    assert ((await TextMessage.get()).state, (await TextMessage.get()).reason) == ("failed", "ptt 12")
    for _ in range(2):
        assert (await phones.client.post(path, json=body)).status_code == 204
    assert (await TextMessage.get()).state == "delivered"


async def test_the_host_sees_what_became_of_each_text(phones: Visitor) -> None:
    cast, session = await _session()
    await Session.filter(id=session.id).update(capacity=5)
    post, now = _post(phones), utc_now()
    for name, number in (("Paul Petit", PHONE), ("Ida Roux", "+33639980007"), ("Jean Fixe", "+33536490001")):
        await bookings.book(session.id, world.wish(name, email="", phone=number), post=post, now=now)
    await signed_in_as(phones, cast.amina)
    page = await phones.get(f"/pro/ateliers/{session.id}/annuler")
    assert "2 personnes sont prévenues par e-mail ou par SMS" in page.text
    assert "1 personne est à appeler" in page.text
    await changes.move(session.id, wall=in_days(5), post=post, now=now)
    address = f"/pro/ateliers/{session.id}/appeler"
    page = await phones.get(address)
    assert page.text.count("SMS en route : attendez un peu") == 2
    moved = {row.group_key: row for row in await TextMessage.filter(kind="moved")}
    people = {each.name: each for each in await Booking.all()}
    await TextMessage.all().update(tried_at=now)
    await arrived(moved[people["Paul Petit"].uid], now)
    await arrived(moved[people["Ida Roux"].uid], now, "failed")
    page = await phones.get(address)
    assert [each.text_content() for each in page.all("//ul[@class='register calls']//h2")] == ["Ida Roux", "Jean Fixe"]
    assert "SMS non remis : appelez" in page.text
    assert "SMS remis le" in page.text
    register = (await phones.get(f"/pro/ateliers/{session.id}/emargement")).text
    assert "SMS remis" in register
    assert "SMS non remis : appelez" in register
    # No receipt for too long: the host phones.
    await TextMessage.filter(kind="moved").update(state="sent", created_at=now - timedelta(hours=1))
    assert "SMS sans réponse du réseau : appelez" in (await phones.get(address)).text
    ida = people["Ida Roux"]
    page = await phones.get(f"/pro/ateliers/{session.id}/inscrits/{ida.id}/annuler")
    assert "Un SMS part au" in page.text
    page = await phones.post(f"/pro/ateliers/{session.id}/inscrits/{ida.id}/annuler", {})
    assert "Prévenez-la par téléphone" not in page.text
