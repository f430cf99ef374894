"""The football marts against the rules told a second time, in Python; and incremental builds against full ones."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.dbt.football import (
    AFTER_EXTRA_TIME,
    AWARDED,
    CANCELLED,
    DELETED,
    FULL_TIME,
    NOT_STARTED,
    POSTPONED,
    STAGE_AS_KNOCK_OUT,
    Football,
    Match,
    Season,
    season_rows,
    team_name,
)
from tests.dbt.warehouse import ENGINES, Row, Warehouse

AUTUMN = dt.date(2025, 8, 1)
# of the first answer
NOON = dt.datetime(2025, 10, 1, 12)
# leagues of the seed standings_policies, by the ranking that 2025 has there
LEAGUES = {"goal_difference": 9001, "goals_for": 9002, "head_to_head": 9003, "points_per_game": 9005}
UNLISTED_LEAGUE, LA_LIGA = 9999, 564
DECIDED = (FULL_TIME, AFTER_EXTRA_TIME, 8, 14, AWARDED)
DEAD = (CANCELLED, 15, DELETED)

Line = tuple[int, int, int, int, int]  # position, team, points, goal difference, goals scored


@dataclass(frozen=True)
class Rules:
    """How a table is ordered."""

    ranking: str = "goal_difference"
    points_for_win: int = 3


def counts_from(season: Season, correction: Row) -> dt.date:
    """The day from which a correction counts: when it was decided, else when it was first seen in its season."""
    if "created_at" in correction:
        return dt.date.fromisoformat(correction["created_at"][:10])
    return NOON.date() if season.start == NOON.year else dt.date(season.start, 8, 1)


def deducted(season: Season, team: int, day: dt.date, first: dt.date) -> int:
    """Points taken from a team by a day."""
    return sum(
        row.get("value", 3)
        for row in season.corrections
        if row["participant_id"] == team and max(counts_from(season, row), first) <= day
    )


def table_of(season: Season, day: dt.date, rules: Rules) -> list[Line]:
    """The table as of a day, by the rules."""
    alive = [match for match in season.matches if match.state not in DEAD]
    played = [match for match in alive if match.state in DECIDED and match.day and match.day <= day]
    first = min(match.day for match in alive if match.state in DECIDED and match.day)
    teams = {team for match in alive for team in (match.home, match.away)}

    def tally(matches: list[Match]) -> dict[int, tuple[int, int, int, int]]:
        totals: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for match in matches:
            for team, scored, conceded in ((match.home, *match.goals), (match.away, *match.goals[::-1])):
                totals[team][0] += rules.points_for_win if scored > conceded else int(scored == conceded)
                totals[team][1] += scored - conceded
                totals[team][2] += scored
                totals[team][3] += 1
        return {team: tuple(totals[team]) for team in teams}  # type: ignore[misc]

    overall = tally(played)
    points = {team: overall[team][0] - deducted(season, team, day, first) for team in teams}

    def by_all_goals(team: int) -> tuple[Any, ...]:
        difference, scored = overall[team][1:3]
        return (-scored, -difference) if rules.ranking == "goals_for" else (-difference, -scored)

    def parted(group: list[int]) -> list[int]:
        """Teams level on points in their order: by their own matches, over and over."""
        among = [match for match in alive if match.home in group and match.away in group]
        if any(match not in played for match in among):
            return sorted(group, key=lambda team: (by_all_goals(team), team_name(team)))
        own = tally(among)
        ordered: list[int] = []
        for _, part in itertools.groupby(
            sorted(group, key=lambda team: own[team][:2], reverse=True), key=lambda team: own[team][:2]
        ):
            level = list(part)
            if len(level) < len(group):
                ordered += parted(level)
            else:
                ordered += sorted(level, key=lambda team: (by_all_goals(team), team_name(team)))
        return ordered

    def merit(team: int) -> float:
        if rules.ranking == "points_per_game":
            return points[team] / overall[team][3] if overall[team][3] else 0
        return points[team]

    order: list[int] = []
    for _, group in itertools.groupby(sorted(teams, key=merit, reverse=True), key=merit):
        level = list(group)
        if rules.ranking == "head_to_head":
            order += parted(level)
        else:
            order += sorted(level, key=lambda team: (by_all_goals(team), team_name(team)))
    return [(place, team, points[team], *overall[team][1:3]) for place, team in enumerate(order, 1)]


def days_of(season: Season) -> list[dt.date]:
    """The days on which the table of a season changes."""
    days = {match.day for match in season.matches if match.state in DECIDED and match.day}
    first = min(days)
    return sorted(days | {max(counts_from(season, row), first) for row in season.corrections})


def random_season(season_id: int, league_id: int, seed: int, start: int = 2025) -> Season:
    """Six teams that score little, so that many are level; some matches are not played, some are decided elsewhere."""
    chance = random.Random(seed)
    teams = [season_id * 10 + number for number in range(6)]
    matches = []
    for number, (home, away) in enumerate(itertools.permutations(teams, 2)):
        state = chance.choice([FULL_TIME] * 20 + [AFTER_EXTRA_TIME, AWARDED, CANCELLED])
        if seed % 3 == 0 and chance.random() < 0.1:
            state = chance.choice([POSTPONED, NOT_STARTED])
        day = dt.date(start, 8, 10) + dt.timedelta(days=chance.randrange(12))
        goals = (chance.choice([0, 0, 1, 1, 2]), chance.choice([0, 0, 1, 2]))
        matches.append(Match(season_id * 1000 + number, day, home, away, goals, state))
    corrections: list[Row] = []
    if seed % 2:
        corrections.append({"id": season_id * 10, "participant_id": teams[0]})
        corrections.append(
            {"id": season_id * 10 + 1, "participant_id": teams[1], "value": 2, "created_at": f"{start}-08-15 10:00:00"}
        )
    return Season(season_id, league_id, start, tuple(matches), tuple(corrections))


def mini_league(season_id: int, results: dict[tuple[int, int], tuple[int, int]]) -> Season:
    """A season of named results among teams 1, 2, 3 ..., one a day."""
    first = season_id * 1000
    return Season(
        season_id,
        LEAGUES["head_to_head"],
        2025,
        tuple(
            Match(first + number, AUTUMN + dt.timedelta(number), season_id * 10 + home, season_id * 10 + away, goals)
            for number, ((home, away), goals) in enumerate(results.items())
        ),
    )  # fmt: skip


RANDOM = {
    **{
        100 * place + seed: (random_season(100 * place + seed, league, seed), Rules(ranking))
        for place, (ranking, league) in enumerate(LEAGUES.items(), 1)
        for seed in range(8 if ranking == "head_to_head" else 3)
    },
    600: (random_season(600, UNLISTED_LEAGUE, 1), Rules()),
    601: (random_season(601, LA_LIGA, 1, start=1994), Rules("head_to_head", points_for_win=2)),
    602: (random_season(602, LA_LIGA, 2, start=1995), Rules("head_to_head")),
}

# 1, 2 and 3 are level; among them 1 is first, and 2 and 3 have the same points and goals, so that their own two matches
# part them: 3 has won these, though 2 has by far the best goal difference of all
RESTARTED = mini_league(
    701,
    {
        (1, 2): (1, 0), (2, 1): (1, 0), (1, 3): (1, 0), (3, 1): (0, 1), (2, 3): (0, 1), (3, 2): (0, 0),
        (1, 4): (0, 0), (4, 1): (1, 0), (2, 4): (9, 0), (4, 2): (0, 1), (3, 4): (1, 0), (4, 3): (0, 1),
    },
)  # fmt: skip
# 1 and 2 are level, and the second of their matches was put off: until it is played goals of all matches part them
WAITING = mini_league(702, {(1, 2): (1, 0), (2, 1): (0, 0), (2, 3): (5, 0), (1, 3): (0, 1), (3, 4): (1, 0)})
WAITING = WAITING.changed(replace(WAITING.matches[1], state=POSTPONED))
# the same, but cancelled: the one that was played is all there is
CALLED_OFF = mini_league(703, {(1, 2): (1, 0), (2, 1): (0, 0), (2, 3): (5, 0), (1, 3): (0, 1), (3, 4): (1, 0)})
CALLED_OFF = CALLED_OFF.changed(replace(CALLED_OFF.matches[1], state=CANCELLED))
MINI = {season.id: (season, Rules("head_to_head")) for season in (RESTARTED, WAITING, CALLED_OFF)}

EVENTS: tuple[Row, ...] = (
    {"id": 1, "type_id": 14, "player_id": 71, "player_name": "First", "minute": 10},
    {"id": 2, "type_id": 14, "player_id": 72, "player_name": "Second", "minute": 20},
)
STARTERS: tuple[Row, ...] = ({"id": 1, "team_id": 8010, "type_id": 11, "player_id": 71, "player_name": "First"},)
CORNERS: tuple[Row, ...] = ({"id": 1, "type_id": 34, "participant_id": 8010, "value": 4.0},)
SHOOT_OUT = {"PENALTIES": (4, 3), "1ST_HALF": (1, 0), "ET": (0, 0)}
# what happens to it is told in parts
TOLD = Season(
    801,
    LEAGUES["head_to_head"],
    2025,
    (
        Match(801001, dt.date(2025, 9, 1), 8010, 8011, (2, 0), FULL_TIME, {}, EVENTS, STARTERS, CORNERS),
        Match(801002, dt.date(2025, 9, 8), 8011, 8012, (1, 1)),
        Match(801003, dt.date(2025, 9, 15), 8012, 8010, (0, 0), NOT_STARTED, {}),
        Match(801004, dt.date(2025, 9, 22), 8011, 8010, (3, 1), FULL_TIME, {}, EVENTS, STARTERS, CORNERS),
    ),
)
CUP = Season(
    802,
    LEAGUES["head_to_head"],
    2025,
    (
        Match(802001, dt.date(2025, 9, 2), 8010, 8011, (1, 1), 8, SHOOT_OUT, EVENTS, STARTERS, CORNERS),
        Match(802002, dt.date(2025, 9, 3), 8010, 8011, (3, 0), AWARDED),
    ),
    stage_type=STAGE_AS_KNOCK_OUT,
)  # fmt: skip
# the sandbox's second id of a team
TWINS = Season(
    803,
    LEAGUES["goal_difference"],
    2025,
    (Match(803001, AUTUMN, 900371, 900302, (1, 0)), Match(803002, AUTUMN, 900302, 900301, (0, 1))),
)
MARTS = (
    "dim_leagues", "dim_players", "dim_seasons", "dim_teams", "fct_fixture_changes", "fct_fixture_events",
    "fct_fixture_statistics", "fct_fixtures", "fct_lineups", "fct_standings", "fct_team_ratings",
    "rpt_fixture_coverage", "rpt_form", "rpt_head_to_head", "rpt_top_scorers",
)  # fmt: skip


def day(number: int) -> dt.datetime:
    """Noon of a day in October 2025."""
    return NOON + dt.timedelta(days=number - 1)


@dataclass
class Story:
    """All seasons on one engine: the marts after the first build, after three more parts, and rebuilt in full."""

    football: Football
    parts: list[dict[str, list[Row]]]
    full: dict[str, list[Row]]

    @property
    def last(self) -> dict[str, list[Row]]:
        return self.parts[-1]

    def standing(self, part: int, season: Season, on: dt.date) -> list[Row]:
        rows = self.parts[part]["fct_standings"]
        wanted = [row for row in rows if row["season_id"] == season.id and row["standing_on"] == on]
        return sorted(wanted, key=lambda row: row["position"])


def read(football: Football) -> dict[str, list[Row]]:
    """All marts, rows by column name."""
    marts = {}
    for name in MARTS:
        columns = [
            column
            for (column,) in football.warehouse.execute(
                "select column_name from information_schema.columns "
                f"where table_schema = 'football' and table_name = '{name}' order by ordinal_position"
            )
        ]
        rows = football.warehouse.table(f"football.{name}")
        marts[name] = [dict(zip(columns, row, strict=True)) for row in rows]
    return marts


def tell(warehouse: Warehouse) -> Story:
    """The story."""
    football = Football(warehouse)
    seasons = [season for season, _ in (RANDOM | MINI).values()]
    others = [*seasons, CUP, TWINS]
    football.load(day(1), {"types": [{"id": 14, "name": "Goal"}], "states": [{"id": 5, "state": "FT", "name": "Full"}]})
    football.fetch(day(1), TOLD, *others)
    football.create_views()
    football.build("--full-refresh")
    parts = [read(football)]

    # a score is corrected; an event is rescinded, one vanishes; points are taken; a match is put off. The list leaves
    # out the fourth match: once is not enough, nor twice a day, nor a sweep that broke off
    first, second, third, fourth = TOLD.matches
    told = replace(
        TOLD.changed(
            replace(first, goals=(2, 1), events=({**EVENTS[0], "rescinded": True},)),
            replace(third, state=POSTPONED),
        ),
        corrections=({"id": 1, "participant_id": 8010, "value": 4, "created_at": "2025-09-10 00:00:00"},),
    )
    listed = [match.id for season in (told, *others) for match in season.matches if match != fourth]
    football.fetch(day(2), told)
    for moment, complete in ((day(3), True), (day(3) + dt.timedelta(hours=1), True), (day(4), False)):
        football.fetch(moment, told, *others, listed=listed, details=False)
        football.sweep(moment, complete)
    football.build()
    parts.append(read(football))

    # on another day it is; all children of the first are emptied; the second is deleted; points are given back
    football.fetch(day(5), told, *others, listed=listed, details=False)
    football.sweep(day(5))
    final = replace(
        told.changed(
            replace(first, goals=(2, 1), events=(), lineups=(), statistics=()),
            replace(second, state=DELETED),
            replace(third, day=dt.date(2025, 9, 30), goals=(1, 2), state=FULL_TIME),
        ),
        corrections=({"id": 2, "participant_id": 8011, "value": 1, "calc_type": "+"},),
    )
    football.fetch(day(6), replace(final, matches=final.matches[:3]))
    # a season ends with a match that was never played
    football.load(day(6), {"seasons": season_rows(replace(WAITING, finished=True))["seasons"]})
    football.build()
    parts.append(read(football))

    football.build("--full-refresh")
    return Story(football, parts, read(football))


@pytest.fixture(scope="module")
def stories(warehouse_on: Callable[[str], Warehouse]) -> dict[str, Story]:
    return {engine: tell(warehouse_on(engine)) for engine in ENGINES}


@pytest.fixture(params=ENGINES)
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Iterator[Story]:
    return stories[request.param]


def lines(rows: list[Row]) -> list[Line]:
    return [(row["position"], row["team_id"], row["points"], row["goal_difference"], row["goals_for"]) for row in rows]


@pytest.mark.parametrize("season_id", RANDOM | MINI)
def test_tables_follow_the_rules_on_every_day(story: Story, season_id: int) -> None:
    season, rules = (RANDOM | MINI)[season_id]
    found = defaultdict(list)
    for row in story.parts[0]["fct_standings"]:
        if row["season_id"] == season_id:
            found[row["standing_on"]].append(row)
    tables = {on: lines(sorted(rows, key=lambda row: row["position"])) for on, rows in found.items()}
    assert tables == {on: table_of(season, on, rules) for on in days_of(season)}


def places(story: Story, season: Season) -> list[tuple[int, int | None]]:
    """The first table's last day: each team, without its season, and its place after head-to-head."""
    rows = story.standing(0, season, season.matches[-1].day)
    return [(row["team_id"] % 10, row["head_to_head_position"]) for row in rows]


