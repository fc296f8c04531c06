"""Which sessions a signed-in person may run, and which they may look at. What is neither is not found.

To run: who hosts it, who co-hosts it, and the managers of the organisation it was planned for (somebody must call it off
when the host is ill). To look at, without the citizens' names: also the coordinators of the venue's département, and
administrators.
"""

from __future__ import annotations

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from ateliers.people import Standing
from ateliers.refusals import NotFound
from ateliers.workshops import LARGEST_ID, CoHost, Session


def run_by(me: Standing) -> QuerySet[Session]:
    """The sessions that `me` runs, drafts included."""
    return Session.filter(_runs(me))


def seen_by(me: Standing) -> QuerySet[Session]:
    """The sessions that `me` may look at: those they run, and those of where they coordinate."""
    if me.is_admin:
        return Session.all()
    return Session.filter(_runs(me) | Q(venue__department__in=list(me.coordinates)))


def hosted_by(me: Standing) -> QuerySet[Session]:
    """The sessions that `me` hosts or co-hosts: what is in their own week."""
    return Session.filter(_hosts(me))


async def session_run_by(me: Standing, session_id: int) -> Session:
    """The session with its workshop, venue and counsellor. Raises NotFound: there is none, or it is not theirs to run."""
    return await _one(run_by(me), session_id)


async def session_seen_by(me: Standing, session_id: int) -> Session:
    """The session with its workshop, venue and counsellor. Raises NotFound: there is none, or it is not theirs to see."""
    return await _one(seen_by(me), session_id)


async def _one(sessions: QuerySet[Session], session_id: int) -> Session:
    if session_id > LARGEST_ID:
        raise NotFound
    found = (
        await sessions.filter(id=session_id).select_related("workshop", "venue", "counsellor", "organisation").first()
    )
    if found is None:
        raise NotFound
    return found


def _hosts(me: Standing) -> Q:
    cohosted = CoHost.filter(counsellor_id=me.id).values("session_id")
    return Q(counsellor_id=me.id) | Q(id__in=Subquery(cohosted))


def _runs(me: Standing) -> Q:
    return _hosts(me) | Q(organisation_id__in=list(me.manages)) if me.manages else _hosts(me)
