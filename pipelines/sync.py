"""Extraction of one source: ask the sync view what is due, fetch it from many threads, hand it to the intake.

The threads only fetch. Checking, landing, loading and counting happen here, in one thread, while they go on fetching.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pipelines.budget import QuotaError
from pipelines.client import ApiError, Client
from pipelines.clock import stored
from pipelines.errors import AirtimeError, SourceError
from pipelines.intake import Intake, Tally
from pipelines.progress import Display, Meter
from pipelines.resources import Api, Fetched, Outcome, Resource, Scope, Source, Unit
from pipelines.sources.ops import RUN_RESOURCES, SYNC_LOG
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


def reset(warehouse: Warehouse, source: Source, resources: Iterable[Resource]) -> None:
    """Forget what has been achieved, so that everything is due; no row of data is dropped."""
    names = ", ".join(f"'{resource.name}'" for resource in resources)
    warehouse.execute(f"delete from raw_ops.sync_log where source = '{source.name}' and resource in ({names})")


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
        # why what was due is left for the next run
        self._left_because = TIME_IS_UP

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
        self._left_because = TIME_IS_UP
        units = due_units(self._warehouse, resource, self._api.scope, self._api.settings)
        tally = Tally()
        meter = self._display.start(f"{self._source.name}.{resource.name}", None if resource.poll else len(units))
        error: AirtimeError | None = None
        is_cut = False
        try:
            if resource.poll:
                self._poll(resource, units, tally, meter)
            else:
                self._fetch_all(resource, units, tally, meter)
        except QuotaError as spent:
            is_cut, self._left_because = True, str(spent)
        except AirtimeError as failure:
            error = failure
        deferred = 0 if resource.poll else len(units) - tally.units_succeeded - tally.units_failed
        if tally.units_succeeded or tally.units_failed or tally.rows_received:
            self._intake.commit(tally)
        if tally.rows_loaded >= ANALYZED_ROWS:
            self._warehouse.analyze([table.qualified_name for table in (*resource.tables, SYNC_LOG)])
        if error is None:
            error = self._too_many_refused(resource, tally)
        requested = tally.units_succeeded + tally.units_failed
        status = "failed" if error or (requested and not tally.units_succeeded) else "succeeded"
        if status == "succeeded" and (deferred or is_cut or tally.units_failed):
            status = "partial"
        message = str(error) if error else tally.last_failure
        if deferred and not error:
            message = f"{deferred} units left for the next run: {self._left_because}"
        elif is_cut:
            message = self._left_because
        self._intake.record(
            RUN_RESOURCES,
            {
                "run_id": self._run_id,
                "source": self._source.name,
                "resource": resource.name,
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
                "seconds": clock.monotonic() - start,
                "message": message,
            },
        )
        log.info(
            "%s.%s: %s, %s of %s units, %s rows in %.1f s",
            self._source.name,
            resource.name,
            status,
            tally.units_succeeded,
            requested + deferred,
            tally.rows_loaded,
            clock.monotonic() - start,
        )
        return status, tally.rows_loaded, error

    def _poll(self, resource: Resource, known: Sequence[Unit], tally: Tally, meter: Meter) -> None:
        assert resource.poll
        units = {unit.unit_id: unit for unit in known}
        for fetched in resource.poll(self._api, known):
            self._take(resource, fetched, units, tally, meter)

    def _fetch_all(self, resource: Resource, units: Sequence[Unit], tally: Tally, meter: Meter) -> None:
        """Fetch units in batches from a pool of threads, until all are done or time is up."""
        size = resource.batch_size(self._api.settings)
        waiting = deque(units[i : i + size] for i in range(0, len(units), size))
        general = self._api.general
        # what is under way while a chunk is loaded belongs to it: a crash then repeats one chunk at most
        ahead = min(general.concurrency * AHEAD, max(1, general.chunk_units // 2 // size))
        done: queue.SimpleQueue[tuple[Sequence[Unit], Future[Fetched | None]]] = queue.SimpleQueue()
        under_way = 0
        error: BaseException | None = None
        with ThreadPoolExecutor(general.concurrency, thread_name_prefix=f"{self._source.name}.{resource.name}") as pool:
            while under_way or (waiting and error is None):
                while waiting and under_way < ahead and error is None:
                    batch = waiting.popleft()
                    future = pool.submit(self._fetch, resource, batch)
                    future.add_done_callback(lambda future, batch=batch: done.put((batch, future)))
                    under_way += 1
                batch, future = done.get()
                under_way -= 1
                if future.cancelled():
                    continue
                if failure := future.exception():
                    # nothing new is started; what other threads still bring is taken in
                    error = error or failure
                    pool.shutdown(wait=False, cancel_futures=True)
                elif fetched := future.result():
                    known = {unit.unit_id: unit for unit in batch}
                    self._take(resource, fetched, known, tally, meter, under_way * size)
        if isinstance(error, AirtimeError):
            raise error
        if error:
            log.error("%s.%s", self._source.name, resource.name, exc_info=error)
            raise SourceError(
                f"{self._source.name}.{resource.name}: {type(error).__name__}: {error}", "see data/logs/airtime.log"
            )

    def _fetch(self, resource: Resource, batch: Sequence[Unit]) -> Fetched | None:
        """Fetch a batch; None once time or the API's limit is up."""
        assert resource.fetch
        if self._api.clock.monotonic() >= self._deadline:
            return None
        try:
            return resource.fetch(self._api, batch)
        except QuotaError as spent:
            self._left_because = str(spent)
            return None
        except ApiError as error:
            return Fetched(outcomes=[Outcome(unit.unit_id, "failed", message=str(error)) for unit in batch])

    def _take(
        self,
        resource: Resource,
        fetched: Fetched,
        units: dict[str, Unit],
        tally: Tally,
        meter: Meter,
        units_under_way: int = 0,
    ) -> None:
        self._intake.take(self._source.name, resource.name, fetched, units, tally)
        if self._intake.chunk_is_full(units_under_way):
            self._intake.commit(tally)
        meter.show(tally.units_succeeded + tally.units_failed, tally.rows_received, tally.units_failed)

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
