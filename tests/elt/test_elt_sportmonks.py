"""Football against the sandbox and its truth: a first load, two days of changes, kills, choices of the command line."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.sandbox import Sandbox, tables
from pipelines.sandbox.apis.sportmonks import TOKEN
from pipelines.sandbox.clubs import LEAGUE_BY_ID
from pipelines.sandbox.faults import KINDS
from pipelines.sandbox.football import look
from pipelines.sandbox.seasons import season_of
from pipelines.sandbox.server import Served
from tests.elt.conftest import MODELS_ONLY, Done, Project, kill_when, leaks, texts

# a Saturday afternoon: matches are on
NOW = "2026-11-21T15:50:00Z"
TWO_DAYS_LATER = "2026-11-23T15:50:00Z"
THREE_DAYS_LATER = "2026-11-24T15:50:00Z"
MULTI = "/football/fixtures/multi/"
LIVE = {2, 3, 4, 6, 9, 21, 22, 25}
DELETED = 20
# what tells when a row was loaded, and not what it says
LOADED = {"revised_at", "first_observed_at"}


def football(fixtures: int | None = None, **options: Any) -> Sandbox:
    """A football world that stands still on that Saturday."""
    return Sandbox(**{"now": NOW, "frozen": True, "channels": 10, "fixtures": fixtures, **options})


def env(sandbox: Sandbox, now: str = NOW) -> dict[str, str]:
    return {**sandbox.env(), "ETL_NOW": now}


def asked_ids(served: list[Served]) -> Counter[int]:
    """How often each fixture was asked for with its details, and answered."""
    return Counter(
        int(one)
        for record in served
        if record.path.startswith(MULTI) and record.status == 200 and record.content
        for one in record.path.removeprefix(MULTI).split(",")
    )


def assert_tables_are_true(project: Project, sandbox: Sandbox) -> int:
    """Each table is the one that follows from what the API tells now; returns how many there are."""
    columns = (
        "position", "played", "won", "drawn", "lost", "goals_for", "goals_against", "points",
    )  # fmt: skip
    found: dict[int, list[tuple[Any, ...]]] = {}
    sql = f"select season_id, team_id, {', '.join(columns)} from football.fct_standings where is_latest"
    for row in project.query(sql):
        found.setdefault(row["season_id"], []).append((row["team_id"], *(row[name] for name in columns)))
    now = sandbox.clock.time()
    seasons = sandbox.football.seasons(now)
    for season in seasons:
        truth = tables.standings(sandbox.football, season.id, known=now)
        expected = [(row.team_id, *(getattr(row, name) for name in columns)) for row in truth]
        assert sorted(found.get(season.id, [])) == sorted(expected), season
    return sum(1 for season in seasons if found.get(season.id))


@dataclass
class Loaded:
    """A first load: its project, what the dry run told before and the report after it."""

    project: Project
    sandbox: Sandbox
    told: str
    done: Done
    served: list[Served]


@pytest.fixture(scope="module")
def first(new_project: Callable[..., Project]) -> Iterator[Loaded]:
    with football() as sandbox:
        project = new_project(env(sandbox), source="sportmonks")
        told = project.call("elt", "--dry-run")
        assert told.code == 0 and not sandbox.served, told.err
        done = project.run("elt", "--json")
        assert done.code == 0, done.err + done.out
        yield Loaded(project, sandbox, told.out, done, list(sandbox.served))


@pytest.fixture(scope="module", autouse=True)
def on_postgres(aside: ThreadPoolExecutor, new_postgres: Callable[..., Project]) -> Future[Loaded]:
    """The same on PostgreSQL, with every kind of fault."""

    def load() -> Loaded:
        with football(faults=dict.fromkeys(KINDS, 0.04)) as sandbox:
            project = new_postgres(env(sandbox), source="sportmonks")
            done = project.run("elt", "--json", RETRY_MAX="9", **MODELS_ONLY)
            return Loaded(project, sandbox, "", done, list(sandbox.served))

    return aside.submit(load)


@pytest.fixture(scope="module")
def in_trouble(on_postgres: Future[Loaded]) -> Loaded:
    loaded = on_postgres.result()
    assert loaded.done.code == 0, loaded.done.err + loaded.done.out
    return loaded


# -- the first load


def test_a_first_load_takes_the_fewest_calls_and_meets_no_limit(first: Loaded) -> None:
    assert {one.status for one in first.served} == {200}
    listed = len(first.sandbox.football.fixtures_at(first.sandbox.clock.time()))
    live = {
        one["id"] for record in first.sandbox.requests("/football/livescores/inplay") for one in record.body["data"]
    }
    assert live, "matches are on"
    asked = asked_ids(first.served)
    assert len(asked) + len(live) == listed and set(asked.values()) == {1} and not asked.keys() & live
    calls = Counter(one.path.split("/")[2] for one in first.served)
    multi = sum(one.path.startswith(MULTI) for one in first.served)
    assert multi == math.ceil((listed - len(live)) / 50)
    assert calls["fixtures"] == multi + math.ceil(listed / 1000)


def test_before_the_first_list_a_dry_run_is_an_estimate_and_says_why(first: Loaded) -> None:
    assert "this is an estimate, because the fixtures have not been listed yet" in first.told


@pytest.mark.parametrize("which", ["first", "in_trouble"])
def test_tables_equal_the_truth_under_every_rule(which: str, request: pytest.FixtureRequest) -> None:
    loaded: Loaded = request.getfixturevalue(which)
    assert assert_tables_are_true(loaded.project, loaded.sandbox) == 12
    rankings = loaded.project.query("select distinct ranking from football.fct_standings")
    assert {row["ranking"] for row in rankings} == set(tables.RULES)


@pytest.mark.parametrize(("league", "year"), [(9001, 2025), (9003, 2025), (9005, 2025), (9002, 2026)])
def test_tables_equal_the_truth_after_every_match_day(first: Loaded, league: int, year: int) -> None:
    season, now = season_of(LEAGUE_BY_ID[league], year).id, first.sandbox.clock.time()
    days: dict[str, list[tuple[int, int, int]]] = {}
    for row in first.project.query(
        "select standing_on, position, team_id, points from football.fct_standings"
        f" where season_id = {season} order by standing_on, position"
    ):
        days.setdefault(row["standing_on"], []).append((row["position"], row["team_id"], row["points"]))
    assert len(days) > 25
    for day, rows in days.items():
        truth = tables.standings(first.sandbox.football, season, at=dt.date.fromisoformat(day), known=now)
        assert rows == [(row.position, row.team_id, row.points) for row in truth], day


def test_both_engines_come_to_the_same_marts(first: Loaded, in_trouble: Loaded) -> None:
    def marts(project: Project) -> dict[str, list[str]]:
        names = [row["table_name"] for row in project.query(
            "select table_name from information_schema.tables where table_schema = 'football'"
        )]  # fmt: skip
        return {
            name: texts([
                {column: value for column, value in row.items() if column not in LOADED}
                for row in project.query(f"select * from football.{name}")
            ])
            for name in names
        }  # fmt: skip

    on_duckdb, on_postgres = marts(first.project), marts(in_trouble.project)
    assert on_duckdb.keys() == on_postgres.keys() and len(on_duckdb) >= 15
    for name, rows in on_duckdb.items():
        assert rows == on_postgres[name], name


def test_top_scorers_equal_the_truth(first: Loaded) -> None:
    now = first.sandbox.clock.time()
    found: dict[int, list[tuple[int, int, int]]] = {}
    for row in first.project.query("select season_id, player_id, goals, position from football.rpt_top_scorers"):
        if row["goals"]:
            found.setdefault(row["season_id"], []).append((row["player_id"], row["goals"], row["position"]))
    for season in first.sandbox.football.seasons(now):
        truth = tables.top_scorers(first.sandbox.football, season.id, known=now)
        expected = [(one.player_id, one.goals, one.position) for one in truth]
        assert sorted(found.get(season.id, [])) == sorted(expected), season


def test_matches_under_way_have_a_state_and_no_result(first: Loaded) -> None:
    rows = first.project.query(
        "select state_id, result, home_goals from football.fct_fixtures"
        f" where kickoff_at between timestamp '{NOW[:10]} 14:00:00' and timestamp '{NOW[:10]} 15:50:00'"
    )
    on = [row for row in rows if row["state_id"] in LIVE]
    assert on and all(row["result"] is None and row["home_goals"] is None for row in on)


def test_faults_cost_retries_and_no_row(first: Loaded, in_trouble: Loaded) -> None:
    assert sum(record.fault is not None for record in in_trouble.served) > 3
    for name in ("fixtures", "events", "scores", "lineups", "statistics", "participants", "fixture_index"):
        counts = [one.project.value(f"select count(*) from raw_sportmonks.{name}") for one in (first, in_trouble)]
        assert counts[0] == counts[1] > 0, name


@pytest.mark.parametrize("which", ["first", "in_trouble"])
def test_the_token_shows_nowhere(which: str, request: pytest.FixtureRequest) -> None:
    loaded: Loaded = request.getfixturevalue(which)
    assert leaks(loaded.project, loaded.done, [TOKEN]) == set()


def test_progress_is_told_by_league_and_season(first: Loaded) -> None:
    rows = first.project.query("select * from sync.sync_sportmonks__chunks")
    assert len(rows) > 12 and all(row["progress"] == 1 and row["due_count"] == 0 for row in rows)
    (classes,) = first.project.query(
        "select distinct is_feasible, limit_per_hour from sync.sync_sportmonks__feasibility"
    )
    assert classes == {"is_feasible": True, "limit_per_hour": 3000}


# -- two days later


@dataclass
class Later:
    """One run two days after the first load, and one more the day after."""

    project: Project
    sandbox: Sandbox
    plan: list[dict[str, Any]]
    served: list[Served]
    vanished: int


@pytest.fixture(scope="module")
def later(first: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Later:
    sandbox = first.sandbox
    project = first.project.copy(tmp_path_factory.mktemp("later"), {"ETL_NOW": TWO_DAYS_LATER})
    sandbox.clock.set(TWO_DAYS_LATER)
    season = season_of(LEAGUE_BY_ID[9006], 2026)
    vanished = max(fixture.id for fixture in sandbox.football.fixtures_of(season))
    sandbox.edits["fixtures"][vanished] = None
    # the plan knows what the list will show only once it has been read
    read = project.call("extract", "--resources", "lists")
    assert read.code == 0, read.err
    before = len(sandbox.served)
    plan = project.call("extract", "--dry-run", "--json").json
    assert len(sandbox.served) == before
    done = project.run("elt", **MODELS_ONLY)
    assert done.code == 0, done.err + done.out
    return Later(project, sandbox, plan, sandbox.served[before:], vanished)


def test_a_dry_run_tells_the_calls_that_the_run_then_makes(later: Later) -> None:
    told = sum(row["calls"] for row in later.plan)
    # the one fixture that vanished is looked for among the deleted ones too
    assert abs(len(later.served) - told) <= max(1, 0.02 * told) and told > 3


def test_only_what_is_due_or_changed_is_fetched(later: Later) -> None:
    listed = len(later.sandbox.football.fixtures_at(later.sandbox.clock.time()))
    assert 0 < len(asked_ids(later.served)) < listed / 4


def test_tables_follow_the_changes(later: Later) -> None:
    assert_tables_are_true(later.project, later.sandbox)


def test_every_change_of_two_days_is_in_the_marts_and_ops_tells_of_it(later: Later) -> None:
    world, (start, end) = later.sandbox.football, (dt.datetime.fromisoformat(one) for one in (NOW, TWO_DAYS_LATER))
    fetched = {row["fixture_id"]: row for row in later.project.query("select * from football.fct_fixtures")}
    changes = later.project.query("select * from football.fct_fixture_changes")
    told = {(row["kind"], row["fixture_id"] or row["season_id"]) for row in changes}
    for change in world.changes(start.timestamp(), end.timestamp()):
        now = look(world.fixture(change.ids[0]), end.timestamp()) if change.kind != "deducted" else None
        row = fetched.get(change.ids[0])
        if change.kind in ("deleted", "merged"):
            assert row is None or row["is_deleted"] or change.kind == "merged", change
        elif now and row:
            assert row["state_id"] == now.state, change
            assert row["kickoff_at"] == dt.datetime.fromtimestamp(now.starting_at, dt.UTC).isoformat()[:19], change
            goals = (row["home_goals"], row["away_goals"])
            assert goals == (now.goals or (None, None)), change
        if change.kind == "postponed":
            assert ("postponed", change.ids[0]) in told or ("rescheduled", change.ids[0]) in told, change
        if change.kind == "deducted":
            assert ("deducted", change.ids[0]) in told, change
    counted = {row["kind"]: row["change_count"] for row in later.project.query("select * from ops.rpt_source_changes")}
    assert counted == Counter(row["kind"] for row in changes) and counted


def test_a_fixture_is_gone_once_two_whole_lists_on_two_days_lack_it(later: Later, tmp_path: Path) -> None:
    this = f"fixture_id = {later.vanished}"
    absent = f"select absent_sweep_days, is_tombstoned from intermediate.int_football__fixture_absences where {this}"
    (state,) = later.project.query(f"select is_deleted from football.fct_fixtures where {this}")
    assert state == {"is_deleted": False} and later.project.query(absent) == [
        {"absent_sweep_days": 1, "is_tombstoned": False}
    ]
    (log,) = later.project.query(f"select status from raw_ops.sync_log where unit_id = '{later.vanished}'")
    assert log == {"status": "absent"}
    later.sandbox.clock.set(THREE_DAYS_LATER)
    project = later.project.copy(tmp_path, {"ETL_NOW": THREE_DAYS_LATER})
    assert project.call("extract", "--resources", "lists").code == 0
    assert project.query(absent) == [{"absent_sweep_days": 2, "is_tombstoned": True}]
    planned = f"select count(*) from sync.sync_sportmonks__fixtures where unit_id = '{later.vanished}'"
    assert project.value(planned) == 0, "it is not asked for any more"


# -- choices


def test_leagues_and_periods_can_be_chosen(first: Loaded, tmp_path: Path) -> None:
    sandbox = first.sandbox
    sandbox.clock.set(NOW)
    project = first.project.copy(tmp_path)
    before = len(sandbox.served)
    chosen = ("--league", "9006", "--since", "2026-10-01", "--until", "2026-11-01")
    done = project.call("backfill", *chosen, "--resources", "fixtures", "--dry-run", "--json")
    (row,) = done.json
    project.call("extract", "--full", *chosen, "--resources", "fixtures", "--limit", "10")
    asked = asked_ids(sandbox.served[before:])
    assert row["units"] > len(asked) == 10
    for fixture_id in asked:
        seen = look(sandbox.football.fixture(fixture_id), sandbox.clock.time())
        assert seen.fixture.season.league.id == 9006
        assert dt.date(2026, 10, 1) <= dt.datetime.fromtimestamp(seen.starting_at, dt.UTC).date() < dt.date(2026, 11, 1)


# -- kills

SMALL = 600
CHUNK, CONCURRENCY = 100, 2


@pytest.fixture(scope="module")
def small(new_project: Callable[..., Project]) -> tuple[Project, dict[str, list[str]]]:
    """A small world loaded without disturbance, and its marts."""
    with football(SMALL) as sandbox:
        project = new_project(env(sandbox), source="sportmonks")
        done = project.run("elt", **MODELS_ONLY)
        assert done.code == 0, done.err
        return project, project.tables("football")


@pytest.mark.parametrize("when", ["listing", "fetching", "loading"])
def test_a_run_that_is_killed_costs_a_chunk_at_most(
    when: str, small: tuple[Project, dict[str, list[str]]], new_project: Callable[..., Project]
) -> None:
    with football(SMALL, latency=0.02) as sandbox:
        project = new_project(env(sandbox), source="sportmonks")

        def met() -> bool:
            multi = sum(one.path.startswith(MULTI) for one in sandbox.served)
            if when == "listing":
                return len(sandbox.served) >= 4
            if when == "fetching":
                return multi >= 5
            return multi >= 3 and any(project.data.glob("dlt/*/sportmonks/load/normalized/*/*_jobs/*"))

        with project.running("extract", CHUNK_UNITS=str(CHUNK), CONCURRENCY=str(CONCURRENCY)) as process:
            kill_when(process, met)
        done = project.run("elt", **MODELS_ONLY)
        assert done.code == 0, done.err + done.out
        asked = asked_ids(sandbox.served)
        assert sum(times - 1 for times in asked.values()) <= CHUNK
        marts = project.tables("football")
    _, expected = small
    assert marts.keys() == expected.keys()
    for name, rows in expected.items():
        assert comparable(marts[name]) == comparable(rows), name


def comparable(rows: list[str]) -> list[str]:
    return texts([{name: value for name, value in json.loads(row).items() if name not in LOADED} for row in rows])
