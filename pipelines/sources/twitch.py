"""Twitch Helix: streams -> users, channels, follower totals -> videos, clips -> games.

Streams are polled: the top of the list, chosen categories, and by id the channels that were live at the poll before,
because the list is sorted by viewers and shifts while it is read. Everything else is fetched when a sync view says that
it is due.

Run alone: `make extract SOURCES=twitch RESOURCES="streams users"`. The API: https://dev.twitch.tv/docs/api/reference
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
import requests

from pipelines.budget import Reported
from pipelines.client import Answer, Client, ClientCredentials
from pipelines.clock import slot_start, stored
from pipelines.lists import ListShape, Poll, batches, fetch_by_id
from pipelines.resources import Api, Fetched, Opening, Outcome, Resource, Rows, Source, Unit
from pipelines.settings import Positive, Secret, Url
from pipelines.tables import Field, Table

DESCRIPTION = "Twitch Helix: live streams, the channels behind them, their videos and clips."

STRINGS = list[str]


def _text(name: str, description: str, **presence: bool) -> Field:
    return Field(name, "text", description, **presence)


STREAMS = Table(
    source="twitch",
    name="streams",
    kept="slot",
    key=("id",),
    description="One row per live stream and collection slot, from GET /streams.",
    fields=(
        _text("id", "The broadcast; videos refer to it as stream_id."),
        _text("user_id", "The channel."),
        _text("user_login", "The channel's login: lower case, in its address."),
        _text("user_name", "The channel's display name."),
        _text("game_id", "The category; empty when none is set."),
        _text("game_name", "The category's name; empty when none is set."),
        _text("type", "live, or empty if the API had an error."),
        _text("title", "The stream's title; may be empty."),
        Field("tags", "json", "Free tags, a list of texts.", null=True, optional=True, of=STRINGS),
        Field("viewer_count", "bigint", "Viewers at the time of the answer."),
        Field("started_at", "timestamp", "Start of the broadcast (UTC)."),
        _text("language", "ISO 639-1 code, or other."),
        _text("thumbnail_url", "Template with {width} and {height}.", optional=True),
        Field("tag_ids", "json", "Deprecated by the API: always an empty list.", optional=True, of=STRINGS),
        Field("is_mature", "bool", "Deprecated by the API: always false.", optional=True),
    ),
)

USERS = Table(
    source="twitch",
    name="users",
    kept="slot",
    key=("id",),
    description="One row per user and collection slot in which it was fetched, from GET /users.",
    fields=(
        _text("id", "The user, and its channel."),
        _text("login", "Login: lower case, in the channel's address."),
        _text("display_name", "Name as shown."),
        _text("type", "Empty, admin, global_mod or staff."),
        _text("broadcaster_type", "Empty, affiliate or partner."),
        _text("description", "The channel's own words.", null=True),
        _text("profile_image_url", "Address of the picture; may be empty.", optional=True),
        _text("offline_image_url", "Address of the offline picture; may be empty.", optional=True),
        Field("view_count", "bigint", "Deprecated by the API: not valid.", optional=True),
        Field("created_at", "timestamp", "When the account was made (UTC)."),
    ),
)

CHANNELS = Table(
    source="twitch",
    name="channels",
    kept="slot",
    key=("broadcaster_id",),
    description="One row per channel and collection slot in which it was fetched, from GET /channels.",
    fields=(
        _text("broadcaster_id", "The channel."),
        _text("broadcaster_login", "The channel's login."),
        _text("broadcaster_name", "The channel's display name."),
        _text("broadcaster_language", "ISO 639-1 code, or other."),
        _text("game_id", "The category last set; may be empty."),
        _text("game_name", "Its name; may be empty."),
        _text("title", "The title last set; may be empty."),
        Field("delay", "bigint", "Stream delay in seconds; 0 for an app token.", optional=True),
        Field("tags", "json", "Free tags, a list of texts.", null=True, optional=True, of=STRINGS),
        Field(
            "content_classification_labels",
            "json",
            "Labels such as MatureGame, a list of texts.",
            optional=True,
            of=STRINGS,
        ),
        Field("is_branded_content", "bool", "Whether the stream is declared as branded.", optional=True),
    ),
)

FOLLOWERS = Table(
    source="twitch",
    name="followers",
    kept="slot",
    key=("broadcaster_id",),
    description="One row per channel and collection slot: its follower total, from GET /channels/followers.",
    fields=(
        _text("broadcaster_id", "The channel that was asked for."),
        Field("total", "bigint", "Followers."),
    ),
)

VIDEOS = Table(
    source="twitch",
    name="videos",
    kept="day",
    key=("id",),
    description="One row per video and day on which it was fetched, from GET /videos.",
    fields=(
        _text("id", "The video."),
        _text("stream_id", "The broadcast it records; null for highlights and uploads.", null=True),
        _text("user_id", "The channel."),
        _text("user_login", "The channel's login."),
        _text("user_name", "The channel's display name."),
        _text("title", "Title; may be empty."),
        _text("description", "Description; may be empty.", null=True),
        Field("created_at", "timestamp", "When it was made (UTC)."),
        Field("published_at", "timestamp", "When it was published (UTC)."),
        _text("url", "Its address."),
        _text("thumbnail_url", "Template with %{width} and %{height}; empty while the stream is on.", optional=True),
        _text("viewable", "public or private.", optional=True),
        Field("view_count", "bigint", "Views so far."),
        _text("language", "ISO 639-1 code, or other."),
        _text("type", "archive, highlight or upload."),
        _text("duration", "Length such as 3h2m1s; grows while the stream is on."),
        Field("muted_segments", "json", "Muted parts: offset and duration in seconds.", null=True, of=list[dict]),
    ),
)

CLIPS = Table(
    source="twitch",
    name="clips",
    kept="day",
    key=("id",),
    description="One row per clip and day on which it was fetched, from GET /clips.",
    fields=(
        _text("id", "The clip."),
        _text("url", "Its address."),
        _text("embed_url", "Its address for embedding.", optional=True),
        _text("broadcaster_id", "The channel that was clipped."),
        _text("broadcaster_name", "The channel's display name."),
        _text("creator_id", "Who made the clip."),
        _text("creator_name", "Its name; empty when gone."),
        _text("video_id", "The video it is from; empty when not available."),
        _text("game_id", "The category; may be empty."),
        _text("language", "ISO 639-1 code, or other."),
        _text("title", "Title; may be empty."),
        Field("view_count", "bigint", "Views so far."),
        Field("created_at", "timestamp", "When it was made (UTC)."),
        _text("thumbnail_url", "Address of the picture.", optional=True),
        Field("duration", "double", "Length in seconds."),
        Field("vod_offset", "bigint", "Seconds into the video; null until the video exists.", null=True, optional=True),
        Field("is_featured", "bool", "Whether the channel features it.", optional=True),
    ),
)

GAMES = Table(
    source="twitch",
    name="games",
    key=("id",),
    description="One row per category that streams or clips referred to, from GET /games.",
    fields=(
        _text("id", "The category."),
        _text("name", "Its name."),
        _text("box_art_url", "Template with {width} and {height}.", optional=True),
        _text("igdb_id", "The game in IGDB; empty when none.", optional=True),
    ),
)

TABLES = (STREAMS, USERS, CHANNELS, FOLLOWERS, VIDEOS, CLIPS, GAMES)
FRESHNESS = {"warn": (1, "day"), "error": (3, "day")}

LISTS = ListShape(rows=("data",), cursor=("pagination", "cursor"), cursor_param="after", size_param="first")
IDS_A_CALL = 100
# the API answers with about this many clips at most; beyond, it repeats itself
CLIPS_CAP = 1000
# the API rounds a window to about ten minutes, so halving further would read the same clips again
SHORTEST_CLIP_WINDOW = dt.timedelta(minutes=20)
PAGE = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the source. Field comments are the text of .env.example."""

    # Of an application registered at https://dev.twitch.tv/console
    client_id: str | None = None
    client_secret: Secret | None = None
    # Addresses, with any path prefix; a proxy, a mock or a recording can stand in.
    api_url: Url = "https://api.twitch.tv/helix"
    auth_url: Url = "https://id.twitch.tv/oauth2"
    # The API's rate limit until its first answer tells.
    points_per_minute: Positive = 800
    # Top of the list of live streams: pages and page size.
    stream_pages: Positive = 10
    stream_page_size: PAGE = 100
    # Category ids whose streams are polled as well, separated by commas.
    categories: tuple[str, ...] = ()
    # Videos of a channel: archive, highlight, upload or all; pages and page size.
    video_type: Literal["archive", "highlight", "upload", "all"] = "archive"
    video_pages: Positive = 5
    video_page_size: PAGE = 30
    # Most viewed clips of a channel in a window: pages and page size. A window with more than the API lists is halved.
    clip_pages: Positive = 2
    clip_page_size: PAGE = 30
    # Clips this young are read again at each visit, because their views change and late ones appear.
    clip_trailing_days: Positive = 7
    # Longest window of one clip query.
    clip_window_days: Positive = 7


