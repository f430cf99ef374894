"""YouTube Data API v3 over the simulated world: search, videos, channels, categories of videos.

Fields, envelopes, errors and quotas follow the API's discovery document and documentation. Order of the checks of one
request: quota, key, parameters. A broadcast is a video, which stays when it is over unless its channel keeps none.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from html import escape
from math import exp
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from pipelines.sandbox import words
from pipelines.sandbox.apis.base import Answer, Call, Route, Row, Setting, timestamp
from pipelines.sandbox.apis.youtube_requests import (
    QUOTA_TEXT,
    SEARCH_TEXT,
    Problem,
    error_answer,
    ids,
    integer,
    moment,
    parts,
)
from pipelines.sandbox.limits import Budget, Days
from pipelines.sandbox.world import DAY, MAX_CHANNELS, ORIGIN, Category, Channel, Session, draws

KEY = "airtimesandboxkey00000000000000000000000"
MOUNT = "/youtube/v3"
ZONE = ZoneInfo("America/Los_Angeles")  # quotas come back at its midnight
MAX_RESULTS, MAX_FOUND, DEFAULT_RESULTS = 50, 500, 5
MAX_TOTAL = 1_000_000
LIVE_COMPLETED_DAYS = 1  # how far back a search among completed broadcasts reaches
CDN = "https://i.sandbox.example"
SIZES = {
    "default": (120, 90), "medium": (320, 180), "high": (480, 360), "standard": (640, 480), "maxres": (1280, 720),
}  # fmt: skip
ORDERS = ("date", "rating", "relevance", "title", "videoCount", "viewCount")
GAMING, PEOPLE = "20", "22"
CATEGORIES = {
    "1": "Film & Animation", "2": "Autos & Vehicles", "10": "Music", "15": "Pets & Animals", "17": "Sports",
    "19": "Travel & Events", "20": "Gaming", "22": "People & Blogs", "23": "Comedy", "24": "Entertainment",
    "25": "News & Politics", "26": "Howto & Style", "27": "Education", "28": "Science & Technology",
}  # fmt: skip
# where the world's broad categories belong; everything else is a game
BROAD = dict(zip(words.BROAD_CATEGORIES, ("22", "10", "24", "26", "19", "26"), strict=True))
# odd, so that multiplying by it is a permutation of 64-bit numbers, and ids look as arbitrary as the real ones
SCRAMBLE = 0x9E3779B97F4A7C15
UNSCRAMBLE = pow(SCRAMBLE, -1, 2**64)


def video_id(session: Session) -> str:
    """Return the 11 characters that name a broadcast."""
    number = int(session.id) * SCRAMBLE % 2**64
    return base64.urlsafe_b64encode(number.to_bytes(8)).decode().rstrip("=")


def channel_id(own: str) -> str:
    """Return "UC" and the 22 characters that name a channel, from its id in the world."""
    return "UC" + base64.urlsafe_b64encode(blake2b(own.encode(), digest_size=16).digest()).decode().rstrip("=")


def category_id(category: Category | None) -> str:
    """Return the number of the kind of videos that a category of the world belongs to."""
    return PEOPLE if category is None else BROAD.get(category.name, GAMING)


def etag_of(content: Any) -> str:
    """Return the tag of a resource: the same as long as its content is."""
    return base64.urlsafe_b64encode(blake2b(msgspec.json.encode(content), digest_size=20).digest()).decode().rstrip("=")


def thumbnails(path: str, sizes: int) -> Row:
    """Return the first so many sizes of a picture."""
    return {
        name: {"url": f"{CDN}/{path}/{name}.jpg", "width": width, "height": height}
        for name, (width, height) in list(SIZES.items())[:sizes]
    }


def three_digits(number: int) -> int:
    """Return a number rounded down to three significant digits."""
    unit = 10 ** max(0, len(str(number)) - 3)
    return number // unit * unit


class YouTube:
    """YouTube Data API v3: search, videos, channels, videoCategories; quotas by the day, counted as Google does."""

    name = "youtube"
    resources = ("youtube_search", "youtube_videos", "youtube_channels", "youtube_categories")

    def __init__(self, setting: Setting) -> None:
        self.world = setting.world_of("youtube")
        self.edits = setting.edits
        self.limits = Days({"search": setting.youtube_searches, "units": setting.youtube_units}, setting.time, ZONE)
        self._channels = {channel_id(channel.id): channel for channel in self.world.channels}
        self._channel_ids = {channel.index: found for found, channel in self._channels.items()}
        self._revoked = False

    def routes(self) -> Iterable[Route]:
        """Return every endpoint; the last one catches what does not exist."""
        endpoints = {
            "/search": self.search, "/videos": self.videos, "/channels": self.channels,
            "/videoCategories": self.categories,
        }  # fmt: skip
        for path, handler in endpoints.items():
            yield Route("GET", MOUNT, path, self._checked(handler))
        yield Route("*", MOUNT, "/{rest:.*}", self._checked(self.not_found))

    def env(self, base: str) -> dict[str, str]:
        """Return the settings that point a client here."""
        return {"YOUTUBE_API_URL": base + MOUNT, "YOUTUBE_API_KEY": KEY}

    def bucket(self, call: Call) -> str:
        """Return the quota that a call draws from; who has no valid key draws from none."""
        if self._key(call) != KEY:
            return "nobody"
        return "search" if call.path == "/search" else "units"

    def limit_headers(self, budget: Budget, now: float) -> dict[str, str]:
        """Return nothing: no answer tells what is left."""
        return {}

    def error(self, route: Route, status: int, message: str | None = None) -> Answer:
        """Return an error. What there is too much of is told by whether the day's quota is used up."""
        bucket = "search" if route.path == "/search" else "units"
        if status == 429 and not self.limits.peek(f"{self.name}:{bucket}").granted:
            if bucket == "units":
                return error_answer(403, "quotaExceeded", QUOTA_TEXT, "youtube.quota")
            return error_answer(429, "rateLimitExceeded", SEARCH_TEXT.format(period="day"), "global")
        if status == 429:
            text = SEARCH_TEXT.format(period="minute").replace("Search Queries", "Queries")
            return error_answer(429, "rateLimitExceeded", text, "global")
        return error_answer(status, "backendError", message or "Backend Error", "global")

    def revoke(self, call: Call) -> None:
        """Make the key invalid from now on."""
        self._revoked = True

    def not_found(self, call: Call) -> Answer:
        """Refuse a path that does not exist."""
        raise Problem(404, "notFound", "Not Found", "global")

    def _key(self, call: Call) -> str | None:
        return call.headers.get("X-Goog-Api-Key") or call.one("key")

    def _checked(self, handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def checked(call: Call) -> Answer:
            try:
                self._check_key(call)
                return self._tagged(call, handler(call))
            except Problem as refused:
                return refused.answer

        return checked

    def _check_key(self, call: Call) -> None:
        key = self._key(call)
        if not key:
            text = (
                "Method doesn't allow unregistered callers (callers without established identity). Please use API Key"
                " or other form of API consumer identity to call this API."
            )
            raise Problem(403, "forbidden", text, "global")
        if key != KEY or self._revoked:
            info = {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                "domain": "googleapis.com", "metadata": {"service": "youtube.googleapis.com"},
            }  # fmt: skip
            text = "API key not valid. Please pass a valid API key."
            raise Problem(400, "badRequest", text, "global", details=[info])

    def _tagged(self, call: Call, answer: Answer) -> Answer:
        """Return a good answer with its tag; without a body if the client has it, compressed if the client wants it."""
        headers = {"ETag": answer.body["etag"]}
        known = call.headers.get("If-None-Match", "").split(",")
        if answer.body["etag"] in (tag.strip().removeprefix("W/").strip('"') for tag in known):
            return Answer(304, None, headers)
        # Google compresses only for agents that also name themselves so
        if all("gzip" in call.headers.get(name, "") for name in ("Accept-Encoding", "User-Agent")):
            headers["Content-Encoding"] = "gzip"
        return Answer(200, answer.body, headers)

    # -- envelopes

    def _list(self, kind: str, resource: str, items: Iterable[Row], total: int | None, **more: Any) -> Answer:
        """Return a list of items as edited, each with its tag, and the tag of it all."""
        served = []
        for item in items:
            key = item["id"]["videoId"] if isinstance(item["id"], dict) else item["id"]
            edited = self.edits.apply(resource, key, item)
            if edited is not None:
                served.append({"kind": edited["kind"], "etag": etag_of(edited), **edited})
        size = more.pop("size", len(served))
        given: Row = {name: value for name, value in more.items() if value is not None}
        if kind != "videoCategory":
            shown = min(MAX_TOTAL, len(served) if total is None else total)
            given["pageInfo"] = {"totalResults": shown, "resultsPerPage": size}
        given["items"] = served
        kind = f"youtube#{kind}ListResponse"
        return Answer(200, {"kind": kind, "etag": etag_of([kind, given]), **given})

    # -- search

    def search(self, call: Call) -> Answer:
        """Serve broadcasts by what they are called, whose they are and how they stand; 500 at most."""
        parts(call)
        size = integer(call, "maxResults", DEFAULT_RESULTS, MAX_RESULTS)
        kind, event, order = call.one("type"), call.one("eventType"), call.one("order") or "relevance"
        if event not in (None, "live", "upcoming", "completed"):
            raise Problem(400, "invalidEventType", f"Invalid value for eventType: '{event}'", "youtube.search")
        if order not in ORDERS:
            raise Problem(400, "invalidOrder", f"Invalid value for order: '{order}'", "youtube.search")
        if (event or call.one("videoCategoryId")) and kind != "video":
            text = "The request contains an invalid combination of search filters and/or restrictions."
            raise Problem(400, "invalidSearchFilter", text, "youtube.search")
        found = self._found(call, event, order)
        start = self._offset(call)
        stop = min(start + size, len(found), MAX_FOUND)
        items = [self._result(session, call.now) for session in found[start:stop]]
        return self._list(
            "search",
            "youtube_search",
            items,
            len(found),
            size=size,
            nextPageToken=self._token(call, stop) if size and stop < min(len(found), MAX_FOUND) else None,
            prevPageToken=self._token(call, max(0, start - size)) if start else None,
            regionCode=call.one("regionCode") or "US",
        )

    def _found(self, call: Call, event: str | None, order: str) -> list[Session]:
        """Return what a search finds, in its order. Nothing is upcoming in this world."""
        now = call.now
        found = [] if event in ("completed", "upcoming") else [live.session for live in self.world.live(now).ranked]
        if event in (None, "completed"):
            found += self._completed(call.one("channelId"), now)
        since, until = moment(call, "publishedAfter", 0), moment(call, "publishedBefore", now)
        owner, query = call.one("channelId"), (call.one("q") or "").casefold()
        category, language = call.one("videoCategoryId"), call.one("relevanceLanguage")
        kept = []
        for session in found:
            channel, segment = self._channel_of(session), self.world.segment_at(session, now)
            names = self.world.names_at(channel, now)
            if (
                self._is_there(session, now)
                and since <= session.start <= until
                and owner in (None, self._channel_ids[channel.index])
                and category in (None, category_id(segment.category))
                and query in f"{segment.title} {names[1]} {names[0]}".casefold()
            ):
                kept.append(session)
        if order == "date":
            kept.sort(key=lambda session: (-session.start, session.channel))
        elif order == "title":
            kept.sort(key=lambda session: (self.world.segment_at(session, now).title, session.start))
        if language:
            # a preference, not a filter
            kept.sort(key=lambda session: self._channel_of(session).language != language)
        return kept

    def _completed(self, owner: str | None, now: float) -> list[Session]:
        chosen = self._channels.get(owner) if owner else None
        channels = self.world.channels if owner is None else [chosen] if chosen else []
        today, back = int(now // DAY), LIVE_COMPLETED_DAYS if owner is None else 14
        return [
            session
            for channel in channels
            for day in range(today - back, today + 1)
            for session in self.world.sessions(channel.index, day)
            if session.end <= now
        ]

    def _token(self, call: Call, offset: int) -> str:
        """Return a place in a list; it means nothing to a request with other parameters."""
        return base64.urlsafe_b64encode(offset.to_bytes(4) + self._mark(call)).decode().rstrip("=")

    def _offset(self, call: Call) -> int:
        token = call.one("pageToken")
        if not token:
            return 0
        try:
            content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            content = b""
        if len(content) != 12 or content[4:] != self._mark(call):
            text = "The request specifies an invalid page token."
            raise Problem(400, "invalidPageToken", text)
        return int.from_bytes(content[:4])

    def _mark(self, call: Call) -> bytes:
        given = sorted((name, value) for name, value in call.query if name not in ("pageToken", "key"))
        return blake2b(msgspec.json.encode([call.path, given]), digest_size=8).digest()

    def _result(self, session: Session, now: float) -> Row:
        snippet = self._snippet(session, now)
        return {
            "kind": "youtube#searchResult",
            "id": {"kind": "youtube#video", "videoId": video_id(session)},
            "snippet": {
                "publishedAt": snippet["publishedAt"],
                "channelId": snippet["channelId"],
                "title": escape(snippet["title"]).replace("&#x27;", "&#39;"),
                "description": snippet["description"][:120],
                "thumbnails": thumbnails(f"vi/{video_id(session)}", 3),
                "channelTitle": snippet["channelTitle"],
                "liveBroadcastContent": snippet["liveBroadcastContent"],
                "publishTime": snippet["publishedAt"],
            },
        }

    # -- videos

    def videos(self, call: Call) -> Answer:
        """Serve videos by id; unknown, private and removed ones are silently absent."""
        asked, wanted = parts(call), ids(call)
        if wanted is None:
            raise Problem(400, "missingRequiredParameter", "No filter selected. Expected one of: chart, id, myRating")
        found = [session for one in wanted if (session := self._session(one, call.now))]
        return self._list("video", "youtube_videos", [self._video(one, call.now, asked) for one in found], None)

    def _session(self, wanted: str, now: float) -> Session | None:
        """Return the broadcast that an id names, if it has begun and is there to see."""
        if not re.fullmatch(r"[\w-]{11}", wanted, re.ASCII):
            return None
        number = int.from_bytes(base64.urlsafe_b64decode(wanted + "=")) * UNSCRAMBLE % 2**64
        start, index = ORIGIN + number // MAX_CHANNELS, number % MAX_CHANNELS
        if start > now or index >= len(self.world.channels):
            return None
        for day in range(start // DAY - 1, start // DAY + 2):
            for session in self.world.sessions(index, day):
                if video_id(session) == wanted:
                    return session if self._is_there(session, now) else None
        return None

    def _channel_of(self, session: Session) -> Channel:
        return self.world.channels[session.channel]

    def _is_there(self, session: Session, now: float) -> bool:
        channel = self._channel_of(session)
        return self.world.exists(channel, now) and (now < session.end or channel.recorded)

    def _snippet(self, session: Session, now: float) -> Row:
        channel, segment = self._channel_of(session), self.world.segment_at(session, now)
        luck = draws(self.world.seed, "video", session.id)
        title = f"{segment.title} & more" if luck[0] < 0.1 else segment.title
        about = words.pick(words.PHRASES.get(channel.language, words.PHRASES["en"]), luck[1])
        snippet = {
            "publishedAt": timestamp(session.start),
            "channelId": self._channel_ids[channel.index],
            "title": title,
            "description": "" if luck[2] < 0.3 else about,
            "thumbnails": thumbnails(f"vi/{video_id(session)}", 5 if luck[3] < 0.7 else 3),
            "channelTitle": self.world.names_at(channel, now)[1],
            "tags": words.tags(channel.language, draws(self.world.seed, "tags", channel.index)),
            "categoryId": category_id(segment.category),
            "liveBroadcastContent": "live" if now < session.end else "none",
            "localized": {"title": title, "description": "" if luck[2] < 0.3 else about},
        }
        if not snippet["tags"]:
            del snippet["tags"]
        if channel.language != "other" and luck[4] < 0.8:
            snippet["defaultAudioLanguage"] = channel.language
        return snippet

    def _video(self, session: Session, now: float, asked: set[str]) -> Row:
        channel, is_live = self._channel_of(session), now < session.end
        luck = draws(self.world.seed, "statistics", session.id)
        live: Row = {"actualStartTime": timestamp(session.start)}
        if luck[0] < 0.5:
            live["scheduledStartTime"] = timestamp(session.start // 300 * 300)
        if is_live:
            viewers = int(self.world.viewers(session, now))
            if viewers > 0 and not self.world.hides_viewers(channel):
                live["concurrentViewers"] = str(viewers)
            live["activeLiveChatId"] = "Cg0KC" + video_id(session)
        else:
            live["actualEndTime"] = timestamp(session.end)
        views = int(channel.peak * session.scale * 4 * (1 - exp(-(now - session.start) / DAY)))
        statistics = {"viewCount": str(views), "favoriteCount": "0"}
        if luck[1] < 0.9:
            statistics["likeCount"] = str(views // 40)
        if luck[2] < 0.6:
            statistics["commentCount"] = "0" if is_live else str(views // 900)
        length = int(session.end - session.start)
        whole = {
            "snippet": self._snippet(session, now),
            "contentDetails": {"duration": "P0D" if is_live else f"PT{length // 3600}H{length // 60 % 60}M"},
            "status": {"privacyStatus": "public", "embeddable": True},
            "statistics": statistics,
            "liveStreamingDetails": live,
        }
        return {
            "kind": "youtube#video", "id": video_id(session),
            **{part: content for part, content in whole.items() if part in asked},
        }  # fmt: skip

    # -- channels

    def channels(self, call: Call) -> Answer:
        """Serve channels by id; if none is there, the list has no items at all."""
        asked, wanted = parts(call), ids(call)
        if wanted is None:
            text = "No filter selected. Expected one of: forHandle, forUsername, id, managedByMe, mine"
            raise Problem(400, "missingRequiredParameter", text)
        found = [self._channels[one] for one in wanted if one in self._channels]
        there = [channel for channel in found if self.world.exists(channel, call.now)]
        answer = self._list(
            "channel", "youtube_channels", [self._channel(one, call.now, asked) for one in there], None, size=5
        )
        if not answer.body["items"]:
            del answer.body["items"]
        return answer

    def _channel(self, channel: Channel, now: float, asked: set[str]) -> Row:
        own, names = self._channel_ids[channel.index], self.world.names_at(channel, now)
        luck = draws(self.world.seed, "youtube channel", channel.index)
        about = "" if luck[0] < 0.3 else words.pick(words.PHRASES.get(channel.language, words.PHRASES["en"]), luck[1])
        snippet: Row = {
            "title": names[1],
            "description": about,
            "customUrl": f"@{names[0]}",
            "publishedAt": timestamp(channel.created),
            "thumbnails": thumbnails(f"ytc/{own}", 3),
            "localized": {"title": names[1], "description": about},
        }
        if luck[2] < 0.05:
            del snippet["customUrl"]
        if luck[3] < 0.4:
            snippet["country"] = {"en": "US", "ja": "JP", "ko": "KR"}.get(
                channel.language, channel.language[:2].upper()
            )
        hidden = luck[4] < 0.03
        statistics: Row = {"viewCount": str(int(channel.peak * (now - channel.created) / DAY))}
        if not hidden:
            statistics["subscriberCount"] = str(three_digits(self.world.followers(channel, now)))
        statistics |= {"hiddenSubscriberCount": hidden, "videoCount": str(int((now - channel.created) // (3 * DAY)))}
        whole: Mapping[str, Row] = {
            "snippet": snippet,
            "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": "UU" + own[2:]}},
            "status": {"privacyStatus": "public", "isLinked": True},
            "statistics": statistics,
        }
        return {
            "kind": "youtube#channel", "id": own,
            **{part: content for part, content in whole.items() if part in asked},
        }  # fmt: skip

    # -- categories

    def categories(self, call: Call) -> Answer:
        """Serve the kinds of videos: all of a region, or by id."""
        asked, wanted = parts(call), ids(call)
        region = call.one("regionCode")
        if (wanted is None) == (region is None):
            raise Problem(400, "missingRequiredParameter", "No filter selected. Expected one of: id, regionCode")
        if region is not None and not re.fullmatch(r"[A-Za-z]{2}", region):
            raise Problem(400, "invalidParameter", f"Invalid value for regionCode: '{region}'", "global")
        items = []
        for own in CATEGORIES if wanted is None else wanted:
            if own not in CATEGORIES:
                continue
            snippet = {"title": CATEGORIES[own], "assignable": own != "2", "channelId": channel_id("categories")}
            items.append(
                {"kind": "youtube#videoCategory", "id": own, **({"snippet": snippet} if "snippet" in asked else {})}
            )
        return self._list("videoCategory", "youtube_categories", items, None)
