"""The simulated football world: complete calendars, matches that add up, fates at their moments, and true tables."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from pipelines.sandbox import clubs, tables
from pipelines.sandbox.football import DECIDED, FINAL, GONE, Fixture, Football, look
from pipelines.sandbox.match import GOAL, OWN_GOAL, PENALTY, SCORED, play, score_at
from pipelines.sandbox.seasons import CUP_MIDWEEKS, HOUR, MINUTE, Season, epoch, league_calendar, season_of
from pipelines.sandbox.tables import Result, Row, standings, table, top_scorers
from pipelines.sandbox.world import DAY

NOW = epoch(2026, 11, 22) + 20 * HOUR
PAST = epoch(2027, 6, 30)  # both seasons of the demo are over


@pytest.fixture(scope="module")
def world() -> Football:
    return Football(7, NOW)


def season(league: int, year: int = 2025) -> Season:
    return season_of(clubs.LEAGUE_BY_ID[league], year)


def every(world: Football, fate: str | None = None) -> list[Fixture]:
    """Return the fixtures of the demo, or those that a fate befalls."""
    found = [fixture for item in world.seasons(NOW) for fixture in world.fixtures_of(item)]
    return found if fate is None else [fixture for fixture in found if fixture.fate == fate]


# -- size, ids, calendar


@pytest.mark.parametrize("size", [0, 1, 37, 500, 3166])
def test_a_world_has_exactly_as_many_fixtures_as_it_is_asked_for(size: int) -> None:
    for now in (NOW, epoch(2026, 7, 15)):
        assert len(list(Football(3, now, size).fixtures_at(now))) == size


def test_a_world_of_67085_is_exact_with_ascending_ids_and_few_deductions() -> None:
    world = Football(7, NOW, 67_085)
    ids = [fixture.fixture.id for fixture in world.fixtures_at(NOW)]
    assert len(ids) == 67_085 and ids == sorted(set(ids))
    assert 3 <= sum(len(world.deductions_of(item)) for item in world.seasons(NOW)) <= 8
    current = {item.league.id for item in world.seasons(NOW) if item.year == 2026}
    assert len(current) == 8 and len(world.seasons(NOW)) > 200


def test_more_than_a_hundred_thousand_are_refused() -> None:
    with pytest.raises(ValueError, match="100000"):
        Football(fixtures=100_001)


def test_ids_do_not_change_with_the_size_of_the_world(world: Football) -> None:
    large = Football(7, NOW, 9000)
    for fixture in every(world):
        assert large.fixture(fixture.id) == fixture


def test_the_demo_shows_the_seasons_since_2025_from_the_first_of_june_on(world: Football) -> None:
    def years(now: float) -> set[int]:
        return {item.year for item in world.seasons(now)}

    june = epoch(2027, 6, 1)
    assert (years(NOW), years(june - 1), years(june)) == ({2025, 2026}, {2025, 2026}, {2025, 2026, 2027})
    assert years(epoch(2026, 5, 31)) == {2025} and years(epoch(2025, 5, 31)) == set()


def test_in_a_league_everyone_meets_everyone_at_home_and_away_once_and_plays_once_a_round(world: Football) -> None:
    for league in (league for league in clubs.LEAGUES if league.size):
        played = [fixture for fixture in world.fixtures_of(season(league.id)) if fixture.fate not in GONE]
        pairs = {(fixture.home, fixture.away) for fixture in played}
        assert len(pairs) == len(played) == league.size * (league.size - 1)
        rounds = Counter((fixture.round, team) for fixture in played for team in (fixture.home, fixture.away))
        assert len(rounds) == 2 * len(played) and max(rounds.values()) == 1
        at_home = Counter(fixture.home for fixture in played)
        assert set(at_home.values()) == {league.size - 1}


def test_no_team_ever_has_two_matches_on_a_day() -> None:
    world = Football(11, NOW, 3166)
    days: Counter[tuple[int, int]] = Counter()
    for fixture in (fixture for fixture in every(world) if fixture.fate not in GONE):
        for moment in {fixture.planned, fixture.kickoff}:
            for team in (fixture.home, fixture.away):
                days[clubs.TEAMS[team].club, moment // DAY] += 1
    assert max(days.values()) == 1 and len(days) > 6000


def test_wherever_a_match_may_be_moved_its_teams_are_free(world: Football) -> None:
    for year in (2025, 2026):
        start = season(9001, year).start
        cup_days = {start // DAY + week * 7 + day for week in CUP_MIDWEEKS for day in (3, 4, 13)}
        assert {f.kickoff // DAY for f in world.fixtures_of(season(9007, year))} <= cup_days
        for league in (league for league in clubs.LEAGUES if league.size):
            days: Counter[tuple[int, int]] = Counter()
            for slot in league_calendar(season(league.id, year)):
                for team in (slot.home, slot.away):
                    days.update([(team, slot.planned // DAY), (team, slot.instead // DAY)])
            assert max(days.values()) == 1 and not cup_days & {day for _, day in days}


def test_seasons_run_from_august_to_may_on_weekends_and_some_midweeks(world: Football) -> None:
    kicked_off = [datetime.fromtimestamp(f.planned, UTC) for f in every(world) if f.season.league.size]
    assert {moment.month for moment in kicked_off} == {8, 9, 10, 11, 12, 1, 2, 3, 4, 5}
    weekdays = Counter(moment.weekday() for moment in kicked_off)
    assert weekdays[5] > weekdays[6] > weekdays[0] > weekdays[1] > 0 and weekdays[2] and not weekdays[3]
    assert len({(moment.hour, moment.minute) for moment in kicked_off if moment.weekday() == 5}) >= 4


def test_names_are_unique_and_neither_they_nor_calendars_depend_on_the_seed(world: Football) -> None:
    names = [team.name for team in clubs.TEAMS.values()]
    assert len(set(names)) == len(names) and sum(not name.isascii() for name in names) > 20
    other = Football(8, NOW)

    def calendar(world: Football) -> list[tuple[int, int, int, int]]:
        fixtures = (f for f in every(world) if f.season.league.size and f.fate not in GONE)
        return [(f.id, f.home, f.away, f.planned) for f in fixtures]

    assert calendar(world) == calendar(other)
    assert [fixture.goals for fixture in every(world)] != [fixture.goals for fixture in every(other)]


def test_a_moment_looks_the_same_whatever_was_asked_before(world: Football) -> None:
    for now in (PAST, NOW, NOW - 200 * DAY):
        assert list(Football(7, NOW).fixtures_at(now)) == list(world.fixtures_at(now))


def test_a_club_that_was_renamed_has_its_old_id_up_to_2025(world: Football) -> None:
    for old, new in clubs.ALIASES.items():
        for year, used, unused in ((2025, old, new), (2026, new, old)):
            teams = {fixture.home for fixture in world.fixtures_of(season(new // 100, year))}
            assert used in teams and unused not in teams
        rows = {row.team_id: row for row in standings(world, season(new // 100).id)}
        assert rows[new].listed_id == old and old not in rows


# -- matches


def test_goals_that_are_not_taken_back_add_up_to_the_score(world: Football) -> None:
    kinds: Counter[int] = Counter()
    for fixture in every(world):
        if look(fixture, PAST).state not in DECIDED or fixture.fate == "walk_over":
            continue
        match = play(7, fixture)
        kinds.update(event.type for event in match.events)
        goals = score_at(match, PAST)
        assert tuple(map(sum, zip(*goals, strict=True))) == fixture.total
        for event in match.events:
            if event.type in SCORED:
                team = match.lineups[1 - event.side if event.type == OWN_GOAL else event.side]
                assert event.player in team[0] + team[1]
    assert {14, 15, 16, 17, 18, 19, 20, 21, 22, 23} == set(kinds)
    assert 0.02 < kinds[OWN_GOAL] / kinds[GOAL] < 0.06 and 0.05 < kinds[PENALTY] / kinds[GOAL] < 0.2


def test_goals_alone_are_the_same_as_in_the_whole_match(world: Football) -> None:
    for fixture in every(world)[:200]:
        whole = [event[1:9] for event in play(7, fixture).events if event.type in SCORED]
        assert [event[1:9] for event in play(7, fixture, goals_only=True).events if event.type in SCORED] == whole


def test_no_one_scores_after_going_off(world: Football) -> None:
    for fixture in every(world)[:500]:
        off: set[int] = set()
        for event in play(7, fixture).events:
            if event.type == 18:
                assert event.player.id not in off
                off.add(event.related.id)
            assert event.type not in (GOAL, PENALTY) or event.player.id not in off


def test_a_match_runs_through_its_states(world: Football) -> None:
    def states(fixture: Fixture) -> list[int]:
        seen = [look(fixture, fixture.kickoff + minute * MINUTE).state for minute in range(-5, 240)]
        return [state for place, state in enumerate(seen) if not place or seen[place - 1] != state]

    plain = [fixture for fixture in every(world) if not fixture.fate and not fixture.filled_at]
    assert states(next(f for f in plain if not f.extra)) == [1, 2, 3, 22, 5]
    cup = [fixture for fixture in every(world) if not fixture.fate and fixture.extra]
    assert states(next(f for f in cup if not f.shoot_out)) == [1, 2, 3, 22, 4, 6, 7]
    assert states(next(f for f in cup if f.shoot_out)) == [1, 2, 3, 22, 4, 6, 25, 9, 8]


def test_the_better_team_wins_more_often_and_goals_are_plausible(world: Football) -> None:
    goals = [sum(fixture.goals) for fixture in every(world)]
    assert 2.3 < sum(goals) / len(goals) < 3.3
    rows = standings(world, season(9001).id)
    assert rows[0].points - rows[-1].points > 25
    home = [fixture.goals[0] - fixture.goals[1] for fixture in every(world)]
    assert sum(home) > 0.15 * len(home)


def test_the_cup_goes_on_with_the_winners_who_replace_their_stand_ins(world: Football) -> None:
    fixtures = world.fixtures_of(season(9007))
    assert Counter(fixture.round for fixture in fixtures) == {1: 6, 2: 16, 3: 8, 4: 4, 5: 2, 6: 1}
    for fixture in fixtures:
        if fixture.round > 1:
            before = [item for item in fixtures if item.round < fixture.round]
            beaten = {(item.home, item.away)[1 - (item.winner or 0)] for item in before}
            assert not beaten & {fixture.home, fixture.away}
        if fixture.filled_at:
            ended = max(item.decided_at for item in fixtures if item.round == fixture.round - 1)
            assert ended < fixture.filled_at < fixture.planned
            early, late = look(fixture, fixture.filled_at - 1), look(fixture, fixture.filled_at)
            assert early.placeholder and not late.placeholder and early.fixture.id == late.fixture.id
            assert any(clubs.TEAMS[team].placeholder for team in (early.home, early.away))
            assert not any(clubs.TEAMS[team].placeholder for team in (late.home, late.away))
    assert sum(fixture.filled_at > 0 for fixture in fixtures) == 6 + 8 + 4 + 2 + 1


# -- fates


def test_fates_have_about_their_shares() -> None:
    world = Football(7, NOW, 20_000)
    fates = Counter(fixture.fate for item in world.seasons(NOW) for fixture in world.fixtures_of(item))
    expected = {
        "postponed": 400, "corrected": 200, "rescinded_card": 200, "rescinded_goal": 200, "awarded": 100,
        "walk_over": 60, "abandoned": 60, "deleted": 40, "merged": 13,
    }  # fmt: skip
    assert set(fates) == {"", "cancelled", *expected}
    for fate, count in expected.items():
        assert 0.6 * count < fates[fate] < 1.5 * count, fate


def test_a_postponed_match_waits_for_a_new_date_under_its_id(world: Football) -> None:
    for fixture in every(world, "postponed"):
        assert 1 * DAY <= fixture.planned - fixture.fate_at <= 4 * DAY
        before, waiting, after = (
            look(fixture, at) for at in (fixture.fate_at - 1, fixture.fate_at, fixture.redated_at)
        )
        assert (before.state, waiting.state, after.state) == (1, 10, 1)
        assert before.starting_at == waiting.starting_at == fixture.planned < after.starting_at
        assert look(fixture, fixture.final_at).state in FINAL


def test_an_abandoned_match_is_replayed_from_the_start_under_its_id(world: Football) -> None:
    for fixture in every(world, "abandoned"):
        moments = (fixture.planned, fixture.fate_at, fixture.redated_at, fixture.final_at)
        assert [look(fixture, at).state for at in moments] == [2, 15, 1, 5]
        assert [look(fixture, at).starting_at for at in moments] == [fixture.planned] * 2 + [fixture.kickoff] * 2


def test_a_correction_changes_the_score_and_the_goals_3_to_30_hours_after_the_end(world: Football) -> None:
    ways = set()
    for fixture in every(world, "corrected"):
        assert 3 * HOUR <= fixture.fate_at - fixture.final_at <= 30 * HOUR
        before, after = look(fixture, fixture.fate_at - 1).goals, look(fixture, fixture.fate_at).goals
        match = play(7, fixture)
        assert before != after == fixture.goals
        for at, goals in ((fixture.fate_at - 1, before), (fixture.fate_at, after)):
            assert tuple(map(sum, zip(*score_at(match, at), strict=True))) == goals
        ways.add(sum(before) - sum(after))
    assert ways == {-1, 1}, "some goals are overlooked, some are one too many"


def test_an_event_is_taken_back_at_its_moment_and_a_goal_no_longer_counts(world: Football) -> None:
    for fate, kinds in (("rescinded_card", {19}), ("rescinded_goal", set(SCORED))):
        for fixture in every(world, fate):
            match = play(7, fixture)
            (taken_back,) = (event for event in match.events if event.rescinded_at < PAST)
            assert taken_back.type in kinds and taken_back.rescinded_at == fixture.fate_at > taken_back.at
    before, after = (sum(map(sum, score_at(match, at))) for at in (fixture.fate_at - 1, fixture.fate_at))
    assert before == after + 1


def test_awarded_matches_and_walk_overs_end_three_nil(world: Football) -> None:
    for fixture in every(world, "awarded"):
        assert 2 * DAY <= fixture.fate_at - fixture.final_at <= 5 * DAY
        assert (look(fixture, fixture.fate_at - 1).state, look(fixture, fixture.fate_at).state) == (5, 17)
        assert sorted(look(fixture, fixture.fate_at).goals) == [0, 3]
    for fixture in every(world, "walk_over"):
        assert {look(fixture, fixture.kickoff + hour * HOUR).state for hour in range(5)} == {14}
        assert sorted(look(fixture, PAST).goals) == [0, 3]


def test_what_was_entered_twice_is_there_from_the_start_and_vanishes_before_its_day(world: Football) -> None:
    twice = every(world, "deleted") + every(world, "merged")
    assert {fixture.fate for fixture in twice} == set(GONE)
    for fixture in twice:
        twins = [f for f in world.fixtures_of(fixture.season) if (f.home, f.away) == (fixture.home, fixture.away)]
        assert len(twins) == 2 and twins[0].planned == fixture.planned
        assert fixture.season.published < fixture.fate_at < fixture.planned
        for at, visible, deleted in ((-1, True, False), (0, False, fixture.fate == "deleted")):
            moment = fixture.fate_at + at
            assert world.is_visible(fixture, moment) is visible and world.is_deleted(fixture, moment) is deleted


def test_a_season_cut_short_ends_in_the_middle_of_a_round_and_goes_by_points_per_game(world: Football) -> None:
    cut = season(9005)
    cut_at = world.cut_at(cut)
    played = [f for f in world.fixtures_of(cut) if look(f, PAST).state in DECIDED]
    cancelled = [f for f in world.fixtures_of(cut) if look(f, PAST).state == 12]
    assert 0.66 < len(played) / 182 < 0.75 and len(played) + len(cancelled) == 182
    assert {look(fixture, cut_at - 1).state for fixture in cancelled} == {1}
    rows = standings(world, cut.id)
    assert {row.played for row in rows} == {18, 19} and tables.rule_of(cut.league, 2025) == "points_per_game"
    per_game = [row.points / row.played for row in rows]
    assert per_game == sorted(per_game, reverse=True)


def test_cancelled_matches_are_in_cups_and_the_season_cut_short_only() -> None:
    world = Football(7, NOW, 20_000)
    where = Counter(
        (f.season.league.id, f.season.year) for item in world.seasons(NOW) for f in world.fixtures_of(item)
        if f.fate == "cancelled"
    )  # fmt: skip
    assert {key for key in where if key[0] != 9007} == {(9005, 2025)} and len(where) > 1


def test_changes_tell_each_moment_at_which_answers_change(world: Football) -> None:
    changes = world.changes(0, PAST)
    assert {change.kind for change in changes} == {
        "postponed", "score_corrected", "event_rescinded", "deleted", "merged", "awarded", "deducted",
        "placeholder_filled",
    }  # fmt: skip
    assert changes == sorted(changes)
    start, end = NOW - 30 * DAY, NOW
    assert world.changes(start, end) == [change for change in changes if start <= change.at < end] != []
    assert {change.ids[0] for change in changes if change.kind == "awarded"} == {f.id for f in every(world, "awarded")}


# -- tables


def rank(rule: str, results: list[tuple[str, str, int, int] | tuple[str, str]], **taken: int) -> str:
    """Return the teams' letters in order. A result is (home, away, goals, goals); without goals it is still to come."""
    names = {letter: letter for result in results for letter in result[:2]}
    number = {letter: place for place, letter in enumerate(sorted(names))}
    given = [Result(number[r[0]], number[r[1]], (r[2], r[3]) if len(r) == 4 else None) for r in results]
    rows = table(
        {number[letter]: letter for letter in names}, given, rule, {number[team]: n for team, n in taken.items()}
    )
    return "".join(row.name for row in rows)


