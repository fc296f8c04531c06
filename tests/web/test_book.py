"""Booking: it works, it keeps bad input, it refuses twice, it leaves the right letters, no GET changes anything."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ateliers.bookings import Booking
from ateliers.outbox import OutboxMessage
from ateliers.workshops import Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
CHLOE = {"qui": "moi", "nom": "Chloé Martin", "contact": "email", "email": "chloe@exemple.fr", "places": "2"}


async def _session(**changes: object) -> Session:
    cast = await world.build()
    return await world.session(cast.gueret, cast.workshop, _wall(5), **changes)


async def _check(site: Visitor, session: Session, answers: dict[str, str], prefix: str = "") -> Page:
    """Fill the form of a session, as shown some seconds ago."""
    form = await site.get(f"{prefix}/ateliers/{session.id}/reserver")
    return (
        await site.post(
            f"{prefix}/ateliers/{session.id}/reserver", {**_older(site, session), **answers, "etape": "verifier"}
        )
        if form.status == 200
        else form
    )


def _older(site: Visitor, session: Session) -> dict[str, str]:
    from ateliers.database import utc_now
    from ateliers.web.forms import new_form_key

    return {"cle": new_form_key(world.SECRET, f"book:{session.id}", utc_now() - timedelta(seconds=30))}


async def _book(site: Visitor, session: Session, answers: dict[str, str], prefix: str = "") -> Page:
    checked = await _check(site, session, answers, prefix)
    assert checked.status == 200, checked.text
    return await site.post(f"{prefix}/ateliers/{session.id}/reserver", checked.fields() | {"etape": "confirmer"})


async def test_the_whole_journey(site: Visitor) -> None:
    session = await _session()
    checked = await _check(site, session, CHLOE)
    assert "n’est pas encore réservée" in checked.text
    assert await Booking.all().count() == 0
    done = await site.post(f"/ateliers/{session.id}/reserver", checked.fields() | {"etape": "confirmer"})
    assert "C’est réservé" in done.h1
    assert re.search(r"[A-Z]{4}-[2-9]{4}", done.text)
    booking = await Booking.get()
    assert (booking.seats, booking.name, booking.email) == (2, "Chloé Martin", "chloe@exemple.fr")
    letter = await OutboxMessage.get()
    assert letter.recipient == "chloe@exemple.fr"
    link = str(done.response.url).partition("?")[0].removeprefix("https://ateliers.example")
    assert done.response.headers["cache-control"] == "no-store"
    assert done.response.headers["referrer-policy"] == "no-referrer"
    calendar = await site.get(f"{link}/agenda.ics")
    assert "METHOD:PUBLISH" in calendar.response.text
    assert link not in calendar.response.text
    changed = await site.post(f"{link}/places", {"places": "3"})
    assert "Votre réservation" in changed.h1
    await session.refresh_from_db()
    assert session.seats_taken == 3
    assert "Annuler" in (await site.get(f"{link}/annuler")).h1
    assert "annulée" in (await site.post(f"{link}/annuler", {})).h1
    await session.refresh_from_db()
    assert session.seats_taken == 0
    assert "Votre réservation" in (await site.post(f"{link}/reprendre", {})).h1
    kinds = [m.kind for m in await OutboxMessage.all().order_by("id")]
    assert kinds == ["confirmed", "changed", "cancelled", "confirmed"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nom": ""}, "prénom et votre nom"),
        ({"nom": "Gagnez https://evil.example"}, "ne contient pas d’adresse de site"),
        ({"nom": "x" * 300}, "trop long"),
        ({"nom": "😀😀"}, "prénom et votre nom"),
        ({"email": "jeanne.exemple.fr"}, "signe @"),
        ({"email": "jeanne@"}, "pas complète"),
        ({"email": ""}, "adresse électronique"),
        ({"contact": "phone", "tel": "12"}, "pas complet"),
        ({"contact": "phone", "tel": ""}, "numéro de téléphone"),
        ({"contact": "pigeon"}, "choix"),
        ({"places": "5"}, "1 à 4"),
        ({"places": "0"}, "1 à 4"),
        ({"places": "deux"}, "1 à 4"),
        ({"qui": "autre", "beneficiaire": ""}, "prénom et votre nom"),
        ({"besoins": "une place près de la porte"}, "Cochez"),
        ({"besoins": "y" * 400, "accord": "1"}, "trop long"),
    ],
)
async def test_bad_input_is_explained_beside_the_field_and_kept(
    site: Visitor, changes: dict[str, str], words: str
) -> None:
    session = await _session()
    page = await _check(site, session, CHLOE | changes)
    assert page.status == 422
    assert words in page.text
    assert " ".join(page.document.xpath("string(//title)").split()).startswith("Erreur :")
    kept = {field.get("name"): field.get("value") for field in page.all("//input")}
    assert kept["nom"] == (CHLOE | changes)["nom"]
    for link in page.all("//*[@id='erreurs']//a/@href"):
        assert page.all(f"//*[@id='{link[1:]}']"), link
    assert await Booking.all().count() == 0


@pytest.mark.parametrize(
    "name",
    [
        "Jean\r\nBcc: all@exemple.fr",
        "محمد بن علي",
        "‮Evil‬ Name",
        "<script>alert(1)</script> Bob",
        "O’Brien-Ñandú 😀",
        "a" * 120,
    ],
)
async def test_strange_names_are_kept_harmless(site: Visitor, name: str) -> None:
    session = await _session()
    done = await _book(site, session, CHLOE | {"nom": name})
    assert "C’est réservé" in done.h1
    assert "<script>alert" not in done.response.text
    letter = world.written(await OutboxMessage.get())
    head = letter.partition(b"\r\n\r\n")[0].decode()
    assert not re.search(r"^Bcc:", head, re.MULTILINE)
    assert "\u202e" not in done.response.text


async def test_without_any_contact_there_is_a_ticket_and_no_letter(site: Visitor) -> None:
    session = await _session()
    done = await _book(site, session, {"qui": "moi", "nom": "Ali Sans", "contact": "none", "places": "1"})
    assert "Notez votre numéro" in done.text
    assert await OutboxMessage.all().count() == 0


async def test_a_phone_of_la_reunion_is_understood_there(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.reunion, cast.workshop, _wall(5))
    await _book(
        site, session, {"qui": "moi", "nom": "Marie Payet", "contact": "phone", "tel": "0692 12 34 56", "places": "1"}
    )
    assert (await Booking.get()).phone == "+262692123456"


async def test_sending_the_same_form_twice_is_one_booking(site: Visitor) -> None:
    session = await _session()
    checked = await _check(site, session, CHLOE)
    sent = checked.fields() | {"etape": "confirmer"}
    first = await site.post(f"/ateliers/{session.id}/reserver", sent)
    second = await site.post(f"/ateliers/{session.id}/reserver", sent)
    assert first.response.url == second.response.url
    assert await Booking.all().count() == 1


async def test_the_same_person_is_told_and_their_letter_sent_again(site: Visitor) -> None:
    session = await _session()
    await _book(site, session, CHLOE)
    again = await _book(site, session, CHLOE)
    assert again.status == 409
    assert "déjà réservé" in again.h1
    assert "renvoyer la lettre" in again.text
    assert not any("/r/" in href for href in again.links())
    assert await OutboxMessage.all().count() == 2
    await _book(site, session, CHLOE)
    assert await OutboxMessage.all().count() == 2


async def test_full_shows_the_nearest_that_have_places(site: Visitor) -> None:
    session = await _session(seats_taken=8)
    other = await world.session(await world.venue(lat=46.2, lon=1.9), await session.workshop, _wall(9))
    page = await site.get(f"/ateliers/{session.id}/reserver")
    assert page.status == 409
    assert "complet" in page.h1
    assert any(f"/ateliers/{other.id}/" in href for href in page.links())


async def test_fewer_places_than_asked_keeps_the_form(site: Visitor) -> None:
    session = await _session(seats_taken=7)
    page = await _book(site, session, CHLOE)
    assert page.status == 409
    assert "Il ne reste que 1 place" in page.text
    assert page.fields()["nom"] == "Chloé Martin"


async def test_robots_and_strangers_are_refused(site: Visitor) -> None:
    session = await _session()
    trapped = await _check(site, session, CHLOE | {"site_web": "http://spam"})
    assert trapped.status == 422
    forged = await site.post(f"/ateliers/{session.id}/reserver", CHLOE | {"etape": "confirmer", "cle": "1.2.3"})
    assert forged.status == 422
    cross = await site.post(f"/ateliers/{session.id}/reserver", CHLOE, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status == 403
    origin = {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}
    assert (await site.post(f"/ateliers/{session.id}/reserver", CHLOE, headers=origin)).status == 403
    fresh = await site.get(f"/ateliers/{session.id}/reserver")
    hasty = await site.post(f"/ateliers/{session.id}/reserver", fresh.fields() | CHLOE | {"etape": "confirmer"})
    assert "Vérifiez" in hasty.h1
    assert await Booking.all().count() == 0


async def test_the_limit_of_an_address_is_said_and_ends(site: Visitor) -> None:
    session = await _session(capacity=100)
    for n in range(40):
        await _book(site, session, CHLOE | {"nom": f"P{n} Q", "email": f"p{n}@exemple.fr", "places": "1"})
    refused = await _book(site, session, CHLOE | {"nom": "Une De Trop", "email": "trop@exemple.fr"})
    assert refused.status == 429
    assert re.search(r"Attendez (59|60) minutes, puis recommencez. Vos réponses sont gardées.", refused.text)
    assert 3500 < int(refused.response.headers["retry-after"]) <= 3600
    assert refused.fields()["nom"] == "Une De Trop"
    assert refused.fields()["email"] == "trop@exemple.fr"


async def test_no_get_changes_anything_whatever_a_mail_scanner_fetches(site: Visitor) -> None:
    session = await _session()
    done = await _book(site, session, CHLOE)
    link = str(done.response.url).partition("?")[0].removeprefix("https://ateliers.example")
    before = await Booking.all().values()
    for path in (link, f"{link}/annuler", f"{link}/places", f"{link}/reprendre", f"{link}/agenda.ics", *done.links()):
        if path.startswith("/"):
            await site.get(path)
            await site.client.head(path)
    assert await Booking.all().values() == before
    assert await OutboxMessage.all().count() == 1


@pytest.mark.parametrize("token", ["a" * 26, "A", "é" * 26, "../../x", "a" * 500, "%00"])
async def test_a_token_that_opens_nothing_is_404(site: Visitor, token: str) -> None:
    assert (await site.get(f"/r/{token}")).status == 404


async def test_english_all_along_letter_included(site: Visitor) -> None:
    session = await _session()
    done = await _book(site, session, CHLOE, "/en")
    assert str(done.response.url).startswith("https://ateliers.example/en/r/")
    letter = world.written(await OutboxMessage.get())
    assert b"Content-Language: en" in letter


async def test_a_past_or_called_off_booking_can_only_be_looked_at(site: Visitor) -> None:
    from ateliers.bookings import changes
    from ateliers.database import utc_now

    session = await _session()
    done = await _book(site, session, CHLOE)
    link = str(done.response.url).partition("?")[0].removeprefix("https://ateliers.example")
    await changes.call_off(session.id, reason="La salle est fermée.", post=world.post(), now=utc_now())
    page = await site.get(link)
    assert "annulé" in page.h1
    assert not page.all("//main//form")
    file = await site.get(f"{link}/agenda.ics", follow=False)
    assert (file.status, file.response.headers["location"]) == (303, link)
    assert (await site.post(f"{link}/places", {"places": "1"})).status == 409


async def _withdraw(session: Session) -> None:
    from ateliers.database import utc_now

    venue = await session.venue
    venue.withdrawn_at = utc_now()
    await venue.save()


async def test_a_venue_that_was_withdrawn_takes_no_booking_on_any_page(site: Visitor) -> None:
    session = await _session()
    done = await _book(site, session, CHLOE)
    other = await world.session(await world.venue(lat=46.2, lon=1.9), await session.workshop, _wall(9))
    checked = await _check(site, session, CHLOE | {"nom": "Ali B", "email": "ali@exemple.fr"})
    await _withdraw(session)
    page = await site.get(f"/ateliers/{session.id}")
    assert page.status == 200
    assert "Ce lieu n’est plus dans notre liste" in page.text
    assert f"/ateliers/{session.id}/reserver" not in page.links()
    assert f"/lieux/{session.venue_id}" not in page.links()
    assert f"/ateliers/{other.id}/reserver" in page.links()
    listed = "".join(
        [(await site.get(f"/sitemap-{name}-1.xml")).response.text for name in ("ateliers", "lieux")],
    )
    assert f"/ateliers/{other.id}<" in listed
    assert f"/ateliers/{session.id}<" not in listed
    assert f"/lieux/{session.venue_id}<" not in listed
    refused = await site.get(f"/ateliers/{session.id}/reserver")
    assert (refused.status, refused.h1) == (409, "Les réservations sont closes")
    sent = await site.post(f"/ateliers/{session.id}/reserver", checked.fields() | {"etape": "confirmer"})
    assert sent.status == 409
    assert "Ce lieu n’est plus dans notre liste." in sent.text
    assert await Booking.all().count() == 1
    link = str(done.response.url).partition("?")[0].removeprefix("https://ateliers.example")
    more = await site.post(f"{link}/places", {"places": "4"})
    assert (more.status, "On ne peut plus y réserver" in more.text) == (409, True)
    assert (await site.post(f"{link}/places", {"places": "1"})).status == 200


async def test_what_is_gone_says_what_it_was(site: Visitor) -> None:
    session = await _session()
    done = await _book(site, session, CHLOE)
    link = str(done.response.url).partition("?")[0].removeprefix("https://ateliers.example")
    await _withdraw(session)
    venue = await site.get(f"/lieux/{session.venue_id}")
    assert venue.status == 410
    assert "Ce lieu n’est plus dans notre liste." in venue.text
    assert "effacées" not in venue.text
    await Booking.all().update(forgotten_at=session.created_at)
    forgotten = await site.get(link)
    assert (forgotten.status, "Vos données ont été effacées." in forgotten.text) == (410, True)
    past = await world.session(await session.venue, await session.workshop, _wall(-60))
    page = await site.get(f"/ateliers/{past.id}")
    assert (page.status, "passé depuis longtemps" in page.text, "effacées" in page.text) == (410, True, False)


async def test_a_cancelled_booking_has_no_file_but_its_page(site: Visitor) -> None:
    session = await _session()
    done = await _book(site, session, CHLOE)
    link = str(done.response.url).partition("?")[0].removeprefix("https://ateliers.example")
    cancelled = await site.post(f"{link}/annuler", {})
    assert cancelled.h1 == "Places annulées"
    assert cancelled.all("//button[text()='Reprendre mes places']")
    page = await site.get(f"{link}/agenda.ics")
    assert (page.status, page.h1) == (200, "Places annulées")
    assert str(page.response.url).endswith(link)


async def test_what_was_done_is_said(site: Visitor) -> None:
    session = await _session()
    done = await _book(site, session, CHLOE)
    link = str(done.response.url).partition("?")[0].removeprefix("https://ateliers.example")
    assert "C’est changé" not in (await site.get(link)).text
    changed = await site.post(f"{link}/places", {"places": "1"})
    assert changed.all("//*[@role='status']")[0].text_content().strip() == "C’est changé : vous avez 1 place."
    cancelled = await site.post(f"{link}/annuler", {})
    assert cancelled.h1 == "Place annulée"
    back = await site.post(f"{link}/reprendre", {})
    assert "votre place est à nouveau réservée" in back.all("//*[@role='status']")[0].text_content()
    assert not (await site.get(f"{link}?fait=autre")).all("//main//*[@role='status']")
    await site.post(f"{link}/annuler", {})
    assert not (await site.get(f"{link}?fait=places")).all("//main//*[@role='status']")


async def test_the_calendar_file_is_offered_only_where_there_are_places(site: Visitor) -> None:
    session = await _session()
    link = f"/ateliers/{session.id}.ics"
    assert link in (await site.get(f"/ateliers/{session.id}")).links()
    for changes in ({"seats_taken": 8}, {"seats_taken": 0, "booking_closes_at": session.created_at}):
        await Session.filter(id=session.id).update(**changes)
        page = await site.get(f"/ateliers/{session.id}")
        assert link not in page.links()
    assert "Les réservations sont closes" in page.text


async def test_a_booking_that_opens_later_says_when(site: Visitor) -> None:
    from ateliers.database import utc_now

    session = await _session(booking_opens_at=utc_now() + timedelta(days=2))
    page = await site.get(f"/ateliers/{session.id}")
    assert "Les réservations ouvrent le" in page.text
    refused = await site.get(f"/ateliers/{session.id}/reserver")
    assert (refused.status, refused.h1) == (409, "Les réservations ne sont pas encore ouvertes")


HELPED = {
    "qui": "autre", "nom": "Aide Sociale", "beneficiaire": "Jeanne Petit", "joindre": "jeanne@exemple.fr", "contact": "email",
    "email": "aide@ccas.example", "places": "3", "autres": "Paul Petit, Léa Petit",
}  # fmt: skip


async def test_a_helper_books_for_several(site: Visitor) -> None:
    session = await _session()
    checked = await _check(site, session, HELPED)
    assert "jeanne@exemple.fr" in checked.text
    assert "Paul Petit, Léa Petit" in checked.text
    done = await site.post(f"/ateliers/{session.id}/reserver", checked.fields() | {"etape": "confirmer"})
    assert "Nous envoyons l’invitation à Aide Sociale et à Jeanne Petit." in done.text
    assert "@" not in done.text  # this page is both of theirs, and neither gave the other their address
    assert "Léa" not in done.text  # whoever has the link, which both letters have, reads no other name
    booking = await Booking.get()
    assert (booking.guest_email, booking.others, booking.seats) == ("jeanne@exemple.fr", "Paul Petit, Léa Petit", 3)
    assert await OutboxMessage.all().count() == 2


@pytest.mark.parametrize(
    ("typed", "email", "phone"),
    [("06 39 98 00 01", "", "+33639980001"), ("", "", ""), (" Jeanne@Exemple.fr ", "Jeanne@exemple.fr", "")],
)
async def test_who_comes_leaves_a_telephone_or_nothing(site: Visitor, typed: str, email: str, phone: str) -> None:
    session = await _session()
    await _book(site, session, HELPED | {"joindre": typed})
    booking = await Booking.get()
    assert (booking.guest_email, booking.guest_phone) == (email, phone)


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"joindre": "12"}, "joindre"), ({"joindre": "chez elle"}, "joindre"), ({"joindre": "a@b@c"}, "joindre"),
        ({"autres": "www.publicite.example"}, "autres"), ({"autres": "x" * 301}, "autres"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_others_is_said(site: Visitor, answers: dict[str, str], field: str) -> None:
    page = await _check(site, await _session(), HELPED | answers)
    assert page.status == 422
    assert page.all(f"//*[@id='{field}'][@aria-invalid='true']/ancestor::details[@open]")


async def test_for_oneself_alone_nobody_else_is_kept(site: Visitor) -> None:
    session = await _session()
    await _book(site, session, HELPED | {"qui": "moi", "places": "1", "joindre": "12", "autres": "www.x.example"})
    booking = await Booking.get()
    assert (booking.beneficiary, booking.guest_email, booking.guest_phone, booking.others) == ("", "", "", "")


async def test_the_register_alone_names_the_others(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(5), counsellor=cast.amina)
    await _book(site, session, HELPED | {"joindre": "06 39 98 00 01"})
    await signed_in_as(site, cast.amina)
    page = await site.get(f"/pro/ateliers/{session.id}/emargement")
    assert "Avec : Paul Petit, Léa Petit" in page.text
    assert "tel:+33639980001" in page.links()
    for path in ("", "/emargement.csv", "/appeler", "/ecrire"):
        assert "Léa" not in (await site.get(f"/pro/ateliers/{session.id}{path}")).response.text
