"""Ma réservation: the number and a name open it, one of them never; guessing is slowed, and told nothing."""

from __future__ import annotations

import pytest

from ateliers import bookings
from ateliers.bookings import Booking
from ateliers.bookings.finding import by_reference
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from tests import world
from tests.visiting import Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
PATH = "/ma-reservation"


async def _booked(**more: object) -> Booking:
    cast, now = await world.build(), utc_now()
    session = await world.session(cast.gueret, cast.workshop, _wall(9), published_at=now)
    return await bookings.book(session.id, world.wish("Chloé Martin-Dupré", **more), post=world.post(), now=now)


async def test_number_and_name_open_the_booking(site: Visitor) -> None:
    booking = await _booked()
    assert f'href="{PATH}"' in (await site.get("/")).response.text
    page = await site.get(PATH)
    assert page.h1 == "Retrouver ma réservation"
    number = booking.reference.replace("-", " ").lower()
    answer = await site.post(PATH, {"numero": f" {number} ", "nom": "martin dupre"}, follow=False)
    assert answer.status == 303
    assert answer.response.headers["location"] == f"/r/{manage_token(booking.uid, world.SECRET)}"
    assert answer.response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Chloé Martin-Dupré", True), ("MARTIN DUPRE Chloe", True), ("dupré", True), ("Chloé", False), ("Martin", False),
        ("Chloé Durand", False), ("", False), ("Léa Petit", True), ("petit", True), ("Léa", False),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("database")
async def test_which_names_are_enough(said: str, found: bool) -> None:
    booking = await _booked(beneficiary="Léa Petit")
    assert (await by_reference(booking.reference, said) is not None) is found
    assert await by_reference("ZZZZ-2222", said) is None
    assert await by_reference("'; DROP TABLE booking", said) is None


async def test_whatever_is_wrong_has_one_answer_and_keeps_what_was_typed(site: Visitor) -> None:
    booking = await _booked()
    answers = []
    for sent in ({"numero": booking.reference, "nom": "Durand"}, {"numero": "ZZZZ-2222", "nom": "Durand"}):
        page = await site.post(PATH, sent)
        assert page.status == 404
        answers.append(page.response.text.replace(sent["numero"], "…"))
    assert answers[0] == answers[1]
    assert "Vérifiez le numéro et le nom" in answers[0]
    assert 'value="Durand"' in answers[0]
    empty = await site.post(PATH, {"numero": "", "nom": ""})
    assert empty.status == 422
    assert "Écrivez votre numéro" in empty.text
    await Booking.all().update(forgotten_at=utc_now())
    assert (await site.post(PATH, {"numero": booking.reference, "nom": "Dupré"})).status == 404


async def test_guessing_is_slowed(site: Visitor) -> None:
    booking = await _booked()
    for n in range(5):
        number = booking.reference.replace("-", "-" * n)  # however it is typed, it is the same number
        assert (await site.post(PATH, {"numero": number, "nom": f"Nom{n}"})).status == 404
    page = await site.post(PATH, {"numero": booking.reference, "nom": "Dupré"})
    assert page.status == 429
    assert int(page.response.headers["retry-after"]) > 0
    assert 'value="Dupré"' in page.response.text
    for n in range(35):
        await site.post(PATH, {"numero": f"ZZZZ-{n + 2222}", "nom": "Dupré"})
    assert (await site.post(PATH, {"numero": "YYYY-2222", "nom": "Dupré"})).status == 429
