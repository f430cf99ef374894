"""YouTube's Data API as the sandbox plays it: envelopes, fields, checks, paging, tags, quotas and changes in time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from pipelines.sandbox import Sandbox
from pipelines.sandbox.apis.youtube import CATEGORIES, GAMING, KEY, category_id, channel_id, timestamp, video_id
from pipelines.sandbox.world import DAY, Live, World

NOW = "2026-03-04T20:00:00Z"
LIVE = {"part": "snippet", "type": "video", "eventType": "live", "order": "viewCount"}
VIDEO = {"part": "snippet,liveStreamingDetails,statistics"}
NOBODY = "x" * 11


class Asker:
    """Asks with the key in a header."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.world: World = sandbox.world_of("youtube")
        self.url = sandbox.env()["YOUTUBE_API_URL"]
        self.http = requests.Session()

    def get(self, path: str, headers: dict[str, str] | None = None, /, **query: Any) -> requests.Response:
        given = {"X-Goog-Api-Key": KEY} if headers is None else headers
        return self.http.get(self.url + path, params=query, headers=given, timeout=10)

    def body(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        return self.body(path, **query)["items"]

    def refusal(self, path: str, **query: Any) -> tuple[int, str, str]:
        answer = self.get(path, **query)
        error = answer.json()["error"]
        (first,) = error["errors"]
        assert error["code"] == answer.status_code and first["message"] == error["message"]
        return answer.status_code, first["reason"], error["message"]

    def walk(self, **query: Any) -> Iterator[dict[str, Any]]:
        while True:
            body = self.body("/search", **query)
            yield body
            if "nextPageToken" not in body:
                return
            query["pageToken"] = body["nextPageToken"]

    @property
    def now(self) -> float:
        return self.sandbox.clock.time()

    def live(self) -> list[Live]:
        return self.world.live(self.now).ranked


@pytest.fixture(scope="module")
def tube(big: Sandbox) -> Asker:
    """For tests that change nothing; the quotas hold for the module."""
    return Asker(big)


@pytest.fixture
def own(small: Sandbox) -> Asker:
    return Asker(small)


# -- search


def test_live_broadcasts_are_found_by_viewers(tube: Asker) -> None:
    body = tube.body("/search", **LIVE, maxResults=50)
    assert list(body) == ["kind", "etag", "nextPageToken", "regionCode", "pageInfo", "items"]
    assert body["kind"] == "youtube#searchListResponse" and body["pageInfo"]["resultsPerPage"] == 50
    assert body["pageInfo"]["totalResults"] == len(tube.live()) > 500
    assert [item["id"]["videoId"] for item in body["items"]] == [video_id(one.session) for one in tube.live()[:50]]
    item = body["items"][0]
    assert list(item) == ["kind", "etag", "id", "snippet"] and item["id"]["kind"] == "youtube#video"
    assert set(item["snippet"]) == {
        "publishedAt", "channelId", "title", "description", "thumbnails", "channelTitle", "liveBroadcastContent",
        "publishTime",
    }  # fmt: skip
    assert item["snippet"]["liveBroadcastContent"] == "live"
    assert set(item["snippet"]["thumbnails"]) == {"default", "medium", "high"}


def test_a_search_ends_at_five_hundred(tube: Asker) -> None:
    pages = list(tube.walk(**LIVE, maxResults=50))
    found = [item["id"]["videoId"] for page in pages for item in page["items"]]
    assert len(pages) == 10 and len(set(found)) == len(found) == 500
    assert "prevPageToken" not in pages[0] and all("prevPageToken" in page for page in pages[1:])


def test_titles_of_a_search_are_escaped_and_those_of_videos_are_not(tube: Asker) -> None:
    found = tube.items("/search", **LIVE, maxResults=50)
    titles = {
        item["id"]: item["snippet"]["title"]
        for item in tube.items("/videos", **VIDEO, id=",".join(one["id"]["videoId"] for one in found))
    }
    odd = [one for one in found if "&" in one["snippet"]["title"]]
    assert any("&amp;" in one["snippet"]["title"] for one in odd)
    for one in found:
        shown = one["snippet"]["title"].replace("&#39;", "'").replace("&quot;", '"').replace("&lt;", "<")
        assert shown.replace("&gt;", ">").replace("&amp;", "&") == titles[one["id"]["videoId"]]


def test_a_page_token_is_of_its_parameters_alone(own: Asker) -> None:
    token = own.body("/search", **LIVE, maxResults=5)["nextPageToken"]
    assert own.body("/search", **LIVE, maxResults=5, pageToken=token)["items"]
    for query in ({**LIVE, "maxResults": 6}, {**LIVE, "maxResults": 5, "q": "a"}):
        assert own.refusal("/search", **query, pageToken=token)[:2] == (400, "invalidPageToken")
    for bad in ("nonsense", "ä", "AAAA" * 4):
        assert own.refusal("/search", **LIVE, maxResults=5, pageToken=bad)[:2] == (400, "invalidPageToken")


def test_searches_are_narrowed_and_ordered(own: Asker) -> None:
    live = own.live()
    by_id = {video_id(one.session): one for one in live}

    def found(**query: Any) -> list[Live]:
        items = own.items("/search", **{**LIVE, "maxResults": 50, **query})
        return [by_id[item["id"]["videoId"]] for item in items]

    gaming = [one for one in live if category_id(one.segment.category) == GAMING]
    assert found(videoCategoryId=GAMING) == gaming[:50] and len(gaming) < len(live)
    assert found(channelId=channel_id(live[3].channel.id)) == [live[3]]
    name = own.world.names_at(live[7].channel, own.now)[1]
    assert live[7] in found(q=name.upper())
    assert [one.session.start for one in found(order="date")] == sorted(
        (one.session.start for one in live), reverse=True
    )[:50]
    titles = [one.segment.title for one in found(order="title")]
    assert titles == sorted(titles)
    languages = [one.channel.language for one in found(relevanceLanguage="de")]
    assert languages[0] == "de" and languages == sorted(languages, key=lambda one: one != "de")
    since = timestamp(own.now - 3600)
    assert {one.session.start >= own.now - 3600 for one in found(publishedAfter=since)} == {True}
    assert own.items("/search", **LIVE) == own.items("/search", **LIVE, maxResults=5), "five unless told otherwise"
    assert own.items("/search", **LIVE, maxResults=0) == []
    assert own.items("/search", **{**LIVE, "eventType": "upcoming"}) == []


def test_broadcasts_that_are_over_can_be_searched_for(own: Asker) -> None:
    items = own.items("/search", **{**LIVE, "eventType": "completed", "order": "date", "maxResults": 50})
    assert items and {item["snippet"]["liveBroadcastContent"] for item in items} == {"none"}
    videos = own.items("/videos", **VIDEO, id=",".join(item["id"]["videoId"] for item in items))
    assert len(videos) == len(items) and all("actualEndTime" in one["liveStreamingDetails"] for one in videos)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"type": "video"}, "missingRequiredParameter"),
        ({"part": "nonsense"}, "unknownPart"),
        ({"part": "snippet", "eventType": "live"}, "invalidSearchFilter"),
        ({"part": "snippet", "eventType": "live", "type": "channel"}, "invalidSearchFilter"),
        ({"part": "snippet", "videoCategoryId": "20"}, "invalidSearchFilter"),
        ({"part": "snippet", "eventType": "past", "type": "video"}, "invalidEventType"),
        ({"part": "snippet", "order": "viewers"}, "invalidOrder"),
        ({"part": "snippet", "maxResults": "51"}, "invalidParameter"),
        ({"part": "snippet", "maxResults": "-1"}, "invalidParameter"),
        ({"part": "snippet", "publishedAfter": "yesterday"}, "invalidParameter"),
    ],
)
def test_a_wrong_search_is_refused(own: Asker, query: dict[str, str], reason: str) -> None:
    assert own.refusal("/search", **query)[:2] == (400, reason)


