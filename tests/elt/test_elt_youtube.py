"""Whole runs with YouTube: a search, broadcasts by id, marts that take them in, and quotas that end nothing badly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pipelines.sandbox import Sandbox
from pipelines.sandbox.apis.youtube import KEY, channel_id, video_id
from tests.elt.conftest import LATER, MODELS_ONLY, Project, leaks, still_world

NEXT_SLOT = "2026-03-04T20:05:00Z"


def asked(sandbox: Sandbox, since: int) -> Counter[str]:
    return Counter(one.path for one in sandbox.served[since:])


def test_broadcasts_are_found_followed_and_counted(new_project: Callable[..., Project]) -> None:
    with still_world() as sandbox:
        world = sandbox.world_of("youtube")
        project = new_project(sandbox.env(), "youtube")
        shown = project.call("elt", "--dry-run").out
        assert "youtube search: 1 calls, at most 100 in 86,400 s" in shown
        assert "youtube units: 1 calls, at most 10,000 in 86,400 s" in shown
        assert not sandbox.served, "a dry run fetches nothing"

        done = project.call("elt", "--json", **MODELS_ONLY)
        assert done.code == 0, done.err + done.out
        assert asked(sandbox, 0) == {"/search": 1, "/videos": 1, "/channels": 1, "/videoCategories": 1}
        first = world.live(sandbox.clock.time()).ranked
        assert 20 < len(first) <= 50
        rows = project.query(
            "select stream_id, channel_id, channel_name, last_category_name, last_viewer_count, is_live"
            " from live.fct_streams join live.dim_channels using (platform, channel_id) where platform = 'youtube'"
        )
        assert {row["stream_id"]: row["channel_id"] for row in rows} == {
            video_id(one.session): channel_id(one.channel.id) for one in first
        }
        viewers = {row["stream_id"]: row["last_viewer_count"] for row in rows}
        for one in first:
            shown_viewers = 0 if world.hides_viewers(one.channel) else int(one.score)
            assert viewers[video_id(one.session)] == (shown_viewers or None)
        assert all(row["is_live"] and row["channel_name"] and row["last_category_name"] for row in rows)
        channels = project.query(
            "select channel_login, follower_count, is_gone from live.dim_channels where platform = 'youtube'"
        )
        assert len(channels) == len(first) and not any(row["is_gone"] for row in channels)
        assert sum(row["follower_count"] is not None for row in channels) > len(first) * 0.8
        assert all(row["channel_login"][0] == "@" for row in channels if row["channel_login"])
        assert (
            project.value("select count(*) from live.dim_categories where platform = 'youtube' and is_catalogued") == 14
        )

        # the next slot: no search is due, nor are channels and categories
        before = len(sandbox.served)
        sandbox.clock.set(NEXT_SLOT)
        done = project.call("extract", ETL_NOW=NEXT_SLOT)
        assert done.code == 0, done.err
        assert asked(sandbox, before) == {"/videos": 1}

        # some time later: what is over has left the list, what began is found
        before = len(sandbox.served)
        gone = next(video_id(one.session) for one in first if one.session.end > sandbox.clock.time() + 3600)
        sandbox.edits["youtube_videos"][gone] = None
        sandbox.edits["youtube_search"][gone] = None
        sandbox.clock.set(LATER)
        for command, settings in (("extract", {}), ("elt", MODELS_ONLY)):
            done = project.call(command, ETL_NOW=LATER, **settings)
            assert done.code == 0, done.err + done.out
        made = asked(sandbox, before)
        assert (made["/search"], made["/videos"], made["/videoCategories"]) == (1, 2, 0)
        last = world.live(sandbox.clock.time()).ranked
        live = {row["stream_id"] for row in project.query("select stream_id from live.fct_streams where is_live")}
        assert live == {video_id(one.session) for one in last} - {gone}
        queries = [dict(one.query)["id"].split(",") for one in sandbox.served[before:] if one.path == "/videos"]
        assert gone in queries[0] and gone not in queries[1], "what was absent is asked for no more"
        assert project.value("select max(rows) from raw_ops.polls where resource = 'search'") == len(first)
        assert leaks(project, done, [KEY]) == set()


def test_a_quota_that_is_spent_leaves_a_run_partial_and_the_next_one_goes_on(
    new_project: Callable[..., Project],
) -> None:
    with still_world(channels=400) as sandbox:
        project = new_project(sandbox.env(), "youtube")
        # by now, half a day's share of 4 units is free: one for videos, one for channels
        done = project.call("extract", "--json", YOUTUBE_UNITS_PER_DAY="4", YOUTUBE_SEARCH_PAGES="2")
        assert done.code == 0, done.err + done.out
        assert asked(sandbox, 0) == {"/search": 2, "/videos": 2, "/channels": 1}
        states = {
            row["resource"]: (row["status"], row["message"])
            for row in project.query("select resource, status, message from raw_ops.run_resources")
        }
        assert states["search"] == ("succeeded", None)
        assert states["channels"][0] == "partial" and "kept for later today: 3 of the 4" in states["channels"][1]
        assert states["categories"][0] == "partial"
        extracting = "select run_id from raw_ops.run_resources"
        assert project.value(f"select status from raw_ops.runs where run_id in ({extracting})") == "partial"
        before = len(sandbox.served)
        done = project.call("extract", "--json")
        assert done.code == 0, done.err + done.out
        assert asked(sandbox, before) == {"/videos": 2, "/channels": 1, "/videoCategories": 1}
        assert project.value("select count(*) from raw_youtube.channels") == 100
        before = len(sandbox.served)
        done = project.call("extract", "--json", YOUTUBE_UNITS_PER_DAY="8")
        assert done.code == 0 and "7 of the 8 requests of the day are spent" in done.out, done.err + done.out
        assert len(sandbox.served) == before, "both runs before count"


def test_a_key_that_is_refused_ends_the_source_with_its_own_exit_code(new_project: Callable[..., Project]) -> None:
    with still_world() as sandbox:
        project = new_project(sandbox.env() | {"YOUTUBE_API_KEY": "AIza" + "wrong" * 7}, "youtube")
        done = project.call("extract")
        assert done.code == 77, done.err
        assert "YOUTUBE_API_KEY was refused" in done.out and "correct YOUTUBE_API_KEY in .env" in done.out
        assert "wrongwrong" not in done.err + done.out
        assert len(sandbox.served) == 1
