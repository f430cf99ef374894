"""The warehouse: where it is, who holds it, whether it is demo or live, and plain queries on it.

Two kinds with the same few methods. Loading is dlt's (loader.py), transforming is dbt's (transform.py); both are handed
the one connection that the settings name.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
import filelock
import psycopg
import pyarrow as pa

from pipelines.clock import Clock
from pipelines.errors import LockedError, UsageError
from pipelines.settings import Settings, database

Rows = list[tuple[Any, ...]]

STAMP = "raw_ops.stamp"
CREATE_STAMP = (
    "create schema if not exists raw_ops",
    f"create table if not exists {STAMP} (name varchar primary key, value varchar not null)",
)
# Completed loads in the order in which they count: dlt names a load by the machine's clock, which may be set back.
LOADS = "raw_ops.loads"
CREATE_LOADS = (
    "create schema if not exists raw_ops",
    f"create table if not exists {LOADS} (load_number bigint primary key, dataset varchar not null,"
    " load_id varchar not null, completed_at timestamp not null, unique (dataset, load_id))",
)
LOCK_POLL_SECONDS = 0.2
CONNECT_SECONDS = 10
# of the advisory lock on PostgreSQL
LOCK_NUMBER = int.from_bytes(hashlib.sha256(b"airtime").digest()[:4], "big") >> 1


@dataclass(frozen=True)
class Merge:
    """Rows that replace those of a table that have their keys; each key is there once."""

    table: str
    key: tuple[str, ...]
    rows: pa.Table

    def statements(self, staged: str) -> list[str]:
        """The SQL that merges them from where they are staged."""
        same = " and ".join(f'{self.table}."{column}" = {staged}."{column}"' for column in self.key)
        columns = ", ".join(f'"{column}"' for column in self.rows.column_names)
        return [
            f"delete from {self.table} using {staged} where {same}",
            f"insert into {self.table} ({columns}) select {columns} from {staged}",
        ]


class Warehouse(Protocol):
    """What the rest of the project asks of a warehouse."""

    target: str
    name: str
    location: str

    def secrets(self) -> list[str]:
        """Secret texts in the connection, for the scrubber."""
        ...

    def exists(self) -> bool:
        """Whether there is anything to connect to yet."""
        ...

    def dlt_destination(self) -> Any:
        """The destination for dlt pipelines."""
        ...

    def dbt_env(self) -> dict[str, str]:
        """The environment that dbt_project/profiles.yml reads."""
        ...

    def dbt_database(self) -> dict[str, str]:
        """That environment with nothing real in it but the name of the database."""
        ...

    def execute(self, *statements: str) -> None:
        """Run statements in one transaction."""
        ...

    def merge(self, merges: Sequence[Merge], *then: str) -> None:
        """Merge rows into several tables and run statements, all in one transaction."""
        ...

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run a query with `?` placeholders."""
        ...

    def lock(self, holder: str, wait_seconds: float, clock: Clock) -> contextlib.AbstractContextManager[None]:
        """Hold the warehouse alone; a killed process lets go of it.

        Raises:
            LockedError: somebody else holds it, and did for `wait_seconds`.
        """
        ...

    def held_by(self) -> str | None:
        """How its holder names itself (see `holder`), which a server may have cut off; None if nobody holds it."""
        ...

    def kept_open(self) -> contextlib.AbstractContextManager[Any]:
        """Keep others from opening it between two queries of a run."""
        ...

    def index_statements(self, dataset: str, keys: Mapping[str, Sequence[str]]) -> list[str]:
        """What must be run so that merging into tables by their keys, and reading news, stays cheap as they grow."""
        ...

    def analyze(self, tables: Sequence[str]) -> None:
        """Tell the planner of what has been loaded into these tables."""
        ...

    def checkpoint(self) -> None:
        """Write what has been loaded to where it stays."""
        ...

    def lift_memory_limit(self) -> None:
        """Let the transform use what memory there is."""
        ...


# While loading; beyond, DuckDB works on disk. Without a limit it keeps what it has read for as long as there is memory,
# which would grow with the warehouse.
MEMORY_LIMIT = "256MB"


