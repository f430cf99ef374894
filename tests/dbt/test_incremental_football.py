"""Histories of football after which an incremental build must equal a full one: all tables, every column, both engines.

Each history has seasons of its own. All are told to one warehouse in three steps, the first one built in full and the
others by what is new; what stands after a step is compared with a full build over the same raw rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.dbt.football import DELETED, NOT_STARTED, POSTPONED, STAGE_AS_KNOCK_OUT, Football, Match, Season, season_rows
from tests.dbt.warehouse import ENGINES, Row, Warehouse

# the second and third are of one day: what is told first is overwritten
MOMENTS = (dt.datetime(2025, 10, 1, 12), dt.datetime(2025, 10, 2, 10), dt.datetime(2025, 10, 2, 11))
EVENTS: tuple[Row, ...] = ({"id": 1, "type_id": 14, "player_id": 71, "player_name": "First", "minute": 10},)
STARTERS: tuple[Row, ...] = ({"id": 1, "team_id": 9200, "type_id": 11, "player_id": 71, "player_name": "First"},)
CORNERS: tuple[Row, ...] = ({"id": 1, "type_id": 34, "participant_id": 9200, "value": 4.0},)
DAY = dt.date(2025, 9, 1)


def season(number: int, **fields: Any) -> Season:
    """Three teams that have met once each, on three days: the first has won twice, the others drew."""
    first, second, third = (number * 10 + place for place in range(3))
    matches = [(first, second, (2, 0)), (second, third, (1, 1)), (third, first, (0, 1))]
    return Season(
        number,
        league_id=9000 + number,
        start=2025,
        matches=tuple(
            Match(number * 10 + place, DAY + dt.timedelta(days=7 * place), home, away, goals)
            for place, (home, away, goals) in enumerate(matches)
        ),
        **fields,
    )


def first_as(told: Season, **fields: Any) -> Season:
    """The season with another version of its first match."""
    return told.changed(replace(told.matches[0], **fields))


(DELETED_FOR_AN_HOUR, LISTED, MOVED_FROM, COUNTRY, NEIGHBOUR, STAGE, ALIAS, WITHDRAWN, NO_KICKOFF, EMPTIED, CORRECTED,
 EDITED, RENAMED, ENDED) = (season(number) for number in range(910, 924))  # fmt: skip
# level in all but their names
RENAMED = RENAMED.changed(*(replace(match, goals=(0, 0)) for match in RENAMED.matches))
# with a match that is never played
ENDED = ENDED.changed(replace(ENDED.matches[2], state=NOT_STARTED))
MOVED_TO = replace(season(930), league_id=MOVED_FROM.league_id)
# the second id of the first team
ALIAS = replace(ALIAS, matches=(*ALIAS.matches, Match(9165, DAY, 9169, 9161, (3, 0))))
NO_KICKOFF = first_as(NO_KICKOFF, day=None)
EMPTIED = first_as(EMPTIED, events=EVENTS, lineups=STARTERS, statistics=CORNERS)
ALL = (DELETED_FOR_AN_HOUR, LISTED, MOVED_FROM, MOVED_TO, COUNTRY, NEIGHBOUR, STAGE, ALIAS, WITHDRAWN, NO_KICKOFF,
       EMPTIED, CORRECTED, EDITED, RENAMED, ENDED)  # fmt: skip


def deducted(told: Season, **fields: Any) -> Season:
    """The season with points taken from its first team."""
    return replace(told, corrections=({"id": told.id, "participant_id": told.matches[0].home, **fields},))


def answer(*seasons: Season) -> dict[str, list[Row]]:
    """All that is told of seasons at once, by raw table."""
    rows: dict[str, list[Row]] = {}
    for told in seasons:
        for name, table_rows in season_rows(told).items():
            rows.setdefault(name, []).extend(table_rows)
    return rows


def first_step(football: Football) -> None:
    """All seasons; the country of two leagues is not known yet, nor the name of a type."""
    rows = answer(*ALL)
    for league in rows["leagues"]:
        league["country_id"] = None if league["id"] in (COUNTRY.league_id, NEIGHBOUR.league_id) else league["id"]
    football.load(MOMENTS[0], rows)


def second_step(football: Football) -> None:
    """Everything changes."""
    moved = replace(MOVED_FROM.matches[0], home=9300, away=9301)
    football.fetch(MOMENTS[1], LISTED.changed(replace(LISTED.matches[0], state=POSTPONED)), details=False)
    football.fetch(
        MOMENTS[1],
        first_as(DELETED_FOR_AN_HOUR, state=DELETED),
        replace(MOVED_TO, matches=(*MOVED_TO.matches, moved)),
        deducted(WITHDRAWN),
        deducted(EDITED),
        first_as(EMPTIED, events=(), lineups=(), statistics=()),
        first_as(CORRECTED, goals=(0, 2)),
    )
    football.load(MOMENTS[1], {"stages": season_rows(replace(STAGE, stage_type=STAGE_AS_KNOCK_OUT))["stages"]})
    football.load(MOMENTS[1], {"leagues": answer(COUNTRY)["leagues"]})


def third_step(football: Football) -> None:
    """Some of it changes back, the rest goes on; lookups follow."""
    football.fetch(MOMENTS[2], LISTED, details=False)
    football.fetch(
        MOMENTS[2],
        DELETED_FOR_AN_HOUR,
        deducted(WITHDRAWN, active=False),
        deducted(EDITED, value=5),
        EMPTIED,
        first_as(CORRECTED, goals=(0, 2), day=DAY - dt.timedelta(days=3)),
        replace(ENDED, finished=True),
    )
    countries = answer(NEIGHBOUR)["leagues"]
    football.load(MOMENTS[2], {"leagues": [{**row, "country_id": COUNTRY.league_id} for row in countries]})
    football.load(
        MOMENTS[2],
        {
            "types": [{"id": 14, "name": "Goal"}],
            "states": [{"id": 5, "state": "FT", "name": "Full"}],
            "teams": [{**row, "name": "Z"} for row in answer(RENAMED)["teams"] if row["id"] == 9222],
            "stages": [{**row, "name": "Play-offs"} for row in season_rows(ENDED)["stages"]],
        },
    )
    football.warehouse.execute("insert into staging.team_aliases (team_id, canonical_team_id) values (9169, 9160)")


STEPS = (first_step, second_step, third_step)
Tables = dict[str, list[Row]]


def tables(warehouse: Warehouse) -> Tables:
    """All tables of football, rows by column name: marts, and the steps below them."""
    columns: dict[str, list[str]] = {}
    for schema, table, column in warehouse.execute(
        "select table_schema, table_name, column_name from information_schema.columns"
        " inner join information_schema.tables using (table_schema, table_name)"
        " where table_type = 'BASE TABLE' and table_schema in ('football', 'intermediate') order by ordinal_position"
    ):
        columns.setdefault(f"{schema}.{table}", []).append(column)
    return {
        name.split(".")[1]: [dict(zip(names, row, strict=True)) for row in warehouse.table(name)]
        for name, names in columns.items()
    }


@dataclass
class Told:
    """What stood after each step, and after a full build over the same rows (none was made after the first)."""

    incremental: list[Tables]
    full: list[Tables]

    def of(self, step: int, table: str, told: Season) -> list[Row]:
        """Rows of a season after a step."""
        return [row for row in self.incremental[step - 1][table] if row["season_id"] == told.id]

    def counts(self, table: str, told: Season) -> list[int]:
        """How many rows of a season there were after each step."""
        return [len(self.of(step, table, told)) for step in (1, 2, 3)]

    def latest(self, step: int, told: Season) -> dict[int, tuple[int, int]]:
        """Place and points of each team by the last table."""
        rows = [row for row in self.of(step, "fct_standings", told) if row["is_latest"]]
        return {row["team_id"]: (row["position"], row["points"]) for row in rows}


def tell(warehouse: Warehouse) -> Told:
    """All histories."""
    football = Football(warehouse)
    football.create_views()
    for step in STEPS[:2]:
        step(football)
    football.build()
    whole = tables(warehouse)

    football = Football(warehouse)
    football.create_views()
    parts = []
    for step in STEPS:
        step(football)
        football.build()
        parts.append(tables(warehouse))
    football.build("--full-refresh")
    return Told(parts, [{}, whole, tables(warehouse)])


@pytest.fixture(scope="module")
def all_told(warehouse_on: Callable[[str], Warehouse]) -> dict[str, Told]:
    return {engine: tell(warehouse_on(engine)) for engine in ENGINES}


@pytest.fixture(params=ENGINES)
def told(request: pytest.FixtureRequest, all_told: dict[str, Told]) -> Iterator[Told]:
    return all_told[request.param]


@pytest.mark.parametrize("step", [2, 3])
def test_every_table_equals_a_full_build(told: Told, step: int) -> None:
    incremental, full = told.incremental[step - 1], told.full[step - 1]
    assert incremental.keys() == full.keys() and len(full) > 30
    assert {name: rows for name, rows in incremental.items() if rows != full[name]} == {}


def test_both_engines_agree(all_told: dict[str, Told]) -> None:
    duckdb, postgres = (all_told[engine].incremental[-1] for engine in ENGINES)
    assert {name for name, rows in duckdb.items() if rows != postgres[name]} == set()


def test_a_final_fixture_that_is_deleted_for_an_hour_counts_again(told: Told) -> None:
    assert told.counts("fct_standings", DELETED_FOR_AN_HOUR) == [9, 6, 9]
    assert told.counts("fct_team_ratings", DELETED_FOR_AN_HOUR) == [6, 4, 6]


def test_the_list_says_postponed_and_then_the_old_state_again(told: Told) -> None:
    (first, *_) = LISTED.matches
    states = [
        row["state_id"]
        for step in (1, 2, 3)
        for row in told.of(step, "fct_fixtures", LISTED)
        if row["fixture_id"] == first.id
    ]
    assert states == [5, 10, 5]
    assert told.counts("fct_standings", LISTED) == [9, 6, 9]
    assert told.counts("fct_team_ratings", LISTED) == [6, 4, 6]


def test_a_fixture_that_moves_to_another_season_leaves_the_old_table(told: Told) -> None:
    assert told.counts("fct_standings", MOVED_FROM) == [9, 6, 6]
    played = {row["team_id"]: row["played"] for row in told.of(2, "fct_standings", MOVED_TO) if row["is_latest"]}
    assert played == {9300: 3, 9301: 3, 9302: 2}


def test_matches_move_to_the_pool_of_a_country_that_arrives_late(told: Told) -> None:
    pools = [
        {row["pool_id"] for played in (COUNTRY, NEIGHBOUR) for row in told.of(step, "fct_team_ratings", played)}
        for step in (1, 2, 3)
    ]
    country, neighbour = COUNTRY.league_id, NEIGHBOUR.league_id
    assert pools == [{-country, -neighbour}, {country, -neighbour}, {country}]


def test_a_stage_that_turns_out_to_be_a_knock_out_has_no_table(told: Told) -> None:
    assert told.counts("fct_standings", STAGE) == [9, 0, 0]


def test_a_stage_that_is_renamed_has_its_new_name(told: Told) -> None:
    assert {row["stage_name"] for row in told.of(3, "fct_fixtures", ENDED)} == {"Play-offs"}


def test_an_alias_that_is_added_unites_two_teams(told: Told) -> None:
    assert told.latest(2, ALIAS).keys() == {9160, 9161, 9162, 9169}
    assert told.latest(3, ALIAS).keys() == {9160, 9161, 9162}
    assert {row["team_id"] for row in told.of(3, "fct_team_ratings", ALIAS)} == {9160, 9161, 9162}


def test_a_deduction_that_is_told_and_made_inactive_on_one_day_is_none(told: Told) -> None:
    assert told.counts("fct_fixture_changes", WITHDRAWN) == [0, 1, 0]
    points = [told.latest(step, WITHDRAWN)[WITHDRAWN.matches[0].home][1] for step in (1, 2, 3)]
    assert points == [6, 3, 6]


def test_a_deduction_that_is_edited_counts_as_it_is_now(told: Told) -> None:
    points = [told.latest(step, EDITED)[EDITED.matches[0].home][1] for step in (1, 2, 3)]
    assert points == [6, 3, 1]


def test_a_final_fixture_without_a_kickoff_is_a_meeting_without_a_date(told: Told) -> None:
    (first, *_) = NO_KICKOFF.matches
    (pair,) = [
        row
        for row in told.incremental[-1]["rpt_head_to_head"]
        if (row["team_id"], row["opponent_team_id"]) == (first.home, first.away)
    ]
    assert (pair["played"], pair["won"], pair["last_met_at"]) == (1, 1, None)
    assert told.counts("fct_standings", NO_KICKOFF) == [6, 6, 6]


def test_events_lineups_and_statistics_that_are_emptied_go_and_come_back(told: Told) -> None:
    for name in ("fct_fixture_events", "fct_lineups", "fct_fixture_statistics"):
        assert told.counts(name, EMPTIED) == [1, 0, 1]
    assert [row["kind"] for row in told.of(2, "fct_fixture_changes", EMPTIED)] == ["event_vanished"]
    assert told.of(3, "fct_fixture_changes", EMPTIED) == []


def test_a_type_that_is_named_late_names_its_events(told: Told) -> None:
    names = [row["type_name"] for step in (1, 3) for row in told.of(step, "fct_fixture_events", EMPTIED)]
    assert names == [None, "Goal"]


def test_a_score_and_a_date_that_are_corrected_move_table_and_ratings(told: Told) -> None:
    home = CORRECTED.matches[0].home
    assert [told.latest(step, CORRECTED)[home][1] for step in (1, 2, 3)] == [6, 3, 3]
    days = [min(row["played_on"] for row in told.of(step, "fct_team_ratings", CORRECTED)) for step in (1, 2, 3)]
    assert days == [DAY, DAY, DAY - dt.timedelta(days=3)]


def test_teams_that_are_level_in_all_follow_a_new_name(told: Told) -> None:
    orders = [sorted((place, team) for team, (place, _) in told.latest(step, RENAMED).items()) for step in (2, 3)]
    assert [[team for _, team in order] for order in orders] == [[9222, 9220, 9221], [9220, 9221, 9222]]


def test_a_season_that_ends_without_a_match_makes_its_table_final(told: Told) -> None:
    finals = [{row["is_final"] for row in told.of(step, "fct_standings", ENDED) if row["is_latest"]} for step in (2, 3)]
    assert finals == [{False}, {True}]
