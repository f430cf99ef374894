"""Declarations: keys, columns and types, and the dbt source files that are written from them."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from pipelines.__main__ import generated_files
from pipelines.sources import SOURCES, ops
from pipelines.tables import Field, Table, source_yaml
from pipelines.warehouse import CREATE_LOADS, LOADS

TABLES = [*(table for source in SOURCES.values() for table in source.tables), *ops.TABLES]
FIELDS = (Field("a", "text", 'The "a" of C:\\temp.'), Field("b", "bigint", "The b."))


def table(kept: str, fetched: bool = True) -> Table:
    return Table("demo", "things", "One row per thing.", ("a",), FIELDS, kept=kept, fetched=fetched)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kept", "key"), [("slot", ("slot_at", "a")), ("day", ("observed_on", "a")), ("latest", ("a",))]
)
def test_kept_observations_lead_the_key_with_time(kept: str, key: tuple[str, ...]) -> None:
    declared = table(kept)
    assert declared.primary_key == key
    names = [column.name for column in declared.columns]
    assert names == [*key[:-1], "a", "b", "fetched_at", "request_id", "_extra"] == declared.arrow_schema.names


def test_own_records_carry_no_request() -> None:
    assert [column.name for column in table("latest", fetched=False).columns] == ["a", "b"]


def test_arrow_types_keep_whole_numbers_and_microseconds_in_utc_without_a_zone() -> None:
    kinds = ("text", "bigint", "double", "bool", "timestamp", "date", "json")
    declared = Table("demo", "all", "One row.", ("text",), tuple(Field(kind, kind, ".") for kind in kinds))
    types = [declared.arrow_schema.field(kind).type for kind in kinds]
    assert types == [
        pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us"), pa.date32(), pa.string(),
    ]  # fmt: skip
    edge = [-(2**63), 2**63 - 1]
    assert pa.array(edge, types[1]).to_pylist() == edge
    old = dt.datetime(1, 1, 1, 0, 0, 0, 1)
    assert pa.array([old], types[4]).to_pylist() == [old]


@pytest.mark.parametrize("declared", TABLES, ids=lambda declared: declared.qualified_name)
def test_every_declared_table_states_its_grain_and_its_columns(declared: Table) -> None:
    assert declared.description.startswith("One row per ")
    names = [column.name for column in declared.columns]
    assert len(names) == len(set(names)) and all(column.description for column in declared.columns)
    for key in declared.primary_key:
        column = next(column for column in declared.columns if column.name == key)
        assert not column.null and not column.optional, "a key is never null"


def test_table_names_are_distinct() -> None:
    names = [declared.qualified_name for declared in TABLES]
    assert len(names) == len(set(names))


def test_a_source_file_describes_each_table_and_column() -> None:
    own = Table("demo", "own", "One row per run.", ("b",), FIELDS[1:], fetched=False)
    text = source_yaml("demo", 'A "source".', [table("day"), own], {"warn": (1, "day"), "error": (3, "day")})
    (source,) = yaml.safe_load(text)["sources"]
    assert (source["name"], source["schema"], source["description"]) == ("raw_demo", "raw_demo", 'A "source".')
    assert source["config"]["freshness"] == {
        "warn_after": {"count": 1, "period": "day"},
        "error_after": {"count": 3, "period": "day"},
    }
    things, mine = source["tables"]
    assert (things["name"], mine["name"]) == ("things", "own")
    described = {column["name"]: column["description"] for column in things["columns"]}
    assert described["a"] == FIELDS[0].description
    assert list(described) == [*(column.name for column in table("day").columns), "_dlt_load_id"]
    assert mine["config"]["freshness"] is None and "config" not in things


def test_the_numbers_of_loads_are_described_once_with_the_projects_own_tables() -> None:
    (source,) = yaml.safe_load(source_yaml("ops", "Own.", [], None))["sources"]
    (loads,) = source["tables"]
    assert f"raw_{source['name'].removeprefix('raw_')}.{loads['name']}" == LOADS
    columns = [column["name"] for column in loads["columns"]]
    (create,) = [statement for statement in CREATE_LOADS if "create table" in statement]
    assert columns == re.findall(r"(\w+) (?:bigint|varchar|timestamp)\b", create), "as the warehouse makes it"


def test_a_source_without_freshness_asks_for_none() -> None:
    (source,) = yaml.safe_load(source_yaml("demo", "A source.", [table("day")], None))["sources"]
    assert "config" not in source and all("config" not in one for one in source["tables"])


@pytest.mark.parametrize("path", generated_files(), ids=lambda path: path.name)
def test_generated_files_are_those_of_the_declarations(path: Path) -> None:
    assert path.read_text("utf-8") == generated_files()[path], "run `make generate`"


def test_there_is_a_generated_file_for_each_source_and_the_settings() -> None:
    names = {path.name for path in generated_files()}
    assert names == {f"_{name}__sources.yml" for name in (*SOURCES, "ops")} | {".env.example"}
