"""The warehouse: one holder at a time, one kind of data for ever, and clear words when it can not be used."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest

from pipelines.errors import LockedError, UsageError
from pipelines.settings import Settings, database
from pipelines.warehouse import (
    DuckDBWarehouse,
    PostgresWarehouse,
    holder,
    open_warehouse,
    read_stamp,
    stamp,
    write_stamp,
)
from tests.helpers import Loopback, Reply, SimulatedClock, Warehouse, postgres_warehouse, replies

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from pipelines.clock import Clock
from pipelines.settings import Settings, database
from pipelines.warehouse import DuckDBWarehouse, PostgresWarehouse, holder
place = sys.argv[1]
if "://" in place:
    warehouse = PostgresWarehouse(**database(Settings(target="postgres", database_url=place)))
else:
    warehouse = DuckDBWarehouse(Path(place))
with warehouse.lock(holder("20261001T120000-abcdef"), 0, Clock()):
    print("held", flush=True)
    sys.stdin.read()
"""
KEEP_OPEN = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start() -> Iterator[Callable[[str, str], subprocess.Popen[bytes]]]:
    """Start a program that says when it holds something, and holds it until it is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def run(program: str, argument: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, argument], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout and process.stdout.readline() == b"held\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(params=["duckdb", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a warehouse is: a path or an address."""
    if request.param == "duckdb":
        return str(tmp_path / "deep" / "demo.duckdb")
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return new_database()


def at(place: str) -> Warehouse:
    return postgres_warehouse(place) if "://" in place else DuckDBWarehouse(Path(place))


# -- the lock


def test_a_second_run_is_refused_and_told_who_holds_the_warehouse(
    place: str, start: Callable[[str, str], subprocess.Popen[bytes]]
) -> None:
    process = start(HOLD, place)
    with pytest.raises(LockedError) as refused, at(place).lock("me", 0, SimulatedClock()):
        pass
    assert refused.value.exit_code == 75
    assert f"is held by run 20261001T120000-abcdef (pid {process.pid}" in str(refused.value)


def test_a_holder_that_was_killed_leaves_the_warehouse_to_the_next(
    place: str, start: Callable[[str, str], subprocess.Popen[bytes]]
) -> None:
    process = start(HOLD, place)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # the server may take a moment to see that the connection is gone
    clock = RealWaits(100)
    with at(place).lock("me", 100, clock):
        pass


def test_a_lock_can_be_had_again_after_it_was_given_back(place: str) -> None:
    for name in ("first", "second"):
        with at(place).lock(name, 0, SimulatedClock()):
            pass


def test_a_run_queues_behind_another_for_as_long_as_it_is_told(
    place: str, start: Callable[[str, str], subprocess.Popen[bytes]]
) -> None:
    start(HOLD, place)
    clock = SimulatedClock()
    with pytest.raises(LockedError), at(place).lock("me", 30, clock):
        pass
    assert clock.monotonic() == pytest.approx(30, abs=1)


def test_a_run_gets_the_warehouse_when_the_one_before_it_ends(
    place: str, start: Callable[[str, str], subprocess.Popen[bytes]]
) -> None:
    process = start(HOLD, place)
    clock = RealWaits(100, first=process.kill)
    with at(place).lock("me", 1000, clock):
        assert clock.slept


def test_locks_of_two_databases_are_two_locks(new_database: Callable[[], str], tmp_path: Path) -> None:
    with (
        postgres_warehouse(new_database()).lock("a", 0, SimulatedClock()),
        postgres_warehouse(new_database()).lock("b", 0, SimulatedClock()),
        DuckDBWarehouse(tmp_path / "a.duckdb").lock("c", 0, SimulatedClock()),
        DuckDBWarehouse(tmp_path / "b.duckdb").lock("d", 0, SimulatedClock()),
    ):
        pass


class RealWaits(SimulatedClock):
    """Simulated time whose first waits really take a moment, so that another process gets its turn."""

    def __init__(self, most: int, first: Callable[[], object] = lambda: None):
        super().__init__()
        self._most = most
        self._first = first

    def sleep(self, seconds: float) -> None:
        if not self.slept:
            self._first()
        if len(self.slept) < self._most:
            self._stopped.wait(0.05)
        super().sleep(seconds)


