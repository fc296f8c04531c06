"""Letters: a pair of templates becomes one outbox row, with the invitation inside. No word of the domain is here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import outbox
from ateliers.database import connection, parameter
from ateliers.i18n import current_language, using_language
from ateliers.letters.headers import SMTP, SMTPUTF8
from ateliers.letters.lines import one_line
from ateliers.settings import Settings
from ateliers.templating import environment

ATTACHMENT = "invitation.ics"
NAME_CHARACTERS = 100
SUBJECT_CHARACTERS = 150
_METHOD = re.compile(rb"\r\nMETHOD:([A-Z]+)\r\n")
_plain = environment.overlay(autoescape=False)


@dataclass(frozen=True)
class Recipient:
    """Who gets the letter, and in which language."""

    name: str
    email: str
    language: str = "fr"


async def post(
    tx: TransactionalDBClient,
    *,
    settings: Settings,
    template: str,
    to: Recipient,
    context: Mapping[str, Any],
    thread: str,
    dedupe: str,
    now: datetime,
    calendar: bytes | None = None,
    reply_to: Recipient | None = None,
    unsubscribe: str = "",
) -> bool:
    """Render `templates/letters/{template}.txt` and `.html` into one outbox row, in the transaction `tx`.

    `thread` names the conversation: its letters go in order, and mail programs show them together. `dedupe` names this
    letter: with the same key there is never a second one. `calendar` is an iCalendar text; its METHOD becomes the MIME
    parameter, which must be equal (RFC 6047 §2.4). `reply_to`: whom an answer goes to, else the
    site's help. Returns False when this letter was there already.
    Raises `outbox.OutsideTransaction` outside the unit of work of `tx`.
    """
    earlier = await outbox.OutboxMessage.filter(group_key=thread).using_db(tx).order_by("id").first().only("dedupe_key")
    message = compose(
        settings=settings,
        template=template,
        to=to,
        context=context,
        message_id=message_id_of(dedupe, settings),
        answers=message_id_of(earlier.dedupe_key, settings) if earlier is not None else "",
        calendar=calendar,
        now=now,
        reply_to=reply_to,
        unsubscribe=unsubscribe,
    )
    return await outbox.put(
        tx, now=now, group=thread, dedupe=dedupe, kind=template, recipient=deliverable(to.email), message=message
    )


def compose(
    *,
    settings: Settings,
    template: str,
    to: Recipient,
    context: Mapping[str, Any],
    message_id: str,
    answers: str = "",
    calendar: bytes | None = None,
    now: datetime,
    reply_to: Recipient | None = None,
    unsubscribe: str = "",
) -> bytes:
    """The whole letter as RFC 5322 bytes with CRLF. `answers` is the Message-ID of the first letter of its thread.

    `unsubscribe`: the https address that a mail program POSTs to when its reader wants no more of these (RFC 8058).
    """
    with using_language(to.language):
        language = current_language()
        known = {**context, "one_line": one_line, "site_url": settings.base_url, "has_invitation": calendar is not None}
        head, _, text = _plain.get_template(f"letters/{template}.txt").render(known).lstrip("\n").partition("\n\n")
        subject, _, sender = (one_line(part, SUBJECT_CHARACTERS) for part in head.partition("\n"))
        html = environment.get_template(f"letters/{template}.html").render(known, subject=subject)
    recipient = deliverable(to.email)
    # Someone whose own address is not ASCII has a server that reads UTF-8 headers (RFC 6532).
    message = EmailMessage(policy=SMTP if recipient.isascii() else SMTPUTF8)
    message["Subject"] = subject
    message["From"] = str(Address(sender, addr_spec=settings.mail_from))
    message["To"] = _to(one_line(to.name, NAME_CHARACTERS), recipient)
    if reply_to is None:
        message["Reply-To"] = str(Address(sender, addr_spec=settings.help_email))
    else:
        message["Reply-To"] = _to(one_line(reply_to.name, NAME_CHARACTERS), deliverable(reply_to.email))
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    if answers and answers != message_id:
        message["In-Reply-To"] = answers
        message["References"] = answers
    if unsubscribe:
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday reply, please
    message.set_content(text.strip() + "\n", cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    if calendar is not None:
        _invite(message, calendar)
    # Last: becoming a multipart moves every Content- header into the first part.
    message["Content-Language"] = language
    return message.as_bytes()


def words(template: str, language: str, **context: Any) -> str:
    """A piece of plain text from `templates/letters/{template}.txt`, for what goes along with a letter."""
    with using_language(language):
        return _plain.get_template(f"letters/{template}.txt").render(context, one_line=one_line).strip()


def _invite(message: EmailMessage, calendar: bytes) -> None:
    found = _METHOD.search(calendar)
    if found is None:
        raise ValueError("an invitation without METHOD: mail programs would not see it")
    # Outlook reads an invitation only inside the first child of the mixed part, and only in base64 (MS-STANOICAL).
    message.add_alternative(calendar, maintype="text", subtype="calendar", cte="base64")
    part = list(message.iter_parts())[-1]
    part.set_param("charset", "utf-8")
    part.set_param("method", found.group(1).decode())
    part.set_param("component", "VEVENT")
    message.add_attachment(calendar, maintype="application", subtype="ics", filename=ATTACHMENT, cte="base64")


async def thread_of(message_id: str, recipient: str, settings: Settings) -> str | None:
    """The thread of the letter that went to `recipient` with this Message-ID, None when none did (or over 90 days ago)."""
    sql = (
        "SELECT dedupe_key, group_key FROM outbox_message"  # noqa: S608 - the parameter's mark
        f" WHERE LOWER(recipient) = {parameter(1)} AND sent_at IS NOT NULL ORDER BY id DESC LIMIT 500"
    )
    rows = await connection().execute_query_dict(sql, [deliverable(recipient).lower()])
    for row in rows:
        if message_id_of(row["dedupe_key"], settings) == message_id:
            return str(row["group_key"])
    return None


def message_id_of(dedupe: str, settings: Settings) -> str:
    """The same letter has the same id for ever: sent twice after a crash, it can be recognised."""
    digest = hashlib.sha256(dedupe.encode()).hexdigest()[:40]
    return f"<{digest}@{settings.mail_from.rpartition('@')[2]}>"


def deliverable(email: str) -> str:
    """The address with its domain as the wire wants it (IDNA), without anything that could end a header."""
    local, _, domain = one_line(email).replace(" ", "").rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return f"{local}@{domain}"


def _to(name: str, email: str) -> Address | str:
    if email.isascii():
        return Address(name, addr_spec=email)
    quoted = name.replace("\\", "").replace('"', "")
    return f'"{quoted}" <{email}>' if quoted else email