def test_head_to_head_starts_again_in_what_is_level(story: Story) -> None:
    assert places(story, RESTARTED) == [(1, 1), (3, 2), (2, 3), (4, None)]


def test_head_to_head_waits_for_matches_put_off_and_not_for_cancelled_ones(story: Story) -> None:
    assert places(story, WAITING) == [(3, None), (2, None), (1, None), (4, None)]
    assert places(story, CALLED_OFF) == [(3, None), (1, 2), (2, 3), (4, None)]


def test_a_table_is_final_once_nothing_is_left_to_play_or_the_season_is_over(story: Story) -> None:
    finals = {row["season_id"] for row in story.parts[0]["fct_standings"] if row["is_final"]}
    done = {
        season.id
        for season, _ in (RANDOM | MINI).values()
        if all(match.state in (*DECIDED, *DEAD) for match in season.matches)
    }
    assert {season_id for season_id in finals if season_id in RANDOM | MINI} == done
    over = [
        any(row["is_final"] for row in part["fct_standings"] if row["season_id"] == WAITING.id) for part in story.parts
    ]
    assert over == [False, False, True]
    assert all(row["is_latest"] for row in story.last["fct_standings"] if row["is_final"])


def test_home_and_away_add_up(story: Story) -> None:
    for row in story.last["fct_standings"]:
        for count in ("played", "won", "drawn", "lost", "goals_for", "goals_against", "goal_difference"):
            assert row[count] == row[f"home_{count}"] + row[f"away_{count}"]


