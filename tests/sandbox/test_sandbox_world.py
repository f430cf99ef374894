"""The simulated world: pure, plausible in size and shape, and full of the oddities that real data has."""

from __future__ import annotations

import random
import statistics
from itertools import pairwise

import pytest

from pipelines.sandbox.clock import as_moment
from pipelines.sandbox.world import DAY, World

NOW = as_moment("2026-03-04T20:00:00Z").timestamp()


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def seen(world: World, now: float) -> list[tuple[str, float, str]]:
    return [(live.session.id, live.score, live.segment.title) for live in world.live(now).ranked]


def test_a_moment_looks_the_same_whatever_was_asked_before() -> None:
    asked = World(channels=300)
    moments = [NOW, NOW + 3 * 3600, NOW - 3 * 3600, NOW - 30 * DAY, NOW + 400 * DAY, NOW + 600]
    fresh = {now: seen(World(channels=300), now) for now in moments}
    for now in random.Random(1).choices(moments, k=30):
        assert seen(asked, now) == fresh[now]


def test_another_seed_is_another_world() -> None:
    assert seen(World(1, 300), NOW) != seen(World(2, 300), NOW)


def test_between_a_quarter_and_a_half_of_the_channels_are_live_at_any_hour(world: World) -> None:
    counts = [len(world.live(NOW + hour * 3600).ranked) for hour in range(0, 5 * 24, 5)]
    assert min(counts) > 1200 and max(counts) < 2400
    assert max(counts) > 1.3 * min(counts), "the daily wave is missing"


def test_viewers_are_heavy_tailed_and_some_streams_have_none(world: World) -> None:
    peaks = [world.live(NOW + hour * 3600).ranked[0].score for hour in range(0, 72, 6)]
    scores = [live.score for live in world.live(NOW).ranked]
    assert 50_000 < max(peaks) < 400_000
    assert sum(score < 1 for score in scores) > 5
    assert sum(scores[: len(scores) // 100]) > 0.4 * sum(scores)


def test_viewers_come_in_the_evening_of_the_language(world: World) -> None:
    def middle(hours: float) -> float:
        scores = [live.score for live in world.live(NOW + hours * 3600).ranked if live.channel.language == "ja"]
        return statistics.median(scores)

    evening, morning = middle(15.5), middle(27.5)  # 20:30 and 08:30 in Japan
    assert evening > 1.4 * morning


def test_viewers_move_from_one_moment_to_the_next(world: World) -> None:
    now, later = world.live(NOW).by_id, world.live(NOW + 0.5).by_id
    moves = sorted(abs(later[key].score / now[key].score - 1) for key in now.keys() & later.keys())
    assert 0.0005 < moves[len(moves) // 2] < 0.02


def test_a_channels_sessions_never_overlap_and_some_restart_after_a_crash(world: World) -> None:
    restarts = 0
    first_day = int(NOW // DAY)
    for index in range(300):
        sessions = [session for day in range(first_day, first_day + 21) for session in world.sessions(index, day)]
        for before, after in pairwise(sessions):
            assert before.start < before.end < after.start
            restarts += after.start - before.end < 900
    assert restarts > 50


def test_the_account_is_older_than_its_first_stream(world: World) -> None:
    for channel in world.channels[:200]:
        day = int(channel.created // DAY)
        started = [
            session.start for near in range(day - 5, day + 30) for session in world.sessions(channel.index, near)
        ]
        assert all(start > channel.created for start in started)


def test_a_few_accounts_a_day_change_their_name_and_a_few_go(world: World) -> None:
    later = NOW + 10 * DAY
    renamed = [c for c in world.channels if world.names_at(c, NOW)[0] != world.names_at(c, later)[0]]
    gone = [c for c in world.channels if world.exists(c, NOW) and not world.exists(c, later)]
    assert 10 < len(renamed) < 80 and 10 < len(gone) < 80
    assert world.by_login(world.names_at(renamed[0], later)[0], later) is renamed[0]
    assert world.by_login(world.names_at(renamed[0], NOW)[0], later) is None


def test_logins_and_ids_are_unique(world: World) -> None:
    assert len(world.by_id) == len(world.channels) == 5000
    assert len({world.names_at(channel, NOW)[0] for channel in world.channels}) == 5000


def test_a_channel_that_is_gone_neither_streams_nor_shows_what_it_made(world: World) -> None:
    gone = [channel for channel in world.channels if not world.exists(channel, NOW)]
    live = world.live(NOW).by_id
    assert gone and not any(channel.id in live for channel in gone)
    assert not any(world.recordings(channel, NOW) or world.clips(channel, 0, NOW, NOW) for channel in gone[:50])


def test_a_ban_ends_the_broadcast(world: World) -> None:
    cut = 0
    for channel in world.channels:
        banned = channel.first_away + channel.away_every * ((NOW - channel.first_away) // channel.away_every)
        if banned < channel.first_away:
            continue  # not banned yet
        day = int(banned // DAY)
        sessions = [session for near in (day - 1, day, day + 1) for session in world.sessions(channel.index, near)]
        assert not any(session.start <= banned + 1 < session.end for session in sessions)
        cut += any(abs(session.end - banned) < 2 for session in sessions)
    assert cut > 100


def test_followers_and_views_only_grow(world: World) -> None:
    channel = next(c for c in world.channels if c.recorded and world.exists(c, NOW) and world.exists(c, NOW + DAY))
    totals = [world.followers(channel, NOW + hour * 3600) for hour in range(0, 24, 4)]
    assert totals == sorted(set(totals))
    recording = world.recordings(channel, NOW)[0]
    views = [recording.views_at(NOW + hour * 3600) for hour in range(0, 24, 4)]
    assert views == sorted(views) and views[-1] > views[0]


def test_category_and_title_change_in_the_middle_of_some_sessions(world: World) -> None:
    live = world.live(NOW).ranked
    cut = [item.session for item in live if len(world.segments(item.session)) > 1]
    assert 0.2 < len(cut) / len(live) < 0.6
    first, last = world.segments(cut[0])[0], world.segments(cut[0])[-1]
    assert world.segment_at(cut[0], cut[0].start) == first and world.segment_at(cut[0], cut[0].end) == last


def test_most_channels_have_few_clips_a_week_and_a_handful_beyond_a_thousand(world: World) -> None:
    counts = [len(world.clips(channel, NOW - 7 * DAY, NOW, NOW)) for channel in world.channels[:1000]]
    assert 2 <= sum(count > 1000 for count in counts) <= 12
    assert sum(count < 30 for count in counts[500:]) == 500


def test_a_typical_channel_has_fewer_than_thirty_videos(world: World) -> None:
    counts = sorted(len(world.recordings(channel, NOW)) for channel in world.channels[::10])
    assert 3 < counts[len(counts) // 2] < 30


def test_a_recording_and_a_clip_are_found_again_by_their_ids(world: World) -> None:
    channel = world.live(NOW).ranked[0].channel
    for recording in world.recordings(channel, NOW):
        assert world.recording(recording.number, NOW) is recording
    for clip in world.clips(channel, NOW - 3 * DAY, NOW, NOW)[:20]:
        assert world.clip(clip.slug, NOW) == clip
    assert world.recording(1, NOW) is None and world.clip("NoSuchClip-zz", NOW) is None
