"""Atlas: records of any paged REST API, of many clients, kept whole and once.

A unit is one day of one route of one client. Its pages are read to the end, again if they shifted meanwhile; each
record is kept as text, exactly as it came, the first time that its content is seen, and each change of a record's
content is noted with its time. Which days are due, and until when a day counts as open, is in sync_atlas__days.

Run alone: `make extract SOURCES=atlas CLIENT=2151 ROUTE=pedido`. How to declare: atlas_routes.py and atlas_demo.toml.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import requests

from pipelines.budget import Budgets, QuotaError, Reported
from pipelines.client import ApiError, Client, FixedToken
from pipelines.clock import stored
from pipelines.errors import AirtimeError, CredentialsError, SourceError, UsageError
from pipelines.resources import Api, Fetched, Opening, Outcome, Resource, Rows, Scope, Source, Unit
from pipelines.settings import Tables, Tokens
from pipelines.sources import atlas_routes as routes
from pipelines.sources.atlas_records import (
    Record,
    content_hash,
    fit_for_json,
    refuse_what_no_warehouse_holds,
    within,
)
from pipelines.sources.atlas_routes import Declaration, Job, Route, keys, token_key, token_variable
from pipelines.tables import Field, Table

DESCRIPTION = "Atlas: records of the REST APIs of many clients, by route and day."

# a list that still shifts after so many readings is left for the next run
MOST_PASSES = 5
CONFIG = Path(".dlt/config.toml")


def _text(name: str, description: str, **presence: bool) -> Field:
    return Field(name, "text", description, **presence)


CLIENT = _text("client", "The client, as declared.")
ROUTE = _text("route", "The route, as declared.")
RECORD_KEY = _text("record_key", "What the record is known by; its content hash where the route declares no key.")
CONTENT_HASH = _text("content_hash", "SHA-256 over canonical JSON, without the fields that are declared as volatile.")
PERIOD = Field("period", "date", "The day that was asked for (UTC).")

PAYLOADS = Table(
    source="atlas",
    name="payloads",
    kept="first",
    key=("client", "route", "content_hash"),
    parts=("client", "route"),
    description="One row per client, route and content of a record, as it was first received; never overwritten.",
    fields=(
        CLIENT,
        ROUTE,
        CONTENT_HASH,
        RECORD_KEY,
        PERIOD,
        Field("page", "bigint", "The page of the answer, from 1."),
        _text("payload", "The record exactly as received, JSON as text."),
        _text("payload_fit", "The same with what JSON types do not hold replaced; null if nothing was.", null=True),
    ),
)

OBSERVATIONS = Table(
    source="atlas",
    name="observations",
    kept="changes",
    key=("client", "route", "record_key", "content_hash"),
    description="One row per change of a record's content that was seen, a return to an earlier content included.",
    fields=(
        CLIENT,
        ROUTE,
        RECORD_KEY,
        CONTENT_HASH,
        PERIOD,
        _text("request_id", "The request that showed it (raw_ops.api_requests)."),
    ),
    fetched=False,
)

JOBS = Table(
    source="atlas",
    name="jobs",
    key=("client", "route"),
    description="One row per client and route that was ever declared.",
    fields=(
        CLIENT,
        ROUTE,
        _text("base_url", "The client's address."),
        _text("path", "The route's path."),
        _text("page_style", "How the route hands out its pages."),
        Field("since_day", "date", "The first day to collect (UTC)."),
        Field("trailing_days", "bigint", "Days after a day during which its records still arrive and change."),
        Field("declared_at", "timestamp", "The last run that found it declared (UTC)."),
    ),
    fetched=False,
)

TABLES = (PAYLOADS, OBSERVATIONS, JOBS)
FRESHNESS = {"warn": (1, "day"), "error": (3, "day")}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the source. Field comments are the text of .env.example."""

    # Tokens by client: each goes to the addresses of its client alone. Clients, routes and jobs are declared in
    # .dlt/config.toml, by hand or with `python -m pipelines clients add` and `jobs add`; for examples see
    # pipelines/sources/atlas_demo.toml
    tokens: Tokens = {}
    clients: Tables = {}
    routes: Tables = {}
    jobs: Tables = {}
    # Where the sandbox is, whose clients stand in while none is declared.
    sandbox_url: str | None = None

    def __post_init__(self) -> None:
        # what does not fit is told before anything begins
        if self.clients or self.routes:
            routes.read(self.clients, self.routes, CONFIG)
        if self.jobs:
            jobs_of(self)


