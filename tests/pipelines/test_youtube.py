"""YouTube: searches, broadcasts by id, channels, categories and the two quotas of a day, against the simulated API."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from pipelines.budget import DayBudget, QuotaError, Reported
from pipelines.client import ApiError
from pipelines.errors import CredentialsError
from pipelines.resources import Api, Fetched, Outcome, PollHeader, Scope, Unit
from pipelines.sandbox import Sandbox
from pipelines.sandbox.apis.youtube import KEY, video_id
from pipelines.sources import youtube
from pipelines.tables import Table
from pipelines.validation import Context, check
from tests.helpers import NOW, Loopback, Reply, SimulatedClock, replies, source_api

LIVE = [Unit("live")]
NOBODY = "x" * 11
NO_CHANNEL = "UC" + "x" * 22


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """For tests that change nothing in it."""
    with Sandbox(now=NOW, frozen=True, channels=300, youtube_searches=10_000, youtube_units=100_000) as sandbox:
        yield sandbox


@pytest.fixture
def changing() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=300) as sandbox:
        yield sandbox


def api_of(sandbox: Sandbox, **options: Any) -> Api:
    return source_api(youtube.SOURCE, sandbox, **{"searches_per_day": 10_000, "units_per_day": 100_000, **options})


def units(ids: Iterable[str]) -> list[Unit]:
    return [Unit(one) for one in ids]


def rows(fetched: Fetched | Iterable[Fetched], table: Table) -> list[Any]:
    parts = [fetched] if isinstance(fetched, Fetched) else fetched
    return [row for part in parts for found in part.rows if found.table is table for row in found.rows]


def statuses(fetched: Fetched | Iterable[Fetched]) -> dict[str, str]:
    parts = [fetched] if isinstance(fetched, Fetched) else fetched
    return {outcome.unit_id: outcome.status for part in parts for outcome in part.outcomes}


def last_header(parts: Iterable[Fetched]) -> PollHeader:
    return [header for part in parts for header in part.polls][-1]


def live_ids(sandbox: Sandbox) -> list[str]:
    return [video_id(live.session) for live in sandbox.world_of("youtube").live(sandbox.clock.time()).ranked]


def asked(sandbox: Sandbox, path: str, since: int = 0) -> list[dict[str, str]]:
    return [dict(served.query) for served in sandbox.served[since:] if served.path == path]


# -- search


def test_a_search_finds_what_is_live_the_biggest_first(sandbox: Sandbox) -> None:
    before = len(sandbox.served)
    parts = list(youtube.poll_search(api_of(sandbox, search_pages=2), LIVE))
    assert [row["video_id"] for row in rows(parts, youtube.SEARCH_RESULTS)] == live_ids(sandbox)[:100]
    assert statuses(parts) == {"live": "ok"}
    first, second = asked(sandbox, "/search", before)
    token = second.pop("pageToken")
    assert first == second == {
        "part": "snippet", "type": "video", "eventType": "live", "order": "viewCount", "maxResults": "50",
    }  # fmt: skip
    assert token and KEY not in str(sandbox.served[before:]), "the key is in no URL"
    header = last_header(parts)
    assert (header.scope, header.pages, header.rows, header.slot_at) == ("live", 2, 100, NOW)
    assert header.is_complete and not header.is_exhaustive


def test_a_search_that_is_not_due_is_not_made(sandbox: Sandbox) -> None:
    before = len(sandbox.served)
    assert list(youtube.poll_search(api_of(sandbox), [])) == []
    assert len(sandbox.served) == before


def test_all_pages_of_a_search_may_be_read_at_once_and_the_next_ones_are_kept_for_later(sandbox: Sandbox) -> None:
    midnight = SimulatedClock(dt.datetime(2026, 10, 1, 7, tzinfo=dt.UTC))
    api = api_of(sandbox, search_pages=2, searches_per_day=100, clock=midnight)
    assert statuses(youtube.poll_search(api, LIVE)) == {"live": "ok"}
    with pytest.raises(QuotaError, match="kept for later today: 2 of the 100"):
        list(youtube.poll_search(api, LIVE))


def test_a_search_can_be_narrowed(sandbox: Sandbox) -> None:
    before = len(sandbox.served)
    api = api_of(sandbox, search_category="20", search_region="DE", search_language="de", scope=Scope(limit=7))
    assert len(rows(youtube.poll_search(api, LIVE), youtube.SEARCH_RESULTS)) == 7
    (query,) = asked(sandbox, "/search", before)
    assert (query["videoCategoryId"], query["regionCode"], query["relevanceLanguage"]) == ("20", "DE", "de")
    assert query["maxResults"] == "7"


def test_a_search_that_fails_stays_due(changing: Sandbox) -> None:
    changing.faults.set({"500": 1.0})
    assert statuses(youtube.poll_search(api_of(changing, retries=1), LIVE)) == {"live": "failed"}


# -- videos


def test_broadcasts_are_asked_for_by_id_fifty_to_a_call(sandbox: Sandbox) -> None:
    ids = live_ids(sandbox)[:60]
    before = len(sandbox.served)
    parts = list(youtube.poll_videos(api_of(sandbox), units([*ids, NOBODY, "no id", "../../../x", ids[0] + "\n"])))
    assert [row["id"] for row in rows(parts, youtube.VIDEOS)] == ids
    assert statuses(parts) == dict.fromkeys(ids, "ok") | {NOBODY: "absent"}
    queries = asked(sandbox, "/videos", before)
    assert [len(query["id"].split(",")) for query in queries] == [50, 11]
    assert {query["part"] for query in queries} == {"snippet,liveStreamingDetails,statistics"}
    header = last_header(parts)
    assert (header.scope, header.pages, header.rows) == ("known", 2, 60)
    assert header.is_complete and header.is_exhaustive


def test_a_slot_without_broadcasts_is_complete_and_costs_nothing(sandbox: Sandbox) -> None:
    before = len(sandbox.served)
    header = last_header(youtube.poll_videos(api_of(sandbox), []))
    assert header.is_complete and header.rows == 0 and len(sandbox.served) == before


def test_a_batch_that_fails_costs_no_other_and_leaves_the_slot_incomplete(changing: Sandbox) -> None:
    ids = live_ids(changing)[:60]
    parts, source = [], youtube.poll_videos(api_of(changing, retries=0), units(ids))
    for part in source:
        parts.append(part)
        changing.faults.set({"500": 1.0})
    assert Counter(statuses(parts).values()) == {"ok": 50, "failed": 10}
    assert not last_header(parts).is_complete


def test_what_the_units_do_not_reach_for_is_left_and_said(sandbox: Sandbox) -> None:
    ids = live_ids(sandbox)[:70]
    # of 10 units that are left by now, spread over the rest of the day
    api = api_of(sandbox, units_per_day=9, spent=lambda since: {"/videos": 1, "/channels": 0, "/search": 99})
    assert api.client.budgets.of("/videos").available() == 1
    parts: list[Fetched] = []
    with pytest.raises(QuotaError, match=r"20 of 70 videos were not asked for: kept for later today: 2 of the 9"):
        for part in youtube.poll_videos(api, units(ids)):
            parts.append(part)
    assert [row["id"] for row in rows(parts, youtube.VIDEOS)] == ids[:50], "the first are the biggest"
    assert statuses(parts) == dict.fromkeys(ids[:50], "ok"), "the others stay due"
    assert not last_header(parts).is_complete


def test_videos_leave_some_units_to_channels(sandbox: Sandbox) -> None:
    api = api_of(sandbox, units_per_day=48)
    budget = api.client.budgets.of("/videos")
    free = budget.available()
    assert 8 < free < 12
    with pytest.raises(QuotaError):
        list(youtube.poll_videos(api, units([NOBODY] * 600)))
    assert budget.available() == free - int(free * youtube.SHARE_OF_VIDEOS) >= 1


# -- channels and categories


def test_channels_are_asked_for_by_id_and_those_left_out_are_absent(sandbox: Sandbox) -> None:
    found = list(youtube.poll_search(api_of(sandbox), LIVE))
    ids = [row["channel_id"] for row in rows(found, youtube.SEARCH_RESULTS)][:10]
    fetched = youtube.fetch_channels(api_of(sandbox), units([*ids, NO_CHANNEL, "UCshort"]))
    assert [row["id"] for row in rows(fetched, youtube.CHANNELS)] == ids
    assert statuses(fetched) == {**dict.fromkeys(ids, "ok"), NO_CHANNEL: "absent", "UCshort": "failed"}


def test_a_list_without_items_means_that_nobody_is_there(sandbox: Sandbox) -> None:
    assert statuses(youtube.fetch_channels(api_of(sandbox), units([NO_CHANNEL]))) == {NO_CHANNEL: "absent"}


@pytest.mark.parametrize("body", [{}, [], "text", None, {"kind": "other"}, {"kind": "youtube#x", "items": {}}])
def test_an_answer_of_another_shape_fails_its_units_and_nothing_else(sandbox: Sandbox, body: Any) -> None:
    with Loopback(lambda request: Reply(body)) as server:
        api = api_of(sandbox, api_url=server.url)
        assert statuses(youtube.fetch_channels(api, units([NO_CHANNEL]))) == {NO_CHANNEL: "failed"}
        assert statuses(youtube.poll_videos(api, units([NOBODY]))) == {NOBODY: "failed"}


def test_categories_are_read_again_only_if_they_have_changed(changing: Sandbox) -> None:
    log: list[dict[str, Any]] = []
    api = api_of(changing, log=log)
    first = youtube.fetch_categories(api, units(["categories"]))
    assert {row["id"]: row["title"] for row in rows(first, youtube.CATEGORIES)}["20"] == "Gaming"
    (outcome,) = first.outcomes
    assert outcome.bookmark and outcome.rows == 14
    known = [Unit("categories", bookmark=outcome.bookmark)]
    assert youtube.fetch_categories(api, known) == Fetched(
        outcomes=[Outcome("categories", "ok", 0, bookmark=outcome.bookmark)]
    )
    assert [(row["status_code"], row["is_success"], row["attempts"]) for row in log] == [(200, True, 1), (304, True, 1)]
    changing.edits["youtube_categories"]["20"] = lambda row: {**row, "snippet": {**row["snippet"], "title": "Games"}}
    again = youtube.fetch_categories(api, known)
    assert {row["id"]: row["title"] for row in rows(again, youtube.CATEGORIES)}["20"] == "Games"
    assert again.outcomes[0].bookmark not in (None, outcome.bookmark)


# -- rows


def test_rows_come_flat_and_fit_their_declarations(sandbox: Sandbox) -> None:
    api, context = api_of(sandbox, search_pages=10), Context(NOW, NOW, "run")
    found = rows(youtube.poll_search(api, LIVE), youtube.SEARCH_RESULTS)
    videos = rows(youtube.poll_videos(api, units(row["video_id"] for row in found)), youtube.VIDEOS)
    channels = [
        row
        for start in range(0, len(found), 50)
        for row in rows(
            youtube.fetch_channels(api, units(row["channel_id"] for row in found[start : start + 50])), youtube.CHANNELS
        )
    ]
    categories = rows(youtube.fetch_categories(api, units(["categories"])), youtube.CATEGORIES)
    for table, given in zip(youtube.TABLES, (found, videos, channels, categories), strict=True):
        checked = check(table, given, context)
        assert checked.rows.num_rows == len(given) > 10 and not checked.refused and not checked.unknown_fields
    assert any("concurrent_viewers" not in row for row in videos) and any(
        row["hidden_subscriber_count"] for row in channels
    )
    world = sandbox.world_of("youtube")
    for live in world.live(sandbox.clock.time()).ranked:
        row = next(row for row in videos if row["id"] == video_id(live.session))
        shown = None if world.hides_viewers(live.channel) else int(world.viewers(live.session, sandbox.clock.time()))
        assert row.get("concurrent_viewers") == (shown or None)


def test_what_is_nested_is_lifted_and_what_is_unknown_is_kept() -> None:
    item = {
        "kind": "youtube#video", "etag": "e", "id": "v" * 11, "newPart": {"a": 1},
        "snippet": {
            "channelId": "c", "title": "&", "channelTitle": "n", "publishedAt": "2026-10-01T00:00:00Z", "newField": 2,
        },
        "statistics": {"viewCount": "12", "likeCount": "many"},
        "liveStreamingDetails": {"concurrentViewers": "7", "actualStartTime": "2026-10-01T00:00:00Z"},
    }  # fmt: skip
    row = youtube.flat(item)
    assert (row["channel_id"], row["view_count"], row["concurrent_viewers"]) == ("c", 12, 7)
    checked = check(youtube.VIDEOS, [row], Context(NOW, NOW, "run"))
    assert "like_count" in checked.refused[0].reason, "a counter that is none is refused, not guessed"
    checked = check(youtube.VIDEOS, [row | {"like_count": 1}], Context(NOW, NOW, "run"))
    assert checked.unknown_fields == {"new_part", "new_field"}
    for odd in ("text", None, 3, ["x"]):
        assert youtube.flat(odd) == odd
    assert youtube.flat({"id": "1", "snippet": None}) == {"id": "1", "snippet": None}


def test_a_search_result_has_the_id_of_its_video() -> None:
    row = youtube.flat({"kind": "youtube#searchResult", "id": {"kind": "youtube#video", "videoId": "v"}})
    assert row == {"kind": "youtube#searchResult", "video_id": "v"}


# -- refusals


def error(status: int, reason: str, message: str = "no", details: list[Any] | None = None) -> Reply:
    body = {"code": status, "message": message, "errors": [{"message": message, "domain": "d", "reason": reason}]}
    return Reply({"error": {**body, "details": details or []}}, status)


USED_UP = [
    error(403, "quotaExceeded"),
    error(403, "dailyLimitExceeded"),
    error(
        429, "rateLimitExceeded", "Quota exceeded for quota metric 'Search Queries' and limit 'Search Queries per day'"
    ),
]
BAD_KEYS = [
    error(400, "badRequest", "API key not valid. Please pass a valid API key."),
    error(400, "keyInvalid"),
    error(403, "accessNotConfigured"),
    error(403, "forbidden", details=[{"reason": "SERVICE_DISABLED"}]),
    error(403, "forbidden", details=[{"reason": "API_KEY_SERVICE_BLOCKED"}]),
    error(403, "ipRefererBlocked"),
    Reply({"error": {"code": 401}}, 401),
]


def asking(sandbox: Sandbox, *given: Reply, **options: Any) -> tuple[Loopback, Callable[[str], Any], Api]:
    server = Loopback(replies(*given))
    api = api_of(sandbox, api_url=server.url, **options)
    return server, lambda path: api.client.get(path, resource="test"), api


@pytest.mark.parametrize("reply", USED_UP, ids=["403", "403 of old", "429"])
def test_a_day_that_the_api_calls_used_up_is_over_until_midnight_in_california(sandbox: Sandbox, reply: Reply) -> None:
    clock = SimulatedClock()
    server, get, api = asking(sandbox, reply, clock=clock)
    with server:
        for _ in range(3):
            with pytest.raises(QuotaError):
                get("/search")
        assert len(server.requests) == 1, "it is believed"
        budget = api.client.budgets.of("/search")
        assert isinstance(budget, DayBudget) and budget.available() == 0
        assert api.client.budgets.of("/videos").available() > 0, "the other quota is not touched"
        clock.advance((dt.datetime(2026, 10, 2, 7, tzinfo=dt.UTC) - NOW).total_seconds())
        assert budget.available() > 0 and clock.slept == []


def test_too_many_in_a_minute_is_waited_for(sandbox: Sandbox) -> None:
    clock = SimulatedClock()
    limited = error(
        429, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'"
    )
    server, get, _ = asking(sandbox, limited, limited, Reply({"items": []}), clock=clock)
    with server:
        assert get("/videos").body == {"items": []}
        assert len(server.requests) == 3 and len(clock.slept) == 2


@pytest.mark.parametrize("reply", BAD_KEYS)
def test_a_key_that_is_refused_says_so(sandbox: Sandbox, reply: Reply) -> None:
    server, get, _ = asking(sandbox, reply)
    with server:
        with pytest.raises(CredentialsError, match="YOUTUBE_API_KEY was refused") as caught:
            get("/videos")
        assert caught.value.exit_code == 77 and "YOUTUBE_API_KEY" in caught.value.mend and KEY not in str(caught.value)
        assert len(server.requests) == 1


def test_another_refusal_is_an_error_of_its_request(sandbox: Sandbox) -> None:
    server, get, _ = asking(sandbox, error(403, "forbidden"), Reply(b"not json", 403), error(400, "badRequest"))
    with server:
        for _ in range(3):
            with pytest.raises(ApiError):
                get("/videos")
    assert youtube.read_limits(response(200), b'{"error": 1}') == Reported()


def response(status: int) -> Any:
    import requests

    found = requests.Response()
    found.status_code = status
    return found


def test_requests_carry_the_key_in_a_header_and_ask_for_compression(sandbox: Sandbox) -> None:
    server, get, _ = asking(sandbox, Reply({"items": []}))
    with server:
        get("/videos")
    (request,) = server.requests
    assert request.headers["X-Goog-Api-Key"] == KEY and request.query == []
    assert "gzip" in request.headers["User-Agent"] and "gzip" in request.headers["Accept-Encoding"]


# -- a day


class Record:
    """What the warehouse would know between the beats: requests of the day, and which videos are live."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.searched_at: dt.datetime | None = None
        self.live: dict[str, int] = {}
        self.complete: list[bool] = []
        self.kept = 0

    def spent(self, since: dt.datetime) -> Counter[str]:
        known = [row for row in self.requests if row["started_at"].replace(tzinfo=dt.UTC) >= since]
        return sum((Counter({row["endpoint"]: row["attempts"]}) for row in known), Counter())

    def take(self, poll: Iterator[Fetched]) -> list[Fetched]:
        parts = []
        try:
            for part in poll:
                parts.append(part)
        except QuotaError:
            self.kept += 1
        return parts

    def beat(self, api: Api) -> None:
        """One run: search if it is due, then all that is live."""
        now = api.clock.now()
        if self.searched_at is None or now - self.searched_at >= dt.timedelta(minutes=14, seconds=15):
            found = self.take(youtube.poll_search(api, LIVE))
            if statuses(found).get("live") == "ok":
                self.searched_at = now
            for row in rows(found, youtube.SEARCH_RESULTS):
                self.live.setdefault(row["video_id"], 10**9)
        known = sorted(self.live, key=lambda one: -self.live[one])
        parts = self.take(youtube.poll_videos(api, units(known)))
        for row in rows(parts, youtube.VIDEOS):
            self.live[row["id"]] = row.get("concurrent_viewers", 0)
            if "actual_end_time" in row:
                del self.live[row["id"]]
        for one, status in statuses(parts).items():
            if status == "absent":
                del self.live[one]
        self.complete.append(bool(parts) and last_header(parts).is_complete)