# -- videos


def test_videos_are_served_by_id_and_unknown_ones_are_left_out(own: Asker) -> None:
    live = own.live()[:40]
    ids = [video_id(one.session) for one in live]
    assert all(len(one) == 11 for one in ids)
    body = own.body("/videos", **VIDEO, id=",".join([*ids, NOBODY, "short", "no-such-id!", ids[0]]))
    assert body["kind"] == "youtube#videoListResponse" and body["pageInfo"] == {
        "totalResults": 40,
        "resultsPerPage": 40,
    }
    assert [item["id"] for item in body["items"]] == ids
    for one, item in zip(live, body["items"], strict=True):
        assert list(item) == ["kind", "etag", "id", "snippet", "statistics", "liveStreamingDetails"]
        assert item["snippet"]["channelId"] == channel_id(one.channel.id) and len(item["snippet"]["channelId"]) == 24
        assert item["snippet"]["categoryId"] in CATEGORIES and item["snippet"]["title"].startswith(one.segment.title)
        assert item["liveStreamingDetails"]["actualStartTime"] == timestamp(one.session.start)
        counters = {**item["statistics"], "viewers": item["liveStreamingDetails"].get("concurrentViewers", "1")}
        assert all(isinstance(value, str) and value.isdecimal() for value in counters.values())
    kinds = [item["statistics"].keys() for item in body["items"]]
    assert any("likeCount" not in keys for keys in kinds) and any("commentCount" not in keys for keys in kinds)


