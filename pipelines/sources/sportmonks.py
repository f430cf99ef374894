"""Sportmonks football: lists -> fixtures with their details -> corrections and top scorers by season.

The API has no "changed since". So the whole list of fixtures is read every day, a thousand to a call and without
details, and compared by a hash of each row; what is new, changed or due by its age class is then fetched with details,
fifty to a call. What is due, and in which order, is in the sync views.

Run alone: `make extract SOURCES=sportmonks LEAGUE=501`. The API: https://docs.sportmonks.com/football
"""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import msgspec
import requests

from pipelines.budget import Reported
from pipelines.client import RETRIED_STATUSES, Answer, ApiError, Client, FixedToken, bisect
from pipelines.clock import slot_start
from pipelines.errors import SourceError
from pipelines.resources import Api, Fetched, Opening, Outcome, PollHeader, Resource, Rows, Source, Unit
from pipelines.settings import NotNegative, Positive, Secret, Url
from pipelines.sources.sportmonks_rows import CHILDREN, listed, unfold, with_hash
from pipelines.sources.sportmonks_tables import (
    CORRECTIONS,
    FIXTURE_INDEX,
    FIXTURES,
    LEAGUES,
    ROUNDS,
    SEASONS,
    STAGES,
    STANDINGS,
    STATES,
    TABLES,
    TEAMS,
    TOPSCORERS,
    TYPES,
    VENUES,
)  # fmt: skip
from pipelines.tables import Table

DESCRIPTION = "Sportmonks football: leagues, seasons, fixtures with all that happened in them, tables, scorers."

FRESHNESS = {"warn": (2, "day"), "error": (7, "day")}

# lists by the name of their unit, each with its table and path
LISTS: dict[str, tuple[Table, str]] = {
    "types": (TYPES, "/core/types"),
    "states": (STATES, "/football/states"),
    "leagues": (LEAGUES, "/football/leagues"),
    "seasons": (SEASONS, "/football/seasons"),
    "stages": (STAGES, "/football/stages"),
    "rounds": (ROUNDS, "/football/rounds"),
    "teams": (TEAMS, "/football/teams"),
    "venues": (VENUES, "/football/venues"),
    "standings": (STANDINGS, "/football/standings"),
    "fixtures": (FIXTURE_INDEX, "/football/fixtures"),
}
# a page of a list without details; the API ignores it for a page size that is asked for
ROWS_A_PAGE = 1000
FIXTURES_A_CALL = 50
# a list that was left in the middle longer ago is read from its start
BOOKMARK_AGE = dt.timedelta(hours=6)
# a list of fixtures that shrank by more did not show them all
SMALLEST_SHARE = 0.95
SHRUNK_AND_BELIEVED = 2
# after so many good answers in a row batches grow again
GOOD_IN_A_ROW = 20
# the API's own codes
TOO_COMPLEX = 5004
NOT_IN_PLAN = frozenset({5002, 5007})
DETAILS = "participants;scores;events;statistics;lineups;periods"
# a batch is made smaller rather than tried again and again
BATCH_RETRIES = 1

