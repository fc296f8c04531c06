"""The words of the API's document, its page and its problems, in the request's language: `templates/api/words.txt`."""

from __future__ import annotations

from functools import cache

from ateliers.i18n import current_language, using_language
from ateliers.templating import fragment


def words() -> dict[str, str]:
    """Each text by its name."""
    return _words(current_language())


@cache
def _words(language: str) -> dict[str, str]:
    with using_language(language):
        lines = fragment("api/words.txt").splitlines()
    return {name: text for name, equals, text in (line.partition("=") for line in lines) if equals}
