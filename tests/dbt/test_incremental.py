"""Incremental models against full builds, over loads that come late, break off or repeat, on both engines.

One story is told to each engine, with an incremental build after each part of it; the tests look at what it left.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.dbt.live import in_zone
from tests.dbt.warehouse import ENGINES, Row, Warehouse

MARTS = (
    "dim_categories",
    "dim_channels",
    "dim_channels_history",
    "fct_category_days",
    "fct_channel_days",
    "fct_clips",
    "fct_stream_sessions",
    "fct_stream_snapshots",
    "fct_streams",
    "fct_videos",
    "rpt_top_live",
    "rpt_unmatched_categories",
)
# the incremental models; views follow by themselves
INCREMENTAL = "path:models/intermediate/live path:models/marts/live"
FAR_FROM_UTC = "America/Sao_Paulo"


def at(clock: str, day: int = 1) -> dt.datetime:
    """A time of day in October 2026."""
    return dt.datetime.combine(dt.date(2026, 10, day), dt.time.fromisoformat(clock))


def stream(slot: str, stream_id: str, channel: str, viewers: int, **fields: Any) -> Row:
    """A broadcast in one slot, answered two seconds and a bit into it."""
    login = fields.pop("login", f"login{channel}")
    return {
        "slot_at": at(slot),
        "id": stream_id,
        "user_id": channel,
        "user_login": login,
        "user_name": login.upper(),
        "game_id": "games",
        "game_name": "Games",
        "viewer_count": viewers,
        "started_at": at("11:30"),
        "fetched_at": at(slot) + dt.timedelta(seconds=2, microseconds=345678),
        **fields,
    }


def livestream(slot: str, stream_id: str, channel: int, viewers: int) -> Row:
    """A broadcast in one slot on the other platform."""
    return {
        "slot_at": at(slot),
        "id": stream_id,
        "broadcaster_user_id": channel,
        "broadcaster_username": f"LOGIN{channel}",
        "channel_slug": f"login{channel}",
        "category_id": 5,
        "category_name": "Games",
        "viewer_count": viewers,
        "started_at": at("11:30"),
        "fetched_at": at(slot) + dt.timedelta(seconds=3),
    }


def user(slot: str, channel: str, kind: str) -> Row:
    """A user record, answered a minute into a slot."""
    login = f"login{channel}"
    return {
        "slot_at": at(slot),
        "id": channel,
        "login": login,
        "display_name": login.upper(),
        "broadcaster_type": kind,
        "fetched_at": at(slot) + dt.timedelta(minutes=1),
    }


def video(day: int, video_id: str, views: int) -> Row:
    """A video as observed on a day."""
    return {
        "observed_on": at("00:00", day).date(),
        "id": video_id,
        "user_id": "1",
        "view_count": views,
        "duration": "1h0m1s",
        "stream_id": "s1",
    }


def clip(day: int, clip_id: str, views: int) -> Row:
    """A clip as observed on a day."""
    return {
        "observed_on": at("00:00", day).date(),
        "id": clip_id,
        "broadcaster_id": "2",
        "view_count": views,
        "game_id": "clipped",
    }


def broadcast(slot: str, viewers: int | None, **fields: Any) -> Row:
    """A broadcast on YouTube in one slot: neither its channel's handle nor its category's name come with it."""
    return {
        "slot_at": at(slot),
        "id": "y1",
        "channel_id": "UC1",
        "channel_title": "Tube",
        "category_id": "20",
        "actual_start_time": at("11:30"),
        "concurrent_viewers": viewers,
        "fetched_at": at(slot) + dt.timedelta(seconds=3),
        **fields,
    }


def polled(*slots: str, complete: bool = True) -> list[Row]:
    """Headers of polls of the list of streams."""
    return [
        {
            "slot_at": at(slot),
            "source": "twitch",
            "resource": "streams",
            "scope": "top",
            "started_at": at(slot),
            "is_complete": complete,
        }
        for slot in slots
    ]


@dataclass
class Story:
    """The marts after each part, and after a full build at the end."""

    parts: list[dict[str, list[tuple[Any, ...]]]] = field(default_factory=list)
    full: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    @property
    def last(self) -> dict[str, list[tuple[Any, ...]]]:
        """The marts after the last incremental build."""
        return self.parts[-1]


def marts(warehouse: Warehouse, select: str, *arguments: str) -> dict[str, list[tuple[Any, ...]]]:
    """Build the marts and read them."""
    warehouse.build("--resource-type", "model", "--resource-type", "seed", "--select", select, *arguments)
    return {name: warehouse.table(f"live.{name}") for name in MARTS}


def tell(warehouse: Warehouse) -> Story:
    """The story."""
    story = Story()

    warehouse.load(
        at("12:06"),
        {
            "raw_twitch.streams": [
                stream("12:00", "s1", "1", 10),
                stream("12:05", "s1", "1", 21),
                stream("12:05", "s2", "2", 7, game_id="", game_name="", tags=None, title=""),
            ],
            "raw_twitch.users": [user("12:00", "1", "affiliate"), user("12:00", "2", "")],
            "raw_twitch.videos": [video(1, "v1", 100)],
            "raw_twitch.clips": [clip(1, "c1", 5)],
            "raw_twitch.games": [{"id": "games", "name": "Games"}],
            "raw_twitch.followers": [{"slot_at": at("12:00"), "broadcaster_id": "1", "total": 3}],
        },
    )
    warehouse.load(
        at("12:06"),
        {"raw_ops.polls": polled("12:00", "12:05"), "raw_ops.clock": [{"clock_id": 1, "now_at": at("12:05")}]},
    )
    warehouse.load(at("12:06"), {"raw_youtube.videos": [broadcast("12:05", 50)]})
    killed = warehouse.load(
        None, {"raw_twitch.streams": [stream("12:10", "s1", "1", 40), stream("12:10", "s4", "4", 99)]}
    )
    story.parts.append(marts(warehouse, "+path:models/marts/live"))

    # a rename, and a broadcast that ended
    warehouse.load(
        at("12:16"),
        {
            "raw_twitch.streams": [
                stream("12:15", "s1", "1", 30, login="renamed"),
                stream("12:15", "s3", "3", 5, game_id="new", game_name="Not in the catalogue"),
            ],
            "raw_twitch.channels": [
                {
                    "slot_at": at("12:15"),
                    "broadcaster_id": "2",
                    "broadcaster_login": "login2",
                    "broadcaster_name": "LOGIN2",
                    "game_id": "set",
                    "game_name": "Set later",
                    "title": "soon",
                    "fetched_at": at("12:16"),
                }
            ],
        },
    )
    warehouse.load(
        at("12:17"),
        {
            "raw_ops.polls": polled("12:15")
            + [{**poll, "source": "youtube", "resource": "videos"} for poll in polled("12:10", "12:15")]
        },
    )
    warehouse.load(
        at("12:18"),
        {
            "raw_youtube.videos": [broadcast("12:10", 60), broadcast("12:15", None, actual_end_time=at("12:12"))],
            "raw_youtube.channels": [
                {
                    "slot_at": at("12:10"),
                    "id": "UC1",
                    "title": "Tube",
                    "custom_url": "@tube",
                    "subscriber_count": 1230,
                    "fetched_at": at("12:11"),
                }
            ],
            "raw_youtube.categories": [{"id": "20", "title": "Gaming"}],
        },
    )
    story.parts.append(marts(warehouse, INCREMENTAL))

    # the killed load is recovered; rows of older slots arrive; a slot and a day are fetched again
    warehouse.complete(killed, at("12:20"))
    warehouse.load(
        at("12:21"),
        {
            "raw_twitch.streams": [
                stream("11:55", "s2", "2", 1000, login="before"),
                stream("12:03", "s1", "1", 15, login="between"),
                stream("12:15", "s1", "1", 31, login="renamed", game_id="clipped", game_name="Clipped"),
            ],
            "raw_twitch.users": [user("11:50", "1", "partner")],
            "raw_twitch.videos": [video(2, "v1", 130), video(2, "v2", 1)],
            "raw_twitch.clips": [clip(1, "c1", 6)],
            "raw_twitch.followers": [{"slot_at": at("11:00"), "broadcaster_id": "1", "total": 1}],
        },
    )
    # a channel of the other platform under the id of one of this
    warehouse.load(at("12:21"), {"raw_kick.livestreams": [livestream("12:15", "k1", 1, 60)]})
    warehouse.load(
        at("12:22"), {"raw_ops.polls": [{**polled("12:15")[0], "source": "kick", "resource": "livestreams"}]}
    )
    story.parts.append(marts(warehouse, INCREMENTAL))

    # the old name comes back; the poll breaks off; a channel is gone, another is described
    warehouse.load(
        at("12:26"),
        {
            "raw_kick.channels": [
                {
                    "slot_at": at("12:25"),
                    "broadcaster_user_id": 1,
                    "slug": "login1",
                    "channel_description": "Words of its own",
                    "category_id": 6,
                    "category_name": "Set",
                    "fetched_at": at("12:26"),
                }
            ],
            "raw_kick.categories": [{"id": 5, "name": "Games of another catalogue"}],
        },
    )
    warehouse.load(at("12:26") + dt.timedelta(microseconds=1), {"raw_twitch.streams": [stream("12:25", "s1", "1", 8)]})
    warehouse.load(
        at("12:27"),
        {
            "raw_ops.polls": polled("12:25", complete=False),
            "raw_ops.sync_log": [
                {
                    "source": "twitch",
                    "resource": "users",
                    "unit_id": "2",
                    "status": "absent",
                    "last_attempt_at": at("12:26"),
                    "last_success_at": at("12:26"),
                },
                {
                    "source": "kick",
                    "resource": "channels",
                    "unit_id": "1",
                    "status": "ok",
                    "last_attempt_at": at("12:26"),
                    "last_success_at": at("12:26"),
                },
            ],
        },
    )
    story.parts.append(marts(warehouse, INCREMENTAL))

    with in_zone(warehouse, FAR_FROM_UTC):
        story.full = marts(warehouse, "+path:models/marts/live", "--full-refresh")
    return story


@pytest.fixture(scope="module")
def stories(warehouse_on: Callable[[str], Warehouse]) -> dict[str, Story]:
    """The story, told to each engine."""
    return {engine: tell(warehouse_on(engine)) for engine in ENGINES}


@pytest.fixture(params=ENGINES)
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Story:
    return stories[request.param]


def rows(part: dict[str, list[tuple[Any, ...]]], name: str, *wanted: Any) -> list[tuple[Any, ...]]:
    """The rows of a mart that hold all wanted values."""
    return [row for row in part[name] if set(wanted) <= set(row)]


@pytest.mark.parametrize("name", MARTS)
def test_an_incremental_build_equals_a_full_one_in_another_time_zone(story: Story, name: str) -> None:
    assert story.last[name] == story.full[name]
    assert story.last[name]


@pytest.mark.parametrize("name", MARTS)
def test_both_engines_give_the_same_rows(stories: dict[str, Story], name: str) -> None:
    assert stories["duckdb"].last[name] == stories["postgres"].last[name]


def test_rows_of_an_unfinished_load_count_only_once_it_is_complete(story: Story) -> None:
    assert [len(rows(part, "fct_streams", "s4")) for part in story.parts] == [0, 0, 1, 1]
    assert [len(rows(part, "fct_stream_snapshots", "s1")) for part in story.parts] == [2, 3, 5, 6]


def test_a_row_of_an_older_slot_moves_the_start_of_its_broadcast_and_channel(story: Story) -> None:
    first_seen = at("11:55") + dt.timedelta(seconds=2, microseconds=345678)
    assert not rows(story.parts[1], "fct_streams", "s2", 1000)
    assert rows(story.parts[2], "fct_streams", "s2", 1000, first_seen)
    assert rows(story.parts[2], "dim_channels", "2", first_seen)


def test_a_broadcast_ends_by_a_complete_poll_without_it(story: Story) -> None:
    live = [sorted(row[2] for row in part["rpt_top_live"]) for part in story.parts]
    # y1 stays until the first complete poll of its own platform
    assert live == [["s1", "s2", "y1"], ["s1", "s3"], ["k1", "s1", "s3"], ["k1", "s1", "s3"]]


def test_a_name_that_comes_back_is_a_version_of_its_own(story: Story) -> None:
    versions = [
        sorted(row[3] for row in rows(part, "dim_channels_history", "1") if row[5] == "affiliate")
        for part in story.parts
    ]
    assert versions == [
        ["login1"],
        ["login1", "renamed"],
        ["between", "login1", "login1", "renamed"],
        ["between", "login1", "login1", "login1", "renamed"],
    ]


def test_a_channel_is_gone_once_the_api_leaves_it_out(story: Story) -> None:
    gone = [[row[1] for row in part["dim_channels"] if row[12]] for part in story.parts]
    assert gone == [[], [], [], ["2"]]


def test_a_channel_is_described_by_what_its_own_platform_says_later(story: Story) -> None:
    described = [[row[:2] for row in rows(part, "dim_channels", "Words of its own")] for part in story.parts]
    assert described == [[], [], [], [("kick", "1")]]
    categories = {row[:2]: (row[3], row[8]) for row in story.last["dim_categories"]}
    assert categories["kick", "5"] == ("Games of another catalogue", True)
    assert categories["kick", "6"] == ("Set", False)


def test_a_category_is_matched_while_another_platform_has_it(story: Story) -> None:
    matched = [[row[:2] for row in rows(part, "dim_categories", "games", "name")] for part in story.parts]
    assert matched == [[], [], [("kick", "5"), ("twitch", "games")], []]
    unmatched = [[row[1:3] for row in rows(part, "rpt_unmatched_categories", "games")] for part in story.parts]
    assert unmatched == [[("twitch", "games")], [("twitch", "games")], [], [("twitch", "games")]]


def test_a_slot_that_is_fetched_again_counts_once(story: Story) -> None:
    assert not rows(story.last, "fct_stream_snapshots", "s1", 30)
    assert rows(story.last, "fct_stream_snapshots", "s1", 31)


def test_what_is_told_later_of_a_broadcast_on_youtube_holds_for_its_first_snapshot_too(story: Story) -> None:
    seen = [rows(part, "fct_stream_snapshots", "y1") for part in story.parts]
    assert [len(part) for part in seen] == [1, 2, 2, 2], "after its end it was not seen"
    assert [["Gaming" in row for row in part] for part in seen[:2]] == [[False], [True, True]]
    versions = [
        [(row[3], row[7]) for row in rows(part, "dim_channels_history", "UC1")] for part in (story.parts[0], story.last)
    ]
    assert versions == [[(None, at("12:05"))], [("@tube", at("12:05"))]]
    assert rows(story.last, "dim_channels", "UC1", "@tube", 1230)


def test_growth_counts_from_the_first_day(story: Story) -> None:
    assert rows(story.last, "fct_videos", "v1", 130, 30)
    assert rows(story.last, "fct_clips", "c1", 6, 0)
