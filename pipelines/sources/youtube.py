"""YouTube live: search -> videos -> channels; and the categories of videos.

Searches are few (100 a day), so they only find broadcasts; what is live is then asked for by id, fifty to a call, in
every slot until it is over or gone. Both quotas are of a day that ends at midnight in California, and are spread over
it: what does not fit now is kept for later, the biggest broadcasts first.

Run alone: `make extract SOURCES=youtube RESOURCES="search videos"`. The API: https://developers.google.com/youtube/v3
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import requests

from pipelines.budget import DayBudget, QuotaError, Reported
from pipelines.client import Answer, ApiError, Client, FixedToken
from pipelines.clock import slot_start
from pipelines.errors import AirtimeError, CredentialsError
from pipelines.lists import ListShape, Poll, batches, fetch_by_id
from pipelines.resources import Api, Fetched, Opening, Outcome, Resource, Rows, Source, Unit
from pipelines.settings import Positive, Secret, Url
from pipelines.tables import Field, Table

DESCRIPTION = "YouTube Data API: live broadcasts that a search finds, how they go on, the channels behind them."

STRINGS = list[str]


def _text(name: str, description: str, **presence: bool) -> Field:
    return Field(name, "text", description, **presence)


def _count(name: str, description: str) -> Field:
    return Field(name, "bigint", description, optional=True)


KIND = _text("kind", "The API's name for this kind of row.", optional=True)
ETAG = _text("etag", "The API's tag of the row: another once it has changed.", optional=True)
THUMBNAILS = Field("thumbnails", "json", "Pictures by size: url, width, height.", optional=True, of=dict)
LOCALIZED = Field("localized", "json", "Title and description in the language asked for.", optional=True, of=dict)

SEARCH_RESULTS = Table(
    source="youtube",
    name="search_results",
    kept="slot",
    key=("video_id",),
    description="One row per video that a search found and collection slot, from GET /search.",
    fields=(
        _text("video_id", "The video, which is the broadcast."),
        _text("channel_id", "The channel."),
        _text("channel_title", "The channel's name.", optional=True),
        _text("title", "Its title, escaped as HTML.", optional=True),
        _text("description", "The beginning of its description.", optional=True),
        _text("live_broadcast_content", "live, upcoming or none.", optional=True),
        Field("published_at", "timestamp", "When it was published (UTC).", optional=True),
        Field("publish_time", "timestamp", "The same.", optional=True),
        THUMBNAILS,
        KIND,
        ETAG,
    ),
)

VIDEOS = Table(
    source="youtube",
    name="videos",
    kept="slot",
    key=("id",),
    description="One row per video and collection slot in which it was asked for, from GET /videos.",
    fields=(
        _text("id", "The video, which is the broadcast."),
        _text("channel_id", "The channel."),
        _text("channel_title", "The channel's name."),
        _text("title", "Its title."),
        _text("description", "Its description; may be empty.", optional=True),
        _text("category_id", "The category.", optional=True),
        _text("live_broadcast_content", "live, upcoming or none.", optional=True),
        _text("default_language", "Language of title and description.", optional=True),
        _text("default_audio_language", "Language that is spoken.", optional=True),
        Field("tags", "json", "Free tags, a list of texts.", optional=True, of=STRINGS),
        LOCALIZED,
        THUMBNAILS,
        Field("published_at", "timestamp", "When it was published (UTC)."),
        Field("scheduled_start_time", "timestamp", "When it should begin (UTC).", optional=True),
        Field("scheduled_end_time", "timestamp", "When it should end (UTC).", optional=True),
        Field("actual_start_time", "timestamp", "When it began (UTC); absent before.", optional=True),
        Field("actual_end_time", "timestamp", "When it ended (UTC); absent before.", optional=True),
        _count("concurrent_viewers", "Viewers at the time of the answer; absent if hidden, none or over."),
        _text("active_live_chat_id", "The chat, while there is one.", optional=True),
        _count("view_count", "Views so far."),
        _count("like_count", "Likes; absent if hidden."),
        _count("favorite_count", "Deprecated by the API: always 0."),
        _count("comment_count", "Comments; absent where there can be none."),
        KIND,
        ETAG,
    ),
)

CHANNELS = Table(
    source="youtube",
    name="channels",
    kept="slot",
    key=("id",),
    description="One row per channel and collection slot in which it was fetched, from GET /channels.",
    fields=(
        _text("id", "The channel."),
        _text("title", "Its name."),
        _text("description", "Its own words; may be empty.", optional=True),
        _text("custom_url", "Its handle, with @.", optional=True),
        _text("country", "ISO 3166-1 code.", optional=True),
        _text("default_language", "Language of name and description.", optional=True),
        LOCALIZED,
        THUMBNAILS,
        Field("published_at", "timestamp", "When it was made (UTC)."),
        _count("view_count", "Views of all its videos."),
        _count("subscriber_count", "Subscribers, to three significant digits; absent or 0 if hidden."),
        Field("hidden_subscriber_count", "bool", "Whether it hides how many subscribers it has.", optional=True),
        _count("video_count", "Public videos."),
        KIND,
        ETAG,
    ),
)

CATEGORIES = Table(
    source="youtube",
    name="categories",
    key=("id",),
    description="One row per category of videos, from GET /videoCategories.",
    fields=(
        _text("id", "The category."),
        _text("title", "Its name."),
        Field("assignable", "bool", "Whether videos can be put into it.", optional=True),
        _text("channel_id", "The channel that the API names as its owner.", optional=True),
        KIND,
        ETAG,
    ),
)

TABLES = (SEARCH_RESULTS, VIDEOS, CHANNELS, CATEGORIES)
FRESHNESS = {"warn": (1, "day"), "error": (3, "day")}

ZONE = ZoneInfo("America/Los_Angeles")
IDS_A_CALL = 50
RESULTS_A_PAGE = 50
# videos may take this much of what is free at a time; the rest is for channels and categories
SHARE_OF_VIDEOS = 0.9
VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
CHANNEL_ID = re.compile(r"UC[A-Za-z0-9_-]{22}")
# the objects whose fields are lifted into the row that holds them
LIFTED = ("snippet", "statistics", "liveStreamingDetails")
COUNTERS = frozenset(
    ("concurrentViewers", "viewCount", "likeCount", "favoriteCount", "commentCount", "subscriberCount", "videoCount")
)
# the API's own reasons for a refusal
USED_UP = frozenset({"quotaExceeded", "dailyLimitExceeded"})
KEY_REFUSED = frozenset(
    {
        "keyInvalid", "keyExpired", "API_KEY_INVALID", "accessNotConfigured", "SERVICE_DISABLED", "ipRefererBlocked",
        "API_KEY_SERVICE_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED",
    }
)  # fmt: skip


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the source. Field comments are the text of .env.example."""

    # Of a project at https://console.cloud.google.com with the YouTube Data API v3 enabled
    api_key: Secret | None = None
    # Address, with any path prefix; a proxy, a mock or a recording can stand in.
    api_url: Url = "https://www.googleapis.com/youtube/v3"
    # The project's quotas, from midnight to midnight in California: searches, and units (one a call) of all else.
    searches_per_day: Positive = 100
    units_per_day: Positive = 10_000
    # Pages of 50 that one search reads. How often to search is in seeds/sync_policies.csv; each page counts.
    search_pages: Positive = 1
    # Search only in one category (20 is Gaming), or as seen from a region, or prefer a language; empty is any.
    search_category: str | None = None
    search_region: str | None = None
    search_language: str | None = None
    # The region whose categories are read.
    category_region: str = "US"


