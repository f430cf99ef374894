"""The raw tables of Sportmonks football: what its lists and the lists within a fixture become."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

from pipelines.tables import Field, Table

# the API writes times in UTC, without saying so
LOCAL = Annotated[dt.datetime, msgspec.Meta(tz=False)]


def _id(name: str, description: str, **presence: bool) -> Field:
    return Field(name, "bigint", description, **presence)


def _maybe(name: str, description: str) -> Field:
    return Field(name, "bigint", description, optional=True)


def _text(name: str, description: str, **presence: bool) -> Field:
    return Field(name, "text", description, **presence)


def _note(name: str, description: str) -> Field:
    return Field(name, "text", description, optional=True)


def _flag(name: str, description: str) -> Field:
    return Field(name, "bool", description, optional=True)


def _day(name: str, description: str) -> Field:
    return Field(name, "date", description, optional=True)


def _moment(name: str, description: str) -> Field:
    return Field(name, "timestamp", description, optional=True, of=LOCAL)


SPORT = _maybe("sport_id", "The sport; 1 is football.")
IMAGE = _note("image_path", "Address of the picture.")

TYPES = Table(
    source="sportmonks",
    name="types",
    key=("id",),
    description="One row per type: what the type_id of a score, event, statistic, stage or standing means; GET /types.",
    fields=(
        _id("id", "The type."),
        _text("name", "Its name, such as Corners."),
        _note("code", "Its name in lower case with hyphens."),
        _note("developer_name", "Its name in upper case with underscores; more stable than the name."),
        _note("model_type", "What it is a type of: statistic, event ..."),
        _note("stat_group", "For statistics: offensive, defensive ..."),
    ),
)

STATES = Table(
    source="sportmonks",
    name="states",
    key=("id",),
    description="One row per state that a fixture can be in, from GET /states.",
    fields=(
        _id("id", "The state."),
        _text("state", "Its code, such as FT."),
        _text("name", "Its name, such as Full Time."),
        _note("short_name", "Short form for tables."),
        _note("developer_name", "Its name in upper case with underscores."),
    ),
)

LEAGUES = Table(
    source="sportmonks",
    name="leagues",
    key=("id",),
    description="One row per league or cup that the plan includes, from GET /leagues.",
    fields=(
        _id("id", "The league."),
        SPORT,
        _maybe("country_id", "The country."),
        _text("name", "Its name."),
        _flag("active", "Whether it is still played."),
        _note("short_code", "Short form, such as DNK SL."),
        IMAGE,
        _note("type", "league, cup_league ..."),
        _note("sub_type", "domestic, domestic_cup, play-offs ..."),
        _moment("last_played_at", "Kick-off of its last fixture (UTC)."),
        _maybe("category", "Importance, 1 is the highest."),
        _flag("has_jerseys", "Whether pictures of jerseys exist."),
    ),
)

SEASONS = Table(
    source="sportmonks",
    name="seasons",
    key=("id",),
    description="One row per season of a league, from GET /seasons.",
    fields=(
        _id("id", "The season."),
        SPORT,
        _id("league_id", "The league."),
        _maybe("tie_breaker_rule_id", "The API's own rule for teams level on points."),
        _text("name", "Its name, such as 2016/2017 or 2016."),
        _flag("finished", "Whether it is over."),
        _flag("pending", "Whether it has yet to begin."),
        _flag("is_current", "Whether it is the league's season now."),
        _day("starting_at", "First day."),
        _day("ending_at", "Last day."),
        _note("standings_recalculated_at", "When the API last worked out its table."),
        _flag("games_in_current_week", "Whether it is played this week."),
    ),
)

STAGES = Table(
    source="sportmonks",
    name="stages",
    key=("id",),
    description="One row per stage of a season, from GET /stages.",
    fields=(
        _id("id", "The stage."),
        SPORT,
        _maybe("league_id", "The league."),
        _id("season_id", "The season."),
        _maybe("type_id", "223 is played as a table, 224 as a knock-out, 225 is qualifying."),
        _text("name", "Its name, such as Regular Season."),
        _maybe("sort_order", "Order within the season."),
        _flag("finished", "Whether it is over."),
        _flag("is_current", "Whether it is played now."),
        _day("starting_at", "First day."),
        _day("ending_at", "Last day."),
        _flag("games_in_current_week", "Whether it is played this week."),
        _maybe("tie_breaker_rule_id", "The API's own rule for teams level on points."),
    ),
)

ROUNDS = Table(
    source="sportmonks",
    name="rounds",
    key=("id",),
    description="One row per round of a stage, from GET /rounds.",
    fields=(
        _id("id", "The round."),
        SPORT,
        _maybe("league_id", "The league."),
        _id("season_id", "The season."),
        _maybe("stage_id", "The stage."),
        _text("name", "Its name: its number, as text."),
        _flag("finished", "Whether it is over."),
        _flag("is_current", "Whether it is played now."),
        _day("starting_at", "First day."),
        _day("ending_at", "Last day."),
        _flag("games_in_current_week", "Whether it is played this week."),
    ),
)

TEAM_FIELDS = (
    SPORT,
    _maybe("country_id", "The country."),
    _maybe("venue_id", "The home venue."),
    _note("gender", "male or female."),
    _text("name", "Its name."),
    _note("short_code", "Three letters."),
    IMAGE,
    _maybe("founded", "Year."),
    _note("type", "domestic or national."),
    _flag("placeholder", "Whether it stands for a team that is not known yet."),
    _moment("last_played_at", "Kick-off of its last fixture (UTC)."),
)

TEAMS = Table(
    source="sportmonks",
    name="teams",
    key=("id",),
    description="One row per team, from GET /teams.",
    fields=(_id("id", "The team."), *TEAM_FIELDS),
)

VENUES = Table(
    source="sportmonks",
    name="venues",
    key=("id",),
    description="One row per venue, from GET /venues.",
    fields=(
        _id("id", "The venue."),
        _maybe("country_id", "The country."),
        _maybe("city_id", "The city."),
        _text("name", "Its name.", null=True),
        _note("address", "Street."),
        _note("zipcode", "Postal code."),
        _note("latitude", "Degrees, as text."),
        _note("longitude", "Degrees, as text."),
        _maybe("capacity", "Seats."),
        IMAGE,
        _note("city_name", "The city's name."),
        _note("surface", "grass, artificial ..."),
        _flag("national_team", "Whether a national team plays there."),
    ),
)

STANDINGS = Table(
    source="sportmonks",
    name="standings",
    key=("id",),
    description="One row per team and table of a season, as the API has worked it out; GET /standings.",
    fields=(
        _id("id", "The row of the table."),
        _id("participant_id", "The team."),
        SPORT,
        _maybe("league_id", "The league."),
        _id("season_id", "The season."),
        _maybe("stage_id", "The stage."),
        _maybe("group_id", "The group."),
        _maybe("round_id", "The last round counted."),
        _maybe("standing_rule_id", "What the place is good for."),
        _id("position", "The place, 1 is the top."),
        _note("result", "up, down or equal since the round before."),
        _id("points", "Points."),
    ),
)

CORRECTIONS = Table(
    source="sportmonks",
    name="corrections",
    kept="day",
    key=("id",),
    description="One row per correction of a table and day on which it was fetched: points given or taken away; "
    "GET /standings/corrections/seasons/{id}.",
    fields=(
        _id("id", "The correction."),
        _id("season_id", "The season."),
        _maybe("stage_id", "The stage."),
        _maybe("group_id", "The group."),
        _maybe("type_id", "What is corrected; 187 are points."),
        _id("value", "How many."),
        _text("calc_type", "+ or -."),
        _note("participant_type", "team."),
        _id("participant_id", "The team."),
        _flag("active", "Whether it counts."),
        _moment("created_at", "When it was decided (UTC); it counts from that day on."),
    ),
)

TOPSCORERS = Table(
    source="sportmonks",
    name="topscorers",
    key=("id",),
    description="One row per season, player and kind of count, as the API has counted; GET /topscorers/seasons/{id}.",
    fields=(
        _id("id", "The row."),
        _id("season_id", "The season."),
        _maybe("league_id", "The league."),
        _maybe("stage_id", "The stage."),
        _id("player_id", "The player."),
        _id("type_id", "What is counted: 208 goals, 209 assists, 83 red and 84 yellow cards."),
        _id("position", "The rank."),
        _id("total", "How many."),
        _maybe("participant_id", "The team."),
        _note("participant_type", "team."),
    ),
)

FIXTURE_FIELDS = (
    _id("id", "The fixture."),
    SPORT,
    _id("league_id", "The league."),
    _id("season_id", "The season."),
    _maybe("stage_id", "The stage."),
    _maybe("group_id", "The group."),
    _maybe("aggregate_id", "The tie that several legs make up."),
    _maybe("round_id", "The round."),
    _id("state_id", "The state."),
    _maybe("venue_id", "The venue."),
    _note("name", "Both teams, such as Celtic vs Kilmarnock."),
    _moment("starting_at", "Kick-off (UTC); null while it is not set."),
    _note("result_info", "The result in words."),
    _note("leg", "Which leg of how many, such as 1/2."),
    _note("details", "Remarks."),
    _maybe("length", "Minutes that were to be played."),
    _flag("placeholder", "Whether a team is not known yet."),
    _flag("has_odds", "Whether odds exist."),
    _flag("has_premium_odds", "Whether premium odds exist."),
    _maybe("starting_at_timestamp", "Kick-off, in seconds since 1970."),
    _text("base_hash", "Hash of the fields above, odds left out: tells whether the fixture changed."),
)

FIXTURE_INDEX = Table(
    source="sportmonks",
    name="fixture_index",
    key=("id",),
    description="One row per fixture as the list last showed it, without details; GET /fixtures.",
    fields=FIXTURE_FIELDS,
)

FIXTURES = Table(
    source="sportmonks",
    name="fixtures",
    kept="day",
    key=("id",),
    description="One row per fixture and day on which it was fetched with its details; GET /fixtures/multi.",
    fields=FIXTURE_FIELDS,
)

FIXTURE_ID = _id("fixture_id", "The fixture.")

PARTICIPANTS = Table(
    source="sportmonks",
    name="participants",
    key=("fixture_id", "id"),
    description="One row per fixture and team in it; only those of the fixture's latest answer (same request_id) "
    "count.",
    fields=(
        FIXTURE_ID,
        _id("id", "The team."),
        *TEAM_FIELDS,
        _note("location", "home or away."),
        _flag("winner", "Whether it won; null while undecided, false for both in a draw."),
        _maybe("position", "Its place in the table."),
    ),
)

SCORES = Table(
    source="sportmonks",
    name="scores",
    kept="day",
    key=("fixture_id", "id"),
    description="One row per fixture, team, kind of score and day on which it was fetched; only those of the fixture's "
    "answer of that day (same request_id) count.",
    fields=(
        FIXTURE_ID,
        _id("id", "The score."),
        _maybe("type_id", "The kind of score."),
        _id("participant_id", "The team."),
        _id("goals", "Goals."),
        _note("participant", "home or away."),
        _text("description", "CURRENT, 1ST_HALF, 2ND_HALF (both halves), 2ND_HALF_ONLY, ET, PENALTIES ..."),
    ),
)

EVENTS = Table(
    source="sportmonks",
    name="events",
    key=("fixture_id", "id"),
    description="One row per event of a fixture; only those of the fixture's latest answer (same request_id) count.",
    fields=(
        FIXTURE_ID,
        _id("id", "The event."),
        _maybe("period_id", "The period."),
        _maybe("participant_id", "The team; for an own goal the team that gains."),
        _id(
            "type_id",
            "14 goal, 15 own goal, 16 penalty, 17 missed penalty, 18 substitution, 19 yellow card ...",
        ),
        _note("section", "event."),
        _maybe("player_id", "The player; in a substitution who comes on."),
        _maybe("related_player_id", "The other player: assist; in a substitution who goes off."),
        _note("player_name", "The player's name."),
        _note("related_player_name", "The other player's name."),
        _note("result", "The score after it, such as 2-1."),
        _note("info", "Remarks."),
        _note("addition", "Its number of the kind, such as 3rd Goal."),
        _maybe("minute", "Minute."),
        _maybe("extra_minute", "Minute of added time."),
        _flag("injured", "Whether an injury was the reason."),
        _flag("on_bench", "Whether the player was on the bench."),
        _maybe("coach_id", "The coach, if it was one."),
        _maybe("sub_type_id", "A finer type."),
        _maybe("detailed_period_id", "The finer period."),
        _flag("rescinded", "Whether it was taken back."),
        _maybe("sort_order", "Order within the type."),
    ),
)

STATISTICS = Table(
    source="sportmonks",
    name="statistics",
    key=("fixture_id", "id"),
    description="One row per fixture, team and statistic; only those of the fixture's latest answer (same request_id) "
    "count.",
    fields=(
        FIXTURE_ID,
        _id("id", "The row."),
        _id("type_id", "Which statistic."),
        _id("participant_id", "The team."),
        Field("value", "double", "Its value: a count, or per cent for possession.", null=True),
        _note("location", "home or away."),
    ),
)

LINEUPS = Table(
    source="sportmonks",
    name="lineups",
    key=("fixture_id", "id"),
    description="One row per fixture and player named for it; only those of the fixture's latest answer (same "
    "request_id) count.",
    fields=(
        FIXTURE_ID,
        _id("id", "The row."),
        SPORT,
        _maybe("player_id", "The player."),
        _id("team_id", "The team."),
        _maybe("position_id", "24 goalkeeper, 25 defender, 26 midfielder, 27 forward."),
        _note("formation_field", "Line and place in it, such as 4:2."),
        _id("type_id", "11 in the starting eleven, 12 on the bench."),
        _maybe("formation_position", "Place, 1 to 11."),
        _note("player_name", "The player's name."),
        _maybe("jersey_number", "Number."),
    ),
)

PERIODS = Table(
    source="sportmonks",
    name="periods",
    key=("fixture_id", "id"),
    description="One row per fixture and period played; only those of the fixture's latest answer (same request_id) "
    "count.",
    fields=(
        FIXTURE_ID,
        _id("id", "The period."),
        _id("type_id", "1 first half, 2 second half, 3 extra time, 5 penalties."),
        _maybe("started", "Start, in seconds since 1970."),
        _maybe("ended", "End, in seconds since 1970; null while it is on."),
        _maybe("counts_from", "Minute that it counts from."),
        _flag("ticking", "Whether it is on."),
        _maybe("sort_order", "Order."),
        _note("description", "1st-half, 2nd-half ..."),
        _maybe("time_added", "Minutes added."),
        _maybe("period_length", "Minutes."),
        _maybe("minutes", "Minutes played."),
        _maybe("seconds", "Seconds beyond them."),
        _flag("has_timer", "Whether the clock is to the second."),
    ),
)

TABLES = (
    TYPES, STATES, LEAGUES, SEASONS, STAGES, ROUNDS, TEAMS, VENUES, STANDINGS, CORRECTIONS, TOPSCORERS,
    FIXTURE_INDEX, FIXTURES, PARTICIPANTS, SCORES, EVENTS, STATISTICS, LINEUPS, PERIODS,
)  # fmt: skip
