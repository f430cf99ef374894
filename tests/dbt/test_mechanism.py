"""The mechanism of incremental models on the shortest chain there is: names of categories, snapshots that show them."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.warehouse import LOADS, numbering
from tests.dbt.warehouse import ENGINES, Row, Warehouse

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
    columns = ("build_number", "complete_since", "load_number", "load_id", "full_reason")
    (row,) = warehouse.execute(f"select {', '.join(columns)} from builds.models where model = '{name}'")
    return dict(zip(columns, row, strict=True))


def is_full(warehouse: Warehouse, name: str) -> bool:
    """Whether the last build of a model was a full one: it tells nothing of the builds before."""
    found = state(warehouse, name)
    return bool(found["complete_since"] == found["build_number"])


def told(warehouse: Warehouse, name: str) -> list[tuple[Any, ...]]:
    return warehouse.table(f"builds.{name}__changes")


@pytest.fixture(scope="module")
def built_on(warehouse_on: Callable[[str], Warehouse]) -> Callable[[str], Warehouse]:
    """The chain on an engine, built over nothing."""

    @functools.cache
    def make(engine: str) -> Warehouse:
        warehouse = warehouse_on(engine)
        warehouse.dbt("run", "--select", f"+{SNAPSHOTS}")
        return warehouse

    return make


@pytest.fixture(params=ENGINES)
def built(request: pytest.FixtureRequest, built_on: Callable[[str], Warehouse]) -> Warehouse:
    """Two snapshots of a category with a name, built by what is new."""
    warehouse = built_on(request.param)
    warehouse.forget()
    build(warehouse)
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


def test_a_completed_load_is_not_there_until_the_warehouse_has_numbered_it(built: Warehouse) -> None:
    left = built.load(None, {"raw_youtube.videos": [video(10)]})
    seen = "select max(slot_at), max(load_number) from staging.stg_youtube__videos"
    before = built.execute(seen)
    built.execute(f"insert into raw_youtube._dlt_loads values ('{left}', 'youtube', 0, timestamp '2020-01-01', '')")
    assert built.execute(seen) == before
    built.execute(numbering("raw_youtube", left))
    assert built.execute(seen) == [(at(10), 3)]


def test_a_row_that_no_longer_qualifies_goes_and_is_told(built: Warehouse) -> None:
    built.load(at(2), {"raw_youtube.videos": [video(5, live_broadcast_content="none", actual_end_time=at(4))]})
    build(built)
    assert [row[10] for row in built.table(f"live.{SNAPSHOTS}")] == [at(0)]
    number = state(built, SNAPSHOTS)["build_number"]
    assert [row for row in told(built, SNAPSHOTS) if row[0] == number] == [(number, "youtube", "y1", "UC1", at(5))]


def test_a_lookup_that_is_read_again_unchanged_touches_nothing(built: Warehouse) -> None:
    before = told(built, CATEGORIES), told(built, SNAPSHOTS)
    built.load(at(2), {"raw_youtube.categories": [{"id": "20", "title": "Gaming"}]})
    build(built)
    assert (told(built, CATEGORIES), told(built, SNAPSHOTS)) == before
    assert before[0]


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
    ("damage", "reason"),
    [
        ("delete from builds.models", "this version has not built them yet"),
        (f"drop table live.{SNAPSHOTS}; delete from builds.models", "they are new"),
        (f"drop table live.{SNAPSHOTS}", "their tables were gone"),
        (
            f"update builds.models set definition = 'of another version' where model = '{SNAPSHOTS}'",
            "their code, a seed or a setting has changed",
        ),
        (
            f"update builds.models set definition = 'of another version' where model = '{CATEGORIES}'",
            "what they read was built in full",
        ),
        (
            f"update builds.models set complete_since = 99, build_number = 99 where model = '{CATEGORIES}'",
            "changes that they have not read are kept no longer",
        ),
        (
            f"update builds.models set build_number = 0 where model = '{CATEGORIES}'",
            "builds that they had read are gone, as after a restore",
        ),
        (f"delete from builds.inputs where model = '{SNAPSHOTS}'", "what they read is new to them"),
        (f"delete from {LOADS} where load_number > 1", "loads that they had read are gone, as after a restore"),
        (
            f"update {LOADS} set load_id = 'another' where load_number = 2",
            "loads that they had read are gone, as after a restore",
        ),
    ],
    ids=[
        "the notes are lost", "the model is new", "the table is gone", "the definition has changed", "an input is full",
        "changes were pruned too far", "an input is from a backup", "an input is new", "the loads are from a backup",
        "other loads followed a backup",
    ],
)  # fmt: skip
@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_a_build_whose_notes_do_not_fit_is_a_full_one_and_says_why(built: Warehouse, damage: str, reason: str) -> None:
    assert not is_full(built, SNAPSHOTS)
    built.execute(f"update live.{SNAPSHOTS} set title = 'tampered with'")
    built.execute(damage)
    build(built)
    assert is_full(built, SNAPSHOTS)
    assert state(built, SNAPSHOTS)["full_reason"] == reason
    assert {row[7] for row in built.table(f"live.{SNAPSHOTS}")} != {"tampered with"}
    build(built)
    assert not is_full(built, SNAPSHOTS)
    assert state(built, SNAPSHOTS)["full_reason"] is None


@pytest.mark.parametrize("macro", ["slot_seconds", "completed_rows"])
@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_a_macro_far_below_that_is_edited_builds_what_calls_it_in_full(
    built: Warehouse, macro: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = built.manifest.macros[f"macro.airtime.{macro}"]
    monkeypatch.setattr(called, "macro_sql", f"{called.macro_sql} ")
    build(built)
    assert state(built, SNAPSHOTS)["full_reason"] == "their code, a seed or a setting has changed"


def test_what_dbt_is_told_to_build_in_full_is_noted_as_such(built: Warehouse) -> None:
    built.dbt("run", "--full-refresh", "--select", SNAPSHOTS)
    assert state(built, SNAPSHOTS)["full_reason"] == "dbt was told to"


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