class Items(ListShape):
    """The API's lists: one without rows may lack its list of them; rows come flat."""

    def rows_of(self, answer: Answer | ApiError, path: str) -> list[Any]:
        """The rows of an answer, flat.

        Raises:
            ApiError: it is one, or its body is not of this shape.
        """
        body = answer.body if isinstance(answer, Answer) else None
        if isinstance(body, dict) and "items" not in body and str(body.get("kind")).startswith("youtube#"):
            return []
        return [flat(row) for row in super().rows_of(answer, path)]


LISTS = Items(rows=("items",), cursor=("nextPageToken",), cursor_param="pageToken", size_param="maxResults")


def flat(item: Any) -> Any:
    """An item as a row: what is nested in it lifted out, names with underscores, counters as numbers.

    What is of another shape is left as it is, for the check to refuse.
    """
    if not isinstance(item, dict):
        return item
    row: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, value in item.items():
        if name in LIFTED and isinstance(value, dict):
            row |= {_underscored(inner): _number(inner, content) for inner, content in value.items()}
        elif name == "id" and isinstance(value, dict):
            # a search result has no id but that of what it found; only videos are searched for, so its kind is known
            row |= {_underscored(inner): content for inner, content in value.items()}
        else:
            own[_underscored(name)] = value
    return row | own


