"""Who hosts the sessions that a search finds: counsellors by the name citizens read, organisations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ateliers.search import Search
from ateliers.search.query import Query


@dataclass(frozen=True)
class Host:
    """A counsellor or an organisation, with the commune where they have most sessions to come."""

    id: int
    name: str
    commune: str


async def counsellors(now: datetime) -> list[Host]:
    """Those who have a public session to come, the busiest first. Nobody else: this is no list of who works where."""
    return await _hosts("counsellor", "p.public_name", now)


async def organisations(now: datetime) -> list[Host]:
    """Those whose counsellors have a public session to come for them, the busiest first."""
    return await _hosts("organisation", "p.name", now)


async def _hosts(table: str, name: str, now: datetime) -> list[Host]:
    query = Query(Search(), now)
    rows = await query.run(
        f"SELECT p.id AS id, {name} AS name, v.commune AS commune, COUNT(*) AS n"
        f" {query.tables} JOIN {table} p ON p.id = s.{table}_id WHERE {query.conditions}"
        f" GROUP BY p.id, {name}, v.commune ORDER BY n DESC, p.id, v.commune"
    )
    found: dict[int, Host] = {}
    for row in rows:
        found.setdefault(row["id"], Host(row["id"], str(row["name"]), str(row["commune"])))
    return list(found.values())
