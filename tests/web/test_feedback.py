"""The pages after the workshop: a GET counts nothing, a POST counts once; the tablet at the door; the host's sheets."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from ateliers import bookings, feedback
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.feedback import FeedbackRefusal, FeedbackTally, FeedbackToken, tokens
from ateliers.feedback.thanks import sweep
from ateliers.outbox import OutboxMessage
from ateliers.people import Coordination
from ateliers.workshops import Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.desk.days import letter, said, today
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
YES = {"expectations": "yes", "able": "yes", "confident": "no"}


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    return await world.build()


async def _session(cast: world.World, **changes: object) -> Session:
    """A session of Amina's that began a minute ago."""
    return await today(cast, counsellor=cast.amina, **changes)


def _path(session: Session) -> str:
    return f"/avis/{tokens.new_letter_token(session.id, world.SECRET)}"


async def _said(session: Session, times: int, words: str = "") -> None:
    for n in range(times):
        text = f"{words} {n}" if words else ""
        token = tokens.new_letter_token(session.id, world.SECRET)
        await feedback.answer(session, YES, token=token, source="letter", words=text, now=utc_now())


async def test_a_scanner_counts_nothing_and_one_click_counts_once(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    path = _path(session)
    for _ in range(3):
        page = await site.get(f"{path}?a=partly")
    assert page.h1 == "Votre avis sur l’atelier"
    assert page.response.headers["cache-control"] == "no-store"
    assert page.response.headers["referrer-policy"] == "no-referrer"
    assert page.fields() == {"expectations": "partly", "mots": ""}
    assert not await FeedbackTally.exists()
    done = await site.post(path, page.fields())
    assert done.h1 == "Merci pour votre avis"
    assert path not in str(done.response.url)
    again = await site.post(path, page.fields() | {"able": "no"})
    assert (again.status, again.h1) == (409, "Vous avez déjà répondu")
    assert (await site.get(path)).h1 == "Vous avez déjà répondu"
    tally = await FeedbackTally.get()
    assert (tally.people, tally.expectations_partly, tally.able_no) == (1, 1, 0)


async def test_a_browser_that_hides_its_origin_may_answer(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    answer = await site.client.post(_path(session), data=YES, headers={"Origin": "null"})
    assert answer.status_code == 303
    other = await site.client.post(_path(session), data=YES, headers={"Origin": "https://evil.example"})
    assert other.status_code == 403


async def test_what_was_typed_is_kept_and_words_come_clean(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    path = _path(session)
    empty = await site.post(path, {"mots": "Très bien\x07 fait"})
    assert empty.status == 422
    assert "Répondez à une question au moins." in empty.text
    assert empty.all("//textarea")[0].text.strip() == "Très bien fait"
    long = await site.post(path, {"able": "yes", "mots": "é" * 501})
    assert long.status == 422
    assert "500 lettres au plus" in long.text
    assert long.all("//input[@id='able-yes'][@checked]")
    assert not await FeedbackTally.exists()
    await site.post(path, {"able": "yes", "mots": "Merci\u202e <b>Amina</b>\r\n\r\n\r\n\r\nEcrivez a moi@exemple.fr"})
    assert (await FeedbackTally.get()).words == ["Merci <b>Amina</b>\n\nEcrivez a …"]


async def test_a_token_that_is_not_ours_opens_nothing(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    for path in ("/avis/x", f"/avis/{session.id}-abc-def", _path(session)[:-1], "/borne/x", "/avis/sans/x"):
        assert (await site.get(path)).status == 404
        assert (await site.post(path, YES)).status == 404
    gone = _path(session)
    await Session.filter(id=session.id).update(
        ends_at=utc_now() - timedelta(days=31), starts_at=utc_now() - timedelta(days=32)
    )
    assert (await site.get(gone)).status == 410


async def test_the_letter_s_links_lead_there(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    now = session.starts_at - timedelta(days=2)
    await bookings.book(session.id, world.wish(language="en"), post=world.post(), now=now)
    end = session.ends_at
    for hour in range(3, 24):
        await sweep(world.post(), end + timedelta(hours=hour))
    row = await OutboxMessage.get(kind="thanks")
    text = said(row)
    assert "Thank you for coming" in text
    links = re.findall(r"https://ateliers\.example(/en/avis/\d\S*)", text)
    page = await site.get(links[0])
    assert page.h1 == "Your opinion of the workshop"
    assert page.all("//input[@name='expectations'][@value='yes'][@checked]")
    refusing = letter(row)["List-Unsubscribe"].strip("<> ").removeprefix("https://ateliers.example")
    assert (await site.get(refusing)).h1 == "No more letters after a workshop?"
    assert not await FeedbackRefusal.exists()
    # As a mail service POSTs it (RFC 8058 §3.2): no Origin, no Sec-Fetch-Site, no cookie.
    answer = await site.client.post(refusing, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert await FeedbackRefusal.all().count() == 1


async def test_the_booking_s_page_says_what_comes_next(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    booked = session.starts_at - timedelta(days=2)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=booked)
    path = f"/r/{manage_token(booking.uid, world.SECRET)}"
    what = await world.workshop(title="Aller plus loin", level="intermediaire")
    coming = await world.session(cast.gueret, what, _wall(5), published_at=booked)
    assert "Et après ?" not in (await site.get(path)).text  # it is going on
    end = utc_now() - timedelta(minutes=1)
    await Session.filter(id=session.id).update(starts_at=end - timedelta(hours=1), ends_at=end)
    page = await site.get(path)
    assert "Et après ?" in page.text
    assert f"/ateliers/{coming.id}/reserver" in page.links()
    await Session.filter(id=coming.id).update(seats_taken=8)
    page = await site.get(path)
    assert "Et après ?" not in page.text
    (alert,) = [href for href in page.links() if "/alertes/nouvelle" in href]
    asked = await site.get(alert)
    assert "Guéret" in asked.text
    assert "Intelligence artificielle" in asked.text
    assert not asked.all("//*[@role='alert']")


# The tablet


async def _tablet(site: Visitor, cast: world.World, session: Session) -> str:
    await signed_in_as(site, cast.amina)
    page = await site.get(f"/pro/ateliers/{session.id}/borne")
    (link,) = [href for href in page.links() if "/borne/" in href]
    site.client.cookies.clear()  # the tablet is nobody's
    return link.removeprefix("https://ateliers.example")


async def _tap(site: Visitor, page: Page, answer: str) -> Page:
    path = page.all("//form")[0].get("action")
    return await site.post(path, page.fields() | {"r": answer})


async def test_the_tablet_counts_and_begins_anew(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    path = await _tablet(site, cast, session)
    site.cookies_allowed = False
    for answers in (("yes", "partly", "no"), ("no", "passe", "yes")):
        page = await site.get(path)
        assert page.h1 == "L’atelier a-t-il répondu à vos attentes ?"
        for answer in answers:
            page = await _tap(site, page, answer)
        assert "Merci, votre réponse est comptée." in page.text
        assert page.h1 == "L’atelier a-t-il répondu à vos attentes ?"
    tally = await FeedbackTally.get(source="tablet")
    assert (tally.people, tally.expectations_yes, tally.expectations_no) == (2, 1, 1)
    assert (tally.able_partly, tally.confident_no, tally.confident_yes) == (1, 1, 1)
    assert not page.all("//header | //footer")  # nothing leads away
    assert [href for href in page.all("//a/@href") if "/borne/" not in href] == []


async def test_a_tablet_s_last_tap_twice_is_once_and_all_skipped_is_none(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    page = await site.get(await _tablet(site, cast, session))
    for answer in ("yes", "yes"):
        page = await _tap(site, page, answer)
    for _ in range(2):
        assert "Merci, votre réponse est comptée." in (await _tap(site, page, "yes")).text
    assert (await FeedbackTally.get()).people == 1
    page = await site.get(await _tablet(site, cast, session))
    for _ in range(3):
        page = await _tap(site, page, "passe")
    assert (await FeedbackTally.get()).people == 1
    # What is no answer asks the same question again.
    assert (await _tap(site, page, "perhaps")).h1 == page.h1


async def test_a_tablet_is_slowed_down_and_counts_no_more_than_places(site: Visitor, cast: world.World) -> None:
    session = await _session(cast, capacity=13)
    path = await _tablet(site, cast, session)

    async def answer() -> Page:
        page = await site.get(path)
        for _ in range(3):
            page = await _tap(site, page, "yes")
        return page

    for _ in range(12):
        assert (await answer()).status == 200
    late = await answer()
    assert late.status == 429
    assert "Un instant" in late.text
    assert (await FeedbackTally.get()).people == 12
    await Session.filter(id=session.id).update(capacity=12)
    from ateliers.limits import Hit

    await Hit.all().delete()
    full = await answer()
    assert (full.status, full.h1) == (409, "Merci à tous")
    assert await FeedbackToken.all().count() == 12


async def test_a_tablet_closes(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    old = f"/borne/{tokens.kiosk_token(session.id, utc_now() - timedelta(minutes=1), world.SECRET)}"
    for answer in (await site.get(old), await site.post(old, {"r": "yes"})):
        assert (answer.status, answer.h1) == (410, "La borne est fermée")
    later = await world.session(cast.gueret, cast.workshop, _wall(3), counsellor=cast.amina)
    early = f"/borne/{tokens.kiosk_token(later.id, utc_now() + timedelta(days=4), world.SECRET)}"
    assert (await site.get(early)).status == 410
    await signed_in_as(site, cast.amina)
    assert "s’ouvre au début" in (await site.get(f"/pro/ateliers/{later.id}/borne")).text
    await signed_in_as(site, cast.bruno)
    assert (await site.get(f"/pro/ateliers/{session.id}/borne")).status == 404


# The desk


async def test_the_host_counts_sheets_and_sees_from_three_answers_on(site: Visitor, cast: world.World) -> None:
    session = await _session(cast)
    await signed_in_as(site, cast.amina)
    base = f"/pro/ateliers/{session.id}/avis"
    page = await site.get(base)
    assert "Moins de trois réponses" in page.text
    wrong = await site.post(f"{base}/papier", page.fields() | {"feuilles": "1", "able_yes": "2"})
    assert wrong.status == 422
    assert "plus de réponses que de feuilles" in wrong.text
    assert wrong.fields()["able_yes"] == "2"
    assert (await site.post(f"{base}/papier", {"feuilles": "beaucoup"})).status == 422
    done = await site.post(f"{base}/papier", {"feuilles": "2", "able_yes": "2", "able_no": ""})
    assert "Les feuilles sont comptées." in done.text
    assert "Ce qui est dit Moins de trois réponses" in done.text
    assert done.fields()["feuilles"] == "2"
    await _said(session, 3, "mot")
    page = await site.get(base)
    assert "5 personnes ont répondu." in page.text
    assert "mot 2" in page.text
    await signed_in_as(site, cast.bruno)
    assert (await site.post(f"{base}/papier", {"feuilles": "9"})).status == 404


async def test_the_table_has_the_answers_of_three_and_more(site: Visitor, cast: world.World) -> None:
    many = await _session(cast)
    few = await _session(cast)
    await _said(many, 3)
    await _said(few, 2)
    await signed_in_as(site, cast.amina)
    day = many.starts_local[:10]
    answer = (await site.get(f"/pro/export?du={day}&au={day}&format=csv")).response
    header, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["Avis"], row["Attentes : oui"], row["Plus à l’aise : non"]) for row in found] == [
        ("3", "3", "3"), ("", "", "")
    ]  # fmt: skip


async def test_mine_and_those_of_the_departement(site: Visitor, cast: world.World) -> None:
    now = utc_now()
    mine = await _session(cast)
    await _said(mine, 4, "mien")
    end = now - timedelta(minutes=5)
    await Session.filter(id=mine.id).update(ends_at=end, starts_at=end - timedelta(hours=2))
    day = mine.starts_local[:10]
    await signed_in_as(site, cast.amina)
    page = await site.get(f"/pro/avis?du={day}&au={day}")
    assert "4 personnes ont répondu." in page.text
    assert "100 %" in page.text
    assert "mien" not in page.text
    assert "Tout le département" not in page.text
    figures = await site.get(f"/pro/chiffres?du={day}&au={day}")
    assert "4 personnes ont répondu." in figures.text
    await Coordination.create(counsellor=cast.bruno, department="23", since=now.date())
    await signed_in_as(site, cast.bruno)
    page = await site.get(f"/pro/avis?du={day}&au={day}")
    assert "Tout le département : Creuse" in page.text
    assert "4 personnes ont répondu." in page.text
    assert f"/pro/ateliers/{mine.id}/avis" not in page.links()
    assert (await site.get(f"/pro/ateliers/{mine.id}/avis")).status == 404
    await signed_in_as(site, cast.amina)
    assert "mien" not in (await site.get(f"/pro/ateliers/{mine.id}/avis")).text  # four are too few for words
