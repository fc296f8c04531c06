"""A small fair of workshops, served by real processes and visited by Chromium: its rows, its addresses, its visitors."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, Response

from ateliers import bookings, feedback
from ateliers.bookings import changes, cycles, waiting_list
from ateliers.bookings.tokens import manage_token
from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.feedback import tokens as letter_tokens
from ateliers.limits import count
from ateliers.people import Coordination, sign_in
from ateliers.venues import Presence
from ateliers.web.book.asking import PER_ADDRESS
from ateliers.workshops import Series
from tests import world

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
DESK_COOKIES = {"desk", "browser"}
PHONE, WIDE = (360, 740), (1280, 900)
TIRED = "198.51.100.99"  # the address that has booked as often as it may
ADDRESSES = (f"203.0.113.{n % 250 + 1}" for n in itertools.count())
_REFUSED_DOCUMENT = "Failed to load resource: the server responded with a status of 4"


def wall(days: int, hour: int = 14) -> datetime:
    """So many days from today, on the venue's wall."""
    today = datetime.now() + timedelta(days=days)  # noqa: DTZ005 - a wall clock
    return today.replace(hour=hour, minute=0, second=0, microsecond=0)


@dataclass
class Fair:
    """Where the fair is served and what is found there."""

    url: str
    sessions: dict[str, int]
    venue: int
    tokens: dict[str, str]
    mail: Path

    def letters(self, to: str, number: int = 1, seconds: float = 15) -> list[Path]:
        """The letters to an address, oldest first, once there are so many: another process delivers them."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            files = [file for file in self.mail.glob("new/*") if f"<{to}>".encode() in file.read_bytes()]
            if len(files) >= number:
                return sorted(files, key=lambda file: file.stat().st_mtime)
            time.sleep(0.1)
        raise AssertionError(f"no {number} letters to {to} after {seconds} s")


async def build(database_url: str) -> tuple[dict[str, int], int, dict[str, str]]:
    """Ids of the sessions by what they show, the venue in Guéret, and tokens of bookings by their state."""
    now, post = utc_now(), world.post()
    async with open_database(database_url):
        cast = await world.build()
        scams = await world.workshop(
            title="Reconnaître les arnaques en ligne",
            theme="securite_numerique",
            for_whom="Pour toute personne qui reçoit des messages.",
        )
        made: dict[str, int] = {}

        async def add(name: str, days: int, what: Any = cast.workshop, place: Any = cast.gueret, **changes: Any) -> Any:
            dated: dict[str, Any] = {"published_at": now - timedelta(days=90), "counsellor": cast.amina} | changes
            session = await world.session(place, what, wall(days, 9 + len(made) % 8), **dated)
            made[name] = session.id
            return session

        await add("open", 5, capacity=200)
        await add("booked", 6, capacity=20)
        await add("last", 7, scams, seats_taken=7)
        await add("full", 8, seats_taken=8)
        await add("off", 9, scams)
        await add("moved", 10)
        await add("reunion", 11, place=cast.reunion)
        await add("past", -10)
        await add("gone", -45)
        for number in range(8):
            await add(f"more{number}", 12 + number, (cast.workshop, scams)[number % 2])

        tokens: dict[str, str] = {}
        for state, session, long_ago in (
            ("live", "booked", 0), ("cancelled", "booked", 0), ("off", "off", 0), ("over", "past", 20),
        ):  # fmt: skip
            wish = world.wish(f"Chloé {state.title()}", seats=2, email=f"{state}@exemple.fr")
            booking = await bookings.book(made[session], wish, post=post, now=now - timedelta(days=long_ago))
            tokens[state] = manage_token(booking.uid, world.SECRET)
            if state == "cancelled":
                await bookings.cancel(booking.id, post=post, now=now)
        firsts: dict[str, int] = {}
        await add("queue", 13, capacity=1)
        await add("offer", 14, capacity=2)
        await add("line", 15, capacity=1)
        for name, seats in (("queue", 1), ("offer", 2), ("line", 1)):
            first = await bookings.book(made[name], world.wish(f"Paul {name}", seats=seats), post=post, now=now)
            firsts[name], tokens[f"first_{name}"] = first.id, manage_token(first.uid, world.SECRET)
        for state, session in (("waiting", "queue"), ("offered", "offer"), ("left", "queue")):
            wish = world.wish(f"Chloé {state.title()}", email=f"{state}@exemple.fr")
            waits = await waiting_list.join(made[session], wish, post=post, now=now)
            tokens[state] = manage_token(waits.uid, world.SECRET)
            if state == "left":
                await waiting_list.leave(waits.id, post=post, now=now)
            if state == "offered":
                await bookings.change_seats(firsts["offer"], 1, post=post, now=now)
        series = await Series.create(counsellor=cast.amina, rule={}, created_at=now)
        for number in range(3):
            await add(f"cycle{number}", 20 + 7 * number, series=series, in_cycle=True, waiting_list=False)
        joined = await bookings.book(
            made["cycle1"], world.wish("Chloé Cycle", email="cycle@exemple.fr"), post=post, now=now
        )
        mates = await cycles.mates(joined)
        await bookings.cancel(mates[0].id, post=post, now=now)
        tokens["cycle"] = manage_token(joined.uid, world.SECRET)
        await changes.move(made["moved"], wall=wall(11, 16), post=post, now=now)
        await changes.call_off(made["off"], reason="La salle est fermée pour travaux.", post=post, now=now)

        async def tire(tx: Any) -> None:
            for _ in range(PER_ADDRESS.most):
                await count(tx, PER_ADDRESS, TIRED, world.SECRET, now)

        await unit_of_work(tire)
        await Presence.create(
            counsellor=cast.amina, venue=cast.gueret, room="Salle bleue", capacity=10, since=now.date()
        )
        # After the workshop: one that began a minute ago, with five who answered; a letter's token, spent and not; a tablet.
        begun = (now - timedelta(minutes=1)).astimezone(cast.gueret.zone).replace(tzinfo=None)
        spoken = await world.session(
            cast.gueret, cast.workshop, begun, counsellor=cast.amina, published_at=now - timedelta(days=90)
        )
        made["spoken"] = spoken.id
        for number in range(5):
            tokens["spent"] = letter_tokens.new_letter_token(spoken.id, world.SECRET)
            await feedback.answer(
                spoken, {"expectations": "yes", "able": "partly", "confident": "no"}, token=tokens["spent"],
                source="letter", words=f"Merci, c’était clair. {number}", now=now,
            )  # fmt: skip
        tokens["opinion"] = letter_tokens.new_letter_token(spoken.id, world.SECRET)
        tokens["tablet"] = letter_tokens.kiosk_token(spoken.id, now + timedelta(hours=4), world.SECRET)
        tokens["closed"] = letter_tokens.kiosk_token(spoken.id, now - timedelta(hours=1), world.SECRET)
        tokens["refusing"] = letter_tokens.refusal_token("chloe@exemple.fr", world.SECRET)
        ago = await world.session(
            cast.gueret, cast.workshop, wall(-3, 7), counsellor=cast.amina, published_at=now - timedelta(days=90)
        )
        made["ago"] = ago.id
        for number in range(4):
            token = letter_tokens.new_letter_token(ago.id, world.SECRET)
            await feedback.answer(ago, {"able": "yes"}, token=token, source="letter", words=f"Bien {number}", now=now)
        await Coordination.create(counsellor=cast.amina, department="23", since=now.date())
        tokens["desk"] = await unit_of_work(sign_in.begin, cast.amina, way="link", browser="Chromium", now=now)
        return made, cast.gueret.id, tokens


def rows(database_url: str) -> tuple[dict[str, int], int, dict[str, str]]:
    """`build`, before Playwright's own loop runs."""
    return asyncio.run(build(database_url))


