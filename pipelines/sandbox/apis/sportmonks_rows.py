"""Sportmonks' JSON rows of the simulated football world: the fields, ids and codes as the real API has them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from pipelines.sandbox import clubs, football, match, tables
from pipelines.sandbox.apis.base import Row
from pipelines.sandbox.clubs import CLUB_IDS, TEAMS, League, Player, Team
from pipelines.sandbox.football import DECIDED, FINAL, LIVE, Deduction, Fixture, Look
from pipelines.sandbox.match import SCORED, Match
from pipelines.sandbox.seasons import HOUR, MINUTE, Season
from pipelines.sandbox.world import DAY

CDN = "https://cdn.sandbox.example/images/soccer"

# id, state, name, short name
STATES = (
    (1, "NS", "Not Started", "NS"), (2, "INPLAY_1ST_HALF", "1st Half", "1st"), (3, "HT", "Half Time", "HT"),
    (4, "BREAK", "Regular Time Finished", "BRK"), (5, "FT", "Full Time", "FT"),
    (6, "INPLAY_ET", "Extra Time", "et"), (7, "AET", "After Extra Time", "AET"),
    (8, "FT_PEN", "After Penalties", "FTP"), (9, "INPLAY_PENALTIES", "Penalty Shootout", "PEN"),
    (10, "POSTPONED", "Postponed", "POST"), (11, "SUSPENDED", "Suspended", "SUSP"),
    (12, "CANCELLED", "Cancelled", "CANC"), (13, "TBA", "To Be Announced", "TBA"), (14, "WO", "Walk Over", "WO"),
    (15, "ABANDONED", "Abandoned", "ABAN"), (16, "DELAYED", "Delayed", "DEL"), (17, "AWARDED", "Awarded", "AWA"),
    (18, "INTERRUPTED", "Interrupted", "INT"), (19, "AWAITING_UPDATES", "Awaiting Updates", "AU"),
    (20, "DELETED", "Deleted", "DEL"), (21, "EXTRA_TIME_BREAK", "Extra Time Break", "ETB"),
    (22, "INPLAY_2ND_HALF", "2nd Half", "2nd"), (25, "PEN_BREAK", "Penalties Break", "PB"),
    (26, "PENDING", "Pending", "PEND"),
)  # fmt: skip
# id, developer name, what it is a type of; the ids of the scores of extra time and shoot-outs were not seen anywhere
TYPES = (
    (1, "1ST_HALF", "period"), (2, "2ND_HALF", "period"), (3, "EXTRA_TIME", "period"), (5, "PENALTIES", "period"),
    (10, "VAR", "event"), (11, "LINEUP", "lineup"), (12, "BENCH", "lineup"), (14, "GOAL", "event"),
    (15, "OWNGOAL", "event"), (16, "PENALTY", "event"), (17, "MISSED_PENALTY", "event"),
    (18, "SUBSTITUTION", "event"), (19, "YELLOWCARD", "event"), (20, "REDCARD", "event"),
    (21, "YELLOWREDCARD", "event"), (22, "PENALTY_SHOOTOUT_MISS", "event"), (23, "PENALTY_SHOOTOUT_GOAL", "event"),
    (24, "GOALKEEPER", "position"), (25, "DEFENDER", "position"), (26, "MIDFIELDER", "position"),
    (27, "ATTACKER", "position"), (34, "CORNERS", "statistic"), (41, "SHOTS_OFF_TARGET", "statistic"),
    (42, "SHOTS_TOTAL", "statistic"), (43, "ATTACKS", "statistic"), (44, "DANGEROUS_ATTACKS", "statistic"),
    (45, "BALL_POSSESSION", "statistic"), (46, "BALL_SAFE", "statistic"), (47, "PENALTIES", "statistic"),
    (49, "SHOTS_INSIDEBOX", "statistic"), (50, "SHOTS_OUTSIDEBOX", "statistic"), (51, "OFFSIDES", "statistic"),
    (52, "GOALS", "statistic"), (53, "GOAL_KICKS", "statistic"), (54, "GOAL_ATTEMPTS", "statistic"),
    (55, "FREE_KICKS", "statistic"), (56, "FOULS", "statistic"), (57, "SAVES", "statistic"),
    (78, "TACKLES", "statistic"), (83, "REDCARDS", "statistic"), (84, "YELLOWCARDS", "statistic"),
    (86, "SHOTS_ON_TARGET", "statistic"), (119, "MINUTES_PLAYED", "statistic"),
    *((129 + place, f"{where}_{what}".upper(), "standings") for place, (where, what) in enumerate(
        (where, what) for where in ("overall", "home", "away")
        for what in ("matches_played", "won", "draw", "lost", "scored", "conceded"))),
    (179, "GOAL_DIFFERENCE", "standings"), (187, "TOTAL_POINTS", "standings"), (208, "GOAL_TOPSCORER", "statistic"),
    (223, "REGULAR", "stage"), (224, "KNOCK_OUT", "stage"), (225, "QUALIFYING", "stage"), (1525, "CURRENT", "score"),
    (48996, "2ND_HALF_ONLY", "score"),
)  # fmt: skip
# scores by description: type, and place among the ids of a fixture's scores
SCORES = {
    "CURRENT": (1525, 0), "1ST_HALF": (1, 2), "2ND_HALF": (2, 4), "2ND_HALF_ONLY": (48996, 6), "ET": (3, 8),
    "PENALTIES": (5, 10),
}  # fmt: skip
POINTS, DIFFERENCE, GOALS_SCORED = 187, 179, 208
SIDES = ("home", "away")


@lru_cache(maxsize=50_000)
def stamp(moment: int, zone: tzinfo = UTC) -> str:
    """Return "YYYY-MM-DD HH:MM:SS" in a zone."""
    return datetime.fromtimestamp(moment, zone).strftime("%Y-%m-%d %H:%M:%S")


def day(moment: float) -> str:
    """Return "YYYY-MM-DD" in UTC."""
    return stamp(int(moment))[:10]


def stage_id(season: Season) -> int:
    """Return the id of a season's only stage."""
    return 77_000_000 + season.id * 4 + 1


