"""A warehouse with raw tables as the loader makes them, and dbt over it in this process."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from itertools import chain
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

Row = dict[str, Any]


class Warehouse:
    """Raw tables in DuckDB or PostgreSQL: `load` writes rows as one load, `build` runs dbt over them."""

    def __init__(self, target: str, directory: Path, environment: pytest.MonkeyPatch, url: str = "") -> None:
        self.target = target
        self.project = PROJECT
        self.artifacts = directory / "target"
        self.environment = environment
        self._path = directory / "airtime.duckdb"
        self._url = url
        self._loads = 0
        parts = urlsplit(url)
        settings = {
            "AIRTIME_DUCKDB_PATH": str(self._path),
            "DB_HOST": parts.hostname,
            "DB_PORT": parts.port,
            "DB_NAME": parts.path.lstrip("/"),
            "DB_USER": parts.username,
            "DB_PASSWORD": parts.password,
        }
        for name, value in settings.items():
            if value:
                environment.setenv(name, str(value))

    def execute(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run SQL, committed at once, and return what it answers."""
        if self.target == "duckdb":
            with duckdb.connect(str(self._path)) as connection:
                return connection.execute(sql, parameters).fetchall()
        with psycopg.connect(self._url, autocommit=True) as connection:
            cursor = connection.execute(sql.replace("?", "%s"), parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """All rows of a relation, in an order of their own."""
        return sorted(self.execute(f"select * from {name}"), key=repr)

    def create(self) -> None:
        """Every declared raw table, empty, and dlt's table of completed loads in each schema."""
        types = SQL_TYPES[self.target]
        statements = []
        for dataset in sorted({table.dataset for table in TABLES.values()}):
            statements.append(f"create schema {dataset}")
            statements.append(
                f"create table {dataset}._dlt_loads (load_id text, schema_name text, status bigint, "
                "inserted_at timestamp with time zone, schema_version_hash text)"
            )
        for name, table in TABLES.items():
            columns = ", ".join(f'"{column.name}" {types.get(column.type, column.type)}' for column in table.columns)
            statements.append(f"create table {name} ({columns}, _dlt_load_id text)")
        self.execute(";".join(statements))

    def load(self, completed_at: dt.datetime | None, rows: dict[str, list[Row]]) -> str:
        """Merge rows into raw tables of one schema as one load; `completed_at` None leaves it unfinished."""
        self._loads += 1
        load_id = f"load-{self._loads}"
        for name, table_rows in rows.items():
            self._merge(name, [_record(TABLES[name], row, load_id) for row in table_rows])
        if completed_at is not None:
            self.complete(load_id, completed_at, next(iter(rows)).split(".")[0])
        return load_id

    def complete(self, load_id: str, completed_at: dt.datetime, dataset: str = "raw_twitch") -> None:
        """What dlt writes when all tables of a load are in."""
        inserted_at = completed_at.replace(tzinfo=dt.UTC)
        self.execute(f"insert into {dataset}._dlt_loads values (?, ?, 0, ?, '')", [load_id, dataset, inserted_at])

    def build(self, *arguments: str) -> dbtRunnerResult:
        """`dbt build`, which must succeed."""
        return self.dbt("build", *arguments)

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """A dbt command, which must succeed."""
        result = run_dbt(*arguments, target=self.target, project=self.project, artifacts=self.artifacts)
        assert result.success, result.exception or [
            (node.node.name, node.message) for node in result.result if node.status in ("error", "fail", "skipped")
        ]
        return result

    def _merge(self, name: str, records: list[Row]) -> None:
        if not records:
            return
        key = TABLES[name].primary_key
        for record in records:
            self.execute(
                f"delete from {name} where " + " and ".join(f"{column} = ?" for column in key),
                [record[column] for column in key],
            )
        row = f"({', '.join('?' * len(records[0]))})"
        self.execute(
            f"insert into {name} values {', '.join([row] * len(records))}",
            list(chain.from_iterable(record.values() for record in records)),
        )


def run_dbt(*arguments: str, target: str, project: Path, artifacts: Path) -> dbtRunnerResult:
    """A dbt command in this process, with artifacts and logs out of the project."""
    paths = {
        "--project-dir": project,
        "--profiles-dir": PROJECT,
        "--target-path": artifacts,
        "--log-path": artifacts / "logs",
    }
    options = chain.from_iterable((option, str(path)) for option, path in paths.items())
    flags = ("--target", target, "--quiet", "--no-use-colors", "--log-level-file", "none")
    return dbtRunner().invoke([*arguments, *options, *flags])


def _record(table: Table, row: Row, load_id: str) -> Row:
    columns = {column.name: column for column in table.columns}
    assert row.keys() <= columns.keys(), f"{table.qualified_name} has no {row.keys() - columns.keys()}"
    record = {}
    for name, column in columns.items():
        value = row.get(name, None if column.null or column.optional else DEFAULTS[column.type])
        record[name] = json.dumps(value) if column.type == "json" and isinstance(value, list | dict) else value
    return {**record, "_dlt_load_id": load_id}


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_database: Callable[[], str]
) -> Warehouse:
    """A warehouse on each engine: all raw tables exist and are empty, nothing has been built."""
    url = new_database() if request.param == "postgres" else ""
    warehouse = Warehouse(request.param, tmp_path, monkeypatch, url)
    warehouse.create()
    return warehouse