@dataclass
class Visit:
    """An open page, all it asked for and complained about."""

    page: Page
    fair: Fair
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    documents: list[Response] = field(default_factory=list)
    signed_in: bool = False

    def go(self, path: str) -> None:
        self.page.goto(self.fair.url + path)

    def sign_in(self) -> None:
        """Amina's desk is open in this browser, as her link would have opened it."""
        self.page.context.add_cookies([{"name": "desk", "value": self.fair.tokens["desk"], "url": self.fair.url}])
        self.signed_in = True

    def violations(self, *rules: str) -> list[str]:
        """What axe-core finds in the page as it stands: every rule of WCAG 2.2 A and AA, RGAA and good practice."""
        if not self.page.evaluate("Boolean(window.axe)"):
            self.page.evaluate(AXE)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice", "RGAAv4"]
        only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": tags}
        options = {"runOnly": only} | ({} if rules else {"rules": {"target-size": {"enabled": True}}})
        found = self.page.evaluate("(options) => axe.run(options).then(({violations}) => violations)", options)
        return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


@contextmanager
def visiting(
    browser: Browser, fair: Fair, size: tuple[int, int] = PHONE, *, address: str = "", **options: Any
) -> Iterator[Visit]:
    """A visitor with an address of their own; at the end: no cookie, nobody else asked, the console silent."""
    headers = {"X-Forwarded-For": address or next(ADDRESSES)}
    viewport: Any = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, reduced_motion="reduce", extra_http_headers=headers, **options)
    page = context.new_page()
    visit = Visit(page, fair)

    def asked(request: Request) -> None:
        visit.requests.append(request.url)

    def answered(response: Response) -> None:
        if response.request.is_navigation_request() and response.frame == page.main_frame and response.status != 303:
            visit.documents.append(response)

    page.on("request", asked)
    page.on("response", answered)
    page.on(
        "console",
        lambda message: visit.complaints.append(f"{message.type}: {message.text} {message.location.get('url', '')}"),
    )
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI))"
    )
    try:
        yield visit
        cookies = context.cookies()
        refused = {document.url for document in visit.documents if document.status >= 400}
    finally:
        context.close()
    assert [cookie["name"] for cookie in cookies if not (visit.signed_in and cookie["name"] in DESK_COOKIES)] == []
    assert [url for url in visit.requests if not url.startswith((fair.url + "/", "data:"))] == []
    # Chromium itself notes that a document came with a status of 400 or more: those are the pages that we refuse with.
    noted = {f"error: {_REFUSED_DOCUMENT}"}
    assert [
        line for line in visit.complaints if not (line.startswith(tuple(noted)) and line.rpartition(" ")[2] in refused)
    ] == []
