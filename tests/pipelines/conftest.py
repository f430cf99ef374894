"""Parts of a run on a throwaway warehouse, and a process without settings of its own."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pytest

from pipelines.intake import Intake
from pipelines.landing import Landing, last_of_each_key
from pipelines.loader import Loader
from pipelines.scrub import Scrubber
from pipelines.settings import Settings, dlt_name, variable
from pipelines.sources import SOURCES, ops, twitch
from pipelines.tables import Table
from pipelines.warehouse import DuckDBWarehouse, stamp
from tests.helpers import SimulatedClock, Warehouse, postgres_warehouse


class MemoryLoader:
    """Stands in where loading is not what is tested: keeps the last row of each key in memory."""

    def __init__(self) -> None:
        self.kept: dict[Table, dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
        self.loads = 0
        self.aborted: set[str] = set()

    def abort_pending(self, sources: Iterable[str]) -> None:
        self.aborted |= set(sources)

    def load(self, tables: Mapping[Table, pa.Table]) -> dict[Table, pa.Table]:
        self.loads += 1
        for table, rows in tables.items():
            for row in rows.to_pylist():
                self.kept[table][tuple(row[name] for name in table.primary_key)] = row
        return dict(tables)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        return list(self.kept[table].values())


@dataclass
class Parts:
    """What a run is made of, on a DuckDB file."""

    directory: Path
    warehouse: DuckDBWarehouse
    landing: Landing
    loader: Loader
    memory: MemoryLoader
    clock: SimulatedClock

    def intake(self, chunk_units: int = 1000, scrubber: Scrubber | None = None, real: bool = False) -> Intake:
        """An intake that loads into memory, or really."""
        if real:
            stamp(self.warehouse, "demo")
            self.loader.ensure([*twitch.TABLES, *ops.TABLES])
        return Intake(
            self.landing,
            self.loader if real else self.memory,  # type: ignore[arg-type]
            twitch.TABLES,
            clock=self.clock,
            scrubber=scrubber or Scrubber(),
            run_id="run",
            interval_minutes=5,
            chunk_units=chunk_units,
        )

    def again(self) -> Parts:
        """The same directory, as the next process finds it, and the same memory."""
        return replace(parts_in(self.directory), memory=self.memory)

    def put(self, table: Table, rows: pa.Table) -> None:
        """Merge rows into a raw table, without a loader."""
        self.warehouse.path.parent.mkdir(parents=True, exist_ok=True)
        rows = last_of_each_key(rows, table)
        with duckdb.connect(str(self.warehouse.path)) as connection:
            connection.execute(f"create schema if not exists {table.dataset}")
            connection.register(
                "given", rows.append_column("_dlt_load_id", pa.array([""] * rows.num_rows, pa.string()))
            )
            connection.execute(f"create table if not exists {table.qualified_name} as from given limit 0")
            key = ", ".join(table.primary_key)
            connection.execute(f"delete from {table.qualified_name} where ({key}) in (select ({key}) from given)")
            connection.execute(f"insert into {table.qualified_name} by name from given")


def parts_in(directory: Path) -> Parts:
    warehouse = DuckDBWarehouse(directory / "demo.duckdb")
    return Parts(
        directory,
        warehouse,
        Landing(directory / "landing"),
        Loader(warehouse, directory / "dlt"),
        MemoryLoader(),
        SimulatedClock(),
    )


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    """On a file that is not there yet."""
    return parts_in(tmp_path / "data")


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty warehouse on each engine."""
    if request.param == "duckdb":
        return DuckDBWarehouse(tmp_path / "demo.duckdb")
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return postgres_warehouse(new_database())


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what the environment of the tests has set."""
    sections = {"": Settings, **{name: source.settings for name, source in SOURCES.items()}}
    for section, kind in sections.items():
        for field in msgspec.structs.fields(kind):
            for name in (variable(section, field.name), dlt_name(section, field.name)):
                monkeypatch.delenv(name, raising=False)


@pytest.fixture
def process() -> Iterator[None]:
    """Undo what a command does to its process: loggers and environment."""
    loggers = [logging.getLogger(), logging.getLogger("airtime")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    environment = dict(os.environ)
    yield
    for logger, handlers, level in before:
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers = handlers
        logger.setLevel(level)
    os.environ.clear()
    os.environ.update(environment)
