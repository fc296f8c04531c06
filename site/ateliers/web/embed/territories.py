"""From a name that somebody wrote to the territories it may be: what the builder offers to choose from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ateliers.search import Search
from ateliers.search.hosts import counsellors, organisations
from ateliers.venues.names import find_by_name, plain
from geo.communes import Gazetteer

MOST = 8
KINDS = ("commune", "epci", "departement", "lieu", "conseiller", "organisation")


@dataclass(frozen=True)
class Territory:
    """`kind` is a parameter of a Search and `code` its value; `name` and `detail` tell it from others."""

    kind: str
    code: str
    name: str
    detail: str = ""

    def within(self, search: Search) -> Search:
        """The search, there and nowhere else."""
        read = Search.from_query([(self.kind, self.code)])
        return replace(
            search.anywhere(), counsellor_id=read.counsellor_id, organisation_id=read.organisation_id,
            commune=read.commune, epci=read.epci, department=read.department, venue_id=read.venue_id, complaints={},
        )  # fmt: skip


async def named_like(kind: str, text: str, gazetteer: Gazetteer, now: datetime) -> list[Territory]:
    """The territories of this kind whose name is like the text, best first, MOST at the most."""
    match kind:
        case "commune" | "departement":
            wanted = "commune" if kind == "commune" else "department"
            found = [each for each in gazetteer.suggest(text, 4 * MOST) if each.kind == wanted]
            if not found and kind == "commune":
                return [Territory(kind, c.insee, c.name, c.department) for c in gazetteer.find(text)[:MOST]]
            return [Territory(kind, each.code, each.label, each.detail) for each in found[:MOST]]
        case "epci":
            return [Territory(kind, each.code, each.name) for each in gazetteer.epcis_named(text, MOST)]
        case "lieu":
            venues = await find_by_name(text, MOST)
            return [Territory(kind, str(v.id), v.name, f"{v.postcode} {v.commune}") for v in venues]
        case "conseiller" | "organisation":
            hosts = await (counsellors(now) if kind == "conseiller" else organisations(now))
            words = plain(text).split()
            # Compared without accents, which neither database can do alone; there are some thousands of them.
            like = [host for host in hosts if words and all(word in plain(host.name) for word in words)]
            return [Territory(kind, str(host.id), host.name, host.commune) for host in like[:MOST]]
        case _:
            return []
