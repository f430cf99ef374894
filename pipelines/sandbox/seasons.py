"""When the simulated football is played: seasons, their ids, and who meets when. None of it depends on a seed.

A season is published on 1 June and played from August to May, leagues on weekends and in some midweeks, the cup in
other midweeks; moved matches have Thursdays and Fridays of their own, so that no team ever plays twice on a day.
Times are Unix epoch seconds (UTC).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

from pipelines.sandbox.clubs import INVITATION, LEAGUES, NAMES_SEED, League, clubs_of, team_in
from pipelines.sandbox.world import DAY, draws

HOUR, MINUTE = 3600, 60
YEAR_IDS, LEAGUE_IDS = 200_000, 20_000  # fixture ids set aside for a start year and, in it, for a league
SEASON_IDS, SEASON_GAP = 170, 19  # the same for season ids

LAST_YEAR = 2200  # an id that would lie behind it is nobody's

# weeks from the season's first Saturday: the weekends that leagues leave free, and who has the midweeks
LAST_WEEK = 40
FREE_WEEKENDS = (4, 9, 14, 20, 27, 33, 36)
LEAGUE_MIDWEEKS = (6, 13, 22, 29)
CUP_MIDWEEKS = (3, 9, 17, 25, 32, 38)
LEAGUE_SLOTS = sorted(
    [(week, False) for week in range(LAST_WEEK + 1) if week not in FREE_WEEKENDS]
    + [(week, True) for week in LEAGUE_MIDWEEKS]
)
# kick-offs, in hours after Saturday 00:00
WEEKEND = (12.5, 15, 15, 17.5, 20, 37, 39.5, 42, 44, 67.75)
MIDWEEK = (90.75, 91.75, 92, 114.75, 115.75, 116)


class Season(NamedTuple):
    """A league's season; `year` is the one in which it starts."""

    id: int
    league: League
    year: int

    @property
    def name(self) -> str:
        """Return "2025/2026"."""
        return f"{self.year}/{self.year + 1}"

    @property
    def published(self) -> int:
        """Return the moment from which the season and its fixtures are listed."""
        return epoch(self.year, 6, 1)

    @property
    def start(self) -> int:
        """Return the first Saturday's midnight."""
        earliest = epoch(self.year, 7, 1) if self.league == INVITATION else epoch(self.year, 8, 8)
        return earliest + (2 - earliest // DAY) % 7 * DAY  # day 2 of 1970 was a Saturday

    @property
    def end(self) -> int:
        """Return the midnight before which all is played."""
        return self.start + (5 if self.league == INVITATION else LAST_WEEK + 1) * 7 * DAY

    @property
    def first_id(self) -> int:
        """Return the number that all ids of its fixtures lie above."""
        return (self.year - 1900) * YEAR_IDS + self.league.index * LEAGUE_IDS

    def fixture_id(self, number: int) -> int:
        """Return a fixture's id: ascending with its number, with gaps."""
        return self.first_id + 13 + number * 7 + (number * number * 3 + self.year) % 5


def epoch(year: int, month: int, day: int) -> int:
    """Return a day's midnight (UTC)."""
    return (date(year, month, day).toordinal() - 719_163) * DAY


def season_of(league: League, year: int) -> Season:
    """Return a league's season, whether or not a world has it."""
    return Season((year - 1900) * SEASON_IDS + league.index * SEASON_GAP + 3, league, year)


def season_by_id(number: int) -> Season | None:
    """Return the season that an id stands for, whether or not a world has it; None if it is no season's."""
    year, rest = number // SEASON_IDS + 1900, number % SEASON_IDS
    index, gap = divmod(rest, SEASON_GAP)
    return season_of(LEAGUES[index], year) if gap == 3 and index < len(LEAGUES) and year < LAST_YEAR else None


def season_of_fixture(number: int) -> Season | None:
    """Return the season that a fixture's id lies in, whether or not a world has it; None if it lies in none."""
    year, rest = number // YEAR_IDS + 1900, number % YEAR_IDS
    index = rest // LEAGUE_IDS
    return season_of(LEAGUES[index], year) if index < len(LEAGUES) and year < LAST_YEAR else None


def latest_year(now: float) -> int:
    """Return the start year of the seasons published last."""
    moment = datetime.fromtimestamp(now, UTC)
    return moment.year if moment.month >= 6 else moment.year - 1


def is_current(season: Season, now: float) -> bool:
    """Return whether a season is its league's latest."""
    return season.year == latest_year(now)


@lru_cache(maxsize=64)
def round_robin(size: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return the rounds of a double round-robin by the circle method, as pairs (home, away) of places below `size`."""
    half = []
    for turn in range(size - 1):
        ring = [(turn + step) % (size - 1) for step in range(size - 1)]
        pairs = [(size - 1, ring[0])] + [(ring[step], ring[size - 1 - step]) for step in range(1, size // 2)]
        half.append([pair[::-1] if (turn + place) % 2 else pair for place, pair in enumerate(pairs)])
    return tuple(tuple(pairs) for pairs in [*half, *([pair[::-1] for pair in pairs] for pairs in half)])


class Slot(NamedTuple):
    """A place in the calendar: who meets, when, and when instead if it must be moved."""

    round: int
    home: int
    away: int
    planned: int
    instead: int


@lru_cache(maxsize=512)
def league_calendar(season: Season) -> tuple[Slot, ...]:
    """Return a league season's matches in order of their numbers."""
    clubs, start = clubs_of(season.league), season.start
    luck = [*draws(NAMES_SEED, "order", season.id, 1), *draws(NAMES_SEED, "order", season.id, 2)]
    order = [club for _, club in sorted(zip(luck, clubs, strict=False))]
    teams = [team_in(club, season.year) for club in order]
    rounds = round_robin(len(teams))
    slots = []
    for index, pairs in enumerate(rounds):
        week, midweek = LEAGUE_SLOTS[index * (len(LEAGUE_SLOTS) - 1) // (len(rounds) - 1)]
        hours, saturday = MIDWEEK if midweek else WEEKEND, start + week * 7 * DAY
        instead = saturday + (20 if midweek else 19) * DAY + 19 * HOUR  # a Friday or a Thursday
        for place, (home, away) in enumerate(pairs):
            planned = saturday + int(hours[(place * 3 + index) % len(hours)] * HOUR)
            slots.append(Slot(index + 1, teams[home], teams[away], planned, instead))
    return tuple(slots)
