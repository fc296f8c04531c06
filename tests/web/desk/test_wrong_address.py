"""Whose letters come back: seen in the register and on the session's page, phoned when something changes, ticked like others."""

from __future__ import annotations

import pytest

from ateliers import bookings
from ateliers.bookings import changes
from ateliers.database import utc_now
from ateliers.inbound import Done, receive
from ateliers.outbox import OutboxMessage
from tests import inbound_mails as mails
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.desk.days import in_days

pytestmark = pytest.mark.anyio
WRONG = "adresse fausse : à appeler"


def _names(page: Page) -> list[str]:
    return [each.text_content() for each in page.all("//ul[@class='register calls']//h2")]


async def test_a_wrong_address_is_seen_and_phoned(site: Visitor) -> None:
    cast, now, post = await world.build(), utc_now(), world.post()
    session = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina, created_at=now)
    chloe = await bookings.book(session.id, world.wish(), post=post, now=now)
    paul = await bookings.book(session.id, world.wish("Paul", email="paul@exemple.fr"), post=post, now=now)
    letter = await OutboxMessage.get(group_key=chloe.uid)
    raw = mails.bounce(world.written(letter))
    await OutboxMessage.all().update(sent_at=now, next_attempt_at=None)
    await signed_in_as(site, cast.amina)
    base = f"/pro/ateliers/{session.id}"
    for path in (base, f"{base}/emargement"):
        assert WRONG not in (await site.get(path)).text
    assert await receive(raw, post=post, now=now) is Done.WRONG_ADDRESS
    for path in (base, f"{base}/emargement"):
        page = await site.get(path)
        assert page.text.count(WRONG) == 1
        (item,) = page.all("//li[.//span[contains(., 'adresse fausse')]]")
        assert "Chloé Martin" in item.text_content()
    page = await site.get(f"/en{base}/emargement")
    assert "wrong address: please phone" in page.text
    assert "Personne n’est à appeler" in (await site.get(f"{base}/appeler")).text

    await changes.move(session.id, wall=in_days(5), post=post, now=now)
    page = await site.get(f"{base}/appeler")
    assert _names(page) == ["Chloé Martin"]
    assert "atelier déplacé, adresse fausse" in page.text
    assert "Aucun e-mail n’atteint ces personnes." in page.text
    box = page.all("//input[@name='appele']/@value")[0]
    page = await site.post(f"{base}/appeler", {"appele": box})
    assert _names(page) == []
    assert "Appelé le" in page.text
    page = await site.post(f"{base}/appeler", {"encore": str(chloe.id)})
    assert _names(page) == ["Chloé Martin"]

    asked = await site.get(f"{base}/inscrits/{chloe.id}/annuler")
    assert "Son adresse est fausse : il faudra l’appeler." in asked.text
    done = await site.post(f"{base}/inscrits/{chloe.id}/annuler", {})
    assert "Aucun e-mail n’atteint cette personne." in done.text
    assert "Un e-mail part à" in (await site.get(f"{base}/inscrits/{paul.id}/annuler")).text


async def test_the_check_before_calling_off_counts_them_to_phone(site: Visitor) -> None:
    cast, now, post = await world.build(), utc_now(), world.post()
    session = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina, created_at=now)
    chloe = await bookings.book(session.id, world.wish(), post=post, now=now)
    chloe.bounced_at = now
    await chloe.save(update_fields=["bounced_at"])
    await signed_in_as(site, cast.amina)
    page = await site.get(f"/pro/ateliers/{session.id}/annuler")
    assert "1 personne est à appeler" in page.text