def live_a_day(
    beats: int, minutes: int, searches: int, units_a_day: int, channels: int
) -> tuple[Record, Counter[tuple[str, int]], Sandbox]:
    """Run beat by beat, each with a client of its own, from midnight in California on the day when clocks go back."""
    clock, record = SimulatedClock(dt.datetime(2026, 11, 1, 7, 0, 5, tzinfo=dt.UTC)), Record()
    options = {"searches_per_day": searches, "units_per_day": units_a_day, "clock": clock}
    with Sandbox(
        now=clock.now(), frozen=True, channels=channels, youtube_searches=searches, youtube_units=units_a_day
    ) as sandbox:
        for _ in range(beats):
            sandbox.clock.set(clock.now())
            general = {"collection_interval_minutes": minutes}
            record.beat(api_of(sandbox, log=record.requests, spent=record.spent, general=general, **options))
            clock.advance(60 * minutes)
        sandbox.clock.advance(-60 * minutes)
        made = Counter((served.path, served.status) for served in sandbox.served)
    assert clock.slept == [], "nothing waits"
    assert {status for _, status in made} == {200}, "no limit of the API was met"
    return record, made, sandbox


def test_a_day_of_beats_follows_what_is_live_within_the_quotas() -> None:
    record, made, sandbox = live_a_day(beats=25 * 12, minutes=5, searches=100, units_a_day=10_000, channels=40)
    assert 96 <= made["/search", 200] <= 100 and made["/videos", 200] >= 299
    assert record.kept == 0 and all(record.complete)
    live = sandbox.world_of("youtube").live(sandbox.clock.time()).ranked
    begun = {video_id(one.session) for one in live if one.session.start < sandbox.clock.time() - 900}
    assert begun <= set(record.live) <= set(live_ids(sandbox)) and begun


