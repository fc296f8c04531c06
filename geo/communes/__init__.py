"""The communes of France, overseas included: finding them, and building the table they are found in.

``Gazetteer`` finds. ``official.update_communes`` (the State's API) and ``packages.build_from_packages`` build; they are
imported from their modules, because what they need is of no use to a server.
"""

from geo.communes.departments import department_named
from geo.communes.gazetteer import Epci, Gazetteer
from geo.communes.suggestions import Suggestion
from geo.communes.table import Built, Commune, GazetteerUnreadable, Progress

__all__ = [
    "Built",
    "Commune",
    "Epci",
    "Gazetteer",
    "GazetteerUnreadable",
    "Progress",
    "Suggestion",
    "department_named",
]
