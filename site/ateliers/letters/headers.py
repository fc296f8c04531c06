"""Headers of letters, parsed and folded once: of the thirty that a letter has, all but four are the same in the next one.

The standard library makes a class for each header that it is given, parses it, and parses it again to fold it: three
milliseconds of a booking.
"""

from __future__ import annotations

from email.headerregistry import HeaderRegistry
from email.policy import EmailPolicy
from functools import lru_cache
from typing import Any

_MOST = 2_000


class _Registry(HeaderRegistry):
    """Gives the same header, which nobody can change, for the same words."""

    def __init__(self) -> None:
        super().__init__()
        self._known = lru_cache(_MOST)(super().__call__)

    def __call__(self, name: str, value: Any) -> Any:
        return self._known(name, value) if type(value) is str else super().__call__(name, value)


_folded: dict[tuple[object, ...], bytes] = {}


class LetterPolicy(EmailPolicy):
    """`email.policy.SMTP`, with what it makes of a header kept."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        # By what folding depends on, not by the policy: the library makes another for each letter that it writes.
        key = self.utf8, self.max_line_length, self.linesep, self.cte_type, name, type(value).__name__, str(value)
        found = _folded.get(key)
        if found is None:
            found = super().fold_binary(name, value)
            if len(_folded) >= _MOST:
                _folded.clear()
            _folded[key] = found
        return found


SMTP = LetterPolicy(linesep="\r\n", header_factory=_Registry())
SMTPUTF8 = SMTP.clone(utf8=True)
