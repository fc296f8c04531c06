"""Where a page ended, as an opaque text: the next one begins behind it, whatever rows have come or gone since."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ateliers.search import Search

LONGEST_CURSOR = 200  # characters
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Cursor:
    """The sort key of the last row given: squared kilometres where nearest comes first, then the start, then the id.

    A venue has no start.
    """

    id: int
    starts_at: datetime | None = None
    distance: float | None = None

    def text(self, search: Search) -> str:
        """URL-safe, without padding. It is no secret: it says nothing that its page did not."""
        starts = self.starts_at.astimezone(UTC).isoformat() if self.starts_at else None
        written = json.dumps([_digest(search), self.id, starts, self.distance], separators=(",", ":"))
        return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, search: Search, *, dated: bool = True) -> Cursor:
        """The cursor of `text`. Raises ValueError where it is none, or another search's. `dated`: of sessions."""
        try:
            padded = text + "=" * (-len(text) % 4)
            digest, number, starts, distance = json.loads(base64.b64decode(padded, b"-_", validate=True))
            starts_at = datetime.fromisoformat(starts) if starts is not None else None
        except (binascii.Error, UnicodeError, TypeError, RecursionError) as error:
            raise ValueError("not a cursor") from error
        fits = (
            digest == _digest(search)
            and type(number) is int
            and 0 < number <= _LARGEST_ID
            and (starts_at is not None and starts_at.tzinfo is not None) is dated
            and (type(distance) in (float, int) and math.isfinite(distance)) is search.is_by_distance
        )
        if not fits:
            raise ValueError("a cursor of another search")
        return cls(number, starts_at.astimezone(UTC) if starts_at else None, float(distance) if distance else distance)


def _digest(search: Search) -> str:
    # The place is written by its label, the position rounded: what a URL says, which is what the next URL repeats.
    return hashlib.sha256(replace(search, page=1).query().encode()).hexdigest()[:12]
