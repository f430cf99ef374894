"""Collection jobs of atlas: a client's routes in a period, collected on a schedule or when somebody says so.

A job is a declaration, [sources.atlas.jobs.<name>] in .dlt/config.toml, and nothing else is kept of it: how far it has
come is what the sync view and the payloads say of its days, what became of it are the runs that bear its name and those
that read its days last, and whether it is under way is told by the lock on the warehouse.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import tomlkit

from pipelines.declarations import CONFIG, document, plain, table, write
from pipelines.environment import Environment
from pipelines.errors import DATA_TESTS_FAILED, LockedError, StoppedError, TransformError, UsageError
from pipelines.resources import Scope
from pipelines.run import Request
from pipelines.sources import atlas
from pipelines.sources.atlas_routes import Job
from pipelines.warehouse import LOADS, Warehouse

Row = dict[str, Any]
Status = Literal["waiting", "running", "partial", "complete", "stopped", "failed", "unknown"]

DAY_STATES = ("complete", "open", "partial", "missing")
HOLDER = re.compile(r"run (\S+) \(pid (\d+) on ([^,)]+)(?:, job (\S+))?\)")
# exit codes of runs whose collecting did not fail
COLLECTED = (0, DATA_TESTS_FAILED, TransformError.exit_code, StoppedError.exit_code)
HISTORY = 10


@dataclass(frozen=True)
class Held:
    """The run that holds the warehouse. job: None where it is no job's."""

    run_id: str
    pid: int
    host: str
    job: str | None


@dataclass(frozen=True)
class Known:
    """What the warehouse knows of a job: its days with their state, what they hold, and the last run that was its own.

    runs: that one and those that read its days last, newest first.
    """

    days: Sequence[Row]
    records: int
    payloads: int
    last: Row | None
    runs: Sequence[Row]


def add(root: Path, settings: atlas.Settings, name: str, values: Mapping[str, Any], replace: bool = False) -> None:
    """Declare a job in .dlt/config.toml.

    values: what the job's table holds (see atlas_routes.Job). settings: those of atlas; in a demo, with the sandbox's.

    Raises:
        UsageError: the job is there already, or does not fit; nothing was written.
    """
    config = document(root / ".dlt" / CONFIG)
    declared = table(config, "jobs")
    if name in declared and not replace:
        raise UsageError(f"job {name} is declared already", "add --replace to declare it anew")
    declared[name] = {key: value for key, value in values.items() if value is not None}
    _save(root, settings, config)


def stop(root: Path, environment: Environment, name: str) -> Held | None:
    """Mark a job as stopped, so that it is not due until `resume`; and tell its run, if one is under way, to end.

    A run that is told so keeps what it has fetched. Returns that run.

    Raises:
        UsageError: there is no such job, or its run is on another machine, where it goes on.
    """
    job_of(environment, name)
    held = under_way(environment.warehouse)
    _mark(root, environment, name, True)
    if held is None or held.job != name:
        return None
    if held.host != socket.gethostname():
        raise UsageError(
            f"job {name} is stopped, but its run {held.run_id} goes on at {held.host}",
            f"end process {held.pid} there",
        )
    os.kill(held.pid, signal.SIGTERM)
    return held


def resume(root: Path, environment: Environment, name: str) -> None:
    """Let a stopped job be due again.

    Raises:
        UsageError: there is no such job.
    """
    job_of(environment, name)
    _mark(root, environment, name, False)


def remove(root: Path, environment: Environment, name: str) -> None:
    """Forget a job; what it collected stays.

    Raises:
        UsageError: there is no such job, or it is running.
    """
    job_of(environment, name)
    held = under_way(environment.warehouse)
    if held and held.job == name:
        raise UsageError(f"job {name} is running: {held.run_id}", f"`jobs stop {name}` first")
    config = document(root / ".dlt" / CONFIG)
    del table(config, "jobs")[name]
    _save(root, environment.sections["atlas"], config)


def listed(environment: Environment) -> list[Row]:
    """A row for each declared job: its declaration, status and progress."""
    return [shown(environment, name, history=0) for name in atlas.jobs_of(environment.sections["atlas"])]


def shown(environment: Environment, name: str, history: int = HISTORY) -> Row:
    """A job's declaration, status and progress; with a history, its routes' days that are not complete, and its runs.

    While a run holds a DuckDB file nothing can be read from it: the numbers are None then, and `message` says so.

    Raises:
        UsageError: there is no such job.
    """
    job = job_of(environment, name)
    now = environment.clock.now()
    held = under_way(environment.warehouse)
    message, known = None, None
    try:
        known = _known(environment, name, job, held, history)
    except LockedError as error:
        message = f"{environment.warehouse.location} is held by run {held.run_id}" if held else str(error)
    own = known.last if known else None
    counts = Counter(day["state"] for day in known.days) if known else {}
    is_complete = bool(known) and job.until is not None and len(counts) == 1 and "complete" in counts
    found: Row = {
        "job": name,
        "client": job.client,
        "routes": list(_routes(environment, job)),
        "since": job.since,
        "until": job.until,
        "every_minutes": job.every_minutes,
        "status": _status(name, job, known, own, counts, held),
        **{f"days_{state}": counts.get(state, 0) if known else None for state in DAY_STATES},
        "records": known.records if known else None,
        "payloads": known.payloads if known else None,
        "payloads_new": own["payloads_new"] if own else None,
        "last_run_at": own["started_at"] if own else None,
        "next_run_at": None if is_complete or not known else _next_run(job, own, now),
        "message": message or (own["error"] if own else None),
    }
    if history:
        found["days"] = [day for day in known.days if day["state"] != "complete"] if known else None
        found["history"] = known.runs if known else None
    return found


