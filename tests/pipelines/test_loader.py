"""The loader: what was landed is in the warehouse, once and exactly, on both engines."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest

from pipelines.errors import AirtimeError
from pipelines.loader import Loader
from pipelines.tables import Field, Table
from pipelines.warehouse import LOADS, DuckDBWarehouse, stamp
from tests.helpers import Warehouse, columns_of, postgres_warehouse

KINDS = ("text", "bigint", "double", "bool", "timestamp", "date", "json")
ALL = Table(
    "demo", "all_types", "One row per position.", ("position",),
    (Field("position", "bigint", "."), *(Field(f"a_{kind}", kind, ".", null=True) for kind in KINDS)),
)  # fmt: skip
OWN = dataclasses.replace(ALL, source="ops", name="own", fetched=False)
THINGS = Table(
    "demo", "things", "One row per thing.", ("id",), (Field("id", "text", "."), Field("value", "text", ".", null=True)),
    kept="day",
)  # fmt: skip
GROWN = dataclasses.replace(THINGS, fields=(*THINGS.fields, Field("added", "timestamp", ".", null=True)))

TEXTS = [
    "", " ", "null", "NULL", "\\N", "\\.", "a\n\\.\nb", "a\nb", "a\r\nb\r", "\t", '"', '""', "'", "a,b", "\\", "\\\\n",
    "a\\'b", "{}", "зритель", "👩🏽‍🚀 é e\u0301", "\u2028\ufeff\x7f\x01", "NaN", "x" * 100_000,
]  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "text": TEXTS,
    "bigint": [0, -1, 2**63 - 1, -(2**63)],
    "double": [0.0, -1.5, 0.1 + 0.2, 1.7976931348623157e308, 5e-324, math.inf, -math.inf, math.nan],
    "bool": [True, False],
    "timestamp": [
        dt.datetime(2026, 10, 1, 12, 0, 0, 1), dt.datetime(1969, 12, 31, 23, 59, 59, 999_999),
        dt.datetime(1, 1, 1), dt.datetime(1883, 11, 18, 12, 3, 58), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ],
    "date": [dt.date(2026, 10, 1), dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(9999, 12, 31)],
    "json": [
        "[]", "{}", '""', '"text"', "1", "true", '{"a":{"b":[1,null,"é\\n\\"\\\\"]}}', str(10**30),
        json.dumps({text: text for text in TEXTS[:-1]}, ensure_ascii=False),
    ],
}  # fmt: skip


def all_types(table: Table = ALL) -> pa.Table:
    """A row for each value of each type, with nulls beside it, and one of nulls alone."""
    rows: list[dict[str, Any]] = [{"position": 0}]
    for kind, values in VALUES.items():
        rows += [{"position": len(rows) + i, f"a_{kind}": value} for i, value in enumerate(values)]
    return pa.Table.from_pylist(rows, schema=table.arrow_schema)


def things(*rows: tuple[int, str, str | None], table: Table = THINGS) -> pa.Table:
    given = [{"observed_on": dt.date(2026, 10, day), "id": key, "value": value} for day, key, value in rows]
    return pa.Table.from_pylist(given, schema=table.arrow_schema)


@dataclass
class Story:
    """What was in a warehouse after each of a few loads."""

    warehouse: Warehouse
    empty: dict[str, tuple[set[str], int]]
    things: list[list[tuple[Any, ...]]]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    directory = tmp_path_factory.mktemp("loader")
    if request.param == "duckdb":
        warehouse: Warehouse = DuckDBWarehouse(directory / "demo.duckdb")
    else:
        new_database: Callable[[], str] = request.getfixturevalue("new_database")
        warehouse = postgres_warehouse(new_database())
    stamp(warehouse, "demo")
    loader = Loader(warehouse, directory / "dlt")
    loader.ensure([ALL, THINGS, OWN])
    story = Story(warehouse, {table.qualified_name: look(warehouse, table) for table in (ALL, THINGS, OWN)}, [])
    for tables in (
        {ALL: all_types(), OWN: all_types(OWN), THINGS: things((1, "a", "old"), (1, "b", ""), (2, "a", None))},
        # the declaration has gained a column since
        {OWN: all_types(OWN), GROWN: things((1, "a", "new"), (1, "b", ""), (1, "c", "x"), table=GROWN)},
    ):
        assert loader.load(tables) == tables
        story.things.append(stored_things(warehouse))
    return story


def look(warehouse: Warehouse, table: Table) -> tuple[set[str], int]:
    """The columns of a table, and its number of rows."""
    columns = warehouse.rows(
        "select column_name from information_schema.columns where table_schema = ? and table_name = ?",
        [table.dataset, table.name],
    )
    ((count,),) = warehouse.rows(f"select count(*) from {table.qualified_name}")
    return {name for (name,) in columns}, count


def stored_things(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Day of the month, id and value of each row."""
    rows = columns_of(warehouse, "raw_demo.things", ["observed_on", "id", "value"], "1, 2")
    return [(day.day, *rest) for day, *rest in rows]


