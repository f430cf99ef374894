"""Parts of a run on a throwaway warehouse, and a process without settings of its own."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from pipelines.intake import Intake
from pipelines.landing import Landing
from pipelines.loader import Loader
from pipelines.scrub import Scrubber
from pipelines.settings import Settings, dlt_name, variable
from pipelines.sources import SOURCES, twitch
from pipelines.sources.ops import TABLES as OPS_TABLES
from pipelines.warehouse import DuckDBWarehouse, stamp
from tests.helpers import SimulatedClock, Warehouse, postgres_warehouse

TABLES = [*twitch.TABLES, *OPS_TABLES]


@dataclass
class Parts:
    """What a run is made of, on a DuckDB file that has every declared table."""

    directory: Path
    warehouse: DuckDBWarehouse
    landing: Landing
    loader: Loader
    clock: SimulatedClock

    def intake(self, chunk_units: int = 1000, scrubber: Scrubber | None = None) -> Intake:
        return Intake(
            self.landing,
            self.loader,
            twitch.TABLES,
            clock=self.clock,
            scrubber=scrubber or Scrubber(),
            run_id="run",
            interval_minutes=5,
            chunk_units=chunk_units,
        )

    def again(self) -> Parts:
        """The same directory, as the next process finds it."""
        return parts_in(self.directory)


def parts_in(directory: Path) -> Parts:
    warehouse = DuckDBWarehouse(directory / "demo.duckdb")
    return Parts(
        directory,
        warehouse,
        Landing(directory / "landing"),
        Loader(warehouse, directory / "dlt"),
        SimulatedClock(),
    )


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("parts")
    made = parts_in(directory)
    stamp(made.warehouse, "demo")
    made.loader.ensure(TABLES)
    return directory


@pytest.fixture
def parts(made_once: Path, tmp_path: Path) -> Parts:
    shutil.copytree(made_once, tmp_path / "data")
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
