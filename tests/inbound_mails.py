"""Answers and bounces as they come: made by a calendar library from our own letter, and in the shapes of the large programs."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default

import icalendar
from icalendar import Calendar, Event, vCalAddress

RELAY = "mx.ville.example"  # the relay that our tests trust
PASS = "dkim=pass (2048-bit key) header.d=exemple.fr header.i=@exemple.fr header.s=s1; spf=pass smtp.mailfrom=chloe@exemple.fr; dmarc=pass (p=NONE) header.from=exemple.fr"  # noqa: E501
STAMP = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


def invitation(letter: bytes) -> Event:
    """The event in a letter of ours, as a mail program finds it."""
    message = message_from_bytes(letter, policy=default)
    part = next(part for part in message.walk() if part.get_content_type() == "text/calendar")
    event = Calendar.from_ical(part.get_payload(decode=True)).walk("VEVENT")[0]  # type: ignore[arg-type]
    assert isinstance(event, Event)
    return event


def answer_text(event: Event, partstat: str, stamp: datetime = STAMP, **changes: object) -> bytes:
    """What a calendar library answers to an event (RFC 5546 §3.2.3)."""
    calendar, reply = Calendar(), Event()
    calendar.add("prodid", "-//A calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", changes.get("method", "REPLY"))
    attendee = vCalAddress(str(changes.get("attendee", event["ATTENDEE"])))
    attendee.params["PARTSTAT"] = partstat
    reply.add("attendee", attendee)
    reply.add("organizer", event["ORGANIZER"])
    for name in ("uid", "sequence", "dtstart", "dtend", "summary"):
        if name.upper() in event:
            reply.add(name, changes.get(name, event[name.upper()]), encode=0)
    reply.add("dtstamp", stamp)
    calendar.add_component(reply)
    return bytes(calendar.to_ical())


def answer(event: Event, partstat: str = "DECLINED", stamp: datetime = STAMP, **changes: object) -> bytes:
    """The whole mail: iMIP (RFC 6047), to the organiser."""
    message = EmailMessage(policy=SMTP)
    message["From"] = str(changes.get("sender", "Chloé Martin <chloe@exemple.fr>"))
    message["To"] = str(changes.get("to", event["ORGANIZER"].removeprefix("mailto:")))
    message["Subject"] = "Refusé : Café IA"
    message["Message-ID"] = "<1@exemple.fr>"
    for name, value in dict(changes.get("headers", {})).items():  # type: ignore[call-overload]
        message[name] = value
    message.set_content("Chloé ne viendra pas.")
    text = answer_text(event, partstat, stamp, **changes)
    message.add_alternative(text, maintype="text", subtype="calendar", cte="base64")
    part = list(message.iter_parts())[-1]
    part.set_param("method", str(changes.get("method", "REPLY")))
    part.set_param("charset", "utf-8")
    return message.as_bytes()


def relayed(raw: bytes, results: str = PASS, relay: str = RELAY, name: str = "") -> bytes:
    """As our relay hands it on: what it found on top, then its own trace (RFC 5321 §4.4)."""
    head = (
        f"Return-Path: <chloe@exemple.fr>\r\nAuthentication-Results: {name or relay}; {results}\r\n" if results else ""
    )
    trace = (
        f"Received: from mail.exemple.fr (mail.exemple.fr [192.0.2.7])\r\n\tby {relay} (Postfix) with ESMTPS id 4F2\r\n"
    )
    return f"{head}{trace}\tfor <inscriptions@ateliers.example>; Wed, 25 Nov 2026 09:00:01 +0100\r\n".encode() + raw


def stamped(stamp: datetime) -> str:
    return stamp.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def gmail(event: Event, partstat: str, stamp: datetime = STAMP) -> bytes:
    """As Google Calendar answers: alternative with the calendar in it, and again as a file; two senders."""
    organizer = str(event["ORGANIZER"]).removeprefix("mailto:")
    ics = (
        "BEGIN:VCALENDAR\r\nPRODID:-//Google Inc//Google Calendar 70.9054//EN\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\n"
        "METHOD:REPLY\r\nBEGIN:VEVENT\r\nDTSTART:20261201T130000Z\r\nDTEND:20261201T150000Z\r\n"
        f"DTSTAMP:{stamped(stamp)}\r\nORGANIZER;CN=France services:mailto:{organizer}\r\nUID:{event['UID']}\r\n"
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT="
        f"{partstat};CN=Chl\r\n o;X-NUM-GUESTS=0:mailto:chloe@exemple.fr\r\n"
        f"CREATED:20261124T090000Z\r\nDESCRIPTION:\r\nLAST-MODIFIED:{stamped(stamp)}\r\nLOCATION:Guéret\r\n"
        f"SEQUENCE:{event['SEQUENCE']}\r\nSTATUS:CONFIRMED\r\nSUMMARY:Café IA\r\nTRANSP:OPAQUE\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    message = EmailMessage(policy=SMTP)
    message["MIME-Version"] = "1.0"
    message["Reply-To"] = "Chloe <chloe@exemple.fr>"
    message["Sender"] = "Google Calendar <calendar-notification@google.com>"
    message["Auto-Submitted"] = "auto-generated"
    message["Message-ID"] = "<calendar-8d1c@google.com>"
    message["Subject"] = "Declined: Café IA"
    message["From"] = "Chloe <chloe@exemple.fr>"
    message["To"] = organizer
    message.set_content("Chloe has declined this invitation.")
    message.add_alternative("<p>Chloe has declined this invitation.</p>", subtype="html")
    message.add_alternative(ics.encode(), maintype="text", subtype="calendar", cte="8bit")
    part = list(message.iter_parts())[-1]
    part.replace_header("Content-Type", 'text/calendar; charset="UTF-8"; method=REPLY')
    message.add_attachment(ics.encode(), maintype="application", subtype="ics", filename="invite.ics")
    return message.as_bytes()


def outlook(event: Event, partstat: str, stamp: datetime = STAMP) -> bytes:
    """As Exchange answers: MAILTO in capitals, a zone of Microsoft's, base64, the text empty."""
    organizer = str(event["ORGANIZER"]).removeprefix("mailto:")
    ics = (
        "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nPRODID:Microsoft Exchange Server 2010\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\n"
        "TZID:Romance Standard Time\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\n"
        "TZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\n"
        "DTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
        "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
        f"ATTENDEE;PARTSTAT={partstat};CN=Chloé Martin:MAILTO:Chloe@exemple.fr\r\nCOMMENT;LANGUAGE=fr-FR:\\n\r\n"
        f"UID:{event['UID']}\r\nSUMMARY;LANGUAGE=fr-FR:Refusé : Café IA\r\n"
        "DTSTART;TZID=Romance Standard Time:20261201T140000\r\nDTEND;TZID=Romance Standard Time:20261201T160000\r\n"
        f"CLASS:PRIVATE\r\nPRIORITY:5\r\nDTSTAMP:{stamped(stamp)}\r\nTRANSP:OPAQUE\r\nSTATUS:CONFIRMED\r\n"
        f"SEQUENCE:{event['SEQUENCE']}\r\nLOCATION;LANGUAGE=fr-FR:Guéret\r\nX-MICROSOFT-CDO-APPT-SEQUENCE:0\r\n"
        "X-MICROSOFT-CDO-OWNERAPPTID:0\r\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY\r\nX-MICROSOFT-CDO-INTENDEDSTATUS:BUSY\r\n"
        "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE\r\nX-MICROSOFT-CDO-IMPORTANCE:1\r\nX-MICROSOFT-CDO-INSTTYPE:0\r\n"
        "X-MICROSOFT-DISALLOW-COUNTER:FALSE\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    message = EmailMessage(policy=SMTP)
    message["From"] = "Chloé Martin <Chloe@exemple.fr>"
    message["To"] = f'"France services" <{organizer}>'
    message["Subject"] = "Refusé : Café IA"
    message["Message-ID"] = "<AM0PR07MB1@AM0PR07MB1.eurprd07.prod.outlook.com>"
    message["X-MS-Has-Attach"] = ""
    message["X-MS-Exchange-Calendar-Originator-Id"] = "uDjNFKVyBkKhAD9f"
    message.set_content("\n")
    message.add_alternative(ics.encode(), maintype="text", subtype="calendar", cte="base64")
    list(message.iter_parts())[-1].replace_header("Content-Type", 'text/calendar; charset="utf-8"; method=REPLY')
    return message.as_bytes()


def apple(event: Event, partstat: str, stamp: datetime = STAMP) -> bytes:
    """As Apple's Calendar answers: the calendar alone beside a text, named, with the address twice."""
    organizer = str(event["ORGANIZER"]).removeprefix("mailto:")
    ics = (
        "BEGIN:VCALENDAR\r\nCALSCALE:GREGORIAN\r\nPRODID:-//Apple Inc.//macOS 15.1//EN\r\nVERSION:2.0\r\nMETHOD:REPLY\r\n"
        "BEGIN:VEVENT\r\nCREATED:20261124T090000Z\r\n"
        f'ATTENDEE;CN="Chloé Martin";CUTYPE=INDIVIDUAL;EMAIL="chloe@exemple.fr";PARTSTAT={partstat}'
        f":mailto:chloe@exemple.fr\r\nDTEND;TZID=Europe/Paris:20261201T160000\r\nDTSTAMP:{stamped(stamp)}\r\n"
        f"DTSTART;TZID=Europe/Paris:20261201T140000\r\nLAST-MODIFIED:{stamped(stamp)}\r\n"
        f'ORGANIZER;CN="France services":mailto:{organizer}\r\nSEQUENCE:{event["SEQUENCE"]}\r\nSUMMARY:Café IA\r\n'
        f"UID:{event['UID']}\r\nX-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    message = EmailMessage(policy=SMTP)
    message["From"] = "Chloé Martin <chloe@exemple.fr>"
    message["To"] = organizer
    message["Subject"] = "Chloé Martin a décliné"
    message["X-Mailer"] = "iPhone Mail (22B91)"
    message.set_content("Chloé a décliné l’invitation.")
    message.add_attachment(ics.encode(), maintype="text", subtype="calendar", filename="meeting.ics", cte="base64")
    list(message.iter_parts())[-1].set_param("method", "REPLY")
    return message.as_bytes()


PROGRAMS = {"gmail": gmail, "outlook": outlook, "apple": apple, "library": answer}


def bounce(
    letter: bytes,
    address: str = "chloe@exemple.fr",
    *,
    action: str = "failed",
    status: str = "5.1.1",
    headers_only: bool = False,
    message_id: str = "",
) -> bytes:
    """A report as Postfix writes it (RFC 3464): to the empty sender's letter, called auto-replied."""
    original = letter if not message_id else letter.replace(_message_id(letter), message_id.encode())
    kind, content = ("text/rfc822-headers", original.partition(b"\r\n\r\n")[0] + b"\r\n\r\n") if headers_only else (
        "message/rfc822", original)  # fmt: skip
    return (
        b"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.ville.example (Mail Delivery System)\r\n"
        b"To: inscriptions@ateliers.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nMessage-Id: <20261125080001.1@mx.ville.example>\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="4F2.1/mx.ville.example"\r\n\r\n'
        b"This is a MIME-encapsulated message.\r\n\r\n--4F2.1/mx.ville.example\r\nContent-Description: Notification\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry to have to inform you\r\n\r\n"
        b"--4F2.1/mx.ville.example\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mx.ville.example\r\nX-Postfix-Queue-ID: 4F2\r\nArrival-Date: Wed, 25 Nov 2026 09:00:00 +0100\r\n"
        b"\r\nFinal-Recipient: rfc822; " + address.encode() + b"\r\nOriginal-Recipient: rfc822;" + address.encode()
        + b"\r\nAction: " + action.encode() + b"\r\nStatus: " + status.encode()
        + b"\r\nRemote-MTA: dns; mail.exemple.fr\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n"
        b"--4F2.1/mx.ville.example\r\nContent-Description: Undelivered Message\r\nContent-Type: " + kind.encode()
        + b"\r\n\r\n" + content + b"\r\n--4F2.1/mx.ville.example--\r\n"
    )  # fmt: skip


def _message_id(letter: bytes) -> bytes:
    return str(message_from_bytes(letter, policy=default)["Message-ID"]).encode()


__all__ = [
    "PASS",
    "PROGRAMS",
    "RELAY",
    "STAMP",
    "answer",
    "answer_text",
    "bounce",
    "icalendar",
    "invitation",
    "relayed",
]
