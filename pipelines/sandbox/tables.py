"""The truth about league tables, scorers and their like, worked out in Python for tests to compare with.

order() knows the rules:

goal_difference: points, goal difference, goals for, name; goals_for: points, goals for, goal difference, name;
points_per_game: points by matches played, goal difference, goals for, name;
head_to_head: points; then among the teams level on points, if all matches between them have been played: points and
goal difference of these, again inside each part that this splits off; then goal difference, goals for, name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from pipelines.sandbox.clubs import LEAGUE_RULES, TEAMS, League
from pipelines.sandbox.football import CANCELLED, DECIDED, FINAL, GONE, Football, look
from pipelines.sandbox.match import GOAL, PENALTY, play
from pipelines.sandbox.seasons import Season, epoch
from pipelines.sandbox.world import DAY

RULES = ("goal_difference", "goals_for", "head_to_head", "points_per_game")
LATEST = float("1e11")  # after everything


class Result(NamedTuple):
    """A match that counts. Goals are None for one that is yet to be played."""

    home: int
    away: int
    goals: tuple[int, int] | None


@dataclass(slots=True)
class Record:
    """Matches of one kind: won, drawn, lost and the goals."""

    won: int = 0
    drawn: int = 0
    lost: int = 0
    goals_for: int = 0
    goals_against: int = 0

    def add(self, scored: int, conceded: int) -> None:
        """Count a match."""
        self.won += scored > conceded
        self.drawn += scored == conceded
        self.lost += scored < conceded
        self.goals_for += scored
        self.goals_against += conceded

    @property
    def played(self) -> int:
        """Return how many matches there were."""
        return self.won + self.drawn + self.lost

    @property
    def points(self) -> int:
        """Return three for a win and one for a draw."""
        return 3 * self.won + self.drawn

    @property
    def goal_difference(self) -> int:
        """Return goals for less goals against."""
        return self.goals_for - self.goals_against


@dataclass(slots=True)
class Row:
    """A team's line of a table. `team_id` is the club's id of today; `listed_id` the one that it had in the season."""

    team_id: int
    name: str
    listed_id: int = 0
    deduction: int = 0
    position: int = 0
    home: Record = field(default_factory=Record)
    away: Record = field(default_factory=Record)

    @property
    def total(self) -> Record:
        """Return home and away together."""
        home, away = self.home, self.away
        return Record(
            home.won + away.won, home.drawn + away.drawn, home.lost + away.lost, home.goals_for + away.goals_for,
            home.goals_against + away.goals_against,
        )  # fmt: skip

    @property
    def played(self) -> int:
        """Return the matches played."""
        return self.home.played + self.away.played

    @property
    def won(self) -> int:
        """Return the matches won."""
        return self.home.won + self.away.won

    @property
    def drawn(self) -> int:
        """Return the matches drawn."""
        return self.home.drawn + self.away.drawn

    @property
    def lost(self) -> int:
        """Return the matches lost."""
        return self.home.lost + self.away.lost

    @property
    def goals_for(self) -> int:
        """Return the goals scored."""
        return self.home.goals_for + self.away.goals_for

    @property
    def goals_against(self) -> int:
        """Return the goals conceded."""
        return self.home.goals_against + self.away.goals_against

    @property
    def goal_difference(self) -> int:
        """Return goals for less goals against."""
        return self.goals_for - self.goals_against

    @property
    def points(self) -> int:
        """Return the points, less those deducted."""
        return self.home.points + self.away.points - self.deduction


class Scorer(NamedTuple):
    """A player's goals of a season; those with equally many share a position."""

    position: int
    player_id: int
    player_name: str
    team_id: int  # the club's id of today
    listed_id: int
    goals: int


def rule_of(league: League, year: int) -> str | None:
    """Return the rule of a league in the season that starts in a year; None for a cup."""
    rules = LEAGUE_RULES.get(league.id, ())
    return next((rule for first, last, rule in rules if first <= year <= last), None)


def table(
    names: Mapping[int, str], results: Iterable[Result], rule: str, deductions: Mapping[int, int] | None = None
) -> list[Row]:
    """Return the table of teams (names by id) in order. Raise ValueError for an unknown rule."""
    rows = {team: Row(team, name, team, (deductions or {}).get(team, 0)) for team, name in names.items()}
    known = list(results)
    for home, away, goals in known:
        if goals:
            rows[home].home.add(*goals)
            rows[away].away.add(goals[1], goals[0])
    ordered = order(list(rows.values()), known, rule)
    for position, row in enumerate(ordered, 1):
        row.position = position
    return ordered