@pytest.mark.parametrize("name", MARTS)
def test_an_incremental_build_equals_a_full_one(story: Story, name: str) -> None:
    assert story.last[name] == story.full[name]
    assert story.last[name]


@pytest.mark.parametrize("name", MARTS)
def test_both_engines_give_the_same_rows(stories: dict[str, Story], name: str) -> None:
    assert stories["duckdb"].last[name] == stories["postgres"].last[name]


def test_a_corrected_score_keeps_the_first_one(story: Story) -> None:
    scores = [
        (row["first_score"], row["latest_score"], row["score_versions"])
        for part in story.parts
        for row in part["fct_fixtures"]
        if row["fixture_id"] == 801001
    ]
    assert scores == [("2-0", "2-0", 1), ("2-0", "2-1", 2), ("2-0", "2-1", 2)]


def test_events_that_are_rescinded_stay_marked_and_those_that_vanish_go(story: Story) -> None:
    events = [
        [(row["event_id"], row["is_rescinded"]) for row in part["fct_fixture_events"] if row["fixture_id"] == 801001]
        for part in story.parts
    ]
    assert events == [[(1, False), (2, False)], [(1, True)], []]
    scorers = [[row["goals"] for row in part["rpt_top_scorers"] if row["season_id"] == TOLD.id] for part in story.parts]
    assert scorers == [[2, 2], [1, 1], []]
    assert [len(part["fct_lineups"]) for part in story.parts] == [3, 3, 1]


