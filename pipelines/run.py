"""A run: check, recover, extract every source, transform, and a record of it all in the warehouse.

The record is written before the run begins and completed at its end; a run that is found unfinished while nobody holds
the warehouse was killed, and the next run says so.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from pipelines import doctor, sync
from pipelines.client import Limits
from pipelines.clock import Clock, stored
from pipelines.environment import Environment, choose_sources, versions
from pipelines.errors import DATA_TESTS_FAILED, AirtimeError, LoadError, SourceError, TransformError
from pipelines.history import poll_the_past
from pipelines.intake import Intake
from pipelines.landing import Landing
from pipelines.progress import Display
from pipelines.quarantine import replay
from pipelines.resources import Api, Opening, Resource, Scope
from pipelines.scrub import clean_traceback
from pipelines.sources import SOURCES
from pipelines.sources.ops import API_REQUESTS, CLOCK, DBT_NODES, RUN_STAGES, RUNS
from pipelines.sources.ops import TABLES as OPS_TABLES
from pipelines.transform import Transform
from pipelines.validation import own_rows
from pipelines.warehouse import Warehouse, holder, stamp

EXIT_CODES_BY_WEIGHT = (130, 77, 3, 4, 1)

log = logging.getLogger("airtime.run")


@dataclass(frozen=True)
class Beat:
    """A beat of a watch: polls and the models that they touch come first, then the rest.

    until: nothing else is begun from then on.
    build_every: how long after everything was built it is built again.
    """

    until: dt.datetime
    build_every: dt.timedelta


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    job: the collection job that this is a run of, if it is one.
    """

    command: str
    sources: Sequence[str] = ()
    resources: Sequence[str] = ()
    scope: Scope = field(default_factory=Scope)
    extract: bool = True
    replay: bool = False
    transform: bool = True
    beat: Beat | None = None
    job: str | None = None


@dataclass
class Stage:
    """A stage under way; what it notes here ends up in its record."""

    rows: int = 0
    status: str = "succeeded"
    message: str | None = None