def test_a_holder_names_its_run_its_process_and_its_machine() -> None:
    assert holder("20261001T120000-abcdef").startswith("run 20261001T120000-abcdef (pid ")


# -- demo or live


@pytest.mark.parametrize(("first", "second"), [("demo", "live"), ("live", "demo")])
def test_a_warehouse_stays_of_the_kind_that_it_was_first_used_for(tmp_path: Path, first: str, second: str) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "demo.duckdb")
    stamp(warehouse, first)
    stamp(warehouse, first)
    with pytest.raises(UsageError, match=f"holds {first} data, and this run would load {second} data") as refused:
        stamp(warehouse, second)
    assert refused.value.exit_code == 2 and refused.value.mend
    assert read_stamp(warehouse, "data_kind") == first


def test_facts_about_a_warehouse_are_kept_and_replaced(warehouse: Warehouse) -> None:
    stamp(warehouse, "demo")
    assert read_stamp(warehouse, "views") is None
    write_stamp(warehouse, "views", "a")
    write_stamp(warehouse, "views", "b")
    assert (read_stamp(warehouse, "views"), read_stamp(warehouse, "data_kind")) == ("b", "demo")
    with pytest.raises(UsageError):
        stamp(warehouse, "live")


def test_demo_and_live_data_have_a_file_each(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    demo, live = open_warehouse(settings, "demo"), open_warehouse(settings, "live")
    assert (demo.location, live.location) == (str(tmp_path / "demo.duckdb"), str(tmp_path / "warehouse.duckdb"))
    postgres = open_warehouse(Settings(target="postgres", database_url="postgresql://a:pw@h:1/d"), "live")
    assert isinstance(postgres, PostgresWarehouse) and postgres.location == "h:1/d" and postgres.secrets() == ["pw"]


# -- queries


def test_queries_take_parameters_and_times_are_in_utc(warehouse: Warehouse) -> None:
    moment = dt.datetime(2026, 10, 1, 12)
    rows = warehouse.rows("select cast(? as varchar), cast(? as timestamp), cast(? as int)", ["it's ?", moment, None])
    assert rows == [("it's ?", moment, None)]
    assert warehouse.rows("select cast(timestamp '2026-10-01 12:00:00' as timestamp with time zone)")[0][0] == (
        moment.replace(tzinfo=dt.UTC)
    )
    assert warehouse.rows("select 'a%b' like '%b'") == [(True,)]


def test_statements_count_together_or_not_at_all(warehouse: Warehouse) -> None:
    warehouse.execute("create table t (a int)")
    with pytest.raises(Exception, match="nowhere"):
        warehouse.execute("insert into t values (1)", "insert into nowhere values (1)")
    assert warehouse.rows("select count(*) from t") == [(0,)]
    warehouse.execute()


def test_a_path_or_the_parts_of_an_address_are_handed_to_dbt(tmp_path: Path) -> None:
    assert DuckDBWarehouse(tmp_path / "a.duckdb").dbt_env() == {"AIRTIME_DUCKDB_PATH": str(tmp_path / "a.duckdb")}
    address = "postgresql://ann:p%40w@db.example:6543/air"
    found = PostgresWarehouse(**database(Settings(target="postgres", database_url=address))).dbt_env()
    assert found == {
        "DB_HOST": "db.example", "DB_PORT": "6543", "DB_NAME": "air", "DB_USER": "ann", "DB_PASSWORD": "p@w",
        "DB_SSLMODE": "prefer",
    }  # fmt: skip


def test_the_tls_mode_of_an_address_reaches_every_connection() -> None:
    address = "postgresql://ann:p%40w@db.example:6543/air?sslmode=require"
    warehouse = PostgresWarehouse(**database(Settings(target="postgres", database_url=address)))
    assert warehouse.dbt_env()["DB_SSLMODE"] == "require"
    assert "sslmode=require" in warehouse.dlt_destination().config_params["credentials"].to_native_representation()


# -- when it can not be used


def test_a_file_that_another_program_has_open_is_told_from_a_broken_one(
    tmp_path: Path, start: Callable[[str, str], subprocess.Popen[bytes]]
) -> None:
    path = tmp_path / "demo.duckdb"
    process = start(KEEP_OPEN, str(path))
    with pytest.raises(LockedError, match="is open in another program") as refused:
        DuckDBWarehouse(path).rows("select 1")
    assert str(process.pid) in str(refused.value) and "close it there" in refused.value.mend


def damaged(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t as select * from range(10000)")
    content = bytearray(path.read_bytes())
    content[4096:4160] = b"\x01" * 64
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no database" * 1000),
        lambda path: path.write_bytes(b""),
        lambda path: path.mkdir(),
        damaged,
    ],
    ids=["text", "empty", "directory", "damaged"],
)
@pytest.mark.parametrize("folder", ["data", "clocks"])
def test_a_file_that_is_no_database_is_a_usage_error(
    tmp_path: Path, spoil: Callable[[Path], object], folder: str
) -> None:
    path = tmp_path / folder / "demo.duckdb"
    path.parent.mkdir()
    spoil(path)
    with pytest.raises(UsageError, match="can not be opened") as refused:
        DuckDBWarehouse(path).rows("select 1")
    assert refused.value.exit_code == 2 and "DuckDB file" in refused.value.mend


