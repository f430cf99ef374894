"""Extraction of one source: ask the sync view what is due, fetch it from many threads, hand it to the intake.

The threads only fetch. Checking, landing, loading and counting happen here, in one thread, while they go on fetching.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from pipelines.budget import QuotaError
from pipelines.client import ApiError, Client
from pipelines.clock import stored
from pipelines.errors import AirtimeError, SourceError
from pipelines.intake import Intake, Tally
from pipelines.loader import Loader
from pipelines.progress import Display, Meter
from pipelines.resources import Api, Fetched, Outcome, Resource, Scope, Source, Unit
from pipelines.sources.ops import RUN_RESOURCES, SYNC_LOG
from pipelines.validation import own_rows
from pipelines.warehouse import Warehouse

# calls handed to the threads for each one in flight, so that they have work while a chunk is loaded
AHEAD = 5
# rows of a resource from which on the planner should know of them
ANALYZED_ROWS = 1000
TIME_IS_UP = "the time limit of the stage was reached"

log = logging.getLogger("airtime.sync")


@dataclass(frozen=True)
class Result:
    """How the extraction of a source ended."""

    status: str
    rows: int
    message: str | None = None
    error: AirtimeError | None = None


@dataclass
class Part:
    """What becomes of the units that are counted together: of a whole resource, or of a client's route."""

    meter: Meter
    units: int
    tally: Tally = field(default_factory=Tally)
    # why what was due is left for the next run
    left_because: str = TIME_IS_UP
    problem: AirtimeError | None = None


def due_units(warehouse: Warehouse, resource: Resource, scope: Scope, settings: Any = None) -> list[Unit]:
    """What the sync view says is due and the command line asks for: the most urgent, in the order of the resource."""
    limit = "" if scope.limit is None else f" limit {int(scope.limit)}"
    rows = warehouse.rows(
        "select unit_id, last_success_at, synced_until, failures, age_class, last_rows, bookmark from ("
        f"select * from sync.{resource.view} where {_conditions(resource, scope, settings)} order by position{limit}"
        f") as chosen order by {resource.order}"
    )
    return [
        Unit(unit_id, _aware(last_success_at), _aware(synced_until), int(failures), age_class, int(rows), bookmark)
        for unit_id, last_success_at, synced_until, failures, age_class, rows, bookmark in rows
    ]


def _conditions(resource: Resource, scope: Scope, settings: Any) -> str:
    again = scope.again and resource.moment
    conditions = ["true" if again else "is_due", *resource.conditions(settings)]
    for column in resource.filters:
        if values := scope.filters.get(column):
            listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
            conditions.append(f"cast({column} as varchar) in ({listed})")
    if resource.moment and scope.since:
        conditions.append(f"{resource.moment} >= timestamp '{stored(scope.since)}'")
    if resource.moment and scope.until:
        conditions.append(f"{resource.moment} < timestamp '{stored(scope.until)}'")
    return " and ".join(conditions)


def _aware(moment: dt.datetime | None) -> dt.datetime | None:
    # the warehouse keeps UTC without a zone
    return moment and moment.replace(tzinfo=dt.UTC)


def reset(warehouse: Warehouse, loader: Loader, source: Source, resources: Iterable[Resource]) -> None:
    """Forget what has been achieved, so that everything is due; no row is dropped.

    Not those of the log either: models learn of what has changed from new rows, and of one that is gone from nothing.
    """
    names = ", ".join(f"'{resource.name}'" for resource in resources)
    rows = warehouse.rows(
        "select resource, unit_id, last_attempt_at, run_id from raw_ops.sync_log"
        f" where source = '{source.name}' and resource in ({names})"
    )
    columns = ("resource", "unit_id", "last_attempt_at", "run_id")
    nothing = {"source": source.name, "status": "reset", "failures": 0, "rows": 0}
    loader.load({SYNC_LOG: own_rows(SYNC_LOG, [nothing | dict(zip(columns, row, strict=True)) for row in rows])})


