"""Twitch: polls, batches by id, pages and windows, against the simulated API and its oddities."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import requests

from pipelines.budget import Reported
from pipelines.client import ApiError
from pipelines.resources import Api, Fetched, Outcome, PollHeader, Scope, Unit
from pipelines.sandbox import Sandbox
from pipelines.sandbox.world import Channel
from pipelines.sources import twitch
from pipelines.tables import Table
from tests.helpers import NOW, Loopback, Reply, Request, SimulatedClock, twitch_api

MALFORMED = "0"  # looks like an id and is refused by the API
GONE = "2147483646"  # an id that nobody has


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """For tests that change nothing in it."""
    with Sandbox(now=NOW, frozen=True, channels=300, points_per_minute=1_000_000) as sandbox:
        yield sandbox


@pytest.fixture
def changing() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=300, points_per_minute=1_000_000) as sandbox:
        yield sandbox


def units(ids: Iterable[str]) -> list[Unit]:
    return [Unit(one) for one in ids]


def rows(fetched: Fetched | Iterable[Fetched], table: Table) -> list[Any]:
    parts = [fetched] if isinstance(fetched, Fetched) else fetched
    return [row for part in parts for found in part.rows if found.table is table for row in found.rows]


def statuses(fetched: Fetched | Iterable[Fetched]) -> dict[str, str]:
    parts = [fetched] if isinstance(fetched, Fetched) else fetched
    return {outcome.unit_id: outcome.status for part in parts for outcome in part.outcomes}


def headers(parts: Iterable[Fetched]) -> dict[str, PollHeader]:
    """The last header of each list, which is the one that counts."""
    return {header.scope: header for part in parts for header in part.polls}


def live_ids(sandbox: Sandbox) -> list[str]:
    return [live.channel.id for live in sandbox.world.live(sandbox.clock.time()).ranked]


def paths(sandbox: Sandbox, path: str) -> list[dict[str, list[str]]]:
    """The parameters of the requests for a path."""
    return [
        {name: [value for _, value in pairs] for name, pairs in itertools.groupby(served.query, lambda pair: pair[0])}
        for served in sandbox.requests(path=path)
    ]


def walked(api: Api, path: str, params: list[tuple[str, str]], size: int = 100, pages: int = 100) -> list[Any]:
    return list(twitch.LISTS.walk(api.client, path, params, size, pages, "test"))


# -- by id, in batches


def test_entities_are_asked_for_by_id_and_those_left_out_are_absent(sandbox: Sandbox) -> None:
    now = sandbox.clock.time()
    there = [channel.id for channel in sandbox.world.channels if sandbox.world.exists(channel, now)][:50]
    away = [channel.id for channel in sandbox.world.channels if not sandbox.world.exists(channel, now)][:3]
    assert away
    for fetch, table, key in (
        (twitch.fetch_users, twitch.USERS, "id"),
        (twitch.fetch_channels, twitch.CHANNELS, "broadcaster_id"),
    ):
        found = fetch(twitch_api(sandbox), units([*there, *away, GONE]))
        assert sorted(row[key] for row in rows(found, table)) == sorted(there)
        assert statuses(found) == dict.fromkeys(there, "ok") | dict.fromkeys([*away, GONE], "absent")


def test_games_are_asked_for_by_id(sandbox: Sandbox) -> None:
    ids = [category.id for category in sandbox.world.categories if category.listed][:20]
    found = twitch.fetch_games(twitch_api(sandbox), units([*ids, "999999998"]))
    assert sorted(row["id"] for row in rows(found, twitch.GAMES)) == sorted(ids)
    assert statuses(found) == {**dict.fromkeys(ids, "ok"), "999999998": "absent"}


@pytest.mark.parametrize("place", [0, 57, 99])
def test_one_malformed_id_does_not_cost_the_other_ninety_nine(sandbox: Sandbox, place: int) -> None:
    ids = [channel.id for channel in sandbox.world.channels[:99]]
    asked = [*ids[:place], MALFORMED, *ids[place:]]
    before = len(sandbox.requests(path="/channels"))
    found = twitch.fetch_channels(twitch_api(sandbox), units(asked))
    result = statuses(found)
    assert result.pop(MALFORMED) == "failed" and set(result) == set(ids) and "failed" not in result.values()
    assert len(rows(found, twitch.CHANNELS)) == list(result.values()).count("ok") > 80
    assert len(sandbox.requests(path="/channels")) - before <= 15


@pytest.mark.parametrize("bad", ["", "abc", "1a", "-5", "99999999999", "2147483648", "٣", "1\n"])
def test_what_can_not_be_an_id_is_never_sent(sandbox: Sandbox, bad: str) -> None:
    good = sandbox.world.channels[0].id
    found = twitch.fetch_users(twitch_api(sandbox), units([bad, good]))
    assert statuses(found)[bad] == "failed" and statuses(found)[good] != "failed"
    assert paths(sandbox, "/users")[-1]["id"] == [good]
    before = len(sandbox.served)
    assert statuses(twitch.fetch_users(twitch_api(sandbox), units([bad]))) == {bad: "failed"}
    assert len(sandbox.served) == before


def test_a_batch_that_fails_for_another_reason_fails_once(changing: Sandbox) -> None:
    api = twitch_api(changing, retries=0)
    api.client.get("/users", [("id", "1")], resource="users")
    changing.faults.set({"500": 1.0})
    before = len(changing.requests(path="/users"))
    assert statuses(twitch.fetch_users(api, units(["1", "2"]))) == {"1": "failed", "2": "failed"}
    assert len(changing.requests(path="/users")) - before == 1


@pytest.mark.parametrize("data", [[{"id": ["1"]}, "text", None, {}, {"id": "2"}], [{"id": {}}, {"id": "2"}]])
def test_odd_rows_in_a_batch_are_handed_on_to_validation(data: list[Any]) -> None:
    with odd_api({"data": data}) as (_, api):
        found = twitch.fetch_users(api, units(["1", "2"]))
    assert rows(found, twitch.USERS) == data
    assert statuses(found) == {"1": "absent", "2": "ok"}


@pytest.mark.parametrize("body", [{}, [], "text", None, {"data": None}, {"data": {"id": "1"}}])
def test_an_answer_of_another_shape_fails_its_units_and_nothing_else(body: Any) -> None:
    with odd_api(body) as (_, api):
        assert statuses(twitch.fetch_users(api, units(["1"]))) == {"1": "failed"}
        parts = list(twitch.poll_streams(api, units(["1"])))
        assert statuses(parts) == {"top": "failed", "known": "failed"}
        assert not headers(parts)["known"].is_complete
        with pytest.raises(ApiError, match="no list named data"):
            twitch.fetch_videos(api, units(["1"]))


def test_followers_are_a_total_by_channel(sandbox: Sandbox) -> None:
    channel = sandbox.world.channels[0]
    found = twitch.fetch_followers(twitch_api(sandbox), units([channel.id]))
    assert rows(found, twitch.FOLLOWERS) == [
        {"broadcaster_id": channel.id, "total": sandbox.world.followers(channel, sandbox.clock.time())}
    ]
    assert statuses(found) == {channel.id: "ok"}


# -- pages


@pytest.mark.parametrize("traps", [(), ("empty_page",), ("no_pagination",), ("blank_cursor",)], ids=str)
def test_a_list_is_read_to_its_end_whichever_way_it_ends(traps: tuple[str, ...]) -> None:
    with Sandbox(now=NOW, frozen=True, channels=300, points_per_minute=1_000_000, traps=traps) as sandbox:
        api, ids = twitch_api(sandbox), live_ids(sandbox)
        pages = walked(api, "/streams", [("type", "live")], size=20)
        found = [row["user_id"] for page, _ in pages for row in page.data]
        assert found == ids and len(ids) > 40
        assert [more for _, more in pages] == [True] * (len(pages) - 1) + [False]
        by_id = walked(api, "/streams", [("user_id", one) for one in ids[:10]], size=20)
        assert sum(len(page.data) for page, _ in by_id) == 10 and len(by_id) <= 2
        assert not by_id[-1][1]


def cursors(*given: Any) -> Any:
    """An API that gives these cursors page by page, the last one for ever."""
    left = list(given)

    def answer(request: Request) -> Reply:
        cursor = left.pop(0) if len(left) > 1 else left[0]
        body: dict[str, Any] = {"data": [{"id": "1"}]}
        return Reply(body if cursor is ... else {**body, "pagination": cursor})

    return answer


class odd_api:
    """Twitch on a server that answers every request with one body, or as a function says."""

    def __init__(self, given: Any):
        reply = given if callable(given) else lambda request: Reply(given)
        self._server = Loopback(
            lambda request: Reply({"access_token": "token"}) if request.path.endswith("/token") else reply(request)
        )

    def __enter__(self) -> tuple[Loopback, Api]:
        self._server.__enter__()
        return self._server, twitch_api(Somewhere(self._server.url), retries=0)  # type: ignore[arg-type]

    def __exit__(self, *error: Any) -> None:
        self._server.__exit__(*error)


class Somewhere:
    """What twitch_api asks of a sandbox."""

    def __init__(self, url: str):
        self._url = url
        self.clock = SimulatedClock()

    def env(self) -> dict[str, str]:
        names = ("TWITCH_API_URL", "TWITCH_AUTH_URL")
        return {**dict.fromkeys(names, self._url), "TWITCH_CLIENT_ID": "id", "TWITCH_CLIENT_SECRET": "hidden"}


@pytest.mark.parametrize(
    "end",
    [..., {}, None, [], {"cursor": ""}, {"cursor": " "}, {"cursor": None}, {"cursor": 5}, {"cursor": "a"}],
    ids=str,
)
def test_a_cursor_that_leads_nowhere_ends_a_list(end: Any) -> None:
    with odd_api(cursors({"cursor": "a"}, {"cursor": "b"}, end)) as (server, api):
        pages = walked(api, "/streams", [])
        asked = [dict(request.query).get("after") for request in server.requests if not request.path.endswith("token")]
    assert asked == [None, "a", "b"] and [more for _, more in pages] == [True, True, False]


def test_an_empty_page_ends_a_list_whatever_its_cursor_says() -> None:
    pages = iter([[{"id": "1"}], [], [{"id": "2"}]])

    def page(request: Request) -> Reply:
        rows = next(pages)
        return Reply({"data": rows, "pagination": {"cursor": f"after-{rows}"}})

    with odd_api(page) as (_, api):
        found = walked(api, "/streams", [])
    assert [page.data for page, _ in found] == [[{"id": "1"}], []] and found[-1][1] is False


def test_a_list_is_cut_at_the_pages_asked_for_and_says_so(sandbox: Sandbox) -> None:
    pages = walked(twitch_api(sandbox), "/streams", [("type", "live")], size=10, pages=2)
    assert len(pages) == 2 and pages[-1][1] is True


def test_an_empty_list_is_one_page_without_more(sandbox: Sandbox) -> None:
    ((page, more),) = walked(twitch_api(sandbox), "/streams", [("user_id", GONE)])
    assert (page.data, more) == ([], False)


# -- the poll of streams


def test_a_poll_that_reaches_the_end_of_the_list_says_that_absence_is_absence(sandbox: Sandbox) -> None:
    parts = list(twitch.poll_streams(twitch_api(sandbox, stream_page_size=30), []))
    assert [row["user_id"] for row in rows(parts, twitch.STREAMS)] == live_ids(sandbox)
    header = headers(parts)["top"]
    assert (header.is_complete, header.is_exhaustive, header.rows) == (True, True, len(live_ids(sandbox)))
    assert header.slot_at == NOW and statuses(parts) == {"top": "ok", "known": "ok"}
    assert {found.slot_at for part in parts for found in part.rows} == {NOW}


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({"stream_pages": 2, "stream_page_size": 10}, 20),
        ({"stream_page_size": 10, "general": {"max_streams_per_collection": 30}}, 30),
        ({"stream_page_size": 10, "scope": Scope(limit=5)}, 5),
    ],
    ids=["pages", "streams", "limit"],
)
def test_a_poll_that_was_cut_where_it_was_told_is_complete_and_not_exhaustive(
    sandbox: Sandbox, options: dict[str, Any], taken: int
) -> None:
    parts = list(twitch.poll_streams(twitch_api(sandbox, **options), []))
    assert [row["user_id"] for row in rows(parts, twitch.STREAMS)] == live_ids(sandbox)[:taken]
    header = headers(parts)["top"]
    assert (header.rows, header.is_complete, header.is_exhaustive) == (taken, True, False)


def test_channels_that_were_live_before_and_did_not_show_up_are_asked_for_by_id(sandbox: Sandbox) -> None:
    ids = live_ids(sandbox)
    offline = [channel.id for channel in sandbox.world.channels if channel.id not in ids]
    known = [*ids[:5], *ids[20:60], *offline[:150], "not-an-id"]
    before = len(sandbox.requests(path="/streams"))
    parts = list(twitch.poll_streams(twitch_api(sandbox, stream_pages=1, stream_page_size=20), units(known)))
    assert sorted(row["user_id"] for row in rows(parts, twitch.STREAMS)) == sorted(ids[:60])
    asked = paths(sandbox, "/streams")[before + 1 :]
    assert [one["user_id"] for one in asked] == [
        [*ids[20:60], *offline[:60]], offline[60:150],
    ]  # fmt: skip
    header = headers(parts)["known"]
    assert (header.rows, header.pages, header.is_complete, header.is_exhaustive) == (40, 2, True, True)


def test_nobody_known_is_an_exhaustive_answer_without_a_request(sandbox: Sandbox) -> None:
    parts = list(twitch.poll_streams(twitch_api(sandbox), units(live_ids(sandbox)[:3])))
    header = headers(parts)["known"]
    assert (header.pages, header.rows, header.is_complete, header.is_exhaustive) == (0, 0, True, True)


def test_known_channels_are_found_although_the_list_shifts_while_it_is_read(changing: Sandbox) -> None:
    api = twitch_api(changing, stream_page_size=5, stream_pages=100)
    before = set(live_ids(changing))
    parts = []
    for part in twitch.poll_streams(api, units(before)):
        parts.append(part)
        changing.clock.advance(240)
    found = [row["user_id"] for row in rows(parts, twitch.STREAMS)]
    assert len(found) > len(set(found)), "the list has shifted: somebody was read twice"
    asked = {one for query in paths(changing, "/streams") for one in query.get("user_id", [])}
    assert asked, "somebody was passed over, or has gone"
    still = before & set(live_ids(changing))
    assert still <= set(found) and headers(parts)["known"].is_exhaustive
    assert {found.slot_at for part in parts for found in part.rows} == {NOW}, "a poll is of the slot that it began in"


def test_chosen_categories_are_polled_as_lists_of_their_own(sandbox: Sandbox) -> None:
    by_game: dict[str, list[str]] = {}
    for live in sandbox.world.live(sandbox.clock.time()).ranked:
        if live.segment.category:
            by_game.setdefault(live.segment.category.id, []).append(live.channel.id)
    first, second = list(by_game)[:2]
    api = twitch_api(sandbox, stream_pages=1, stream_page_size=1, categories=f"{first},{second}")
    parts = list(twitch.poll_streams(api, []))
    assert statuses(parts) == {"top": "ok", f"category:{first}": "ok", f"category:{second}": "ok", "known": "ok"}
    for game in (first, second):
        header = headers(parts)[f"category:{game}"]
        assert header.rows == 1 and header.is_exhaustive is (len(by_game[game]) == 1)
    polled = [row["user_id"] for row in rows(parts, twitch.STREAMS)]
    assert polled == [live_ids(sandbox)[0], by_game[first][0], by_game[second][0]]


def test_a_list_that_fails_midway_is_incomplete_and_the_others_go_on(changing: Sandbox) -> None:
    live = changing.world.live(changing.clock.time()).ranked
    game = next(one.segment.category.id for one in live if one.segment.category)
    api = twitch_api(changing, stream_page_size=10, categories=game, retries=0)
    parts = []
    for part in twitch.poll_streams(api, units(live_ids(changing))):
        parts.append(part)
        failing = len(parts) == 2
        changing.faults.set({"500": 1.0} if failing else {})
    assert statuses(parts) == {"top": "failed", f"category:{game}": "ok", "known": "ok"}
    top = headers(parts)["top"]
    assert (top.pages, top.rows, top.is_complete, top.is_exhaustive) == (2, 20, False, False)
    assert headers(parts)[f"category:{game}"].is_complete
    assert {row["user_id"] for row in rows(parts, twitch.STREAMS)} == set(live_ids(changing)), "by id, at the latest"


@pytest.mark.parametrize("place", [0, 70, 140, 149])
def test_a_known_channel_that_is_refused_makes_the_answer_incomplete_and_costs_no_other(
    sandbox: Sandbox, place: int
) -> None:
    ids = live_ids(sandbox)
    offline = [channel.id for channel in sandbox.world.channels if channel.id not in ids]
    known = [*ids[1:], *offline][:149]
    known.insert(place, MALFORMED)
    parts = list(twitch.poll_streams(twitch_api(sandbox, stream_pages=1, stream_page_size=1), units(known)))
    header = headers(parts)["known"]
    assert (header.is_complete, header.is_exhaustive) == (False, False)
    assert {row["user_id"] for row in rows(parts, twitch.STREAMS)} == set(ids)
    assert statuses(parts)["known"] == "failed"


# -- videos


def busiest(sandbox: Sandbox) -> Channel:
    """A channel with several pages of recordings."""
    now = sandbox.clock.time()
    return next(
        one for one in sandbox.world.channels if len(archives(sandbox, one)) > 40 and sandbox.world.exists(one, now)
    )


def archives(sandbox: Sandbox, channel: Channel) -> list[Any]:
    return [video for video in sandbox.world.recordings(channel, sandbox.clock.time()) if video.kind == "archive"]


def test_all_videos_of_a_channel_are_read_newest_first(sandbox: Sandbox) -> None:
    channel = busiest(sandbox)
    found = twitch.fetch_videos(twitch_api(sandbox, video_page_size=20, video_pages=100), units([channel.id]))
    assert [row["id"] for row in rows(found, twitch.VIDEOS)] == [
        str(video.number) for video in archives(sandbox, channel)
    ]
    assert found.outcomes == [Outcome(channel.id, "ok", len(archives(sandbox, channel)))]


def test_videos_beyond_the_pages_asked_for_are_told_as_truncated(sandbox: Sandbox) -> None:
    channel = busiest(sandbox)
    found = twitch.fetch_videos(twitch_api(sandbox, video_page_size=5, video_pages=2), units([channel.id]))
    assert found.outcomes == [Outcome(channel.id, "truncated", 10)]


def test_videos_stop_at_the_first_page_that_is_older_than_asked_for(sandbox: Sandbox) -> None:
    channel = busiest(sandbox)
    created = [video.created for video in archives(sandbox, channel)]
    since = dt.datetime.fromtimestamp(created[12], dt.UTC)
    api = twitch_api(sandbox, video_page_size=5, video_pages=100, scope=Scope(since=since))
    found = twitch.fetch_videos(api, units([channel.id]))
    pages = [part.rows for part in found.rows]
    assert len(pages) == 4, "the third page holds the last one wanted; the fourth shows that there are no more"
    assert found.outcomes == [Outcome(channel.id, "ok", 20)]


def test_times_that_can_not_be_read_do_not_end_a_list() -> None:
    pages = [{"data": [{"created_at": "nonsense"}, {}, "x"], "pagination": {"cursor": "a"}}, {"data": []}]
    with odd_api(lambda request: Reply(pages.pop(0))) as (_, api):
        api = Api(api.client, api.settings, api.general, Scope(since=NOW), api.clock)
        found = twitch.fetch_videos(api, units(["1"]))
    assert len(rows(found, twitch.VIDEOS)) == 3 and pages == []


# -- clips


def clips(sandbox: Sandbox, channel: Channel, since: dt.datetime, until: dt.datetime) -> set[str]:
    now = sandbox.clock.time()
    return {clip.slug for clip in sandbox.world.clips(channel, since.timestamp(), until.timestamp(), now)}


def read_clips(fetched: Fetched) -> dict[str, dt.datetime]:
    return {row["id"]: dt.datetime.fromisoformat(row["created_at"]) for row in rows(fetched, twitch.CLIPS)}


@pytest.fixture(scope="module")
def clipped(sandbox: Sandbox) -> Channel:
    """A channel with some dozens of clips in the last days."""
    now = sandbox.clock.time()
    week = NOW - dt.timedelta(days=7)
    return next(
        one
        for one in sandbox.world.channels
        if sandbox.world.exists(one, now) and 40 <= len(clips(sandbox, one, week, NOW)) <= 120
    )


def test_a_window_with_more_clips_than_the_api_lists_is_halved_and_nothing_is_lost(
    sandbox: Sandbox, clipped: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the cap of the API and what the source knows of it, lower than in life for the sake of time
    monkeypatch.setattr("pipelines.sandbox.apis.twitch.MAX_CLIPS", 10)
    monkeypatch.setattr(twitch, "CLIPS_CAP", 10)
    since = NOW - dt.timedelta(days=7)
    wanted = clips(sandbox, clipped, since, NOW)
    before = len(sandbox.requests(path="/clips"))
    api = twitch_api(sandbox, clip_pages=50, clip_page_size=5, clip_window_days=365, scope=Scope(since=since))
    found = twitch.fetch_clips(api, units([clipped.id]))
    assert wanted <= read_clips(found).keys() and len(wanted) > 3 * 10
    assert found.outcomes[0].status == "ok" and found.outcomes[0].rows == len(rows(found, twitch.CLIPS))
    asked = paths(sandbox, "/clips")[before:]
    windows = [query["started_at"] + query["ended_at"] for query in asked]
    assert all(windows.count(window) <= 2 for window in windows), "beyond the cap the same clips come again"


def test_a_window_that_can_not_be_halved_any_more_is_told_as_truncated(
    sandbox: Sandbox, clipped: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.sandbox.apis.twitch.MAX_CLIPS", 10)
    monkeypatch.setattr(twitch, "CLIPS_CAP", 10)
    monkeypatch.setattr(twitch, "SHORTEST_CLIP_WINDOW", dt.timedelta(days=4))
    found = twitch.fetch_clips(twitch_api(sandbox, clip_pages=50, clip_page_size=5), units([clipped.id]))
    assert found.outcomes[0].status == "truncated" and len(found.rows) <= 6


def test_clips_beyond_the_pages_asked_for_are_told_as_truncated(sandbox: Sandbox, clipped: Channel) -> None:
    found = twitch.fetch_clips(twitch_api(sandbox, clip_pages=1, clip_page_size=10), units([clipped.id]))
    assert found.outcomes == [Outcome(clipped.id, "truncated", 10, synced_until=NOW)]


@pytest.mark.parametrize(
    ("days_ago", "read_from"), [(None, 7), (1, 7), (7, 7), (20, 20)], ids=["never", "yesterday", "a week", "weeks"]
)
def test_clips_are_read_from_the_last_visit_or_for_the_trailing_days(
    sandbox: Sandbox, clipped: Channel, days_ago: int | None, read_from: int
) -> None:
    last = None if days_ago is None else NOW - dt.timedelta(days=days_ago)
    before = len(sandbox.requests(path="/clips"))
    api = twitch_api(sandbox, clip_pages=50, clip_page_size=100, clip_window_days=7)
    found = twitch.fetch_clips(api, [Unit(clipped.id, synced_until=last)])
    since = NOW - dt.timedelta(days=read_from)
    assert clips(sandbox, clipped, since, NOW) <= read_clips(found).keys()
    assert min(read_clips(found).values()) > since - twitch.SHORTEST_CLIP_WINDOW, "and hardly any beyond"
    assert found.outcomes[0].synced_until == NOW and found.outcomes[0].status == "ok"
    windows = {(query["started_at"][0], query["ended_at"][0]) for query in paths(sandbox, "/clips")[before:]}
    starts, ends = {start for start, _ in windows}, {end for _, end in windows}
    assert len(windows) == -(-read_from // 7) and len(starts - ends) == len(ends - starts) == 1, "no gap between them"


def test_a_chosen_period_says_nothing_of_what_lies_between_it_and_the_last_visit(
    sandbox: Sandbox, clipped: Channel
) -> None:
    def reached(since: int, until: int, last: int | None) -> dt.datetime | None:
        since_at, until_at = (NOW - dt.timedelta(days=number) for number in (since, until))
        last_at = None if last is None else NOW - dt.timedelta(days=last)
        api = twitch_api(sandbox, scope=Scope(since=since_at, until=until_at))
        (outcome,) = twitch.fetch_clips(api, [Unit(clipped.id, synced_until=last_at)]).outcomes
        return outcome.synced_until

    assert reached(10, 8, None) is None
    assert reached(10, 8, 20) == NOW - dt.timedelta(days=20)
    assert reached(10, 8, 9) == NOW - dt.timedelta(days=8)


@pytest.mark.parametrize(
    ("days", "longest", "count"), [(7, 7, 1), (7.001, 7, 2), (0.5, 7, 1), (20, 7, 3), (0, 7, 1), (365, 1, 365)]
)
def test_a_period_is_split_into_equal_windows_without_gaps(days: float, longest: int, count: int) -> None:
    since = NOW - dt.timedelta(days=days)
    windows = twitch.split(since, NOW, dt.timedelta(days=longest))
    assert len(windows) == count and windows[0][0] == since
    assert abs(windows[-1][1] - NOW) < dt.timedelta(milliseconds=1)
    assert all(earlier[1] == later[0] for earlier, later in itertools.pairwise(windows))
    assert all(end - start <= dt.timedelta(days=longest) for start, end in windows)


def test_moments_are_sent_in_whole_seconds_of_utc() -> None:
    moment = dt.datetime(2026, 10, 1, 1, 2, 3, 999_999, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert twitch.rfc3339(moment) == "2026-09-30T23:02:03Z"


# -- the source


def test_limits_are_read_from_the_headers_where_they_are(sandbox: Sandbox) -> None:
    api = twitch_api(sandbox, points_per_minute=5)
    api.client.get("/users", [("id", "1")], resource="users")
    assert api.client.budgets.of("").limit == 1_000_000, "what the API reports counts, not the setting"
    for headers in ({}, {"Ratelimit-Limit": "", "Ratelimit-Remaining": "x"}, {"Ratelimit-Limit": "-1"}):
        with Loopback(lambda request, headers=headers: Reply({"data": []}, headers=headers)) as server:
            assert twitch.read_limits(requests.get(server.url, timeout=5), b"") == Reported()


def test_the_doctors_check_is_one_request(sandbox: Sandbox) -> None:
    before = len(sandbox.requests(path="/games/top"))
    assert "1000000 points a minute" in twitch.check(twitch_api(sandbox).client)
    assert len(sandbox.requests(path="/games/top")) == before + 1


@pytest.mark.parametrize("resource", twitch.SOURCE.resources, ids=lambda resource: resource.name)
def test_a_plan_counts_the_calls_that_are_made(sandbox: Sandbox, resource: Any) -> None:
    ids = [channel.id for channel in sandbox.world.channels[:150]]
    if resource.name == "games":
        ids = [category.id for category in sandbox.world.categories[:150]]
    if resource.name in ("videos", "clips", "followers"):
        ids = ids[:3]
    api = twitch_api(sandbox, video_pages=1, clip_pages=1, stream_pages=1, stream_page_size=1)
    before = len(sandbox.served)
    if resource.poll:
        list(resource.poll(api, units(ids)))
    else:
        for start in range(0, len(ids), resource.batch_size(api.settings)):
            resource.fetch(api, units(ids[start : start + resource.batch_size(api.settings)]))
    made = len(sandbox.served) - before - 1  # one is for the token
    assert resource.calls(units(ids), api.settings) == made


def test_every_table_is_filled_by_a_resource_and_each_resource_has_its_view() -> None:
    source = twitch.SOURCE
    assert {table for resource in source.resources for table in resource.tables} == set(source.tables)
    assert all(resource.view == f"sync_twitch__{resource.name}" for resource in source.resources)
    assert all((resource.fetch is None) != (resource.poll is None) for resource in source.resources)
