"""Quarantine: a refused row is kept whole, and comes back when its declaration fits."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest

from pipelines.quarantine import quarantine_rows, replay
from pipelines.sources.ops import QUARANTINE
from pipelines.sources.twitch import FOLLOWERS, GAMES, USERS
from pipelines.tables import Field, Table
from pipelines.validation import Context, check, own_rows
from pipelines.warehouse import DuckDBWarehouse
from tests.helpers import NOW, columns_of
from tests.pipelines.conftest import Parts

LATER = NOW + dt.timedelta(days=2)
# a declaration that games do not fit; GAMES is the one that is right
STRICT = dataclasses.replace(
    GAMES, fields=tuple(Field("name", "bigint", ".") if field.name == "name" else field for field in GAMES.fields)
)


def context(minutes: int = 0) -> Context:
    at = NOW + dt.timedelta(minutes=minutes)
    return Context(slot_at=at, fetched_at=at, request_id=f"run-twitch-{minutes:06}")


def refuse(parts: Parts, rows_at: dict[int, list[Any]], table: Table = STRICT) -> None:
    """Rows that arrived so many minutes later, refused by a table, are in quarantine."""
    kept: list[dict[str, Any]] = []
    for minutes, rows in rows_at.items():
        checked = check(table, rows, context(minutes))
        kept += quarantine_rows(table, checked.refused, context(minutes), "run")
    parts.put(QUARANTINE, own_rows(QUARANTINE, kept))
    parts.put(GAMES, GAMES.arrow_schema.empty_table())


def kept(warehouse: DuckDBWarehouse) -> list[tuple[Any, ...]]:
    return columns_of(warehouse, "raw_ops.quarantine", ["payload", "reason", "replayed_at"], "payload")


def test_a_refused_row_is_kept_with_its_origin_and_its_reason() -> None:
    row = {"id": "1", "name": "a\x00é", "deep": [1.5]}
    checked = check(STRICT, [row], context())
    (kept,) = quarantine_rows(STRICT, checked.refused, context(), "run")
    assert json.loads(kept["payload"]) == row and kept["payload"].isascii()
    assert (kept["source"], kept["resource"], kept["request_id"]) == ("twitch", "games", "run-twitch-000000")
    assert kept["fetched_at"] == NOW.replace(tzinfo=None) and "name" in kept["reason"]
    assert own_rows(QUARANTINE, [kept]).num_rows == 1


def test_the_same_row_refused_twice_is_one_row_and_others_are_others() -> None:
    rows = [{"id": "1", "name": "x"}, {"id": "1", "name": "x"}, {"id": "1", "name": "y"}]
    first, second, other = quarantine_rows(STRICT, check(STRICT, rows, context()).refused, context(), "run")
    assert first["content_hash"] == second["content_hash"] != other["content_hash"]


def test_rows_are_taken_in_once_their_declaration_fits_and_the_others_stay(parts: Parts) -> None:
    refuse(parts, {0: [{"id": "1", "name": "One", "new": 1}, {"id": 2, "name": "Two"}, "no object"]})
    loads, refused = replay(parts.warehouse, [GAMES], LATER, "again")
    assert refused == 2
    (row,) = loads[GAMES].to_pylist()
    assert (row["id"], row["name"], row["_extra"]) == ("1", "One", '{"new":1}')
    assert (row["fetched_at"], row["request_id"]) == (NOW.replace(tzinfo=None), "run-twitch-000000")
    for table, found in loads.items():
        parts.put(table, found)
    marks = {payload: replayed for payload, _, replayed in kept(parts.warehouse)}
    assert len(marks) == 3 and marks.pop('{"id":"1","name":"One","new":1}') == LATER.replace(tzinfo=None)
    assert set(marks.values()) == {None}
    again, refused = replay(parts.warehouse, [GAMES], LATER, "again")
    assert refused == 2 and all(not rows.num_rows for rows in again.values()), "each row is taken in once"


def test_a_row_keeps_the_slot_of_its_own_fetch(parts: Parts) -> None:
    good = {"id": "1", "login": "a", "display_name": "A", "type": "", "broadcaster_type": "", "description": None}
    row = {**good, "created_at": "2020-01-01T00:00:00Z"}
    strict = dataclasses.replace(USERS, fields=(*USERS.fields, Field("missing", "text", ".")))
    refuse(parts, {0: [row]}, strict)
    loads, _ = replay(parts.warehouse, [USERS], LATER, "again")
    assert loads[USERS]["slot_at"].to_pylist() == [NOW.replace(tzinfo=None)]


@pytest.mark.parametrize("order", [(0, 5), (5, 0)])
def test_of_several_rows_of_one_key_the_one_that_arrived_last_is_taken(parts: Parts, order: tuple[int, int]) -> None:
    refuse(parts, {minutes: [{"id": "1", "name": f"at {minutes}"}] for minutes in order})
    loads, _ = replay(parts.warehouse, [GAMES], LATER, "again")
    assert loads[GAMES]["name"].to_pylist() == ["at 5"], "a key is loaded at most once"
    assert loads[QUARANTINE].num_rows == 2


def test_a_row_of_which_a_later_one_was_loaded_is_not_brought_back(parts: Parts) -> None:
    refuse(parts, {0: [{"id": "1", "name": "old"}, {"id": "2", "name": "two"}]})
    newer = check(GAMES, [{"id": "1", "name": "new"}], context(10)).rows
    parts.put(GAMES, newer)
    loads, _ = replay(parts.warehouse, [GAMES], LATER, "again")
    assert loads[GAMES]["id"].to_pylist() == ["2"]
    assert loads[QUARANTINE].num_rows == 2


def test_the_same_row_of_two_slots_comes_back_to_both(parts: Parts) -> None:
    strict = dataclasses.replace(FOLLOWERS, fields=(*FOLLOWERS.fields, Field("missing", "text", ".")))
    refuse(parts, {minutes: [{"broadcaster_id": "1", "total": 7}] for minutes in (0, 5)}, strict)
    loads, _ = replay(parts.warehouse, [FOLLOWERS], LATER, "again")
    slots = [NOW.replace(tzinfo=None), NOW.replace(tzinfo=None) + dt.timedelta(minutes=5)]
    assert sorted(loads[FOLLOWERS]["slot_at"].to_pylist()) == slots


def test_a_row_of_a_table_that_is_no_longer_declared_stays(parts: Parts) -> None:
    refuse(parts, {0: [{"id": "1", "name": "One"}]})
    loads, refused = replay(parts.warehouse, [USERS], LATER, "again")
    assert refused == 1 and loads.keys() == {QUARANTINE} and not loads[QUARANTINE].num_rows


def test_an_empty_quarantine_replays_nothing(parts: Parts) -> None:
    refuse(parts, {})
    loads, refused = replay(parts.warehouse, [GAMES], LATER, "again")
    assert refused == 0 and not any(rows.num_rows for rows in loads.values())
