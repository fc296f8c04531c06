"""The picture that goes with a shared link (Open Graph): what it says. `printouts.drawing` draws it.

It says what does not change with every booking, so that the same session is the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ateliers import i18n, modules
from ateliers.letters.lines import one_line
from ateliers.templating import fragment
from ateliers.workshops import Session


@dataclass(frozen=True)
class Picture:
    """What is drawn, in the words of one language. Equal pictures have equal bytes."""

    title: str
    theme: str
    icon: str
    when: str
    where: str
    brand: str
    badge: str
    called_off: bool

    @property
    def alternative(self) -> str:
        """All that it says, for whoever does not see it."""
        return f"{self.title}. {self.when}. {self.where}. {self.badge}."


def picture_of(session: Session) -> Picture:
    """The picture of a session (workshop and venue loaded), in the current language.

    In French where that is written from right to left: Arabic letters join, and need a shaper that Pillow takes from
    the system if there is one. The same session must be the same bytes everywhere.
    """
    if i18n.direction(i18n.current_language()) == "rtl":
        with i18n.using_language(i18n.DEFAULT):
            return picture_of(session)
    theme = modules.THEMES[session.workshop.theme]
    text = fragment(
        "printouts/picture.txt",
        session=session,
        workshop=session.workshop,
        venue=session.venue,
        theme=theme,
        one_line=one_line,
    )
    words = dict(line.split("=", 1) for line in text.splitlines() if line)
    off = session.called_off_at is not None
    return Picture(
        title=words["title"],
        theme=words["theme"],
        icon=theme.icon,
        when=words["when"],
        where=words["where"],
        brand=words["brand"],
        badge=words["off" if off else "free"],
        called_off=off,
    )
