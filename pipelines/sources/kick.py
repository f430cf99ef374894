"""Kick: live streams -> channels -> categories.

Live streams are polled: the whole list, because it comes from the oldest start to the newest and a part of it would say
nothing of who is big, and by id the channels that were live at the poll before, because the list shifts while it is
read. Channels and categories are fetched when a sync view says that they are due. The API has no videos, clips or
follower counts.

Run alone: `make extract SOURCES=kick`. The API: https://docs.kick.com
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from pipelines.client import Answer, ApiError, Client, ClientCredentials
from pipelines.clock import slot_start
from pipelines.lists import ListShape, Page, Poll, batches, fetch_by_id
from pipelines.resources import Api, Fetched, Opening, Resource, Source, Unit
from pipelines.settings import Positive, Secret, Url
from pipelines.tables import Field, Table

DESCRIPTION = "Kick: live streams, the channels behind them and their categories."

STRINGS = list[str]


def _text(name: str, description: str, **presence: bool) -> Field:
    return Field(name, "text", description, **presence)


LIVESTREAMS = Table(
    source="kick",
    name="livestreams",
    kept="slot",
    key=("id",),
    description="One row per live stream and collection slot, from GET /public/v2/livestreams and /users/livestreams.",
    fields=(
        _text("id", "The broadcast, a UUID."),
        Field("broadcaster_user_id", "bigint", "The channel's owner, and the channel."),
        _text("broadcaster_username", "The channel's display name."),
        _text("broadcaster_profile_picture", "Address of the picture.", null=True, optional=True),
        _text("channel_slug", "The channel's name in its address."),
        Field("category_id", "bigint", "The category; 0 or null when none is set.", null=True, optional=True),
        _text("category_name", "Its name; may be empty.", null=True, optional=True),
        _text("category_thumbnail", "Address of its picture.", null=True, optional=True),
        _text("title", "The stream's title; may be empty."),
        _text("language_code", "BCP 47 code."),
        Field("started_at", "timestamp", "Start of the broadcast (UTC)."),
        Field("tags", "json", "Free tags, a list of texts.", null=True, optional=True, of=STRINGS),
        Field("has_mature_content", "bool", "Whether it is declared as mature.", null=True, optional=True),
        _text("thumbnail", "Address of the preview picture.", null=True, optional=True),
        Field("viewer_count", "bigint", "Viewers as last counted, about once a minute; 0 also when they are hidden."),
    ),
)

CHANNELS = Table(
    source="kick",
    name="channels",
    kept="slot",
    key=("broadcaster_user_id",),
    description="One row per channel and collection slot in which it was fetched, from GET /public/v1/channels.",
    fields=(
        Field("broadcaster_user_id", "bigint", "The channel's owner, and the channel."),
        _text("slug", "The channel's name in its address."),
        _text("channel_description", "The channel's own words; may be empty.", null=True, optional=True),
        _text("banner_picture", "Address of the banner; may be empty.", null=True, optional=True),
        _text("stream_title", "The title last set; may be empty.", null=True, optional=True),
        Field("category_id", "bigint", "The category last set; 0 or null when none.", null=True, optional=True),
        _text("category_name", "Its name; may be empty.", null=True, optional=True),
        _text("category_thumbnail", "Address of its picture.", null=True, optional=True),
        Field("stream_is_live", "bool", "Whether it is live.", null=True, optional=True),
        Field("stream_is_mature", "bool", "Whether it is declared as mature.", null=True, optional=True),
        _text("stream_language", "BCP 47 code; may be empty.", null=True, optional=True),
        Field(
            "stream_start_time",
            "timestamp",
            "Start of the broadcast (UTC); null while offline.",
            null=True,
            optional=True,
        ),
        _text("stream_thumbnail", "Address of the preview picture; may be empty.", null=True, optional=True),
        Field("stream_viewer_count", "bigint", "Viewers; 0 also when hidden or offline.", null=True, optional=True),
        Field("stream_custom_tags", "json", "Free tags, a list of texts.", null=True, optional=True, of=STRINGS),
        Field("active_subscribers_count", "bigint", "Subscribers, gifted ones included.", null=True, optional=True),
        Field("active_gifted_subscribers_count", "bigint", "Subscribers by a gift.", null=True, optional=True),
        Field("canceled_subscribers_count", "bigint", "Subscribers who have cancelled.", null=True, optional=True),
    ),
)

CATEGORIES = Table(
    source="kick",
    name="categories",
    key=("id",),
    description="One row per category that streams or channels referred to, from GET /public/v2/categories.",
    fields=(
        Field("id", "bigint", "The category."),
        _text("name", "Its name."),
        Field("tags", "json", "Its tags, a list of texts.", null=True, optional=True, of=STRINGS),
        _text("thumbnail", "Address of its picture.", null=True, optional=True),
    ),
)

TABLES = (LIVESTREAMS, CHANNELS, CATEGORIES)
FRESHNESS = {"warn": (1, "day"), "error": (3, "day")}

LISTS = ListShape(rows=("data",), cursor=("pagination", "next_cursor"), cursor_param="cursor", size_param="limit")
USERS_A_CALL = 100
CHANNELS_A_CALL = 50
CATEGORIES_A_CALL = 100
# objects within a row, with the name that their fields get before them; some columns have a shorter one
NESTED = {"broadcaster_user": "broadcaster_user_", "channel": "channel_", "category": "category_", "stream": "stream_"}
SHORTER = {
    "broadcaster_user_username": "broadcaster_username",
    "broadcaster_user_profile_picture": "broadcaster_profile_picture",
}
# of a channel's stream, where and with which key its owner sends it: a secret, if it ever came
NEVER_KEPT = ("stream_url", "stream_key")
OFFLINE_SINCE = "0001-01-01T00:00:00Z"
PAGE = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the source. Field comments are the text of .env.example."""

    # Of an application registered at https://kick.com/settings/developer
    client_id: str | None = None
    client_secret: Secret | None = None
    # Addresses, with any path prefix; a proxy, a mock or a recording can stand in.
    api_url: Url = "https://api.kick.com"
    auth_url: Url = "https://id.kick.com/oauth"
    # The API does not publish its rate limit, so requests start at equal distances.
    requests_per_minute: Positive = 60
    # The list of live streams: pages at most, and page size (1 to 1000). It comes from the oldest start to the newest,
    # so what is cut off are the latest streams, not the smallest.
    livestream_pages: Positive = 100
    livestream_page_size: PAGE = 1000
    # Category ids whose streams are polled as lists of their own, separated by commas; of use where pages are few.
    categories: tuple[str, ...] = ()


