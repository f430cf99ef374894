"""The simulated football world: a pure function of a seed and a time, which any football API can show.

Nothing here is stored but caches. Times are Unix epoch seconds (UTC). A fixture is decided as a whole when its season
is first looked at: who plays, the goals, and what befalls it (its fate) at which moment; look() tells what the world
knows of it at one moment. Clubs (clubs.py) and calendars (seasons.py) do not depend on the seed; results and fates do.
What happens in a match is in match.py, league tables are in tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import accumulate
from math import exp
from typing import NamedTuple

from pipelines.sandbox.clubs import CUP, CUT_SHORT, INVITATION, LEAGUES, PLACEHOLDER_IDS, TEAMS, clubs_of, team_in
from pipelines.sandbox.seasons import (
    CUP_MIDWEEKS,
    HOUR,
    MIDWEEK,
    MINUTE,
    Season,
    latest_year,
    league_calendar,
    season_by_id,
    season_of,
    season_of_fixture,
)
from pipelines.sandbox.world import DAY, draws

FIRST_YEAR = 2025  # the demo's first seasons
MAX_FIXTURES = 100_000
DUPLICATES = 2000  # numbers from here on are fixtures entered twice by mistake

# minutes from kick-off
HALF_TIME, RESTART, FULL_TIME, EXTRA_TIME, EXTRA_END, SHOOT_OUT, SHOT_OUT = 47, 62, 112, 117, 149, 154, 164

NS, FIRST_HALF, BREAK, SECOND_HALF, FT, EXTRA, AET, FT_PEN, PENALTIES = 1, 2, 4, 22, 5, 6, 7, 8, 9
POSTPONED, CANCELLED, WALK_OVER, ABANDONED, AWARDED, DELETED = 10, 12, 14, 15, 17, 20
LIVE = frozenset({2, 3, 4, 6, 9, 21, 22, 25})
FINAL = frozenset({FT, AET, FT_PEN})
DECIDED = FINAL | {WALK_OVER, AWARDED}  # what counts in a table

# fate: share of league fixtures, in the order in which they are drawn
LEAGUE_FATES = (
    ("postponed", 0.02), ("corrected", 0.01), ("rescinded_card", 0.01), ("rescinded_goal", 0.01), ("awarded", 0.005),
    ("walk_over", 0.003), ("abandoned", 0.003),
)  # fmt: skip
CUP_FATES = (
    ("postponed", 0.02), ("rescinded_card", 0.01), ("rescinded_goal", 0.01), ("cancelled", 0.015),
    ("walk_over", 0.005),
)  # fmt: skip
GONE = ("deleted", "merged")  # fates of fixtures entered twice
DELETED_SHARE = 0.002


class Fixture(NamedTuple):
    """A fixture's whole life.

    home, away: ids of the teams, as they are called in that season.
    planned, kickoff: when it was first to be played and when it really is.
    goals: of 90 minutes, after every correction; extra: in extra time; shoot_out: if there was one.
    fate: what befalls it at fate_at; a new date is known at redated_at. For `wrong`: the goals before a correction.
    side: 0 or 1, whom a fate favours. filled_at: until then stand-ins are shown (cups).
    """

    id: int
    season: Season
    round: int
    number: int
    home: int
    away: int
    planned: int
    kickoff: int
    goals: tuple[int, int]
    fate: str = ""
    fate_at: float = 0
    redated_at: float = 0
    side: int = 0
    wrong: tuple[int, int] = (0, 0)
    extra: tuple[int, int] | None = None
    shoot_out: tuple[int, int] | None = None
    filled_at: float = 0
    stand_ins: tuple[int, int] = (0, 0)  # placeholder teams, 0 where the team is known from the start

    @property
    def final_at(self) -> int:
        """Return when it is over, if it is played."""
        minutes = SHOT_OUT if self.shoot_out else EXTRA_END if self.extra else FULL_TIME
        return self.kickoff + minutes * MINUTE

    @property
    def decided_at(self) -> float:
        """Return when it is known who goes through."""
        return self.fate_at if self.fate in ("cancelled", "walk_over") else self.final_at

    @property
    def total(self) -> tuple[int, int]:
        """Return the goals of the whole match, without a shoot-out."""
        extra = self.extra or (0, 0)
        return self.goals[0] + extra[0], self.goals[1] + extra[1]

    @property
    def winner(self) -> int | None:
        """Return the side that won or went through: 0, 1 or None for a draw."""
        if self.fate in ("awarded", "walk_over", "cancelled"):
            return self.side
        home, away = self.shoot_out or self.total
        return None if home == away else int(away > home)


class Look(NamedTuple):
    """A fixture at one moment. `goals` is the score that counts, None while it is live or not played."""

    fixture: Fixture
    state: int
    starting_at: int
    home: int
    away: int
    placeholder: bool
    goals: tuple[int, int] | None


class Change(NamedTuple):
    """Something that the API's answers tell from `at` on. `ids` names the fixture, or (season, team) if deducted."""

    at: float
    kind: str
    ids: tuple[int, ...]