class Clients:
    """The HTTP clients of all declared clients: one for each of their routes, and one budget for each of them."""

    def __init__(self, opening: Opening, declaration: Declaration, tokens: dict[str, str]):
        self.declaration = declaration
        # why nothing more is asked of a client, or of one of its routes, in this run
        self.stopped: dict[str, AirtimeError] = {}
        total = sum(client.requests_per_minute for client in declaration.clients.values())
        # what a plan goes by; requests draw on the budgets of their clients
        self.budgets = opening.a_minute(max(1, total))
        self._deadline = math.inf
        self._made: dict[str, Client] = {}
        for name, client in declaration.clients.items():
            shared = opening.a_minute(client.requests_per_minute, evenly=True)
            for route_name in client.routes:
                limit = declaration.routes[route_name].requests_per_minute
                budgets = opening.a_minute(limit, evenly=True) if limit else shared
                token = tokens.get(token_key(name))
                if token:
                    self._made[f"{name}/{route_name}"] = self._make(opening, name, route_name, token, budgets)

    @property
    def deadline(self) -> float:
        """No request waits for its budget beyond this moment of the monotonic clock."""
        return self._deadline

    @deadline.setter
    def deadline(self, at: float) -> None:
        self._deadline = at
        for client in self._made.values():
            client.deadline = at

    def of(self, name: str, route: str) -> Client:
        """The HTTP client of a client's route.

        Raises:
            CredentialsError: the client has no token.
        """
        if found := self._made.get(f"{name}/{route}"):
            return found
        variable = token_variable(name)
        raise CredentialsError(f"client {name} has no token", f"set {variable}, or put it into .dlt/secrets.toml")

    def _make(self, opening: Opening, name: str, route: str, token: str, budgets: Budgets) -> Client:
        header, _, value = self.declaration.routes[route].token.partition(": ")
        return Client(
            "atlas",
            self.declaration.clients[name].base_url,
            auth=FixedToken(header, value.replace("{token}", token), token_variable(name)),
            budgets=budgets,
            limits=opening.limits,
            clock=opening.clock,
            scrubber=opening.scrubber,
            run_id=opening.run_id,
            log=opening.log,
            read_limits=read_limits,
            name=f"atlas-{name}-{route}",
        )


def jobs_of(settings: Settings) -> dict[str, Job]:
    """The collection jobs that are declared.

    Raises:
        UsageError: one of them does not fit; the message names file, line and key.
    """
    # who the sandbox's clients are is known once it runs
    is_unknown = not settings.clients and not settings.tokens
    return routes.read_jobs(settings.jobs, declaration_of(settings), CONFIG, any_client=is_unknown)


def declaration_of(settings: Settings) -> Declaration:
    """What is declared; while no client is, the sandbox's, which the declared routes are asked of, too.

    Raises:
        UsageError: the declaration does not fit; the message names file, line and key.
    """
    if settings.clients:
        return routes.read(settings.clients, settings.routes, CONFIG)
    return routes.demo(settings.sandbox_url or "http://sandbox.invalid", sorted(settings.tokens), settings.routes)


def open_clients(opening: Opening) -> Any:
    """The clients, each with its own token and budget."""
    settings: Settings = opening.settings
    opening.scrubber.add(*settings.tokens.values())
    if settings.tokens and not settings.clients and not settings.sandbox_url:
        raise UsageError(
            "atlas has tokens, but no client is declared", "`python -m pipelines clients add` declares one"
        )
    return Clients(
        opening, declaration_of(settings), {token_key(name): token for name, token in settings.tokens.items()}
    )


def read_limits(response: requests.Response, content: bytes) -> Reported:
    """What an answer tells of the rate limit; many APIs tell nothing."""
    remaining = response.headers.get("X-RateLimit-Remaining", "")
    return Reported(remaining=int(remaining) if remaining.isdecimal() else None)