def open_client(opening: Opening) -> Client:
    """A client with an app token, and the rate budget that the API reports in its headers."""
    settings: Settings = opening.settings
    opening.scrubber.add(settings.client_secret)
    auth = ClientCredentials(
        settings.auth_url.rstrip("/") + "/token",
        settings.client_id or "",
        settings.client_secret or "",
        names=("TWITCH_CLIENT_ID", "TWITCH_CLIENT_SECRET"),
        limits=opening.limits,
        clock=opening.clock,
        scrubber=opening.scrubber,
        extra_headers={"Client-Id": settings.client_id or ""},
    )
    return Client(
        "twitch",
        settings.api_url,
        auth=auth,
        budgets=opening.a_minute(settings.points_per_minute),
        limits=opening.limits,
        clock=opening.clock,
        scrubber=opening.scrubber,
        run_id=opening.run_id,
        log=opening.log,
        read_limits=read_limits,
    )


def read_limits(response: requests.Response, content: bytes) -> Reported:
    """Limit and remaining points, as the headers of an answer tell."""
    return Reported(
        _number(response.headers.get("Ratelimit-Limit")), _number(response.headers.get("Ratelimit-Remaining"))
    )


def check(client: Client) -> str:
    """One small request, for the doctor."""
    client.get("/games/top", [("first", "1")], resource="doctor")
    return f"answers; limit {client.budgets.of('').limit} points a minute"


