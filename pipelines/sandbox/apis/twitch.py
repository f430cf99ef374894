"""Twitch Helix and its token endpoints over the simulated world.

Fields, parameter checks, messages and cursor forms follow the API reference and answers recorded in public client
libraries. Order of the checks of one request: budget, credentials, parameters.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from math import ceil
from typing import Any

import msgspec

from pipelines.sandbox import words
from pipelines.sandbox.apis.base import Answer, Call, RefusalError, Route, Row, Setting, timestamp
from pipelines.sandbox.apis.tokens import Tokens
from pipelines.sandbox.limits import Budget
from pipelines.sandbox.world import DAY, Category, Channel, Clip, Live, Recording, Segment, Session, draws

CLIENT_ID = "airtimesandboxclient0000000000"
CLIENT_SECRET = "airtimesandboxsecret0000000000"

API_MOUNT, AUTH_MOUNT = "/twitch/helix", "/twitch/oauth2"
MAX_ID = 2**31  # ids from here on are refused as malformed
MAX_BATCH = 100
MAX_CLIPS = 1000  # results of one clips query; after them the same clips come again
MAX_GAME_VIDEOS = 500
GAME_CHANNELS = 40  # a game's clips and videos come from its biggest channels; a whole world would be too slow
BLANK_CURSOR = "IA"  # base64 of a blank, seen where nothing more follows
PERIODS = {"all": None, "day": DAY, "week": 7 * DAY, "month": 30 * DAY}
LABELS = ("DebatedSocialIssuesAndPolitics", "DrugsIntoxication", "Gambling", "MatureGame", "ProfanityVulgarity")
CDN = "https://static.sandbox.example"
SITE = "https://twitch.sandbox.example"
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def duration(seconds: int) -> str:
    """Return "3h2m1s", without the leading units that are zero."""
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def encode_cursor(content: Any) -> str:
    """Return a cursor: base64 of JSON."""
    return base64.b64encode(msgspec.json.encode(content)).decode()


def decode_cursor(text: str) -> Any:
    """Return what encode_cursor was given; padding may be missing. Raise RefusalError if it is no cursor."""
    try:
        return msgspec.json.decode(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except ValueError as error:  # what base64, text and JSON can be wrong with
        raise RefusalError(400, "Invalid cursor.") from error


def malformed(name: str, reason: str) -> RefusalError:
    """Return the refusal of one parameter's value."""
    return RefusalError(400, f'The parameter "{name}" was malformed: {reason}')


def page_size(call: Call) -> int:
    """Return the parameter `first`, 20 if it is not given."""
    text = call.one("first")
    if text is None:
        return 20
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise malformed("first", "the value must be an integer")
    size = int(text)
    if size < 1:
        raise malformed("first", "the value must be greater than or equal to 1")
    if size > 100:
        raise malformed("first", "the value must be less than or equal to 100")
    return size


def batch(call: Call, name: str) -> list[str]:
    """Return a repeatable parameter's values, at most 100."""
    values = call.all(name)
    if len(values) > MAX_BATCH:
        raise malformed(name, f"the parameter must not be given more than {MAX_BATCH} times")
    return values


def is_number(value: str) -> bool:
    """Return whether a value consists of digits, few enough to be an id."""
    return value.isascii() and value.isdigit() and len(value) < 20


def numeric(name: str, values: list[str]) -> list[str]:
    """Return the values, refusing all for one that is no positive number."""
    for value in values:
        if not is_number(value):
            raise malformed(name, "the value must be an integer")
        if int(value) < 1:
            raise malformed(name, "the value must be greater than or equal to 1")
    return values


def choice(call: Call, name: str, allowed: Iterable[str], default: str) -> str:
    """Return a parameter with a closed list of values (case counts)."""
    value = call.one(name)
    if value is None:
        return default
    if value not in allowed:
        raise malformed(name, f"the value must be one of {', '.join(allowed)}")
    return value


def moment(call: Call, name: str) -> float | None:
    """Return a parameter in RFC 3339 as epoch seconds."""
    text = call.one(name)
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise malformed(name, "the value must be a time in RFC3339 format")
    return parsed.timestamp()


