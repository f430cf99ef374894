"""A warehouse with raw tables as the loader makes them, and dbt over it in this process."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import psycopg
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from pipelines.sources import ops, twitch
from pipelines.tables import Table

PROJECT = Path(__file__).parents[2] / "dbt_project"
TABLES = {table.qualified_name: table for table in (*twitch.TABLES, *ops.TABLES)}
SQL_TYPES = {
    "duckdb": {"double": "double", "json": "json", "bool": "boolean"},
    "postgres": {"double": "double precision", "json": "jsonb", "bool": "boolean"},
}
DEFAULTS: dict[str, Any] = {
    "text": "",
    "bigint": 0,
    "double": 0.0,
    "bool": False,
    "timestamp": dt.datetime(2026, 10, 1),
    "date": dt.date(2026, 10, 1),
    "json": "[]",
}


def at(text: str) -> dt.datetime:
    """A time of October 2026 from `1 12:05` (day, hour, minute)."""
    day, clock = text.split()
    return dt.datetime.combine(dt.date(2026, 10, int(day)), dt.time.fromisoformat(clock))


class Warehouse:
    """Raw tables in DuckDB or PostgreSQL; `load` writes rows and completes a load, `build` runs dbt."""

    def __init__(self, target: str, directory: Path, url: str = "") -> None:
        self.target = target
        self.directory = directory
        self.path = directory / "airtime.duckdb"
        self.url = url
        self.project = PROJECT
        self._loads = 0

    def execute(self, sql: str, rows: list[tuple[Any, ...]] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement, for each row if there are any, and return what it answers."""
        if self.target == "duckdb":
            with duckdb.connect(str(self.path)) as connection:
                if rows is None:
                    return connection.execute(sql).fetchall()
                connection.executemany(sql, rows)
                return []
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.cursor()
            if rows is None:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
            cursor.executemany(sql.replace("?", "%s"), rows)
            return []

    def create(self) -> None:
        """Every declared raw table, empty, with dlt's table of completed loads in each schema."""
        types = SQL_TYPES[self.target]
        for dataset in sorted({table.dataset for table in TABLES.values()}):
            self.execute(f"drop schema if exists {dataset} cascade")
            self.execute(f"create schema {dataset}")
            self.execute(
                f"create table {dataset}._dlt_loads (load_id text, schema_name text, status bigint, "
                "inserted_at timestamp with time zone, schema_version_hash text)"
            )
        for table in TABLES.values():
            columns = ", ".join(f'"{column.name}" {types.get(column.type, column.type)}' for column in table.columns)
            self.execute(f"create table {table.qualified_name} ({columns}, _dlt_load_id text)")

    def load(
        self, completed_at: dt.datetime | None, rows: dict[str, list[dict[str, Any]]], load_id: str | None = None
    ) -> str:
        """Merge rows into the raw tables of one schema as one load; `completed_at` None leaves it unfinished."""
        self._loads += 1
        load_id = load_id or f"load-{self._loads}"
        for name, table_rows in rows.items():
            self._merge(TABLES[name], [{**row, "_dlt_load_id": load_id} for row in table_rows])
        if completed_at is not None:
            self.complete(next(iter(rows)).split(".")[0], load_id, completed_at)
        return load_id

    def complete(self, dataset: str, load_id: str, completed_at: dt.datetime) -> None:
        """What dlt writes when all tables of a load are in."""
        self.execute(
            f"insert into {dataset}._dlt_loads values (?, ?, 0, ?, '')",
            [(load_id, dataset, completed_at.replace(tzinfo=dt.UTC))],
        )

    def _merge(self, table: Table, rows: list[dict[str, Any]]) -> None:
        names = [*(column.name for column in table.columns), "_dlt_load_id"]
        key = " and ".join(f'"{name}" = ?' for name in table.primary_key)
        records = [_filled(table, row) for row in rows]
        if not records:
            return
        self.execute(
            f"delete from {table.qualified_name} where {key}",
            [tuple(record[name] for name in table.primary_key) for record in records],
        )
        self.execute(
            f"insert into {table.qualified_name} values ({', '.join('?' * len(names))})",
            [tuple(record[name] for name in names) for record in records],
        )

    def dbt(self, *arguments: str, check: bool = True) -> dbtRunnerResult:
        """Run a dbt command against this warehouse, with its own target directory."""
        with _environment(self._settings()):
            result = dbtRunner().invoke(
                [
                    *arguments,
                    *("--project-dir", str(self.project), "--profiles-dir", str(PROJECT)),
                    *("--target", self.target, "--target-path", str(self.directory / "target")),
                    *("--log-path", str(self.directory / "logs"), "--quiet", "--no-use-colors"),
                ]
            )
        if check:
            assert result.success, result.exception or [
                (node.node.name, node.message) for node in result.result if node.status in ("error", "fail")
            ]
        return result

    def build(self, *arguments: str) -> dbtRunnerResult:
        """`dbt build`, which must succeed."""
        return self.dbt("build", *arguments)

    def table(self, name: str, order: str = "1, 2, 3") -> list[tuple[Any, ...]]:
        """All rows of a model."""
        return self.execute(f"select * from {name} order by {order}")

    def _settings(self) -> dict[str, str]:
        parts = urlsplit(self.url)
        return {
            "AIRTIME_DUCKDB_PATH": str(self.path),
            "DB_HOST": parts.hostname or "",
            "DB_PORT": str(parts.port or ""),
            "DB_NAME": parts.path.lstrip("/"),
            "DB_USER": parts.username or "",
            "DB_PASSWORD": parts.password or "",
        }


def _filled(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    columns = {column.name: column for column in table.columns}
    unknown = row.keys() - columns.keys() - {"_dlt_load_id"}
    assert not unknown, f"{table.qualified_name} has no {unknown}"
    record: dict[str, Any] = {"_dlt_load_id": row["_dlt_load_id"]}
    for name, column in columns.items():
        value = row.get(name, None if column.null or column.optional else DEFAULTS[column.type])
        record[name] = json.dumps(value) if column.type == "json" and isinstance(value, (list, dict)) else value
    return record


class _environment:
    """The process's environment with some variables set for a while."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def __enter__(self) -> None:
        self._before = dict(os.environ)
        os.environ.update({name: value for name, value in self._values.items() if value})

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self._before)


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse on each engine: all raw tables exist, nothing has been built."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    warehouse = Warehouse(request.param, tmp_path, url)
    warehouse.create()
    yield warehouse
    shutil.rmtree(tmp_path, ignore_errors=True)