def test_two_complete_sweeps_on_different_days_make_a_tombstone(story: Story) -> None:
    deleted = [sorted(row["fixture_id"] for row in part["fct_fixtures"] if row["is_deleted"]) for part in story.parts]
    assert deleted == [[], [], [801002, 801004]]
    (tombstone,) = [row for row in story.last["fct_fixtures"] if row["fixture_id"] == 801004]
    assert tombstone["deleted_at"] == day(5) + dt.timedelta(seconds=30)
    for name in ("fct_team_ratings", "fct_lineups", "fct_fixture_statistics", "fct_fixture_events"):
        there = [801004 in {row["fixture_id"] for row in part[name]} for part in story.parts]
        assert there == [True, True, False]


def test_deductions_count_from_their_day_until_they_are_withdrawn(story: Story) -> None:
    taken = [
        {row["standing_on"].day: row["points_deducted"] for row in part["fct_standings"] if row["team_id"] == 8010}
        for part in story.parts
    ]
    assert taken == [{1: 0, 8: 0, 22: 0}, {1: 0, 8: 0, 10: 4, 22: 4}, {1: 0, 30: 0, 6: 0}]


def test_changes_are_listed(story: Story) -> None:
    changes = {
        (row["kind"], row["fixture_id"], row["before"], row["after"])
        for row in story.last["fct_fixture_changes"]
        if row["season_id"] == TOLD.id
    }
    assert changes == {
        ("score_corrected", 801001, "2-0", "2-1"),
        ("event_vanished", 801001, "Goal 10' First", None),
        ("event_vanished", 801001, "Goal 20' Second", None),
        ("postponed", 801003, "2025-09-15 15:00:00", "2025-09-15 15:00:00"),
        ("rescheduled", 801003, "2025-09-15 15:00:00", "2025-09-30 15:00:00"),
        ("deleted", 801002, f"{team_name(8011)} vs {team_name(8012)}", None),
        ("deleted", 801004, f"{team_name(8011)} vs {team_name(8010)}", None),
        ("deducted", None, None, "-4"),
        ("deducted", None, None, "+1"),
    }