def poll_streams(api: Api, known: Sequence[Unit]) -> Iterator[Fetched]:
    """Poll the lists, then ask by id for the channels that were live before and did not show up."""
    settings: Settings = api.settings
    started_at = api.clock.now()
    slot_at = slot_start(started_at, api.general.collection_interval_minutes)
    most = api.general.max_streams_per_collection
    wanted = min(most, api.scope.limit or most)
    seen: set[str] = set()
    lists = [("top", [])] + [(f"category:{game}", [("game_id", game)]) for game in settings.categories]
    note = lambda page: seen.update(str(row.get("user_id")) for row in page.data if isinstance(row, dict))
    for scope, params in lists:
        limit = min(settings.stream_pages, math.ceil(wanted / settings.stream_page_size))
        size = min(settings.stream_page_size, wanted)
        pages = LISTS.walk(api.client, "/streams", [*params, ("type", "live")], size, limit, "streams")
        yield from Poll(STREAMS, slot_at, scope, started_at).walk(pages, limit, note)

    missing = [unit.unit_id for unit in known if unit.unit_id not in seen and is_id(unit.unit_id)]
    ask = lambda ids: _streams_of(api, ids)
    rows_of = lambda answer: LISTS.rows_of(answer, "/streams")
    yield from Poll(STREAMS, slot_at, "known", started_at).by_id(missing, IDS_A_CALL, ask, rows_of, api.clock.now)


def fetch_users(api: Api, units: Sequence[Unit]) -> Fetched:
    """Users by id, a hundred a call."""
    return _fetch_by_id(api, units, USERS, "/users", "id", "id")


def fetch_channels(api: Api, units: Sequence[Unit]) -> Fetched:
    """Channels by id, a hundred a call."""
    return _fetch_by_id(api, units, CHANNELS, "/channels", "broadcaster_id", "broadcaster_id")


def fetch_games(api: Api, units: Sequence[Unit]) -> Fetched:
    """Categories by id, a hundred a call."""
    return _fetch_by_id(api, units, GAMES, "/games", "id", "id")


def fetch_followers(api: Api, units: Sequence[Unit]) -> Fetched:
    """The follower total of one channel; the API has no batch for it."""
    (unit,) = units
    answer = api.client.get(
        "/channels/followers", [("broadcaster_id", unit.unit_id), ("first", "1")], resource="followers"
    )
    total = answer.body.get("total") if isinstance(answer.body, dict) else None
    row = {"broadcaster_id": unit.unit_id, "total": total}
    return Fetched(rows=[Rows(FOLLOWERS, [row], answer)], outcomes=[Outcome(unit.unit_id, "ok", 1)])


def fetch_videos(api: Api, units: Sequence[Unit]) -> Fetched:
    """The newest videos of one channel."""
    (unit,) = units
    settings: Settings = api.settings
    params = [("user_id", unit.unit_id), ("type", settings.video_type), ("sort", "time")]
    found, count, more = Fetched(), 0, False
    for page, more in LISTS.walk(
        api.client, "/videos", params, settings.video_page_size, settings.video_pages, "videos"
    ):
        found.rows.append(Rows(VIDEOS, page.data, page.answer))
        count += len(page.data)
        if api.scope.since and _all_before(page.data, "created_at", api.scope.since):
            more = False
            break
    found.outcomes.append(Outcome(unit.unit_id, "truncated" if more else "ok", count))
    return found


