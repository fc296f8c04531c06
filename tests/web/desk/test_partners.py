"""Other software, at the desk: a key is shown once, a webhook's secret where it is made; both go at a tap."""

from __future__ import annotations

import pytest

from ateliers import webhooks
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import ApiKey, Stay, standing_of
from ateliers.webhooks import Webhook
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Visitor

pytestmark = pytest.mark.anyio
HERE = "/pro/compte/logiciels"


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    found = await world.build()
    await signed_in_as(site, found.amina)
    return found


async def test_a_key_is_shown_once_and_revoked(site: Visitor, cast: world.World) -> None:
    assert HERE in (await site.get("/pro/compte")).links()
    page = await site.get(HERE)
    sent = {"cle": page.fields()["cle"], "nom": "Agenda de la ville", "droits": ["sessions:read"]}
    shown = await site.post(f"{HERE}/cles", sent)
    (text,) = shown.all("//input[@id='montree']/@value")
    again = await site.post(f"{HERE}/cles", sent)  # the same form: the same key, not a second one nobody sees
    assert again.all("//input[@id='montree']/@value") == [text]
    key = await ApiKey.get()
    assert (key.name, key.scopes) == ("Agenda de la ville", "sessions:read")
    head = {"Authorization": f"Bearer {text}"}
    assert (await site.client.get("/api/v1/me", headers=head)).status_code == 200
    listed = await site.get(HERE)
    assert str(text) not in listed.response.text
    assert "Agenda de la ville" in listed.text
    assert "Utilisée le" in listed.text
    gone = await site.post(f"{HERE}/cles/{key.id}/retirer", {})
    assert "n’ouvre plus rien" in gone.text
    assert (await site.client.get("/api/v1/me", headers=head)).status_code == 401


async def test_a_webhook_is_made_tried_resumed_and_taken_away(site: Visitor, cast: world.World) -> None:
    page = await site.get(HERE)
    sent = {
        "cle": page.fields()["cle"],
        "adresse": "https://agenda.ville.example/ateliers",
        "nouvelles": ["session.moved"],
    }
    made = await site.post(f"{HERE}/webhooks", sent)
    (secret,) = made.all("//input[@id='secret']/@value")
    hook = await Webhook.get()
    assert secret == webhooks.secret_of(hook, world.SECRET)
    assert str(secret).startswith("whsec_")
    assert (hook.events, hook.organisation_id) == ("session.moved", None)
    assert "Un essai part maintenant" in (await site.post(f"{HERE}/webhooks/{hook.id}/essayer", {})).text
    assert [row.kind for row in await OutboxMessage.filter(channel="webhook")] == ["ping"]
    await Webhook.all().update(paused_at=utc_now())
    paused = await site.get(HERE)
    assert "En pause" in paused.text
    assert "reçoit de nouveau" in (await site.post(f"{HERE}/webhooks/{hook.id}/reprendre", {})).text
    assert (await Webhook.get()).paused_at is None
    assert "ne reçoit plus rien" in (await site.post(f"{HERE}/webhooks/{hook.id}/retirer", {})).text
    assert "Aucune adresse" in (await site.get(HERE)).text


async def test_mistakes_are_said_beside_the_field_and_nothing_is_made(site: Visitor, cast: world.World) -> None:
    key = (await site.get(HERE)).fields()["cle"]
    wrong = await site.post(f"{HERE}/cles", {"cle": key, "nom": " "})
    assert wrong.status == 422
    assert "Écrivez pour quel logiciel" in wrong.text
    assert "Cochez au moins un droit" in wrong.text
    for address, words in (
        ("agenda.ville.example", "n’est pas complète"), ("http://agenda.ville.example/", "doit commencer par https"),
        ("https://127.0.0.1/", "n’est pas ouverte sur Internet"),
    ):  # fmt: skip
        sent = {"cle": key, "adresse": address, "nouvelles": ["session.moved"]}
        page = await site.post(f"{HERE}/webhooks", sent)
        assert page.status == 422
        assert words in page.text
        assert address in page.response.text
    stale = await site.post(f"{HERE}/cles", {"cle": "old", "nom": "Agenda", "droits": ["sessions:read"]})
    assert stale.status == 422
    assert await ApiKey.all().count() == await Webhook.all().count() == 0


async def test_what_is_another_s_is_not_found(site: Visitor, cast: world.World) -> None:
    now = utc_now()
    key = await ApiKey.create(counsellor=cast.bruno, name="x", hint="x", key_hash="x", scopes="", created_at=now)
    theirs = await standing_of(cast.bruno, now.date())
    hook = await webhooks.subscribe(theirs, "https://a.example/", webhooks.EVENTS, secret=world.SECRET, now=now)
    for path in (f"cles/{key.id}/retirer", f"webhooks/{hook.id}/retirer", f"webhooks/{hook.id}/essayer"):
        assert (await site.post(f"{HERE}/{path}", {})).status == 404
    sent = {"adresse": "https://b.example/", "nouvelles": ["session.moved"], "de": str(cast.region.id)}
    form = (await site.get(HERE)).fields()["cle"]
    assert (await site.post(f"{HERE}/webhooks", sent | {"cle": form})).status == 404
    await Stay.filter(counsellor=cast.amina).update(role="manager")
    page = await site.post(f"{HERE}/webhooks", sent | {"cle": form, "de": str(cast.creuse.id)})
    assert cast.creuse.name in page.text
    assert await ApiKey.filter(revoked_at__isnull=True).count() == 1
    assert await Webhook.filter(ended_at__isnull=True).count() == 2