def test_a_shoot_out_is_a_draw_and_an_awarded_match_counts_in_neither_form_nor_ratings(story: Story) -> None:
    cup = {row["fixture_id"]: row for row in story.last["fct_fixtures"] if row["season_id"] == CUP.id}
    shoot_out = cup[802001]
    assert (shoot_out["result"], shoot_out["home_penalty_goals"], shoot_out["away_penalty_goals"]) == ("draw", 4, 3)
    assert (shoot_out["home_half_time_goals"], shoot_out["home_extra_time_goals"]) == (1, 0)
    assert [row["form"] for row in story.last["rpt_form"] if row["season_id"] == CUP.id] == ["D", "D"]
    assert not [row for row in story.last["fct_standings"] if row["season_id"] == CUP.id]
    assert {row["fixture_id"] for row in story.last["fct_team_ratings"] if row["season_id"] == CUP.id} == {802001}


def test_two_ids_of_a_team_are_one(story: Story) -> None:
    rows = [row for row in story.last["fct_standings"] if row["season_id"] == TWINS.id and row["is_latest"]]
    assert {row["team_id"]: (row["won"], row["lost"]) for row in rows} == {900301: (2, 0), 900302: (0, 2)}
    (team,) = [row for row in story.last["dim_teams"] if row["team_id"] == 900301]
    assert (team["id_count"], team["names_seen"]) == (2, f"{team_name(900301)}, {team_name(900371)}")