# A, B and C have six points each against D, which loses all; A beat B, B beat C, C beat A
CIRCLE = [("A", "B", 1, 0), ("B", "C", 2, 0), ("C", "A", 1, 0), ("A", "D", 1, 0), ("B", "D", 1, 0), ("C", "D", 9, 0)]


@pytest.mark.parametrize(
    ("rule", "order"), [("goal_difference", "CBAD"), ("goals_for", "CBAD"), ("head_to_head", "BACD")]
)
def test_three_teams_that_beat_each_other_are_ordered_by_the_goals_among_them_or_overall(rule: str, order: str) -> None:
    # among the three: A 1-1, B 2-1, C 1-2
    assert rank(rule, CIRCLE) == order


def test_head_to_head_waits_for_the_last_match_among_those_level() -> None:
    results = [("A", "B", 1, 0), ("A", "C", 0, 5), ("B", "C", 1, 0)]
    assert rank("head_to_head", results) == "CBA"
    assert rank("head_to_head", [*results[:2], ("B", "C", 0, 5)]) == "CAB"
    level = [("A", "B", 1, 0), ("B", "C", 5, 0), ("A", "C", 0, 1), ("B", "A")]
    # all have three points; A won its match with B, but the second leg is to come
    assert rank("head_to_head", level) == "BAC"
    assert rank("head_to_head", level[:3]) == "BAC"


