"""Co-hosts: one letter for each change that concerns them, with an invitation of their own that a calendar can follow."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import icalendar
import pytest

from ateliers import bookings
from ateliers.bookings import changes
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor, Stay
from ateliers.workshops import CoHost, Series, Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    found = await world.build()
    await signed_in_as(site, found.amina)
    return found


async def _colleague(cast: world.World, name: str = "Dora", **more: Any) -> Counsellor:
    values: dict[str, Any] = {
        "public_name": name, "full_name": f"{name} Petit", "email": f"{name.lower()}@gueret.example", "created_at": utc_now(),
    }  # fmt: skip
    made = await Counsellor.create(**(values | more))
    await Stay.create(counsellor=made, organisation=cast.creuse, since=date(2026, 1, 1))
    return made


async def _session(cast: world.World, *with_: Counsellor, days: int = 9, **more: object) -> Session:
    values: dict[str, object] = {"counsellor": cast.amina, "organisation": cast.creuse, "published_at": utc_now()}
    made = await world.session(cast.gueret, cast.workshop, _wall(days), **(values | more))
    for number, each in enumerate(with_):
        await CoHost.create(session=made, counsellor=each, uid=f"ch-{made.id}-{number}", added_at=utc_now())
    return made


async def _letters(to: str) -> list[tuple[str, EmailMessage, Any]]:
    """Kind, letter and calendar event of what went to an address, in order."""
    found = []
    for row in await OutboxMessage.filter(recipient=to).order_by("id"):
        letter = message_from_bytes(world.written(row), policy=default)
        part = next(p for p in letter.walk() if p.get_content_type() == "text/calendar")
        calendar = icalendar.Calendar.from_ical(part.get_payload(decode=True))
        assert part.get_param("method") == calendar["METHOD"]
        found.append((row.kind, letter, (str(calendar["METHOD"]), calendar.walk("VEVENT")[0])))
    return found


def _changed(page: Page, **changes_: str) -> dict[str, str]:
    form = page.fields() | {"etape": "confirmer"} | changes_
    return {name: value for name, value in form.items() if value != "-"}


async def test_a_co_host_added_moved_and_taken_off_is_told_each_time_once(site: Visitor, cast: world.World) -> None:
    dora = await _colleague(cast)
    session = await _session(cast)
    path = f"/pro/ateliers/{session.id}/modifier"
    add = _changed(await site.get(path), coanimateurs=str(dora.id), salle="Salle 2")
    await site.post(path, add)
    await site.post(path, add)  # pressed twice
    await site.post(path, _changed(await site.get(path), heure="16:30"))
    await site.post(path, _changed(await site.get(path), titre="Un autre titre"))  # words alone are no letter
    await site.post(path, _changed(await site.get(path), coanimateurs="-"))
    told = await _letters(dora.email)
    assert [kind for kind, _, _ in told] == ["cohost_added", "cohost_moved", "cohost_removed"]
    assert [method for _, _, (method, _) in told] == ["REQUEST", "REQUEST", "CANCEL"]
    events = [event for _, _, (_, event) in told]
    assert [event["SEQUENCE"] for event in events] == [0, 1, 2]
    assert len({str(event["UID"]) for event in events}) == 1
    assert str(events[0]["UID"]).startswith("ch-")
    assert events[0]["ATTENDEE"] == f"mailto:{dora.email}"
    assert str(events[0]["LOCATION"]).startswith("Salle 2, France services de Guéret")
    assert str(events[0]["SUMMARY"]) == "Vous animez : Café IA : parlons d’intelligence artificielle"
    assert events[1]["DTSTART"].dt.strftime("%H:%M") == "16:30"
    assert f"/pro/ateliers/{session.id}" in str(events[0]["DESCRIPTION"])
    text = told[1][1].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "16 h 30" in text.replace("\u00a0", " ")
    assert "Avant :" in text
    assert not await OutboxMessage.filter(recipient=cast.amina.email).exists()


async def test_who_is_taken_off_as_it_moves_hears_that_alone_and_who_comes_hears_the_new_hour(
    site: Visitor, cast: world.World
) -> None:
    dora, emil = await _colleague(cast), await _colleague(cast, "Emil")
    session = await _session(cast, dora)
    path = f"/pro/ateliers/{session.id}/modifier"
    await site.post(path, _changed(await site.get(path), heure="10:00", coanimateurs=str(emil.id)))
    gone, come = await _letters(dora.email), await _letters(emil.email)
    assert [kind for kind, _, _ in gone] == ["cohost_removed"]
    assert gone[0][2][1]["DTSTART"].dt.strftime("%H:%M") == "14:00"  # what their calendar has
    assert [kind for kind, _, _ in come] == ["cohost_added"]
    assert come[0][2][1]["DTSTART"].dt.strftime("%H:%M") == "10:00"
    assert come[0][2][1]["SEQUENCE"] == 0


async def test_calling_off_clears_the_co_hosts_calendar_once(site: Visitor, cast: world.World) -> None:
    dora = await _colleague(cast, language="en")
    session = await _session(cast, dora)
    await bookings.book(session.id, world.wish(), post=world.post(), now=utc_now())
    sent = {"raison": "other", "mots": "La salle est inondée.", "portee": "one", "remplacement": ""}
    page = await site.post(f"/pro/ateliers/{session.id}/annuler", sent)
    assert "1 message part maintenant" in page.text  # the citizens' letters are counted, as before
    await site.post(f"/pro/ateliers/{session.id}/annuler", sent)
    told = await _letters(dora.email)
    assert [(kind, method, event["SEQUENCE"]) for kind, _, (method, event) in told] == [
        ("cohost_called_off", "CANCEL", 1)
    ]
    letter = told[0][1]
    assert letter["Content-Language"] == "en"
    assert "ancelled" in letter["Subject"]
    assert "La salle est inondée." in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Chloé" not in letter.as_string()


async def test_every_letter_is_written_in_english_too(site: Visitor, cast: world.World) -> None:
    dora = await _colleague(cast, language="en")
    session = await _session(cast)
    path = f"/pro/ateliers/{session.id}/modifier"
    for change in ({"coanimateurs": str(dora.id)}, {"heure": "16:30"}, {"coanimateurs": "-"}):
        await site.post(path, _changed(await site.get(path), **change))
    for kind, letter, _ in await _letters(dora.email):
        text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        for word in ("Vous", "vous", "Bonjour", "Atelier :", "Votre"):
            assert word not in text, (kind, text)


async def test_a_draft_is_told_when_it_is_published(site: Visitor, cast: world.World) -> None:
    dora = await _colleague(cast)
    session = await _session(cast, dora, published_at=None)
    path = f"/pro/ateliers/{session.id}/modifier"
    await site.post(path, _changed(await site.get(path), heure="15:00"))
    assert await OutboxMessage.all().count() == 0
    assert await CoHost.filter(session=session, counsellor=dora).count() == 1
    await site.post(path, _changed(await site.get(path), heure="16:00", publication="maintenant"))
    assert [(kind, e["SEQUENCE"]) for kind, _, (_, e) in await _letters(dora.email)] == [("cohost_added", 0)]


async def test_a_new_session_and_a_series_invite_those_who_co_host_them(site: Visitor, cast: world.World) -> None:
    dora = await _colleague(cast)
    gone = await _colleague(cast, "Fanny", left_at=utc_now())
    path = "/pro/ateliers/nouveau/smartphone-premiers-pas"
    form = (await site.get(path)).fields() | {
        "lieu": str(cast.gueret.id), "date": _wall(9).date().isoformat(), "repetition": "semaine", "nombre": "3",
        "coanimateurs": str(dora.id), "etape": "publier",
    }  # fmt: skip
    check = await site.post(path, form)
    days = [box.get("value") for box in check.all("//input[@name='jour']")]
    answers = [
        await site.client.post(
            path, data={**check.fields(), "jour": days, "etape": "confirmer"}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [303, 303]
    told = await _letters(dora.email)
    assert [kind for kind, _, _ in told] == ["cohost_added"] * 3
    assert len({str(event["UID"]) for _, _, (_, event) in told}) == 3
    assert not await OutboxMessage.filter(recipient=gone.email).exists()


async def test_a_co_host_who_edits_stays_one(site: Visitor, cast: world.World) -> None:
    dora = await _colleague(cast)
    session = await _session(cast, dora)
    await signed_in_as(site, dora)
    path = f"/pro/ateliers/{session.id}/modifier"
    page = await site.post(path, _changed(await site.get(path), salle="Salle 3"))
    assert "C’est changé" in page.text
    assert await CoHost.filter(session=session, counsellor=dora).exists()
    assert await OutboxMessage.all().count() == 0


async def test_a_whole_series_moves_with_one_letter_a_date(site: Visitor, cast: world.World) -> None:
    dora = await _colleague(cast)
    series = await Series.create(counsellor=cast.amina, rule={}, created_at=utc_now())
    sessions = [await _session(cast, dora, days=9 + 7 * n, series=series) for n in range(3)]
    path = f"/pro/ateliers/{sessions[0].id}/modifier"
    await site.post(path, _changed(await site.get(path), heure="09:00", portee="all"))
    assert [kind for kind, _, _ in await _letters(dora.email)] == ["cohost_moved"] * 3


async def test_a_move_from_elsewhere_tells_them_too_and_a_colleague_without_address_breaks_nothing(
    cast: world.World,
) -> None:
    dora, emil = await _colleague(cast), await _colleague(cast, "Emil", email="")
    session = await _session(cast, dora, emil)
    wall = datetime.fromisoformat(session.starts_local) + timedelta(hours=1)
    for _ in range(2):
        await changes.move(session.id, wall=wall, post=world.post(), now=utc_now())
    assert [kind for kind, _, _ in await _letters(dora.email)] == ["cohost_moved"]
    assert await OutboxMessage.all().count() == 1