def test_ratings_are_those_of_elo(story: Story) -> None:
    by_day = defaultdict(list)
    for row in story.last["fct_team_ratings"]:
        if row["is_home"]:
            by_day[row["played_on"]].append(row)
    ratings: dict[tuple[int, int], int] = defaultdict(lambda: 150_000)
    found, expected = {}, {}
    for on in sorted(by_day):
        moves: dict[tuple[int, int], int] = defaultdict(int)
        for row in by_day[on]:
            home, away = (row["pool_id"], row["team_id"]), (row["pool_id"], row["opponent_team_id"])
            chance = 1 / (1 + 10 ** ((ratings[away] - ratings[home] - 6_000) / 40_000))
            score = (1 + (row["goals_for"] > row["goals_against"]) - (row["goals_for"] < row["goals_against"])) / 2
            move = round(2_000 * (score - chance))
            moves[home] += move
            moves[away] -= move
            found[row["fixture_id"]] = row["rating_before_hundredths"], row["expected_score"]
            expected[row["fixture_id"]] = ratings[home], pytest.approx(chance, abs=1e-4)
        for team, move in moves.items():
            ratings[team] += move
        for row in by_day[on]:
            assert row["rating_after_hundredths"] == ratings[row["pool_id"], row["team_id"]]
    assert found == expected


def test_the_data_tests_hold(stories: dict[str, Story]) -> None:
    stories["duckdb"].football.warehouse.dbt(
        "test",
        "--select",
        "path:models/marts/football",
        "standings_policies",
        "team_aliases",
        "--exclude",
        "test_type:unit",
        "test_type:singular",
    )
    for name in ("head_to_head_leaves_nothing_to_split", "standings_agree_with_the_api"):
        stories["duckdb"].football.warehouse.dbt("test", "--select", name)