def round_id(season: Season, number: int) -> int:
    """Return the id of a round."""
    return 300_000 + season.id * 60 + number


# -- lists


def state(facts: tuple[int, str, str, str]) -> Row:
    """Return a row of STATES."""
    number, code, name, short = facts
    return {"id": number, "state": code, "name": name, "short_name": short, "developer_name": code}


def type_(facts: tuple[int, str, str]) -> Row:
    """Return a row of TYPES."""
    number, code, model = facts
    name, group = code.replace("_", " ").title(), "overall" if model == "statistic" else None
    return {
        "id": number, "name": name, "code": code.lower().replace("_", "-"), "developer_name": code,
        "model_type": model, "stat_group": group,
    }  # fmt: skip


STATE_ROWS = {facts[0]: state(facts) for facts in STATES}
TYPE_ROWS = {facts[0]: type_(facts) for facts in TYPES}


def league(facts: League, played: int | None) -> Row:
    """Return a league; `played` is the kick-off of its last fixture."""
    return {
        "id": facts.id, "sport_id": 1, "country_id": facts.country, "name": facts.name, "active": True,
        "short_code": facts.short_code, "image_path": f"{CDN}/leagues/{facts.id}.png",
        "type": "league" if facts.size else "cup", "sub_type": "domestic" if facts.size else "domestic_cup",
        "last_played_at": None if played is None else stamp(played), "category": 1 + facts.index // 3,
        "has_jerseys": False,
    }  # fmt: skip


