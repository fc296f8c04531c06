"""The French of the demonstration, read from the TOML files beside this one, and "of" before a commune."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from ateliers.venues.names import plain


def _read(name: str) -> Mapping[str, Any]:
    text = files("ateliers.demo").joinpath(name).read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


VENUES = _read("venues.toml")
SESSIONS = _read("sessions.toml")
PEOPLE = _read("people.toml")


def of(commune: str) -> str:
    """The commune's name after its preposition, contracted or elided as French does it."""
    rules = VENUES["of"]
    lowered = commune.lower().replace("’", "'")
    for article, pattern in rules["contracted"].items():
        if lowered.startswith(article):
            return str(pattern).format(rest=commune[len(article) :])
    if lowered.startswith(tuple(rules["kept"])):
        return str(rules["otherwise"]).format(name=commune)
    elided = (plain(commune) + " ").startswith(tuple(rules["elided_before"]))
    return str(rules["elided" if elided else "otherwise"]).format(name=commune)
