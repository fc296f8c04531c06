"""Prévenez-moi by its pages: asked for from a list, confirmed by a button and never by a GET, changed, stopped in one go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ateliers import alerts
from ateliers.alerts import Alert, UnmetSearch
from ateliers.alerts.subscriptions import PER_ADDRESS
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import Coordination
from ateliers.web.forms import new_form_key
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
NEW = "/alertes/nouvelle"


def _key() -> dict[str, str]:
    return {"cle": new_form_key(world.SECRET, "alert", utc_now() - timedelta(seconds=30))}


async def _ask(site: Visitor, query: str = "ou=Gu%C3%A9ret", **more: str) -> Page:
    form = await site.get(f"{NEW}?{query}")
    return await site.post(NEW, form.fields() | _key() | {"email": "chloe@exemple.fr", "rythme": "now"} | more)


def _path(alert: Alert) -> str:
    return f"/alertes/{alerts.token_of(alert.uid, world.SECRET)}"


async def test_from_a_list_to_an_alert_and_its_end(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(9), published_at=utc_now())
    listed = await site.get("/ateliers?ou=Gu%C3%A9ret&theme=intelligence_artificielle")
    link = next(href for href in listed.links() if href.startswith(NEW))
    form = await site.get(link)
    assert "près de Guéret (23)" in form.text
    sent = await _ask(site, link.partition("?")[2])
    assert sent.h1 == "Ouvrez votre boîte aux lettres"
    alert = await Alert.get()
    assert (alert.email, alert.pace, alert.confirmed_at) == ("chloe@exemple.fr", "now", None)
    assert alert.search().themes == ("intelligence_artificielle",)
    assert alert.search().place.label == "Guéret (23)"
    page = await site.get(_path(alert))
    assert page.h1 == "Confirmez votre demande"
    assert (await Alert.get()).confirmed_at is None  # a mail scanner has looked, no more
    assert page.response.headers["cache-control"] == "no-store"
    done = await site.post(f"{_path(alert)}/confirmer", {})
    assert done.h1 == "Vous serez prévenu"
    changed = await site.post(f"{_path(alert)}/rythme", {"rythme": "weekly"})
    assert "une fois par semaine" in changed.text
    assert (await Alert.get()).pace == "weekly"
    assert (await site.get(f"{_path(alert)}/arreter")).h1 == "Ne plus être prévenu ?"
    assert await Alert.all().count() == 1
    # As a mail service does it (RFC 8058 §3.2).
    gone = await site.client.post(f"{_path(alert)}/arreter", data={"List-Unsubscribe": "One-Click"})
    assert gone.status_code == 200
    assert "C’est arrêté" in gone.text
    assert await Alert.all().count() == 0
    assert (await site.get(_path(alert))).status == 404


async def test_nobody_learns_whether_an_address_has_an_alert(site: Visitor) -> None:
    await world.build()
    first, second = await _ask(site), await _ask(site)
    assert first.text == second.text
    assert await Alert.all().count() == await OutboxMessage.all().count() == 1


async def test_mistakes_are_beside_their_field_and_keep_the_rest(site: Visitor) -> None:
    await world.build()
    page = await _ask(site, email="chloe")
    assert page.status == 422
    assert "Il manque le signe @" in page.text
    assert page.fields()["email"] == "chloe"
    meant = await _ask(site, email="chloe@gmial.com")
    assert "chloe@gmail.com" in meant.text
    assert await Alert.all().count() == 0
    await site.post(NEW, meant.fields() | _key() | {"etape": "sure"})
    assert (await Alert.get()).email == "chloe@gmial.com"
    for broken in ({"cle": "old"}, {"site_web": "spam"}):
        assert (await _ask(site, email="b@exemple.fr", **broken)).status == 422
    assert await Alert.all().count() == 1


async def test_a_wish_is_left_where_nothing_was_found(site: Visitor) -> None:
    cast = await world.build()
    empty = await site.get("/ateliers?ou=Aubusson&rayon=5&theme=email")
    assert [(row.place, row.theme, row.times) for row in await UnmetSearch.all()] == [("Aubusson (23)", "email", 1)]
    await site.get("/ateliers?ou=Aubusson&rayon=5&theme=email", headers={"User-Agent": "Examplebot/1.0"})
    assert (await UnmetSearch.get()).times == 1
    link = next(href for href in empty.links() if "souhait=1" in href)
    form = await site.get(link)
    assert form.h1 == "Dites-nous ce que vous cherchez"
    assert form.fields()["theme"] == "email"
    assert form.fields()["ou"] == "Aubusson (23)"
    nowhere = await _ask(site, link.partition("?")[2], ou="Zzyzxville")
    assert nowhere.status == 422
    assert "Nous ne trouvons pas ce lieu" in nowhere.text
    assert (await _ask(site, link.partition("?")[2])).h1 == "Ouvrez votre boîte aux lettres"
    alert = await Alert.get()
    assert (alert.wish, alert.theme, alert.department) == (True, "email", "23")
    await site.post(f"{_path(alert)}/confirmer", {})
    await signed_in_as(site, cast.bruno)
    assert "Aubusson" not in (await site.get("/pro/besoins")).text
    await Coordination.create(counsellor=cast.bruno, department="23", since=utc_now().date())
    wanted = await site.get("/pro/besoins")
    assert "Aubusson" in wanted.text
    assert "chloe" not in wanted.response.text


async def test_an_office_s_address_is_slowed_down(site: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.build()
    slow = type(PER_ADDRESS)(PER_ADDRESS.name, 1, PER_ADDRESS.window)
    monkeypatch.setattr("ateliers.alerts.subscriptions.PER_ADDRESS", slow)
    await _ask(site)
    page = await _ask(site, email="lea@exemple.fr")
    assert page.status == 429
    assert int(page.response.headers["retry-after"]) > 0
    assert page.fields()["email"] == "lea@exemple.fr"