def test_a_day_of_hardly_any_units_is_spread_and_overdrawn_by_nobody() -> None:
    record, made, _ = live_a_day(beats=100, minutes=15, searches=30, units_a_day=110, channels=200)
    assert 28 <= made["/search", 200] <= 30 and 100 <= made["/videos", 200] <= 110
    assert record.kept > 50 and record.complete.count(False) > 50
    asked_at = [row["started_at"].hour for row in record.requests if row["endpoint"] == "/videos"]
    assert set(asked_at) == set(range(24)), "at all hours"


# -- the source


def test_the_doctors_check_is_one_unit(sandbox: Sandbox) -> None:
    before = len(sandbox.served)
    api = api_of(sandbox, searches_per_day=100, units_per_day=10_000)
    assert youtube.check(api.client) == "answers; limits 100 searches and 10000 units a day"
    assert [served.path for served in sandbox.served[before:]] == ["/videoCategories"]
    assert not youtube.SOURCE.check_each_run


@pytest.mark.parametrize("resource", youtube.SOURCE.resources, ids=lambda resource: resource.name)
def test_a_plan_counts_the_calls_that_are_made(sandbox: Sandbox, resource: Any) -> None:
    ids = {"videos": live_ids(sandbox)[:120], "channels": [NO_CHANNEL] * 120}.get(resource.name, [resource.name])
    api, before = api_of(sandbox, search_pages=2), len(sandbox.served)
    if resource.poll:
        list(resource.poll(api, units(ids)))
    else:
        for start in range(0, len(ids), resource.batch_size(api.settings)):
            resource.fetch(api, units(ids[start : start + resource.batch_size(api.settings)]))
    assert resource.calls(units(ids), api.settings) == len(sandbox.served) - before
    bucket = api.client.budgets.bucket_of(resource.endpoint)
    assert bucket == ("search" if resource.name == "search" else "units")
    assert {served.path for served in sandbox.served[before:]} == {resource.endpoint}


def test_every_table_is_filled_by_a_resource_and_each_resource_has_its_view() -> None:
    source = youtube.SOURCE
    assert {table for resource in source.resources for table in resource.tables} == set(source.tables)
    assert all(resource.view == f"sync_youtube__{resource.name}" for resource in source.resources)