def test_a_database_that_is_down_is_a_usage_error_without_its_password() -> None:
    with Loopback(replies(Reply())) as gone:
        pass
    warehouse = postgres_warehouse(gone.url.replace("http://", "postgresql://ann:hush-hush@") + "/air")
    for use in (lambda: warehouse.rows("select 1"), lambda: warehouse.lock("me", 0, SimulatedClock()).__enter__()):
        with pytest.raises(UsageError, match=r"PostgreSQL at 127\.0\.0\.1:\d+/air can not be reached") as refused:
            use()
        assert "hush" not in str(refused.value) + refused.value.mend


def test_a_wrong_password_or_database_is_a_usage_error_without_the_password(postgres_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(postgres_url)
    good = {key: name[key] for key in ("host", "user", "password", "dbname")} | {"port": int(str(name["port"]))}
    for wrong in ({"password": "hush-hush"}, {"dbname": "nowhere"}, {"user": "nobody", "password": "hush-hush"}):
        with pytest.raises(UsageError, match="can not be reached") as refused:
            PostgresWarehouse(**{**good, **wrong}).rows("select 1")
        assert "hush" not in str(refused.value) + refused.value.mend
        assert str(good["password"]) not in str(refused.value)


def test_a_file_is_made_when_it_is_first_used_and_not_before(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "new" / "demo.duckdb")
    assert not warehouse.exists() and not (tmp_path / "new").exists()
    warehouse.execute("create table t (a int)")
    assert warehouse.exists()


def test_memory_is_limited_while_loading_and_not_while_transforming(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "demo.duckdb")
    limit = lambda: warehouse.rows("select current_setting('memory_limit')")[0][0]
    before = limit()
    with warehouse.kept_open():
        assert limit() != before
        warehouse.lift_memory_limit()
        assert limit() == before


def test_a_checkpoint_moves_the_log_into_the_file_and_one_that_is_in_the_way_fails_nothing(tmp_path: Path) -> None:
    warehouse, log = DuckDBWarehouse(tmp_path / "demo.duckdb"), tmp_path / "demo.duckdb.wal"
    with warehouse.kept_open():
        warehouse.execute("create table things as select range as id from range(1000)")
        assert log.exists()
        warehouse.checkpoint()
        assert not log.exists()
        with duckdb.connect(str(warehouse.path)) as other:
            other.begin()
            other.execute("alter table things add column name text")
            warehouse.checkpoint()
            other.rollback()


def test_postgres_knows_the_size_of_what_was_loaded(new_database: Callable[[], str]) -> None:
    warehouse = postgres_warehouse(new_database())
    warehouse.execute("create table things as select generate_series(1, 5000) as id")
    estimate = "select reltuples::bigint from pg_class where relname = 'things'"
    assert warehouse.rows(estimate) == [(-1,)]
    warehouse.analyze(["things"])
    assert warehouse.rows(estimate) == [(5000,)]