class DuckDBWarehouse:
    """A DuckDB file: one process at a time, readers included."""

    target = "duckdb"

    def __init__(self, path: Path):
        self.path = path
        self.name = path.stem
        self.location = str(path)

    def secrets(self) -> list[str]:
        """None."""
        return []

    def exists(self) -> bool:
        """Whether the file is there; connecting would make it."""
        return self.path.exists()

    def dlt_destination(self) -> Any:
        """dlt's DuckDB destination on the file."""
        from pipelines.destinations import QuickDuckDB

        return QuickDuckDB(str(self.path), destination_name="duckdb")

    def dbt_env(self) -> dict[str, str]:
        """The path."""
        return {"AIRTIME_DUCKDB_PATH": str(self.path.resolve())}

    def dbt_database(self) -> dict[str, str]:
        """The name of the file."""
        return {"AIRTIME_DUCKDB_PATH": self.path.name}

    def execute(self, *statements: str) -> None:
        """Run statements in one transaction."""
        with self._connect() as connection:
            connection.begin()
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def merge(self, merges: Sequence[Merge], *then: str) -> None:
        """Merge rows into several tables and run statements, all in one transaction."""
        with self._connect() as connection:
            connection.begin()
            for merge in merges:
                connection.register("staged", merge.rows)
                for statement in merge.statements("staged"):
                    connection.execute(statement)
                connection.unregister("staged")
            for statement in then:
                connection.execute(statement)
            connection.commit()

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run a query with `?` placeholders."""
        with self._connect() as connection:
            return connection.execute(query, list(parameters)).fetchall()

    @contextlib.contextmanager
    def lock(self, holder: str, wait_seconds: float, clock: Clock) -> Iterator[None]:
        """A lock file beside the database, which the kernel releases with the process."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.path.with_suffix(".lock"), blocking=False)
        note = self.path.with_suffix(".holder")
        if not _acquire(lambda: _try_file_lock(lock), wait_seconds, clock):
            found = note.read_text("utf-8").strip() if note.exists() else "another run"
            raise _locked(self.location, found)
        try:
            note.write_text(holder, "utf-8")
            yield
        finally:
            note.unlink(missing_ok=True)
            lock.release()

    def held_by(self) -> str | None:
        """The holder's note, which a killed process leaves behind: what counts is the lock."""
        note = self.path.with_suffix(".holder")
        if not note.exists():
            return None
        lock = filelock.FileLock(self.path.with_suffix(".lock"), blocking=False)
        if _try_file_lock(lock):
            lock.release()
            return None
        # it may be going at this very moment
        with contextlib.suppress(FileNotFoundError):
            return note.read_text("utf-8").strip()
        return None

    @contextlib.contextmanager
    def kept_open(self) -> Iterator[None]:
        """A connection held on to: a reader that comes while the file is closed would make the next query fail."""
        with self._connect() as connection:
            # holds for all connections of this process to the file
            connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
            yield
        # dbt keeps its connection, and dlt leaves its own to the garbage: the run that waits could not open the file
        if adapter := sys.modules.get("dbt.adapters.duckdb.connections"):
            adapter.DuckDBConnectionManager.close_all_connections()
        gc.collect()

    def index_statements(self, dataset: str, keys: Mapping[str, Sequence[str]]) -> list[str]:
        """None: DuckDB keeps minima and maxima of each block, which serve time-led keys."""
        return []

    def analyze(self, tables: Sequence[str]) -> None:
        """Nothing: DuckDB keeps its statistics up to date."""

    def checkpoint(self) -> None:
        """Into the file: left to itself, DuckDB keeps it in its log and in memory until the last connection closes."""
        # one that is in the way of it leaves it to the next load
        with contextlib.suppress(duckdb.TransactionException):
            self.rows("checkpoint")

    def lift_memory_limit(self) -> None:
        """Back to DuckDB's own limit, a share of the machine's memory."""
        self.execute("reset memory_limit")

    @contextlib.contextmanager
    def _connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(str(self.path))
        except duckdb.Error as error:
            if "could not set lock" in str(error).lower():
                raise LockedError(
                    f"{self.location} is open in another program: {_first_line(error)}",
                    "close it there (a DuckDB file has one writer, and no readers beside it), then run again",
                ) from None
            raise UsageError(
                f"{self.location} can not be opened: {_first_line(error)}", "is it a DuckDB file, and writable?"
            ) from None
        try:
            yield connection
        finally:
            connection.close()


