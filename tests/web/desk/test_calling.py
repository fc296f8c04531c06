"""Who must be phoned: those no letter reaches and whose session changed, until somebody has told them this very change."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ateliers import bookings, sms
from ateliers.bookings import Booking, changes, hosting
from ateliers.bookings.notices import Post
from ateliers.database import utc_now
from ateliers.sms import TextMessage
from tests import world
from tests.desk import signed_in_as
from tests.sms_servers import texting
from tests.visiting import Page, Visitor
from tests.web.desk.days import in_days

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    return await world.build()


def _names(page: Page) -> list[str]:
    return [each.text_content() for each in page.all("//ul[@class='register calls']//h2")]


async def test_they_are_listed_until_they_are_told_this_change(site: Visitor, cast: world.World) -> None:
    now, post = utc_now(), world.post()
    session = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina, created_at=now)
    paul = await bookings.book(session.id, world.wish("Paul Petit", email="", phone="+33639980000"), post=post, now=now)
    zoe = await bookings.book(session.id, world.wish("Zoé Sans", email=""), post=post, now=now)
    await bookings.book(session.id, world.wish(), post=post, now=now)
    gone = await bookings.book(session.id, world.wish("Ali Parti", email=""), post=post, now=now)
    # What they did themselves, they know.
    await bookings.change_seats(paul.id, 2, post=post, now=now)
    await bookings.cancel(zoe.id, post=post, now=now)
    await bookings.take_back(zoe.id, post=post, now=now)
    address = f"/pro/ateliers/{session.id}/appeler"
    await signed_in_as(site, cast.amina)
    assert "Personne n’est à appeler" in (await site.get(address)).text

    await changes.move(session.id, wall=in_days(5), post=post, now=now)
    await bookings.cancel(gone.id, post=post, now=now)
    page = await site.get(address)
    assert _names(page) == ["Paul Petit", "Zoé Sans"]
    assert page.all("//a[@href='tel:+33639980000']")
    assert "Pas de téléphone" in page.text
    box = page.all("//input[@name='appele']/@value")[0]
    for _ in range(2):
        page = await site.post(address, {"appele": box})
        assert _names(page) == ["Zoé Sans"]
        assert "Appelé le" in page.text
    first = (await Booking.get(id=paul.id)).told_at

    # The page of before the next change tells nothing of it.
    await changes.call_off(session.id, reason="Travaux", post=post, now=now)
    page = await site.post(address, {"appele": box})
    assert _names(page) == ["Paul Petit", "Zoé Sans"]
    assert "atelier annulé" in page.text
    page = await site.post(address, {"appele": page.all("//input[@name='appele']/@value")[0]})
    assert _names(page) == ["Zoé Sans"]
    assert first is not None
    assert (await Booking.get(id=paul.id)).told_at != first
    page = await site.post(address, {"encore": str(paul.id)})
    assert _names(page) == ["Paul Petit", "Zoé Sans"]


async def test_who_lost_their_place_by_the_host_is_phoned(site: Visitor, cast: world.World) -> None:
    now, post = utc_now(), world.post()
    session = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina, created_at=now)
    paul = await bookings.book(session.id, world.wish("Paul Petit", email=""), post=post, now=now)
    await signed_in_as(site, cast.amina)
    page = await site.post(f"/pro/ateliers/{session.id}/inscrits/{paul.id}/annuler", {})
    assert "Prévenez-la par téléphone" in page.text
    assert [each.id for each in await hosting.to_be_told(session)] == [paul.id]
    page = await site.get(f"/pro/ateliers/{session.id}/appeler")
    assert "place annulée par vous" in page.text


async def test_strangers_and_nonsense(site: Visitor, cast: world.World) -> None:
    now, post = utc_now(), world.post()
    session = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina, created_at=now)
    other = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.bruno, created_at=now)
    theirs = await bookings.book(other.id, world.wish("Paul Petit", email=""), post=post, now=now)
    await changes.move(other.id, wall=in_days(5), post=post, now=now + timedelta(seconds=1))
    address = f"/pro/ateliers/{session.id}/appeler"
    await signed_in_as(site, cast.bruno)
    assert (await site.get(address)).status == (await site.post(address, {})).status == 404
    await signed_in_as(site, cast.amina)
    for sent in ({"appele": "x"}, {"appele": f"{2**70}.1"}, {"encore": "1.1"}, {"encore": str(theirs.id)}):
        assert (await site.post(address, sent)).status == 404
    assert (await site.post(address, {"appele": f"{theirs.id}.1"})).status == 200
    assert (await Booking.get(id=theirs.id)).told_sequence == 0


async def test_what_became_of_a_text_is_said_and_who_comes_is_still_to_be_phoned(
    site: Visitor, cast: world.World, tmp_path: Path
) -> None:
    now = utc_now()
    post = Post(texting(f"file:{tmp_path}"), world.post().secret)
    session = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina, created_at=now)
    booked = {}
    for n, name in enumerate(("Ali Remis", "Bea Partie", "Cleo Refus")):
        wish = world.wish(name, email="", phone=f"+3363998000{n}")
        booked[name] = await bookings.book(session.id, wish, post=post, now=now)
    helped = world.wish(
        "Dina Aide", email="", phone="+33639980008", beneficiary="Eva Vient", guest_phone="+33639980009"
    )
    booked["Dina Aide"] = await bookings.book(session.id, helped, post=post, now=now)
    told = await changes.move(session.id, wall=in_days(5), post=post, now=now)
    assert (told.letters, [each.name for each in told.to_phone]) == (4, ["Dina Aide"])
    last = await sms.latest([each.uid for each in booked.values()])
    for name, state in (("Ali Remis", "delivered"), ("Cleo Refus", "failed"), ("Dina Aide", "delivered")):
        await TextMessage.filter(id=last[booked[name].uid].id).update(state=state, state_at=now)
    await signed_in_as(site, cast.amina)
    page = await site.get(f"/pro/ateliers/{session.id}/appeler")
    assert _names(page) == ["Bea Partie", "Cleo Refus", "Eva Vient"]
    said = {row.xpath(".//h2")[0].text_content(): row.text_content() for row in page.all("//li[.//h2]")}
    assert "SMS en route" in said["Bea Partie"]
    assert "SMS non remis : appelez" in said["Cleo Refus"]
    assert "SMS remis à Dina Aide" in said["Eva Vient"]
    assert page.all("//a[@href='tel:+33639980009']")
    assert not page.all("//a[@href='tel:+33639980008']")
    assert [each.text_content() for each in page.all("//li//h3")] == ["Ali Remis"]
