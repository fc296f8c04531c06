"""Standing: who the signed-in person is today, and so what they may open. Loaded once a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ateliers.people.counsellors import Coordination, Counsellor, Stay


@dataclass(frozen=True)
class Standing:
    """A counsellor with today's places: `works_for` and `manages` are organisation ids, `coordinates` département codes."""

    counsellor: Counsellor
    works_for: frozenset[int] = frozenset()
    manages: frozenset[int] = frozenset()
    coordinates: frozenset[str] = frozenset()

    @property
    def id(self) -> int:
        number: int = self.counsellor.id
        return number

    @property
    def is_admin(self) -> bool:
        return self.counsellor.admin_since is not None

    @property
    def leads(self) -> bool:
        """Whether they have people to invite or to approve."""
        return bool(self.manages or self.coordinates or self.is_admin)


async def standing_of(counsellor: Counsellor, today: date) -> Standing:
    """What `counsellor` may do on the day `today`."""
    stays = await Stay.on(today).filter(counsellor_id=counsellor.id)
    coordinations = await Coordination.on(today).filter(counsellor_id=counsellor.id)
    return Standing(
        counsellor,
        works_for=frozenset(stay.organisation_id for stay in stays),
        manages=frozenset(stay.organisation_id for stay in stays if stay.role == "manager"),
        coordinates=frozenset(each.department for each in coordinations),
    )