def fetch_clips(api: Api, units: Sequence[Unit]) -> Fetched:
    """The clips of one channel by windows, from where it was read to, or of the trailing days if that is more."""
    (unit,) = units
    settings: Settings = api.settings
    until = min(api.scope.until or api.clock.now(), api.clock.now())
    trailing = until - dt.timedelta(days=settings.clip_trailing_days)
    since = api.scope.since or min(unit.synced_until or trailing, trailing)
    found, count, truncated = Fetched(), 0, False
    windows = split(since, until, dt.timedelta(days=settings.clip_window_days))
    while windows:
        start, end = windows.pop()
        params = [("broadcaster_id", unit.unit_id), ("started_at", rfc3339(start)), ("ended_at", rfc3339(end))]
        size, limit, read, more = settings.clip_page_size, settings.clip_pages, 0, False
        for page, more in LISTS.walk(api.client, "/clips", params, size, limit, "clips"):
            found.rows.append(Rows(CLIPS, page.data, page.answer))
            read += len(page.data)
            if more and read >= CLIPS_CAP:
                break
        count += read
        if more and read >= CLIPS_CAP and end - start > SHORTEST_CLIP_WINDOW:
            middle = start + (end - start) / 2
            windows += [(start, middle), (middle, end)]
        else:
            truncated = truncated or more
    # a chosen period in the past says nothing of what lies between it and the last visit
    reached = (
        until if api.scope.since is None or (unit.synced_until and since <= unit.synced_until) else unit.synced_until
    )
    found.outcomes.append(Outcome(unit.unit_id, "truncated" if truncated else "ok", count, synced_until=reached))
    return found


def split(since: dt.datetime, until: dt.datetime, longest: dt.timedelta) -> list[tuple[dt.datetime, dt.datetime]]:
    """A period as windows of equal length, none longer than `longest`."""
    count = max(1, math.ceil((until - since) / longest))
    step = (until - since) / count
    return [(since + step * i, since + step * (i + 1)) for i in range(count)]


def rfc3339(moment: dt.datetime) -> str:
    """A moment as the API takes it, whole seconds."""
    return stored(moment).replace(microsecond=0).isoformat() + "Z"


def is_id(text: str) -> bool:
    """Whether the API would take it as an id; one that it does not take fails the whole batch."""
    return bool(re.fullmatch(r"[0-9]{1,10}", text)) and int(text) < 2**31


def _streams_of(api: Api, user_ids: Sequence[str]) -> Answer:
    params = [*(("user_id", one) for one in user_ids), ("first", str(IDS_A_CALL))]
    return api.client.get("/streams", params, resource="streams")


def _fetch_by_id(api: Api, units: Sequence[Unit], table: Table, path: str, param: str, key: str) -> Fetched:
    fetch = lambda ids: api.client.get(path, [(param, one) for one in ids], resource=table.name)
    return fetch_by_id(units, table, fetch, lambda answer: LISTS.rows_of(answer, path), is_id, key)


def _all_before(rows: Sequence[Any], name: str, moment: dt.datetime) -> bool:
    """Whether each row's time, as far as it can be read, lies before `moment`."""
    try:
        return all(msgspec.convert(row[name], dt.datetime) < moment for row in rows)
    except (msgspec.ValidationError, KeyError, TypeError):
        return False


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _each(units: Sequence[Unit], settings: Settings) -> int:
    return len(units)


SOURCE = Source(
    name="twitch",
    domain="live",
    description=DESCRIPTION,
    tables=TABLES,
    settings=Settings,
    credentials=("client_id", "client_secret"),
    freshness=FRESHNESS,
    estimate=lambda due: "channels and clips that the run itself brings up come on top",
    open=open_client,
    check=check,
    resources=(
        Resource(
            "streams",
            (STREAMS,),
            "sync_twitch__streams",
            calls=lambda units, settings: (
                settings.stream_pages * (1 + len(settings.categories)) + math.ceil(len(units) / IDS_A_CALL)
            ),
            poll=poll_streams,
        ),
        Resource(
            "users", (USERS,), "sync_twitch__users", calls=batches(IDS_A_CALL), batch=IDS_A_CALL, fetch=fetch_users
        ),
        Resource(
            "channels",
            (CHANNELS,),
            "sync_twitch__channels",
            calls=batches(IDS_A_CALL),
            batch=IDS_A_CALL,
            fetch=fetch_channels,
        ),
        Resource("followers", (FOLLOWERS,), "sync_twitch__followers", calls=_each, fetch=fetch_followers),
        Resource("videos", (VIDEOS,), "sync_twitch__videos", calls=_each, fetch=fetch_videos),
        Resource("clips", (CLIPS,), "sync_twitch__clips", calls=_each, fetch=fetch_clips),
        Resource(
            "games", (GAMES,), "sync_twitch__games", calls=batches(IDS_A_CALL), batch=IDS_A_CALL, fetch=fetch_games
        ),
    ),
)