def check(clients: Any) -> str:
    """One request for each client, for the doctor.

    Raises:
        ApiError: one of them does not answer; the message names each that does not.
    """
    failures = [f"{name}: {error}" for name, error in check_clients(clients).items() if error]
    if failures:
        raise ApiError("; ".join(failures))
    return f"{len(clients.declaration.clients)} clients answer"


def check_clients(clients: Clients, names: Sequence[str] = ()) -> dict[str, Exception | None]:
    """What each client, or some, answer to a request for the first page of their first route; None is well.

    Raises:
        UsageError: a name is not declared.
    """
    found: dict[str, Exception | None] = {}
    declared = clients.declaration.clients
    if unknown := [name for name in names if name not in declared]:
        raise UsageError(f"there is no client {unknown[0]!r}", f"declared are: {', '.join(declared)}")
    for name, client in declared.items():
        if names and name not in names:
            continue
        route_name = client.routes[0]
        try:
            http = clients.of(name, route_name)
            route = clients.declaration.routes[route_name]
            next(routes.pages(http, route, f"{name}/{route_name}", client.first_day(http.today()), "doctor"))
            found[name] = None
        except (ApiError, AirtimeError) as error:
            found[name] = error
    return found


def declare(settings: Settings, scope: Scope, now: dt.datetime) -> dict[Table, list[dict[str, Any]]]:
    """Rows of jobs: what is declared as of now, and from which day on; a chosen period may begin earlier.

    Raises:
        UsageError: the command line names a client or a route that is not declared.
    """
    if not settings.clients and not settings.tokens:
        # a dry run of the demo starts no sandbox; what an earlier run declared stands
        return {}
    declaration = declaration_of(settings)
    chosen: dict[str, Sequence[str]] = {"client": list(declaration.clients), "route": list(declaration.routes)}
    for kind, known in chosen.items():
        if unknown := [one for one in scope.filters.get(kind, ()) if one not in known]:
            raise UsageError(f"there is no {kind} {unknown[0]!r}", f"{kind.upper()} takes: {', '.join(known)}")
        chosen[kind] = scope.filters.get(kind) or known
    rows = []
    for name, client in declaration.clients.items():
        for route_name in client.routes:
            since = client.first_day(now.date())
            if scope.since and name in chosen["client"] and route_name in chosen["route"]:
                since = min(since, scope.since.date())
            route = declaration.routes[route_name]
            rows.append(
                {
                    "client": name,
                    "route": route_name,
                    "base_url": client.base_url,
                    "path": route.path,
                    "page_style": route.pages.style,
                    "since_day": since,
                    "trailing_days": route.trailing_days,
                    "declared_at": stored(now),
                }
            )
    return {JOBS: rows}


def fetch_day(api: Api, units: Sequence[Unit]) -> Fetched:
    """A day of a client's route. What goes wrong with one client's token or API ends nothing but its own units."""
    clients: Any = api.client
    (unit,) = units
    name, route_name, day = unit.unit_id.split("/")
    part = f"{name}/{route_name}"
    if name in clients.stopped or part in clients.stopped:
        return Fetched()
    found = Fetched()
    rows = lambda: sum(len(part.rows) for part in found.rows if part.table is PAYLOADS)
    failed = lambda error: Outcome(unit.unit_id, "failed", rows(), message=str(error))
    try:
        reading = Reading(clients.of(name, route_name), clients.declaration.routes[route_name], part, api.clock.now)
        found.outcomes = [reading.read(unit.unit_id, dt.date.fromisoformat(day), found)]
    except QuotaError as spent:
        if not found.rows:
            raise
        found.outcomes = [Outcome(unit.unit_id, "unfinished", rows(), message=str(spent))]
    except ApiError as error:
        found.outcomes = [failed(error)]
        if error.status == 403:
            found.problem = CredentialsError(
                f"{token_variable(name)} may not read {part}: {error}", "see whether it is this client's token"
            )
            clients.stopped[part] = found.problem
    except (CredentialsError, SourceError) as error:
        # several threads may find out at once; one of them says so
        first = clients.stopped.setdefault(name, error)
        found.outcomes = [failed(error)] if first is error else []
        found.problem = first
    return found


