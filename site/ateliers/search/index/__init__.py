"""The sessions of the country in this process's memory, as columns: a search there takes a fraction of a millisecond.

`keeper` says how fresh it is, `matching` finds, `index` answers. The SQL of `search.query` gives the same answers, and is asked
whenever there is no index; tests compare the two.
"""

from __future__ import annotations

from ateliers.search.index.index import Index
from ateliers.search.index.keeper import Keeper, current, kept_index, ready
from ateliers.search.index.names import Named
from ateliers.search.index.shown import Shown

__all__ = ["Index", "Keeper", "Named", "Shown", "current", "kept_index", "ready"]
