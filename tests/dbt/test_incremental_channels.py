"""Channels, their names and followers, videos, clips and categories: after each load as if all were built anew.

Each history is told to each engine, with a build by what is new after each load, and compared with a full one.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.dbt.test_incremental import at, broadcast, clip, stream, user, video
from tests.dbt.twin import Twin
from tests.dbt.warehouse import Row

INCREMENTAL = (
    "int_live__category_slots",
    "int_live__channel_names_daily",
    "int_live__follower_days",
    "fct_clips",
    "fct_videos",
)
TABLES = ("dim_categories", "dim_channels", "dim_channels_history")
Tables = dict[str, list[tuple[Any, ...]]]
History = list[dict[str, list[Row]]]


def channel(slot: str, subscribers: int, hidden: bool = False, **fields: Any) -> Row:
    """A channel of YouTube as told in a slot."""
    told = {"title": "Tube", "custom_url": "@tube", "subscriber_count": subscribers, "hidden_subscriber_count": hidden}
    return {"slot_at": at(slot), "id": "UC1", "fetched_at": at(slot) + dt.timedelta(minutes=1), **told, **fields}


def followers(slot: str, total: int, day: int = 1) -> Row:
    """A count of followers on Twitch."""
    return {"slot_at": at(slot, day), "broadcaster_id": "1", "total": total, "fetched_at": at(slot, day)}


HISTORIES: dict[str, History] = {
    "followers_of_an_older_day_are_told_late": [
        {"raw_twitch.followers": [followers("12:00", 10, 1), followers("12:00", 30, 3)]},
        {"raw_twitch.followers": [followers("12:00", 15, 2)]},
        {"raw_twitch.followers": [followers("12:00", 12, 2)]},
    ],
    "a_channel_is_renamed_and_renamed_back_and_an_old_slot_is_observed_late": [
        {"raw_twitch.streams": [stream("12:00", "s1", "1", 5), stream("12:05", "s1", "1", 5)]},
        {"raw_twitch.streams": [stream("12:10", "s1", "1", 5, login="renamed")]},
        {"raw_twitch.streams": [stream("12:15", "s1", "1", 5)]},
        {"raw_twitch.streams": [stream("12:02", "s1", "1", 5, login="between")], "raw_twitch.users": []},
        # told anew: it was not renamed in that slot
        {"raw_twitch.streams": [stream("12:10", "s1", "1", 5)]},
        {"raw_twitch.users": [user("11:50", "1", "partner"), user("12:12", "1", "")]},
        {"raw_twitch.users": [user("12:12", "1", "partner")]},
    ],
    "a_broadcast_belongs_to_another_channel_at_a_second_read": [
        {"raw_twitch.streams": [stream("12:00", "s1", "1", 5), stream("12:00", "s2", "2", 5)]},
        {"raw_twitch.streams": [stream("12:00", "s1", "3", 5)]},
        {"raw_twitch.streams": [stream("12:00", "s1", "2", 5)]},
    ],
    "only_channels_tell_the_login_of_a_broadcast": [
        {"raw_youtube.videos": [broadcast("12:00", 5), broadcast("12:10", 5)]},
        {"raw_youtube.channels": [channel("12:05", 10)]},
        {"raw_youtube.channels": [channel("12:05", 10, custom_url="@other")]},
        {"raw_youtube.videos": [broadcast("12:00", None, actual_end_time=at("12:00"))]},
    ],
    "a_video_and_a_clip_are_observed_again_the_same_day": [
        {"raw_twitch.videos": [video(1, "v1", 100), video(2, "v1", 130)], "raw_twitch.clips": [clip(2, "c1", 5)]},
        {"raw_twitch.videos": [video(2, "v1", 120)], "raw_twitch.clips": [clip(2, "c1", 9)]},
        # the first day is told late, then otherwise
        {"raw_twitch.videos": [video(1, "v1", 110)], "raw_twitch.clips": [clip(1, "c1", 1)]},
    ],
    "names_of_categories_are_told_late": [
        {"raw_youtube.videos": [broadcast("12:00", 5)], "raw_youtube.categories": []},
        {"raw_youtube.categories": [{"id": "20", "title": "Gaming"}]},
        {"raw_twitch.streams": [stream("12:00", "s1", "1", 5, game_name="")], "raw_twitch.clips": [clip(1, "c1", 1)]},
        {"raw_twitch.streams": [stream("12:00", "s1", "1", 5, game_name="Gaming")]},
        {"raw_twitch.streams": [stream("12:00", "s1", "1", 5, game_id="", game_name="")]},
        {"raw_twitch.games": [{"id": "games", "name": "Games of the catalogue"}]},
        {"raw_youtube.categories": [{"id": "20", "title": "Playing"}]},
    ],
}


def tell(twin: Twin, history: History, *looked_at: str, minutes: int = 5) -> list[Tables]:
    """What some tables have after each load, with so many minutes between them; all equal full builds at the end."""
    found = []
    for number, rows in enumerate(history):
        # a load is of one source
        for source in sorted({name.split(".")[0] for name in rows}):
            of_source = {name: told for name, told in rows.items() if name.startswith(source)}
            twin.warehouse.load(at("13:00") + number * dt.timedelta(minutes=minutes), of_source)
        twin.build(*INCREMENTAL, *TABLES)
        schema = lambda name: "intermediate" if name.startswith("int_") else "live"
        found.append({name: twin.warehouse.table(f"{schema(name)}.{name}") for name in looked_at})
    assert twin.differences() == {}
    return found


@pytest.mark.parametrize("name", HISTORIES)
def test_all_is_as_in_a_full_build_after(twin: Twin, name: str) -> None:
    tell(twin, HISTORIES[name])


def test_a_clock_that_goes_back_between_loads_hides_nothing(twin: Twin) -> None:
    history: History = [
        {
            "raw_twitch.streams": [stream("12:00", "s1", "1", 5, login=login)],
            "raw_twitch.followers": [followers("12:00", number)],
            "raw_twitch.videos": [video(1, "v1", number)],
            "raw_twitch.clips": [clip(1, "c1", number)],
        }
        for number, login in enumerate(("first", "second", "third"))
    ]
    steps = tell(twin, history, "dim_channels_history", "int_live__follower_days", minutes=-120)
    assert [[row[3] for row in step["dim_channels_history"]] for step in steps] == [["first"], ["second"], ["third"]]
    assert [[row[3] for row in step["int_live__follower_days"]] for step in steps] == [[0], [1], [2]]


def test_subscribers_that_are_hidden_at_a_second_read_in_one_slot_are_counted_no_more(twin: Twin) -> None:
    history: History = [
        {"raw_youtube.channels": [channel("11:00", 1200), channel("12:00", 1230)]},
        {"raw_youtube.channels": [channel("12:00", 0, hidden=True)]},
        {"raw_youtube.channels": [channel("11:00", 0, hidden=True)]},
        {"raw_youtube.channels": [channel("12:00", 1240)]},
    ]
    steps = tell(twin, history, "int_live__follower_days")
    assert [[row[3] for row in step["int_live__follower_days"]] for step in steps] == [[1230], [1200], [], [1240]]


def test_runs_of_names_are_as_few_as_their_changes(twin: Twin) -> None:
    snapshots = [stream(f"12:{minute:02}", "s1", "1", minute) for minute in range(0, 60, 5)]
    (found,) = tell(twin, [{"raw_twitch.streams": snapshots}], "int_live__channel_names_daily")
    assert [row[-2:] for row in found["int_live__channel_names_daily"]] == [(at("12:00"), at("12:55"))]
