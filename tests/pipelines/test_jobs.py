"""Collection jobs: declared strictly, told what they are by the warehouse and its lock, due by their schedule."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pipelines import clients, jobs
from pipelines.__main__ import main
from pipelines.errors import LockedError, UsageError
from pipelines.sandbox import Sandbox
from pipelines.settings import read
from pipelines.sources import atlas
from pipelines.warehouse import holder
from tests.helpers import NOW, SimulatedClock, Warehouse

CLIENTS = """
[sources.atlas.routes.pedido]
path = "/pedidos"
pages = { style = "page", param = "page" }

[sources.atlas.routes.nota]
path = "/notas"
pages = { style = "page", param = "page" }

# who pays
[sources.atlas.clients.loja]
base_url = "https://api.example.com"
routes = ["pedido", "nota"]
days_back = 3
"""
JOB = """
[sources.atlas.jobs.setembro]
client = "loja"
routes = ["pedido"]
since = 2026-09-01
until = 2026-09-03
every_minutes = 30
"""
VALUES = {"client": "loja", "routes": ["pedido"], "since": dt.date(2026, 9, 1), "until": None, "every_minutes": None}
TABLES = (
    "raw_ops.runs (run_id text, job text, command text, status text, started_at timestamp, finished_at timestamp,"
    " seconds double precision, exit_code bigint, error text, pid bigint, host text, _dlt_load_id text)",
    "raw_ops.run_resources (run_id text, source text, resource text, units_succeeded bigint, units_failed bigint,"
    " units_deferred bigint, rows_received bigint, rows_loaded bigint)",
    "raw_ops.api_requests (run_id text, source text, resource text, attempts bigint)",
    "raw_ops.sync_log (source text, resource text, unit_id text, run_id text)",
    "raw_atlas.payloads (client text, route text, record_key text, period date, _dlt_load_id text)",
    "raw_ops.loads (load_number bigint, dataset text, load_id text)",
    "sync.sync_atlas__days (client text, route text, day date, state text)",
)


@dataclass
class Books:
    """A project with declared clients and jobs, and a warehouse whose tables a test fills."""

    root: Path
    warehouse: Warehouse
    clock: SimulatedClock
    runs: int = 0

    @property
    def environment(self) -> Any:
        settings = read(self.root, {}).section(atlas.Settings, "atlas")
        return SimpleNamespace(warehouse=self.warehouse, clock=self.clock, sections={"atlas": settings})

    @property
    def config(self) -> Path:
        return self.root / ".dlt" / "config.toml"

    def declare(self, text: str) -> None:
        self.config.parent.mkdir(exist_ok=True)
        self.config.write_text(CLIENTS + text)

    def create(self) -> None:
        schemas = ("raw_ops", "raw_atlas", "sync")
        self.warehouse.execute(
            *(f"create schema {name}" for name in schemas), *(f"create table {table}" for table in TABLES)
        )

    def put(self, table: str, *rows: str) -> None:
        self.warehouse.execute(f"insert into {table} values {', '.join(rows)}")

    def days(self, *states: str, first: str = "2026-09-01") -> None:
        """States of the days of loja/pedido, from the first one on."""
        start = dt.date.fromisoformat(first)
        rows = [f"('loja', 'pedido', date '{start + dt.timedelta(n)}', '{state}')" for n, state in enumerate(states)]
        self.put("sync.sync_atlas__days", *rows)

    def run(self, run_id: str, job: str | None, status: str = "succeeded", code: int | None = 0, at: str = "") -> None:
        name = f"'{job}'" if job else "null"
        at, self.runs = at or "2026-10-01 11:00:00", self.runs + 1
        self.put(
            "raw_ops.runs",
            f"('{run_id}', {name}, 'elt', '{status}', timestamp '{at}', null, 1.5,"
            f" {'null' if code is None else code}, null, {os.getpid()}, 'here', '{self.runs:06}')",
        )

    @contextmanager
    def held(self, run_id: str, job: str | None) -> Iterator[None]:
        with self.warehouse.lock(holder(run_id, job), 0, self.clock):
            yield

    def status(self, name: str = "setembro") -> str:
        return str(jobs.shown(self.environment, name)["status"])


@pytest.fixture
def books(tmp_path: Path, warehouse: Warehouse) -> Books:
    found = Books(tmp_path, warehouse, SimulatedClock())
    found.declare(JOB)
    return found


# -- declarations


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client": "nobody"}, "there is no client 'nobody'; declared are: loja"),
        ({"routes": ["nada"]}, "client loja has no route 'nada'; it has: pedido, nota"),
        ({"routes": []}, "routes"),
        ({"until": dt.date(2026, 9, 1)}, "`until` 2026-09-01 is not after `since` 2026-09-01"),
        ({"every_minutes": 0}, "every_minutes"),
        ({"since": None}, "since"),
    ],
)
def test_what_does_not_fit_is_not_written(books: Books, changes: dict[str, Any], message: str) -> None:
    before = books.config.read_text()
    with pytest.raises(UsageError, match=message.replace("[", r"\[")) as refused:
        jobs.add(books.root, books.environment.sections["atlas"], "novo", VALUES | changes)
    assert refused.value.mend and books.config.read_text() == before


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ('client = "loja"', 'client = "outra"', r"line 17: \[sources.atlas.jobs.setembro\] client: there is no client"),
        ('["pedido"]', '["pedido", "nada"]', r"line 18: .*no route 'nada'"),
        ("every_minutes = 30", "every_minutes = 0.5", r"line 21: .*every_minutes"),
        ("every_minutes = 30", "every = 30", r"line 21: .*unknown field `every`"),
        ("until = 2026-09-03", "until = 2026-08-03", r"line 16: .*is not after"),
    ],
)
def test_a_wrong_line_in_the_file_is_named(
    tmp_path: Path, monkeypatch: Any, line: str, instead: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    books = Books(tmp_path, None, SimulatedClock())  # type: ignore[arg-type]
    books.declare(JOB.replace(line, instead))
    with pytest.raises(UsageError, match=message):
        _ = books.environment


def test_jobs_are_added_stopped_resumed_and_removed_and_comments_stay(books: Books) -> None:
    settings = books.environment.sections["atlas"]
    jobs.add(books.root, settings, "aberto", VALUES | {"every_minutes": 5})
    with pytest.raises(UsageError, match="declared already"):
        jobs.add(books.root, settings, "aberto", VALUES)
    jobs.add(books.root, settings, "aberto", VALUES | {"routes": None}, replace=True)
    found = {row["job"]: row for row in jobs.listed(books.environment)}
    assert found["aberto"]["routes"] == ["pedido", "nota"] and found["aberto"]["until"] is None
    jobs.stop(books.root, books.environment, "setembro")
    assert books.status() == "stopped"
    with pytest.raises(UsageError, match="is stopped"):
        jobs.request(books.environment, "setembro")
    jobs.resume(books.root, books.environment, "setembro")
    assert jobs.request(books.environment, "setembro").job == "setembro"
    jobs.remove(books.root, books.environment, "aberto")
    assert books.config.read_text().strip() == (CLIENTS + JOB).strip()
    for verb in (jobs.stop, jobs.resume, jobs.remove):
        with pytest.raises(UsageError, match="there is no job 'aberto'"):
            verb(books.root, books.environment, "aberto")


def test_a_client_can_not_lose_a_route_that_a_job_collects(books: Books) -> None:
    before = books.config.read_text()
    values = {"base_url": "https://api.example.com", "routes": ["nota"], "days_back": 3}
    with pytest.raises(UsageError, match="client loja has no route 'pedido'"):
        clients.add(books.root, "loja", values, "a token", replace=True)
    assert books.config.read_text() == before


def test_a_run_of_a_job_asks_for_its_days_of_its_routes_alone(books: Books) -> None:
    scope = jobs.request(books.environment, "setembro").scope
    assert (scope.since, scope.until) == (
        dt.datetime(2026, 9, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 9, 3, tzinfo=dt.UTC),
    )
    assert scope.filters == {"client": ("loja",), "route": ("pedido",)} and not scope.again
    books.declare(JOB.replace("2026-09-0", "2026-10-2"))
    with pytest.raises(UsageError, match="begins on 2026-10-21"):
        jobs.request(books.environment, "setembro")


# -- status, progress and history


def test_a_job_that_never_ran_waits_with_all_its_days_missing(books: Books) -> None:
    row = jobs.shown(books.environment, "setembro")
    assert (row["status"], row["days_missing"], row["records"], row["history"]) == ("waiting", 2, 0, [])
    assert jobs.due(books.environment) == ["setembro"]


@pytest.mark.parametrize(
    ("states", "run", "status"),
    [
        (("complete", "complete"), ("succeeded", 0), "complete"),
        (("complete", "complete"), None, "complete"),
        (("complete", "complete"), ("failed", 77), "complete"),
        (("complete", "missing"), ("succeeded", 0), "partial"),
        (("complete", "missing"), None, "partial"),
        (("complete", "partial"), ("failed", 77), "failed"),
        (("complete", "partial"), ("failed", 130), "partial"),
        (("complete", "partial"), ("failed", 4), "partial"),
        (("open", "open"), ("succeeded", 0), "waiting"),
        (("missing", "missing"), None, "waiting"),
        (("missing", "missing"), ("running", None), "partial"),
    ],
)
def test_status_is_what_days_and_the_last_run_say(
    books: Books, states: tuple[str, ...], run: tuple[str, int | None] | None, status: str
) -> None:
    books.create()
    # days and runs of others say nothing of it
    books.days("missing", *states, "missing", first="2026-08-31")
    books.run("another", "other", "failed", 3, "2026-10-01 11:30:00")
    if run:
        books.run("own", "setembro", *run)
    row = jobs.shown(books.environment, "setembro")
    assert row["status"] == status
    assert {state: row[f"days_{state}"] for state in set(states)} == {state: states.count(state) for state in states}
    assert bool(row["next_run_at"]) is (status != "complete")


def test_an_open_period_reaches_to_today_and_is_never_complete(books: Books) -> None:
    books.create()
    books.declare(JOB.replace("until = 2026-09-03", "").replace("2026-09-01", "2026-09-29"))
    books.days("complete", "complete", first="2026-09-29")
    row = jobs.shown(books.environment, "setembro")
    assert NOW.date() == dt.date(2026, 10, 1)
    assert (row["status"], row["days_complete"], row["days_open"]) == ("waiting", 2, 1)


def test_progress_counts_what_completed_loads_brought_of_its_period(books: Books) -> None:
    books.create()
    books.put("raw_ops.loads", "(1, 'raw_atlas', 'done')", "(2, 'raw_twitch', 'broken')")
    rows = [
        ("k1", "2026-09-01"),
        ("k1", "2026-09-01"),
        ("k2", "2026-09-02"),
        ("k3", "2026-09-03"),
        ("k4", "2026-08-31"),
    ]
    books.put("raw_atlas.payloads", *(f"('loja', 'pedido', '{key}', date '{day}', 'done')" for key, day in rows))
    books.put("raw_atlas.payloads", "('loja', 'pedido', 'k5', date '2026-09-01', 'broken')")
    books.put("raw_atlas.payloads", "('loja', 'nota', 'k6', date '2026-09-01', 'done')")
    row = jobs.shown(books.environment, "setembro")
    assert (row["records"], row["payloads"]) == (2, 3)


def test_history_has_its_runs_and_those_that_read_its_days_last(books: Books) -> None:
    books.create()
    books.run("own", "setembro", "running", None, "2026-10-01 09:00:00")
    books.run("reader", None, at="2026-10-01 10:00:00")
    books.run("stranger", None)
    books.put(
        "raw_ops.sync_log",
        "('atlas', 'payloads', 'loja/pedido/2026-09-02', 'reader')",
        "('atlas', 'payloads', 'loja/pedido/2026-09-03', 'stranger')",
        "('atlas', 'payloads', 'loja/nota/2026-09-02', 'stranger')",
    )
    books.put(
        "raw_ops.run_resources",
        "('reader', 'atlas', 'loja/pedido', 2, 1, 3, 40, 30)",
        "('reader', 'atlas', 'loja/nota', 5, 5, 5, 5, 5)",
    )
    books.put("raw_ops.api_requests", "('reader', 'atlas', 'loja/pedido', 2)", "('reader', 'atlas', 'loja/nota', 7)")
    first, second = jobs.shown(books.environment, "setembro")["history"]
    assert (first["run_id"], first["job"], first["started_at"].hour) == ("reader", None, 10)
    assert [first[name] for name in ("days_read", "days_failed", "days_left", "records_received", "payloads_new")] == [
        2, 1, 3, 40, 30,
    ]  # fmt: skip
    assert first["requests"] == 2
    assert (second["run_id"], second["status"], second["requests"]) == ("own", "killed", 0)
    assert len(jobs.shown(books.environment, "setembro", history=1)["history"]) == 1


def test_a_schedule_counts_from_the_last_run_of_the_job_itself(books: Books) -> None:
    books.create()
    books.run("own", "setembro", at="2026-10-01 11:30:01")
    books.run("another", None, at="2026-10-01 11:59:00")
    assert jobs.due(books.environment) == []
    books.clock.advance(1)
    assert jobs.due(books.environment) == ["setembro"]
    jobs.stop(books.root, books.environment, "setembro")
    assert jobs.due(books.environment) == []


def test_a_run_that_did_not_come_to_its_end_is_due_again_at_once(books: Books) -> None:
    books.create()
    books.run("killed", "setembro", "running", None, "2026-10-01 11:59:00")
    assert jobs.due(books.environment) == ["setembro"]
    books.run("stopped", "setembro", "failed", 130, "2026-10-01 11:59:30")
    assert jobs.due(books.environment) == ["setembro"]
    books.run("ended", "setembro", "partial", 0, "2026-10-01 11:59:40")
    assert jobs.due(books.environment) == []


# -- the run under way


def test_stopping_ends_the_run_under_way_if_it_is_the_jobs_own(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.create()
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *told: sent.append(told))
    run_id = "20261001T120000-abcdef"
    books.run(run_id, "setembro", "running", None)
    with books.held(run_id, "outro"):
        assert books.status() != "running"
        assert jobs.stop(books.root, books.environment, "setembro") is None and sent == []
    with books.held(run_id, "setembro"):
        assert books.status() == "running"
        with pytest.raises(UsageError, match="is running"):
            jobs.remove(books.root, books.environment, "setembro")
        held = jobs.stop(books.root, books.environment, "setembro")
    assert held and held.run_id == run_id and sent == [(os.getpid(), signal.SIGTERM)]
    assert books.status() == "stopped"


def test_a_run_elsewhere_is_not_signalled(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.create()
    monkeypatch.setattr(os, "kill", lambda *told: pytest.fail("a process of this machine was signalled"))
    with (
        books.warehouse.lock("run r (pid 1 on elsewhere, job setembro)", 0, books.clock),
        pytest.raises(UsageError, match="goes on at elsewhere"),
    ):
        jobs.stop(books.root, books.environment, "setembro")


def test_a_holder_whose_name_a_server_cut_off_is_known_from_its_record(books: Books) -> None:
    books.create()
    run_id, name = "20261001T120000-abcdef", "a-job-with-a-name-of-its-own-that-goes-on-and-on"
    books.run(run_id, name, "running", None)
    with books.held(run_id, name):
        held = jobs.under_way(books.warehouse)
    assert held and (held.run_id, held.pid, held.job) == (run_id, os.getpid(), name)
    assert jobs.under_way(books.warehouse) is None


def test_what_a_held_file_does_not_tell_is_unknown_and_not_zero(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.create()

    def refuse(*given: Any) -> Any:
        raise LockedError("the file is open in another program")

    with books.held("r", None):
        monkeypatch.setattr(type(books.warehouse), "rows", refuse)
        monkeypatch.setattr(type(books.warehouse), "held_by", lambda self: "run r (pid 1 on here)")
        row = jobs.shown(books.environment, "setembro")
        assert (row["status"], row["records"], row["days_missing"], row["history"]) == ("unknown", None, None, None)
        assert row["message"].endswith("is held by run r")
        with pytest.raises(LockedError):
            jobs.due(books.environment)


# -- the command line


def test_jobs_of_the_demo_are_declared_and_listed_for_machines_without_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Sandbox(now=NOW, frozen=True, channels=1, fixtures=0, atlas_clients=2) as sandbox:
        for name, value in sandbox.env().items():
            monkeypatch.setenv(name, value)
        add = ["jobs", "add", "tudo", "--client", "2152", "--since", "2026-09-30"]
        assert main([*add, "--every", "10"]) == 0
        assert main([*add, "--every", "0", "--replace"]) == 2
        assert main([*add[:4], "9", *add[5:], "--replace"]) == 2
        capsys.readouterr()
        assert main(["jobs", "list", "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert (row["client"], row["every_minutes"], row["status"], len(row["routes"])) == ("2152", 10, "waiting", 5)
        assert main(["jobs", "show", "tudo"]) == 0
        shown = capsys.readouterr()
        tokens = [value for name, value in sandbox.env().items() if "TOKEN" in name]
        written = (tmp_path / ".dlt" / "config.toml").read_text()
        assert not any(
            token in text for token in tokens for text in (*shown, written, msgspec.json.encode(row).decode())
        )
        assert main(["jobs", "run", "nix"]) == 2 and "there is no job 'nix'" in capsys.readouterr().err