def test_head_to_head_begins_again_in_each_part_that_is_still_level() -> None:
    # four level teams; among them A and B lead C and D, level in points and goals; then only their own match counts
    among = [
        ("A", "B", 1, 0),
        ("A", "C", 1, 0),
        ("A", "D", 0, 1),
        ("B", "C", 1, 0),
        ("B", "D", 1, 0),
        ("C", "D", 1, 0),
    ]  # A 6 (+1), B 6 (+1), C 3 (-1), D 3 (-1)
    outside = [("C", "E", 1, 0), ("D", "E", 9, 0), ("B", "E", 0, 0), ("A", "E", 0, 0)]  # fmt: skip
    extra = [("C", "F", 0, 0), ("D", "F", 0, 0)]
    results = [*among, *outside, *extra]
    points = Counter()
    for home, away, scored, conceded in results:
        points[home] += 3 * (scored > conceded) + (scored == conceded)
        points[away] += 3 * (scored < conceded) + (scored == conceded)
    assert {points[letter] for letter in "ABCD"} == {7}
    assert rank("head_to_head", results)[:4] == "ABCD", "D has the better goal difference, but lost to C"
    assert rank("goal_difference", results)[0] == "D"


def test_goals_for_and_goal_difference_and_points_per_game_differ() -> None:
    results = [("A", "X", 5, 4), ("B", "X", 3, 0), ("C", "X", 1, 0), ("C", "X", 0, 1)]
    assert rank("goals_for", results, X=3)[:2] == "AB" and rank("goal_difference", results, X=3)[:2] == "BA"
    more = [("A", "X", 1, 0), ("B", "X", 1, 0), ("B", "X", 0, 0)]
    assert rank("goal_difference", more) == "BAX" and rank("points_per_game", more) == "ABX"


