"""A warehouse that the version before has built is upgraded by the next run, and nothing of it is lost."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pytest

from pipelines.loader import Loader
from pipelines.sources import SOURCES
from pipelines.sources.ops import TABLES as OPS_TABLES
from pipelines.warehouse import LOADS, DuckDBWarehouse
from tests.helpers import Warehouse, postgres_warehouse

CHECKOUT = Path(__file__).parents[2]
FIXTURE = CHECKOUT / "tests" / "fixtures" / "warehouse_before.sql.gz"
TABLES = [*(table for source in SOURCES.values() for table in source.tables), *OPS_TABLES]
# credentials make it live, as the warehouse is; no API is asked
CREDENTIALS = {"TWITCH_CLIENT_ID": "an-id", "TWITCH_CLIENT_SECRET": "a-secret", "ETL_NOW": "2026-03-04T20:05:00Z"}


class Before:
    """The warehouse of the version before, in a project folder."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        text = gzip.decompress(FIXTURE.read_bytes()).decode()
        if url:
            with psycopg.connect(url) as connection:
                connection.execute(text.replace("{json}", "jsonb"))  # type: ignore[arg-type]
            self.warehouse: Warehouse = postgres_warehouse(url)
            self.env = {"TARGET": "postgres", "DATABASE_URL": url}
        else:
            path = home / "data" / "warehouse.duckdb"
            path.parent.mkdir()
            with duckdb.connect(str(path)) as connection:
                connection.execute("set TimeZone = 'UTC'")
                connection.execute(text.replace("{json}", "json"))
            self.warehouse, self.env = DuckDBWarehouse(path), {"TARGET": "duckdb"}

    def counts(self) -> dict[str, int]:
        """Rows of the raw tables that a run does not add to."""
        return {
            table.qualified_name: self.warehouse.rows(f"select count(*) from {table.qualified_name}")[0][0]
            for table in TABLES
            if table.fetched
        }

    def transform(self) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        """`transform`, and the notes of its stages."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env = {**kept, **CREDENTIALS, **self.env, "PYTHONPATH": str(CHECKOUT)}
        command = [sys.executable, "-m", "pipelines", "transform", "--json"]
        done = subprocess.run(command, cwd=self.home, env=env, capture_output=True, text=True)
        stages = json.loads(done.stdout)["stages"] if done.stdout else []
        return done, {stage["stage"]: stage["message"] for stage in stages}


@pytest.fixture(params=["duckdb", "postgres"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Before:
    new_database: Callable[[], str] | None = None
    if request.param == "postgres":
        new_database = request.getfixturevalue("new_database")
    return Before(tmp_path, new_database() if new_database else "")


def test_loads_of_the_version_before_get_numbers_and_no_row_goes(before: Before, tmp_path: Path) -> None:
    rows = before.counts()
    assert rows["raw_twitch.videos"] and rows["raw_sportmonks.fixtures"] and rows["raw_atlas.payloads"]
    completed = sum(
        before.warehouse.rows(f"select count(*) from {dataset}._dlt_loads where status = 0")[0][0]
        for dataset in {table.dataset for table in TABLES}
    )
    loader = Loader(before.warehouse, tmp_path / "dlt")
    assert loader.ensure(TABLES) == completed
    numbers = [number for (number,) in before.warehouse.rows(f"select load_number from {LOADS} order by 1")]
    assert numbers == [*range(1, len(numbers) + 1)] and len(numbers) >= completed
    assert before.counts() == rows
    for table in TABLES:
        left = (
            f"select count(*) from {table.qualified_name} where _dlt_load_id not in"
            f" (select load_id from {LOADS} where dataset = '{table.dataset}')"
        )
        assert before.warehouse.rows(left) == [(0,)], table.qualified_name
    assert loader.ensure(TABLES) == 0, "it is told once"


def test_the_next_run_builds_all_anew_says_so_once_and_the_one_after_it_goes_on(before: Before) -> None:
    rows = before.counts()
    streams = before.warehouse.rows("select platform, stream_id from live.fct_stream_snapshots order by 1, 2")
    fixtures = before.warehouse.rows("select fixture_id, home_goals, away_goals from football.fct_fixtures order by 1")
    done, stages = before.transform()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("this warehouse is of the version before") == 1
    assert "built in full: " in stages["transform"] and "this version has not built them yet" in stages["transform"]
    assert before.counts() == rows
    assert before.warehouse.rows("select platform, stream_id from live.fct_stream_snapshots order by 1, 2") == streams
    again = before.warehouse.rows("select fixture_id, home_goals, away_goals from football.fct_fixtures order by 1")
    assert again == fixtures and streams and fixtures

    done, stages = before.transform()
    assert done.returncode == 0, done.stderr
    assert "version before" not in done.stderr and "built in full" not in (stages["transform"] or "")