def season(facts: Season, now: float, current: bool) -> Row:
    """Return a season; its table is worked out anew every day while it lasts."""
    recalculated = min(int(now // DAY * DAY) + 5 * MINUTE, facts.end)
    return {
        "id": facts.id, "sport_id": 1, "league_id": facts.league.id, "tie_breaker_rule_id": None, "name": facts.name,
        "finished": now >= facts.end, "pending": now < facts.start, "is_current": current,
        "starting_at": day(facts.start), "ending_at": day(facts.end - DAY),
        "standings_recalculated_at": f"{stamp(recalculated)}.417233" if now >= facts.start else None,
        "games_in_current_week": facts.start <= now < facts.end,
    }  # fmt: skip


def stage(facts: Season, now: float) -> Row:
    """Return a season's only stage."""
    name = "Regular Season" if facts.league.size else "Knockout Stage"
    return {
        "id": stage_id(facts), "sport_id": 1, "league_id": facts.league.id, "season_id": facts.id,
        "type_id": facts.league.stage_type, "name": name, "sort_order": 1, "finished": now >= facts.end,
        "is_current": facts.published <= now < facts.end, "starting_at": day(facts.start),
        "ending_at": day(facts.end - DAY), "games_in_current_week": facts.start <= now < facts.end,
        "tie_breaker_rule_id": None,
    }  # fmt: skip


def round_(facts: Season, number: int, first: int, last: int, now: float) -> Row:
    """Return a round; `first` and `last` are its kick-offs as planned."""
    return {
        "id": round_id(facts, number), "sport_id": 1, "league_id": facts.league.id, "season_id": facts.id,
        "stage_id": stage_id(facts), "name": str(number), "finished": now >= last + DAY,
        "is_current": first - DAY <= now < last + DAY, "starting_at": day(first), "ending_at": day(last),
        "games_in_current_week": abs(first - now) < 7 * DAY,
    }  # fmt: skip


@lru_cache(maxsize=1000)
def _team(facts: Team) -> Row:
    return {
        "id": facts.id, "sport_id": 1, "country_id": facts.country, "venue_id": facts.venue or None,
        "gender": "male", "name": facts.name, "short_code": facts.short_code,
        "image_path": f"{CDN}/teams/{facts.id % 32}/{facts.id}.png", "founded": facts.founded or None,
        "type": "domestic", "placeholder": facts.placeholder, "last_played_at": None,
    }  # fmt: skip


def team(facts: Team) -> Row:
    """Return a team."""
    return dict(_team(facts))


def venue(facts: Team) -> Row:
    """Return a club's ground."""
    place = facts.club % CLUB_IDS
    city = clubs.CITIES[facts.country]
    return {
        "id": facts.venue, "country_id": facts.country, "city_id": facts.country * 1000 + place,
        "name": f"{facts.name.split()[-1]} Park", "address": f"{place} Station Road", "zipcode": None,
        "latitude": f"{45 + place / 7:.6f}", "longitude": f"{facts.country + place / 9:.6f}",
        "capacity": 4000 + facts.club * 7919 % 46_000, "image_path": f"{CDN}/venues/{facts.venue}.png",
        "city_name": city, "surface": "artificial" if place % 6 == 0 else "grass", "national_team": False,
    }  # fmt: skip


def player(number: int, name: str) -> Row:
    """Return a player, as far as this sandbox knows it."""
    return {"id": number, "sport_id": 1, "name": name, "display_name": name, "common_name": name, "gender": "male"}


def standing(facts: Season, row: tables.Row) -> Row:
    """Return a line of a table."""
    return {
        "id": facts.id * CLUB_IDS + row.team_id % CLUB_IDS, "participant_id": row.listed_id, "sport_id": 1,
        "league_id": facts.league.id, "season_id": facts.id, "stage_id": stage_id(facts), "group_id": None,
        "round_id": None, "standing_rule_id": None, "position": row.position, "result": "equal",
        "points": row.points,
    }  # fmt: skip


def standing_details(number: int, row: tables.Row) -> list[Row]:
    """Return the figures behind a line of a table; `number` is the line's id."""
    values = [
        value
        for part in (row.total, row.home, row.away)
        for value in (part.played, part.won, part.drawn, part.lost, part.goals_for, part.goals_against)
    ]
    kinds = [*range(129, 129 + len(values)), DIFFERENCE, POINTS]
    return [
        {"id": number * 100 + place, "standing_type": "standing", "standing_id": number, "type_id": kind,
         "value": value}
        for place, (kind, value) in enumerate(zip(kinds, [*values, row.goal_difference, row.points], strict=True))
    ]  # fmt: skip


def correction(facts: Deduction, now: float) -> Row:
    """Return a deduction of points."""
    points, active = facts.at_moment(now)
    return {
        "id": facts.id, "season_id": facts.season.id, "stage_id": stage_id(facts.season), "group_id": None,
        "type_id": POINTS, "value": points, "calc_type": "-", "participant_type": "team",
        "participant_id": facts.team, "active": active, "created_at": stamp(facts.at),
    }  # fmt: skip


def top_scorer(facts: Season, scorer: tables.Scorer) -> Row:
    """Return a player's count of goals."""
    return {
        "id": facts.id * 100_000_000 + scorer.player_id, "season_id": facts.id, "league_id": facts.league.id,
        "stage_id": stage_id(facts), "player_id": scorer.player_id, "type_id": GOALS_SCORED,
        "position": scorer.position, "total": scorer.goals, "participant_id": scorer.listed_id,
        "participant_type": "team",
    }  # fmt: skip


# -- fixtures


def _result(seen: Look) -> str | None:
    fixture = seen.fixture
    if seen.state not in DECIDED or seen.goals is None:
        return None
    if seen.state == football.AWARDED or seen.state == football.WALK_OVER:
        return f"{TEAMS[(seen.home, seen.away)[fixture.side]].name} was awarded the match."
    home, away = fixture.shoot_out or seen.goals
    if home == away:
        return "Game ended in draw."
    how = "penalties" if fixture.shoot_out else "extra-time" if fixture.extra else "full-time"
    return f"{TEAMS[seen.home if home > away else seen.away].name} won after {how}."


def fixture(seen: Look, zone: tzinfo = UTC) -> Row:
    """Return a fixture without details."""
    facts = seen.fixture
    year, home = facts.season, TEAMS[seen.home]
    return {
        "id": facts.id, "sport_id": 1, "league_id": year.league.id, "season_id": year.id, "stage_id": stage_id(year),
        "group_id": None, "aggregate_id": None, "round_id": round_id(year, facts.round), "state_id": seen.state,
        "venue_id": home.venue or None, "name": f"{home.name} vs {TEAMS[seen.away].name}",
        "starting_at": stamp(seen.starting_at, zone), "result_info": _result(seen), "leg": "1/1", "details": None,
        "length": 90, "placeholder": seen.placeholder, "has_odds": False, "has_premium_odds": False,
        "starting_at_timestamp": seen.starting_at,
    }  # fmt: skip


class Details:
    """The children of one fixture at one moment; a match is told once, and only if it is asked for."""

    def __init__(self, seed: int, seen: Look, now: float) -> None:
        self.seed = seed
        self.seen = seen
        self.fixture: Fixture = seen.fixture
        self.now = now
        self.teams = (seen.home, seen.away)
        on_the_way = seen.starting_at == self.fixture.kickoff  # not so in the attempt that was abandoned
        played = self.fixture.fate not in ("walk_over", "cancelled", *football.GONE) and not seen.placeholder
        self.is_named = on_the_way and played and now >= self.fixture.kickoff - HOUR
        self.has_begun = self.is_named and now >= self.fixture.kickoff
        self._match: Match | None = None

    @property
    def match(self) -> Match:
        """Return the whole match, later events included."""
        if self._match is None:
            self._match = match.play(self.seed, self.fixture)
        return self._match

    def participants(self) -> list[Row]:
        """Return both teams; `winner` is None until there is a result and false for both in a draw."""
        decided = self.seen.state in DECIDED
        winner = None
        if decided and self.seen.goals:
            home, away = self.seen.goals
            if self.fixture.shoot_out and self.seen.state in FINAL:
                home, away = self.fixture.shoot_out
            winner = None if home == away else int(away > home)
        return [
            {**_team(TEAMS[number]),
             "meta": {"location": SIDES[side], "winner": side == winner if decided else None, "position": None}}
            for side, number in enumerate(self.teams)
        ]  # fmt: skip

    def scores(self) -> list[Row]:
        """Return the scores by half and in all; that of the second half alone comes hours late."""
        facts, seen, now = self.fixture, self.seen, self.now
        kinds: list[tuple[str, Any]] = []
        if self.has_begun:
            first, second, extra = match.score_at(self.match, now)
            both = [first[0] + second[0], first[1] + second[1]]
            current = seen.goals if seen.state == football.AWARDED else (both[0] + extra[0], both[1] + extra[1])
            kinds = [("CURRENT", current), ("1ST_HALF", first)]
            if now >= facts.kickoff + football.RESTART * MINUTE:
                kinds.append(("2ND_HALF", both))
            full_time = facts.kickoff + football.FULL_TIME * MINUTE
            if now >= full_time + HOUR + facts.id * 7919 % 18_000:  # one to six hours later
                kinds.append(("2ND_HALF_ONLY", second))
            if facts.extra and now >= facts.kickoff + football.EXTRA_TIME * MINUTE:
                kinds.append(("ET", extra))
            if facts.shoot_out and seen.state == football.FT_PEN:
                kinds.append(("PENALTIES", facts.shoot_out))
        elif seen.state == football.WALK_OVER:
            kinds = [("CURRENT", seen.goals)]
        elif seen.state in LIVE or seen.state == football.ABANDONED:
            kinds = [("CURRENT", (0, 0)), ("1ST_HALF", (0, 0))]
        turn = facts.id % (len(kinds) or 1)  # the real ones come in no certain order
        return [
            {"id": facts.id * 20 + SCORES[text][1] + side, "fixture_id": facts.id, "type_id": SCORES[text][0],
             "participant_id": self.teams[side], "score": {"goals": goals[side], "participant": SIDES[side]},
             "description": text}
            for text, goals in kinds[turn:] + kinds[:turn] for side in (0, 1)
        ]  # fmt: skip

    def events(self) -> list[Row]:
        """Return what has happened so far."""
        if not self.has_begun:
            return []
        facts, now, teams = self.fixture, self.now, self.teams
        number = facts.id
        return [
            {
                "id": number * 100 + event.number, "fixture_id": number, "period_id": number * 10 + event.period,
                "participant_id": teams[event.side], "type_id": event.type, "section": "event",
                "player_id": event.player.id, "related_player_id": event.related.id if event.related else None,
                "player_name": event.player.name,
                "related_player_name": event.related.name if event.related else None, "result": event.result,
                "info": None, "addition": event.addition, "minute": event.minute,
                "extra_minute": event.extra_minute, "injured": None, "on_bench": False, "coach_id": None,
                "sub_type_id": None, "detailed_period_id": None, "rescinded": now >= event.rescinded_at,
                "sort_order": event.order,
            }
            for event in self.match.events if event.shown_at <= now
        ]  # fmt: skip

    def statistics(self) -> list[Row]:
        """Return the figures so far: a row for each side and type."""
        if not self.has_begun:
            return []
        facts, now, teams = self.fixture, self.now, self.teams
        goals, cards = [0, 0], [[0, 0], [0, 0]]
        for event in self.match.events:
            if event.shown_at <= now < event.rescinded_at:
                if event.type in SCORED:
                    goals[event.side] += 1
                elif event.type in (match.RED, match.SECOND_YELLOW):
                    cards[event.side][0] += 1
                elif event.type == match.YELLOW:
                    cards[event.side][1] += 1
        share = min(1.0, (now - facts.kickoff) / (football.FULL_TIME * MINUTE))
        sides = match.figures(self.seed, facts, (goals[0], goals[1]), share, cards)
        number = facts.id * 50
        return [
            {"id": number + 2 * place + side, "fixture_id": facts.id, "type_id": kind, "participant_id": teams[side],
             "data": {"value": sides[side][place]}, "location": SIDES[side]}
            for place, kind in enumerate(match.FIGURES) for side in (0, 1)
        ]  # fmt: skip

    def lineups(self) -> list[Row]:
        """Return both line-ups, from an hour before kick-off."""
        if not self.is_named:
            return []
        number, made = self.fixture.id, []
        first = number * 40
        for side in (0, 1):
            forms = _lineup_forms(self.match.lineups[side], self.teams[side])
            made += [
                {**form, "id": first + 18 * side + place, "fixture_id": number} for place, form in enumerate(forms)
            ]
        return made

    def periods(self) -> list[Row]:
        """Return the periods that have begun."""
        if not self.has_begun:
            return []
        facts, now = self.fixture, self.now
        spans = [
            (1, "1st-half", 0, football.HALF_TIME, 0, 45),
            (2, "2nd-half", football.RESTART, football.FULL_TIME, 45, 45),
        ]
        if facts.extra:
            spans.append((3, "extra-time", football.EXTRA_TIME, football.EXTRA_END, 90, 30))
        if facts.shoot_out:
            spans.append((5, "penalties", football.SHOOT_OUT, football.SHOT_OUT, 120, 0))
        made = []
        for order, (kind, text, start, end, counts_from, length) in enumerate(spans, 1):
            started, ended = facts.kickoff + start * MINUTE, facts.kickoff + end * MINUTE
            if now < started:
                break
            over = now >= ended
            made.append(
                {
                    "id": facts.id * 10 + kind, "fixture_id": facts.id, "type_id": kind, "started": started,
                    "ended": ended if over else None, "counts_from": counts_from, "ticking": not over,
                    "sort_order": order, "description": text, "time_added": end - start - length if over else None,
                    "period_length": length, "minutes": counts_from + int(min(now, ended) - started) // MINUTE,
                    "seconds": int(min(now, ended) - started) % MINUTE, "has_timer": False,
                }
            )  # fmt: skip
        return made


@lru_cache(maxsize=4000)
def _lineup_forms(lineup: tuple[tuple[Player, ...], tuple[Player, ...]], team_number: int) -> tuple[Row, ...]:
    """Return the rows of a line-up as far as they are the same in every match."""
    lines = ("1:1", "2:1", "2:2", "2:3", "2:4", "3:1", "3:2", "3:3", "3:4", "4:1", "4:2")
    eleven, bench = lineup
    return tuple(
        {
            "id": 0, "sport_id": 1, "fixture_id": 0, "player_id": member.id, "team_id": team_number,
            "position_id": member.position, "formation_field": lines[place] if place < 11 else None,
            "type_id": 11 if place < 11 else 12, "formation_position": place + 1 if place < 11 else None,
            "player_name": member.name, "jersey_number": member.number,
        }
        for place, member in enumerate((*eleven, *bench))
    )  # fmt: skip
