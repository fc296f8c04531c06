"""Whether an answer is surely the person's own: by the secret address it was sent to, or by what our mail server found.

Our mail server writes its findings into Authentication-Results (RFC 8601). Anybody may write such a header: only the
topmost that bears our server's name counts, it must remove those of others that do (§5), and below a server that is not
ours nothing counts.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ateliers.inbound.reading import Mail, address_in

_ENTRY = re.compile(r"([A-Za-z0-9_.-]+)(?:\s*/\s*\d+)?\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;\"]+)")
_BY = re.compile(r"(?:^|\s)by\s+([^\s;]+)", re.IGNORECASE)
_FROM = re.compile(r"^from\s", re.IGNORECASE)
TO_HEADERS = ("delivered-to", "x-original-to", "envelope-to", "to")


@dataclass(frozen=True)
class Finding:
    """One result, as `dkim=pass header.d=exemple.fr`: all in lower case."""

    method: str
    result: str
    properties: dict[str, str]


def proves(mail: Mail, person: str, *, recipients: Iterable[str], secret_address: str, authserv_id: str) -> bool:
    """Whether this message is surely from `person` (an address in lower case).

    `secret_address`: the ORGANIZER of their booking, "" when it has none of its own; `authserv_id`: our mail server's
    name, "" when none is trusted.
    """
    if secret_address and _carries(mail, recipients, secret_address):
        return True
    # The very address, not only the domain: at a large provider everybody has the same.
    return bool(authserv_id) and mail.sender == person and is_aligned(findings(mail, authserv_id), person)


def _carries(mail: Mail, recipients: Iterable[str], secret_address: str) -> bool:
    wanted = secret_address.lower().encode()
    values = [*recipients, *(value for name in TO_HEADERS for value in mail.all(name))]
    seen = (address_in(word) for value in values for word in re.split(r"[\s,;]+", value))
    # In constant time: how long it took must not tell how near a guess was.
    return any(hmac.compare_digest(each.encode("utf-8", "replace"), wanted) for each in seen)


def findings(mail: Mail, authserv_id: str) -> list[Finding]:
    """What our own mail server found about a message: [] when it found nothing, or nothing that can be believed."""
    for name, value in mail.headers:
        if name == "received" and not _is_ours(value, authserv_id):
            return []
        if name == "authentication-results":
            server, found = parse(value)
            if server == authserv_id:
                return found
    return []


def parse(value: str) -> tuple[str, list[Finding]]:
    """The server's name and its findings, of one header (RFC 8601 §2.2). Nonsense gives nothing."""
    head, *rest = _chunks(_without_comments(value))
    server = head.split()[0].strip('"').lower() if head.split() else ""
    found = []
    for chunk in rest:
        pairs = [(name.lower(), _unquoted(text).lower()) for name, text in _ENTRY.findall(chunk)]
        if pairs:
            (method, result), *properties = pairs
            found.append(Finding(method, result, dict(reversed(properties))))
    return server, found


def is_aligned(found: Sequence[Finding], person: str) -> bool:
    """Whether what passed was the domain of `person`: DMARC, or DKIM or SPF of that domain (RFC 7489 §3.1)."""
    domain = person.rpartition("@")[2]
    if not domain or any(each.method == "dmarc" and each.result == "fail" for each in found):
        return False
    passed = [each for each in found if each.result == "pass"]
    return any(
        (each.method == "dmarc" and each.properties.get("header.from") == domain)
        or (each.method == "dkim" and _signer(each.properties) == domain)
        or (each.method == "spf" and _host(each.properties.get("smtp.mailfrom", "")) == domain)
        for each in passed
    )


def _signer(properties: dict[str, str]) -> str:
    return properties.get("header.d") or _host(properties.get("header.i", ""))


def _host(text: str) -> str:
    return text.rpartition("@")[2]


def _is_ours(received: str, authserv_id: str) -> bool:
    """Whether a server of ours took the message over: the one trusted, a neighbour of it, or one inside (amavis)."""
    text = _without_comments(received)
    by = _BY.search(text)
    if by is None:
        return False
    host = by.group(1).lower().strip("[].")
    if not _FROM.match(text) or "." not in host or host.startswith("127."):
        return True
    labels = authserv_id.split(".")
    around = ".".join(labels[1:]) if len(labels) > 2 else authserv_id
    return host == authserv_id or host.endswith(f".{around}")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _without_comments(value: str) -> str:
    """The text without what is in parentheses, which nest (RFC 5322 §3.2.2), but not inside quotes."""
    kept, depth, quoted, escaped = [], 0, False, False
    for sign in value:
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == '"' and not depth:
            quoted = not quoted
        elif not quoted and sign == "(":
            depth += 1
            continue
        elif not quoted and sign == ")" and depth:
            depth -= 1
            kept.append(" ")
            continue
        if not depth:
            kept.append(sign)
    return "".join(kept)


def _chunks(text: str) -> list[str]:
    """The text between semicolons that are not inside quotes."""
    found, quoted, escaped = [""], False, False
    for sign in text:
        if sign == ";" and not quoted:
            found.append("")
            continue
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == '"':
            quoted = not quoted
        found[-1] += sign
    return found
