"""Answers of Sportmonks football as rows: what is nested in a fixture as flat tables, and hashes of fixtures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from pipelines.client import Answer, ApiError
from pipelines.resources import Fetched, Outcome, Rows
from pipelines.sources.sportmonks_tables import (
    EVENTS,
    FIXTURE_FIELDS,
    FIXTURES,
    LINEUPS,
    PARTICIPANTS,
    PERIODS,
    SCORES,
    STATISTICS,
)
from pipelines.tables import Table

# the lists within a fixture by table, with the name of the object in their rows whose fields are lifted out of it
CHILDREN: dict[Table, tuple[str, str]] = {
    PARTICIPANTS: ("participants", "meta"),
    SCORES: ("scores", "score"),
    EVENTS: ("events", ""),
    STATISTICS: ("statistics", "data"),
    LINEUPS: ("lineups", ""),
    PERIODS: ("periods", ""),
}
HASHED = tuple(
    field.name for field in FIXTURE_FIELDS if field.name not in ("base_hash", "has_odds", "has_premium_odds")
)


def unfold(fixtures: Sequence[Any], answer: Answer) -> Fetched:
    """Fixtures with details as rows of flat tables, each fixture an outcome with the hash of what was fetched."""
    parts: dict[Table, list[Any]] = {table: [] for table in (FIXTURES, *CHILDREN)}
    outcomes = []
    for fixture in fixtures:
        if not isinstance(fixture, dict):
            parts[FIXTURES].append(fixture)
            continue
        nested = {name: fixture.get(name) for name, _ in CHILDREN.values()}
        row = with_hash({name: value for name, value in fixture.items() if name not in nested})
        parts[FIXTURES].append(row)
        fixture_id, count = fixture.get("id"), 1
        for table, (name, lifted) in CHILDREN.items():
            children = [flat(child, fixture_id, lifted) for child in nested[name] or []]
            parts[table] += children
            count += len(children)
        if isinstance(fixture_id, int):
            outcomes.append(Outcome(str(fixture_id), "ok", count, bookmark=row["base_hash"]))
    return Fetched([Rows(table, rows, answer) for table, rows in parts.items() if rows], outcomes)


def flat(child: Any, fixture_id: Any, lifted: str) -> Any:
    """A row of a list within a fixture, as a row of its own; what is no object is left for the check to refuse."""
    if not isinstance(child, dict):
        return child
    inner = child.get(lifted)
    row = {**child, "fixture_id": fixture_id}
    if isinstance(inner, dict):
        del row[lifted]
        row = {**inner, **row}
    return row


def with_hash(row: Any) -> Any:
    """A fixture with the hash of its own fields; an absent field counts as null."""
    if not isinstance(row, dict):
        return row
    text = msgspec.json.encode([row.get(name) for name in HASHED])
    return {**row, "base_hash": hashlib.blake2b(text, digest_size=8).hexdigest()}


def listed(answer: Answer, path: str) -> list[Any]:
    """The rows of an answer; none where the API says in words that there are none.

    Raises:
        ApiError: the body is not of the API's shape.
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    if "data" not in body and isinstance(body.get("message"), str):
        return []
    if not isinstance(body.get("data"), list):
        raise ApiError(f"{path}: the answer has no list named data")
    return list(body["data"])