def open_client(opening: Opening) -> Client:
    """A client with an app token, and a pace that stays within the limit by itself."""
    settings: Settings = opening.settings
    opening.scrubber.add(settings.client_secret)
    auth = ClientCredentials(
        settings.auth_url.rstrip("/") + "/token",
        settings.client_id or "",
        settings.client_secret or "",
        names=("KICK_CLIENT_ID", "KICK_CLIENT_SECRET"),
        limits=opening.limits,
        clock=opening.clock,
        scrubber=opening.scrubber,
        extra_headers={},
    )
    return Client(
        "kick",
        settings.api_url,
        auth=auth,
        budgets=opening.a_minute(settings.requests_per_minute, evenly=True),
        limits=opening.limits,
        clock=opening.clock,
        scrubber=opening.scrubber,
        run_id=opening.run_id,
        log=opening.log,
    )


def check(client: Client) -> str:
    """One small request, for the doctor."""
    body = client.get("/public/v1/livestreams/stats", resource="doctor").body
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or "total_count" not in data:
        raise ApiError("/public/v1/livestreams/stats: the answer has no data.total_count")
    return f"answers; pace {client.budgets.of('').limit} requests a minute"


def poll_livestreams(api: Api, known: Sequence[Unit]) -> Iterator[Fetched]:
    """Poll the lists, then ask by id for the channels that were live before and did not show up."""
    settings: Settings = api.settings
    started_at = api.clock.now()
    slot_at = slot_start(started_at, api.general.collection_interval_minutes)
    most = api.general.max_streams_per_collection
    wanted = min(most, api.scope.limit or most)
    size = min(settings.livestream_page_size, wanted)
    limit = min(settings.livestream_pages, math.ceil(wanted / size))
    seen: set[str] = set()
    note = lambda page: seen.update(str(row.get("broadcaster_user_id")) for row in page.data if isinstance(row, dict))
    lists = [("all", [])] + [(f"category:{one}", [("category_id", one)]) for one in settings.categories]
    for scope, params in lists:
        pages = LISTS.walk(api.client, "/public/v2/livestreams", params, size, limit, "livestreams")
        flat = ((Page(_flat_rows(page.data), page.answer), more) for page, more in pages)
        yield from Poll(LIVESTREAMS, slot_at, scope, started_at).walk(flat, limit, note)

    missing = [unit.unit_id for unit in known if unit.unit_id not in seen and is_id(unit.unit_id)]
    path = "/public/v1/users/livestreams"
    ask = lambda ids: api.client.get(path, [("user_id", one) for one in ids], resource="livestreams")
    yield from Poll(LIVESTREAMS, slot_at, "known", started_at).by_id(
        missing, USERS_A_CALL, ask, lambda answer: _flat_rows(LISTS.rows_of(answer, path)), api.clock.now
    )