class Twitch:
    """Twitch Helix: streams, users, channels, followers, videos, clips, games; and client-credentials tokens."""

    name = "twitch"
    resources = ("streams", "users", "channels", "followers", "videos", "clips", "games")

    def __init__(self, setting: Setting) -> None:
        self.world = setting.world_of("twitch")
        self.edits = setting.edits
        self.traps = setting.traps
        self.token_lifetime = setting.token_lifetime
        self.tokens = Tokens(setting.token_lifetime)
        # the parts of rows that stay as they are; a row is a copy with the rest filled in
        self._stream_form = lru_cache(maxsize=10_000)(self._make_stream_form)
        self._user_form = lru_cache(maxsize=10_000)(self._make_user_form)
        self._channel_form = lru_cache(maxsize=10_000)(self._make_channel_form)
        self._video_form = lru_cache(maxsize=20_000)(self._make_video_form)
        self._clip_form = lru_cache(maxsize=20_000)(self._make_clip_form)

    def routes(self) -> Iterable[Route]:
        """Return every endpoint; the last ones catch what does not exist."""
        endpoints = {
            "/streams": self.streams, "/users": self.users, "/channels": self.channel_information,
            "/channels/followers": self.followers, "/videos": self.videos, "/clips": self.clips,
            "/games": self.games, "/games/top": self.top_games,
        }  # fmt: skip
        for path, handler in endpoints.items():
            yield Route("GET", API_MOUNT, path, self._with_credentials(handler))
        yield Route("POST", AUTH_MOUNT, "/token", self.token, metered=False)
        yield Route("GET", AUTH_MOUNT, "/validate", self.validate, metered=False)
        yield Route("POST", AUTH_MOUNT, "/revoke", self.revoke_token, metered=False)
        yield Route("*", API_MOUNT, "/{rest:.*}", self.not_found)
        yield Route("*", AUTH_MOUNT, "/{rest:.*}", self.not_found, metered=False)

    def env(self, base: str) -> dict[str, str]:
        """Return the settings that point a client here."""
        return {
            "TWITCH_API_URL": base + API_MOUNT,
            "TWITCH_AUTH_URL": base + AUTH_MOUNT,
            "TWITCH_CLIENT_ID": CLIENT_ID,
            "TWITCH_CLIENT_SECRET": CLIENT_SECRET,
        }

    def bucket(self, call: Call) -> str:
        """Return the client id: app tokens of one client share a budget."""
        return call.headers.get("Client-Id", "")

    def limit_headers(self, budget: Budget, now: float) -> dict[str, str]:
        """Return the three headers of every answer. Reset is when the bucket will be full, on the world's clock."""
        return {
            "Ratelimit-Limit": str(budget.limit),
            "Ratelimit-Remaining": str(budget.remaining),
            "Ratelimit-Reset": str(ceil(now + budget.seconds_to_full)),
        }

    def error(self, route: Route, status: int, message: str | None = None) -> Answer:
        """Return an error; those of the token endpoints have no "error" key."""
        if message is None:
            message = "Request limit exceeded" if status == 429 else ""
        body = {"status": status, "message": message}
        return Answer(status, body if route.mount == AUTH_MOUNT else {"error": REASONS[status], **body})

    def not_found(self, call: Call) -> Answer:
        """Refuse a path that does not exist."""
        raise RefusalError(404, "")

    # -- tokens

    def token(self, call: Call) -> Answer:
        """Issue an app token for client credentials, given in the body or the query."""
        given = {**dict(call.query), **call.form}
        for name in ("client_id", "client_secret", "grant_type"):
            if not given.get(name):
                raise RefusalError(400, f"missing {name.replace('_', ' ')}")
        if given["grant_type"] != "client_credentials":
            raise RefusalError(400, "Invalid grant type")
        if given["client_id"] != CLIENT_ID:
            raise RefusalError(400, "invalid client")
        if given["client_secret"] != CLIENT_SECRET:
            raise RefusalError(403, "invalid client secret")
        token = self.tokens.issue(call.now)
        return Answer(200, {"access_token": token, "expires_in": int(self.token_lifetime), "token_type": "bearer"})

    def validate(self, call: Call) -> Answer:
        """Tell whom a token belongs to; an app token has no login, user or scopes."""
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if not token:
            raise RefusalError(401, "missing authorization token")
        left = self.tokens.seconds_left(token, call.now)
        if scheme not in ("OAuth", "Bearer") or left is None:
            raise RefusalError(401, "invalid access token")
        return Answer(200, {"client_id": CLIENT_ID, "scopes": None, "expires_in": left})

    def revoke_token(self, call: Call) -> Answer:
        """Make a token invalid."""
        given = {**dict(call.query), **call.form}
        if given.get("client_id") != CLIENT_ID:
            raise RefusalError(400, f"Invalid client_id: {given.get('client_id', '')}")
        if not given.get("token"):
            raise RefusalError(400, "missing oauth token")
        if not self.tokens.revoke(given["token"]):
            raise RefusalError(400, "Invalid token")
        return Answer(200, None)

    def revoke(self, call: Call) -> None:
        """Make the token of a call invalid from now on."""
        self.tokens.revoke(call.headers.get("Authorization", "").partition(" ")[2])

    def _with_credentials(self, handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def checked(call: Call) -> Answer:
            scheme, _, token = call.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or not token:
                raise RefusalError(401, "OAuth token is missing")
            if self.tokens.seconds_left(token, call.now) is None:
                raise RefusalError(401, "Invalid OAuth token")
            client = call.headers.get("Client-Id")
            if not client:
                raise RefusalError(401, "Must provide a valid Client-ID or OAuth token")
            if client != CLIENT_ID:
                raise RefusalError(401, "Client ID and OAuth token do not match")
            return handler(call)

        return checked

    # -- pages

    def _served(self, resource: str, rows: Iterable[Row], key: str = "id") -> list[Row]:
        """Return the rows as edited."""
        if not self.edits[resource]:
            return list(rows)
        edited = (self.edits.apply(resource, row[key], row) for row in rows)
        return [row for row in edited if row is not None]

    def _page(self, rows: list[Row], cursor: str | None) -> Answer:
        if cursor:
            return Answer(200, {"data": rows, "pagination": {"cursor": cursor}})
        return Answer(200, {"data": rows} if "no_pagination" in self.traps else {"data": rows, "pagination": {}})

    def _window(self, call: Call, total: int, opaque: bool = False) -> tuple[int, int, str | None]:
        """Return (from, to, cursor or None) of the page of a list that is paged by offset."""
        size, after, before = page_size(call), call.one("after"), call.one("before")
        if after and before:
            raise RefusalError(400, "Must provide only one of the following query params: after, before.")
        start = 0
        if after or before:
            content = decode_cursor(after or before or "")
            try:
                offset = int(base64.b64decode(content["a"])) if opaque else content["a"]["Offset"]
            except (KeyError, TypeError, ValueError) as error:
                raise RefusalError(400, "Invalid cursor.") from error
            if not isinstance(offset, int) or offset < 0:
                raise RefusalError(400, "Invalid cursor.")
            start = offset if after else max(0, offset - 2 * size)
        stop = min(start + size, max(total, start))
        if stop < total or ("empty_page" in self.traps and start < stop):
            return start, stop, self._offset_cursor(stop, opaque)
        return start, stop, None

    def _offset_cursor(self, offset: int, opaque: bool) -> str:
        position = base64.b64encode(str(offset).encode()).decode() if opaque else {"Offset": offset}
        return encode_cursor({"b": None, "a": position})

    # -- streams

    def streams(self, call: Call) -> Answer:
        """Serve live streams by viewers downwards; the cursor holds a score, so that pages drift as viewers do."""
        users = set(numeric("user_id", batch(call, "user_id")))
        logins = {login.lower() for login in batch(call, "user_login")}
        games, languages = set(batch(call, "game_id")), set(batch(call, "language"))
        choice(call, "type", ("all", "live"), "all")
        size, after, before = page_size(call), call.one("after"), call.one("before")
        if after and before:
            raise RefusalError(400, "Must provide only one of the following query params: after, before.")
        snapshot = self.world.live(call.now)
        ranked: Sequence[Live] = snapshot.ranked
        if users:
            found = [snapshot.by_id[user] for user in users if user in snapshot.by_id]
            ranked = sorted(found, key=lambda live: -live.score)
        if logins:
            ranked = [live for live in ranked if self.world.names_at(live.channel, call.now)[0] in logins]
        if games:
            ranked = [live for live in ranked if live.segment.category and live.segment.category.id in games]
        if languages:
            ranked = [live for live in ranked if live.channel.language in languages]

        filtered = bool(users or logins)
        if after == BLANK_CURSOR and filtered and "blank_cursor" in self.traps:
            return self._page([], BLANK_CURSOR)
        start = 0
        if after or before:
            score = self._score(after or before or "", "a" if after else "b")
            if score is None:
                return self._page([], None)
            if after:
                start = bisect_right(ranked, -score, key=lambda live: -live.score)
            else:
                start = max(0, bisect_left(ranked, -score, key=lambda live: -live.score) - size)
        page = ranked[start : start + size]
        rows = self._served("streams", (self._stream(live, call.now) for live in page), "user_id")
        cursor = None
        if before:
            cursor = before  # as the real one was seen to do: paging backwards never ends
        elif start + size < len(ranked):
            cursor = self._score_cursor(page[0].score, page[-1].score)
        elif filtered and "blank_cursor" in self.traps:
            cursor = BLANK_CURSOR
        elif page and "empty_page" in self.traps:
            cursor = self._score_cursor(page[0].score, None)
        return self._page(rows, cursor)

    def _score_cursor(self, top: float, last: float | None) -> str:
        inner = [
            "" if score is None else encode_cursor({"s": score, "d": direction, "t": True})
            for score, direction in ((top, True), (last, False))
        ]
        return encode_cursor({"b": {"Cursor": inner[0]}, "a": {"Cursor": inner[1]}})

    def _score(self, cursor: str, side: str) -> float | None:
        """Return the score in a cursor, or None for one that leads to an empty page."""
        content = decode_cursor(cursor)
        try:
            inner = content[side]["Cursor"]
            return float(decode_cursor(inner)["s"]) if inner else None
        except (KeyError, TypeError, ValueError) as error:
            raise RefusalError(400, "Invalid cursor.") from error

    def _stream(self, live: Live, now: float) -> Row:
        names = self.world.names_at(live.channel, now)
        return {**self._stream_form(live.session, live.segment, names), "viewer_count": int(live.score)}

    def _make_stream_form(self, session: Session, segment: Segment, names: tuple[str, str]) -> Row:
        channel, category = self.world.channels[session.channel], segment.category
        return {
            "id": session.id,
            "user_id": channel.id,
            "user_login": names[0],
            "user_name": names[1],
            "game_id": category.id if category else "",
            "game_name": category.name if category else "",
            "type": "" if session.start % 997 == 0 else "live",
            "title": segment.title,
            "tags": words.tags(channel.language, draws(self.world.seed, "tags", channel.index)),
            "viewer_count": 0,
            "started_at": timestamp(session.start),
            "language": channel.language,
            "thumbnail_url": f"{CDN}/previews/live_user_{names[0]}-{{width}}x{{height}}.jpg",
            "tag_ids": [],
            "is_mature": False,
        }

    # -- accounts

    def users(self, call: Call) -> Answer:
        """Serve accounts by id and login; unknown and banned ones are silently absent, one malformed refuses all."""
        ids, logins = call.all("id"), call.all("login")
        if not ids and not logins:
            raise RefusalError(400, "Must provide an ID, Login or OAuth Token")
        if len(ids) + len(logins) > MAX_BATCH:
            raise RefusalError(400, f"The number of IDs and logins must not exceed {MAX_BATCH}")
        if not all(is_number(value) and int(value) < MAX_ID for value in ids) or not all(
            re.fullmatch(r"[A-Za-z0-9_]{1,25}", login) for login in logins
        ):
            raise RefusalError(400, "Invalid username(s), email(s), or ID(s). Bad Identifiers.")
        found = {value: self.world.by_id.get(value) for value in ids}
        for channel in (self.world.by_login(login.lower(), call.now) for login in logins):
            if channel:
                found[channel.id] = channel
        there = (channel for channel in found.values() if channel and self.world.exists(channel, call.now))
        rows = (self._user_form(channel, self.world.names_at(channel, call.now)) for channel in there)
        return Answer(200, {"data": self._served("users", rows)})

    def _make_user_form(self, channel: Channel, names: tuple[str, str]) -> Row:
        luck = draws(self.world.seed, "user", channel.index)
        created = timestamp(channel.created)
        if luck[0] < 0.3:
            created = f"{created[:-1]}.{int(luck[1] * 1e6):06d}Z"  # some accounts carry fractions of a second
        about = words.pick(words.PHRASES.get(channel.language, words.PHRASES["en"]), luck[2])
        return {
            "id": channel.id,
            "login": names[0],
            "display_name": names[1],
            "type": "staff" if luck[3] < 0.002 else "admin" if luck[3] < 0.004 else "",
            "broadcaster_type": ("", "affiliate", "partner")[channel.tier],
            "description": "" if luck[4] < 0.3 else f"{about}\n!links" if luck[4] < 0.4 else about,
            "profile_image_url": "" if luck[5] < 0.02 else f"{CDN}/profiles/{channel.id}-300x300.png",
            "offline_image_url": "" if luck[6] < 0.6 else f"{CDN}/offline/{channel.id}-1920x1080.png",
            "view_count": int(luck[7] * 1e6) if luck[8] < 0.5 else 0,
            "created_at": created,
        }

    def channel_information(self, call: Call) -> Answer:
        """Serve what channels have set last: category, title, language; unknown ones are absent."""
        ids = batch(call, "broadcaster_id")
        if not ids:
            raise RefusalError(400, 'Missing required parameter "broadcaster_id"')
        for value in ids:
            self._check_broadcaster(value)
        found = [self.world.by_id.get(value) for value in dict.fromkeys(ids)]
        there = (channel for channel in found if channel and self.world.exists(channel, call.now))
        rows = (self._channel(channel, call.now) for channel in there)
        return Answer(200, {"data": self._served("channels", rows, "broadcaster_id")})

    def _check_broadcaster(self, value: str) -> None:
        if not is_number(value):
            raise RefusalError(400, f'broadcaster_id "{value}" must be numeric')
        if not 0 < int(value) < MAX_ID:
            raise RefusalError(400, "Invalid broadcasterID")

    def _channel(self, channel: Channel, now: float) -> Row:
        segment = self.world.last_segment(channel, now)
        category = segment.category if segment else self.world.categories[channel.category]
        return {
            **self._channel_form(channel, self.world.names_at(channel, now)),
            "game_id": category.id if category else "",
            "game_name": category.name if category else "",
            "title": segment.title if segment else "",
        }

    def _make_channel_form(self, channel: Channel, names: tuple[str, str]) -> Row:
        luck = draws(self.world.seed, "labels", channel.index)
        return {
            "broadcaster_id": channel.id,
            "broadcaster_login": names[0],
            "broadcaster_name": names[1],
            "broadcaster_language": channel.language,
            "game_id": "",
            "game_name": "",
            "title": "",
            "delay": 0,
            "tags": words.tags(channel.language, draws(self.world.seed, "tags", channel.index)) or [],
            "content_classification_labels": [words.pick(LABELS, luck[1])] if luck[0] < 0.1 else [],
            "is_branded_content": luck[2] < 0.03,
        }

    def followers(self, call: Call) -> Answer:
        """Serve the number of followers only, as an app token gets it: one channel a call, no rows."""
        value = call.one("broadcaster_id")
        if value is None:
            raise RefusalError(400, 'Missing required parameter "broadcaster_id"')
        self._check_broadcaster(value)
        if call.one("user_id") is not None:
            raise RefusalError(401, "Missing scope: moderator:read:followers")
        page_size(call)
        channel = self.world.by_id.get(value)
        there = channel is not None and self.world.exists(channel, call.now)
        empty: Row = {"total": 0, "data": [], "pagination": {}}
        row = {**empty, "total": self.world.followers(channel, call.now)} if there else empty
        edited = self.edits.apply("followers", value, row)
        return Answer(200, empty if edited is None else edited)

    # -- videos

    def videos(self, call: Call) -> Answer:
        """Serve recordings by id, or of one channel or game."""
        ids, users, games = batch(call, "id"), call.all("user_id"), call.all("game_id")
        if (bool(ids), bool(users), bool(games)).count(True) != 1 or len(users) > 1 or len(games) > 1:
            message = "Must provide only one of the following query params: user ID, game ID,or one or more video IDs."
            raise RefusalError(400, message)
        for name, values in (("id", ids), ("user_id", users), ("game_id", games)):
            numeric(name, values)
        period = PERIODS[choice(call, "period", PERIODS, "all")]
        order = choice(call, "sort", ("time", "trending", "views"), "time")
        kind = choice(call, "type", ("all", "archive", "highlight", "upload"), "all")
        page_size(call)
        if ids:
            numbers = [int(value) for value in dict.fromkeys(ids)]
            found = [video for number in numbers if (video := self.world.recording(number, call.now))]
            if not found:
                raise RefusalError(404, "videos not found")
            return self._page(self._video_rows(found, call.now), None)
        if users:
            channel = self.world.by_id.get(users[0])
            found = self.world.recordings(channel, call.now) if channel else []
        else:
            found = self._game_videos(self._game(games[0]), call.now)
            languages = call.all("language")
            found = [video for video in found if not languages or video.channel.language in languages]
        if kind != "all":
            found = [video for video in found if video.kind == kind]
        if period:
            found = [video for video in found if self._published(video) > call.now - period]
        if order != "time":
            found = sorted(found, key=lambda video: (-video.views_at(call.now), video.number))
        found = found[:MAX_GAME_VIDEOS] if games else found
        start, stop, cursor = self._window(call, len(found))
        return self._page(self._video_rows(found[start:stop], call.now), cursor)

    def _game(self, value: str) -> int:
        """Return a listed category's number."""
        number = self.world.category_by_id.get(value)
        if number is None or not self.world.categories[number].listed:
            raise RefusalError(404, "game not found")
        return number

    def _game_channels(self, number: int) -> list[Channel]:
        return [channel for channel in self.world.channels if channel.category == number][:GAME_CHANNELS]

    def _game_videos(self, number: int, now: float) -> list[Recording]:
        found = [video for channel in self._game_channels(number) for video in self.world.recordings(channel, now)]
        found.sort(key=lambda video: (-video.created, video.number))
        return found

    def _published(self, video: Recording) -> int:
        return video.created if video.kind == "archive" else video.created + video.number % 600

    def _video_rows(self, videos: Iterable[Recording], now: float) -> list[Row]:
        return self._served("videos", (self._video(video, now) for video in videos))

    def _video(self, video: Recording, now: float) -> Row:
        row = {**self._video_form(video, self.world.names_at(video.channel, now)), "view_count": video.views_at(now)}
        if video.session is not None and now < video.session.end:
            row |= {"thumbnail_url": "", "duration": duration(video.seconds_at(now)), "muted_segments": None}
        return row

    def _make_video_form(self, video: Recording, names: tuple[str, str]) -> Row:
        number = str(video.number)
        luck = draws(self.world.seed, "video", video.number)
        # music is muted three minutes at a time, within the first hour
        muted = [{"duration": 180, "offset": int(luck[1] * 20) * 180}] if luck[0] < 0.15 else None
        return {
            "id": number,
            "stream_id": video.session.id if video.session else None,
            "user_id": video.channel.id,
            "user_login": names[0],
            "user_name": names[1],
            "title": video.title,
            "description": "",
            "created_at": timestamp(video.created),
            "published_at": timestamp(self._published(video)),
            "url": f"{SITE}/videos/{number}",
            "thumbnail_url": f"{CDN}/videos/{number}/thumb-%{{width}}x%{{height}}.jpg",
            "viewable": "public",
            "view_count": 0,
            "language": video.channel.language,
            "type": video.kind,
            "duration": duration(video.seconds),
            "muted_segments": muted if video.seconds > 3780 else None,
        }

    # -- clips

    def clips(self, call: Call) -> Answer:
        """Serve clips by id, or of one channel or game in a window of time, by views downwards."""
        ids, channels, games = batch(call, "id"), call.all("broadcaster_id"), call.all("game_id")
        if (bool(ids), bool(channels), bool(games)).count(True) != 1 or len(channels) > 1 or len(games) > 1:
            raise RefusalError(
                400, "Must provide only one of the following query params: broadcaster ID, game ID, or clip ID."
            )
        featured = choice(call, "is_featured", ("true", "false"), "")
        since, until = moment(call, "started_at"), moment(call, "ended_at")
        size = page_size(call)
        if until is not None and since is None:
            raise RefusalError(400, "started_at is required when ended_at is given")
        if since is not None and until is not None and until < since:
            raise RefusalError(400, "ended_at must not be before started_at")
        if ids:
            found = [clip for slug in dict.fromkeys(ids) if (clip := self.world.clip(slug, call.now))]
            return self._page(self._clip_rows(found, call.now), None)
        if since is not None and until is None:
            until = since + 7 * DAY  # the service's own default
        window = (since or 0.0, call.now if until is None else until, call.now)
        if channels:
            self._check_broadcaster(channels[0])
            channel = self.world.by_id.get(channels[0])
            found = self.world.clips(channel, *window) if channel else []
        else:
            found = self._game_clips(self._game(games[0]), window)
        if featured:
            found = [clip for clip in found if self._featured(clip) == (featured == "true")]
        start, stop, cursor = self._window(call, min(len(found), MAX_CLIPS), opaque=True)
        if len(found) > MAX_CLIPS and stop >= MAX_CLIPS:
            # beyond the cap there are ever new cursors, to the same clips
            cursor = self._offset_cursor(start + size, opaque=True)
            start, stop = (start if start < MAX_CLIPS else MAX_CLIPS - size), MAX_CLIPS
        return self._page(self._clip_rows(found[start:stop], call.now), cursor)

    def _game_clips(self, number: int, window: tuple[float, float, float]) -> list[Clip]:
        wanted = self.world.categories[number]
        found = [
            clip
            for channel in self._game_channels(number)
            for clip in self.world.clips(channel, *window)
            if self.world.segment_at(clip.session, clip.created).category == wanted
        ]
        found.sort(key=lambda clip: (-clip.views_at(window[2]), clip.created, clip.channel.index))
        return found

    def _featured(self, clip: Clip) -> bool:
        return clip.created % 20 == 0

    def _clip_rows(self, clips: Iterable[Clip], now: float) -> list[Row]:
        return self._served("clips", (self._clip(clip, now) for clip in clips))

    def _clip(self, clip: Clip, now: float) -> Row:
        world = self.world
        kept = world.is_recorded(clip.session, now)
        # a clip is tied to its video some minutes late
        tied = kept and now >= clip.created + 240 + clip.created % 300
        return {
            **self._clip_form(clip),
            "broadcaster_name": world.names_at(clip.channel, now)[1],
            "creator_name": world.names_at(clip.creator, now)[1] if world.exists(clip.creator, now) else "",
            "video_id": str(world.archive_number(clip.session)) if kept else "",
            "view_count": clip.views_at(now // 60 * 60),
            "vod_offset": clip.created - clip.session.start if tied else None,
        }

    def _make_clip_form(self, clip: Clip) -> Row:
        slug, segment = clip.slug, self.world.segment_at(clip.session, clip.created)
        return {
            "id": slug,
            "url": f"{SITE}/clips/{slug}",
            "embed_url": f"{SITE}/clips/embed?clip={slug}",
            "broadcaster_id": clip.channel.id,
            "broadcaster_name": "",
            "creator_id": clip.creator.id,
            "creator_name": "",
            "video_id": "",
            "game_id": segment.category.id if segment.category else "",
            "language": clip.channel.language,
            "title": segment.title,
            "view_count": 0,
            "created_at": timestamp(clip.created),
            "thumbnail_url": f"{CDN}/clips/{slug}-480x272.jpg",
            "duration": clip.seconds,
            "vod_offset": None,
            "is_featured": self._featured(clip),
        }

    # -- games

    def games(self, call: Call) -> Answer:
        """Serve categories by id, exact name and outside id; unknown ones are ignored."""
        ids, names, outside = set(call.all("id")), set(call.all("name")), set(call.all("igdb_id"))
        given = len(call.all("id")) + len(call.all("name")) + len(call.all("igdb_id"))
        if not given:
            raise RefusalError(400, "Must provide an ID, a name or an IGDB ID")
        if given > MAX_BATCH:
            raise RefusalError(400, f"The number of IDs and names must not exceed {MAX_BATCH}")
        found = [
            category
            for category in self.world.categories
            if category.listed
            and (category.id in ids or category.name in names or category.outside_id in outside - {""})
        ]
        return Answer(200, {"data": self._game_rows(found)})

    def top_games(self, call: Call) -> Answer:
        """Serve the categories that are being streamed, by viewers downwards."""
        ranked = [category for category in self.world.top_categories(call.now) if category.listed]
        start, stop, cursor = self._window(call, len(ranked))
        return self._page(self._game_rows(ranked[start:stop]), cursor)

    def _game_rows(self, categories: Iterable[Category]) -> list[Row]:
        return self._served("games", (self._game_row(category) for category in categories))

    def _game_row(self, category: Category) -> Row:
        variant = "_IGDB" if category.outside_id else ""
        return {
            "id": category.id,
            "name": category.name,
            "box_art_url": f"{CDN}/boxart/{category.id}{variant}-{{width}}x{{height}}.jpg",
            "igdb_id": category.outside_id,
        }
