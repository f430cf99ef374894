"""A warehouse with raw tables as the loader makes them, and dbt over it in this process."""

from __future__ import annotations

import datetime as dt
import functools
import json
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import filelock
import psycopg
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from pipelines.sources import atlas, kick, ops, sportmonks, twitch, youtube
from pipelines.tables import Table
from pipelines.warehouse import CREATE_LOADS, LOADS

PROJECT = Path(__file__).parents[2] / "dbt_project"
SOURCES = (twitch, kick, youtube, sportmonks, atlas, ops)
TABLES = {table.qualified_name: table for source in SOURCES for table in source.TABLES}
ENGINES = ("duckdb", "postgres")
BUILT_SCHEMAS = ("staging", "sync", "intermediate", "live", "football", "clients", "ops")
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

    def __init__(self, target: str, directory: Path, url: str = "", parsed: Path | None = None) -> None:
        self.target = target
        self.parsed = parsed or directory / "parsed"
        self.artifacts = directory / "target"
        self._path = directory / "airtime.duckdb"
        self._url = url
        self._loads = 0
        # how often it was made: what was built before is gone
        self.made = 0

    @functools.cached_property
    def manifest(self) -> Manifest:
        """The project as dbt understands it for this engine; parsed once for all, which takes longer than a build."""
        self.parsed.mkdir(exist_ok=True)
        with filelock.FileLock(self.parsed / "lock"):
            return self.parse(PROJECT, self.parsed)

    def parse(self, project: Path, artifacts: Path) -> Manifest:
        """A project for this engine. Of artifacts of an earlier parsing, dbt only parses again what has changed."""
        # it knows again what it has parsed for the same connection, and parsing needs none
        env = {"AIRTIME_DUCKDB_PATH": self._path.name} if self.target == "duckdb" else self.settings()
        return run_dbt("parse", target=self.target, artifacts=artifacts, env=env, project=project).result

    def settings(self) -> dict[str, str]:
        """The environment that profiles.yml reads."""
        if self.target == "duckdb":
            return {"AIRTIME_DUCKDB_PATH": str(self._path)}
        parts = urlsplit(self._url)
        return {
            "DB_HOST": str(parts.hostname),
            "DB_PORT": str(parts.port),
            "DB_NAME": parts.path.lstrip("/"),
            "DB_USER": str(parts.username),
            "DB_PASSWORD": str(parts.password),
        }

    def execute(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run SQL, committed at once, and return what it answers."""
        if self.target == "duckdb":
            with duckdb.connect(str(self._path)) as connection:
                return connection.execute(sql, parameters).fetchall()
        with psycopg.connect(self._url, autocommit=True) as connection:
            text = sql.replace("?", "%s") if parameters else sql
            cursor = connection.execute(text, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """All rows of a relation, in an order of their own."""
        return sorted(self.execute(f"select * from {name}"), key=repr)

    def create(self) -> None:
        """Every declared raw table, empty, and dlt's table of completed loads in each schema."""
        self.made += 1
        types = SQL_TYPES[self.target]
        statements = [f"drop schema if exists {schema} cascade" for schema in BUILT_SCHEMAS]
        for dataset in sorted({table.dataset for table in TABLES.values()}):
            statements += [f"drop schema if exists {dataset} cascade", f"create schema {dataset}"]
            statements.append(
                f"create table {dataset}._dlt_loads (load_id text, schema_name text, status bigint, "
                "inserted_at timestamp with time zone, schema_version_hash text)"
            )
        statements += [*CREATE_LOADS, "drop schema if exists builds cascade"]
        for name, table in TABLES.items():
            columns = ", ".join(f'"{column.name}" {types.get(column.type, column.type)}' for column in table.columns)
            statements.append(f"create table {name} ({columns}, _dlt_load_id text)")
        self.execute(";".join(statements))

    def forget(self) -> None:
        """As if nothing had ever been loaded, for models that have been built: they were, over nothing."""
        schemas = ", ".join(f"'{schema}'" for schema in (*BUILT_SCHEMAS, "builds"))
        known = {name for (name,) in self.execute("select model from builds.models")}
        tables = [
            f"{schema}.{name}"
            for schema, name in self.execute(
                "select table_schema, table_name from information_schema.tables"
                f" where table_type = 'BASE TABLE' and table_schema in ({schemas})"
            )
            if name.removesuffix("__changes") in known
        ]
        self._loads = 0
        statements = [f"delete from {name}" for name in (*TABLES, LOADS, *tables)]
        statements += [
            "update builds.models set build_number = 1, complete_since = 1, full_number = 1, load_number = 0,"
            " load_id = null",
            "update builds.inputs set build_number = 1",
        ]
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
        # as the loader numbers it: by the order of completion, whatever the clock said
        self.execute(
            f"insert into {LOADS} select (select coalesce(max(load_number), 0) + 1 from {LOADS}), ?, ?, ?",
            [dataset, load_id, completed_at],
        )

    def build(self, *arguments: str) -> dbtRunnerResult:
        """`dbt build`, which must succeed."""
        return self.dbt("build", *arguments)

    def sql(self, template: str) -> list[tuple[Any, ...]]:
        """What SQL with the project's macros answers."""
        compiled = self.dbt("compile", "--inline", template).result.results[0].node.compiled_code
        return self.execute(compiled)

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """A dbt command, which must succeed."""
        result = run_dbt(
            *arguments, target=self.target, artifacts=self.artifacts, env=self.settings(), manifest=self.manifest
        )
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


def run_dbt(
    *arguments: str,
    target: str,
    artifacts: Path,
    env: dict[str, str],
    project: Path = PROJECT,
    manifest: Manifest | None = None,
) -> dbtRunnerResult:
    """A dbt command in this process, with artifacts and logs out of the project; a manifest saves parsing it.

    Warnings, deprecations among them, are errors.
    """
    options = {
        "--target": target,
        "--project-dir": project,
        "--profiles-dir": PROJECT,
        "--target-path": artifacts,
        "--log-path": artifacts / "logs",
        "--log-level-file": "none",
        "--log-level": "error",
    }
    # artifacts are written for those who ask for them: that takes longer than a few models
    flags = [
        "--quiet",
        "--warn-error",
        "--no-use-colors",
        "--no-write-json" if manifest else "--write-json",
        *map(str, chain.from_iterable(options.items())),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        return dbtRunner(manifest=manifest).invoke([*arguments, *flags])


def _record(table: Table, row: Row, load_id: str) -> Row:
    columns = {column.name: column for column in table.columns}
    assert row.keys() <= columns.keys(), f"{table.qualified_name} has no {row.keys() - columns.keys()}"
    record = {}
    for name, column in columns.items():
        value = row.get(name, None if column.null or column.optional else DEFAULTS[column.type])
        record[name] = json.dumps(value) if column.type == "json" and isinstance(value, list | dict) else value
    return {**record, "_dlt_load_id": load_id}
