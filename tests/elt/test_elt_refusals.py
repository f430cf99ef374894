"""What a run refuses before it has written anything: an exit code, a line on what is wrong, a line on what to do."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipelines.clock import Clock
from pipelines.sandbox import Sandbox
from pipelines.warehouse import DuckDBWarehouse, PostgresWarehouse, Warehouse
from tests.elt.conftest import Done, Project, Troubled, still_world

NOWHERE = "postgresql://reader:of-no-use@127.0.0.1:1/nowhere"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with still_world() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def project(sandbox: Sandbox, new_project: Callable[..., Project]) -> Project:
    return new_project(sandbox.env())


@pytest.fixture
def untouched(project: Project) -> Iterator[Project]:
    """A project on which nothing must be written."""
    yield project
    assert project.value("select count(*) from raw_ops.runs") == 0
    assert not any((project.data / "landing").glob("*/*"))


def assert_refused(done: Done, code: int, *words: str) -> None:
    """The exit code, one line that holds the words, one line on what to do, and nothing else."""
    assert done.code == code, done.err
    assert done.out == ""
    lines = [line for line in done.err.splitlines() if line]
    assert len(lines) == 2, done.err
    assert lines[0].startswith("error: ") and lines[1].startswith("  to mend: ")
    for word in words:
        assert word in lines[0], done.err


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "words"),
    [
        ([], {"TWITCH_CLIENT_SECRET": "wrong-secret"}, 77, ["TWITCH_CLIENT_SECRET", "refused"]),
        ([], {"TWITCH_CLIENT_SECRET": ""}, 77, ["TWITCH_CLIENT_SECRET is not set"]),
        ([], {"TARGET": "postgres", "DATABASE_URL": NOWHERE}, 2, ["PostgreSQL at 127.0.0.1:1/nowhere"]),
        ([], {"TARGET": "postgres"}, 2, ["no database is named"]),
        ([], {"TARGET": "postgres", "DATABASE_URL": "mysql://a:b@c/d"}, 2, ["DATABASE_URL"]),
        (["--target", "oracle"], {}, 2, ["TARGET", "oracle"]),
        (["--sources", "twich"], {}, 2, ["unknown source 'twich'"]),
        (["--resources", "clip"], {}, 2, ["unknown resource 'clip'"]),
        (["--since", "2026-03-02", "--until", "2026-03-01"], {}, 2, ["SINCE", "UNTIL"]),
        (["--since", "yesterday"], {}, 2, ["'yesterday' is neither a day nor a time"]),
        (["--limit", "0"], {}, 2, ["'0' is not a number above 0"]),
        ([], {"RETRY_MAX": "many"}, 2, ["RETRY_MAX", "the environment"]),
        ([], {"TWITCH_VIDEO_PAGE_SIZE": "101"}, 2, ["TWITCH_VIDEO_PAGE_SIZE", "100"]),
        ([], {"TWITCH_API_URL": "api.twitch.tv"}, 2, ["TWITCH_API_URL"]),
    ],
)
def test_bad_input_is_refused(
    arguments: list[str], settings: dict[str, str], code: int, words: list[str], untouched: Project
) -> None:
    assert_refused(untouched.call("elt", *arguments, **settings), code, *words)


def test_malformed_settings_file_is_refused(untouched: Project) -> None:
    file = untouched.home / ".dlt" / "config.toml"
    file.parent.mkdir()
    try:
        file.write_text("[airtime\nretry_max = 5\n")
        malformed = untouched.call("elt")
        file.write_text("[airtime]\nretries = 5\n")
        unknown = untouched.call("elt")
    finally:
        file.unlink()
        file.parent.rmdir()
    assert_refused(malformed, 2, ".dlt/config.toml", "line 1")
    assert_refused(unknown, 2, ".dlt/config.toml", "'retries'")


def test_an_api_that_is_down_is_told(untouched: Project) -> None:
    with still_world() as gone:
        env = gone.env()
    done = untouched.call("elt", "--sources", "twitch", RETRY_MAX="0", **env)
    assert_refused(done, 3, "token endpoint", "Connection refused")


def test_a_file_that_another_program_has_open_is_told(untouched: Project) -> None:
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(untouched.data / "warehouse.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout and other.stdout.readline() == "held\n"
    done = untouched.call("elt", LOCK_WAIT_SECONDS="0")
    other.communicate("")
    assert_refused(done, 75, "warehouse.duckdb", "open in another program", str(other.pid))


def test_a_warehouse_of_the_other_kind_is_refused(untouched: Project, tmp_path: Path) -> None:
    other = untouched.copy(tmp_path)
    other.query("update raw_ops.stamp set value = 'demo' where name = 'data_kind'")
    assert_refused(other.call("elt"), 2, "holds demo data, and this run would load live data")


@contextlib.contextmanager
def held(warehouse: Warehouse) -> Iterator[threading.Event]:
    """The lock of a warehouse, held by a thread until the event is set."""
    taken, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with warehouse.lock("run 42 (pid 1 on another)", 0, Clock()):
            taken.set()
            enough.wait()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert taken.wait(10)
        try:
            yield enough
        finally:
            enough.set()
            holding.result()


def test_a_warehouse_held_by_another_run_is_refused_by_its_name(untouched: Project) -> None:
    with held(DuckDBWarehouse(untouched.data / "warehouse.duckdb")):
        done = untouched.call("elt", LOCK_WAIT_SECONDS="0")
    assert_refused(done, 75, "is held by run 42 (pid 1 on another)")


def test_the_same_on_postgres(troubled: Troubled, sandbox: Sandbox) -> None:
    project = troubled.project
    parts = urlsplit(project.database.url)
    password = project.database.password
    warehouse = PostgresWarehouse(parts.hostname, parts.port, parts.path[1:], parts.username, password)
    with project.database.on_bench(), held(warehouse):
        done = project.call("elt", LOCK_WAIT_SECONDS="0", **sandbox.env())
    assert_refused(done, 75, "is held by run 42 (pid 1 on another)")


def test_a_failing_data_test_is_exit_code_1(project: Project, tmp_path: Path) -> None:
    broken = project.copy(tmp_path)
    broken.query(
        "insert into raw_twitch.games (id, name, fetched_at, request_id, _dlt_load_id)"
        " select '1', 'twice', now(), '', load_id from raw_twitch._dlt_loads, range(2) limit 2"
    )
    done = broken.call("transform", DBT_EXCLUDE_RESOURCE_TYPES="unit_test")
    assert done.code == 1, done.err + done.out
    assert "unique_combination_stg_twitch__games_category_id" in done.out
    assert broken.query("select status, exit_code from ops.fct_runs") == [{"status": "failed", "exit_code": 1}]
