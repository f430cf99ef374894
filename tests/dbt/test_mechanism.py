"""The mechanism of incremental models on the shortest chain there is: names of categories, snapshots that show them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pipelines.warehouse import LOADS
from tests.dbt.conftest import Row, Warehouse

CATEGORIES, SNAPSHOTS = "int_live__youtube_categories_named", "fct_stream_snapshots"


def at(minute: int) -> dt.datetime:
    return dt.datetime(2026, 10, 1, 12, minute)


def video(minute: int, **fields: Any) -> Row:
    """A broadcast on YouTube in a slot."""
    return {
        "slot_at": at(minute),
        "id": "y1",
        "channel_id": "UC1",
        "category_id": "20",
        "live_broadcast_content": "live",
        "actual_start_time": at(0),
        "concurrent_viewers": 5,
        **fields,
    }


def build(warehouse: Warehouse) -> None:
    # PostgreSQL drops the view between both along with a table that is built in full
    warehouse.dbt("run", "--select", CATEGORIES, "int_live__stream_snapshots_unioned", SNAPSHOTS)


def state(warehouse: Warehouse, name: str) -> dict[str, Any]:
    """What is kept of a model's last build."""
    columns = ("build_number", "complete_since", "load_number", "load_id")
    (row,) = warehouse.execute(f"select {', '.join(columns)} from builds.models where model = '{name}'")
    return dict(zip(columns, row, strict=True))


def is_full(warehouse: Warehouse, name: str) -> bool:
    """Whether the last build of a model was a full one: it tells nothing of the builds before."""
    found = state(warehouse, name)
    return bool(found["complete_since"] == found["build_number"])


def told(warehouse: Warehouse, name: str) -> list[tuple[Any, ...]]:
    return warehouse.table(f"builds.{name}__changes")


@pytest.fixture
def built(warehouse: Warehouse) -> Warehouse:
    """Two snapshots of a category without a name, built twice: in full, and with nothing new."""
    warehouse.dbt("run", "--select", f"+{SNAPSHOTS}")
    warehouse.load(at(1), {"raw_youtube.videos": [video(0), video(5)]})
    warehouse.load(at(1), {"raw_youtube.categories": [{"id": "20", "title": "Gaming"}]})
    build(warehouse)
    return warehouse


def test_a_build_notes_the_load_it_began_with_whatever_came_of_it(built: Warehouse) -> None:
    built.load(at(2), {"raw_kick.categories": [{"id": 1, "name": "of no use here"}]})
    build(built)
    assert state(built, SNAPSHOTS)["load_number"] == 3
    assert state(built, SNAPSHOTS)["load_id"] == "load-3"


def test_a_load_counts_once_it_has_a_number_even_if_the_clock_was_set_back(built: Warehouse) -> None:
    unfinished = built.load(None, {"raw_youtube.videos": [video(10)]})
    build(built)
    assert len(built.table(f"live.{SNAPSHOTS}")) == 2
    built.complete(unfinished, at(0) - dt.timedelta(days=1), "raw_youtube")
    build(built)
    assert len(built.table(f"live.{SNAPSHOTS}")) == 3
    assert not is_full(built, SNAPSHOTS)


def test_a_row_that_no_longer_qualifies_goes_and_is_told(built: Warehouse) -> None:
    built.load(at(2), {"raw_youtube.videos": [video(5, live_broadcast_content="none", actual_end_time=at(4))]})
    build(built)
    assert [row[10] for row in built.table(f"live.{SNAPSHOTS}")] == [at(0)]
    assert told(built, SNAPSHOTS)[-1][1:] == ("youtube", "y1", at(5))


def test_a_lookup_that_is_read_again_unchanged_touches_nothing(built: Warehouse) -> None:
    before = told(built, SNAPSHOTS)
    built.load(at(2), {"raw_youtube.categories": [{"id": "20", "title": "Gaming"}]})
    build(built)
    assert told(built, CATEGORIES) == [(2, "20")]
    assert told(built, SNAPSHOTS) == before


def test_a_lookup_that_changes_touches_those_that_show_it(built: Warehouse) -> None:
    built.load(at(2), {"raw_youtube.categories": [{"id": "20", "title": "Games"}]})
    build(built)
    assert {row[6] for row in built.table(f"live.{SNAPSHOTS}")} == {"Games"}
    assert not is_full(built, SNAPSHOTS)


def test_a_row_that_comes_again_as_it_was_is_not_told(built: Warehouse) -> None:
    before = told(built, SNAPSHOTS)
    built.load(at(9), {"raw_youtube.videos": [video(5)]})
    build(built)
    assert told(built, SNAPSHOTS) == before


@pytest.mark.parametrize(
    "damage",
    [
        "delete from builds.models",
        f"update builds.models set definition = 'of another version' where model = '{SNAPSHOTS}'",
        f"update builds.models set complete_since = 99, build_number = 99 where model = '{CATEGORIES}'",
        f"update builds.models set build_number = 0 where model = '{CATEGORIES}'",
        f"delete from builds.inputs where model = '{SNAPSHOTS}'",
        f"delete from {LOADS} where load_number > 1",
        f"update {LOADS} set load_id = 'another' where load_number = 2",
    ],
    ids=[
        "the notes are lost", "the definition has changed", "changes were pruned too far", "an input is from a backup",
        "an input is new", "the loads are from a backup", "other loads followed a backup",
    ],
)  # fmt: skip
def test_a_build_whose_notes_do_not_fit_is_a_full_one(built: Warehouse, damage: str) -> None:
    assert not is_full(built, SNAPSHOTS)
    built.execute(f"update live.{SNAPSHOTS} set title = 'tampered with'")
    built.execute(damage)
    build(built)
    assert is_full(built, SNAPSHOTS)
    assert {row[7] for row in built.table(f"live.{SNAPSHOTS}")} != {"tampered with"}
    build(built)
    assert not is_full(built, SNAPSHOTS)


def test_a_build_that_fails_leaves_rows_and_notes_as_they_were(built: Warehouse) -> None:
    before, noted = built.table(f"live.{SNAPSHOTS}"), state(built, SNAPSHOTS)
    built.load(at(2), {"raw_youtube.videos": [video(10)]})
    built.execute(f"alter table builds.{SNAPSHOTS}__changes rename to aside")
    with pytest.raises(AssertionError):
        build(built)
    assert built.table(f"live.{SNAPSHOTS}") == before
    assert state(built, SNAPSHOTS) == noted
    built.execute(f"alter table builds.aside rename to {SNAPSHOTS}__changes")
    build(built)
    assert len(built.table(f"live.{SNAPSHOTS}")) == 3