def test_viewers_are_absent_where_they_are_hidden_none_or_no_more(own: Asker) -> None:
    hides = own.world.hides_viewers
    shown, absent = set(), set()
    for start in range(0, len(own.live()), 50):
        part = own.live()[start : start + 50]
        items = own.items("/videos", **VIDEO, id=",".join(video_id(one.session) for one in part))
        for one, item in zip(part, items, strict=True):
            viewers = item["liveStreamingDetails"].get("concurrentViewers")
            (absent if viewers is None else shown).add(one.channel.index)
            if viewers is not None:
                assert int(viewers) == int(own.world.viewers(one.session, own.now)) > 0
    channels = own.world.channels
    assert absent and shown and not any(hides(channels[one]) for one in shown)
    assert all(
        hides(channels[one]) or own.world.viewers(own.world.live(own.now).by_id[channels[one].id].session, own.now) < 1
        for one in absent
    )


def test_a_broadcast_that_is_over_says_so_or_goes(own: Asker) -> None:
    live = own.live()
    own.sandbox.clock.advance(20 * 3600)
    over = [one for one in live if one.session.end <= own.now and own.world.exists(one.channel, own.now)]
    kept, gone = ([one for one in over if one.channel.recorded is recorded][:20] for recorded in (True, False))
    assert kept and gone
    items = own.items("/videos", **VIDEO, id=",".join(video_id(one.session) for one in [*kept, *gone]))
    assert [item["id"] for item in items] == [video_id(one.session) for one in kept]
    for one, item in zip(kept, items, strict=True):
        details = item["liveStreamingDetails"]
        assert details["actualEndTime"] == timestamp(one.session.end) > details["actualStartTime"]
        assert "concurrentViewers" not in details and "activeLiveChatId" not in details
        assert item["snippet"]["liveBroadcastContent"] == "none"