def test_every_declared_table_exists_with_all_columns_before_it_has_rows(story: Story) -> None:
    for table in (ALL, THINGS, OWN):
        columns = {column.name for column in table.columns} | {"_dlt_load_id"}
        assert story.empty[table.qualified_name] == (columns, 0)


def test_a_row_that_is_loaded_twice_is_there_once_and_a_key_keeps_its_last_row(story: Story) -> None:
    assert story.things == [
        [(1, "a", "old"), (1, "b", ""), (2, "a", None)],
        [(1, "a", "new"), (1, "b", ""), (1, "c", "x"), (2, "a", None)],
    ]


@pytest.mark.parametrize("table", [ALL, OWN], ids=["fetched", "own"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_value_survives_and_null_stays_null(story: Story, kind: str, table: Table) -> None:
    name = f"a_{kind}"
    given = [row[name] for row in all_types().to_pylist()]
    found = [value for _, value in columns_of(story.warehouse, table.qualified_name, ["position", name], "1")]
    assert [value is None for value in found] == [value is None for value in given]
    if kind == "json":
        # DuckDB hands JSON out as text, PostgreSQL as values
        given = [value and json.loads(value) for value in given]
        if story.warehouse.target == "duckdb":
            found = [value and json.loads(value) for value in found]
    assert [(type(value), exact(value)) for value in found] == [(type(value), exact(value)) for value in given]


def exact(value: Any) -> Any:
    """A value that equals only itself: not-a-number too, and zeros with their sign."""
    return repr(value) if isinstance(value, float) else value


def test_own_records_name_a_load_that_is_listed_as_others_are(story: Story) -> None:
    ((load,),) = set(columns_of(story.warehouse, "raw_ops.own", ["_dlt_load_id"], "1"))
    loads = columns_of(story.warehouse, "raw_ops._dlt_loads", ["load_id", "schema_name", "status"], "inserted_at")
    # that of the empty tables, and one for each time
    assert loads[-1] == (load, "ops", 0) and len(loads) == 3


def test_rows_name_their_load_and_completed_loads_are_listed(story: Story) -> None:
    loads = columns_of(story.warehouse, "raw_demo._dlt_loads", ["load_id", "status"], "inserted_at")
    assert {status for _, status in loads} == {0}
    order = [load for load, _ in loads]
    first_day = "raw_demo.things where observed_on = '2026-10-01'"
    named = dict(columns_of(story.warehouse, first_day, ["id", "_dlt_load_id"], "1"))
    earlier = columns_of(story.warehouse, "raw_demo.things where observed_on = '2026-10-02'", ["_dlt_load_id"], "1")
    assert order.index(earlier[0][0]) < order.index(named["a"]) == order.index(named["c"])


def test_a_column_that_a_declaration_has_gained_is_added_to_the_rows_that_are_there(story: Story) -> None:
    found = columns_of(story.warehouse, "raw_demo.things", ["id", "added"], "observed_on, id")
    assert found == [("a", None), ("b", None), ("c", None), ("a", None)]


def test_on_postgresql_merging_has_an_index_on_the_key_and_reading_what_is_new_one_on_loads(story: Story) -> None:
    if story.warehouse.target == "duckdb":
        assert story.warehouse.index_statements("raw_demo", {"things": ["id"]}) == []
        return
    query = "select indexdef from pg_indexes where schemaname = 'raw_demo'"
    definitions = [definition for (definition,) in story.warehouse.rows(query)]
    assert any("things USING btree (observed_on, id)" in definition for definition in definitions)
    assert any("things USING btree (_dlt_load_id)" in definition for definition in definitions)
    assert any("_dlt_loads USING btree (load_id)" in definition for definition in definitions)


def test_loads_are_numbered_one_by_one_in_the_order_of_completion(story: Story) -> None:
    numbered = columns_of(story.warehouse, LOADS, ["load_number", "dataset", "load_id"], "1")
    # the empty tables of two schemas, then twice what was fetched and the own records after it
    assert [(number, dataset) for number, dataset, _ in numbered] == [
        (1, "raw_demo"), (2, "raw_ops"), (3, "raw_demo"), (4, "raw_ops"), (5, "raw_demo"), (6, "raw_ops"),
    ]  # fmt: skip
    ((own,),) = set(columns_of(story.warehouse, "raw_ops.own", ["_dlt_load_id"], "1"))
    assert numbered[-1][2] == own
    completed = "select min(completed_at), max(completed_at) from " + LOADS
    listed = "select min(inserted_at), max(inserted_at) from (select inserted_at from raw_demo._dlt_loads"
    ((first, last),) = story.warehouse.rows(f"{listed} union all select inserted_at from raw_ops._dlt_loads) as loads")
    ((shown_first, shown_last),) = story.warehouse.rows(completed)
    utc = [moment.astimezone(dt.UTC).replace(tzinfo=None) for moment in (first, last)]
    assert [shown_first, shown_last] == utc


def test_the_next_start_numbers_what_a_killed_run_completed_and_nothing_that_is_broken(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    stamp(warehouse, "demo")
    loader = Loader(warehouse, tmp_path / "dlt")
    loader.ensure([THINGS, OWN])
    before = columns_of(warehouse, LOADS, ["load_number", "dataset", "load_id"], "1")
    # a clock that was set back by years, a load that is not complete, and one that is listed twice
    warehouse.execute(
        "insert into raw_demo._dlt_loads values ('late', 'demo', 0, timestamp '2020-01-01', ''),"
        " ('late', 'demo', 0, timestamp '2020-01-01', ''), ('broken', 'demo', 1, timestamp '2026-01-01', '')"
    )
    assert loader.ensure([THINGS, OWN]) == 0
    after = columns_of(warehouse, LOADS, ["load_number", "dataset", "load_id"], "1")
    assert after == [*before, (len(before) + 1, "raw_demo", "late")]
    loader.ensure([THINGS, OWN])
    assert columns_of(warehouse, LOADS, ["load_number", "dataset", "load_id"], "1") == after


def test_loads_of_the_version_before_are_numbered_by_their_moments_and_counted(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    stamp(warehouse, "demo")
    loader = Loader(warehouse, tmp_path / "dlt")
    assert loader.ensure([THINGS]) == 0, "a new warehouse is none of the version before"
    loader.load({THINGS: things((1, "a", "1"))})
    listed = [load for (load,) in columns_of(warehouse, "raw_demo._dlt_loads", ["load_id"], "inserted_at")]
    warehouse.execute(f"drop table {LOADS}")
    assert loader.ensure([THINGS]) == len(listed) == 2
    assert [load for (load,) in columns_of(warehouse, LOADS, ["load_id"], "load_number")] == listed


def test_the_projects_own_records_are_not_loaded_when_the_rows_that_they_speak_of_fail(tmp_path: Path) -> None:
    warehouse, loader = made(tmp_path)
    warehouse.execute("create schema raw_demo", "create view raw_demo.things as select 1 as id")
    loader.ensure([OWN])
    with pytest.raises(AirtimeError) as failed:
        loader.load({OWN: all_types(OWN), THINGS: things((1, "a", "1"))})
    assert "did not take rows of demo" in str(failed.value) and failed.value.mend
    assert look(warehouse, OWN)[1] == 0


def test_a_table_that_was_dropped_by_hand_is_made_again(tmp_path: Path) -> None:
    warehouse, loader = made(tmp_path)
    loader.ensure([THINGS])
    warehouse.execute("drop table raw_demo.things")
    loader.ensure([THINGS])
    assert look(warehouse, THINGS) == ({column.name for column in THINGS.columns} | {"_dlt_load_id"}, 0)


def test_what_was_loaded_does_not_stay_in_memory(tmp_path: Path) -> None:
    warehouse, loader = made(tmp_path)
    with warehouse.kept_open():
        loader.load({THINGS: things((1, "a", "1"))})
        assert not warehouse.path.with_suffix(".duckdb.wal").exists(), "the log is in memory, too"


def test_a_package_that_a_killed_run_left_is_dropped_and_its_rows_load_anew(tmp_path: Path) -> None:
    warehouse, loader = made(tmp_path)
    left = dlt.pipeline(
        pipeline_name="demo",
        pipelines_dir=str(tmp_path / "dlt" / warehouse.name),
        destination=warehouse.dlt_destination(),
        dataset_name="raw_demo",
    )
    left.extract([things((1, "half", "loaded"))], table_name="things", write_disposition="append")
    left.normalize()
    assert left.has_pending_data
    loader.abort_pending(["demo"])
    loader.load({THINGS: things((1, "a", "1"))})
    assert stored_things(warehouse) == [(1, "a", "1")]


@pytest.mark.parametrize("damage", ["removed", "garbled"])
def test_a_working_directory_that_is_gone_or_unreadable_duplicates_nothing(tmp_path: Path, damage: str) -> None:
    warehouse, loader = made(tmp_path)
    loader.load({THINGS: things((1, "a", "old"), (1, "b", "old"))})
    for path in (tmp_path / "dlt").rglob("*"):
        if path.is_file():
            path.write_text("{") if damage == "garbled" else path.unlink()
    again = Loader(warehouse, tmp_path / "dlt")
    again.abort_pending(["demo"])
    again.load({THINGS: things((1, "a", "new"))})
    assert stored_things(warehouse) == [(1, "a", "new"), (1, "b", "old")]


def made(directory: Path) -> tuple[DuckDBWarehouse, Loader]:
    """A new warehouse and its loader."""
    warehouse = DuckDBWarehouse(directory / "demo.duckdb")
    stamp(warehouse, "demo")
    return warehouse, Loader(warehouse, directory / "dlt")
