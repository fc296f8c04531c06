"""The words of a text: one template of `templates/letters/sms/`, made to fit one message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ateliers.i18n import WORDS, gettext, using_language, without_isolates
from ateliers.sms.gsm7 import EACH_UCS2, LONGEST, cut, normal, size
from ateliers.templating import environment

SITE_CHARACTERS = 45  # of the site's address: each text holds it, and must still say what it is about
WIDEST = 2 * EACH_UCS2  # of a language whose letters are not in the alphabet: two parts, never more
# Septets for the title and for the place, from the most generous on: the first that fits is sent.
_ROOM = ((60, 40), (48, 34), (36, 32), (28, 28), (22, 28), (20, 20), (20, 12), (16, 0), (12, 0), (0, 0))
_plain = environment.overlay(autoescape=False)


def compose(template: str, language: str, *, title: str, place: str, words: Mapping[str, Any]) -> str:
    """The text, of at most 160 septets; of at most `WIDEST` UTF-16 units where the language's own letters need UCS-2.

    `title` is a text of the catalogue, translated here; it and `place` are shortened as far as needed. Raises ValueError
    when even without them it does not fit: a template is too long, or the site's address is.
    """
    with using_language(language):
        named, where = " ".join(gettext(title).split()), normal(place)
        if not _is_wide(language):
            named = normal(named)
        for most, most_place in _ROOM:
            said = _plain.get_template(f"letters/sms/{template}.txt").render(
                words, title=cut(named, most), place=cut(where, most_place)
            )
            text = _in_alphabet(" ".join(without_isolates(said).split()).replace("....", "..."))
            measured = size(text)
            if measured.units <= (WIDEST if measured.wide else LONGEST):
                return text
    raise ValueError(f"the text {template} does not fit one message in {language}")


def _is_wide(language: str) -> bool:
    """Whether a language, as its own name shows, has letters without a likeness in the alphabet: Arabic, Ukrainian."""
    return any(sign.isalpha() and not normal(sign) for sign in WORDS["languages"].get(language, ""))


def _in_alphabet(said: str) -> str:
    """Accents go where the letters stay: French. A language that would lose letters keeps all of its own."""
    plain = normal(said)
    lost = sum(1 for sign in said if sign.isalpha() and not normal(sign))
    return said if lost else plain