def fetch_channels(api: Api, units: Sequence[Unit]) -> Fetched:
    """Channels by id, fifty a call; by slug, an unknown one would cost all the others."""
    params = lambda ids: [("broadcaster_user_id", one) for one in ids]
    return _fetch_by_id(api, units, CHANNELS, "/public/v1/channels", params, "broadcaster_user_id")


def fetch_categories(api: Api, units: Sequence[Unit]) -> Fetched:
    """Categories by id, a hundred a call."""
    params = lambda ids: [("id", ",".join(ids)), ("limit", str(CATEGORIES_A_CALL))]
    return _fetch_by_id(api, units, CATEGORIES, "/public/v2/categories", params, "id")


def is_id(text: str) -> bool:
    """Whether the API would take it as an id; one that it does not take fails the whole batch."""
    return bool(re.fullmatch(r"[1-9][0-9]{0,17}", text))


def flat(row: Any) -> Any:
    """A row with the fields of the objects in it as its own; what is no object is left for the check to refuse."""
    if not isinstance(row, dict):
        return row
    found: dict[str, Any] = {}
    own = dict(row)
    for name, prefix in NESTED.items():
        if name not in own:
            continue
        inner = own[name]
        if inner is None or isinstance(inner, Mapping):
            del own[name]
            named = {prefix + key: value for key, value in (inner or {}).items()}
            found |= {SHORTER.get(key, key): value for key, value in named.items() if key not in NEVER_KEPT}
    # the zero of the API's own language, where there is no time
    if found.get("stream_start_time") == OFFLINE_SINCE:
        found["stream_start_time"] = None
    return {**found, **own}


def _flat_rows(rows: Sequence[Any]) -> list[Any]:
    return [flat(row) for row in rows]


def _fetch_by_id(
    api: Api,
    units: Sequence[Unit],
    table: Table,
    path: str,
    params: Callable[[Sequence[str]], list[tuple[str, str]]],
    key: str,
) -> Fetched:
    fetch: Callable[[Sequence[str]], Answer] = lambda ids: api.client.get(path, params(ids), resource=table.name)
    rows_of = lambda answer: _flat_rows(LISTS.rows_of(answer, path))
    return fetch_by_id(units, table, fetch, rows_of, is_id, key)


def _poll_calls(units: Sequence[Unit], settings: Settings) -> int:
    """The whole list as long as it was before; almost everybody known shows up in it, so one call for the rest."""
    pages = min(settings.livestream_pages, len(units) // settings.livestream_page_size + 1)
    return pages + len(settings.categories) + bool(units)


SOURCE = Source(
    name="kick",
    domain="live",
    description=DESCRIPTION,
    tables=TABLES,
    settings=Settings,
    credentials=("client_id", "client_secret"),
    freshness=FRESHNESS,
    estimate=lambda due: "the list of live streams is as long as it is; channels that it brings up come on top",
    open=open_client,
    check=check,
    resources=(
        Resource("livestreams", (LIVESTREAMS,), "sync_kick__livestreams", calls=_poll_calls, poll=poll_livestreams),
        Resource(
            "channels",
            (CHANNELS,),
            "sync_kick__channels",
            calls=batches(CHANNELS_A_CALL),
            batch=CHANNELS_A_CALL,
            fetch=fetch_channels,
        ),
        Resource(
            "categories",
            (CATEGORIES,),
            "sync_kick__categories",
            calls=batches(CATEGORIES_A_CALL),
            batch=CATEGORIES_A_CALL,
            fetch=fetch_categories,
        ),
    ),
)