class Run:
    """One run of one command on one warehouse."""

    def __init__(self, environment: Environment, request: Request):
        self._env = environment
        self._request = request
        self._clock = environment.clock
        started = self._clock.now()
        self.run_id = f"{started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self._started_at = started
        self._start = self._clock.monotonic()
        self._stages = 0
        self.errors: list[AirtimeError] = []
        self._unreachable: dict[str, AirtimeError] = {}
        self._is_partial = False
        self._is_building = False
        self._apis: dict[str, Api] = {}
        tables = [table for source in SOURCES.values() for table in source.tables]
        self._tables = [*tables, *OPS_TABLES]
        self._loader = environment.loader
        self._transform = Transform(environment.warehouse, environment.data_dir, environment.dbt_variables())

    def execute(self, at_end: Callable[[], None] = lambda: None) -> int:
        """Run; returns the exit code. `at_end` is called while the warehouse is still held.

        Raises:
            AirtimeError: nothing could begin: settings, credentials, the warehouse or its lock. Nothing was written.
        """
        with self._signals_stop(), self._sandbox_if_needed(), self._prepared() as chosen:
            code = self._recorded(chosen)
            at_end()
            return code

    def dry_run(self) -> list[dict[str, Any]]:
        """What a run would ask of each API, from the sync views as of now; nothing is fetched."""
        with self._prepared(check=False) as chosen:
            self._loader.ensure(self._tables)
            self._loader.load({CLOCK: self._clock_row()})
            self._transform.ensure_views(self.run_id)
            found = []
            for name, resources in chosen.items():
                section = self._env.sections[name]
                self._declare(name)
                found += sync.plan(
                    self._env.warehouse, SOURCES[name], section, self.client(name), resources, self._request.scope
                )
            return found

    @contextlib.contextmanager
    def _prepared(self, check: bool = True) -> Iterator[dict[str, list[Resource]]]:
        """Everything that can fail without having written anything; then the warehouse, held alone and stamped."""
        env, request = self._env, self._request
        chosen = choose_sources(env, request.sources, request.resources) if request.extract else {}
        if env.data_kind == "demo":
            log.info("DEMO DATA: no credentials are set, so a local sandbox stands in for the APIs.")
        # whatever a run is for, it builds views on the seeds
        doctor.require([doctor.check_seeds()])
        if check:
            doctor.require([doctor.check_directories(env)])
            self._unreachable = doctor.reachable(list(chosen), self.client)
        with env.warehouse.lock(holder(self.run_id, request.job), env.settings.lock_wait_seconds, self._clock):
            # not before: only one process at a time can look into a DuckDB file
            doctor.require([doctor.check_warehouse(env)])
            stamp(env.warehouse, env.data_kind)
            for name, why in env.skipped.items():
                log.info("%s is skipped: %s", name, why)
            with env.warehouse.kept_open():
                yield chosen

    def _recorded(self, chosen: dict[str, list[Resource]]) -> int:
        env = self._env
        self._loader.abort_pending([*SOURCES, "ops"])
        if old := self._loader.ensure(self._tables):
            log.info("this warehouse is of the version before: its %d loads have numbers now, all models follow", old)
        runs = own_rows(RUNS, [*self._killed_runs(), self._record("running")])
        self._loader.load({CLOCK: self._clock_row(), RUNS: runs})
        self._intake = Intake(
            Landing(env.data_dir / "landing" / env.warehouse.name),
            self._loader,
            self._tables,
            clock=self._clock,
            scrubber=env.scrubber,
            run_id=self.run_id,
            interval_minutes=env.settings.collection_interval_minutes,
            chunk_units=env.settings.chunk_units,
        )
        try:
            self._stages_of(chosen)
        except AirtimeError as error:
            self.errors.append(error)
        except Exception as error:
            log.error("%s", clean_traceback(env.scrubber, error))
            self.errors.append(AirtimeError(f"{type(error).__name__}: {error}", "see data/logs/airtime.log"))
        code = exit_code(self.errors)
        status = "failed" if code else "partial" if self._is_partial else "succeeded"
        self._intake.record(RUNS, self._record(status, code))
        try:
            self._intake.commit()
        except LoadError as error:
            self.errors.append(error)
        return code or exit_code(self.errors)

    def _stages_of(self, chosen: dict[str, list[Resource]]) -> None:
        with self._stage("recover") as stage:
            stage.rows = self._intake.recover()
        with self._stage("sync_views") as stage:
            built = self._transform.ensure_views(self.run_id)
            stage.message = "built" if built else "current"
        if self._request.replay:
            with self._stage("replay") as stage:
                stage.rows, refused = self._replay()
                stage.message = f"{stage.rows} rows accepted, {refused} refused still"
        if self._env.sandbox.url and (sources := self._without_history(chosen)):
            with self._stage("history") as stage:
                stage.rows = self._poll_the_past(self._env.sandbox.url, sources)
        if self._request.beat:
            self._stages_of_beat(chosen, self._request.beat)
            return
        loaded = self._extract(chosen)
        if self._request.transform:
            if loaded or not chosen:
                self._build(idle_folders(chosen))
            else:
                with self._stage("transform") as stage:
                    stage.status, stage.message = "skipped", "no source loaded anything"

    def _stages_of_beat(self, chosen: dict[str, list[Resource]], beat: Beat) -> None:
        polls, rest = (
            {
                name: found
                for name, resources in chosen.items()
                if (found := [one for one in resources if bool(one.poll) is are_polls])
            }
            for are_polls in (True, False)
        )
        is_build_due = self._is_build_due(beat.build_every)
        if self._extract(polls, "poll"):
            self._build(idle_folders(chosen), is_beat=True)
        left = (beat.until - self._clock.now()).total_seconds()
        if left > 0:
            self._extract(rest, seconds=left)
            if is_build_due:
                self._build(idle_folders(chosen))

    def _is_build_due(self, every: dt.timedelta) -> bool:
        ((last,),) = self._env.warehouse.rows(
            "select max(finished_at) from raw_ops.run_stages where stage = 'transform' and status = 'succeeded'"
        )
        return last is None or stored(self._clock.now()) - last >= every

    def _extract(self, chosen: dict[str, list[Resource]], verb: str = "extract", seconds: float | None = None) -> bool:
        """Extract each source; one's failure does not stop the others. Returns whether any loaded.

        seconds: after these, nothing new is begun; None for the setting's time limit.
        """
        loaded = False
        for name, resources in chosen.items():
            with self._stage(f"{verb}_{name}") as stage, Display(self._clock) as display:
                source = SOURCES[name]
                if error := self._unreachable.get(name):
                    stage.status, stage.message = "failed", str(error)
                    self.errors.append(error)
                    continue
                if self._request.scope.full:
                    sync.reset(self._env.warehouse, self._loader, source, resources)
                if name not in self._apis:
                    self._declare(name)
                    self._apis[name] = self._api(name, self._clock, self._intake.log_request)
                extraction = sync.Extraction(
                    source, self._apis[name], self._env.warehouse, self._intake, display, self.run_id, seconds
                )
                result = extraction.run(resources)
                stage.rows, stage.status, stage.message = result.rows, result.status, result.message
                self._is_partial |= result.status == "partial"
                self._clock.raise_if_stopped()
                if result.status == "failed" or result.error:
                    self.errors.append(result.error or SourceError(f"{name}: {result.message}"))
                loaded |= result.rows > 0 or result.status != "failed"
        return loaded

    def _declare(self, name: str) -> None:
        """Load what the sync views of a source need to know of its settings."""
        declared = SOURCES[name].declare(self._env.sections[name], self._request.scope, self._clock.now())
        if declared:
            self._loader.load({table: own_rows(table, rows) for table, rows in declared.items()})

    def _without_history(self, chosen: Mapping[str, Sequence[Resource]]) -> dict[str, list[Resource]]:
        """The polls of live streams of sources that have never been polled."""
        polled = {name for (name,) in self._env.warehouse.rows("select distinct source from raw_ops.polls")}
        found = {
            name: [resource for resource in resources if resource.poll]
            for name, resources in chosen.items()
            if SOURCES[name].domain == "live" and name not in polled
        }
        return {name: resources for name, resources in found.items() if resources}

    def _poll_the_past(self, url: str, sources: Mapping[str, Sequence[Resource]]) -> int:
        """Give a new demo warehouse a past. It is no part of what is due or achieved, nor of the request log."""
        open_source = lambda name, clock: self._api(name, clock, lambda row: None)
        return poll_the_past(url, self._clock, sources, open_source, self._intake)

    def _api(self, name: str, clock: Clock, request_log: Callable[[dict[str, Any]], None]) -> Api:
        env = self._env
        client = self.client(name, request_log, clock)
        return Api(client, env.sections[name], env.settings, self._request.scope, clock)

    def _replay(self) -> tuple[int, int]:
        """Check quarantined rows again and load those that fit now; returns how many were accepted and refused."""
        loads, refused = replay(self._env.warehouse, self._tables, self._clock.now(), self.run_id)
        self._loader.load({table: rows for table, rows in loads.items() if rows.num_rows})
        return sum(rows.num_rows for table, rows in loads.items() if table.fetched), refused

    def _build(self, idle: Sequence[str], is_beat: bool = False) -> None:
        with self._stage("transform_beat" if is_beat else "transform") as stage:
            # what extraction recorded must be in before the models over it are built
            self._intake.commit()
            self._env.warehouse.lift_memory_limit()
            self._is_building = True
            try:
                build = self._transform.build(self.run_id, idle, is_beat)
            except (KeyboardInterrupt, TransformError):
                self._clock.raise_if_stopped()
                raise
            finally:
                self._is_building = False
            self._intake.record(DBT_NODES, *build.nodes)
            stage.rows, stage.message = len(build.nodes), build.full
            if build.full:
                log.info("%s", build.full)
            if build.errors:
                # a build that breaks off may leave views dropped, and the report needs them
                self._transform.ensure_views(self.run_id)
                stage.status, stage.message = "failed", build.errors[0]
                self.errors.append(TransformError(build.errors[0], "see data/logs/dbt.log and the model that it names"))
            elif build.failed_tests:
                stage.status = "failed"
                first, count = build.failed_tests[0], len(build.failed_tests)
                found = f"{count} data tests failed" if count > 1 else "a data test failed"
                self.errors.append(DataTestsFailed(f"{found}: {first}", first.mend))
                stage.message = "; ".join(filter(None, [f"{found}: {first.test}", build.full]))

    @contextlib.contextmanager
    def _signals_stop(self) -> Iterator[None]:
        """A signal ends the run in order: waits end, what was fetched is loaded, the record is written."""

        def stop(number: int, frame: Any) -> None:
            is_second = self._clock.is_stopped
            self._clock.stop()
            # dbt does not ask the clock, and whoever signals twice does not want to wait
            if is_second or self._is_building:
                raise KeyboardInterrupt

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def _stage(self, name: str) -> Iterator[Stage]:
        self._clock.raise_if_stopped()
        self._stages += 1
        position, stage = self._stages, Stage()
        started_at, start = self._clock.now(), self._clock.monotonic()
        log.info("%s ...", name)
        try:
            yield stage
        except BaseException as error:
            stage.status = "failed"
            stage.message = self._env.scrubber.clean(f"{type(error).__name__}: {error}")
            raise
        finally:
            self._intake.record(
                RUN_STAGES,
                {
                    "run_id": self.run_id,
                    "stage": name,
                    "position": position,
                    "status": stage.status,
                    "started_at": stored(started_at),
                    "finished_at": stored(self._clock.now()),
                    "seconds": self._clock.monotonic() - start,
                    "rows": stage.rows,
                    "message": stage.message and self._env.scrubber.clean(stage.message),
                },
            )

    def _sandbox_if_needed(self) -> contextlib.AbstractContextManager[None]:
        return self._env.sandbox_if_demo() if self._request.extract else contextlib.nullcontext()

    def client(self, name: str, request_log: Any = lambda row: None, clock: Clock | None = None) -> Any:
        """A new client of a source."""
        clock = clock or self._clock
        settings = self._env.settings
        return SOURCES[name].open(
            Opening(
                settings=self._env.sections[name],
                general=settings,
                limits=Limits(
                    settings.retry_max,
                    settings.connect_timeout_seconds,
                    settings.request_timeout_seconds,
                    settings.concurrency,
                ),
                clock=clock,
                scrubber=self._env.scrubber,
                run_id=self.run_id,
                log=request_log,
                spent=lambda since: requests_since(self._env.warehouse, name, since),
            )
        )

    def _clock_row(self) -> pa.Table:
        return own_rows(CLOCK, [{"clock_id": 1, "now_at": stored(self._clock.now()), "run_id": self.run_id}])

    def _killed_runs(self) -> list[dict[str, Any]]:
        columns = [column.name for column in RUNS.columns]
        found = self._env.warehouse.rows(
            f"select {', '.join(columns)} from {RUNS.qualified_name} where status = 'running'"
        )
        killed = []
        for values in found:
            row = dict(zip(columns, values, strict=True))
            for name in ("settings", "versions"):
                row[name] = row[name] if isinstance(row[name], dict) else msgspec.json.decode(row[name])
            killed.append(row | {"status": "killed", "error": "found unfinished by a later run"})
            log.info("run %s did not finish: what it had fetched is loaded now", row["run_id"])
        return killed

    def _record(self, status: str, exit_code: int | None = None) -> dict[str, Any]:
        error = self.errors[0] if self.errors else None
        clean = self._env.scrubber.clean
        finished = exit_code is not None
        return {
            "run_id": self.run_id,
            "command": self._request.command,
            "job": self._request.job,
            "status": status,
            "data_kind": self._env.data_kind,
            "target": self._env.warehouse.target,
            "started_at": stored(self._started_at),
            "finished_at": stored(self._clock.now()) if finished else None,
            "seconds": self._clock.monotonic() - self._start if finished else None,
            "exit_code": exit_code,
            "error": clean(str(error)) if error else None,
            "next_step": clean(error.mend) if error else None,
            "settings": self._env.public_settings(),
            "versions": versions(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }


def requests_since(warehouse: Warehouse, source: str, since: dt.datetime) -> dict[str, int]:
    """How often the runs that the warehouse knows asked a source since a moment: tries, by endpoint."""
    table = API_REQUESTS.qualified_name
    if not warehouse.exists() or not warehouse.rows(
        f"select 1 from information_schema.tables where table_schema || '.' || table_name = '{table}'"
    ):
        return {}
    rows = warehouse.rows(
        f"select endpoint, sum(attempts) from {table}"
        f" where source = '{source}' and started_at >= timestamp '{stored(since)}' group by endpoint"
    )
    return {endpoint: int(attempts) for endpoint, attempts in rows}


class DataTestsFailed(AirtimeError):
    """The models are built, and some data tests on them fail."""

    exit_code = DATA_TESTS_FAILED


def idle_folders(chosen: Mapping[str, Any]) -> list[str]:
    """The folders of models of the sources that a run leaves out and of the domains that only those feed."""
    if not chosen:
        return []
    fed = {SOURCES[name].domain for name in chosen}
    left_out = [source for name, source in SOURCES.items() if name not in chosen]
    return [source.name for source in left_out] + sorted({one.domain for one in left_out} - fed)


def exit_code(errors: Sequence[AirtimeError]) -> int:
    """The exit code for what went wrong: a stop before all else, a source before the transform, 0 for nothing."""
    codes = {error.exit_code for error in errors}
    return next((code for code in EXIT_CODES_BY_WEIGHT if code in codes), next(iter(codes), 0))


def parse_moment(text: str) -> dt.datetime:
    """A day or a moment of the command line, as UTC.

    Raises:
        ValueError: it is neither.
    """
    moment = dt.datetime.fromisoformat(text)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
