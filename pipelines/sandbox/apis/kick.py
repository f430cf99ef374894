"""Kick's public API and its token endpoints over a world of its own.

Fields, limits and messages follow the public documentation and answers recorded in public client libraries. Order of
the checks of one request: budget, credentials, parameters. No answer tells of the budget.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from pipelines.sandbox import words
from pipelines.sandbox.apis.base import Answer, Call, RefusalError, Route, Row, Setting, timestamp
from pipelines.sandbox.apis.kick_categories import category_id, category_name, category_tags
from pipelines.sandbox.apis.tokens import Tokens
from pipelines.sandbox.limits import Budget, Limits
from pipelines.sandbox.world import SNAPSHOT_SECONDS, Category, Channel, Live, Session, draws

CLIENT_ID = "01AIRTIMESANDBOXKICKCLIENT"
CLIENT_SECRET = "airtimesandboxkicksecret00000000"

API_MOUNT, AUTH_MOUNT = "/kick/api", "/kick/oauth"
MAX_PAGE = 1000
MAX_USERS = 100
MAX_CHANNELS = 50
MAX_FILTERS = 25
REFRESH_SECONDS = 61  # a stream's viewers are counted anew this often, each at a moment of its own
SHORTEST_LINGER, LONGEST_LINGER = 3, 19  # seconds that a stream stays listed after its end
OFFLINE_SINCE = "0001-01-01T00:00:00Z"
NO_CATEGORY: Row = {"id": 0, "name": "", "thumbnail": ""}
LANGUAGE_CODES = {"pt": "pt-BR", "zh": "zh-TW"}
OTHER_LANGUAGES = ("ar", "nl", "hi", "fil")
CDN = "https://files.kick.sandbox.example"
INVALID = "Invalid request"
MESSAGES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too many requests",
    500: "internal server error",
    503: "service unavailable",
}


def invalid() -> RefusalError:
    """Return the refusal of parameters; the API does not say which of them is wrong."""
    return RefusalError(400, INVALID)


def number(text: str) -> int:
    """Return a parameter as the integer that it has to be."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise invalid()
    return int(text)


def ids(call: Call, name: str, most: int) -> list[int]:
    """Return the values of a repeatable parameter of ids."""
    values = call.all(name)
    if len(values) > most:
        raise invalid()
    return [number(value) for value in values]


def listed(call: Call, name: str) -> list[str]:
    """Return the values of a parameter that has them separated by commas."""
    return [value for value in (call.one(name) or "").split(",") if value]


def page_size(call: Call, default: int) -> int:
    """Return the parameter `limit`."""
    text = call.one("limit")
    size = default if text is None else number(text)
    if not 1 <= size <= MAX_PAGE:
        raise invalid()
    return size


def ok(data: Any, **more: Any) -> Answer:
    """Return data in the envelope of every success."""
    return Answer(200, {"data": data, "message": "OK", **more})


