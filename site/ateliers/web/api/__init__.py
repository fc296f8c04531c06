"""The open API: sessions, venues, themes, what the map and the search field ask for; its document and its page.

One `Endpoint` a door, in the module of what it gives. Whoever adds one adds its words to `templates/api/words.txt`.
"""

from __future__ import annotations

from ateliers.web.api import map, sessions, themes, venues
from ateliers.web.api.document import opening

ENDPOINTS, routes = opening([*sessions.endpoints, *venues.endpoints, *themes.endpoints, *map.endpoints])
