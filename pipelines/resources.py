"""What a source is made of: resources, the units they fetch, and what a fetch brings back.

A source module declares its tables and, for each resource, one function: `fetch` turns units that are due into rows and
outcomes, `poll` reads a list as it is now. All else (plan, threads, checks, landing, loading, records) is shared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from pipelines.budget import Budgets, DayBudget, RateBudget, WindowBudget
from pipelines.client import Answer, Client, Limits
from pipelines.clock import Clock
from pipelines.errors import AirtimeError
from pipelines.scrub import Scrubber
from pipelines.settings import Settings
from pipelines.tables import Table

# unfinished: a list that was left in the middle, to be read on from its bookmark
Status = Literal["ok", "absent", "truncated", "unfinished", "failed"]


@dataclass(frozen=True)
class Unit:
    """Something that is fetched by its id, with what the sync view says of it; moments are aware."""

    unit_id: str
    last_success_at: dt.datetime | None = None
    synced_until: dt.datetime | None = None
    failures: int = 0
    age_class: str = ""
    last_rows: int = 0
    bookmark: str | None = None


@dataclass(frozen=True)
class Rows:
    """Rows of one answer for one table, as the API sent them. `slot_at` is given by polls, which span answers."""

    table: Table
    rows: Sequence[Any]
    answer: Answer
    slot_at: dt.datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a unit. `resource` names another resource of the source, when this one has served its unit too."""

    unit_id: str
    status: Status
    rows: int = 0
    synced_until: dt.datetime | None = None
    message: str | None = None
    bookmark: str | None = None
    resource: str | None = None


@dataclass(frozen=True)
class PollHeader:
    """How much of a list has been read so far; the last one of a poll counts."""

    slot_at: dt.datetime
    scope: str
    started_at: dt.datetime
    finished_at: dt.datetime
    pages: int
    rows: int
    is_complete: bool
    is_exhaustive: bool


@dataclass
class Fetched:
    """What one fetch, or one page of a poll, brought back.

    A unit without an outcome is left for the next run. `problem` ends nothing: it is what the run says at its end.
    """

    rows: list[Rows] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    polls: list[PollHeader] = field(default_factory=list)
    problem: AirtimeError | None = None


@dataclass(frozen=True)
class Scope:
    """What the command line asks for: a period, a number, everything again, ids by column of the sync views.

    `again`: a chosen period is read whether it is due or not.
    """

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    limit: int | None = None
    full: bool = False
    again: bool = False
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Api:
    """An open source: its client, its settings, and what the run asks for. `shared` is for its threads to agree in."""

    client: Client
    settings: Any
    general: Settings
    scope: Scope
    clock: Clock
    shared: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Resource:
    """A resource of a source.

    view: the sync view that lists its units.
    calls: estimates the calls for these due units, for the dry run.
    endpoint: a path that it asks, by which the dry run finds its rate budget.
    batch: how many units one call takes, or a function of the settings.
    filters: columns of the view by which the command line can choose units.
    moment: the column of the view that a chosen period applies to.
    conditions: further conditions on the view that the settings ask for, as SQL.
    order: the columns of the view that say what comes first.
    lane: units of different lanes are fetched by different threads, so that no lane's limit holds up another.
    part: the part that a unit is counted, shown and recorded with.
    found_by: the resource whose rows have the ids of its units, for a poll that asks by id only.
    Exactly one of `fetch` and `poll` is given.
    """

    name: str
    tables: tuple[Table, ...]
    view: str
    calls: Callable[[Sequence[Unit], Any], int]
    endpoint: str = ""
    batch: int | Callable[[Any], int] = 1
    filters: tuple[str, ...] = ()
    moment: str | None = None
    conditions: Callable[[Any], list[str]] = lambda settings: []
    order: str = "position"
    lane: Callable[[str], str] = lambda unit_id: ""
    part: Callable[[str], str] = lambda unit_id: ""
    found_by: str = ""
    fetch: Callable[[Api, Sequence[Unit]], Fetched] | None = None
    poll: Callable[[Api, Sequence[Unit]], Iterator[Fetched]] | None = None

    def batch_size(self, settings: Any) -> int:
        """How many units one call takes under these settings."""
        return self.batch(settings) if callable(self.batch) else self.batch


@dataclass(frozen=True)
class Opening:
    """What a source needs to open its client.

    spent: the requests that earlier runs have made of the source since a moment, each try counted, by endpoint.
    """

    settings: Any
    general: Settings
    limits: Limits
    clock: Clock
    scrubber: Scrubber
    run_id: str
    log: Callable[[dict[str, Any]], None]
    spent: Callable[[dt.datetime], Mapping[str, int]] = lambda since: {}

    def a_minute(self, limit: int, evenly: bool = False) -> Budgets:
        """A budget of so many requests a minute, in a bucket that refills all the time.

        evenly: for an API that tells nothing of its limit. Nobody knows what an earlier run has left of it, and a full
        bucket spent at once would exceed it; so requests start at equal distances.
        """
        interval = max(self.general.min_request_interval, 60 / limit if evenly else 0)
        return Budgets(lambda: RateBudget(self.clock, limit, interval=interval))

    def an_hour(self, limit: int, bucket_of: Callable[[str], str]) -> Budgets:
        """A budget of so many requests an hour for each bucket, all of it back when the hour is over."""
        interval = self.general.min_request_interval
        return Budgets(lambda: WindowBudget(self.clock, limit, interval=interval), bucket_of)

    def a_day(
        self, limits: Mapping[str, int], zone: ZoneInfo, bursts: Mapping[str, float], bucket_of: Callable[[str], str]
    ) -> Budgets:
        """A quota a day for each bucket, spread over the day that ends at midnight in `zone`, whatever run spends it.

        bursts: requests that may be made at once, where that is more than the share of one collection interval.
        """

        def make(bucket: str, limit: int) -> DayBudget:
            spent = lambda since: sum(n for path, n in self.spent(since).items() if bucket_of(path) == bucket)
            share = limit * self.general.collection_interval_minutes / (24 * 60)
            burst = max(share, bursts.get(bucket, 0))
            return DayBudget(self.clock, limit, zone, burst, spent, self.general.min_request_interval)

        return Budgets.given({bucket: make(bucket, limit) for bucket, limit in limits.items()}, bucket_of)


@dataclass(frozen=True)
class Source:
    """A source: what it declares and how it is opened.

    domain: the folder of the intermediate and mart models that it feeds.
    credentials: the settings that make it live.
    estimate: says of the units due by resource why a plan that is made of them can not be exact.
    check_each_run: whether a run asks the API before it begins; not where every call counts against a plan.
    model_settings: the settings that dbt models read too.
    declare: rows that the sync views need before a run begins, by table.
    """

    name: str
    domain: str
    description: str
    tables: tuple[Table, ...]
    resources: tuple[Resource, ...]
    settings: type[msgspec.Struct]
    credentials: tuple[str, ...]
    open: Callable[[Opening], Client]
    check: Callable[[Client], str]
    freshness: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    estimate: Callable[[Mapping[str, Sequence[Unit]]], str | None] = lambda due: None
    check_each_run: bool = True
    model_settings: tuple[str, ...] = ()
    declare: Callable[[Any, Scope, dt.datetime], dict[Table, list[dict[str, Any]]]] = lambda settings, scope, now: {}
