"""Random legal histories of raw tables: what APIs may tell of a channel, a season or a client's record, step by step.

A history is one channel (with its broadcasts, videos, clips), one league with two seasons, and one record of a client,
over a few steps. Many run side by side in one warehouse, each with ids of its own, because what costs is the build and
not the rows; polls, clock, lookups and seeds are common to all.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.dbt.warehouse import Row

EPOCH = dt.datetime(2026, 10, 1, 23, 40)
SLOT = dt.timedelta(minutes=5)
PLATFORMS = ("twitch", "kick", "youtube")
LISTS = {"twitch": "streams", "kick": "livestreams", "youtube": "videos"}
CATEGORIES = ("1", "2", "3")
DAY = dt.date(2026, 9, 1)

Rows = dict[str, list[Row]]


@dataclass(frozen=True)
class Sighting:
    """A broadcast as one poll lists it; ended: YouTube shows it by id, and says that it is over."""

    broadcast: int
    viewers: int | None
    category: int
    title: int
    channel: int
    started: int
    ended: bool


@dataclass(frozen=True)
class Told:
    """What other endpoints tell of a channel in a slot: names, type, followers (None: hidden), views."""

    slot: int
    name: int
    kind: int
    followers: int | None
    views: int


@dataclass(frozen=True)
class Details:
    """A fixture as its details or its listing tell it on a day."""

    fixture: int
    day: int
    state: int
    home: int
    away: int
    goals: tuple[int, int]
    kickoff: int | None
    season: int
    stage: int
    children: int
    listed_only: bool


@dataclass(frozen=True)
class League:
    """What lists tell of a league: its country, its stages and seasons, its teams, a deduction."""

    country: int | None
    stage_type: int
    stage_name: int
    finished: bool
    team: int
    team_name: int
    deduction: int
    is_active: bool
    day: int


@dataclass(frozen=True)
class Observed:
    """A record of a client as it was seen: client, content, and when (it may be told late)."""

    client: int
    content: int
    seen: int
    day: int


@dataclass(frozen=True)
class Part:
    """What happens to one history in one step."""

    sightings: tuple[tuple[int, Sighting], ...] = ()
    told: tuple[Told, ...] = ()
    details: tuple[Details, ...] = ()
    leagues: tuple[League, ...] = ()
    observed: tuple[Observed, ...] = ()


@dataclass(frozen=True)
class Common:
    """What happens to all in one step.

    polls: slots since the first, and whether the poll was complete; each of them is of every platform.
    sweep: whether the list of fixtures was read, on a day, whole or not.
    alias: the team that is the same as the team before it, in every league; None for none.
    clock: the machine's clock, in slots; it may go back. killed: the loads of the step complete only in the next one.
    """

    polls: tuple[tuple[int, bool], ...] = ()
    sweep: tuple[int, bool] | None = None
    category_name: tuple[int, int] | None = None
    alias: int | None = None
    ranking: int = 0
    lookup: int = 0
    clock: int = 0
    killed: bool = False


@dataclass(frozen=True)
class Step:
    """A step of all histories."""

    common: Common
    parts: tuple[Part, ...] = field(default=())


def small(limit: int) -> st.SearchStrategy[int]:
    """A number below a limit."""
    return st.integers(0, limit - 1)


SIGHTINGS = st.builds(
    Sighting,
    broadcast=small(2),
    viewers=st.one_of(st.none(), st.integers(0, 300)),
    category=small(len(CATEGORIES) + 1),
    title=small(2),
    channel=st.sampled_from([0, 0, 0, 1]),
    started=st.integers(0, 8),
    ended=st.sampled_from([False, False, True]),
)
TOLD = st.builds(
    Told,
    slot=small(9),
    name=small(2),
    kind=small(3),
    followers=st.one_of(st.none(), small(50)),
    views=small(9),
)
DETAILS = st.builds(
    Details,
    fixture=small(3),
    day=small(4),
    state=st.sampled_from([1, 5, 5, 5, 7, 10, 17, 20]),
    home=small(3),
    away=small(3),
    goals=st.tuples(small(3), small(3)),
    kickoff=st.one_of(st.none(), small(4), small(4)),
    season=small(2),
    stage=small(2),
    children=small(4),
    listed_only=st.booleans(),
)
LEAGUES = st.builds(
    League,
    country=st.one_of(st.none(), small(2)),
    stage_type=st.sampled_from([223, 223, 224]),
    stage_name=small(2),
    finished=st.booleans(),
    team=small(3),
    team_name=small(3),
    deduction=small(4),
    is_active=st.booleans(),
    day=small(3),
)
OBSERVED = st.builds(Observed, client=small(2), content=small(3), seen=small(12), day=small(2))


def few(strategy: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """None to a few."""
    return st.lists(strategy, max_size=most).map(tuple)


PARTS = st.builds(
    Part,
    sightings=few(st.tuples(small(2), SIGHTINGS), 3),
    told=few(TOLD, 1),
    details=few(DETAILS, 2),
    leagues=few(LEAGUES, 1),
    observed=few(OBSERVED, 1),
)
COMMON = st.builds(
    Common,
    polls=st.lists(st.tuples(small(9), st.booleans()), min_size=1, max_size=2, unique_by=lambda poll: poll[0]).map(
        tuple
    ),
    sweep=st.one_of(st.none(), st.tuples(small(4), st.booleans())),
    category_name=st.one_of(st.none(), st.tuples(small(len(CATEGORIES)), small(2))),
    alias=st.one_of(st.none(), st.integers(1, 2)),
    ranking=small(2),
    lookup=small(2),
    clock=st.integers(-20, 20),
    killed=st.sampled_from([False, False, False, True]),
)


def histories(width: int, length: int) -> st.SearchStrategy[list[Step]]:
    """As many histories side by side, over at most as many steps."""
    step = st.builds(Step, common=COMMON, parts=st.tuples(*[PARTS] * width))
    return st.lists(step, min_size=2, max_size=length)


def rows_of(step: Step, number: int) -> Rows:
    """The raw rows of a step; a row that is told twice in it counts as told last."""
    rows: Rows = defaultdict(list)
    _common_rows(step.common, number, rows)
    for history, part in enumerate(step.parts):
        for poll, sighting in part.sightings:
            slot, _ = step.common.polls[poll % len(step.common.polls)]
            _sighting_rows(history, slot, sighting, number, rows)
        for told in part.told:
            _told_rows(history, told, number, rows)
        for league in part.leagues:
            _league_rows(history, league, number, rows)
        for details in part.details:
            _details_rows(history, details, number, rows)
        for observed in part.observed:
            _observed_rows(history, observed, rows)
    return rows


def _at(slot: int) -> dt.datetime:
    return EPOCH + slot * SLOT


def _common_rows(common: Common, number: int, rows: Rows) -> None:
    for slot, is_complete in common.polls:
        for platform in PLATFORMS:
            rows["raw_ops.polls"].append(
                {
                    "slot_at": _at(slot),
                    "source": platform,
                    "resource": LISTS[platform],
                    "scope": "top",
                    "started_at": _at(slot),
                    "finished_at": _at(slot) + dt.timedelta(seconds=10 + number),
                    "is_complete": is_complete,
                    "is_exhaustive": is_complete,
                }
            )
    if common.sweep:
        day, is_complete = common.sweep
        at = dt.datetime.combine(DAY + dt.timedelta(days=day), dt.time(4, number))
        rows["raw_ops.polls"].append(
            {
                "slot_at": at,
                "source": "sportmonks",
                "resource": "lists",
                "scope": "fixtures",
                "started_at": at,
                "finished_at": at,
                "is_complete": is_complete,
                "is_exhaustive": is_complete,
            }
        )
    rows["raw_ops.clock"].append({"clock_id": 1, "now_at": _at(10 + number)})
    if common.category_name:
        category, name = common.category_name
        rows["raw_youtube.categories"].append({"id": CATEGORIES[category], "title": f"Category {category}{name}"})
    if common.lookup:
        rows["raw_sportmonks.types"].append({"id": 14, "name": f"Goal{number % 2}"})
        rows["raw_sportmonks.states"].append({"id": 5, "state": "FT", "name": f"Full Time{number % 2}"})


def _sighting_rows(history: int, slot: int, told: Sighting, number: int, rows: Rows) -> None:
    platform = PLATFORMS[history % 3]
    channel = 10 * (history + 1) + told.channel
    stream_id = f"s{history}-{told.broadcast}"
    category = (None, *CATEGORIES)[told.category]
    started = _at(0) - dt.timedelta(minutes=12) + told.started * dt.timedelta(minutes=2)
    seen = {"slot_at": _at(slot), "id": stream_id, "fetched_at": _at(slot) + dt.timedelta(seconds=3 + number % 5)}
    if platform == "twitch":
        rows["raw_twitch.streams"].append(
            seen
            | {
                "user_id": str(channel),
                "user_login": f"login{channel}",
                "user_name": f"Name{channel}",
                "game_id": category or "",
                "game_name": f"Game {category}" if category else "",
                "title": f"title {told.title}",
                "viewer_count": told.viewers or 0,
                "started_at": started,
                "language": "en",
            }
        )
    elif platform == "kick":
        rows["raw_kick.livestreams"].append(
            seen
            | {
                "broadcaster_user_id": channel,
                "broadcaster_username": f"Name{channel}",
                "channel_slug": f"login{channel}",
                "category_id": int(category) if category else None,
                "category_name": f"Game {category}" if category else None,
                "title": f"title {told.title}",
                "viewer_count": told.viewers or 0,
                "started_at": started,
                "language_code": "en",
            }
        )
    else:
        rows["raw_youtube.videos"].append(
            seen
            | {
                "channel_id": f"UC{channel}",
                "channel_title": f"Name{channel}",
                "title": f"title {told.title}",
                "category_id": category,
                "live_broadcast_content": "none" if told.ended else "live",
                "actual_start_time": started,
                "actual_end_time": _at(slot) if told.ended else None,
                "published_at": started,
                "concurrent_viewers": None if told.ended else told.viewers,
            }
        )


def _told_rows(history: int, told: Told, number: int, rows: Rows) -> None:
    platform = PLATFORMS[history % 3]
    channel = 10 * (history + 1)
    seen = {"slot_at": _at(told.slot), "fetched_at": _at(told.slot) + dt.timedelta(seconds=30 + number)}
    name = f"Name{channel}" + "x" * told.name
    if platform == "twitch":
        rows["raw_twitch.users"].append(
            seen
            | {
                "id": str(channel),
                "login": name.lower(),
                "display_name": name,
                "broadcaster_type": ("", "affiliate", "partner")[told.kind],
            }
        )
        if told.followers is not None:
            rows["raw_twitch.followers"].append(seen | {"broadcaster_id": str(channel), "total": told.followers})
        day = (EPOCH + dt.timedelta(days=told.slot % 3)).date()
        observed = {"observed_on": day, "view_count": told.views, "fetched_at": seen["fetched_at"]}
        rows["raw_twitch.videos"].append(
            observed | {"id": f"v{history}", "user_id": str(channel), "duration": "1h0m1s"}
        )
        rows["raw_twitch.clips"].append(
            observed | {"id": f"c{history}", "broadcaster_id": str(channel), "game_id": CATEGORIES[told.kind]}
        )
    elif platform == "kick":
        rows["raw_kick.channels"].append(
            seen | {"broadcaster_user_id": channel, "slug": name.lower(), "channel_description": name}
        )
    else:
        rows["raw_youtube.channels"].append(
            seen
            | {
                "id": f"UC{channel}",
                "title": name,
                "custom_url": (None, f"@{channel}", f"@{channel}x")[told.kind],
                "subscriber_count": told.followers,
                "hidden_subscriber_count": told.followers is None,
            }
        )


def _league_rows(history: int, told: League, number: int, rows: Rows) -> None:
    league = 100 + history
    rows["raw_sportmonks.leagues"].append({"id": league, "country_id": told.country, "name": f"League {league}"})
    for season in (0, 1):
        season_id = 10 * league + season
        rows["raw_sportmonks.seasons"].append(
            {
                "id": season_id,
                "league_id": league,
                "name": f"{2025 + season}/{2026 + season}",
                "finished": told.finished,
                "starting_at": dt.date(2025 + season, 8, 1),
                "ending_at": dt.date(2026 + season, 5, 31),
            }
        )
    rows["raw_sportmonks.stages"].append(
        {
            "id": 10 * league,
            "season_id": 10 * league,
            "league_id": league,
            "type_id": told.stage_type,
            "name": f"Stage {told.stage_name}",
        }
    )
    team = 10 * league + told.team
    rows["raw_sportmonks.teams"].append({"id": team, "name": f"{'CAB'[told.team_name]} team {team}"})
    if told.deduction:
        rows["raw_sportmonks.corrections"].append(
            {
                "observed_on": DAY + dt.timedelta(days=told.day),
                "id": league,
                "season_id": 10 * league,
                "participant_id": team,
                "value": told.deduction,
                "calc_type": "-",
                "active": told.is_active,
                "request_id": f"corrections-{number}",
                "fetched_at": dt.datetime.combine(DAY + dt.timedelta(days=told.day), dt.time(6, number)),
            }
        )


def _details_rows(history: int, told: Details, number: int, rows: Rows) -> None:
    league = 100 + history
    fixture = 100 * league + told.fixture
    sides = (10 * league + told.home, 10 * league + (told.away if told.away != told.home else (told.home + 1) % 3))
    day = DAY + dt.timedelta(days=told.day)
    at = dt.datetime.combine(day, dt.time(5, number, told.fixture))
    base = {
        "id": fixture,
        "league_id": league,
        "season_id": 10 * league + told.season,
        "stage_id": 10 * league + told.stage,
        "round_id": None,
        "state_id": told.state,
        "name": f"{sides[0]} vs {sides[1]}",
        "starting_at": None
        if told.kickoff is None
        else dt.datetime.combine(DAY + dt.timedelta(days=told.kickoff), dt.time(15)),
    }
    base["base_hash"] = hashlib.sha256(repr(base).encode()).hexdigest()
    seen = {"fetched_at": at, "request_id": f"request-{number}-{fixture}"}
    if told.listed_only:
        rows["raw_sportmonks.fixture_index"].append(base | seen)
        return
    rows["raw_sportmonks.fixtures"].append(base | seen | {"observed_on": day})
    for place, (side, team) in enumerate(zip(("home", "away"), sides, strict=True)):
        rows["raw_sportmonks.participants"].append(
            seen | {"fixture_id": fixture, "id": team, "name": f"T{team}", "location": side}
        )
        rows["raw_sportmonks.scores"].append(
            seen
            | {
                "observed_on": day,
                "fixture_id": fixture,
                "id": 10 * fixture + place,
                "participant_id": team,
                "goals": told.goals[place],
                "participant": side,
                "description": "CURRENT",
            }
        )
    for child in range(told.children):
        named = {"fixture_id": fixture, "id": 10 * fixture + child}
        rows["raw_sportmonks.events"].append(
            seen
            | named
            | {
                "type_id": 14 + 4 * (child % 2),
                "participant_id": sides[child % 2],
                "player_id": 7 + child,
                "player_name": f"P{child}",
                "minute": child,
                "rescinded": child == 2,
            }
        )
        rows["raw_sportmonks.lineups"].append(
            seen
            | named
            | {"team_id": sides[child % 2], "player_id": 7 + child, "type_id": 11, "player_name": f"P{child}"}
        )
        rows["raw_sportmonks.statistics"].append(
            seen | named | {"type_id": 14, "participant_id": sides[child % 2], "value": 1.5 * child}
        )


def _observed_rows(history: int, told: Observed, rows: Rows) -> None:
    day = DAY + dt.timedelta(days=told.day)
    client, content = str(2000 + told.client), f"{history}-{told.content}"
    common = {"client": client, "route": "pedido", "record_key": f"r{history}", "content_hash": content, "period": day}
    payload = f'{{"status": "s{told.content}", "total": {told.content}.5, "itens": [1]}}'
    rows["raw_atlas.payloads"].append(common | {"page": 1, "payload": payload})
    rows["raw_atlas.observations"].append(
        common | {"seen_at": _at(told.seen), "request_id": f"request-{told.seen:02d}-{told.content}"}
    )