class Deduction(NamedTuple):
    """Points taken from a team. From `revised_at` on it is inactive or takes `revised` points (if not None)."""

    id: int
    season: Season
    team: int
    points: int
    at: float
    revised_at: float | None
    revised: int | None

    def at_moment(self, now: float | None) -> tuple[int, bool]:
        """Return (points, active) as known at a moment, None for the end of time."""
        if self.revised_at is None or (now is not None and now < self.revised_at):
            return self.points, True
        return (self.points, False) if self.revised is None else (self.revised, True)


def poisson(luck: float, mean: float) -> int:
    """Return the number that a uniform draw stands for."""
    share, count = exp(-mean), 0
    while luck >= share and count < 9:
        luck -= share
        count += 1
        share *= mean / count
    return count


class Football:
    """Leagues, seasons and fixtures of a seed.

    seed: which results.
    now: the moment (epoch seconds) at which the world has exactly `fixtures` fixtures; new seasons come as time goes.
    fixtures: how many fixtures are visible at `now`: whole seasons from the latest backwards, the rest to make up the
    number in the invitation cup. None: the seasons since FIRST_YEAR.
    """

    def __init__(self, seed: int = 7, now: float = 1_790_000_000, fixtures: int | None = None) -> None:
        if fixtures is not None and not 0 <= fixtures <= MAX_FIXTURES:
            raise ValueError(f"fixtures must lie between 0 and {MAX_FIXTURES}, not {fixtures}")
        self.seed = seed
        self.now = now
        self.size = fixtures
        self.latest = latest_year(now)
        self.fixtures_of = lru_cache(maxsize=None)(self._make_fixtures)
        self._by_id = lru_cache(maxsize=None)(
            lambda season: {fixture.id: fixture for fixture in self.fixtures_of(season)}
        )
        self._strength = lru_cache(maxsize=10_000)(self._make_strength)
        self.deductions_of = lru_cache(maxsize=None)(self._make_deductions)
        self._seasons = lru_cache(maxsize=8)(self._make_seasons)
        self.season = lru_cache(maxsize=2000)(self._find_season)

    # -- seasons

    @cached_property
    def _start(self) -> tuple[tuple[Season, ...], int]:
        """Return the seasons published by `now`, by id, and how many matches the invitation cup has."""
        if self.size is None:
            years = range(min(FIRST_YEAR, self.latest), self.latest + 1)
            return tuple(season_of(league, year) for year in years for league in LEAGUES if league != INVITATION), 0
        left, year, found, complete = self.size, self.latest, [], True
        while complete and left:
            for league in LEAGUES[:-1]:
                season = season_of(league, year)
                size = self._visible_now(season)
                if size <= left:
                    found.append(season)
                    left -= size
                else:
                    complete = False
            year -= 1
        if left:
            found.append(season_of(INVITATION, self.latest))
        return tuple(sorted(found)), left

    def _visible_now(self, season: Season) -> int:
        size = 37 if season.league == CUP else season.league.size * (season.league.size - 1)
        if self.now >= season.end:  # whatever was entered twice is gone
            return size
        return size + sum(self.now < extra.fate_at for extra in self._duplicates(season))

    def _make_seasons(self, latest: int) -> tuple[Season, ...]:
        seasons, _ = self._start
        new = range(self.latest + 1, latest + 1)
        return seasons + tuple(season_of(league, year) for year in new for league in LEAGUES if league != INVITATION)

    def seasons(self, now: float) -> tuple[Season, ...]:
        """Return the seasons published by a moment, by id."""
        latest = latest_year(now)
        seasons = self._seasons(max(latest, self.latest))
        return tuple(season for season in seasons if season.year <= latest) if latest < self.latest else seasons

    def _find_season(self, season_id: int) -> Season | None:
        """Return a season of the world by its id, published or yet to be."""
        season = season_by_id(season_id)
        return season if season and season in self._seasons(max(season.year, self.latest)) else None

    # -- fixtures

    def fixtures_at(self, now: float, deleted: bool = False) -> Iterator[Look]:
        """Yield every fixture visible at a moment by id; or, instead, those that were deleted."""
        for season in self.seasons(now):
            for fixture in self.fixtures_of(season):
                if self.is_deleted(fixture, now) if deleted else self.is_visible(fixture, now):
                    yield look(fixture, now)

    def fixture(self, fixture_id: int) -> Fixture | None:
        """Return a fixture by its id, whether or not it is visible."""
        season = season_of_fixture(fixture_id)
        return self._by_id(season).get(fixture_id) if season and self.season(season.id) else None

    @staticmethod
    def is_visible(fixture: Fixture, now: float) -> bool:
        """Return whether a fixture is listed at a moment."""
        return fixture.season.published <= now and not (fixture.fate in GONE and now >= fixture.fate_at)

    @staticmethod
    def is_deleted(fixture: Fixture, now: float) -> bool:
        """Return whether a fixture is listed among the deleted ones."""
        return fixture.fate == "deleted" and now >= fixture.fate_at

    def _make_fixtures(self, season: Season) -> tuple[Fixture, ...]:
        if season.league == CUP:
            made = self._play_cup(season)
        elif season.league == INVITATION:
            made = self._play_invitation(season, self._start[1])
        else:
            made = self._play_league(season)
        return tuple(made + self._duplicates(season))

    def _make_strength(self, club: int, year: int) -> float:
        ever, now = draws(self.seed, "club", club), draws(self.seed, "club", club, year)
        return 0.55 * (ever[0] + ever[1] + ever[2] - 1.5) + 0.3 * (now[0] + now[1] + now[2] - 1.5)

    def _goals(self, season: Season, home: int, away: int, luck: tuple[float, ...]) -> tuple[int, int]:
        edge = self._strength(TEAMS[home].club, season.year) - self._strength(TEAMS[away].club, season.year)
        return poisson(luck[0], 1.5 * exp(edge * 0.6)), poisson(luck[1], 1.15 * exp(-edge * 0.6))

    def _play_league(self, season: Season) -> list[Fixture]:
        calendar, cut_at = league_calendar(season), self.cut_at(season)
        made = []
        for number, slot in enumerate(calendar):
            luck = draws(self.seed, "fixture", season.id, number)
            goals = self._goals(season, slot.home, slot.away, luck)
            fixture = Fixture(
                season.fixture_id(number), season, slot.round, number, slot.home, slot.away, slot.planned, slot.planned,
                goals,
            )  # fmt: skip
            if cut_at and slot.planned > cut_at:
                made.append(fixture._replace(fate="cancelled", fate_at=cut_at))
                continue
            fated = _with_fate(fixture, LEAGUE_FATES, slot.instead, luck)
            # nothing is moved over the season's end, nor behind the day on which it was cut short
            made.append(fixture if fated.kickoff > (cut_at or season.end) else fated)
        return made

    @staticmethod
    def cut_at(season: Season) -> int | None:
        """Return when a season is cut short: on the Sunday of a round at seven tenths of it; None if it is not."""
        if (season.league.id, season.year) != CUT_SHORT:
            return None
        size = season.league.size
        first = league_calendar(season)[(2 * size - 2) * 7 // 10 * (size // 2)].planned
        return first - (first - season.start) % (7 * DAY) + DAY + 9 * HOUR

    def _play_cup(self, season: Season) -> list[Fixture]:
        """Play 37 matches between 38 clubs: 26 have a bye in the first round."""
        clubs = clubs_of(CUP)
        luck = [*(share for part in range(3) for share in draws(self.seed, "draw", season.id, part))]
        order = [club for _, club in sorted(zip(luck, clubs, strict=False))]
        entries: list[tuple[int, int]] = [(club, 0) for club in order[:12]]  # (club, its stand-in before it is known)
        made: list[Fixture] = []
        filled_at = 0.0
        for index, week in enumerate(CUP_MIDWEEKS):
            winners = []
            for place in range(len(entries) // 2):
                home, away = entries[place], entries[-1 - place]
                played = self._cup_match(season, index + 1, len(made), (home[0], away[0]), place, week)
                if home[1] or away[1]:
                    played = played._replace(filled_at=filled_at, stand_ins=(home[1], away[1]))
                made.append(played)
                winners.append(((played.home, played.away)[played.winner or 0], PLACEHOLDER_IDS + len(made)))
            if index == 0:
                winners += [(club, 0) for club in order[12:]]
            last = [fixture for fixture in made if fixture.round == index + 1]
            filled_at = max(
                max(fixture.final_at, fixture.fate_at) for fixture in last if fixture.fate != "rescinded_card"
            )
            filled_at += 12 * HOUR
            entries = winners
        return made

    def _cup_match(
        self, season: Season, round_: int, number: int, teams: tuple[int, int], place: int, week: int
    ) -> Fixture:
        saturday = season.start + week * 7 * DAY
        planned = saturday + int(MIDWEEK[place % len(MIDWEEK)] * HOUR)
        return self._knock_out(season, round_, number, teams, planned, saturday + 13 * DAY + 19 * HOUR)

    def _knock_out(
        self, season: Season, round_: int, number: int, teams: tuple[int, int], planned: int, instead: int
    ) -> Fixture:
        luck = draws(self.seed, "fixture", season.id, number)
        home, away = teams
        goals = self._goals(season, home, away, luck)
        fixture = Fixture(season.fixture_id(number), season, round_, number, home, away, planned, planned, goals)
        if goals[0] == goals[1]:
            extra = poisson(luck[10], 0.45), poisson(luck[11], 0.4)
            shoot_out = None
            if extra[0] == extra[1]:
                loser = 2 + int(luck[12] * 3)
                shoot_out = (loser + 1, loser) if luck[13] < 0.5 else (loser, loser + 1)
            fixture = fixture._replace(extra=extra, shoot_out=shoot_out)
        return _with_fate(fixture, CUP_FATES if instead else (), instead, luck)

    def _play_invitation(self, season: Season, matches: int) -> list[Fixture]:
        """Play so many single matches in the summer, on Saturdays and Wednesdays, each club once a day at most."""
        clubs = [team_in(club, season.year) for club in clubs_of(INVITATION)]
        a_day, made = len(clubs) // 2, []
        for number in range(matches):
            day, place = divmod(number, a_day)
            ring = clubs[:1] + clubs[1 + day :] + clubs[1 : 1 + day]
            planned = season.start + (day // 2 * 7 + day % 2 * 4) * DAY + (12 + place % 9) * HOUR
            made.append(self._knock_out(season, day + 1, number, (ring[place], ring[-1 - place]), planned, 0))
        return made

    def _duplicates(self, season: Season) -> list[Fixture]:
        """Return the fixtures of a league season that are entered twice by mistake, to be deleted or merged later."""
        if not season.league.size:
            return []
        calendar = league_calendar(season)
        luck = draws(self.seed, "twice", season.id)
        deleted = int(len(calendar) * DELETED_SHARE + luck[0])
        fates = ["deleted"] * deleted + ["merged"] * (season.league.index == 0)  # about 0.05 % of a year's fixtures
        made = []
        for place, fate in enumerate(fates):
            slot = calendar[int(luck[1 + place * 2] * len(calendar))]
            fate_at = max(season.published + 3 * DAY, slot.planned - (2 + 58 * luck[2 + place * 2]) * DAY)
            number = DUPLICATES + place
            made.append(
                Fixture(
                    season.fixture_id(number), season, slot.round, number, slot.home, slot.away, slot.planned,
                    slot.planned, (0, 0), fate, fate_at,
                )
            )  # fmt: skip
        return made

    # -- what changes

    def changes(self, start: float, end: float) -> list[Change]:
        """Return what changes in [start, end), in order of time."""
        found = []
        for season in self.seasons(end):
            if season.end + 30 * DAY < start:
                continue
            for fixture in self.fixtures_of(season):
                found += [Change(at, kind, (fixture.id,)) for at, kind in _moments(fixture)]
            for deduction in self.deductions_of(season):
                found.append(Change(deduction.at, "deducted", (season.id, deduction.team)))
        return sorted(change for change in found if start <= change.at < end)

    def _make_deductions(self, season: Season) -> tuple[Deduction, ...]:
        """Return the season's deduction, if it has one: two are fixed, else one in each eight years of all leagues."""
        league, year = season.league, season.year
        luck = draws(self.seed, "deduction", year // 8)
        leagues = [league for league in LEAGUES if league.size]
        fixed = (league.id, year) in ((9001, 2025), (9002, 2026))
        if not fixed and (year // 8 * 8 + int(luck[0] * 8), league) != (year, leagues[int(luck[1] * len(leagues))]):
            return ()
        luck = draws(self.seed, "deduction", season.id)
        clubs = clubs_of(league)
        team = team_in(clubs[int(luck[0] * len(clubs))], year)
        at = season.start + ((20 + luck[1] * 60) if fixed else (20 + luck[1] * 200)) * DAY
        points = 2 + int(luck[2] * 8)
        revised_at = None if luck[3] < 0.5 else at + (20 + luck[4] * 60) * DAY
        revised = None if luck[5] < 0.5 else points // 2
        return (Deduction(season.id * 10 + 4, season, team, points, int(at), revised_at, revised),)


def _with_fate(
    fixture: Fixture, fates: tuple[tuple[str, float], ...], instead: int, luck: tuple[float, ...]
) -> Fixture:
    """Return the fixture with the fate that a draw decides. `instead`: the date to which it can be moved."""
    steps = accumulate(share for _, share in fates)
    name = next((name for (name, _), step in zip(fates, steps, strict=True) if luck[2] < step), None)
    if name is None:
        return fixture
    side, when = int(luck[3] * 2), luck[4]
    final_at = fixture.final_at
    match name:
        case "postponed":
            at = fixture.planned - (1 + 3 * when) * DAY
            return fixture._replace(fate=name, fate_at=at, redated_at=at + (0.5 + 5 * luck[5]) * DAY, kickoff=instead)
        case "abandoned":
            at = fixture.planned + (15 + int(60 * when)) * MINUTE
            return fixture._replace(fate=name, fate_at=at, redated_at=at + (2 + 4 * luck[5]) * DAY, kickoff=instead)
        case "awarded":
            return fixture._replace(fate=name, fate_at=final_at + (2 + 3 * when) * DAY, side=side)
        case "walk_over":
            return fixture._replace(fate=name, fate_at=fixture.planned, side=side)
        case "cancelled":
            return fixture._replace(fate=name, fate_at=fixture.planned - DAY * (0.5 + when), side=side)
        case "corrected":
            wrong = list(fixture.goals)
            # a goal that was overlooked, or one too many
            wrong[side] += -1 if luck[6] < 0.5 and wrong[side] else 1
            at = final_at + (3 + 27 * when) * HOUR
            return fixture._replace(fate=name, fate_at=at, side=side, wrong=tuple(wrong))
        case "rescinded_goal":
            return fixture._replace(fate=name, fate_at=fixture.planned + (12 + int(30 * when)) * MINUTE, side=side)
    return fixture._replace(fate=name, fate_at=final_at + (20 + 40 * when) * HOUR, side=side)  # a card


def _moments(fixture: Fixture) -> Iterator[tuple[float, str]]:
    kinds = {
        "corrected": "score_corrected",
        "rescinded_card": "event_rescinded",
        "rescinded_goal": "event_rescinded",
    }
    kind = kinds.get(fixture.fate, fixture.fate)
    if kind in ("postponed", "score_corrected", "event_rescinded", "deleted", "merged", "awarded"):
        yield fixture.fate_at, kind
    if fixture.filled_at:
        yield fixture.filled_at, "placeholder_filled"


def clock_state(fixture: Fixture, now: float) -> int:
    """Return the state of a match that runs its course, by the minutes since its kick-off."""
    minutes = (now - fixture.kickoff) / MINUTE
    if minutes >= FULL_TIME:
        if not fixture.extra:
            return FT
        if minutes < EXTRA_TIME:
            return BREAK
        if minutes < EXTRA_END:
            return EXTRA
        if not fixture.shoot_out:
            return AET
        return 25 if minutes < SHOOT_OUT else PENALTIES if minutes < SHOT_OUT else FT_PEN
    if minutes < 0:
        return NS
    return FIRST_HALF if minutes < HALF_TIME else 3 if minutes < RESTART else SECOND_HALF


def look(fixture: Fixture, now: float) -> Look:
    """Return what the world knows of a fixture at a moment."""
    fate, kickoff, home, away = fixture.fate, fixture.kickoff, fixture.home, fixture.away
    waiting = now < fixture.filled_at
    if waiting:
        home, away = fixture.stand_ins[0] or home, fixture.stand_ins[1] or away
    state, goals = clock_state(fixture, now), None
    if state in FINAL:
        goals = fixture.total
    if fate:
        due = now >= fixture.fate_at
        if fate in ("postponed", "abandoned"):
            if now < fixture.redated_at:
                kickoff = fixture.planned
                if fate == "postponed":
                    state = POSTPONED if due else NS
                else:
                    state = ABANDONED if due else clock_state(fixture._replace(kickoff=fixture.planned), now)
        elif fate == "corrected":
            goals = fixture.wrong if goals and not due else goals
        elif fate == "awarded":
            if due:
                state, goals = AWARDED, ((3, 0), (0, 3))[fixture.side]
        elif fate == "walk_over":
            state, goals = (WALK_OVER, ((3, 0), (0, 3))[fixture.side]) if due else (NS, None)
        elif fate == "cancelled" or fate in GONE:
            state, goals = NS, None
            if due:
                state = CANCELLED if fate == "cancelled" else DELETED
    return Look(fixture, state, kickoff, home, away, waiting, goals)
