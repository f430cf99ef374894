"""What a request to the simulated Sportmonks API asks for, and the refusals, in the shapes that the real one has."""

from __future__ import annotations

import base64
import re
from datetime import date, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from pipelines.sandbox.apis.base import Call, Row

LINK = "https://docs.sandbox.example/football/api/errors"
FIXTURE_FILTERS = ("fixtureleagues", "fixtureseasons", "fixturestates")


class Problem(Exception):
    """Raised to answer with a status and a body of its own. None of them carries a rate_limit."""

    def __init__(self, status: int, body: Row) -> None:
        super().__init__(body["message"])
        self.status = status
        self.body = body


def invalid(field: str, message: str) -> Problem:
    """Return the refusal of a parameter's value."""
    return Problem(400, {"message": "The given data was invalid.", "errors": {field: [message]}})


def problem(code: int, message: str, status: int = 400) -> Problem:
    """Return a refusal with one of the API's own codes (5000 and up)."""
    return Problem(status, {"message": message, "link": LINK, "code": code})


def denied(resource: str) -> Problem:
    """Return the refusal of what the plan does not include."""
    text = "This resource is not available in your current subscription."
    return Problem(
        403, {"error": "Access Denied", "message": text, "resource": resource, "plan_required": "Enterprise"}
    )


class Filters(NamedTuple):
    """The static and dynamic filters of a request; an empty set lets everything pass."""

    populate: bool
    deleted: bool
    id_after: int
    leagues: frozenset[int]
    seasons: frozenset[int]
    states: frozenset[int]


def whole(call: Call, name: str, default: int) -> int:
    """Return a parameter that is a positive number."""
    text = call.one(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise invalid(name, f"The {name} must be an integer of at least 1.")
    return int(text)


def ids(text: str, name: str) -> list[int]:
    """Return numbers that commas separate."""
    if not re.fullmatch(r"\d{1,18}(,\d{1,18})*", text):
        raise invalid(name, f"The {name} format is invalid.")
    return [int(part) for part in text.split(",")]


def day(text: str) -> date:
    """Return a date of a path."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise invalid("date", "The date does not match the format Y-m-d.") from error


def filters_of(call: Call, for_fixtures: bool) -> Filters:
    """Return the filters of a request; names are taken in any case."""
    given: dict[str, str] = {}
    for part in filter(None, (call.one("filters") or "").split(";")):
        name, _, value = part.partition(":")
        given[name.lower()] = value
    deleted = "deleted" in given or "isdeleted" in given
    sets = {name: frozenset(ids(given[name], "filters")) for name in FIXTURE_FILTERS if name in given}
    others = set(given) - {"populate", "deleted", "isdeleted", "idafter", *(FIXTURE_FILTERS if for_fixtures else ())}
    if others:
        raise problem(5010, f"The filter '{min(others)}' is not applicable to this endpoint.")
    after = ids(given["idafter"], "filters")[0] if "idafter" in given else 0
    return Filters("populate" in given, deleted, after, *(sets.get(name, frozenset()) for name in FIXTURE_FILTERS))


@lru_cache(maxsize=50)
def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise invalid("timezone", "The timezone must be a valid zone.") from error


def encode_cursor(number: int) -> str:
    """Return the cursor behind a row's id."""
    return base64.urlsafe_b64encode(msgspec.json.encode([1, 2, [number], [["id", 1]]])).decode().rstrip("=")


def decode_cursor(text: str) -> int:
    """Return the id in a cursor."""
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(content, type=tuple[int, int, tuple[int], Any])[2][0]
    except ValueError as error:  # what base64, text and JSON can be wrong with
        raise invalid("cursor", "The cursor is invalid.") from error
