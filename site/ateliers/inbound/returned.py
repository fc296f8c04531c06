"""What comes back: the report of a mail server that a letter could not be delivered (RFC 3464, RFC 6522). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from ateliers.inbound.reading import HEADER_CHARACTERS, Mail, address_in

_MESSAGE_ID = re.compile(r"<[^<>\s\x00-\x1f]{1,200}>")
MOST_RECIPIENTS = 20
# A letter that is refused for what it says, or by a rule, or because we are not liked, does not make an address wrong.
_NOT_THE_ADDRESS = re.compile(r"[45]\.[367]\.")


@dataclass(frozen=True)
class Returned:
    """Which letter did not arrive, and to whom."""

    message_id: str
    addresses: tuple[str, ...]


def returned_in(mail: Mail) -> Returned | None:
    """The failure that a message reports, None when it is no such report, or only a delay. Never raises."""
    try:
        return _returned(mail)
    except Exception:  # a forged report is past listing
        return None


def _returned(mail: Mail) -> Returned | None:
    top = mail.parts[0]
    if top.get_content_type() != "multipart/report" or str(top.get_param("report-type")).lower() != "delivery-status":
        return None
    addresses: list[str] = []
    message_id = ""
    for part in mail.parts[1:]:
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            addresses += _failed(part)
        elif kind in {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"}:
            message_id = message_id or _message_id(part)
    found = tuple(dict.fromkeys(addresses))[:MOST_RECIPIENTS]
    return Returned(message_id, found) if message_id and found else None


def _failed(part: Message) -> list[str]:
    blocks = part.get_payload()
    found = []
    for block in blocks if isinstance(blocks, list) else []:
        if not isinstance(block, Message) or str(block.get("Action", "")).strip().lower() != "failed":
            continue
        if _NOT_THE_ADDRESS.match(str(block.get("Status", "")).strip()):
            continue
        kind, _, address = str(block.get("Final-Recipient", ""))[:HEADER_CHARACTERS].partition(";")
        if kind.strip().lower() in {"rfc822", "utf-8"} and address_in(address):
            found.append(address_in(address))
    return found


def _message_id(part: Message) -> str:
    inside = part.get_payload()
    letter = next(iter(inside), None) if isinstance(inside, list) else HeaderParser().parsestr(str(inside))
    if not isinstance(letter, Message):
        return ""
    value = str(letter.get("Message-ID", ""))[:HEADER_CHARACTERS].strip()
    return value if _MESSAGE_ID.fullmatch(value) else ""