class Extraction:
    """The extraction of one source within a run."""

    def __init__(
        self,
        source: Source,
        api: Api,
        warehouse: Warehouse,
        intake: Intake,
        display: Display,
        run_id: str,
        seconds: float | None = None,
    ):
        self._source = source
        self._api = api
        self._warehouse = warehouse
        self._intake = intake
        self._display = display
        self._run_id = run_id
        limit = 60 * api.general.stage_time_limit_minutes
        self._deadline = api.clock.monotonic() + min(limit, limit if seconds is None else seconds)
        api.client.deadline = self._deadline

    def run(self, resources: Sequence[Resource]) -> Result:
        """Extract the resources in order. What fails is recorded and does not keep the next resource from its turn.

        A refused credential or an API that is down ends the source.
        """
        rows, problems = 0, []
        worst = "succeeded"
        first_error: AirtimeError | None = None
        for resource in resources:
            status, loaded, error = self._run_one(resource)
            rows += loaded
            if status != "succeeded":
                problems.append(f"{resource.name} {status}" + (f": {error}" if error else ""))
                worst = "failed" if "failed" in (status, worst) else "partial"
            if error:
                first_error = first_error or error
                if not isinstance(error, QuarantineError):
                    break
        return Result(worst, rows, "; ".join(problems) or None, first_error)

    def _run_one(self, resource: Resource) -> tuple[str, int, AirtimeError | None]:
        clock = self._api.clock
        started_at, start = clock.now(), clock.monotonic()
        units = due_units(self._warehouse, resource, self._api.scope, self._api.settings)
        parts = self._parts(resource, units)
        error: AirtimeError | None = None
        problem: AirtimeError | None = None
        cut: str | None = None
        try:
            if resource.poll:
                self._poll(resource, units, parts)
            else:
                self._fetch_all(resource, units, parts)
        except QuotaError as spent:
            cut = str(spent)
        except AirtimeError as failure:
            error = failure
        tallies = [part.tally for part in parts.values()]
        if any(tally.units_succeeded or tally.units_failed or tally.rows_received for tally in tallies):
            self._commit(parts)
        rows = sum(tally.rows_loaded for tally in tallies)
        if rows >= ANALYZED_ROWS:
            self._warehouse.analyze([table.qualified_name for table in (*resource.tables, SYNC_LOG)])
        statuses = []
        for name, part in parts.items():
            failure = error or self._too_many_refused(resource, part.tally)
            problem = problem or failure or part.problem
            statuses.append(self._record(resource, name, part, failure, cut, started_at, clock.monotonic() - start))
        status = statuses[0] if len(set(statuses)) == 1 else "partial"
        return status, rows, problem

    def _parts(self, resource: Resource, units: Sequence[Unit]) -> dict[str, Part]:
        """The parts of a resource; those of a resource that is not divided, and of one with nothing due, are one."""
        counted = Counter(resource.part(unit.unit_id) for unit in units) or Counter({"": 0})
        whole = f"{self._source.name}.{resource.name}"
        return {
            name: Part(self._display.start(name_of(whole, name), None if resource.poll else count), count)
            for name, count in counted.items()
        }

    def _record(
        self,
        resource: Resource,
        name: str,
        part: Part,
        error: AirtimeError | None,
        cut: str | None,
        started_at: dt.datetime,
        seconds: float,
    ) -> str:
        """Record how a part ended; returns its status."""
        tally = part.tally
        deferred = 0 if resource.poll else part.units - tally.units_succeeded - tally.units_failed
        requested = tally.units_succeeded + tally.units_failed
        status = "failed" if error or (requested and not tally.units_succeeded) else "succeeded"
        if status == "succeeded" and (deferred or cut or tally.units_failed):
            status = "partial"
        message = str(error) if error else tally.last_failure
        if deferred and not error:
            message = f"{deferred} units left for the next run: {part.problem or cut or part.left_because}"
        elif cut:
            message = cut
        self._intake.record(
            RUN_RESOURCES,
            {
                "run_id": self._run_id,
                "source": self._source.name,
                "resource": name or resource.name,
                "status": status,
                "units_requested": requested,
                "units_succeeded": tally.units_succeeded,
                "units_absent": tally.units_absent,
                "units_failed": tally.units_failed,
                "units_deferred": deferred,
                "rows_received": tally.rows_received,
                "rows_loaded": tally.rows_loaded,
                "rows_quarantined": tally.rows_quarantined,
                "unknown_fields": sorted(tally.unknown_fields),
                "started_at": stored(started_at),
                "seconds": seconds,
                "message": message,
            },
        )
        log.info(
            "%s.%s: %s, %s of %s units, %s rows in %.1f s",
            self._source.name,
            name or resource.name,
            status,
            tally.units_succeeded,
            requested + deferred,
            tally.rows_loaded,
            seconds,
        )
        return status

    def _poll(self, resource: Resource, known: Sequence[Unit], parts: Mapping[str, Part]) -> None:
        assert resource.poll
        units = {unit.unit_id: unit for unit in known}
        for fetched in resource.poll(self._api, known):
            self._take(resource, fetched, units, parts, next(iter(parts.values())))

    def _fetch_all(self, resource: Resource, units: Sequence[Unit], parts: Mapping[str, Part]) -> None:
        """Fetch units in batches from a pool of threads for each lane, until all are done or time is up."""
        size = resource.batch_size(self._api.settings)
        lanes: dict[str, list[Unit]] = defaultdict(list)
        for unit in units:
            lanes[resource.lane(unit.unit_id)].append(unit)
        waiting = {
            lane: deque(found[i : i + size] for i in range(0, len(found), size)) for lane, found in lanes.items()
        }
        general = self._api.general
        # what is under way while a chunk is loaded belongs to it: a crash then repeats one chunk at most
        ahead = min(general.concurrency * AHEAD, max(1, general.chunk_units // 2 // size))
        done: queue.SimpleQueue[tuple[str, Sequence[Unit], Future[Fetched | None]]] = queue.SimpleQueue()
        under_way: Counter[str] = Counter()
        error: BaseException | None = None
        with ExitStack() as stack:
            pools = {
                lane: stack.enter_context(
                    ThreadPoolExecutor(
                        max(1, general.concurrency // len(lanes)),
                        thread_name_prefix=f"{self._source.name}.{resource.name}.{lane}",
                    )
                )
                for lane in lanes
            }
            while under_way.total() or (any(waiting.values()) and error is None):
                for lane, batches in waiting.items():
                    while batches and under_way[lane] < max(1, ahead // len(lanes)) and error is None:
                        batch = batches.popleft()
                        future = pools[lane].submit(self._fetch, resource, batch, parts)
                        future.add_done_callback(lambda future, lane=lane, batch=batch: done.put((lane, batch, future)))
                        under_way[lane] += 1
                lane, batch, future = done.get()
                under_way[lane] -= 1
                if future.cancelled():
                    continue
                if failure := future.exception():
                    # nothing new is started; what other threads still bring is taken in
                    error = error or failure
                    for pool in pools.values():
                        pool.shutdown(wait=False, cancel_futures=True)
                elif fetched := future.result():
                    known = {unit.unit_id: unit for unit in batch}
                    part = parts[resource.part(batch[0].unit_id)]
                    self._take(resource, fetched, known, parts, part, under_way.total() * size)
        if isinstance(error, AirtimeError):
            raise error
        if error:
            log.error("%s.%s", self._source.name, resource.name, exc_info=error)
            raise SourceError(
                f"{self._source.name}.{resource.name}: {type(error).__name__}: {error}", "see data/logs/airtime.log"
            )

    def _fetch(self, resource: Resource, batch: Sequence[Unit], parts: Mapping[str, Part]) -> Fetched | None:
        """Fetch a batch; None once time or the API's limit is up."""
        assert resource.fetch
        if self._api.clock.monotonic() >= self._deadline:
            return None
        try:
            return resource.fetch(self._api, batch)
        except QuotaError as spent:
            parts[resource.part(batch[0].unit_id)].left_because = str(spent)
            return None
        except ApiError as error:
            return Fetched(outcomes=[Outcome(unit.unit_id, "failed", message=str(error)) for unit in batch])

    def _take(
        self,
        resource: Resource,
        fetched: Fetched,
        units: dict[str, Unit],
        parts: Mapping[str, Part],
        part: Part,
        units_under_way: int = 0,
    ) -> None:
        tally = part.tally
        part.problem = part.problem or fetched.problem
        self._intake.take(self._source.name, resource.name, fetched, units, tally)
        if self._intake.chunk_is_full(units_under_way):
            self._commit(parts)
        done = tally.units_succeeded + tally.units_failed
        # rows that have not been loaded yet are neither new nor known
        is_kept_once = any(table.kept == "first" for table in resource.tables)
        counted = (
            f"{tally.pages:,} pages, {tally.rows_loaded:,} new, {tally.rows_known:,} known" if is_kept_once else ""
        )
        part.meter.show(done, tally.rows_received, tally.units_failed, counted)

    def _commit(self, parts: Mapping[str, Part]) -> None:
        self._intake.commit(defaultdict(Tally, {name: part.tally for name, part in parts.items()}))

    def _too_many_refused(self, resource: Resource, tally: Tally) -> QuarantineError | None:
        share = tally.rows_quarantined / tally.rows_received if tally.rows_received else 0.0
        threshold = self._api.general.quarantine_threshold
        if share <= threshold:
            return None
        return QuarantineError(
            f"{self._source.name}.{resource.name}: {tally.rows_quarantined} of {tally.rows_received} rows were refused"
            f" ({share:.0%}, more than {threshold:.0%})",
            "see ops.fct_quarantine for the reasons; once the declaration fits, `make replay` takes them in",
        )


def name_of(whole: str, part: str) -> str:
    """What a part is called on the terminal."""
    return f"{whole} {part}" if part else whole


class QuarantineError(SourceError):
    """Too many rows of a resource were refused; everything good is loaded."""


def plan(
    warehouse: Warehouse, source: Source, settings: Any, client: Client, resources: Iterable[Resource], scope: Scope
) -> list[dict[str, Any]]:
    """What a run would ask for, resource by resource: due units, how many of them by age class, calls and their budget.

    `limit` requests every `period` seconds are shared by all resources of one `bucket`, whose calls take `seconds` at
    least; `estimate` says why the plan is one, if it is.
    """
    found = []
    asked: Counter[str] = Counter()
    due: dict[str, list[Unit]] = {}
    for resource in resources:
        units = due[resource.name] = due_units(warehouse, resource, scope, settings)
        # a poll asks for lists, and for channels only where it misses them
        is_new = lambda unit, resource=resource: unit.last_success_at is None and not resource.poll
        classes = Counter("never" if is_new(unit) else unit.age_class for unit in units)
        calls = resource.calls(units, settings)
        bucket, budget = client.budgets.bucket_of(resource.endpoint), client.budgets.of(resource.endpoint)
        asked[bucket] += calls
        found.append(
            {
                "source": source.name,
                "resource": resource.name,
                "units": len(units),
                "age_classes": dict(classes.most_common()),
                "calls": calls,
                "bucket": bucket,
                "limit": budget.limit,
                "period": budget.period,
                "seconds": budget.seconds_for(asked[bucket]),
            }
        )
    return [row | {"estimate": source.estimate(due)} for row in found]
