"""The words of the tables that leave the desk: headers and states, from a template, where gettext reads them."""

from __future__ import annotations

from ateliers.templating import fragment


def sheet_words() -> dict[str, str]:
    """By code, in the current language."""
    lines = fragment("desk/sheet_words.txt").splitlines()
    return dict(line.strip().split("=", 1) for line in lines if "=" in line)
