"""Publishing: a module in five fields, a copy, a blank page, a series looked at first; nothing twice, nothing lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ateliers.database import utc_now
from ateliers.people import Counsellor, Stay
from ateliers.search import Search
from ateliers.venues import Presence
from ateliers.workshops import Series, Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
NEW = "/pro/ateliers/nouveau"


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    found = await world.build()
    await Presence.create(
        counsellor=found.amina, venue=found.gueret, room="Salle bleue", capacity=10, since=utc_now().date()
    )
    await signed_in_as(site, found.amina)
    return found


def _day(days: int) -> str:
    return _wall(days).date().isoformat()


def filled(page: Page, **changes: str) -> dict[str, str]:
    return page.fields() | {"etape": "publier"} | changes


async def test_a_ready_workshop_is_published_in_one_form_and_found_at_once(site: Visitor, cast: world.World) -> None:
    chosen = await site.get(NEW)
    link = next(href for href in chosen.links() if href.startswith(f"{NEW}/") and "libre" not in href)
    form = await site.get(link)
    assert form.fields()["lieu"] == f"{cast.gueret.id}|Salle bleue"
    assert form.fields()["places"] == "10"
    page = await site.post(link, filled(form, date=_day(9), heure="14:30"))
    assert "C’est publié" in page.text
    session = await Session.all().select_related("workshop").get()
    assert (session.starts_local, session.capacity, session.room) == (f"{_day(9)}T14:30", 10, "Salle bleue")
    assert session.counsellor_id == cast.amina.id
    assert session.organisation_id == cast.creuse.id
    assert [s.id for s in await Search().sessions(utc_now() + timedelta(seconds=1))] == [session.id]
    assert (await site.get(f"/ateliers/{session.id}")).h1 == session.workshop.title


async def test_the_same_form_twice_publishes_once(site: Visitor, cast: world.World) -> None:
    form = await site.get(f"{NEW}/libre")
    sent = filled(form, titre="Café photo", theme="creer_avec_le_numerique", date=_day(9))
    first, second = await site.post(f"{NEW}/libre", sent), await site.post(f"{NEW}/libre", sent)
    assert str(first.response.url).partition("?")[0] == str(second.response.url)
    assert await Session.all().count() == 1


async def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    site: Visitor, cast: world.World
) -> None:
    form = await site.get(f"{NEW}/libre")
    sent = filled(
        form, titre="", theme="", date="31/31/2027", heure="25h", duree="5", places="-3", accroche="Ma phrase"
    )
    page = await site.post(f"{NEW}/libre", sent)
    assert page.status == 422
    assert await Session.all().count() == 0
    for words in ("Écrivez un titre", "Faites un choix", "Choisissez une date", "Écrivez une heure", "La durée va de"):
        assert words in page.text, words
    assert page.fields()["accroche"] == "Ma phrase"
    past = await site.post(f"{NEW}/libre", filled(form, titre="Café", theme="email", date="2026-01-05"))
    assert (past.status, "déjà passée" in past.text) == (422, True)


@pytest.mark.parametrize("hour", ["9h", "9 h 05", "09:05", "9:05"])
async def test_hours_are_read_as_people_write_them(site: Visitor, cast: world.World, hour: str) -> None:
    form = await site.get(f"{NEW}/libre")
    await site.post(f"{NEW}/libre", filled(form, titre="Café", theme="email", date=_day(9), heure=hour))
    assert (await Session.get()).starts_local[11:] in {"09:00", "09:05"}


async def test_a_series_is_looked_at_and_what_is_ticked_is_made(site: Visitor, cast: world.World) -> None:
    form = await site.get(f"{NEW}/libre")
    sent = filled(
        form, titre="Café photo", theme="email", date=_day(9), heure="14:00", repetition="semaine", nombre="10"
    )
    check = await site.post(f"{NEW}/libre", sent)
    assert check.h1 == "Vérifiez les dates"
    assert await Session.all().count() == 0
    shown = [box.get("value") for box in check.all("//input[@name='jour']")]
    ticked = [box.get("value") for box in check.all("//input[@name='jour'][@checked]")]
    assert len(shown) == 10
    pairs = {name: value for name, value in check.all("//form[@method='post']")[-1].form_values() if name != "jour"}
    wanted = ticked[:4]
    answer = await site.client.post(
        f"{NEW}/libre", data=pairs | {"jour": wanted, "etape": "confirmer"},
        headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=True,
    )  # fmt: skip
    assert answer.status_code == 200
    made = await Session.all().order_by("starts_at")
    assert [session.starts_local for session in made] == wanted
    assert len({session.series_id for session in made}) == 1
    assert (await Series.get()).rule["count"] == 10


async def test_a_clash_is_said_before_and_can_be_published_all_the_same(site: Visitor, cast: world.World) -> None:
    await world.session(cast.gueret, cast.workshop, _wall(9), counsellor=cast.amina)
    form = await site.get(f"{NEW}/libre")
    check = await site.post(
        f"{NEW}/libre", filled(form, titre="Autre", theme="email", date=_day(9), heure=f"{_wall(9):%H:%M}")
    )
    assert check.h1 == "Vérifiez les dates"
    assert "En même temps que : Café IA" in check.text
    done = await site.post(f"{NEW}/libre", check.fields() | {"etape": "confirmer"})
    assert "C’est publié" in done.text
    assert await Session.all().count() == 2


async def test_a_draft_is_seen_by_nobody_else_and_a_private_one_by_its_link(site: Visitor, cast: world.World) -> None:
    form = await site.get(f"{NEW}/libre")
    await site.post(
        f"{NEW}/libre", filled(form, titre="Brouillon", theme="email", date=_day(9), publication="brouillon")
    )
    draft = await Session.get()
    assert draft.published_at is None
    assert (await site.get(f"/ateliers/{draft.id}")).status == 404
    form = await site.get(f"{NEW}/libre")
    await site.post(f"{NEW}/libre", filled(form, titre="Pour le lycée", theme="email", date=_day(12), prive="1"))
    private = await Session.filter(published_at__isnull=False).get()
    assert (await site.get(f"/ateliers/{private.id}")).status == 404
    assert (await site.get(f"/ateliers/{private.slug}")).status == 200
    assert (await site.get(f"/ateliers/{private.slug}/reserver")).status == 200
    assert await Search().total(utc_now()) == 0


async def test_published_on_a_chosen_day_it_waits_until_then(site: Visitor, cast: world.World) -> None:
    form = await site.get(f"{NEW}/libre")
    sent = filled(form, titre="Plus tard", theme="email", date=_day(9), publication="le", publie_le=f"{_day(3)}T08:00")
    page = await site.post(f"{NEW}/libre", sent)
    session = await Session.get()
    assert page.status == 200
    assert (await site.get(f"/ateliers/{session.id}")).status == 404
    assert await Search().total(utc_now()) == 0
    assert await Search().total(utc_now() + timedelta(days=4)) == 1


async def test_a_copy_keeps_the_words_and_the_room(site: Visitor, cast: world.World) -> None:
    old = await world.session(cast.gueret, cast.workshop, counsellor=cast.amina, room="Salle bleue", capacity=6)
    form = await site.get(f"{NEW}/libre?copie={old.id}")
    fields = form.fields()
    assert (fields["titre"], fields["places"], fields["date"]) == (cast.workshop.title, "6", "")
    assert fields["lieu"] == f"{cast.gueret.id}|Salle bleue"
    await signed_in_as(site, cast.bruno)
    assert (await site.get(f"{NEW}/libre?copie={old.id}")).status == 404


async def test_only_colleagues_co_host(site: Visitor, cast: world.World) -> None:
    form = await site.get(f"{NEW}/libre")
    sent = filled(form, titre="À deux", theme="email", date=_day(9), coanimateurs=str(cast.bruno.id))
    page = await site.post(f"{NEW}/libre", sent)
    assert page.status == 422
    assert await Session.all().count() == 0
    dora = await Counsellor.create(public_name="Dora", email="dora@gueret.example", created_at=utc_now())
    await Stay.create(counsellor=dora, organisation=cast.creuse, since=utc_now().date())
    await site.post(f"{NEW}/libre", sent | {"coanimateurs": str(dora.id)})
    session = await Session.get()
    await signed_in_as(site, dora)
    assert (await site.get(f"/pro/ateliers/{session.id}")).status == 200


async def test_hostile_words_stay_words(site: Visitor, cast: world.World) -> None:
    form = await site.get(f"{NEW}/libre")
    evil = "<script>alert(1)</script>"
    sent = filled(
        form, titre=f"Café {evil}", theme="email", date=_day(9), accroche=evil,
        description=f"## Titre\n{evil}\n[x](javascript:alert(1)) ![i](https://evil.example/i.png)\n- un\n- deux",
    )  # fmt: skip
    page = await site.post(f"{NEW}/libre", sent)
    assert page.status == 200
    public = await site.get(f"/ateliers/{(await Session.get()).id}")
    assert evil not in public.response.text
    assert not [href for href in public.all("//@href") if "javascript" in href]
    assert not public.all("//main//img")
    assert [li.text_content() for li in public.all("//main//ul[not(@class)]/li")][:2] == ["un", "deux"]
