"""What a partner sends, as JSON: the same fields and the same limits as the desk's form. Also its JSON Schema, for OpenAPI."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    WithJsonSchema,
)

from ateliers import modules
from ateliers.venues import Venue
from ateliers.web.forms import clean, clean_lines
from ateliers.workshops import LARGEST_ID, Session
from ateliers.workshops.planning import (
    LEAST_MINUTES,
    LETTERS,
    MOST_MINUTES,
    MOST_OUTCOMES,
    MOST_PLACES,
    Content,
    Terms,
)

SCOPES = Literal["one", "following", "all"]


def _one_line(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def _lines(value: Any) -> Any:
    return clean_lines(value) if isinstance(value, str) else value


def _whole_minute(value: datetime) -> datetime:
    if value.second or value.microsecond or not 2020 <= value.year <= 2099:
        raise ValueError("a whole minute, of a year from 2020 to 2099")
    return value


def _integer(value: Any) -> Any:
    """JSON Schema's integers are numbers without a fraction: 90.0 is one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _known(codes: Any) -> Any:
    def check(value: str) -> str:
        if value not in codes:
            raise ValueError(f"one of: {', '.join(codes)}")
        return value

    return AfterValidator(check)


def _enum(codes: Any) -> Any:
    return WithJsonSchema({"type": "string", "enum": list(codes)})


def _text(name: str) -> Any:
    return Field(max_length=LETTERS[name])


# A day that its month has not is left to the reading.
_WALL = "^20[2-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:00)?$"
Theme = Annotated[str, _known(modules.THEMES), _enum(modules.THEMES)]
Level = Annotated[str, _known(modules.LEVELS), _enum(modules.LEVELS)]
Audience = Annotated[str, _known(modules.AUDIENCES), _enum(modules.AUDIENCES)]
Language = Annotated[str, _known(modules.LANGUAGES), _enum(modules.LANGUAGES)]
Module = Annotated[str, _known(modules.MODULES), _enum(modules.MODULES)]
WHOLE = BeforeValidator(_integer)
Line = Annotated[str, BeforeValidator(_one_line)]
Lines = Annotated[str, BeforeValidator(_lines)]
Wall = Annotated[
    NaiveDatetime,
    AfterValidator(_whole_minute),
    WithJsonSchema({"type": "string", "pattern": _WALL}),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, strict=True)


class SessionChange(_Body):
    """What is to be different. A field that is left out stays as it is."""

    title: Annotated[Line, Field(min_length=3, max_length=LETTERS["title"])] | None = None
    promise: Annotated[Line, _text("promise")] | None = Field(None, description="What one does there, in two sentences")
    outcomes: list[Annotated[Line, Field(min_length=1, max_length=200)]] | None = Field(
        None, max_length=MOST_OUTCOMES, description="What one can do afterwards, a line each"
    )
    for_whom: Annotated[Line, _text("for_whom")] | None = None
    bring: Annotated[Line, _text("bring")] | None = None
    description: Annotated[Lines, _text("description")] | None = Field(None, description="Markdown, without HTML")
    equipment: Annotated[Line, _text("equipment")] | None = Field(None, description="What is lent")
    accessibility: Annotated[Line, _text("accessibility")] | None = None
    theme: Theme | None = None
    level: Level | None = None
    audiences: list[Audience] | None = Field(None, min_length=1, max_length=20)
    language: Language | None = None
    venue_id: Annotated[int, Field(ge=1, le=LARGEST_ID), WHOLE] | None = None
    room: Annotated[Line, _text("room")] | None = None
    starts_local: Wall | None = Field(
        None, description="Start on the clock of the venue's wall, without offset: 2027-03-09T14:00"
    )
    minutes: Annotated[int, Field(ge=LEAST_MINUTES, le=MOST_MINUTES), WHOLE] | None = None
    capacity: Annotated[int, Field(ge=1, le=MOST_PLACES), WHOLE] | None = None
    publish: Literal["now", "draft"] | AwareDatetime | None = Field(
        None, description="now, draft, or the instant from which citizens find it"
    )
    booking_opens_at: AwareDatetime | None = None
    booking_closes_before: Annotated[int, Field(ge=0, le=20_160), WHOLE] | None = Field(
        None, description="Minutes before the start after which nobody books; 0: until it starts"
    )
    private: bool | None = Field(None, description="Only who has the address finds it")
    waiting_list: bool | None = None

    def given(self) -> set[str]:
        """The fields that were sent with a value."""
        return {name for name in self.model_fields_set if getattr(self, name) is not None}

    def content(self, before: Content) -> Content:
        """The words, those left out as they were."""
        words = {"title", "promise", "for_whom", "bring", "description", "equipment", "accessibility", "theme", "level",
                 "language"}  # fmt: skip
        changed: dict[str, Any] = {name: getattr(self, name) for name in words & self.given()}
        for name in ("outcomes", "audiences"):
            if name in self.given():
                changed[name] = tuple(getattr(self, name))
        return Content(**{**before.__dict__, **changed})

    def terms(self, before: Terms, venue: Venue, now: datetime) -> Terms:
        """Where, how long, how many, those left out as they were."""
        changed: dict[str, Any] = {
            name: getattr(self, name)
            for name in {"minutes", "capacity", "room", "private", "waiting_list"} & self.given()
        }
        if "booking_opens_at" in self.model_fields_set:
            changed["booking_opens_at"] = self.booking_opens_at
        if self.booking_closes_before is not None:
            minutes = self.booking_closes_before
            changed["closes_before"] = timedelta(minutes=minutes) if minutes else None
        if self.publish is not None:
            moments = {"now": now, "draft": None}
            changed["published_at"] = moments[self.publish] if isinstance(self.publish, str) else self.publish
        return Terms(**{**before.__dict__, **changed, "venue": venue})


class NewSession(SessionChange):
    """A session to publish. With `module`, a ready workshop of the catalogue, its words need not be sent."""

    external_id: Annotated[Line, Field(max_length=100)] = Field("", description="How your own software names it")
    module: Module | None = None
    venue_id: Annotated[int, Field(ge=1, le=LARGEST_ID), WHOLE]
    starts_local: Wall = Field(
        description="Start on the clock of the venue's wall, without offset: 2027-03-09T14:00",
        examples=["2027-03-09T14:00"],
    )
    capacity: Annotated[int, Field(ge=1, le=MOST_PLACES), WHOLE] = 8
    publish: Literal["now", "draft"] | AwareDatetime = Field(
        "now", description="now, draft, or the instant from which citizens find it"
    )


class CallOff(_Body):
    """Why, for which dates of a series, and where people may go instead."""

    reason: Annotated[Line, Field(max_length=300)] = ""
    scope: SCOPES = "one"
    replacement_id: Annotated[int, Field(ge=1, le=LARGEST_ID), WHOLE] | None = None


class Revision(SessionChange):
    """A change, and the dates of its series that it reaches."""

    scope: SCOPES = "one"


def wall_of(session: Session) -> datetime:
    """Where it is now, on the venue's wall."""
    return datetime.fromisoformat(session.starts_local)