class PostgresWarehouse:
    """A PostgreSQL database."""

    target = "postgres"

    def __init__(self, host: str, port: int, dbname: str, user: str, password: str, sslmode: str = "prefer"):
        self._parameters = {
            "host": host,
            "port": port,
            "dbname": dbname,
            "user": user,
            "password": password,
            "sslmode": sslmode,
        }
        self.location = f"{host}:{port}/{dbname}"
        self.name = "postgres-" + hashlib.sha256(self.location.encode()).hexdigest()[:10]

    def secrets(self) -> list[str]:
        """The password."""
        return [self._parameters["password"]]

    def exists(self) -> bool:
        """True: a server makes no database by itself."""
        return True

    def dlt_destination(self) -> Any:
        """dlt's PostgreSQL destination, with its credentials given, so that none is looked up or traced."""
        from dlt.destinations.impl.postgres.configuration import PostgresCredentials

        from pipelines.destinations import ExactPostgres

        credentials = PostgresCredentials()
        credentials.drivername = "postgresql"
        credentials.host = self._parameters["host"]
        credentials.port = self._parameters["port"]
        credentials.database = self._parameters["dbname"]
        credentials.username = self._parameters["user"]
        credentials.password = self._parameters["password"]
        credentials.connect_timeout = CONNECT_SECONDS
        credentials.query = {"sslmode": self._parameters["sslmode"]}
        return ExactPostgres(credentials, destination_name="postgres")

    def dbt_env(self) -> dict[str, str]:
        """The parts of the address."""
        names = {
            "host": "DB_HOST",
            "port": "DB_PORT",
            "dbname": "DB_NAME",
            "user": "DB_USER",
            "password": "DB_PASSWORD",
            "sslmode": "DB_SSLMODE",
        }
        return {names[key]: str(value) for key, value in self._parameters.items()}

    def dbt_database(self) -> dict[str, str]:
        """The name of the database."""
        nowhere = {"DB_HOST": "localhost", "DB_PORT": "0", "DB_USER": "", "DB_PASSWORD": "", "DB_SSLMODE": ""}
        return self.dbt_env() | nowhere

    def execute(self, *statements: str) -> None:
        """Run statements in one transaction."""
        with self._connect() as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def merge(self, merges: Sequence[Merge], *then: str) -> None:
        """Merge rows into several tables and run statements, all in one transaction."""
        with self._connect() as connection:
            for merge in merges:
                columns = ", ".join(f'"{column}"' for column in merge.rows.column_names)
                connection.execute(f"create temporary table staged on commit drop as table {merge.table} with no data")  # type: ignore[arg-type]
                with connection.cursor().copy(f"copy staged ({columns}) from stdin") as copy:  # type: ignore[arg-type]
                    for row in zip(*(column.to_pylist() for column in merge.rows.columns), strict=True):
                        copy.write_row(row)
                for statement in merge.statements("staged"):
                    connection.execute(statement)  # type: ignore[arg-type]
                connection.execute("drop table staged")
            for statement in then:
                connection.execute(statement)  # type: ignore[arg-type]

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run a query with `?` placeholders."""
        with self._connect() as connection:
            return connection.execute(query.replace("?", "%s"), list(parameters) or None).fetchall()  # type: ignore[call-overload]

    @contextlib.contextmanager
    def lock(self, holder: str, wait_seconds: float, clock: Clock) -> Iterator[None]:
        """A session's advisory lock, which the server releases with the connection; it is named by the connection."""
        with self._connect(application_name=holder[:63], autocommit=True) as connection:
            taken = lambda: bool(connection.execute("select pg_try_advisory_lock(%s)", [LOCK_NUMBER]).fetchone()[0])
            if not _acquire(taken, wait_seconds, clock):
                raise _locked(self.location, self.held_by() or "another run")
            yield

    def held_by(self) -> str | None:
        """The name of the connection that has the lock; the server keeps 63 characters of it."""
        found = self.rows(
            "select application_name from pg_stat_activity join pg_locks using (pid)"
            " where locktype = 'advisory' and objid = ? and granted"
            " and database = (select oid from pg_database where datname = current_database())",
            [LOCK_NUMBER],
        )
        return str(found[0][0]) if found else None

    def kept_open(self) -> contextlib.AbstractContextManager[Any]:
        """Nothing to do: a server has room for readers."""
        return contextlib.nullcontext()

    def index_statements(self, dataset: str, keys: Mapping[str, Sequence[str]]) -> list[str]:
        """Indexes on the key, for merging, and on the load, for incremental models; dlt makes neither."""
        statements = [f'create index if not exists "_dlt_loads_load" on "{dataset}"._dlt_loads (load_id)']
        for table, columns in keys.items():
            listed = ", ".join(f'"{column}"' for column in columns)
            statements += [
                f'create index if not exists "{table}_key" on "{dataset}"."{table}" ({listed})',
                f'create index if not exists "{table}_load" on "{dataset}"."{table}" (_dlt_load_id)',
            ]
        return statements

    def analyze(self, tables: Sequence[str]) -> None:
        """Gather statistics at once: until PostgreSQL does so by itself, it takes a new table for an empty one."""
        self.execute(*(f"analyze {table}" for table in tables))

    def checkpoint(self) -> None:
        """Nothing: the server does so by itself."""

    def lift_memory_limit(self) -> None:
        """Nothing: the server has its own."""

    @contextlib.contextmanager
    def _connect(self, **options: Any) -> Iterator[psycopg.Connection]:
        options.setdefault("application_name", "airtime")
        try:
            connection = psycopg.connect(
                **self._parameters, connect_timeout=CONNECT_SECONDS, options="-c timezone=UTC", **options
            )
        except psycopg.OperationalError as error:
            raise UsageError(
                f"PostgreSQL at {self.location} can not be reached: {_first_line(error)}",
                "is the server up, and are DATABASE_URL (or DB_HOST, DB_USER, DB_PASSWORD) right?",
            ) from None
        with connection:
            yield connection