def open_client(opening: Opening) -> Client:
    """A client that sends the key in a header, with two quotas a day."""
    settings: Settings = opening.settings
    opening.scrubber.add(settings.api_key)
    return Client(
        "youtube",
        settings.api_url,
        # Google compresses only for agents that name themselves so
        auth=FixedToken("X-Goog-Api-Key", settings.api_key or "", "YOUTUBE_API_KEY", {"User-Agent": "airtime (gzip)"}),
        budgets=opening.a_day(
            {"search": settings.searches_per_day, "units": settings.units_per_day},
            ZONE,
            {"search": settings.search_pages},
            bucket_of,
        ),
        limits=opening.limits,
        clock=opening.clock,
        scrubber=opening.scrubber,
        run_id=opening.run_id,
        log=opening.log,
        read_limits=read_limits,
        judge=judge,
    )


def bucket_of(path: str) -> str:
    """The quota that a request counts for."""
    return "search" if path == "/search" else "units"


class _Reason(msgspec.Struct):
    reason: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    errors: list[_Reason] = []
    details: list[_Reason] = []

    @property
    def reasons(self) -> set[str]:
        return {one.reason for one in (*self.errors, *self.details)}


class _Refusal(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


def _error_of(response: requests.Response, content: bytes) -> _Error:
    if response.ok:
        return _Error()
    try:
        return msgspec.json.decode(content, type=_Refusal).error
    except msgspec.MsgspecError:
        return _Error()


def _is_used_up(response: requests.Response, error: _Error) -> bool:
    by_reason = response.status_code == 403 and error.reasons & USED_UP
    return bool(by_reason) or (response.status_code == 429 and "per day" in error.message)


def read_limits(response: requests.Response, content: bytes) -> Reported:
    """That nothing is left of the day's quota, if an answer says so; none tells more."""
    return Reported(remaining=0) if _is_used_up(response, _error_of(response, content)) else Reported()


def judge(response: requests.Response, content: bytes, text: str) -> AirtimeError | None:
    """What a refusal ends: the day's quota, or the use of a key. A limit by the minute ends nothing."""
    error = _error_of(response, content)
    if _is_used_up(response, error):
        return QuotaError(f"the API says that the day's quota is used up, until midnight in California ({text})")
    if error.reasons & KEY_REFUSED or "API key not valid" in error.message:
        return CredentialsError(
            f"YOUTUBE_API_KEY was refused ({text})",
            "correct YOUTUBE_API_KEY in .env, or enable the YouTube Data API v3 for its project",
        )
    return None


def check(client: Client) -> str:
    """One small request, for the doctor."""
    client.get("/videoCategories", [("part", "snippet"), ("id", "20")], resource="doctor")
    limits = {bucket: client.budgets.of(path).limit for bucket, path in (("search", "/search"), ("units", "/videos"))}
    return f"answers; limits {limits['search']} searches and {limits['units']} units a day"


def poll_search(api: Api, due: Sequence[Unit]) -> Iterator[Fetched]:
    """Search for broadcasts that are live, the most watched first, if that is due."""
    if not due:
        return
    settings: Settings = api.settings
    started_at = api.clock.now()
    most = api.general.max_streams_per_collection
    wanted = min(most, api.scope.limit or most)
    params = [("part", "snippet"), ("type", "video"), ("eventType", "live"), ("order", "viewCount")]
    chosen = {
        "videoCategoryId": settings.search_category,
        "regionCode": settings.search_region,
        "relevanceLanguage": settings.search_language,
    }
    params += [(name, value) for name, value in chosen.items() if value]
    limit = min(settings.search_pages, math.ceil(wanted / RESULTS_A_PAGE))
    pages = LISTS.walk(api.client, "/search", params, min(RESULTS_A_PAGE, wanted), limit, "search")
    slot_at = slot_start(started_at, api.general.collection_interval_minutes)
    yield from Poll(SEARCH_RESULTS, slot_at, "live", started_at).walk(pages, limit, lambda page: None)


def poll_videos(api: Api, known: Sequence[Unit]) -> Iterator[Fetched]:
    """Ask by id for the broadcasts that are live or were found, as far as the quota reaches: the biggest first.

    Raises:
        QuotaError: it did not reach for all.
    """
    started_at = api.clock.now()
    slot_at = slot_start(started_at, api.general.collection_interval_minutes)
    budget = api.client.budgets.of("/videos")
    assert isinstance(budget, DayBudget)
    ids = [unit.unit_id for unit in known if VIDEO_ID.fullmatch(unit.unit_id)]
    calls = max(min(1, budget.available()), math.floor(budget.available() * SHARE_OF_VIDEOS))
    chosen = ids[: calls * IDS_A_CALL]
    parts = ("part", "snippet,liveStreamingDetails,statistics")
    yield from Poll(VIDEOS, slot_at, "known", started_at).by_id(
        chosen,
        IDS_A_CALL,
        lambda ids: api.client.get("/videos", [parts, ("id", ",".join(ids))], resource="videos"),
        lambda answer: LISTS.rows_of(answer, "/videos"),
        api.clock.now,
        key="id",
        is_all=len(chosen) == len(ids),
    )
    if len(chosen) < len(ids):
        raise QuotaError(f"{len(ids) - len(chosen)} of {len(ids)} videos were not asked for: {budget.kept()}")


def fetch_channels(api: Api, units: Sequence[Unit]) -> Fetched:
    """Channels by id, fifty a call."""
    part = ("part", "snippet,statistics")
    return fetch_by_id(
        units,
        CHANNELS,
        lambda ids: api.client.get("/channels", [part, ("id", ",".join(ids))], resource="channels"),
        lambda answer: LISTS.rows_of(answer, "/channels"),
        lambda text: bool(CHANNEL_ID.fullmatch(text)),
        "id",
    )


def fetch_categories(api: Api, units: Sequence[Unit]) -> Fetched:
    """The categories of a region, unless they are as they were when last read."""
    (unit,) = units
    known = {"If-None-Match": unit.bookmark} if unit.bookmark else {}
    answer = api.client.get(
        "/videoCategories",
        [("part", "snippet"), ("regionCode", api.settings.category_region)],
        resource="categories",
        headers=known,
    )
    if answer.body is None:
        return Fetched(outcomes=[Outcome(unit.unit_id, "ok", 0, bookmark=unit.bookmark)])
    rows = LISTS.rows_of(answer, "/videoCategories")
    etag = answer.body.get("etag")
    bookmark = etag if isinstance(etag, str) else None
    return Fetched([Rows(CATEGORIES, rows, answer)], [Outcome(unit.unit_id, "ok", len(rows), bookmark=bookmark)])


@lru_cache(maxsize=1000)
def _underscored(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _number(name: str, value: Any) -> Any:
    is_counter = name in COUNTERS and isinstance(value, str) and value.isascii() and value.isdecimal()
    return int(value) if is_counter else value


SOURCE = Source(
    name="youtube",
    domain="live",
    description=DESCRIPTION,
    tables=TABLES,
    settings=Settings,
    credentials=("api_key",),
    freshness=FRESHNESS,
    estimate=lambda due: "videos and channels that the run itself brings up come on top",
    open=open_client,
    check=check,
    # a unit of the day's quota in each run would be a share of it that nobody asked for
    check_each_run=False,
    resources=(
        Resource(
            "search",
            (SEARCH_RESULTS,),
            "sync_youtube__search",
            calls=lambda units, settings: settings.search_pages if units else 0,
            endpoint="/search",
            poll=poll_search,
        ),
        Resource(
            "videos",
            (VIDEOS,),
            "sync_youtube__videos",
            calls=batches(IDS_A_CALL),
            endpoint="/videos",
            # what was found and not yet looked at, then the biggest
            order="is_new desc, viewer_count desc nulls last, unit_id",
            found_by="search",
            poll=poll_videos,
        ),
        Resource(
            "channels",
            (CHANNELS,),
            "sync_youtube__channels",
            calls=batches(IDS_A_CALL),
            endpoint="/channels",
            batch=IDS_A_CALL,
            fetch=fetch_channels,
        ),
        Resource(
            "categories",
            (CATEGORIES,),
            "sync_youtube__categories",
            calls=lambda units, settings: len(units),
            endpoint="/videoCategories",
            fetch=fetch_categories,
        ),
    ),
)