def test_a_full_tie_is_settled_by_name_and_a_deduction_counts() -> None:
    assert rank("head_to_head", [("B", "A", 1, 1)]) == "AB"
    assert rank("head_to_head", [("B", "A", 1, 1)], A=1) == "BA"
    with pytest.raises(ValueError, match="unknown rule"):
        rank("by_weight", [("A", "B", 1, 0)])


def test_a_table_adds_up(world: Football) -> None:
    for league in (league for league in clubs.LEAGUES if league.size and league.id != 9005):
        rows = standings(world, season(league.id).id)
        assert [row.position for row in rows] == list(range(1, league.size + 1))
        assert {row.played for row in rows} == {2 * league.size - 2}
        assert sum(row.goals_for for row in rows) == sum(row.goals_against for row in rows)
        assert sum(row.won for row in rows) == sum(row.lost for row in rows)
        assert all(row.points == 3 * row.won + row.drawn - row.deduction for row in rows)
        assert {row.home.played for row in rows} == {league.size - 1}
    assert standings(world, season(9007).id) == []
    with pytest.raises(ValueError, match="no season"):
        standings(world, 12345)


def test_a_table_of_a_day_counts_what_kicked_off_by_its_end(world: Football) -> None:
    first = world.fixtures_of(season(9003))[0]
    day = datetime.fromtimestamp(first.season.start, UTC).date()
    rows = standings(world, first.season.id, at=day)
    on_saturday = [f for f in world.fixtures_of(first.season) if f.kickoff // DAY == first.season.start // DAY]
    assert sum(row.played for row in rows) == 2 * len(on_saturday) > 0
    assert standings(world, first.season.id, at=day.isoformat()) == rows
    assert not any(row.played for row in standings(world, first.season.id, known=first.season.start))


def test_a_table_tells_what_is_known_at_a_moment(world: Football) -> None:
    fixture = next(f for f in every(world, "awarded") if tuple(look(f, PAST).goals) != f.goals)

    def line(known: float) -> Row:
        rows = standings(world, fixture.season.id, known=known)
        return next(row for row in rows if row.listed_id == fixture.home)

    before, after = line(fixture.fate_at - 1), line(fixture.fate_at)
    assert before.played == after.played and before.home != after.home


@pytest.mark.parametrize(("league", "year"), [(9001, 2025), (9002, 2026)])
def test_a_deduction_counts_from_its_day_on(world: Football, league: int, year: int) -> None:
    (deduction,) = world.deductions_of(season(league, year))
    day = datetime.fromtimestamp(deduction.at, UTC).date()
    assert day.year == year and day.month <= 11

    def taken(**when: object) -> int:
        rows = standings(world, season(league, year).id, **when)
        return next(row.deduction for row in rows if row.listed_id == deduction.team)

    known = deduction.at + DAY
    assert taken(known=known) == taken(known=known, at=day) == deduction.points > 0
    assert taken(known=deduction.at - 1) == taken(known=known, at=day.replace(month=day.month - 1)) == 0
    points, active = deduction.at_moment(None)
    assert taken() == (points if active else 0)


def test_rules_belong_to_a_league_and_a_season() -> None:
    def rules(league: int) -> list[str | None]:
        return [tables.rule_of(clubs.LEAGUE_BY_ID[league], year) for year in (2024, 2025, 2026)]

    assert rules(9002) == ["goals_for", "goals_for", "goal_difference"]
    assert rules(9005) == ["goal_difference", "points_per_game", "goal_difference"]
    assert rules(9003) == ["head_to_head"] * 3 and rules(9007) == [None] * 3


def test_some_table_depends_on_its_rule() -> None:
    def ranks(world: Football, number: int, rule: str | None) -> list[int]:
        return [row.team_id for row in standings(world, number, rule=rule)]

    differs: dict[str, int] = Counter()
    world = Football(7, NOW, 20_000)
    for item in world.seasons(NOW):
        own = tables.rule_of(item.league, item.year)
        if item.year < 2026 and own in ("head_to_head", "goals_for"):
            differs[own] += ranks(world, item.id, None) != ranks(world, item.id, "goal_difference")
    assert differs["head_to_head"] > 2 and differs["goals_for"] > 2


def test_top_scorers_have_every_goal_but_own_goals(world: Football) -> None:
    scorers = top_scorers(world, season(9001).id)
    expected = 0
    for fixture in world.fixtures_of(season(9001)):
        if look(fixture, PAST).state in FINAL:
            own = sum(e.type == OWN_GOAL and e.rescinded_at > PAST for e in play(7, fixture).events)
            expected += sum(fixture.goals) - own
    assert sum(scorer.goals for scorer in scorers) == expected
    assert [scorer.goals for scorer in scorers] == sorted((scorer.goals for scorer in scorers), reverse=True)
    tied = [scorer.position for scorer in scorers if scorer.goals == scorers[3].goals]
    assert len(set(tied)) == 1 and scorers[0].position == 1
    assert sum(s.goals for s in top_scorers(world, season(9001).id, season(9001).start + 60 * DAY)) < expected