BATCH = Annotated[int, msgspec.Meta(ge=1, le=FIXTURES_A_CALL)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the source. Field comments are the text of .env.example."""

    # Of an account at https://my.sportmonks.com
    api_key: Secret | None = None
    # Address, with any path prefix; a proxy, a mock or a recording can stand in.
    api_url: Url = "https://api.sportmonks.com/v3"
    # The plan's limit for each kind of thing (fixtures, leagues ...), until the API's first answer tells.
    requests_per_hour: Positive = 3000
    # Fixtures that one call asks for, with their details; the API takes 50.
    batch_size: BATCH = FIXTURES_A_CALL
    # Fixtures come in chunks, a season of a league each. A chunk with fewer due waits until they are twice as old as
    # they may become.
    min_chunk_size: NotNegative = 0
    # Chunks that a run takes at most, the most urgent; 0 is all.
    max_chunks: NotNegative = 0
    # Whether fixtures that are being played are read from the live scores, all in one call.
    live_polling: bool = True


def open_client(opening: Opening) -> Client:
    """A client that sends the token in a header, with one budget of requests an hour for each kind of thing."""
    settings: Settings = opening.settings
    opening.scrubber.add(settings.api_key)
    return Client(
        "sportmonks",
        settings.api_url,
        auth=FixedToken("Authorization", settings.api_key or "", "SPORTMONKS_API_KEY"),
        budgets=opening.an_hour(settings.requests_per_hour, bucket_of),
        limits=opening.limits,
        clock=opening.clock,
        scrubber=opening.scrubber,
        run_id=opening.run_id,
        log=opening.log,
        read_limits=read_limits,
    )


def bucket_of(path: str) -> str:
    """The kind of thing that a request counts for: live scores count as fixtures."""
    thing = path.strip("/").split("/")[1]
    return "fixtures" if thing == "livescores" else thing


def read_limits(response: requests.Response, content: bytes) -> Reported:
    """Limit, remaining calls and seconds to the end of the window, from the body or, where it lacks them, the headers.

    Refusals come in three shapes: with a block rate_limit, with resets_in as minutes:seconds, with retry_after alone.
    """
    try:
        body = msgspec.json.decode(content, type=_Limited)
    except msgspec.MsgspecError:
        body = _Limited()
    block = body.rate_limit or _RateLimit()
    seconds = [
        _number(response.headers.get("Retry-After")),
        body.retry_after,
        block.resets_in_seconds,
        _clock_seconds(block.resets_in or body.resets_in),
    ]
    limit, remaining = (_number(response.headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining"))
    return Reported(
        limit if limit is not None else block.total,
        block.remaining if block.remaining is not None else remaining,
        next((found for found in seconds if found is not None), None),
    )


class _RateLimit(msgspec.Struct):
    resets_in_seconds: float | None = None
    resets_in: str | None = None
    remaining: int | None = None
    total: int | None = None


class _Limited(msgspec.Struct):
    rate_limit: _RateLimit | None = None
    retry_after: float | None = None
    resets_in: str | None = None


def check(client: Client) -> str:
    """One small request, for the doctor."""
    client.get("/football/leagues", [("per_page", "1")], resource="doctor")
    return f"answers; limit {client.budgets.of('/football/leagues').limit} calls an hour for each kind of thing"


def poll_lists(api: Api, due: Sequence[Unit]) -> Iterator[Fetched]:
    """Read the lists that are due, each to its end; one that breaks off is read on from there by the next run."""
    for unit in due:
        yield from _read_list(api, unit)


def _read_list(api: Api, unit: Unit) -> Iterator[Fetched]:
    table, path = LISTS[unit.unit_id]
    place, more = Bookmark.of(unit, api.clock.now()), True
    while more:
        try:
            paging = [("filters", "populate"), ("order", "asc"), *place.params()]
            answer = api.client.get(path, paging, resource="lists")
            rows = listed(answer, path)
        except ApiError as error:
            # a refused bookmark would be refused again
            bookmark = "" if error.status == 400 else place.text()
            yield Fetched(
                outcomes=[Outcome(unit.unit_id, "failed", unit.last_rows, message=str(error), bookmark=bookmark)]
            )
            return
        if table is FIXTURE_INDEX:
            rows = [with_hash(row) for row in rows]
        place, more = place.after(answer, len(rows))
        found = Fetched(rows=[Rows(table, rows, answer)])
        if more:
            found.outcomes.append(Outcome(unit.unit_id, "unfinished", unit.last_rows, bookmark=place.text()))
        else:
            outcome = _end_of_list(unit, place.rows)
            found.outcomes.append(outcome)
            found.polls.append(place.header(unit.unit_id, answer.fetched_at, api, outcome.status == "ok"))
        yield found


def _end_of_list(unit: Unit, rows: int) -> Outcome:
    """Whether a list that was read to its end is to be believed: fixtures do not vanish in great numbers."""
    if unit.unit_id != "fixtures" or rows >= SMALLEST_SHARE * unit.last_rows:
        return Outcome(unit.unit_id, "ok", rows)
    message = f"the list shows {rows} fixtures and showed {unit.last_rows}: it may not be whole"
    # seen again and again, it is so
    known = rows if unit.failures >= SHRUNK_AND_BELIEVED else unit.last_rows
    return Outcome(unit.unit_id, "failed", known, message=message)


@dataclass(frozen=True)
class Bookmark:
    """Where in a list reading goes on: by cursor, or by page number from servers that know no cursors."""

    started_at: dt.datetime
    cursor: str | None = None
    page: int = 1
    pages: int = 0
    rows: int = 0

    @classmethod
    def of(cls, unit: Unit, now: dt.datetime) -> Bookmark:
        """Where an earlier run left the list, if that is not long ago; else its start."""
        try:
            found = msgspec.json.decode(unit.bookmark or "", type=cls)
        except msgspec.MsgspecError:
            return cls(now)
        return found if now - found.started_at <= BOOKMARK_AGE else cls(now)

    def text(self) -> str:
        """The bookmark as the sync log keeps it."""
        return msgspec.json.encode(asdict(self)).decode()

    def params(self) -> list[tuple[str, str]]:
        """The parameters of the next page. No page size: with one, the API leaves out `populate`."""
        if self.cursor:
            return [("cursor", self.cursor)]
        return [("page", str(self.page))] if self.page > 1 else []

    def after(self, answer: Answer, rows: int) -> tuple[Bookmark, bool]:
        """The place after an answer, and whether more follows. Without word of pages, an answer is the last."""
        paging = answer.body.get("pagination")
        paging = paging if isinstance(paging, dict) else {}
        moved = replace(self, pages=self.pages + 1, rows=self.rows + rows)
        cursor = paging.get("next_cursor")
        if isinstance(cursor, str) and cursor and cursor != self.cursor:
            moved = replace(moved, cursor=cursor)
        elif paging.get("next_page"):
            moved = replace(moved, cursor=None, page=self.page + 1)
        else:
            return moved, False
        return moved, rows > 0 and paging.get("has_more") is not False

    def header(self, scope: str, finished_at: dt.datetime, api: Api, is_whole: bool) -> PollHeader:
        """How much has been read, once the end is reached."""
        slot_at = slot_start(self.started_at, api.general.collection_interval_minutes)
        return PollHeader(slot_at, scope, self.started_at, finished_at, self.pages, self.rows, is_whole, is_whole)


def poll_live(api: Api, due: Sequence[Unit]) -> Iterator[Fetched]:
    """All fixtures that are being played, with details, in one call; asked for only while any should be."""
    if not due or not api.settings.live_polling:
        return
    path = "/football/livescores/inplay"
    try:
        answer = api.client.get(path, [("include", DETAILS)], resource="livescores")
        rows = listed(answer, path)
    except ApiError as error:
        refuse_if_not_in_plan(error, "live scores")
        yield Fetched(outcomes=[Outcome("inplay", "failed", message=str(error))])
        return
    found = unfold(rows, answer)
    # they need not be asked for one by one any more
    found.outcomes = [replace(outcome, resource="fixtures") for outcome in found.outcomes]
    found.outcomes.append(Outcome("inplay", "ok", len(rows)))
    yield found


def fetch_fixtures(api: Api, units: Sequence[Unit]) -> Fetched:
    """Fixtures by id, with details. What is left out is asked for among the deleted ones, once more."""
    sizes: BatchSizes = api.shared.setdefault("sizes", BatchSizes(api.settings.batch_size))
    whole = Fetched()
    known = {unit.unit_id: unit for unit in units}
    waiting = list(known)
    while waiting:
        size = sizes.size
        batch, waiting = waiting[:size], waiting[size:]
        for part, answer in bisect(batch, lambda ids: _fixtures_of(api, ids, sizes), is_divisible):
            if isinstance(answer, ApiError):
                refuse_if_not_in_plan(answer, "fixtures with details")
                whole.outcomes += [Outcome(one, "failed", message=str(answer)) for one in part]
                continue
            _add(whole, unfold(listed(answer, "/football/fixtures/multi"), answer))
    missing = sorted(known.keys() - {outcome.unit_id for outcome in whole.outcomes})
    if missing:
        _add(whole, _fetch_deleted(api, missing, known))
    return whole


def _fetch_deleted(api: Api, ids: Sequence[str], known: Mapping[str, Unit]) -> Fetched:
    """Fixtures that a batch left out: deleted ones are served when asked for as such, others are gone or forgotten."""
    try:
        answer = _multi(api, ids, [("filters", "deleted")])
        found = unfold(listed(answer, "/football/fixtures/multi"), answer)
    except ApiError as error:
        return Fetched(outcomes=[Outcome(one, "failed", message=str(error)) for one in ids])
    for one in set(ids) - {outcome.unit_id for outcome in found.outcomes}:
        # absent from the list as well, it is gone; otherwise the answer was not whole
        is_gone = known[one].age_class in ("suspect", "absent")
        found.outcomes.append(
            Outcome(one, "absent")
            if is_gone
            else Outcome(one, "failed", message="left out of the answer, and still in the list")
        )
    return found


def _fixtures_of(api: Api, ids: Sequence[str], sizes: BatchSizes) -> Answer:
    try:
        answer = _multi(api, ids, [])
    except ApiError as error:
        if is_divisible(error):
            sizes.shrink(len(ids))
        raise
    sizes.grow()
    return answer


def _multi(api: Api, ids: Sequence[str], params: list[tuple[str, str]]) -> Answer:
    retries = BATCH_RETRIES if len(ids) > 1 else None
    return api.client.get(
        f"/football/fixtures/multi/{','.join(ids)}",
        [("include", DETAILS), *params],
        resource="fixtures",
        endpoint="/football/fixtures/multi",
        retries=retries,
    )


class BatchSizes:
    """How many fixtures a call asks for: fewer once calls fail one after the other, twice as many after a good row.

    One failed call alone may hold one bad fixture, which halving finds; the others go on as they were.
    """

    def __init__(self, largest: int):
        self._largest = largest
        self._lock = threading.Lock()
        self._good = 0
        self._bad = 0
        self.size = largest

    def shrink(self, failed: int) -> None:
        """A call for so many has failed."""
        with self._lock:
            self._good = 0
            self._bad += 1
            if self._bad > 1:
                self.size = max(1, min(self.size, failed // 2))

    def grow(self) -> None:
        """A call has succeeded."""
        with self._lock:
            self._bad = 0
            self._good += 1
            if self._good >= GOOD_IN_A_ROW:
                self._good, self.size = 0, min(self._largest, self.size * 2)


def fetch_corrections(api: Api, units: Sequence[Unit]) -> Fetched:
    """The corrections of one season's table."""
    (unit,) = units
    return _of_season(api, unit, CORRECTIONS, "/football/standings/corrections/seasons", "corrections")


def fetch_topscorers(api: Api, units: Sequence[Unit]) -> Fetched:
    """The top scorers of one season."""
    (unit,) = units
    return _of_season(api, unit, TOPSCORERS, "/football/topscorers/seasons", "topscorers")


def _of_season(api: Api, unit: Unit, table: Table, path: str, resource: str) -> Fetched:
    found, count = Fetched(), 0
    place, more = Bookmark(api.clock.now()), True
    while more:
        params = [("filters", "populate"), *place.params()]
        try:
            answer = api.client.get(f"{path}/{unit.unit_id}", params, resource=resource, endpoint=path)
        except ApiError as error:
            refuse_if_not_in_plan(error, resource)
            raise
        rows = listed(answer, path)
        found.rows.append(Rows(table, rows, answer))
        count += len(rows)
        place, more = place.after(answer, len(rows))
    found.outcomes.append(Outcome(unit.unit_id, "ok", count))
    return found


def is_divisible(error: ApiError) -> bool:
    """Whether a smaller batch could succeed where this one failed."""
    return error.code == TOO_COMPLEX or error.status is None or (error.status in RETRIED_STATUSES - {429})


def refuse_if_not_in_plan(error: ApiError, what: str) -> None:
    """End the source where every further call would be refused in the same way.

    Raises:
        SourceError: the plan does not include it.
    """
    if error.status == 403 or error.code in NOT_IN_PLAN:
        raise SourceError(
            f"sportmonks: the plan does not include {what}: {error}", "choose RESOURCES that it includes, or upgrade it"
        ) from error


def _add(whole: Fetched, part: Fetched) -> None:
    whole.rows += part.rows
    whole.outcomes += part.outcomes


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _clock_seconds(text: str | None) -> int | None:
    """Seconds of a time such as 30:47."""
    parts = text.split(":") if text else []
    if not parts or not all(part.isdecimal() for part in parts):
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return seconds


def _pages(units: Sequence[Unit], settings: Settings) -> int:
    """Calls for lists, as long as they were when they were last read."""
    return sum(max(1, math.ceil(unit.last_rows / ROWS_A_PAGE)) for unit in units)


def _batches(units: Sequence[Unit], settings: Settings) -> int:
    return math.ceil(len(units) / settings.batch_size)


def _live(units: Sequence[Unit], settings: Settings) -> int:
    return len(units) if settings.live_polling else 0


def _chunk_conditions(settings: Settings) -> list[str]:
    conditions = []
    if settings.min_chunk_size:
        conditions.append(f"(chunk_due_count >= {settings.min_chunk_size} or chunk_score >= 2)")
    if settings.max_chunks:
        conditions.append(f"chunk_position <= {settings.max_chunks}")
    return conditions


def estimate(due: Mapping[str, Sequence[Unit]]) -> str | None:
    """Why a plan is an estimate: what a list will show is known once it has been read."""
    for unit in due.get("lists", ()):
        if unit.unit_id == "fixtures" and unit.last_success_at is None:
            return (
                "this is an estimate, because the fixtures have not been listed yet: every 1,000 of them will take"
                f" 1 call to list and {ROWS_A_PAGE // FIXTURES_A_CALL} to fetch"
            )
        if unit.unit_id == "fixtures":
            return "the list of fixtures is due: those that it shows as new or changed come on top"
    return None


SOURCE = Source(
    name="sportmonks",
    domain="football",
    description=DESCRIPTION,
    tables=TABLES,
    settings=Settings,
    credentials=("api_key",),
    freshness=FRESHNESS,
    open=open_client,
    check=check,
    check_each_run=False,
    model_settings=("requests_per_hour", "batch_size"),
    estimate=estimate,
    resources=(
        Resource(
            "lists",
            tuple(table for table, _ in LISTS.values()),
            "sync_sportmonks__lists",
            calls=_pages,
            endpoint="/football/fixtures",
            poll=poll_lists,
        ),
        Resource(
            "livescores",
            (FIXTURES, *CHILDREN),
            "sync_sportmonks__livescores",
            calls=_live,
            endpoint="/football/livescores",
            poll=poll_live,
        ),
        Resource(
            "fixtures",
            (FIXTURES, *CHILDREN),
            "sync_sportmonks__fixtures",
            calls=_batches,
            endpoint="/football/fixtures",
            batch=lambda settings: settings.batch_size,
            filters=("league_id", "season_id"),
            moment="kickoff_at",
            conditions=_chunk_conditions,
            order="chunk_position, kickoff_at, unit_id",
            fetch=fetch_fixtures,
        ),
        Resource(
            "corrections",
            (CORRECTIONS,),
            "sync_sportmonks__corrections",
            calls=_pages,
            endpoint="/football/standings",
            filters=("league_id", "season_id"),
            fetch=fetch_corrections,
        ),
        Resource(
            "topscorers",
            (TOPSCORERS,),
            "sync_sportmonks__topscorers",
            calls=_pages,
            endpoint="/football/topscorers",
            filters=("league_id", "season_id"),
            fetch=fetch_topscorers,
        ),
    ),
)
