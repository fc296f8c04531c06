"""Loaded by schemathesis: what it cannot know of our parameters from their schemas alone."""

from __future__ import annotations

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode

# Rules between two parameters, and names that the gazetteer alone knows: no JSON Schema of one value says them.
NAMES_NOTHING = {
    "unlocated", "dates_swapped", "bad_zone", "bad_position", "no_venue", "bad_cursor", "no_counsellor", "no_organisation",
}  # fmt: skip

KNOWN_HERE_ALONE = {
    "missing",
    "unknown",
    "past",
    "published_already",
    "places_taken",
    "datetime_from_date_parsing",
}  # of the publishing API


@schemathesis.check
def accepted_unless_it_names_nothing(
    ctx: schemathesis.CheckContext, response: Response, case: schemathesis.Case
) -> bool | None:
    """What the document allows is answered, or refused for one of those reasons and no other."""
    found = f"{case.formatted_path} {case.query} -> {response.status_code} {response.text}"
    if response.status_code == 503 and "ou" not in case.query:
        raise Failure(operation=case.operation.label, title="Down without a place to look for", message=found)
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return None
    if response.status_code < 400 or response.status_code in (404, 410, 503):
        return None
    if "/api/v1/me/" in f"{case.formatted_path}/" and response.status_code in (409, 412, 422, 428):
        wrong = {error["code"] for error in response.json().get("errors", [])}
        if wrong <= KNOWN_HERE_ALONE:
            return None
    codes = {error["code"] for error in response.json()["errors"]} if response.status_code == 400 else set()
    if not codes or codes - NAMES_NOTHING:
        raise Failure(operation=case.operation.label, title="Refused what the document allows", message=found)
    return None