def due(environment: Environment) -> list[str]:
    """The jobs whose schedule is due, the longest overdue first.

    Raises:
        LockedError: a run holds the warehouse; it may be one of theirs.
    """
    rows = listed(environment)
    if unread := [row["message"] for row in rows if row["records"] is None]:
        raise LockedError(unread[0], "wait for it to finish; what is due stays due")
    now = environment.clock.now()
    ready = [row for row in rows if row["next_run_at"] and row["next_run_at"] <= now]
    return [row["job"] for row in sorted(ready, key=lambda row: row["next_run_at"])]


def request(environment: Environment, name: str) -> Request:
    """What a run of a job asks for.

    Raises:
        UsageError: there is no such job, it is stopped, or its period has not begun.
    """
    job = job_of(environment, name)
    if job.stopped:
        raise UsageError(f"job {name} is stopped", f"`jobs resume {name}` first")
    if _midnight(job.since) >= environment.clock.now():
        raise UsageError(f"the period of job {name} begins on {job.since}", "run it then")
    filters = {"client": (job.client,), "route": tuple(_routes(environment, job))}
    scope = Scope(_midnight(job.since), _midnight(job.until) if job.until else None, filters=filters)
    return Request("jobs", sources=("atlas",), scope=scope, job=name)


def job_of(environment: Environment, name: str) -> Job:
    """A declared job.

    Raises:
        UsageError: there is no such job.
    """
    declared = atlas.jobs_of(environment.sections["atlas"])
    if name not in declared:
        raise UsageError(
            f"there is no job {name!r}",
            f"declared are: {', '.join(declared)}" if declared else "`python -m pipelines jobs add` declares one",
        )
    return declared[name]


def under_way(warehouse: Warehouse) -> Held | None:
    """The run that holds the warehouse; None if none does."""
    text = warehouse.held_by() if warehouse.exists() else None
    if text is None:
        return None
    if found := HOLDER.fullmatch(text):
        return Held(found[1], int(found[2]), found[3], found[4])
    # a server cuts the text off; and it can be read while it is held
    run_id = text.removeprefix("run ").split(" ")[0]
    rows = warehouse.rows("select pid, host, job from raw_ops.runs where run_id = ?", [run_id])
    return Held(run_id, *rows[0]) if rows else None


def _status(
    name: str, job: Job, known: Known | None, own: Row | None, counts: Mapping[str, int], held: Held | None
) -> Status:
    if held and held.job == name:
        return "running"
    if known is None:
        return "stopped" if job.stopped else "unknown"
    # a period without an end goes on
    if job.until and counts.keys() == {"complete"}:
        return "complete"
    if job.stopped:
        return "stopped"
    if own and own["status"] == "failed" and own["exit_code"] not in COLLECTED:
        return "failed"
    begun = own or known.records or counts.keys() & {"complete", "partial"}
    return "partial" if begun and counts.keys() & {"partial", "missing"} else "waiting"


def _next_run(job: Job, own: Row | None, now: dt.datetime) -> dt.datetime | None:
    if job.stopped or job.every_minutes is None:
        return None
    begins = _midnight(job.since)
    if not own:
        return max(begins, now)
    # a run that did not come to its end is not waited for
    is_over = own["status"] != "killed" and own["exit_code"] != StoppedError.exit_code
    return max(begins, own["started_at"] + dt.timedelta(minutes=job.every_minutes if is_over else 0))


