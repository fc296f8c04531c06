"""The register: one tap marks, another corrects; two phones make one mark; strangers find nothing; tables are safe."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import zipfile
from datetime import timedelta

import pytest
from lxml import etree

from ateliers import bookings
from ateliers.bookings import AttendanceMark, Booking, attendance, retention
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.refusals import Gone, NotFound, NotOpenYet
from ateliers.web.sheets import safe
from ateliers.workshops import CoHost, Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.desk.days import calendar, in_days, said, today

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    return await world.build()


async def _booked(session: Session, name: str = "Chloé Martin", **more: object) -> Booking:
    wish = world.wish(name, **({"email": f"{name.split()[0].lower()}@exemple.fr"} | more))  # type: ignore[arg-type]
    return await bookings.book(session.id, wish, post=world.post(), now=session.starts_at - timedelta(days=2))


def _pressed(page: Page, booking: Booking) -> list[str]:
    return page.all(f"//li[@id='i-{booking.id}']//button[@aria-pressed='true']/@value")


async def test_one_tap_marks_another_corrects_and_all_is_told(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    chloe = await _booked(session, seats=2, phone="+33639980000", needs="Un grand écran")
    await _booked(session, "Paul Petit")
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/emargement"
    page = await site.get(address)
    assert "0 présent, 0 absent, 3 à noter" in page.text
    assert "Un grand écran" in page.text
    assert chloe.reference in page.text
    assert page.all("//a[@href='tel:+33639980000']")[0].text_content() == "06 39 98 00 00"
    answer = await site.post(address, {"inscrit": str(chloe.id), "etat": "present"}, follow=False)
    assert answer.status == 303
    assert answer.response.headers["location"].endswith(f"#i-{chloe.id}")
    page = await site.get(answer.response.headers["location"].partition("#")[0])
    assert "Chloé Martin : présent. 2 présents, 0 absent, 1 à noter" in page.text
    assert _pressed(page, chloe) == ["present"]
    page = await site.post(address, {"inscrit": str(chloe.id), "etat": "absent"})
    assert _pressed(page, chloe) == ["absent"]
    assert page.text.count("noté par Amina Diallo") == 2  # what holds, and what was before
    page = await site.post(address, {"inscrit": str(chloe.id), "etat": ""})
    assert _pressed(page, chloe) == []
    assert "0 présent, 0 absent, 3 à noter" in page.text


async def test_the_script_gets_the_row_as_it_is_now(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    chloe = await _booked(session)
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/emargement"
    answer = await site.post(
        address, {"inscrit": str(chloe.id), "etat": "excused"}, headers={"Accept": "application/json"}
    )
    parts = answer.response.json()
    assert parts["id"] == f"i-{chloe.id}"
    assert 'value="excused" aria-pressed="true"' in parts["row"]
    assert "1 excusé" in parts["counts"]
    assert "Chloé Martin : excusé" in parts["said"]


async def test_a_tap_that_waited_for_the_network_does_not_undo_a_later_one(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    await Session.filter(id=session.id).update(starts_at=utc_now() - timedelta(hours=2))
    chloe, paul = await _booked(session), await _booked(session, "Paul Petit")
    await attendance.take(session, chloe.id, "absent", cast.amina, utc_now() - timedelta(minutes=5))
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/emargement"
    for age, holds in (("600000", "absent"), ("60000", "present"), ("x" * 9, "excused"), ("9" * 11, "excused")):
        state = {"absent": "present"}.get(holds, holds)
        page = await site.post(address, {"inscrit": str(chloe.id), "etat": state, "age": age})
        assert _pressed(page, chloe) == [holds], age
    await site.post(address, {"inscrit": str(paul.id), "etat": "present", "age": "9999999999"})
    mark = await AttendanceMark.get(booking_id=paul.id)
    assert mark.marked_at == attendance.opens_at(await Session.get(id=session.id).select_related("venue"))


async def test_the_phone_may_keep_todays_register_until_midnight_there(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    coming = await world.session(cast.gueret, cast.workshop, in_days(2), counsellor=cast.amina)
    await signed_in_as(site, cast.amina)
    kept = (await site.get(f"/pro/ateliers/{session.id}/emargement")).response.headers["x-keep-until"]
    midnight = in_days(1, hour=0).replace(tzinfo=cast.gueret.zone)
    assert int(kept) == int(midnight.timestamp() * 1000)
    assert "x-keep-until" not in (await site.get(f"/pro/ateliers/{coming.id}/emargement")).response.headers
    worker = (await site.get("/pro/veille.js")).response
    assert worker.headers["content-type"].startswith("text/javascript")
    left = (await site.post("/pro/sortir", {}, follow=False)).response
    assert left.headers["clear-site-data"] == '"cache", "storage"'


async def test_the_same_mark_from_two_phones_is_one(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    chloe = await _booked(session)
    marked = [attendance.take(session, chloe.id, "present", cast.amina, utc_now()) for _ in range(8)]
    assert sorted(await asyncio.gather(*marked)) == [False] * 7 + [True]
    assert await AttendanceMark.all().count() == 1


async def test_strangers_find_nothing_and_a_booking_of_elsewhere_is_not_marked(
    site: Visitor, cast: world.World
) -> None:
    session = await today(cast, counsellor=cast.amina)
    other = await today(cast, counsellor=cast.bruno)
    theirs = await _booked(other)
    mine = await _booked(session)
    address = f"/pro/ateliers/{session.id}/emargement"
    await signed_in_as(site, cast.bruno)
    for path in (address, f"{address}.csv", f"{address}.xlsx"):
        assert (await site.get(path)).status == 404
    assert (await site.post(address, {"inscrit": str(mine.id), "etat": "present"})).status == 404
    await signed_in_as(site, cast.amina)
    for number in (str(theirs.id), "", "x", str(2**70), "²"):
        assert (await site.post(address, {"inscrit": number, "etat": "present"})).status == 404
    assert (await site.post(address, {"inscrit": str(mine.id), "etat": "late"})).status == 422
    assert await AttendanceMark.all().count() == 0
    await CoHost.create(session=session, counsellor=cast.bruno, uid="c-1", added_at=utc_now())
    await signed_in_as(site, cast.bruno)
    assert (await site.get(address)).status == 200


async def test_the_register_opens_on_the_day_and_closes_when_people_are_forgotten(
    site: Visitor, cast: world.World
) -> None:
    session = await world.session(cast.reunion, cast.workshop, counsellor=cast.amina)  # 14 h there, 10 h UTC
    chloe = await bookings.book(session.id, world.wish(), post=world.post(), now=world.NOW)
    midnight = session.starts_at.astimezone(cast.reunion.zone).replace(hour=0, minute=0)
    with pytest.raises(NotOpenYet):
        await attendance.take(session, chloe.id, "present", cast.amina, midnight - timedelta(seconds=1))
    assert await attendance.take(session, chloe.id, "present", cast.amina, midnight)
    assert await attendance.take(session, chloe.id, "absent", cast.amina, session.ends_at + timedelta(days=20))
    await retention.forget(session.ends_at + timedelta(days=31))
    with pytest.raises(Gone):
        await attendance.take(session, chloe.id, "present", cast.amina, session.ends_at + timedelta(days=32))
    await bookings.cancel(chloe.id, post=world.post(), now=world.NOW)
    with pytest.raises(NotFound):
        await attendance.take(session, chloe.id, "present", cast.amina, session.ends_at)


async def test_needs_go_the_day_after_even_before_the_cleaning_comes(site: Visitor, cast: world.World) -> None:
    now = utc_now()
    session = await today(cast, counsellor=cast.amina)
    await _booked(session, needs="Un grand écran")
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/emargement"
    await Session.filter(id=session.id).update(
        starts_at=now - timedelta(hours=26), ends_at=now - timedelta(hours=23, minutes=50)
    )
    assert "Un grand écran" in (await site.get(address)).text
    await Session.filter(id=session.id).update(ends_at=now - timedelta(hours=24, minutes=1))
    assert "Un grand écran" not in (await site.get(address)).text


async def test_many_rows_are_searched_by_name_or_reference(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina, capacity=20)
    made = [await _booked(session, f"Élodie{n} Martin") for n in range(13)]
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/emargement"
    assert (await site.get(address)).all("//input[@type='search']")
    for query in ("elodie7", made[7].reference, made[7].reference.lower().replace("-", "")):
        page = await site.get(f"{address}?q={query}")
        assert page.all("//ul[@class='register']/li/@id") == [f"i-{made[7].id}"]
        assert "13 à noter" in page.text
    page = await site.post(address, {"inscrit": str(made[7].id), "etat": "present", "q": "elodie7"})
    assert len(page.all("//ul[@class='register']/li")) == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\0", " =", "\r="])
def test_no_cell_becomes_a_formula(start: str) -> None:
    assert safe(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert safe(-3) == -3
    assert safe("Chloé-Anne") == "Chloé-Anne"


def sheet(content: bytes) -> list[list[str]]:
    """The cells of the only sheet of an XLSX, and no formula among them."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert book.testzip() is None
        document = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    space = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    assert not document.xpath("//s:f", namespaces=space)
    rows = document.xpath("//s:row", namespaces=space)
    return [["".join(cell.itertext()) for cell in row.xpath("s:c", namespaces=space)] for row in rows]


