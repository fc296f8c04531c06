"""Names of venues: how they are compared, and finding one by a few words of it."""

from __future__ import annotations

import unicodedata

from ateliers.venues import Venue

_MOST_WORDS = 6


def plain(text: str) -> str:
    """Lower case without accents, ligatures or punctuation: how texts are compared."""
    text = text.lower().replace("œ", "oe").replace("æ", "ae")
    letters = (c if c.isalnum() else " " for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join("".join(letters).split())


def searchable(name: str, commune: str, postcode: str) -> str:
    """What `find_by_name` looks in, cut to the column."""
    return plain(f"{name} {commune} {postcode}")[:400]


def words_of(text: str) -> list[str]:
    """The words that a name is looked up by."""
    return plain(text[:200]).split()[:_MOST_WORDS]


async def find_by_name(text: str, limit: int = 8) -> list[Venue]:
    """Venues that hold every word of `text` in their name, commune or postcode, those open to the public only.

    Those whose name begins with the text come first, then by name. No word, no venue.
    """
    words = words_of(text)
    if not words:
        return []
    # `plain` leaves letters and digits only, so no word holds a wildcard of LIKE.
    query = Venue.filter(withdrawn_at__isnull=True)
    for word in words:
        query = query.filter(search_text__contains=word)
    found = await query.order_by("name", "id").limit(max(limit * 5, 50))
    start = " ".join(words)
    return sorted(found, key=lambda venue: not venue.search_text.startswith(start))[:limit]
