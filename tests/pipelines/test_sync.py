"""Extraction: what is due is fetched in batches by many threads, and what fails costs nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from pipelines.budget import QuotaError
from pipelines.client import ApiError
from pipelines.errors import CredentialsError, SourceError, StoppedError
from pipelines.progress import Display
from pipelines.resources import Api, Fetched, Outcome, Resource, Rows, Scope, Unit
from pipelines.sandbox import Sandbox
from pipelines.settings import Settings
from pipelines.sources import twitch
from pipelines.sources.ops import RUN_RESOURCES, SYNC_LOG
from pipelines.sources.twitch import GAMES
from pipelines.sync import Extraction, QuarantineError, Result, due_units, plan, reset
from pipelines.validation import own_rows
from pipelines.warehouse import LOADS
from tests.helpers import NOW, answer, client_of, columns_of, twitch_api
from tests.pipelines.conftest import Parts

NAIVE = NOW.replace(tzinfo=None)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=300, points_per_minute=1_000_000) as sandbox:
        yield sandbox


def make_due(parts: Parts, view: str, ids: Sequence[str]) -> None:
    """A sync view that says that these units are due, in this order."""
    values = ", ".join(f"('{one}', {position})" for position, one in enumerate(ids)) or "('', -1)"
    parts.warehouse.execute(
        "create schema if not exists sync",
        f"create or replace view sync.{view} as select unit_id, position, cast(null as timestamp) as last_success_at,"
        " cast(null as timestamp) as synced_until, 0 as failures, position >= 0 as is_due, 'big' as age_class,"
        " 0 as last_rows, cast(null as varchar) as bookmark"
        f" from (values {values}) as units (unit_id, position)",
    )


def resource(name: str, fetch: Callable[[Api, Sequence[Unit]], Fetched], batch: int = 1) -> Resource:
    return Resource(name, (GAMES,), f"sync_test__{name}", calls=lambda units, _: len(units), batch=batch, fetch=fetch)


def good(api: Api, units: Sequence[Unit]) -> Fetched:
    """A game for each unit."""
    rows = [{"id": unit.unit_id, "name": "x"} for unit in units]
    return Fetched([Rows(GAMES, rows, answer())], [Outcome(unit.unit_id, "ok", 1) for unit in units])


def noted(api: Api, units: Sequence[Unit]) -> Fetched:
    """A success for each unit, and no rows."""
    return Fetched(outcomes=[Outcome(unit.unit_id, "ok") for unit in units])


def extract(parts: Parts, *resources: tuple[Resource, Sequence[str]], **general: Any) -> tuple[Result, list[Any]]:
    """Extract resources with their due units; returns the result and what was recorded of each resource."""
    for one, ids in resources:
        make_due(parts, one.view, ids)
    settings = Settings(**general)
    client = client_of("http://127.0.0.1:9", clock=parts.clock)
    api = Api(client, settings=None, general=settings, scope=Scope(), clock=parts.clock)
    intake = parts.intake(chunk_units=settings.chunk_units)
    display = Display(parts.clock, enabled=False)
    extraction = Extraction(twitch.SOURCE, api, parts.warehouse, intake, display, "run")
    result = extraction.run([one for one, _ in resources])
    intake.commit()
    return result, parts.memory.rows(RUN_RESOURCES)


def loaded_games(parts: Parts) -> set[str]:
    return {row["id"] for row in parts.memory.rows(GAMES)}


# -- what is due


def test_due_units_come_in_the_order_of_the_view_with_what_it_knows_of_them(parts: Parts) -> None:
    parts.warehouse.execute(
        "create schema sync",
        "create view sync.sync_test__units as select * from (values"
        " ('c', timestamp '2026-09-30 11:00:00', timestamp '2026-09-29 00:00:00', 2, true, 3, 'old', 7, 'page 2', 501,"
        " timestamp '2026-10-03 15:00:00'),"
        " ('a', null, null, 0, true, 1, 'new', 0, null, 501, timestamp '2026-10-01 00:00:00'),"
        " ('no', null, null, 0, false, 2, 'new', 0, null, 501, timestamp '2026-10-02 00:00:00'),"
        " ('b', null, null, 1, true, 2, 'new', 0, null, 271, timestamp '2026-10-02 00:00:00')"
        ") as units (unit_id, last_success_at, synced_until, failures, is_due, position, age_class, last_rows,"
        " bookmark, league_id, kickoff_at)",
    )
    last, until = dt.datetime(2026, 9, 30, 11, tzinfo=dt.UTC), dt.datetime(2026, 9, 29, tzinfo=dt.UTC)
    first = Unit("a", age_class="new")
    others = [Unit("b", failures=1, age_class="new"), Unit("c", last, until, 2, "old", 7, "page 2")]
    units = dataclasses.replace(resource("units", good), filters=("league_id",), moment="kickoff_at")

    def ids(one: Resource = units, **scope: Any) -> list[str]:
        return [unit.unit_id for unit in due_units(parts.warehouse, one, Scope(**scope))]

    assert due_units(parts.warehouse, units, Scope()) == [first, *others]
    assert ids(limit=2) == ["a", "b"]
    assert ids(filters={"league_id": ("501", "9")}) == ["a", "c"]
    assert ids(filters={"league_id": ("5'01",)}) == []
    assert ids(resource("units", good), filters={"league_id": ("501",)}) == ["a", "b", "c"], "it has no leagues"
    october_2 = dt.datetime(2026, 10, 2, tzinfo=dt.UTC)
    assert ids(since=october_2) == ["b", "c"] and ids(until=october_2) == ["a"]
    assert ids(since=october_2, again=True) == ["no", "b", "c"], "a period that is read again, due or not"
    by_league = dataclasses.replace(units, order="league_id, position")
    assert ids(by_league, limit=2) == ["b", "a"], "the most urgent, in the order of the resource"
    narrow = dataclasses.replace(units, conditions=lambda settings: ["last_rows > 0"])
    assert ids(narrow) == ["c"]


def test_a_reset_makes_the_resources_named_due_and_drops_no_row(parts: Parts) -> None:
    names = [("twitch", "users"), ("twitch", "games"), ("kick", "users")]
    parts.intake(real=True)
    achieved = {
        "unit_id": "1", "status": "absent", "last_attempt_at": NAIVE, "last_success_at": NAIVE,
        "synced_until": NAIVE, "failures": 2, "rows": 7, "message": "m", "bookmark": "b", "run_id": "run",
    }  # fmt: skip
    parts.loader.load({SYNC_LOG: own_rows(SYNC_LOG, [achieved | {"source": a, "resource": b} for a, b in names])})
    resources = [one for one in twitch.SOURCE.resources if one.name in ("users", "videos")]
    reset(parts.warehouse, parts.loader, twitch.SOURCE, resources)
    columns = ["source", "resource", "status", "last_success_at", "synced_until", "failures", "rows", "bookmark"]
    whole = ("absent", NAIVE, NAIVE, 2, 7, "b")
    assert columns_of(parts.warehouse, "raw_ops.sync_log", columns, "1, 2") == [
        ("kick", "users", *whole),
        ("twitch", "games", *whole),
        ("twitch", "users", "reset", None, None, 0, 0, None),
    ]
    newest = f"select resource from raw_ops.sync_log join {LOADS} on _dlt_load_id = load_id where load_number ="
    assert parts.warehouse.rows(f"{newest} (select max(load_number) from {LOADS})") == [("users",)]


def test_a_plan_says_what_is_due_and_how_many_calls_it_takes(parts: Parts) -> None:
    resources = [one for one in twitch.SOURCE.resources if one.name in ("streams", "users", "clips")]
    for one in resources:
        make_due(parts, one.view, [str(number) for number in range(250)])
    client = client_of("http://127.0.0.1:9", clock=parts.clock, points_per_minute=100)
    found = plan(parts.warehouse, twitch.SOURCE, twitch.Settings(), client, resources, Scope())
    rows = {row["resource"]: (row["units"], row["calls"], row["age_classes"]) for row in found}
    assert rows["users"] == (250, 3, {"never": 250}) and rows["clips"] == (250, 250, {"never": 250})
    assert rows["streams"][0] == 250 and rows["streams"][2] == {"big": 250}, "a poll has no past"
    assert found[-1]["seconds"] > 60 and "on top" in found[-1]["estimate"]
    (limited,) = plan(parts.warehouse, twitch.SOURCE, twitch.Settings(), client, resources[-1:], Scope(limit=5))
    assert (limited["units"], limited["calls"]) == (5, 5)


# -- fetching


def test_what_the_api_has_is_in_the_warehouse(parts: Parts, sandbox: Sandbox) -> None:
    ids = [channel.id for channel in sandbox.world.channels[:250]]
    users = next(one for one in twitch.SOURCE.resources if one.name == "users")
    make_due(parts, users.view, ids)
    intake = parts.intake(real=True)
    api = dataclasses.replace(twitch_api(sandbox), clock=parts.clock)
    extraction = Extraction(twitch.SOURCE, api, parts.warehouse, intake, Display(parts.clock, False), "run")
    result = extraction.run([users])
    served = [row for record in sandbox.requests(path="/users") for row in record.body["data"]]
    assert result == Result("succeeded", len(served))
    found = columns_of(parts.warehouse, "raw_twitch.users", ["id", "login", "description"], "1")
    assert found == sorted((row["id"], row["login"], row["description"]) for row in served)
    states = columns_of(parts.warehouse, "raw_ops.sync_log", ["status", "last_success_at"], "1")
    assert len(states) == 250 and {moment for _, moment in states} == {NAIVE}
    assert [status for status, _ in states].count("ok") == len(served)
    assert len(sandbox.requests(path="/users")) == 3, "a hundred a call"


def test_every_unit_is_fetched_once_in_batches_by_no_more_threads_than_allowed(parts: Parts) -> None:
    lock, batches, at_once, most = threading.Lock(), [], 0, 0
    full = threading.Barrier(4)

    def fetch(api: Api, units: Sequence[Unit]) -> Fetched:
        nonlocal at_once, most
        with lock:
            batches.append([unit.unit_id for unit in units])
            at_once += 1
            most = max(most, at_once)
        # nobody goes on before four are under way
        full.wait(10)
        with lock:
            at_once -= 1
        return noted(api, units)

    ids = [str(number) for number in range(40)]
    result, (row,) = extract(parts, (resource("things", fetch, batch=5), ids), concurrency=4)
    assert result.status == "succeeded" and (row["units_requested"], row["units_deferred"]) == (40, 0)
    assert most == 4 and sorted(batches, key=lambda batch: int(batch[0])) == [ids[i : i + 5] for i in range(0, 40, 5)]


def test_a_resource_fails_in_part_and_another_by_its_rows_and_the_next_has_its_turn(parts: Parts) -> None:
    def some(api: Api, units: Sequence[Unit]) -> Fetched:
        if units[0].unit_id == "p2":
            raise ApiError("HTTP 500", 500)
        return good(api, units)

    def bad_rows(api: Api, units: Sequence[Unit]) -> Fetched:
        fetched = good(api, units)
        fetched.rows.append(Rows(GAMES, [{"id": 5, "name": "x"}], answer()))
        return fetched

    result, rows = extract(
        parts,
        (resource("partly", some), ["p1", "p2", "p3"]),
        (resource("refused", bad_rows), ["r1"]),
        (resource("fine", good), ["f1"]),
        quarantine_threshold=0.2,
    )
    assert [row["status"] for row in rows] == ["partial", "failed", "succeeded"]
    assert loaded_games(parts) == {"p1", "p3", "r1", "f1"}
    assert result.status == "failed" and isinstance(result.error, QuarantineError) and result.rows == 4
    assert "1 of 2 rows were refused (50%, more than 20%)" in str(result.error) and result.error.exit_code == 3
    partly, refused, _ = rows
    assert (partly["units_succeeded"], partly["units_failed"], partly["message"]) == (2, 1, "HTTP 500")
    assert (refused["rows_received"], refused["rows_loaded"], refused["rows_quarantined"]) == (2, 1, 1)
    assert "refused" in str(result.message)


def test_refused_rows_up_to_the_threshold_are_no_failure(parts: Parts) -> None:
    def bad_row(api: Api, units: Sequence[Unit]) -> Fetched:
        return Fetched([Rows(GAMES, [{"id": 5}, {"id": "a", "name": "x"}], answer())], [Outcome("1", "ok")])

    result, _ = extract(parts, (resource("things", bad_row), ["1"]), quarantine_threshold=0.5)
    assert result.status == "succeeded" and result.error is None


def test_a_resource_of_which_every_unit_failed_has_failed(parts: Parts) -> None:
    def never(api: Api, units: Sequence[Unit]) -> Fetched:
        raise ApiError("HTTP 500", 500)

    result, (row,) = extract(parts, (resource("things", never, batch=2), ["1", "2", "3"]))
    assert (result.status, row["status"], row["units_failed"]) == ("failed", "failed", 3)


def test_nothing_due_is_a_success_without_a_request(parts: Parts) -> None:
    def never(api: Api, units: Sequence[Unit]) -> Fetched:
        raise AssertionError("nothing is due")

    result, (row,) = extract(parts, (resource("things", never), []))
    assert (result.status, row["units_requested"], row["rows_loaded"]) == ("succeeded", 0, 0)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (SourceError("20 requests in a row failed"), SourceError),
        (StoppedError("stopped"), StoppedError),
        (RuntimeError("a defect"), SourceError),
    ],
    ids=["down", "stopped", "defect"],
)
def test_what_ends_a_source_keeps_what_was_fetched_and_leaves_the_rest_due(
    parts: Parts, failure: Exception, kind: type[Exception]
) -> None:
    def until_third(api: Api, units: Sequence[Unit]) -> Fetched:
        if units[0].unit_id == "3":
            raise failure
        return noted(api, units)

    def never(api: Api, units: Sequence[Unit]) -> Fetched:
        raise AssertionError("the source has ended")

    ids = [str(number) for number in range(1, 31)]
    then = (resource("next", never), ["1"])
    result, rows = extract(parts, (resource("things", until_third), ids), then, concurrency=1)
    assert result.status == "failed" and isinstance(result.error, kind)
    (row,) = rows
    assert row["units_succeeded"] >= 2 and row["units_succeeded"] + row["units_deferred"] == 30
    assert row["units_deferred"] > 15, "what was waiting is not started any more"
    achieved = {state["unit_id"] for state in parts.memory.rows(SYNC_LOG)}
    assert {"1", "2"} <= achieved and "3" not in achieved and len(achieved) == row["units_succeeded"]


def test_when_time_is_up_nothing_new_is_started_and_the_rest_stays_due(parts: Parts) -> None:
    def slowly(api: Api, units: Sequence[Unit]) -> Fetched:
        parts.clock.advance(61)
        return noted(api, units)

    result, (row,) = extract(
        parts, (resource("things", slowly), ["1", "2", "3"]), concurrency=1, stage_time_limit_minutes=2
    )
    assert result.status == row["status"] == "partial" and result.error is None
    assert (row["units_succeeded"], row["units_deferred"]) == (2, 1) and "time limit" in row["message"]


def test_a_limit_that_is_used_up_leaves_the_rest_due_and_the_next_resource_has_its_turn(parts: Parts) -> None:
    def until_second(api: Api, units: Sequence[Unit]) -> Fetched:
        if units[0].unit_id != "1":
            raise QuotaError("the API's limit of 3000 requests is used up until 13:00:00 UTC")
        return noted(api, units)

    def slowly(api: Api, units: Sequence[Unit]) -> Fetched:
        parts.clock.advance(61)
        return noted(api, units)

    result, rows = extract(
        *(parts, (resource("things", until_second), ["1", "2", "3"]), (resource("next", slowly), ["1", "2", "3"])),
        concurrency=1,
        stage_time_limit_minutes=2,
    )
    assert result.status == "partial" and result.error is None
    spent, late = sorted(rows, key=lambda row: row["resource"], reverse=True)
    assert (spent["units_succeeded"], spent["units_deferred"], spent["units_failed"]) == (1, 2, 0)
    assert "used up until 13:00:00" in spent["message"]
    assert late["units_deferred"] == 1 and "time limit" in late["message"], "each says its own reason"


def test_work_is_committed_chunk_by_chunk(parts: Parts) -> None:
    ids = [str(number) for number in range(8)]
    result, (row,) = extract(parts, (resource("things", good), ids), chunk_units=4)
    assert result.rows == row["rows_loaded"] == len(loaded_games(parts)) == 8
    assert parts.memory.loads >= 3, "two chunks, and the record of the run"


def test_a_poll_is_taken_page_by_page(parts: Parts) -> None:
    def poll(api: Api, known: Sequence[Unit]) -> Iterator[Fetched]:
        assert [unit.unit_id for unit in known] == ["7"]
        yield good(api, [Unit("1")])
        yield Fetched(outcomes=[Outcome("top", "failed", message="HTTP 500")])

    one = dataclasses.replace(resource("things", good), fetch=None, poll=poll)
    result, (row,) = extract(parts, (one, ["7"]))
    assert (result.status, row["units_requested"], row["units_deferred"]) == ("partial", 2, 0)
    assert loaded_games(parts) == {"1"}


# -- lanes and parts


def test_a_lane_that_is_held_up_holds_up_no_other(parts: Parts) -> None:
    others_done = threading.Event()
    done: list[str] = []

    def slow_in_one_lane(api: Api, units: Sequence[Unit]) -> Fetched:
        if units[0].unit_id.startswith("slow"):
            # as long as a client's budget is spent
            assert others_done.wait(60)
        else:
            done.append(units[0].unit_id)
            if len(done) == 30:
                others_done.set()
        return good(api, units)

    lanes = dataclasses.replace(resource("lanes", slow_in_one_lane), lane=lambda unit_id: unit_id.split("/")[0])
    ids = [f"slow/{number}" for number in range(40)] + [f"{lane}/{number}" for number in range(15) for lane in "ab"]
    result, _ = extract(parts, (lanes, ids), concurrency=6)
    assert result.status == "succeeded" and len(loaded_games(parts)) == len(ids)


def test_each_part_is_recorded_for_itself_and_its_problem_ends_no_other(parts: Parts) -> None:
    def refused_for_one(api: Api, units: Sequence[Unit]) -> Fetched:
        (unit,) = units
        if not unit.unit_id.startswith("bad"):
            return good(api, units)
        if unit.unit_id == "bad/1":
            return Fetched(
                outcomes=[Outcome(unit.unit_id, "failed", message="no")], problem=CredentialsError("refused")
            )
        return Fetched()

    divided = dataclasses.replace(resource("units", refused_for_one), part=lambda unit_id: unit_id.split("/")[0])
    result, records = extract(parts, (divided, ["bad/1", "bad/2", "bad/3", "fine/1", "fine/2"]))
    assert (result.status, str(result.error)) == ("partial", "refused")
    found = {row["resource"]: row for row in records}
    columns = ("status", "units_succeeded", "units_failed", "units_deferred", "rows_received")
    assert [found["bad"][name] for name in columns] == ["failed", 0, 1, 2, 0]
    assert [found["fine"][name] for name in columns] == ["succeeded", 2, 0, 0, 2]
    assert found["bad"]["message"] == "2 units left for the next run: refused"