class Kick:
    """Kick: live streams, channels, categories, users; and client-credentials tokens."""

    name = "kick"
    resources = ("kick_livestreams", "kick_channels", "kick_categories", "kick_users")

    def __init__(self, setting: Setting) -> None:
        self.world = setting.world_of("kick")
        self.edits = setting.edits
        self.traps = setting.traps
        self.token_lifetime = setting.token_lifetime
        self.tokens = Tokens(setting.token_lifetime)
        self.per_minute = setting.kick_per_minute
        self.limits = Limits(setting.kick_per_minute)
        self._by_category_id = {category_id(n): category for n, category in enumerate(self.world.categories)}
        self._category_rows = {category.id: row for category, row in self._make_category_rows()}
        self._streams = lru_cache(maxsize=4)(self._make_streams)
        # the parts of rows that stay as they are; a row is a copy with the rest filled in
        self._stream_form = lru_cache(maxsize=10_000)(self._make_stream_form)

    def routes(self) -> Iterable[Route]:
        """Return every endpoint; the last ones catch what does not exist."""
        endpoints = {
            "/public/v2/livestreams": self.livestreams,
            "/public/v1/users/livestreams": self.livestreams_of_users,
            "/public/v1/livestreams/stats": self.stats,
            "/public/v1/channels": self.channels,
            "/public/v1/users": self.users,
            "/public/v2/categories": self.categories,
        }
        for path, handler in endpoints.items():
            yield Route("GET", API_MOUNT, path, self._with_credentials(handler))
        yield Route("POST", AUTH_MOUNT, "/token", self.token, metered=False)
        yield Route("POST", AUTH_MOUNT, "/token/introspect", self.introspect, metered=False)
        yield Route("POST", AUTH_MOUNT, "/revoke", self.revoke_token, metered=False)
        yield Route("*", API_MOUNT, "/{rest:.*}", self.not_found)
        yield Route("*", AUTH_MOUNT, "/{rest:.*}", self.not_found, metered=False)

    def env(self, base: str) -> dict[str, str]:
        """Return the settings that point a client here; the limit is among them, because no answer tells it."""
        return {
            "KICK_API_URL": base + API_MOUNT,
            "KICK_AUTH_URL": base + AUTH_MOUNT,
            "KICK_CLIENT_ID": CLIENT_ID,
            "KICK_CLIENT_SECRET": CLIENT_SECRET,
            "KICK_REQUESTS_PER_MINUTE": str(self.per_minute),
        }

    def bucket(self, call: Call) -> str:
        """Return the client that a call's token belongs to: all its tokens share a budget."""
        return CLIENT_ID if self._seconds_left(call) else ""

    def limit_headers(self, budget: Budget, now: float) -> dict[str, str]:
        """Return no header: the service does not publish its limits."""
        return {}

    def error(self, route: Route, status: int, message: str | None = None) -> Answer:
        """Return an error; those of the token endpoint have a shape of their own."""
        message = MESSAGES[status] if message is None else message
        if route.mount == AUTH_MOUNT and route.path == "/token":
            return Answer(status, {"error": message})
        return Answer(status, {"data": {}, "message": message})

    def not_found(self, call: Call) -> Answer:
        """Refuse a path that does not exist."""
        raise RefusalError(404, MESSAGES[404])

    # -- tokens

    def token(self, call: Call) -> Answer:
        """Issue an app token for client credentials, given in the body."""
        wanted = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        if any(call.form.get(name) != value for name, value in wanted.items()):
            raise invalid()
        token = self.tokens.issue(call.now)
        return Answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": int(self.token_lifetime)})

    def introspect(self, call: Call) -> Answer:
        """Tell whether a token is good, and until when."""
        left = self._seconds_left(call)
        if left is None:
            return ok({"active": False})
        about = {"client_id": CLIENT_ID, "token_type": "app", "scope": "", "exp": int(call.now) + left}
        return ok({"active": True, **about})

    def revoke_token(self, call: Call) -> Answer:
        """Make a token invalid."""
        token = call.one("token")
        if not token or not self.tokens.revoke(token):
            raise invalid()
        return Answer(200, None)

    def revoke(self, call: Call) -> None:
        """Make the token of a call invalid from now on."""
        self.tokens.revoke(call.headers.get("Authorization", "").partition(" ")[2])

    def _seconds_left(self, call: Call) -> int | None:
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        return self.tokens.seconds_left(token, call.now) if scheme == "Bearer" else None

    def _with_credentials(self, handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def checked(call: Call) -> Answer:
            if self._seconds_left(call) is None:
                raise RefusalError(401, MESSAGES[401])
            return handler(call)

        return checked

    # -- pages

    def _served(self, resource: str, rows: Iterable[tuple[int, Row]]) -> list[Row]:
        """Return the rows, which come with their ids, as edited."""
        edited = (self.edits.apply(resource, key, row) for key, row in rows)
        return [row for row in edited if row is not None]

    def _window(self, call: Call, total: int, default: int) -> tuple[int, int, Row]:
        """Return (from, to, what to tell of the next page) of a list that is paged by offset, so that pages drift."""
        size, cursor = page_size(call, default), call.one("cursor")
        start = self._offset(cursor) if cursor else 0
        stop = min(start + size, max(total, start))
        if stop < total or ("empty_page" in self.traps and start < stop):
            text = base64.urlsafe_b64encode(msgspec.json.encode({"offset": stop})).decode().rstrip("=")
            return start, stop, {"pagination": {"next_cursor": text}}
        return start, stop, {} if "no_pagination" in self.traps else {"pagination": {"next_cursor": ""}}

    def _offset(self, cursor: str) -> int:
        try:
            content = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            offset = content["offset"]
        except (binascii.Error, ValueError, KeyError, TypeError) as error:
            raise invalid() from error
        if not isinstance(offset, int) or offset < 0:
            raise invalid()
        return offset

    # -- live streams

    def livestreams(self, call: Call) -> Answer:
        """Serve live streams from the one that began first to the newest; pages drift as streams begin and end."""
        categories = set(ids(call, "category_id", MAX_FILTERS))
        languages = set(call.all("language_code"))
        if len(call.all("language_code")) > MAX_FILTERS:
            raise invalid()
        found = self._live(call.now)
        if categories:
            found = [live for live in found if self._category(live.segment.category)["id"] in categories]
        if languages:
            found = [live for live in found if self._language(live.channel) in languages]
        start, stop, more = self._window(call, len(found), default=100)
        return ok(self._stream_rows(found[start:stop], call.now), **more)

    def livestreams_of_users(self, call: Call) -> Answer:
        """Serve the live streams of some users; those who are not live are absent."""
        wanted = set(ids(call, "user_id", MAX_USERS))
        if not wanted:
            raise invalid()
        found = [live for live in self._live(call.now) if int(live.channel.id) in wanted]
        return ok(self._stream_rows(found, call.now))

    def stats(self, call: Call) -> Answer:
        """Serve how many streams are live."""
        return ok({"total_count": len(self._live(call.now))})

    def _live(self, now: float) -> Sequence[Live]:
        """Return what is listed as live, by start upwards."""
        return self._streams(int(now / SNAPSHOT_SECONDS))

    def _make_streams(self, tick: int) -> list[Live]:
        now = tick * SNAPSHOT_SECONDS
        found = list(self.world.live(now).ranked)
        # a session lasts a minute at least, and the next one begins later than a minute after it
        for live in self.world.live(now - LONGEST_LINGER).ranked:
            session = live.session
            if session.end <= now < session.end + self._linger(session) and self.world.exists(live.channel, now):
                found.append(live)
        return sorted(found, key=lambda live: (live.session.start, live.channel.index))

    def _linger(self, session: Session) -> float:
        luck = draws(self.world.seed, "kick linger", session.channel, session.start)[0]
        return SHORTEST_LINGER + luck * (LONGEST_LINGER - SHORTEST_LINGER)

    def _stream_rows(self, streams: Iterable[Live], now: float) -> list[Row]:
        return self._served("kick_livestreams", ((int(live.channel.id), self._stream(live, now)) for live in streams))

    def _stream(self, live: Live, now: float) -> Row:
        names = self.world.names_at(live.channel, now)
        form = self._stream_form(live.session, live.segment.category, live.segment.title, names)
        return {**form, "viewer_count": self._viewers(live, now)}

    def _make_stream_form(self, session: Session, category: Category | None, title: str, names: tuple[str, str]) -> Row:
        channel = self.world.channels[session.channel]
        slug = self._slug(names)
        digest = blake2b(f"{self.world.seed}:{session.id}".encode(), digest_size=16).digest()
        return {
            "id": str(uuid.UUID(bytes=digest, version=4)),
            "broadcaster_user": {
                "id": int(channel.id),
                "username": names[1],
                "profile_picture": self._picture(channel),
            },
            "channel": {"slug": slug},
            "category": {key: value for key, value in self._category(category).items() if key != "tags"},
            "title": title,
            "language_code": self._language(channel),
            "started_at": timestamp(session.start),
            "tags": self._tags(channel),
            "has_mature_content": self._is_mature(channel),
            "thumbnail": f"{CDN}/thumbnails/{slug}.webp",
            "viewer_count": 0,
        }

    def _viewers(self, live: Live, now: float) -> int:
        """Return the viewers as last counted; 0 also for those who hide them."""
        if self.world.hides_viewers(live.channel):
            return 0
        phase = draws(self.world.seed, "kick count", live.channel.index)[0] * REFRESH_SECONDS
        counted = (now - phase) // REFRESH_SECONDS * REFRESH_SECONDS + phase
        return int(self.world.viewers(live.session, max(counted, live.session.start)))

    def _slug(self, names: tuple[str, str]) -> str:
        return names[0].replace("_", "-")

    def _language(self, channel: Channel) -> str:
        if channel.language == "other":
            return words.pick(OTHER_LANGUAGES, draws(self.world.seed, "kick language", channel.index)[0])
        return LANGUAGE_CODES.get(channel.language, channel.language)

    def _tags(self, channel: Channel) -> list[str] | None:
        return words.tags(channel.language, draws(self.world.seed, "tags", channel.index))

    def _is_mature(self, channel: Channel) -> bool:
        return draws(self.world.seed, "kick mature", channel.index)[0] < 0.12

    def _picture(self, channel: Channel) -> str:
        return f"{CDN}/images/user/{channel.id}/profile.webp"

    # -- channels and users

    def channels(self, call: Call) -> Answer:
        """Serve channels by id or by slug; unknown ids are absent, and one unknown slug refuses all."""
        wanted, slugs = ids(call, "broadcaster_user_id", MAX_CHANNELS), call.all("slug")
        if bool(wanted) == bool(slugs) or len(slugs) > MAX_CHANNELS:
            raise invalid()
        if wanted:
            found = [channel for one in dict.fromkeys(wanted) if (channel := self.world.by_id.get(str(one)))]
            there = [channel for channel in found if self.world.exists(channel, call.now)]
        else:
            there = []
            for slug in dict.fromkeys(slugs):
                channel = self.world.by_login(slug.replace("-", "_"), call.now)
                if channel is None or not self.world.exists(channel, call.now):
                    raise invalid()
                there.append(channel)
        live = {one.channel.index: one for one in self._live(call.now)}
        rows = ((int(one.id), self._channel(one, live.get(one.index), call.now)) for one in there)
        return ok(self._served("kick_channels", rows))

    def _channel(self, channel: Channel, live: Live | None, now: float) -> Row:
        luck = draws(self.world.seed, "kick channel", channel.index)
        segment = live.segment if live else self.world.last_segment(channel, now)
        about = words.pick(words.PHRASES.get(channel.language, words.PHRASES["en"]), luck[0])
        subscribers = int(channel.peak * 0.02 * (0.5 + luck[1])) if channel.tier else 0
        category = self._category(segment.category if segment else None)
        slug = self._slug(self.world.names_at(channel, now))
        return {
            "broadcaster_user_id": int(channel.id),
            "slug": slug,
            "channel_description": "" if luck[2] < 0.3 else about,
            "banner_picture": "" if luck[3] < 0.5 else f"{CDN}/images/channel/{channel.id}/banner.webp",
            "stream_title": segment.title if segment else "",
            "category": {key: value for key, value in category.items() if key != "tags"},
            "stream": {
                "url": "",
                "key": "",
                "is_live": live is not None,
                "is_mature": self._is_mature(channel),
                "language": self._language(channel),
                "start_time": timestamp(live.session.start) if live else OFFLINE_SINCE,
                "thumbnail": f"{CDN}/thumbnails/{slug}.webp" if live else "",
                "viewer_count": self._viewers(live, now) if live else 0,
                "custom_tags": self._tags(channel) or [],
            },
            "active_subscribers_count": subscribers,
            "active_gifted_subscribers_count": int(subscribers * luck[4] * 0.5),
            "canceled_subscribers_count": int(subscribers * luck[5] * 0.3),
        }

    def users(self, call: Call) -> Answer:
        """Serve users by id; unknown ones are absent, and an app token sees nobody's address."""
        wanted = ids(call, "id", MAX_USERS)
        if not wanted:
            raise invalid()
        found = [channel for one in dict.fromkeys(wanted) if (channel := self.world.by_id.get(str(one)))]
        rows = (
            (
                int(one.id),
                {
                    "user_id": int(one.id),
                    "name": self.world.names_at(one, call.now)[1],
                    "email": "",
                    "profile_picture": self._picture(one),
                },
            )
            for one in found
            if self.world.exists(one, call.now)
        )
        return ok(self._served("kick_users", rows))

    # -- categories

    def categories(self, call: Call) -> Answer:
        """Serve all categories, or those that fit every id, name or tag list given; unknown ones are absent."""
        wanted = {number(one) for one in listed(call, "id")}
        names = {name.casefold() for name in listed(call, "name")}
        tags = {tag.casefold() for tag in listed(call, "tag")}
        found = [
            row
            for key, category in sorted(self._by_category_id.items())
            if category.listed
            and (row := self._category(category))
            and (not wanted or key in wanted)
            and (not names or row["name"].casefold() in names)
            and (not tags or tags & {tag.casefold() for tag in row["tags"]})
        ]
        start, stop, more = self._window(call, len(found), default=25)
        return ok(self._served("kick_categories", ((row["id"], row) for row in found[start:stop])), **more)

    def _category(self, category: Category | None) -> Row:
        return NO_CATEGORY if category is None else self._category_rows[category.id]

    def _make_category_rows(self) -> Iterator[tuple[Category, Row]]:
        for key, category in self._by_category_id.items():
            yield (
                category,
                {
                    "id": key,
                    "name": category_name(category.name),
                    "tags": category_tags(category.name),
                    "thumbnail": f"{CDN}/images/subcategories/{key}/banner.webp",
                },
            )
