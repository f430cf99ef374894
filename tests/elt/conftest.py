"""Whole runs against the sandbox: project folders to run in, what the sandbox served, and what the warehouse holds."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import gzip
import io
import json
import logging
import os
import pickle
import secrets
import shutil
import signal
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import duckdb
import filelock
import psycopg
import pyarrow.parquet as pq
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager

from pipelines.__main__ import main
from pipelines.clock import Clock
from pipelines.sandbox import Sandbox
from pipelines.sandbox.apis.base import Answer
from pipelines.sandbox.apis.twitch import CLIENT_SECRET
from pipelines.sandbox.faults import KINDS
from pipelines.sandbox.server import Served
from pipelines.sandbox.world import Channel
from pipelines.sources import SOURCES, twitch
from pipelines.tables import Table
from tests.conftest import PostgresServer

CHECKOUT = Path(__file__).parents[2]
NOW = "2026-03-04T20:00:00Z"
LATER = "2026-03-04T20:15:00Z"
CHANNELS = 100  # about 30 of them are live at NOW
# dbt then builds the models and leaves out their tests, where the marts are looked at by the test itself
MODELS_ONLY = {"DBT_EXCLUDE_RESOURCE_TYPES": "test unit_test"}
# without any setting of the project in it
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
# characters of a secret that may not show: a secret that is cut off is still one
LEAST = 16
RUN_SECONDS = 240
WAIT_SECONDS = 120
# what depends on when and by which request a row came, and not on the world
VOLATILE = {"loaded_at", "fetched_at", "followers_fetched_at", "request_id", "_dlt_load_id", "_dlt_id"}
TABLES = {table.name: table for table in twitch.TABLES}
PATHS = {
    "/streams": "streams",
    "/users": "users",
    "/channels": "channels",
    "/channels/followers": "followers",
    "/videos": "videos",
    "/clips": "clips",
    "/games": "games",
}
# resources that are asked for one channel at a time, with the parameter that names it
SINGLE = {"/channels/followers": "broadcaster_id", "/videos": "user_id", "/clips": "broadcaster_id"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """A run that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class DuckDB:
    """The DuckDB file of a project."""

    target = "duckdb"

    def settings(self) -> dict[str, str]:
        return {}

    def on_bench(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def execute(self, path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        with duckdb.connect(str(path / "warehouse.duckdb")) as connection:
            connection.execute("set TimeZone = 'UTC'")
            cursor = connection.execute(sql)
            return [column[0] for column in cursor.description or []], cursor.fetchall()


class Postgres:
    """A PostgreSQL database. Runs find it under one name, the bench: dbt parses the project again for another name.

    Each process of the tests has its own bench, so that none waits for another.
    """

    target = "postgres"
    bench = f"bench_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"

    def __init__(self, server: PostgresServer, name: str, user: str, password: str) -> None:
        self._server = server
        self._owner = f"{user}:{quote(password, safe='')}@127.0.0.1:{server.port}"
        self.name = name
        self.password = password
        self._is_on_bench = False

    @property
    def url(self) -> str:
        """Its address as runs know it."""
        return f"postgresql://{self._owner}/{self.bench}"

    def settings(self) -> dict[str, str]:
        return {"TARGET": "postgres", "DATABASE_URL": self.url}

    @contextlib.contextmanager
    def on_bench(self) -> Iterator[None]:
        """Under the name that runs know."""
        if self._is_on_bench:
            yield
            return
        self._rename(self.name, self.bench)
        self._is_on_bench = True
        try:
            yield
        finally:
            self._is_on_bench = False
            self._rename(self.bench, self.name)

    def copy(self, name: str) -> None:
        """A database of its own with the same content."""
        self._tell(f"create database {name} template {self.name}")

    def execute(self, path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        name = self.bench if self._is_on_bench else self.name
        url = f"postgresql://{self._owner}/{name}"
        with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
            cursor = connection.execute(sql)  # type: ignore[call-overload]
            if not cursor.description:
                return [], []
            return [column.name for column in cursor.description], cursor.fetchall()

    def _rename(self, old: str, new: str) -> None:
        # what a killed run left behind may still be connected
        self._tell(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{old}'",
            f"alter database {old} rename to {new}",
        )

    def _tell(self, *statements: str) -> None:
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]


class Project:
    """A project folder with a warehouse of its own, and runs in it."""

    def __init__(self, home: Path, database: DuckDB | Postgres, env: dict[str, str], source: str = "twitch") -> None:
        self.home = home
        self.database = database
        self.source = source
        # a source without credentials is left out
        others = tuple(f"{name.upper()}_" for name in SOURCES if name != source)
        env = {name: value for name, value in env.items() if not name.startswith(others)}
        self.env = {
            "ETL_NOW": NOW,
            "QUARANTINE_THRESHOLD": "0.2",
            "LOCK_WAIT_SECONDS": "5",
            **env,
            **database.settings(),
        }
        home.mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        """Where its run-time files are."""
        return self.home / "data"

    @contextlib.contextmanager
    def running(self, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
        """A run under way in a process of its own; it is killed if it outlives the block."""
        with self.database.on_bench():
            process = subprocess.Popen(
                [sys.executable, "-m", "pipelines", *arguments],
                cwd=self.home,
                env=ENVIRONMENT | {"PYTHONPATH": str(CHECKOUT)} | self.env | settings,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.communicate()

    def run(self, *arguments: str, **settings: str) -> Done:
        """A whole run in a process of its own."""
        with self.running(*arguments, **settings) as process:
            out, err = process.communicate(timeout=RUN_SECONDS)
            return Done(process.returncode, out, err)

    def call(self, *arguments: str, **settings: str) -> Done:
        """The command line within this process, which saves the imports."""
        with self.database.on_bench():
            return self._call(*arguments, **settings)

    def _call(self, *arguments: str, **settings: str) -> Done:
        before, out, err = dict(os.environ), io.StringIO(), io.StringIO()
        logger = logging.getLogger()
        handlers, level = logger.handlers, logger.level
        here = Path.cwd()
        try:
            os.environ.clear()
            os.environ.update(ENVIRONMENT | self.env | settings)
            os.chdir(self.home)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    code = main(list(arguments))
                except SystemExit as end:
                    code = int(end.code or 0)
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)
            for handler in logger.handlers:
                if handler not in handlers:
                    handler.close()
            logger.handlers, logger.level = handlers, level
            # dbt keeps its connection, dlt leaves its own to the garbage: no other process could open the file
            DuckDBConnectionManager.close_all_connections()
            gc.collect()
            assert not any(".duckdb" in name for name in open_files()), "the warehouse is still open in this process"
        return Done(code, out.getvalue(), err.getvalue())

    def query(self, sql: str) -> list[Row]:
        """Rows of a query, as plain values."""
        names, found = self.database.execute(self.data, sql)
        return [dict(zip(names, map(plain, values), strict=True)) for values in found]

    def value(self, sql: str) -> Any:
        """The one value of a query."""
        ((value,),) = self.database.execute(self.data, sql)[1]
        return plain(value)

    def tables(self, schema: str) -> dict[str, list[str]]:
        """All rows of each table of a schema as sorted JSON texts, without what depends on the moment of loading."""
        names = self.query(f"select table_name from information_schema.tables where table_schema = '{schema}'")
        assert names, f"there is no schema {schema}"
        return {
            (name := row["table_name"]): texts(self.query(f'select * from {schema}."{name}"'))
            for row in names
            if not row["table_name"].startswith("_dlt")
        }

    def copy(
        self,
        home: Path,
        env: dict[str, str] | None = None,
        source: str | None = None,
        database: Postgres | None = None,
    ) -> Project:
        """A project that goes on from the state of this one, with a DuckDB file of its own or another database."""
        shutil.copytree(self.home, home, dirs_exist_ok=True)
        return Project(home, database or self.database, self.env | (env or {}), source or self.source)

    def wipe_state(self) -> None:
        """Lose what the machine knew and keep the warehouse."""
        for name in ("dlt", "landing"):
            shutil.rmtree(self.data / name)


def open_files() -> list[str]:
    """What this process has open, as far as the system tells."""
    found = []
    for link in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            found.append(str(link.readlink()))
    return found


def plain(value: Any) -> Any:
    """A value as both engines show it."""
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value


def texts(rows: list[Row]) -> list[str]:
    """Rows in a form and an order to compare them in."""
    return sorted(
        json.dumps({name: value for name, value in row.items() if name not in VOLATILE}, sort_keys=True) for row in rows
    )


def wait_until(met: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> None:
    """Look again every few milliseconds until something holds; fail when the run ends before or time is up."""
    clock = Clock()
    deadline = clock.monotonic() + WAIT_SECONDS
    while not met():
        if process and process.poll() is not None:
            raise AssertionError("the run ended before:\n" + "".join(process.communicate()))
        assert clock.monotonic() < deadline, "waited in vain"
        clock.sleep(0.002)


def kill_when(process: subprocess.Popen[str], met: Callable[[], Any]) -> None:
    """SIGKILL a run at a moment that is looked for: it is held still first, so that the moment can not pass."""
    while True:
        wait_until(met, process)
        process.send_signal(signal.SIGSTOP)
        if met():
            process.kill()
            process.wait()
            return
        process.send_signal(signal.SIGCONT)


def answers(served: list[Served]) -> list[Served]:
    """The answers with rows that arrived whole."""
    return [one for one in served if one.path in PATHS and one.status == 200 and one.content]


def served_rows(served: list[Served]) -> dict[str, list[Row]]:
    """The rows that arrived, by table, as the API sent them; each answer's in turn, repeats included."""
    found: dict[str, list[Row]] = {name: [] for name in TABLES}
    for one in answers(served):
        if one.path == "/channels/followers":
            found["followers"].append({"broadcaster_id": dict(one.query)["broadcaster_id"], "total": one.body["total"]})
        else:
            found[PATHS[one.path]] += one.body["data"]
    return found


def as_loaded(table: Table, row: Row) -> Row:
    """A sound row of the API as the warehouse should show it: nothing lost, nothing added."""
    shown: Row = {}
    for declared in table.fields:
        value = row.get(declared.name)
        if declared.type == "timestamp":
            moment = dt.datetime.fromisoformat(value)
            value = moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat()
        if declared.type == "double" and value is not None:
            value = float(value)
        shown[declared.name] = value
    known = {declared.name for declared in table.fields}
    extra = {name: value for name, value in row.items() if name not in known}
    return shown | {"_extra": extra or None}


def loaded_rows(project: Project, table: Table) -> list[Row]:
    """The rows of a raw table, in the columns that the API fills."""
    names = [declared.name for declared in table.fields] + ["_extra"]
    return project.query(f"select {', '.join(names)} from {table.qualified_name}")


def refused_payloads(project: Project) -> dict[str, list[Row]]:
    """The rows in quarantine, by table."""
    found: dict[str, list[Row]] = {name: [] for name in TABLES}
    for row in project.query("select resource, payload from raw_ops.quarantine"):
        found[row["resource"]].append(row["payload"])
    return found


def assert_loaded_equals_served(project: Project, served: list[Served]) -> dict[str, int]:
    """Each distinct row that arrived is in the warehouse once with all its fields, or in quarantine as it came; and no
    other row is. For worlds that stood still. Returns the loaded rows by table.
    """
    refused = refused_payloads(project)
    counts = {}
    for name, rows in served_rows(served).items():
        table = TABLES[name]
        distinct = {json.dumps(row, sort_keys=True): row for row in rows}
        bad = {json.dumps(row, sort_keys=True) for row in refused[name]}
        assert len(bad) == len(refused[name]), f"{name}: a refused row is kept twice"
        assert bad <= distinct.keys(), f"{name}: quarantine holds what was not served"
        expected = Counter(
            json.dumps(as_loaded(table, row), sort_keys=True) for text, row in distinct.items() if text not in bad
        )
        loaded = Counter(json.dumps(row, sort_keys=True) for row in loaded_rows(project, table))
        assert loaded - expected == Counter(), f"{name}: rows that nobody served, or twice"
        assert expected - loaded == Counter(), f"{name}: served rows are missing"
        keys = [tuple(row[column] for column in table.key) for row in loaded_rows(project, table)]
        assert len(keys) == len(set(keys)), f"{name}: a key is there twice"
        counts[name] = loaded.total()
    return counts


def assert_same_rows(project: Project, other: Project) -> None:
    """Both hold the same rows of the API."""
    for name, table in TABLES.items():
        assert texts(loaded_rows(project, table)) == texts(loaded_rows(other, table)), f"raw_twitch.{name}"


def unit_requests(served: list[Served]) -> Counter[tuple[str, str]]:
    """How often each unit of the resources that go channel by channel was asked for and answered (first pages)."""
    return Counter(
        (one.path, dict(one.query)[SINGLE[one.path]])
        for one in answers(served)
        if one.path in SINGLE and "after" not in dict(one.query)
    )


def talkative(sandbox: Sandbox, *known_secrets: str) -> list[str]:
    """Make every error of the API repeat these secrets and its tokens; returns them all, tokens as they are issued."""
    api = next(one for one in sandbox.apis if one.name == "twitch")
    known = list(known_secrets)
    issue, error = api.tokens.issue, api.error

    def issued(now: float) -> str:
        known.append(issue(now))
        return known[-1]

    def repeating(route: Any, status: int, message: str | None = None) -> Answer:
        said = " ".join(f"{secret} {quote(secret, safe='')}" for secret in reversed(known))
        body = error(route, status, message).body
        return Answer(status, {**body, "message": f"{message}: you sent Authorization: Bearer {said}", "padding": said})

    api.tokens.issue, api.error = issued, repeating
    return known


def leaks(project: Project, done: Done, known: list[str]) -> set[str]:
    """Where any part of a secret shows: output, files under data/ (also inside Parquet and compressed ones), tables."""
    pieces = {form[:LEAST] for secret in known for form in (secret, quote(secret, safe=""), quote_plus(secret))}
    found = {name for name, text in (("stdout", done.out), ("stderr", done.err)) if any(one in text for one in pieces)}
    for file in project.data.rglob("*"):
        if file.is_file() and any(one.encode() in unpacked(file) for one in pieces):
            found.add(str(file.relative_to(project.data)))
    # views hold nothing that is not in a table
    kept = "table_type = 'BASE TABLE' and table_schema not in ('information_schema', 'pg_catalog')"
    for table in project.query(f"select table_schema, table_name from information_schema.tables where {kept}"):
        name = f'{table["table_schema"]}."{table["table_name"]}"'
        rows = repr(project.database.execute(project.data, f"select * from {name}"))
        if any(one in rows for one in pieces):
            found.add(name)
    return found


def unpacked(file: Path) -> bytes:
    """A file's content; of a compressed one, beside it, what is inside."""
    content = file.read_bytes()
    if file.suffix == ".parquet":
        return content + json.dumps(pq.read_table(file).to_pylist(), default=str).encode()
    with contextlib.suppress(OSError, EOFError, zlib.error):
        return content + gzip.decompress(content)
    with contextlib.suppress(zlib.error):
        return content + zlib.decompress(content)
    return content


def still_world(**options: Any) -> Sandbox:
    """A small world that stands still at NOW."""
    return Sandbox(**{"now": NOW, "frozen": True, "channels": CHANNELS, "points_per_minute": 1_000_000, **options})


def live_channels(sandbox: Sandbox) -> list[Channel]:
    """Who is live, by viewers downwards."""
    return [live.channel for live in sandbox.world.live(sandbox.clock.time()).ranked]


def stream_ids(sandbox: Sandbox) -> list[str]:
    """The broadcasts of those, in the same order."""
    return [live.session.id for live in sandbox.world.live(sandbox.clock.time()).ranked]


def without(name: str) -> Callable[[Row], Row]:
    """An edit that takes a field away."""
    return lambda row: {key: value for key, value in row.items() if key != name}


def spoil(sandbox: Sandbox) -> dict[str, set[str]]:
    """Make some rows bad, each in its own way, and some good in an unusual way; returns the keys of the bad ones."""
    now = sandbox.clock.time()
    world, channels, edits = sandbox.world, live_channels(sandbox), sandbox.edits
    video, grown = (world.recordings(channel, now)[0] for channel in [one for one in channels if one.recorded][:2])
    foreign, offset, nested = (world.clips(one, now - 6 * 86400, now, now)[0].slug for one in channels[:3])
    game = world.categories[channels[5].category].id
    edits["streams"][channels[4].id] = {"viewer_count": "many"}
    edits["users"][channels[6].id] = without("login")
    edits["channels"][channels[7].id] = {"title": "cut \x00 off"}
    edits["followers"][channels[8].id] = {"total": 12.5}
    edits["videos"][str(video.number)] = {"view_count": 2**63}
    edits["videos"][str(grown.number)] = {"chapters": [{"at": 0, "name": "\u4e2d\U0001f3ae"}]}
    edits["clips"][foreign] = {"created_at": "03/10/2021"}
    edits["clips"][offset] = {"created_at": "2026-03-01T23:30:00.250+05:30"}
    edits["clips"][nested] = {"title": "tab\there, 'quotes', \"more\", \\N and\nlines", "vod_offset": None}
    edits["games"][game] = without("name")
    return {
        "streams": {stream_ids(sandbox)[4]},
        "users": {channels[6].id},
        "channels": {channels[7].id},
        "followers": {channels[8].id},
        "videos": {str(video.number)},
        "clips": {foreign},
        "games": {game},
    }


@pytest.fixture(scope="session")
def base(shared: Path) -> Project:
    """A project on DuckDB whose warehouse is set up and empty: tables, views and marts are there, nothing else."""
    home, done = shared / "base", shared / "base.done"
    with filelock.FileLock(shared / "base.lock"):
        if not done.exists():
            with still_world() as sandbox:
                project = Project(home, DuckDB(), sandbox.env())
                set_up(project)
                assert not sandbox.served
            done.touch()
    return Project(home, DuckDB(), {})


def set_up(project: Project) -> None:
    """Make every table, view and mart, and leave no record of it."""
    done = project.call("transform", **MODELS_ONLY)
    assert done.code == 0, done.err
    for table in ("runs", "run_stages", "dbt_nodes"):
        project.query(f"delete from raw_ops.{table}")


@pytest.fixture(scope="session")
def new_project(base: Project, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Make a project on DuckDB whose warehouse is set up and empty: new_project(sandbox.env())."""
    return lambda env, source="twitch": base.copy(tmp_path_factory.mktemp("project"), env, source)


@pytest.fixture(scope="session")
def new_postgres(
    postgres_server: PostgresServer, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Project]:
    """Make a project on a PostgreSQL database that is set up and empty, with a password to be quoted in addresses."""
    home, user, note = shared / "postgres-base", "planted", shared / "postgres-base.password"

    def made_base() -> Postgres:
        with filelock.FileLock(shared / "postgres-base.lock"):
            if note.exists():
                return Postgres(postgres_server, "base", user, note.read_text("utf-8"))
            password = f"{secrets.token_hex(6)} @/:{secrets.token_hex(6)}"
            with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
                connection.execute(f"create role {user} superuser login password '{password}'")  # type: ignore[arg-type]
                connection.execute("create database base")
            base = Postgres(postgres_server, "base", user, password)
            with still_world() as sandbox:
                project = Project(home, base, sandbox.env())
                set_up(project)
            note.write_text(password, "utf-8")
            return base

    base = made_base()

    def make(env: dict[str, str], source: str = "twitch") -> Project:
        database = Postgres(postgres_server, f"copy_{secrets.token_hex(4)}", user, base.password)
        base.copy(database.name)
        return Project(home, base, {}).copy(tmp_path_factory.mktemp("postgres"), env, source, database)

    return make


@dataclass
class Undisturbed:
    """What a run that nothing got in the way of did, in a world with bad rows; for other runs to be compared with."""

    project: Project
    planted: dict[str, set[str]]
    plan: list[Row]
    polled: list[Served]  # what was served before the run: the poll of streams that the plan rests on
    report: Row
    served: list[Served]
    marts: dict[str, list[str]]


@pytest.fixture(scope="session")
def undisturbed(new_project: Callable[..., Project], shared: Path) -> Undisturbed:
    note = shared / "undisturbed"
    with filelock.FileLock(shared / "undisturbed.lock"):
        if not note.exists():
            note.write_bytes(pickle.dumps(run_undisturbed(new_project)))
        return pickle.loads(note.read_bytes())


def run_undisturbed(new_project: Callable[..., Project]) -> Undisturbed:
    with still_world() as sandbox:
        project, planted = new_project(sandbox.env()), spoil(sandbox)
        polled = project.call("extract", "--resources", "streams")
        assert polled.code == 0, polled.err
        before = len(sandbox.served)
        plan = project.call("elt", "--dry-run", "--json")
        assert plan.code == 0, plan.err
        assert len(sandbox.served) == before, "a dry run fetches nothing"
        done = project.call("elt", "--json")
        assert done.code == 0, done.err + done.out
        served = list(sandbox.served)
        return Undisturbed(
            project, planted, plan.json, served[:before], done.json, served[before:], project.tables("live")
        )


@dataclass
class Troubled:
    """A run on PostgreSQL with every kind of fault, in the same world; its API repeats secrets in its errors."""

    project: Project
    secrets: list[str]
    done: Done
    served: list[Served]

    @property
    def report(self) -> Row:
        return self.done.json


@pytest.fixture(scope="session")
def troubled(new_postgres: Callable[[dict[str, str]], Project]) -> Troubled:
    with still_world(faults=dict.fromkeys(KINDS, 0.05)) as sandbox:
        project = new_postgres(sandbox.env())
        spoil(sandbox)
        known = talkative(sandbox, CLIENT_SECRET, project.database.password)
        sandbox.force_401(after=40)
        done = project.run("elt", "--json", RETRY_MAX="9")
        assert done.code == 0, done.err + done.out
        return Troubled(project, known, done, list(sandbox.served))