class Reading:
    """Reads a day of a route, as often as it takes to miss nothing."""

    def __init__(self, client: Client, route: Route, part: str, now: Any):
        self._client = client
        self._route = route
        self._part = part
        self._now = now
        self._volatile = [keys(path) for path in route.volatile]

    def read(self, unit_id: str, day: dt.date, found: Fetched) -> Outcome:
        """Read until the pages have not shifted; rows go to `found` as they come.

        Where a list has the newest record first, it shifts while records arrive and change, and a record can slip past
        between two pages. So a reading of several pages counts if it shows as many different records as the API says
        that there are, or if it brings nothing new after another one; the day is then complete as of its start.
        """
        known: set[tuple[str | None, str | None]] = set()
        totals_before: set[int | None] | None = None
        for _ in range(MOST_PASSES):
            started_at = self._now()
            records: list[tuple[str | None, str | None]] = []
            totals: set[int | None] = set()
            page = 0
            for page, (answer, envelope) in enumerate(
                routes.pages(self._client, self._route, self._part, day, self._part), 1
            ):
                rows = [self._row(record, day, page) for record in envelope.records]
                records += [(row["record_key"], row["content_hash"]) for row in rows]
                totals.add(routes.total_of(self._route, envelope))
                found.rows.append(Rows(PAYLOADS, rows, answer))
                found.rows.append(Rows(OBSERVATIONS, _observations(rows, answer.request_id), answer))
            is_new = not known.issuperset(records)
            known.update(records)
            total = next(iter(totals)) if len(totals) == 1 else None
            may_shift = self._route.pages.style in ("page", "offset")
            is_whole = total is not None and len(set(records)) == len(records) == total
            is_again = totals == totals_before and not is_new and (total is None or len(records) >= total)
            if not may_shift or (page == 1 and total in (None, len(records))) or is_whole or is_again:
                return Outcome(unit_id, "ok", len(records), synced_until=started_at)
            totals_before = totals
        return Outcome(
            unit_id,
            "failed",
            len(records),
            message=f"{self._part}: the pages of {day} differ each time they are read: {len(records)} records,"
            f" said to be {' or '.join(sorted(map(str, totals)))}",
        )

    def _row(self, record: Record, day: dt.date, page: int) -> dict[str, Any]:
        """A row of payloads; one whose content or key can not be told is refused, and kept in quarantine."""
        client, route = self._part.split("/")
        digest, key = None, None
        try:
            record.text.encode()
            refuse_what_no_warehouse_holds(record.value)
            digest = content_hash(record.value, self._volatile)
            key = _key_text(within(record.value, keys(self._route.key))) if self._route.key else digest
        except ValueError:
            pass
        return {
            "client": client,
            "route": route,
            "content_hash": digest,
            "record_key": key,
            "period": day.isoformat(),
            "page": page,
            "payload": record.text,
            "payload_fit": fit_for_json(record.text),
        }


def _key_text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # a key is what things are joined by, and no warehouse joins by a NUL
    return str(value).replace("\x00", "\ufffd")


def _observations(rows: Sequence[dict[str, Any]], request_id: str) -> list[dict[str, Any]]:
    names = ("client", "route", "record_key", "content_hash", "period")
    sound = [row for row in rows if row["record_key"] is not None and row["content_hash"] is not None]
    return [{name: row[name] for name in names} | {"request_id": request_id} for row in sound]


SOURCE = Source(
    name="atlas",
    domain="clients",
    description=DESCRIPTION,
    tables=TABLES,
    settings=Settings,
    credentials=("tokens",),
    freshness=FRESHNESS,
    estimate=lambda due: "a day takes a call for each of its pages; clients are asked at the same time",
    open=open_clients,
    check=check,
    # one client that does not answer must not keep the others from their turn
    check_each_run=False,
    declare=declare,
    resources=(
        Resource(
            "payloads",
            (PAYLOADS, OBSERVATIONS),
            "sync_atlas__days",
            calls=lambda units, settings: len(units),
            filters=("client", "route"),
            moment="day",
            lane=lambda unit_id: unit_id.split("/")[0],
            part=lambda unit_id: unit_id.rsplit("/", 1)[0],
            fetch=fetch_day,
        ),
    ),
)
