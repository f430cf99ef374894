"""The intake: takes what was fetched, checks it, lands it at least once a second, and loads it chunk by chunk.

One object a run. Rows, refused rows, request log and sync log of the same moment land in the same batch, so that a
batch loaded after a crash also says what need not be fetched again.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.clock import Clock, slot_start, stored
from pipelines.landing import Landing
from pipelines.loader import Loader
from pipelines.quarantine import quarantine_rows
from pipelines.resources import Fetched, Unit
from pipelines.scrub import Scrubber
from pipelines.sources.ops import API_REQUESTS, POLLS, QUARANTINE, SYNC_LOG
from pipelines.sources.ops import TABLES as OPS_TABLES
from pipelines.tables import Table
from pipelines.validation import Checked, Context, as_arrow, check, own_rows

FLUSH_SECONDS = 1.0
# a chunk ends at this many rows even if its units are few, so that memory stays flat
CHUNK_ROWS = 100_000
CHUNK_BYTES = 64 * 2**20
RECOVERY_BATCHES = 200


@dataclass
class Tally:
    """What one resource has brought so far. Rows count as known once a load had nothing to add for them."""

    units_succeeded: int = 0
    units_absent: int = 0
    units_failed: int = 0
    pages: int = 0
    rows_received: int = 0
    rows_loaded: int = 0
    rows_known: int = 0
    rows_quarantined: int = 0
    unknown_fields: set[str] = field(default_factory=set)
    last_failure: str | None = None


class Intake:
    """Checks, lands and loads what a run fetches."""

    def __init__(
        self,
        landing: Landing,
        loader: Loader,
        tables: Iterable[Table],
        *,
        clock: Clock,
        scrubber: Scrubber,
        run_id: str,
        interval_minutes: int,
        chunk_units: int,
    ):
        self._landing = landing
        self._loader = loader
        self._tables = [*tables, *OPS_TABLES]
        self._clock = clock
        self._scrubber = scrubber
        self._run_id = run_id
        self._interval_minutes = interval_minutes
        self._chunk_units = chunk_units
        self._checked: dict[Table, list[Checked]] = defaultdict(list)
        self._own: dict[Table, list[dict[str, Any]]] = defaultdict(list)
        # appended to by the threads that fetch
        self._requests: deque[dict[str, Any]] = deque()
        self._landed: list[Path] = []
        self._taken_units = 0
        self._taken_rows = 0
        self._taken_bytes = 0
        self._flushed_at = clock.monotonic()

    def recover(self) -> int:
        """Load what a run that was killed had landed; returns the rows."""
        self._loader.abort_pending({table.source for table in self._tables})
        waiting = self._landing.batches()
        rows = 0
        for start in range(0, len(waiting), RECOVERY_BATCHES):
            batches = waiting[start : start + RECOVERY_BATCHES]
            rows += count_rows(self._loader.load(self._landing.read(batches, self._tables)))
            self._landing.discard(batches)
        return rows

    def log_request(self, row: dict[str, Any]) -> None:
        """Note a request; safe to call from any thread."""
        self._requests.append(row)

    def record(self, table: Table, *rows: dict[str, Any]) -> None:
        """Note rows of the project's own records, secrets left out; they land with the next batch."""
        clean = self._scrubber.clean
        self._own[table] += [
            {name: clean(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows
        ]

    def take(self, source: str, resource: str, fetched: Fetched, units: Mapping[str, Unit], tally: Tally) -> None:
        """Check what was fetched and hold it for the next batch."""
        now = self._clock.now()
        for part in fetched.rows:
            slot_at = part.slot_at or slot_start(part.answer.fetched_at, self._interval_minutes)
            context = Context(slot_at, part.answer.fetched_at, part.answer.request_id)
            checked = check(part.table, part.rows, context)
            self._checked[part.table].append(checked)
            self.record(QUARANTINE, *quarantine_rows(part.table, checked.refused, context, self._run_id))
            tally.pages += part.table.fetched
            tally.rows_received += len(part.rows) if part.table.fetched else 0
            tally.rows_quarantined += len(checked.refused)
            tally.unknown_fields |= checked.unknown_fields
            self._taken_rows += checked.count
        for outcome in fetched.outcomes:
            unit = units.get(outcome.unit_id, Unit(outcome.unit_id))
            failed = outcome.status == "failed"
            # an unfinished list is neither: its last page will tell
            succeeded = not failed and outcome.status != "unfinished"
            tally.units_failed += failed
            tally.units_succeeded += succeeded
            tally.units_absent += outcome.status == "absent"
            tally.last_failure = outcome.message or tally.last_failure
            self._taken_units += 1
            self.record(
                SYNC_LOG,
                {
                    "source": source,
                    "resource": outcome.resource or resource,
                    "unit_id": outcome.unit_id,
                    "status": outcome.status,
                    "last_attempt_at": stored(now),
                    "last_success_at": _stored(now if succeeded else unit.last_success_at),
                    "synced_until": _stored(_later(unit.synced_until, outcome.synced_until)),
                    "failures": unit.failures + 1 if failed else 0,
                    "rows": outcome.rows,
                    "message": None if outcome.message is None else self._scrubber.clean(outcome.message),
                    "bookmark": unit.bookmark if failed and outcome.bookmark is None else outcome.bookmark,
                    "run_id": self._run_id,
                },
            )
        for poll in fetched.polls:
            self.record(
                POLLS,
                {
                    "slot_at": stored(poll.slot_at),
                    "source": source,
                    "resource": resource,
                    "scope": poll.scope,
                    "started_at": stored(poll.started_at),
                    "finished_at": stored(poll.finished_at),
                    "pages": poll.pages,
                    "rows": poll.rows,
                    "is_complete": poll.is_complete,
                    "is_exhaustive": poll.is_exhaustive,
                    "run_id": self._run_id,
                },
            )
        # a poll can not be fetched again, and a list is read on from what has landed, so their pages do not wait
        is_page = fetched.polls or any(outcome.status == "unfinished" for outcome in fetched.outcomes)
        if is_page or self._clock.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Land what is held."""
        self._flushed_at = self._clock.monotonic()
        while self._requests:
            self.record(API_REQUESTS, self._requests.popleft())
        held = {table: as_arrow(table, parts) for table, parts in self._checked.items()}
        self._taken_bytes += sum(rows.nbytes for rows in held.values())
        held |= {table: own_rows(table, rows) for table, rows in self._own.items()}
        self._checked.clear()
        self._own.clear()
        if batch := self._landing.write(held):
            self._landed.append(batch)

    def chunk_is_full(self, units_under_way: int = 0) -> bool:
        """Whether what was taken, with what is still under way, makes a chunk; bytes count once they have landed."""
        return (
            self._taken_units + units_under_way >= self._chunk_units
            or self._taken_rows >= CHUNK_ROWS
            or self._taken_bytes >= CHUNK_BYTES
        )

    def commit(self, tally: Tally | Mapping[str, Tally] | None = None) -> int:
        """Land and load all that has been taken; returns the rows of the sources' own tables.

        Of several tallies, each counts the rows of its own part (`Table.parts`).
        """
        self.flush()
        loaded = self._loader.load(self._landing.read(self._landed, self._tables))
        self._landing.discard(self._landed)
        self._landed, self._taken_units, self._taken_rows, self._taken_bytes = [], 0, 0, 0
        if isinstance(tally, Tally):
            tally.rows_loaded += count_rows(loaded, fetched=True)
        elif tally:
            for table, rows in loaded.items():
                for part, count in _rows_by_part(table, rows).items():
                    tally[part].rows_loaded += count
            for one in tally.values():
                one.rows_known = one.rows_received - one.rows_quarantined - one.rows_loaded
        return count_rows(loaded, fetched=True)


def count_rows(tables: Mapping[Table, pa.Table], fetched: bool = False) -> int:
    """How many rows there are; `fetched`: in tables of an API alone."""
    return sum(rows.num_rows for table, rows in tables.items() if table.fetched or not fetched)


def _rows_by_part(table: Table, rows: pa.Table) -> dict[str, int]:
    if not table.fetched:
        return {}
    if not table.parts:
        return {"": rows.num_rows}
    counted = rows.group_by(list(table.parts)).aggregate([([], "count_all")])
    names = zip(*(counted[part].to_pylist() for part in table.parts), strict=True)
    return dict(zip(map("/".join, names), counted["count_all"].to_pylist(), strict=True))


def _later(known: dt.datetime | None, reached: dt.datetime | None) -> dt.datetime | None:
    return max((moment for moment in (known, reached) if moment), default=None)


def _stored(moment: dt.datetime | None) -> dt.datetime | None:
    return moment and stored(moment)
