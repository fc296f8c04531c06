"""Booking a cycle by its pages: every date is shown before the button; afterwards one date goes, or all of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ateliers.bookings import Booking
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.web.forms import new_form_key
from ateliers.workshops import Series, Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.desk.test_publish import filled
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
CHLOE = {"qui": "moi", "nom": "Chloé Martin", "contact": "email", "email": "chloe@exemple.fr", "places": "1"}


async def _cycle(capacity: int = 3) -> tuple[world.World, list[Session]]:
    cast = await world.build()
    series = await Series.create(counsellor=cast.amina, rule={}, created_at=utc_now())
    return cast, [
        await world.session(
            cast.gueret, cast.workshop, _wall(9 + 7 * n), capacity=capacity, counsellor=cast.amina, series=series,
            in_cycle=True, waiting_list=False, published_at=utc_now(),
        )
        for n in range(3)
    ]  # fmt: skip


async def _book(site: Visitor, session: Session, **answers: str) -> Page:
    path = f"/ateliers/{session.id}/reserver"
    key = {"cle": new_form_key(world.SECRET, f"book:{session.id}", utc_now() - timedelta(seconds=30))}
    checked = await site.post(path, CHLOE | key | {"etape": "verifier"} | answers)
    if checked.status != 200:
        return checked
    assert len(checked.all("//ol[@class='cycle']/li")) == 3
    return await site.post(path, checked.fields() | {"etape": "confirmer"})


async def _taken() -> list[int]:
    return [each.seats_taken for each in await Session.all().order_by("starts_at")]


async def test_every_date_is_shown_before_it_is_booked_and_each_may_go_alone(site: Visitor) -> None:
    _, sessions = await _cycle()
    assert "Cycle de plusieurs dates" in (await site.get("/ateliers?ou=Gu%C3%A9ret")).text
    page = await site.get(f"/ateliers/{sessions[1].id}")
    assert "Un cycle de 3 dates" in page.text
    assert "Réserver les 3 dates" in page.text
    for each in (page, await site.get(f"/ateliers/{sessions[1].id}/reserver")):
        assert len(each.all("//ol[@class='cycle']/li")) == 3
    booked = await _book(site, sessions[1])
    assert booked.h1 == "C’est réservé"
    assert "Vos dates" in booked.text
    mine = str(booked.response.url.path)
    first = await Booking.get(session_id=sessions[0].id)
    other = f"/r/{manage_token(first.uid, world.SECRET)}"
    assert other in booked.links()
    ask = await site.get(f"{other}/annuler")
    assert ask.h1 == "Annuler cette date ?"
    assert "Les autres dates restent réservées." in ask.text
    gone = await site.post(f"{other}/annuler", {})
    assert "Vous ne venez pas" in gone.text
    assert await _taken() == [0, 1, 1]
    ask = await site.get(f"{mine}/annuler-cycle")
    assert ask.h1 == "Annuler toutes les dates ?"
    assert len(ask.all("//ol[@class='cycle']/li")) == 2
    assert await _taken() == [0, 1, 1]  # asking changes nothing
    done = await site.post(f"{mine}/annuler-cycle", {})
    assert "toutes les dates à venir sont annulées" in done.text
    assert await _taken() == [0, 0, 0]
    again = await site.get(f"{mine}/annuler-cycle")  # nothing is left to cancel: back to the booking
    assert again.h1 == "Place annulée"


async def test_a_cycle_is_as_full_as_its_fullest_date(site: Visitor) -> None:
    _, sessions = await _cycle()
    await Session.filter(id=sessions[2].id).update(capacity=1)
    page = await site.get(f"/ateliers/{sessions[0].id}")
    assert "Dernière place" in page.text
    few = await _book(site, sessions[0], places="2")
    assert few.status in {200, 409}
    assert "Il ne reste que 1 place" in few.text
    assert await _taken() == [0, 0, 0]
    await Session.filter(id=sessions[2].id).update(seats_taken=1)
    page = await site.get(f"/ateliers/{sessions[0].id}")
    assert f"/ateliers/{sessions[0].id}/reserver" not in page.links()
    assert "Il n’y a plus de place." in page.text
    assert (await site.get(f"/ateliers/{sessions[0].id}/reserver")).status == 409


async def test_a_cycle_is_published_by_one_tick_and_says_so_before(site: Visitor) -> None:
    cast, _ = await _cycle()
    await signed_in_as(site, cast.amina)
    path = "/pro/ateliers/nouveau/libre"
    form = await site.get(path)
    day = _wall(60).date().isoformat()
    sent = filled(form, titre="Cinq pas", theme="email", date=day, repetition="semaine", nombre="4", cycle="1") | {
        "lieu": str(cast.gueret.id)
    }
    looked = await site.post(path, sent)
    assert "C’est un cycle" in looked.text
    pairs = {name: value for name, value in looked.all("//form[@method='post']")[-1].form_values() if name != "jour"}
    days = [str(each) for each in looked.all("//input[@name='jour']/@value")]
    page = await site.post(path, pairs | {"jour": days, "etape": "confirmer"})
    assert "Les dates du cycle" in page.text
    made = await Session.filter(workshop__title="Cinq pas").order_by("starts_at")
    assert len(made) == 4
    assert all(each.in_cycle and not each.waiting_list for each in made)
    assert datetime.fromisoformat(made[1].starts_local) - datetime.fromisoformat(made[0].starts_local) == timedelta(7)
    edited = await site.get(f"/pro/ateliers/{made[0].id}/modifier")
    assert not edited.all("//input[@name='attente']")
    adding = await site.get(f"/pro/ateliers/{made[0].id}/ajouter")
    assert "inscrite aux 4 dates" in adding.text
