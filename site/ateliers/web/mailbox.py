"""The demonstration's mailbox: the letters as the person who gets them would read them. Not there in production."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ateliers.refusals import NotFound
from ateliers.web.forms import phone_words
from ateliers.web.pages import respond

MOST = 50


@dataclass(frozen=True)
class Phone:
    """One text on somebody's phone."""

    to: str
    sender: str
    at: datetime
    before: str
    link: str  # a path of this site, empty where the text holds none
    after: str


@dataclass(frozen=True)
class Letter:
    """One letter of the Maildir, opened."""

    name: str
    message: EmailMessage

    @property
    def sent_at(self) -> datetime | None:
        """The instant of its Date, None where it has none that can be read."""
        try:
            return parsedate_to_datetime(str(self.message["date"]))
        except ValueError:
            return None

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        return str(part.get_content()) if part else ""

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return str(part.get_content()) if part else ""

    @property
    def calendar(self) -> str:
        for part in self.message.walk():
            if part.get_content_type() == "text/calendar":
                return str(part.get_content())
        return ""


def _folder(request: Request) -> Path:
    scheme, _, path = request.app.state.settings.mail_url.partition(":")
    if scheme != "maildir":
        raise NotFound
    return Path(path)


def _read(folder: Path) -> list[Letter]:
    files = sorted(
        (file for part in ("new", "cur") if (folder / part).is_dir() for file in (folder / part).iterdir()),
        key=lambda file: file.stat().st_mtime,
        reverse=True,
    )
    return [_open(file) for file in files[:MOST]]


def _open(file: Path) -> Letter:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    return Letter(file.name, message)


async def inbox(request: Request) -> Response:
    """The letters, newest first."""
    letters = await asyncio.to_thread(_read, _folder(request))
    return respond(request, "mailbox/inbox.html", letters=letters)


async def letter(request: Request) -> Response:
    """One letter: who, what, its text, and the invitation as a calendar would show it."""
    found = await _find(request)
    return respond(request, "mailbox/letter.html", letter=found)


async def letter_html(request: Request) -> Response:
    """The letter's own HTML, for the frame: no script can run there, and only its own inline styles apply."""
    found = await _find(request)
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
        " sandbox allow-top-navigation-by-user-activation allow-popups"
    )
    return HTMLResponse(found.html, headers={"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"})


async def _find(request: Request) -> Letter:
    folder, name = _folder(request), request.path_params["name"]
    for part in ("new", "cur"):
        file = folder / part / name
        # The name comes from the address bar: it must be a file of this very folder.
        if file.parent == folder / part and file.name == name and file.is_file():
            return await asyncio.to_thread(_open, file)
    raise NotFound


async def phones(request: Request) -> Response:
    """The texts, newest first, as the phones of the demonstration show them."""
    scheme, _, path = request.app.state.settings.sms.partition(":")
    if scheme != "file":
        raise NotFound
    texts = await asyncio.to_thread(_read_texts, Path(path), request.app.state.settings.base_url)
    return respond(request, "mailbox/texts.html", texts=texts)


def _read_texts(folder: Path, site: str) -> list[Phone]:
    files = (
        sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True) if folder.is_dir() else []
    )
    return [_open_text(json.loads(file.read_text(encoding="utf-8")), site) for file in files[:MOST]]


def _open_text(told: dict[str, str], site: str) -> Phone:
    before, here, rest = told["text"].partition(f"{site}/")
    path, space, after = rest.partition(" ")
    return Phone(
        phone_words(told["to"]), told["from"], datetime.fromisoformat(told["at"]), before, f"/{path}" if here else "",
        space + after,
    )  # fmt: skip


routes = [
    Route("/demo/courrier", inbox),
    Route("/demo/sms", phones),
    Route("/demo/courrier/{name}", letter),
    Route("/demo/courrier/{name}/html", letter_html),
]