async def test_the_list_is_kept_as_csv_and_xlsx_without_needs(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    chloe = await _booked(session, "=HYPERLINK(1)", email="x@exemple.fr", phone="+33639980000", needs="Un grand écran")
    await attendance.take(session, chloe.id, "present", cast.amina, utc_now())
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/emargement"
    answer = (await site.get(f"{address}.csv")).response
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert re.fullmatch(r'attachment; filename="emargement-[\d-]+\.csv"', answer.headers["content-disposition"])
    header, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    kept = dict(zip(header, row, strict=True))
    assert kept["Nom"] == "'=HYPERLINK(1)"
    assert kept["Téléphone"] == "06 39 98 00 00"
    assert (kept["Présence"], kept["Notée par"], kept["Inscription"]) == ("présent", "Amina Diallo", "en ligne")
    assert "écran" not in answer.text
    other = (await site.get(f"{address}.xlsx")).response
    assert sheet(other.content) == [header, row]


async def test_a_host_cancels_and_the_letter_says_so(site: Visitor, cast: world.World) -> None:
    session = await world.session(cast.gueret, cast.workshop, in_days(3), counsellor=cast.amina, created_at=utc_now())
    chloe = await bookings.book(session.id, world.wish(seats=2), post=world.post(), now=utc_now())
    address = f"/pro/ateliers/{session.id}/inscrits/{chloe.id}/annuler"
    await signed_in_as(site, cast.bruno)
    assert (await site.get(address)).status == (await site.post(address, {})).status == 404
    await signed_in_as(site, cast.amina)
    assert "vous avez annulé la place" in (await site.get(address)).text
    for _ in range(2):
        page = await site.post(address, {})
        assert "La place est annulée" in page.text
    await chloe.refresh_from_db()
    assert (chloe.cancelled_by, chloe.sequence) == ("host", 1)
    await session.refresh_from_db()
    assert session.seats_taken == 0
    letters = await OutboxMessage.all().order_by("id")
    assert [letter.kind for letter in letters] == ["confirmed", "cancelled_by_host"]
    text = said(letters[1])
    assert "La personne qui anime l’atelier a annulé vos 2 places" in text
    assert "Vous avez annulé" not in text
    assert b"METHOD:CANCEL" in calendar(letters[1])
    from ateliers.bookings.tokens import manage_token

    page = await site.get(f"/r/{manage_token(chloe.uid, world.SECRET)}")
    assert "La personne qui anime l’atelier l’a annulée" in page.text
    assert (await site.get(f"/pro/ateliers/{session.id}/inscrits/{2**70}/annuler")).status == 404
    late = await today(cast, counsellor=cast.amina)
    paul = await _booked(late, "Paul Petit")
    refused = await site.post(f"/pro/ateliers/{late.id}/inscrits/{paul.id}/annuler", {})
    assert refused.status == 409
    await paul.refresh_from_db()
    assert paul.cancelled_at is None
