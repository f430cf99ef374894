"""Football against the sandbox and its truth: a first load, two days of changes, kills, choices of the command line."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.sandbox import Sandbox, tables
from pipelines.sandbox.apis.sportmonks import TOKEN
from pipelines.sandbox.clubs import LEAGUE_BY_ID
from pipelines.sandbox.faults import KINDS
from pipelines.sandbox.football import Look, look
from pipelines.sandbox.seasons import Season, season_of
from pipelines.sandbox.server import Served
from tests.elt.conftest import MODELS_ONLY, VOLATILE, Done, Project, kill_when, leaks

# a Saturday afternoon, when matches are on, of a world in which much happens in the two days after it
SEED = 10
NOW = "2026-09-19T15:50:00Z"
TWO_DAYS_LATER = "2026-09-21T15:50:00Z"
THREE_DAYS_LATER = "2026-09-22T15:50:00Z"
# a table under each rule; the first two are being played
SEASONS = [
    season_of(LEAGUE_BY_ID[league], year) for league, year in ((9002, 2026), (9006, 2026), (9003, 2025), (9005, 2025))
]
IDS = [season.id for season in SEASONS]
CHOSEN = ("--season", " ".join(map(str, IDS)))
MULTI = "/football/fixtures/multi/"
LIST = "/football/fixtures"
LIVE = {2, 3, 4, 6, 9, 21, 22, 25}
AWARDED = 17
YELLOW_CARD = 19


def football(**options: Any) -> Sandbox:
    """A football world that stands still on that Saturday."""
    return Sandbox(**{"seed": SEED, "now": NOW, "frozen": True, "channels": 10, **options})


def env(sandbox: Sandbox) -> dict[str, str]:
    return {**sandbox.env(), "ETL_NOW": NOW}


def fixtures_of(sandbox: Sandbox) -> list[Look]:
    """The fixtures of the chosen seasons, as the API tells of them now."""
    return [one for one in sandbox.football.fixtures_at(sandbox.clock.time()) if one.fixture.season.id in IDS]


def asked_ids(served: Sequence[Served]) -> Counter[int]:
    """How often each fixture was asked for with its details, and answered."""
    return Counter(
        int(one)
        for record in served
        if record.path.startswith(MULTI) and record.status == 200 and record.content
        for one in record.path.removeprefix(MULTI).split(",")
    )


def assert_tables_are_true(project: Project, sandbox: Sandbox, seasons: Sequence[Season]) -> None:
    """Each table is the one that follows from what the API tells now."""
    names = ("position", "played", "won", "drawn", "lost", "goals_for", "goals_against", "points")
    for season in seasons:
        found = project.query(
            f"select team_id, {', '.join(names)} from football.fct_standings"
            f" where is_latest and season_id = {season.id} order by position"
        )
        truth = tables.standings(sandbox.football, season.id, known=sandbox.clock.time())
        assert found == [{"team_id": row.team_id} | {name: getattr(row, name) for name in names} for row in truth]


def differences(project: Project, other: Project, schema: str) -> list[str]:
    """The tables of a schema, but for what dlt adds, in which two projects on DuckDB do not hold the same rows."""
    with duckdb.connect() as connection:
        for name, one in (("this", project), ("that", other)):
            connection.execute(f"attach '{one.data / 'warehouse.duckdb'}' as {name} (read_only)")
        columns: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "select table_name, column_name from duckdb_columns() where database_name = 'that'"
            f" and schema_name = '{schema}' and table_name not like '\\_dlt%' escape '\\'"
        ).fetchall():
            columns.setdefault(table, []).extend([column] if column not in VOLATILE else [])
        assert len(columns) > 10
        found = []
        for table, names in columns.items():
            this, that = (f"select {', '.join(names)} from {name}.{schema}.{table}" for name in ("this", "that"))
            different = f"({this} except all {that}) union all ({that} except all {this})"
            if connection.execute(f"select 1 from ({different}) limit 1").fetchall():
                found.append(table)
        return found


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
        done = project.call("elt", "--json", *CHOSEN)
        assert done.code == 0, done.err + done.out
        yield Loaded(project, sandbox, told.out, done, list(sandbox.served))


@pytest.fixture(scope="module")
def in_trouble(new_postgres: Callable[..., Project]) -> Loaded:
    """The same on PostgreSQL, with every kind of fault."""
    with football(faults=dict.fromkeys(KINDS, 0.03)) as sandbox:
        project = new_postgres(env(sandbox), source="sportmonks")
        done = project.call("elt", "--json", *CHOSEN, RETRY_MAX="9", **MODELS_ONLY)
        assert done.code == 0, done.err + done.out
        return Loaded(project, sandbox, "", done, list(sandbox.served))


# -- the first load


def test_a_first_load_takes_the_fewest_calls_and_meets_no_limit(first: Loaded) -> None:
    assert {one.status for one in first.served} == {200}
    (inplay,) = [one for one in first.served if one.path == "/football/livescores/inplay"]
    live = {one["id"] for one in inplay.body["data"]}
    chosen = {one.fixture.id for one in fixtures_of(first.sandbox)}
    asked = asked_ids(first.served)
    assert live and asked.keys() == chosen - live and set(asked.values()) == {1}
    assert sum(one.path.startswith(MULTI) for one in first.served) == math.ceil(len(asked) / 50)
    listed = sum(1 for _ in first.sandbox.football.fixtures_at(first.sandbox.clock.time()))
    assert sum(one.path == LIST for one in first.served) == math.ceil(listed / 1000)


def test_before_the_first_list_a_dry_run_is_an_estimate_and_says_why(first: Loaded) -> None:
    assert "this is an estimate, because the fixtures have not been listed yet" in first.told


@pytest.mark.parametrize("which", ["first", "in_trouble"])
def test_tables_equal_the_truth_under_every_rule(which: str, request: pytest.FixtureRequest) -> None:
    loaded: Loaded = request.getfixturevalue(which)
    assert_tables_are_true(loaded.project, loaded.sandbox, SEASONS)
    rankings = loaded.project.query("select distinct ranking from football.fct_standings")
    assert {row["ranking"] for row in rankings} == set(tables.RULES)


@pytest.mark.parametrize("season", SEASONS, ids=lambda season: f"{season.league.id}-{season.year}")
def test_tables_equal_the_truth_after_every_match_day(first: Loaded, season: Season) -> None:
    now = first.sandbox.clock.time()
    days: dict[str, list[tuple[int, int, int]]] = {}
    for row in first.project.query(
        "select standing_on, position, team_id, points from football.fct_standings"
        f" where season_id = {season.id} order by standing_on, position"
    ):
        days.setdefault(row["standing_on"], []).append((row["position"], row["team_id"], row["points"]))
    assert len(days) > 5
    for day, rows in days.items():
        truth = tables.standings(first.sandbox.football, season.id, at=dt.date.fromisoformat(day), known=now)
        assert rows == [(row.position, row.team_id, row.points) for row in truth], day


def test_both_engines_come_to_the_same_marts(first: Loaded, in_trouble: Loaded) -> None:
    on_duckdb, on_postgres = first.project.tables("football"), in_trouble.project.tables("football")
    assert on_duckdb.keys() == on_postgres.keys() and len(on_duckdb) >= 15
    for name, rows in on_duckdb.items():
        assert rows == on_postgres[name], name


def test_top_scorers_equal_the_truth(first: Loaded) -> None:
    now = first.sandbox.clock.time()
    found: dict[int, list[tuple[int, int, int]]] = {}
    for row in first.project.query("select season_id, player_id, goals, position from football.rpt_top_scorers"):
        if row["goals"]:
            found.setdefault(row["season_id"], []).append((row["player_id"], row["goals"], row["position"]))
    for season in SEASONS:
        truth = tables.top_scorers(first.sandbox.football, season.id, known=now)
        expected = [(one.player_id, one.goals, one.position) for one in truth]
        assert sorted(found.get(season.id, [])) == sorted(expected), season


def test_matches_under_way_have_a_state_and_no_result(first: Loaded) -> None:
    states = ", ".join(map(str, LIVE))
    rows = first.project.query(f"select result, home_goals from football.fct_fixtures where state_id in ({states})")
    assert rows and all(row == {"result": None, "home_goals": None} for row in rows)


def test_faults_cost_retries_and_no_row(first: Loaded, in_trouble: Loaded) -> None:
    assert sum(record.fault is not None for record in in_trouble.served) > 3
    for name in ("fixtures", "events", "scores", "lineups", "statistics", "participants", "fixture_index"):
        counts = [one.project.value(f"select count(*) from raw_sportmonks.{name}") for one in (first, in_trouble)]
        assert counts[0] == counts[1] > 0, name


def test_the_token_shows_nowhere(first: Loaded, in_trouble: Loaded) -> None:
    done = Done(0, first.done.out + in_trouble.done.out, first.done.err + in_trouble.done.err)
    assert leaks(first.project, done, [TOKEN]) == set()


def test_progress_is_told_by_league_and_season(first: Loaded) -> None:
    rows = first.project.query("select * from sync.sync_sportmonks__chunks")
    assert len(rows) > 10, "every season of the list"
    for row in rows:
        assert (row["progress"] == 1 and row["due_count"] == 0) == (row["season_id"] in IDS), row
    feasibility = "select distinct is_feasible, limit_per_hour from sync.sync_sportmonks__feasibility"
    assert first.project.query(feasibility) == [{"is_feasible": True, "limit_per_hour": 3000}]


# -- two days later


@dataclass
class Later:
    """One run two days after the first load, before which much has changed."""

    project: Project
    sandbox: Sandbox
    plan: list[dict[str, Any]]
    served: list[Served]
    postponed: int
    awarded: int
    corrected: int
    vanished: int


def award(row: dict[str, Any]) -> dict[str, Any]:
    """The match is awarded to the home team, three to nothing."""
    for score in row.get("scores", ()):
        if score["description"] == "CURRENT":
            score["score"]["goals"] = 3 if score["score"]["participant"] == "home" else 0
    return row | {"state_id": AWARDED}


def correct(row: dict[str, Any]) -> dict[str, Any]:
    """The home team has scored one more, and a card is taken back."""
    for score in row.get("scores", ()):
        score["score"]["goals"] += score["description"] == "CURRENT" and score["score"]["participant"] == "home"
    for event in row.get("events", ()):
        event["rescinded"] = event["type_id"] == YELLOW_CARD or event["rescinded"]
    return row


@pytest.fixture(scope="module")
def later(first: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Later:
    sandbox, edits = first.sandbox, first.sandbox.edits["fixtures"]
    project = first.project.copy(tmp_path_factory.mktemp("later"), {"ETL_NOW": TWO_DAYS_LATER})
    before = {one.fixture.id: one for one in fixtures_of(sandbox) if one.fixture.season.id == IDS[0]}
    sandbox.clock.set(TWO_DAYS_LATER)
    same = [before[one.fixture.id] for one in fixtures_of(sandbox) if one == before.get(one.fixture.id)]
    played = sorted((one for one in same if one.goals and one.goals != (3, 0)), key=lambda one: one.starting_at)
    awarded, vanished, *_, corrected = (one.fixture.id for one in played)
    postponed = next(one.fixture.id for one in reversed(same) if one.state == 1)
    edits[awarded], edits[corrected], edits[vanished] = award, correct, None
    edits[postponed] = {"starting_at": "2027-03-03 18:00:00", "starting_at_timestamp": 1_804_096_800}
    # the plan knows what the list will show only once it has been read
    read = project.call("extract", "--resources", "lists")
    assert read.code == 0, read.err
    served = len(sandbox.served)
    plan = project.call("extract", *CHOSEN, "--dry-run", "--json").json
    assert len(sandbox.served) == served
    done = project.call("elt", *CHOSEN, **MODELS_ONLY)
    assert done.code == 0, done.err + done.out
    return Later(project, sandbox, plan, sandbox.served[served:], postponed, awarded, corrected, vanished)


def test_a_dry_run_tells_the_calls_that_the_run_then_makes(later: Later) -> None:
    told = {row["resource"]: row["calls"] for row in later.plan}
    made = Counter(one.path.split("/")[2] for one in later.served)
    # what the list lacks is looked for among the deleted ones, in one call a batch more
    deleted = sum(("filters", "deleted") in one.query for one in later.served)
    assert told["fixtures"] == made["fixtures"] - deleted > 1 and 1 <= deleted <= 2
    assert abs(sum(told.values()) - (len(later.served) - deleted)) <= 1, "a score can explain a table by itself"


def test_only_what_is_due_or_changed_is_fetched(later: Later) -> None:
    asked = asked_ids(later.served)
    assert 0 < len(asked) < len(fixtures_of(later.sandbox)) / 3
    assert {later.postponed, later.awarded, later.vanished} <= asked.keys()


def test_tables_follow_the_changes(later: Later) -> None:
    assert_tables_are_true(later.project, later.sandbox, SEASONS[1:])


def test_every_change_of_two_days_is_in_the_marts_and_ops_tells_of_it(later: Later) -> None:
    world, (start, end) = later.sandbox.football, (dt.datetime.fromisoformat(one) for one in (NOW, TWO_DAYS_LATER))
    fixtures = {row["fixture_id"]: row for row in later.project.query("select * from football.fct_fixtures")}
    changes = later.project.query("select * from football.fct_fixture_changes")
    told = {(row["kind"], row["fixture_id"]) for row in changes}
    happened = [
        change
        for change in world.changes(start.timestamp(), end.timestamp())
        if change.kind != "deducted" and world.fixture(change.ids[0]).season.id in IDS
    ]
    assert "deleted" in {change.kind for change in happened}
    for change in happened:
        (fixture_id,) = change.ids
        if fixture_id in later.sandbox.edits["fixtures"]:
            continue
        row, now = fixtures[fixture_id], look(world.fixture(fixture_id), end.timestamp())
        assert row["is_deleted"] == (change.kind == "deleted"), change
        if change.kind != "deleted":
            assert (row["state_id"], (row["home_goals"], row["away_goals"])) == (now.state, now.goals), change
        # what changed before anybody looked is no change that could be seen
        if change.kind == "deleted" or look(world.fixture(fixture_id), start.timestamp()).goals:
            assert (change.kind, fixture_id) in told, change
    assert {
        ("rescheduled", later.postponed),
        ("awarded", later.awarded),
        ("score_corrected", later.corrected),
        ("event_rescinded", later.corrected),
    } <= told
    row = fixtures[later.awarded]
    assert (row["state_id"], row["home_goals"], row["away_goals"], row["is_in_table"]) == (AWARDED, 3, 0, True)
    assert fixtures[later.postponed]["kickoff_at"] == "2027-03-03T18:00:00"
    counted: Counter[str] = Counter()
    for row in later.project.query("select kind, change_count from ops.rpt_source_changes"):
        counted[row["kind"]] += row["change_count"]
    assert counted == Counter(row["kind"] for row in changes)


def test_a_fixture_is_gone_once_two_whole_lists_on_two_days_lack_it(later: Later, tmp_path: Path) -> None:
    this = f"fixture_id = {later.vanished}"
    absent = f"select absent_sweep_days, is_tombstoned from intermediate.int_football__fixture_absences where {this}"
    (state,) = later.project.query(f"select is_deleted from football.fct_fixtures where {this}")
    assert state == {"is_deleted": False}
    assert later.project.query(absent) == [{"absent_sweep_days": 1, "is_tombstoned": False}]
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
    with football() as sandbox:
        project = first.project.copy(tmp_path, env(sandbox))
        chosen = ("--resources", "fixtures", "--league", "9006", "--since", "2026-08-01", "--until", "2026-09-01")
        (row,) = project.call("backfill", *chosen, "--dry-run", "--json").json
        assert project.call("extract", "--full", *chosen, "--limit", "10").code == 0
        asked = asked_ids(sandbox.served)
        assert row["units"] > len(asked) == 10, "a backfill asks for all of the period, due or not"
        for fixture_id in asked:
            seen = look(sandbox.football.fixture(fixture_id), sandbox.clock.time())
            assert seen.fixture.season.league.id == 9006
            assert dt.datetime.fromtimestamp(seen.starting_at, dt.UTC).month == 8


# -- kills

CHUNK, CONCURRENCY = 100, 2


@pytest.mark.parametrize("when", ["listing", "loading"])
def test_a_run_that_is_killed_costs_a_chunk_at_most(
    when: str, first: Loaded, new_project: Callable[..., Project]
) -> None:
    with football(latency=0.01) as sandbox:
        project = new_project(env(sandbox), source="sportmonks")

        def met() -> bool:
            multi = sum(one.path.startswith(MULTI) for one in sandbox.served)
            if when == "listing":
                return sum(one.path == LIST for one in sandbox.served) >= 2
            return multi >= 4 and any(project.data.glob("dlt/*/sportmonks/load/normalized/*/*_jobs/*"))

        with project.running("extract", *CHOSEN, CHUNK_UNITS=str(CHUNK), CONCURRENCY=str(CONCURRENCY)) as process:
            kill_when(process, met)
        # the marts follow from the raw rows: to see it once is enough
        command = "elt" if when == "loading" else "extract"
        done = project.call(command, *CHOSEN, **MODELS_ONLY)
        assert done.code == 0, done.err + done.out
        assert sum(times - 1 for times in asked_ids(sandbox.served).values()) <= CHUNK
        pages = [str(one.query) for one in sandbox.served if one.path == LIST]
        assert len(pages) - len(set(pages)) <= 2, "the list is read on from its bookmark"
    assert differences(project, first.project, "raw_sportmonks") == []
    if command == "elt":
        assert differences(project, first.project, "football") == []