def order(rows: list[Row], results: list[Result], rule: str) -> list[Row]:
    """Return the rows in the order of a rule (see the module's text)."""
    if rule == "goal_difference":
        return sorted(rows, key=lambda row: (-row.points, *_overall(row)))
    if rule == "goals_for":
        return sorted(rows, key=lambda row: (-row.points, -row.goals_for, -row.goal_difference, row.name))
    if rule == "points_per_game":
        return sorted(rows, key=lambda row: (-Fraction(row.points, row.played or 1), *_overall(row)))
    if rule != "head_to_head":
        raise ValueError(f"unknown rule {rule}; known are {', '.join(RULES)}")
    ordered = []
    for _, level in groupby(sorted(rows, key=lambda row: -row.points), key=lambda row: row.points):
        ordered += _head_to_head(list(level), results)
    return ordered


def _overall(row: Row) -> tuple[int, int, str]:
    return -row.goal_difference, -row.goals_for, row.name


def _head_to_head(level: list[Row], results: list[Result]) -> list[Row]:
    """Return rows that are level in the order of the matches between them."""
    if len(level) < 2:
        return level
    records = {row.team_id: Record() for row in level}
    for home, away, goals in results:
        if home in records and away in records:
            if goals is None:  # one is still to be played: none of them counts
                return sorted(level, key=_overall)
            records[home].add(*goals)
            records[away].add(goals[1], goals[0])

    def among(row: Row) -> tuple[int, int]:
        return -records[row.team_id].points, -records[row.team_id].goal_difference

    parts = [list(part) for _, part in groupby(sorted(level, key=among), key=among)]
    if len(parts) == 1:
        return sorted(level, key=_overall)
    return [row for part in parts for row in _head_to_head(part, results)]


def standings(
    world: Football,
    season_id: int,
    at: date | str | None = None,
    rule: str | None = None,
    known: float | None = None,
) -> list[Row]:
    """Return a season's table in order; [] for a cup. Raise ValueError for a season that the world does not have.

    at: only matches with their kick-off on or before this day (UTC), and deductions from their day on; None: all.
    rule: one of RULES; None: the league's own in that season.
    known: as the API tells it at this moment (epoch seconds); None: as it will be told in the end.
    """
    season = world.season(season_id)
    if season is None:
        raise ValueError(f"the world has no season {season_id}")
    rule = rule or rule_of(season.league, season.year)
    if rule is None:
        return []
    day = date.fromisoformat(at) if isinstance(at, str) else at
    until = epoch(day.year, day.month, day.day) + DAY if day else LATEST
    moment = LATEST if known is None else known
    names, listed, results = {}, {}, []
    for fixture in world.fixtures_of(season):
        home, away = TEAMS[fixture.home], TEAMS[fixture.away]
        for team in (home, away):
            listed[team.club] = team.id
            names[team.club] = TEAMS[team.club].name
        seen = look(fixture, moment)
        if fixture.fate in GONE or seen.state == CANCELLED:
            continue
        counts = seen.state in DECIDED and seen.starting_at < until
        results.append(Result(home.club, away.club, seen.goals if counts else None))
    taken = _deductions(world, season, until, moment)
    rows = table(names, results, rule, taken)
    for row in rows:
        row.listed_id = listed[row.team_id]
    return rows


def _deductions(world: Football, season: Season, until: float, moment: float) -> dict[int, int]:
    taken: dict[int, int] = {}
    for deduction in world.deductions_of(season):
        points, active = deduction.at_moment(moment)
        if active and deduction.at < until and deduction.at <= moment:
            club = TEAMS[deduction.team].club
            taken[club] = taken.get(club, 0) + points
    return taken


def top_scorers(world: Football, season_id: int, known: float | None = None) -> list[Scorer]:
    """Return who scored in a season, most goals first, as known at a moment (None: in the end).

    Goals and penalties of matches that ended on the pitch count; not own goals, not shoot-outs, nothing taken back.
    """
    season = world.season(season_id)
    if season is None:
        raise ValueError(f"the world has no season {season_id}")
    moment = LATEST if known is None else known
    goals: dict[tuple[int, str, int], int] = {}
    for fixture in world.fixtures_of(season):
        if look(fixture, moment).state not in FINAL:
            continue
        for event in play(world.seed, fixture, goals_only=True).events:
            if event.type in (GOAL, PENALTY) and event.shown_at <= moment < event.rescinded_at:
                key = (event.player.id, event.player.name, (fixture.home, fixture.away)[event.side])
                goals[key] = goals.get(key, 0) + 1
    ranked = sorted(goals.items(), key=lambda item: (-item[1], item[0][0]))
    scorers: list[Scorer] = []
    for place, ((player, name, team), count) in enumerate(ranked, 1):
        position = scorers[-1].position if scorers and scorers[-1].goals == count else place
        scorers.append(Scorer(position, player, name, TEAMS[team].club, team, count))
    return scorers
