"""Letters: what is in them, how they are built, and that they arrive by SMTP as they were written."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from email.policy import default
from types import SimpleNamespace
from typing import Any

import icalendar
import pytest
from lxml import html as lxml_html

from ateliers import bookings, invites, letters, outbox
from ateliers.bookings import calendars
from ateliers.database import unit_of_work
from ateliers.i18n import languages
from ateliers.letters import Recipient, compose
from ateliers.letters.lines import one_line
from ateliers.outbox import OutboxMessage, deliver_due, open_transport
from tests import world
from tests.mail_server import mail_server

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MANAGE = "https://ateliers.example/r/abcdefghijklmnopqrstuvwxyz"
TEMPLATES = ("confirmed", "already_booked", "changed", "cancelled", "cancelled_by_host", "called_off")
HOSTILE = 'Zoé\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script> "\u202e x'


def place(**changes: object) -> SimpleNamespace:
    known = {
        "id": 1, "name": "France services de Guéret", "one_line": "Place Bonnyaud, 23000 Guéret",
        "phone": "05 36 49 00 00", "time_zone": "Europe/Paris", "access_notes": "Entrée de plain-pied", "lat": 46.17,
        "lon": 1.87, "position": "given",
    }  # fmt: skip
    return SimpleNamespace(**(known | changes))


REUNION = {
    "id": 2,
    "name": "Médiathèque de Saint-Denis",
    "one_line": "2 rue de Nice, 97400 Saint-Denis",
    "time_zone": "Indian/Reunion",
}


def session(**changes: object) -> SimpleNamespace:
    start = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)
    workshop = SimpleNamespace(
        title="Reconnaître les arnaques",
        bring="Votre téléphone.",
        promise="On regarde ensemble.",
        theme="securite_numerique",
    )
    known = {
        "id": 12, "slug": "12", "starts_at": start, "ends_at": start + timedelta(hours=2), "workshop": workshop, "venue": place(),
        "counsellor": SimpleNamespace(public_name="Amina"), "call_off_reason": "", "called_off_at": None, "sequence": 0,
    }  # fmt: skip
    return SimpleNamespace(**(known | changes))


def booking(**changes: object) -> SimpleNamespace:
    known = {
        "uid": "bk-0123", "sequence": 0, "name": "Chloé Martin", "beneficiary": "", "email": "chloe@exemple.fr",
        "language": "fr", "seats": 2, "reference": "KTRM-4827", "changed_at": NOW, "cancelled_at": None,
        "needs": "Un fauteuil roulant",
    }  # fmt: skip
    return SimpleNamespace(**(known | changes))


def parts_of(template: str, mine: SimpleNamespace, what: SimpleNamespace, **extra: object) -> dict[str, Any]:
    """The arguments of `letters.post` and `compose` for one letter of a booking."""
    made = calendars.of_booking(mine, what, world.settings(), NOW)  # type: ignore[arg-type]
    alike: dict[str, Any] = {
        "changed": {"before": None, "seats_before": 1},
        "called_off": {"replacement": None, "alternatives": []},
    }.get(template, {})
    return {
        "settings": world.settings(contact_email="aide@ateliers.example"),
        "template": template,
        "to": Recipient(mine.name, mine.email, mine.language),
        "context": {
            "booking": mine, "session": what, "workshop": what.workshop, "venue": what.venue,
            "counsellor": what.counsellor, "manage_url": MANAGE, "help_email": "aide@ateliers.example",
            "help_phone": what.venue.phone, **alike, **extra,
        },
        "calendar": (invites.cancel if template in ("cancelled", "cancelled_by_host", "called_off") else invites.request)(made),
        "now": NOW,
    }  # fmt: skip


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def letter(
    template: str, mine: SimpleNamespace | None = None, what: SimpleNamespace | None = None, **extra: object
) -> EmailMessage:
    return read(
        compose(**parts_of(template, mine or booking(), what or session(), **extra), message_id="<1@a.example>")
    )


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_letter_tells_when_where_and_how_to_change_in_both_parts(template: str, language: str) -> None:
    message = letter(template, booking(language=language))
    assert message["Content-Language"] == language
    page = lxml_html.fromstring(html_of(message))
    assert page.get("lang") == language
    words = " ".join(page.text_content().split())
    for said in (" ".join(text_of(message).split()), words):
        assert "2026" in said
        assert "France services de Guéret" in said
        assert "23000 Guéret" in said
        assert "KTRM-4827" in said
        assert "05 36 49 00 00" in said
        assert "aide@ateliers.example" in said
        assert "fauteuil" not in said  # needs are for the host alone
    if template != "called_off":
        assert MANAGE in text_of(message)
        assert MANAGE in [link.get("href") for link in page.iter("a")]
    assert not list(page.iter("img", "script", "link", "iframe"))
    assert "http" not in html_of(message).replace("https://ateliers.example/", "")


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_tree_is_what_mail_programs_read(template: str) -> None:
    message = letter(template)
    assert message.get_content_type() == "multipart/mixed"
    alternative, attached = message.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in alternative.iter_parts()] == ["text/plain", "text/html", "text/calendar"]
    calendar = list(alternative.iter_parts())[-1]
    method = "CANCEL" if template in ("cancelled", "cancelled_by_host", "called_off") else "REQUEST"
    assert dict(calendar["Content-Type"].params) == {"charset": "utf-8", "method": method, "component": "VEVENT"}
    assert calendar["Content-Transfer-Encoding"] == attached["Content-Transfer-Encoding"] == "base64"
    assert attached.get_content_type() == "application/ics"
    assert attached.get_filename() == "invitation.ics"
    assert attached.get_payload(decode=True) == calendar.get_payload(decode=True)
    assert icalendar.Calendar.from_ical(attached.get_payload(decode=True))["METHOD"] == method  # type: ignore[arg-type]
    assert MANAGE.encode() not in attached.get_payload(decode=True)  # type: ignore[operator]


def test_the_headers_are_those_of_a_polite_robot() -> None:
    message = letter("confirmed")
    assert message["From"] == "Ateliers numériques <inscriptions@ateliers.example>"
    assert message["To"] == "Chloé Martin <chloe@exemple.fr>"
    assert message["Reply-To"] == "Ateliers numériques <aide@ateliers.example>"
    assert (message["Auto-Submitted"], message["Content-Language"]) == ("auto-generated", "fr")
    assert message["Subject"] == "Réservé : Reconnaître les arnaques, mardi 1er décembre à 14 h"
    assert message["Date"].datetime == NOW
    for forbidden in ("List-Unsubscribe", "Bcc", "Cc", "In-Reply-To"):
        assert message[forbidden] is None


def test_lines_and_headers_fit_the_wire() -> None:
    raw = compose(**parts_of("confirmed", booking(name="é" * 300), session()), message_id="<1@a.example>")
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_a_change_says_first_what_changed() -> None:
    before = {"starts_at": session().starts_at, "ends_at": session().ends_at, "venue": place()}
    start = datetime(2026, 12, 2, 5, tzinfo=UTC)
    moved = session(starts_at=start, ends_at=start + timedelta(hours=2), venue=place(**REUNION))
    message = letter("changed", None, moved, before=before, seats_before=2)
    text = text_of(message).replace("\u00a0", " ")
    assert message["Subject"].startswith("Changement : ")
    news = text.index("Nouvelle date : mercredi 2 décembre 2026, 9 h à 11 h (heure de La Réunion)")
    assert news < text.index("Avant : mardi 1er décembre 2026, 14 h à 16 h") < text.index("Nouveau lieu : Médiathèque")
    assert text.index("Avant : France services de Guéret") < text.index("Référence :")
    assert "Nombre de places" not in text
    html = html_of(message)
    assert html.index("Nouvelle date") < html.index("Nouveau lieu") < html.index("Référence")
    seats = text_of(letter("changed", booking(seats=3), seats_before=1, before=None))
    assert "Nombre de places : 3" in seats
    assert "Avant : 1" in seats
    assert "Nouvelle date" not in seats


def test_a_session_called_off_says_why_and_what_else_there_is() -> None:
    others = [session(id=n, slug=str(n), starts_at=datetime(2026, 12, 7 + n, 13, tzinfo=UTC)) for n in (1, 2, 3)]
    message = letter("called_off", None, session(call_off_reason="La salle est inondée."), alternatives=others)
    for said in (text_of(message), html_of(message)):
        assert "La salle est inondée." in said
        assert [f"https://ateliers.example/ateliers/{n}" in said for n in (1, 2, 3)] == [True] * 3
    english = letter("called_off", booking(language="en"), alternatives=others)
    assert "https://ateliers.example/en/ateliers/1" in text_of(english)


def test_one_place_and_several_and_a_place_for_somebody_else() -> None:
    assert "Votre place est réservée." in text_of(letter("confirmed", booking(seats=1)))
    assert "Vos 3 places sont réservées." in text_of(letter("confirmed", booking(seats=3)))
    assert "pour Jeanne" in text_of(letter("confirmed", booking(beneficiary="Jeanne")))


def test_a_place_without_phone_counsellor_or_notes_leaves_no_gap() -> None:
    bare = session(counsellor=None, venue=place(phone="", access_notes=""))
    for template in TEMPLATES:
        said = text_of(letter(template, None, bare))
        assert "Par téléphone" not in said
        assert "None" not in said + html_of(letter(template, None, bare))
        assert "\n\n\n\n" not in said


@pytest.mark.parametrize("template", TEMPLATES)
def test_hostile_names_stay_names(template: str) -> None:
    where = place(name=HOSTILE, one_line=HOSTILE, access_notes=HOSTILE)
    what = session(venue=where, call_off_reason=HOSTILE)
    what.workshop = SimpleNamespace(title=HOSTILE, bring=HOSTILE, promise=HOSTILE, theme="email")
    message = letter(template, booking(name=HOSTILE, beneficiary=HOSTILE), what)
    assert message["Bcc"] is None
    assert message.defects == []
    assert [address.addr_spec for address in message["To"].addresses] == ["chloe@exemple.fr"]
    assert "<script" not in html_of(message)
    assert "\nBcc:" not in text_of(message)
    assert len(message["Subject"]) <= 150
    assert len(list(message.walk())) == 6


def test_an_address_with_an_accent_and_one_that_tries_to_be_a_header() -> None:
    idna = compose(**parts_of("confirmed", booking(email="c@école.fr"), session()), message_id="<1@a.example>")
    assert read(idna)["To"].addresses[0].addr_spec == "c@xn--cole-9oa.fr"
    local = compose(**parts_of("confirmed", booking(email="chloé@example.org"), session()), message_id="<1@a.example>")
    assert 'To: "Chloé Martin" <chloé@example.org>\r\n'.encode() in local
    evil = parts_of("confirmed", booking(email="a@example.org\r\nBcc: b@example.org"), session())
    with pytest.raises(ValueError, match="addr_spec"):
        compose(**evil, message_id="<1@a.example>")


def test_one_line_cuts_between_letters() -> None:
    assert one_line("a" * 80, 75) == "a" * 74 + "…"
    assert one_line("e\u0301" * 9, 5) == "é" * 4 + "…"
    family = "👩\u200d👩\u200d👧"
    assert one_line(family * 3, 8) == family + "…"
    assert one_line(" a\tb \u2028 c\u202e ") == "a b c"


@pytest.fixture
def chloe() -> SimpleNamespace:
    return booking()


async def written(template: str, mine: SimpleNamespace, dedupe: str, **extra: object) -> bool:
    arguments = parts_of(template, mine, session(), **extra)
    return await unit_of_work(letters.post, thread=mine.uid, dedupe=dedupe, **arguments)


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_a_letter_written_in_a_booking_arrives_by_smtp_as_it_was_written(chloe: SimpleNamespace) -> None:
    assert await written("confirmed", chloe, "bk-0123:0:confirmed") is True
    assert await written("confirmed", chloe, "bk-0123:0:confirmed") is False
    row = await OutboxMessage.get(group_key="bk-0123")
    assert (row.kind, row.recipient) == ("confirmed", "chloe@exemple.fr")
    async with mail_server() as server:
        server.to_rcpt.append("451 greylisted")
        way = open_transport(server.url)
        assert (await deliver_due(way, NOW)).delayed == 1
        assert (await deliver_due(way, NOW + timedelta(minutes=1))).sent == 1
        [envelope] = server.received
    assert envelope.mail_from == "inscriptions@ateliers.example"
    assert envelope.rcpt_tos == ["chloe@exemple.fr"]
    assert envelope.content == row.message
    message = read(envelope.content)
    _, attached = message.iter_parts()
    event = icalendar.Calendar.from_ical(attached.get_payload(decode=True)).walk("VEVENT")[0]  # type: ignore[arg-type]
    assert event["UID"] == "bk-0123@ateliers.example"


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_letters_of_a_booking_are_one_conversation(chloe: SimpleNamespace) -> None:
    await written("confirmed", chloe, "bk-0123:0:confirmed")
    await written("cancelled", chloe, "bk-0123:1:cancelled")
    first, second = [read(world.written(row)) for row in await OutboxMessage.all().order_by("id")]
    assert first["Message-ID"] != second["Message-ID"]
    assert first["References"] is None
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert first["Message-ID"].endswith("@ateliers.example>")


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_a_mailbox_that_does_not_exist_ends_on_the_list_of_the_dead(chloe: SimpleNamespace) -> None:
    await written("confirmed", chloe, "bk-0123:0:confirmed")
    async with mail_server() as server:
        server.to_rcpt.append("550 5.1.1 no such user chloe@exemple.fr")
        assert (await deliver_due(open_transport(server.url), NOW)).dead == 1
    [dead] = await outbox.dead_letters()
    assert dead.last_error == "550 5.1.1 no such user …"


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_a_connection_cut_in_the_middle_only_delays(chloe: SimpleNamespace) -> None:
    await written("confirmed", chloe, "bk-0123:0:confirmed")
    async with mail_server() as server:
        server.to_data.append("drop")
        way = open_transport(server.url)
        assert (await deliver_due(way, NOW)).delayed == 1
        assert (await deliver_due(way, NOW + timedelta(minutes=1))).sent == 1
        assert len(server.received) == 1


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_two_workers_empty_a_full_box_once(chloe: SimpleNamespace) -> None:
    for n in range(12):
        await written("confirmed", booking(uid=f"bk-{n}"), f"bk-{n}:0:confirmed")
        await written("cancelled", booking(uid=f"bk-{n}", sequence=1), f"bk-{n}:1:cancelled")
    async with mail_server() as server:

        async def worker() -> None:
            way = open_transport(server.url)
            while await OutboxMessage.filter(next_attempt_at__isnull=False).exists():
                await deliver_due(way, NOW, limit=4)

        await asyncio.gather(worker(), worker())
        messages = [read(envelope.content) for envelope in server.received]  # type: ignore[arg-type]
    assert len({message["Message-ID"] for message in messages}) == len(messages) == 24
    sent = [message["Message-ID"] for message in messages]
    assert all(sent.index(m["References"]) < sent.index(m["Message-ID"]) for m in messages if m["References"])


@pytest.mark.anyio
@pytest.mark.parametrize("email", ["chloe@exemple.fr", "chloé@exemple.fr", "chloe@éxemple.fr"])
@pytest.mark.parametrize("name", ["Chloé Martin", 'Anne "Nan" O’Hara, épouse Le Goff', "x" * 110])
async def test_kept_headers_are_those_of_the_standard_library(
    database: str, monkeypatch: pytest.MonkeyPatch, email: str, name: str
) -> None:
    """What `letters.headers` keeps of a header is what the library's own policy writes, the second time too."""
    asked: list[dict[str, Any]] = []
    compose = letters.compose
    monkeypatch.setattr(letters, "compose", lambda **words: asked.append(words) or compose(**words))
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    await bookings.book(session.id, world.wish(name, email=email), post=world.post(), now=world.NOW)
    world.written(await OutboxMessage.get())

    def written() -> bytes:
        return re.sub(rb"=+\d+==", b"boundary", compose(**asked[0]))

    kept = [written(), written()]
    monkeypatch.setattr(letters, "SMTP", email_policy.SMTP)
    monkeypatch.setattr(letters, "SMTPUTF8", email_policy.SMTPUTF8)
    assert kept == [written(), written()]