def test_what_is_yet_to_come_can_not_be_seen(own: Asker) -> None:
    today = int(own.now // DAY)
    sessions = itertools.chain.from_iterable(own.world.sessions(index, today + 1) for index in range(50))
    ids = [video_id(session) for session in sessions if session.start > own.now][:20]
    assert ids and own.items("/videos", **VIDEO, id=",".join(ids)) == []


def test_only_the_parts_that_are_asked_for_are_served(own: Asker) -> None:
    one = video_id(own.live()[0].session)
    assert list(own.items("/videos", part="id", id=one)[0]) == ["kind", "etag", "id"]
    (item,) = own.items("/videos", part="contentDetails", id=one)
    assert item["contentDetails"] == {"duration": "P0D"}
    assert own.refusal("/videos", part="snippet,nonsense", id=one)[:2] == (400, "unknownPart")


def test_ids_are_fifty_at_most(own: Asker) -> None:
    for path in ("/videos", "/channels"):
        assert own.refusal(path, part="snippet", id=",".join(f"id{n}" for n in range(51)))[:2] == (
            400,
            "invalidFilters",
        )
        assert own.refusal(path, part="snippet")[:2] == (400, "missingRequiredParameter")
        refused = own.refusal(path, part="snippet", id="x", maxResults="5")
        assert refused[:2] == (400, "incompatibleParameters")


# -- channels and categories


def test_channels_are_served_by_id(own: Asker) -> None:
    there = [channel for channel in own.world.channels if own.world.exists(channel, own.now)][:50]
    items = own.items("/channels", part="snippet,statistics", id=",".join(channel_id(one.id) for one in there))
    hidden = 0
    for channel, item in zip(there, items, strict=True):
        login, name = own.world.names_at(channel, own.now)
        assert item["id"] == channel_id(channel.id) and item["snippet"]["title"] == name
        assert item["snippet"].get("customUrl", f"@{login}") == f"@{login}"
        statistics, followers = item["statistics"], own.world.followers(channel, own.now)
        if statistics["hiddenSubscriberCount"]:
            hidden += 1
            assert "subscriberCount" not in statistics
        else:
            count = statistics["subscriberCount"]
            assert len(count.rstrip("0")) <= 3 and 0.98 * followers <= int(count) <= followers
    assert 0 < hidden < 10


def test_a_list_of_no_channels_has_no_items(own: Asker) -> None:
    away = next(one for one in own.world.channels if not own.world.exists(one, own.now))
    body = own.body("/channels", part="snippet", id=f"{channel_id(away.id)},nobody")
    assert "items" not in body and body["pageInfo"]["totalResults"] == 0


def test_categories_are_served_by_region_or_id(own: Asker) -> None:
    body = own.body("/videoCategories", part="snippet", regionCode="US")
    assert body["kind"] == "youtube#videoCategoryListResponse" and "pageInfo" not in body
    assert {item["id"]: item["snippet"]["title"] for item in body["items"]} == CATEGORIES
    assert [one["id"] for one in own.items("/videoCategories", part="snippet", id="20,10,999")] == ["20", "10"]
    assert own.refusal("/videoCategories", part="snippet")[:2] == (400, "missingRequiredParameter")
    assert own.refusal("/videoCategories", part="snippet", regionCode="USA")[:2] == (400, "invalidParameter")


# -- keys, tags, compression


def test_a_key_is_taken_from_the_header_or_the_query(own: Asker) -> None:
    query = {"part": "snippet", "id": "20"}
    assert own.get("/videoCategories", {}, **query, key=KEY).ok and own.get("/videoCategories", **query).ok
    answer = own.get("/videoCategories", {}, **query)
    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    answer = own.get("/videoCategories", {"X-Goog-Api-Key": "wrong"}, **query)
    error = answer.json()["error"]
    assert (answer.status_code, error["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert error["message"].startswith("API key not valid")
    own.sandbox.force_401()
    for _ in range(2):
        assert own.refusal("/videoCategories", **query)[:2] == (400, "badRequest"), "it stays invalid"


def test_what_has_not_changed_comes_without_a_body(own: Asker) -> None:
    query = {"part": "snippet", "regionCode": "US"}
    first = own.get("/videoCategories", **query)
    tag = first.json()["etag"]
    assert first.headers["ETag"] == tag and all(item["etag"] for item in first.json()["items"])
    for known in (tag, f'"{tag}"', f'W/"{tag}"', f'"other", "{tag}"'):
        again = own.get("/videoCategories", {"X-Goog-Api-Key": KEY, "If-None-Match": known}, **query)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    own.sandbox.edits["youtube_categories"]["20"] = None
    changed = own.get("/videoCategories", {"X-Goog-Api-Key": KEY, "If-None-Match": tag}, **query)
    assert changed.status_code == 200 and changed.json()["etag"] != tag
    assert "20" not in {item["id"] for item in changed.json()["items"]}


def test_answers_are_compressed_for_agents_that_say_gzip_twice(own: Asker) -> None:
    query = {"part": "snippet", "regionCode": "US"}
    plain = {"X-Goog-Api-Key": KEY, "Accept-Encoding": "gzip", "User-Agent": "tests"}
    for agent, encoding in (("tests", None), ("tests (gzip)", "gzip")):
        answer = own.get("/videoCategories", {**plain, "User-Agent": agent}, **query)
        assert answer.headers.get("Content-Encoding") == encoding and len(answer.json()["items"]) == 14
    assert own.sandbox.served[-1].body == answer.json()


# -- quotas


def test_searches_and_all_else_have_quotas_of_their_own() -> None:
    with Sandbox(now=NOW, frozen=True, channels=50, youtube_searches=3, youtube_units=2) as sandbox:
        asker = Asker(sandbox)
        assert asker.get("/search", **LIVE).ok
        assert asker.get("/search", {"X-Goog-Api-Key": "wrong"}, **LIVE).status_code == 400
        assert asker.refusal("/search", part="snippet", order="wrong")[0] == 400, "what is wrong costs as well"
        assert asker.get("/search", **LIVE, maxResults=50).ok
        status, reason, message = asker.refusal("/search", **LIVE)
        assert (status, reason) == (429, "rateLimitExceeded") and "Search Queries per day" in message
        tag = asker.body("/videoCategories", part="snippet", id="20")["etag"]
        known = {"X-Goog-Api-Key": KEY, "If-None-Match": tag}
        assert asker.get("/videoCategories", known, part="snippet", id="20").status_code == 304
        for path in ("/videos", "/channels", "/videoCategories"):
            assert asker.refusal(path, part="snippet", id="x")[:2] == (403, "quotaExceeded"), "304 has cost one"


def test_quotas_come_back_at_midnight_in_california() -> None:
    # the clocks go forward on this day, at two in the morning
    with Sandbox(now="2026-03-08T07:59:59Z", frozen=True, channels=20, youtube_searches=1) as sandbox:
        asker = Asker(sandbox)
        for moment in ("2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z", "2026-03-10T07:00:00Z"):
            assert asker.get("/search", **LIVE).ok
            assert asker.refusal("/search", **LIVE)[0] == 429
            sandbox.clock.set(moment)
            sandbox.clock.advance(-1)
            assert asker.refusal("/search", **LIVE)[0] == 429
            sandbox.clock.advance(1)


def test_too_many_in_a_minute_is_told_apart_from_too_many_in_a_day(own: Asker) -> None:
    own.sandbox.faults.set({"429": 1.0})
    for path in ("/search", "/videos"):
        status, reason, message = own.refusal(path, **LIVE)
        assert (status, reason) == (429, "rateLimitExceeded") and "per minute" in message and "per day" not in message
    own.sandbox.faults.set({"503": 1.0})
    assert own.refusal("/videos", **VIDEO)[:2] == (503, "backendError")


def test_what_does_not_exist_is_refused(own: Asker) -> None:
    assert own.refusal("/nothing")[:2] == (404, "notFound")


@pytest.mark.parametrize(
    ("resource", "path", "query"),
    [
        ("youtube_search", "/search", LIVE),
        ("youtube_videos", "/videos", VIDEO),
        ("youtube_channels", "/channels", {"part": "snippet"}),
    ],
)
def test_rows_are_served_as_edited(own: Asker, resource: str, path: str, query: dict[str, str]) -> None:
    first, second = (one for one in own.live()[:2])
    of = (lambda one: channel_id(one.channel.id)) if path == "/channels" else (lambda one: video_id(one.session))
    own.sandbox.edits[resource] = {of(first): None, of(second): {"more": 1}}
    ids = {} if path == "/search" else {"id": f"{of(first)},{of(second)}"}
    items = own.items(path, **query, **ids)
    assert items[0]["more"] == 1 and (len(items) == 1 or path == "/search")