def _known(environment: Environment, name: str, job: Job, held: Held | None, history: int) -> Known:
    warehouse, routes = environment.warehouse, _routes(environment, job)
    today = environment.clock.now().date()
    last = job.until or today + dt.timedelta(1)
    there = _columns(warehouse)
    states: dict[tuple[str, dt.date], str] = {}
    where, values = f"client = ? and route in ({_marks(routes)})", [job.client, *routes]
    if ("sync", "sync_atlas__days") in there:
        query = f"select route, day, state from sync.sync_atlas__days where {where} and day >= ? and day < ?"
        states = {(route, day): state for route, day, state in warehouse.rows(query, [*values, job.since, last])}
    records = payloads = 0
    if ("raw_atlas", "payloads") in there:
        query = (
            "select count(distinct route || '/' || record_key), count(*) from raw_atlas.payloads"
            f" where {where} and period >= ? and period < ?"
            f" and _dlt_load_id in (select load_id from {LOADS} where dataset = 'raw_atlas')"
        )
        ((records, payloads),) = warehouse.rows(query, [*values, job.since, last])
    days = [
        # what the last run could not know of is still to come
        {"route": route, "day": day, "state": states.get((route, day), "open" if day >= today else "missing")}
        for day in (job.since + dt.timedelta(n) for n in range((last - job.since).days))
        for route in routes
    ]
    own: list[Row] = []
    runs: list[Row] = []
    if "job" in there.get(("raw_ops", "runs"), ()):
        parts = [f"{job.client}/{route}" for route in routes]
        own = _runs(warehouse, parts, "job = ?", [name], 1, held)
        # days as text have the order of days
        touched = (
            "job = ? or run_id in (select run_id from raw_ops.sync_log where source = 'atlas' and resource = 'payloads'"
            f" and split_part(unit_id, '/', 1) || '/' || split_part(unit_id, '/', 2) in ({_marks(parts)})"
            " and split_part(unit_id, '/', 3) >= ? and split_part(unit_id, '/', 3) < ?)"
        )
        period = [job.since.isoformat(), last.isoformat()]
        runs = _runs(warehouse, parts, touched, [name, *parts, *period], history, held) if history else []
    return Known(days, int(records), int(payloads), own[0] if own else None, runs)


def _runs(
    warehouse: Warehouse, parts: Sequence[str], where: str, values: Sequence[Any], most: int, held: Held | None
) -> list[Row]:
    """Some runs, newest first, with what they did to a client's routes."""
    names = ("run_id", "job", "command", "status", "started_at", "finished_at", "seconds", "exit_code", "error")
    # a clock that stands still starts all runs at once
    rows = warehouse.rows(
        f"select {', '.join(names)} from raw_ops.runs where {where}"
        f" order by started_at desc, _dlt_load_id desc limit {most}",
        values,
    )
    found = [dict(zip(names, row, strict=True)) for row in rows]
    if not found:
        return []
    ids = [row["run_id"] for row in found]
    of_these = f"where source = 'atlas' and resource in ({_marks(parts)}) and run_id in ({_marks(ids)}) group by run_id"
    done = _by_run(
        warehouse,
        "select run_id, sum(units_succeeded), sum(units_failed), sum(units_deferred), sum(rows_received),"
        f" sum(rows_loaded) from raw_ops.run_resources {of_these}",
        [*parts, *ids],
    )
    asked = _by_run(warehouse, f"select run_id, sum(attempts) from raw_ops.api_requests {of_these}", [*parts, *ids])
    counted = ("days_read", "days_failed", "days_left", "records_received", "payloads_new")
    for row in found:
        if row["status"] == "running" and not (held and held.run_id == row["run_id"]):
            row |= {"status": "killed", "error": "it did not come to its end"}
        for column in ("started_at", "finished_at"):
            row[column] = row[column] and row[column].replace(tzinfo=dt.UTC)
        row |= dict(zip(counted, done.get(row["run_id"], [0] * len(counted)), strict=True))
        row["requests"] = asked.get(row["run_id"], [0])[0]
    return found


def _by_run(warehouse: Warehouse, query: str, parameters: Sequence[Any]) -> dict[str, list[int]]:
    return {run_id: [int(number) for number in numbers] for run_id, *numbers in warehouse.rows(query, parameters)}


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _columns(warehouse: Warehouse) -> dict[tuple[str, str], set[str]]:
    """The columns of all tables that are there; nothing is before the first run."""
    found: dict[tuple[str, str], set[str]] = {}
    if warehouse.exists():
        query = "select table_schema, table_name, column_name from information_schema.columns"
        for schema, name, column in warehouse.rows(query):
            found.setdefault((schema, name), set()).add(column)
    return found


def _routes(environment: Environment, job: Job) -> Sequence[str]:
    """The routes of a job; of a client that only the sandbox knows, all that there are."""
    declaration = atlas.declaration_of(environment.sections["atlas"])
    client = declaration.clients.get(job.client)
    return job.routes or (client.routes if client else tuple(declaration.routes))


def _mark(root: Path, environment: Environment, name: str, is_stopped: bool) -> None:
    config = document(root / ".dlt" / CONFIG)
    declared = table(config, "jobs")[name]
    if is_stopped:
        declared["stopped"] = True
    else:
        declared.pop("stopped", None)
    _save(root, environment.sections["atlas"], config)


def _save(root: Path, settings: atlas.Settings, config: tomlkit.TOMLDocument) -> None:
    """Write the declaration, unless it does not fit."""
    msgspec.structs.replace(settings, jobs=plain(config).get("jobs", {}))
    write(root / ".dlt" / CONFIG, tomlkit.dumps(config))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