def open_warehouse(settings: Settings, data_kind: str) -> DuckDBWarehouse | PostgresWarehouse:
    """The warehouse of the settings; on DuckDB, demo and live data have a file each."""
    if settings.target == "postgres":
        return PostgresWarehouse(**database(settings))
    return DuckDBWarehouse(Path(settings.data_dir) / ("demo.duckdb" if data_kind == "demo" else "warehouse.duckdb"))


def stamp(warehouse: Warehouse, data_kind: str) -> None:
    """Mark a new warehouse as demo or live, or make sure that it is of that kind.

    Raises:
        UsageError: it is of the other kind.
    """
    warehouse.execute(*CREATE_STAMP)
    found = read_stamp(warehouse, "data_kind")
    if found is None:
        write_stamp(warehouse, "data_kind", data_kind)
    elif found != data_kind:
        raise other_kind(warehouse, found, data_kind)


def other_kind(warehouse: Warehouse, found: str, wanted: str) -> UsageError:
    """The refusal of a warehouse that holds the other kind of data."""
    return UsageError(
        f"{warehouse.location} holds {found} data, and this run would load {wanted} data",
        "set the credentials that it was filled with, or name another database"
        if found == "live"
        else "name another database for live data, or remove this one",
    )


def numbering(dataset: str, load_id: str = "") -> str:
    """The statement that gives each completed load of a raw schema, or one of them, the number after the last.

    A load that has one keeps it. What has none is not there yet for staging, so nothing is ever read half. Whoever runs
    it holds the warehouse, so no two take the same number; should two ever, the primary key refuses the second.
    """
    one = f" and load_id = '{load_id}'" if load_id else ""
    return (
        f"insert into {LOADS} (load_number, dataset, load_id, completed_at)"
        f" select (select coalesce(max(load_number), 0) from {LOADS})"
        " + row_number() over (order by min(inserted_at), load_id),"
        f""" '{dataset}', load_id, min(inserted_at) at time zone 'UTC' from "{dataset}"._dlt_loads as completed"""
        f" where status = 0{one} and not exists (select 1 from {LOADS} as numbered"
        f" where numbered.dataset = '{dataset}' and numbered.load_id = completed.load_id) group by load_id"
    )


def number_left_loads(warehouse: Warehouse, datasets: Iterable[str]) -> int:
    """Number the completed loads of raw schemas that have none: a killed run may have left some, and a warehouse of the
    version before has no numbers at all. Returns how many these were if they are the first ones, else 0.

    Among themselves they go by the clock, schema by schema: nothing else is known of their order.
    """
    warehouse.execute(*CREATE_LOADS)
    before = numbered = 0
    for dataset in datasets:
        # counted first: to look for each of half a million takes a second, and mostly none is left
        counts = (
            f'select (select count(*) from "{dataset}"._dlt_loads where status = 0), count(*)'
            f" from {LOADS} where dataset = '{dataset}'"
        )
        ((completed, known),) = warehouse.rows(counts)
        if completed != known:
            warehouse.execute(numbering(dataset))
        before, numbered = before + known, numbered + completed
    return 0 if before else numbered


def read_stamp(warehouse: Warehouse, name: str) -> str | None:
    """A fact about the warehouse itself; None if it is not known."""
    rows = warehouse.rows(f"select value from {STAMP} where name = ?", [name])
    return rows[0][0] if rows else None


def write_stamp(warehouse: Warehouse, name: str, value: str) -> None:
    """Note a fact about the warehouse itself."""
    assert "'" not in name + value
    warehouse.execute(
        f"delete from {STAMP} where name = '{name}'", f"insert into {STAMP} (name, value) values ('{name}', '{value}')"
    )


def holder(run_id: str, job: str | None = None) -> str:
    """How a run names itself to those who find the warehouse locked."""
    return f"run {run_id} (pid {os.getpid()} on {socket.gethostname()}" + (f", job {job})" if job else ")")


def _acquire(attempt: Any, wait_seconds: float, clock: Clock) -> bool:
    deadline = clock.monotonic() + wait_seconds
    while not attempt():
        if clock.monotonic() >= deadline:
            return False
        clock.sleep(LOCK_POLL_SECONDS)
    return True


def _try_file_lock(lock: filelock.BaseFileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return False
    return True


def _locked(location: str, found: str) -> LockedError:
    return LockedError(
        f"{location} is held by {found}",
        "wait for it to finish, or set LOCK_WAIT_SECONDS to queue behind it",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
