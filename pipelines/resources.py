"""What a source is made of: resources, the units they fetch, and what a fetch brings back.

A source module declares its tables and, for each resource, one function: `fetch` turns units that are due into rows and
outcomes, `poll` reads a list as it is now. All else (plan, threads, checks, landing, loading, records) is shared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from pipelines.budget import RateBudget
from pipelines.client import Answer, Client, Limits
from pipelines.clock import Clock
from pipelines.scrub import Scrubber
from pipelines.settings import Settings
from pipelines.tables import Table

Status = Literal["ok", "absent", "truncated", "failed"]


@dataclass(frozen=True)
class Unit:
    """Something that is fetched by its id, with what the sync view says of it; moments are aware."""

    unit_id: str
    last_success_at: dt.datetime | None = None
    synced_until: dt.datetime | None = None
    failures: int = 0


@dataclass(frozen=True)
class Rows:
    """Rows of one answer for one table, as the API sent them. `slot_at` is given by polls, which span answers."""

    table: Table
    rows: Sequence[Any]
    answer: Answer
    slot_at: dt.datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a unit."""

    unit_id: str
    status: Status
    rows: int = 0
    synced_until: dt.datetime | None = None
    message: str | None = None


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
    """What one fetch, or one page of a poll, brought back."""

    rows: list[Rows] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    polls: list[PollHeader] = field(default_factory=list)


@dataclass(frozen=True)
class Scope:
    """What the command line asks for: a period, a number, everything again."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    limit: int | None = None
    full: bool = False


@dataclass(frozen=True)
class Api:
    """An open source: its client, its settings, and what the run asks for."""

    client: Client
    settings: Any
    general: Settings
    scope: Scope
    clock: Clock


@dataclass(frozen=True)
class Resource:
    """A resource of a source.

    `view` is the sync view that lists its units; `batch` how many of them one call takes; `calls` estimates the calls
    for so many due units, for the dry run. Exactly one of `fetch` and `poll` is given.
    """

    name: str
    tables: tuple[Table, ...]
    view: str
    calls: Callable[[int, Any], int]
    batch: int = 1
    fetch: Callable[[Api, Sequence[Unit]], Fetched] | None = None
    poll: Callable[[Api, Sequence[Unit]], Iterator[Fetched]] | None = None


@dataclass(frozen=True)
class Opening:
    """What a source needs to open its client."""

    settings: Any
    general: Settings
    limits: Limits
    clock: Clock
    scrubber: Scrubber
    run_id: str
    log: Callable[[dict[str, Any]], None]

    def budget(self, limit: int) -> RateBudget:
        """A rate budget of so many requests a minute."""
        return RateBudget(self.clock, limit, interval=self.general.min_request_interval)


@dataclass(frozen=True)
class Source:
    """A source: what it declares and how it is opened. `credentials` are its fields that make it live when set."""

    name: str
    description: str
    tables: tuple[Table, ...]
    resources: tuple[Resource, ...]
    settings: type[msgspec.Struct]
    credentials: tuple[str, ...]
    open: Callable[[Opening], Client]
    check: Callable[[Client], str]
    freshness: Mapping[str, tuple[int, str]] = field(default_factory=dict)
