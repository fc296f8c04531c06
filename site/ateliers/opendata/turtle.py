"""A tree of JSON-LD as Turtle (https://www.w3.org/TR/turtle/): what `catalogue` uses of it, no more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def turtle(tree: Mapping[str, Any]) -> str:
    """The statements of `tree`, whose `@context` is a plain table of prefixes and whose nodes are whole objects."""
    prefixes = [f"@prefix {prefix}: <{address}> ." for prefix, address in tree["@context"].items()]
    # A node that is named is said once, at the top; one without a name where it is used.
    return "\n".join([*prefixes, "", *(_statements(node) for node in _named(tree))])


def _named(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "@id" in node and len(node) > 1:
        yield node
    for key, value in node.items():
        if key != "@context":
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, Mapping) and "@value" not in each:
                    yield from _named(each)


def _statements(node: Mapping[str, Any]) -> str:
    return f"{_address(node['@id'])}\n    {_pairs(node)} .\n"


def _pairs(node: Mapping[str, Any]) -> str:
    said = []
    for key, value in node.items():
        values = value if isinstance(value, list) else [value]
        if key == "@type":
            said.append(f"a {', '.join(values)}")
        elif not key.startswith("@"):
            said.append(f"{key} {', '.join(map(_object, values))}")
    return " ;\n    ".join(said)


def _object(value: Mapping[str, Any]) -> str:
    if "@value" in value:
        text = re.sub(r'[\\"\n\r\t]', lambda found: _ESCAPES[found.group()], value["@value"])
        kind = f"@{value['@language']}" if "@language" in value else f"^^{value['@type']}" if "@type" in value else ""
        return f'"{text}"{kind}'
    return _address(value["@id"]) if "@id" in value else f"[ {_pairs(value)} ]"


def _address(address: str) -> str:
    """An IRI, without what Turtle forbids inside its brackets."""
    return "<" + re.sub(r'[\x00-\x20<>"{}|^`\\]', lambda found: f"%{ord(found.group()):02X}", address) + ">"
