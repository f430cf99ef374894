"""The simulated live-streaming world: a pure function of a seed and a time, which any platform's API can show.

Nothing here is stored but caches: two worlds with one seed agree on every moment, asked in any order. Chance comes
from draws(), a hash of the seed and the name of the thing drawn for. Times are Unix epoch seconds, days count from
1970-01-01 UTC.

A channel keeps a weekly habit. Each day may hold one broadcast, which a crash may split in two sessions; a session
has segments (category and title), leaves a recording and gets clips. Ranks are heavy tailed: channel 0 is the biggest.
"""

from __future__ import annotations

import struct
from bisect import bisect
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from math import cos, exp, sin, tau
from typing import NamedTuple

from pipelines.sandbox import words

DAY = 86_400
ORIGIN = 16_436 * DAY  # 2015-01-01: no account is older
CATEGORIES = 200
UNLISTED = (37, 90, 151)  # categories that streams name and the catalogue does not know
MAX_CHANNELS = 100_000  # a session's id is its start second times this, plus its channel
RETENTION_DAYS = (7, 14, 60)  # how long a recording stays, by tier
CLIP_DAYS = 365  # older clips are gone
SNAPSHOT_SECONDS = 0.2  # live rankings are computed once in this much world time
MAX_CLIPS_A_DAY = 2000

# language, share of channels, UTC offsets in hours
LANGUAGES = (
    ("en", 0.36, (-8, -6, -5, -5, 0, 10)), ("es", 0.12, (-6, -5, -3, 1)), ("pt", 0.10, (-3,)), ("de", 0.08, (1,)),
    ("fr", 0.07, (1,)), ("ja", 0.06, (9,)), ("ru", 0.06, (3, 5)), ("ko", 0.05, (9,)), ("zh", 0.03, (8,)),
    ("it", 0.02, (1,)), ("pl", 0.02, (1,)), ("tr", 0.015, (3,)), ("other", 0.015, (0, 2, 7)),
)  # fmt: skip
_SIXTEEN = struct.Struct("<16I")
_LANGUAGE_STEPS = list(accumulate(share for _, share, _ in LANGUAGES))
_CATEGORY_STEPS = list(accumulate(1 / (rank + 2) ** 1.1 for rank in range(CATEGORIES)))


def draws(seed: int, *key: object) -> tuple[float, ...]:
    """Return 16 numbers in [0, 1) that depend on nothing but the seed and the key."""
    numbers = _SIXTEEN.unpack(blake2b(f"{seed}:{key}".encode()).digest())
    return tuple([number * 2.0**-32 for number in numbers])  # a list first: faster than a generator


def _bell(first: float, second: float, third: float) -> float:
    """Return a roughly normal number, within -3..3, from three uniform ones."""
    return (first + second + third - 1.5) * 2


def _number_of_category(luck: float) -> int:
    return bisect(_CATEGORY_STEPS, luck * _CATEGORY_STEPS[-1])


class Category(NamedTuple):
    """A game or subject that streams are filed under."""

    id: str
    name: str
    outside_id: str  # its id in an outside catalogue, "" if it has none
    listed: bool


@dataclass(frozen=True, slots=True, eq=False)  # one object per account, so identity will do
class Channel:
    """An account that streams, and its habits. `tier` is 0 for small ones, 1 affiliate-like, 2 partner-like."""

    index: int
    id: str
    login: str  # the first one; see World.names_at
    language: str
    offset: int  # hours from UTC
    created: float
    tier: int
    peak: float  # viewers at the height of an ordinary evening
    category: int
    start: int  # usual start, seconds after midnight UTC
    hours: float
    rest_days: int  # a bit per weekday
    recorded: bool
    rename_every: float
    away_every: float
    away_for: float
    first_rename: float
    first_away: float


class Session(NamedTuple):
    """One unbroken broadcast."""

    channel: int
    day: int
    part: int
    start: int
    end: int
    scale: float  # this session's luck with viewers
    phase: float

    @property
    def id(self) -> str:
        """The broadcast's id: later ones are greater."""
        return str((self.start - ORIGIN) * MAX_CHANNELS + self.channel)


class Segment(NamedTuple):
    """A stretch of a session under one category (None: no category) and title."""

    start: float
    category: Category | None
    title: str


class Live(NamedTuple):
    """A session as it stands at one moment; `score` is its viewers, unrounded."""

    score: float
    channel: Channel
    session: Session
    segment: Segment


class Recording(NamedTuple):
    """A video: of a session ("archive", growing while it runs), or made by hand ("highlight", "upload")."""

    number: int
    kind: str
    channel: Channel
    session: Session | None
    created: int
    seconds: int
    title: str
    appeal: float  # views in the long run

    def seconds_at(self, now: float) -> int:
        """Return the length so far."""
        return max(0, min(self.seconds, int(now - self.created)))

    def views_at(self, now: float) -> int:
        """Return the views so far."""
        return _views(self.appeal, now - self.created)


class Clip(NamedTuple):
    """A short cut that a viewer made of a session."""

    day: int
    number: int
    channel: Channel
    session: Session
    created: int
    seconds: float
    creator: Channel
    appeal: float

    @property
    def slug(self) -> str:
        """Four words and a code from which the clip is found again."""
        code = (self.day * MAX_CHANNELS + self.channel.index) * MAX_CLIPS_A_DAY + self.number
        return f"{words.slug(draws(0, 'slug', code))}-{code:x}"

    def views_at(self, now: float) -> int:
        """Return the views so far."""
        return _views(self.appeal, now - self.created)


class Snapshot(NamedTuple):
    """Who is live at a moment: by score downwards, and by channel id."""

    ranked: list[Live]
    by_id: dict[str, Live]


def _views(appeal: float, age: float) -> int:
    """Views come fast for two days and slowly for ever after; they never fall."""
    return int(appeal * (1 - exp(-max(age, 0) / (2 * DAY)) + max(age, 0) / (900 * DAY)))


class World:
    """Channels, categories, sessions, viewers, recordings and clips of one seed."""

    def __init__(self, seed: int = 7, channels: int = 5000, catalogue: int | None = None) -> None:
        """Make the world of a seed; `catalogue` is the seed of its categories, which several worlds may share."""
        if not 1 <= channels <= MAX_CHANNELS:
            raise ValueError(f"channels must be between 1 and {MAX_CHANNELS}, not {channels}")
        self.seed = seed
        self._catalogue = seed if catalogue is None else catalogue
        self.categories = self._make_categories()
        self.category_by_id = {category.id: number for number, category in enumerate(self.categories)}
        self.channels: list[Channel] = []
        self._by_login: dict[str, Channel] = {}
        for index in range(channels):
            channel = self._make_channel(index)
            self.channels.append(channel)
            self._by_login[channel.login] = channel
        self.by_id = {channel.id: channel for channel in self.channels}
        self._states: list[tuple[float, float, Session | None]] = [(0.0, 0.0, None)] * channels
        # caches on the instance, so that a world that is dropped takes them along
        self.sessions = lru_cache(maxsize=40_000)(self._sessions)
        self.segments = lru_cache(maxsize=20_000)(self._segments)
        self._names = lru_cache(maxsize=20_000)(self._make_names)
        self._snapshot = lru_cache(maxsize=4)(self._make_snapshot)
        self._top = lru_cache(maxsize=4)(self._make_top)
        self._recordings_of_day = lru_cache(maxsize=4_000)(self._make_recordings)
        self._clips_of_day = lru_cache(maxsize=40_000)(self._make_clips)
        self._ranked_clips = lru_cache(maxsize=256)(self._rank_clips)

    # -- who and what there is

    def _make_categories(self) -> list[Category]:
        made: list[Category] = []
        names: set[str] = set()
        for number in range(CATEGORIES):
            luck = draws(self._catalogue, "category", number)
            name = words.BROAD_CATEGORIES[number // 3] if number % 3 == 0 and number < 18 else words.game_name(luck)
            if name in names:
                name = f"{name} {number}"
            names.add(name)
            outside = str(int(luck[4] * 1000) * CATEGORIES + number + 1) if luck[5] < 0.8 else ""
            identity = str(int(luck[6] * 9_000) * CATEGORIES + number + 1_000)
            made.append(Category(identity, name, outside, number not in UNLISTED))
        return made

    def _make_channel(self, index: int) -> Channel:
        luck, more = draws(self.seed, "channel", index), draws(self.seed, "habit", index)
        login = words.login(luck)
        if login in self._by_login:
            login = f"{login[:19]}{index}"
        language, _, offsets = LANGUAGES[min(bisect(_LANGUAGE_STEPS, luck[5]), len(LANGUAGES) - 1)]
        offset = words.pick(offsets, luck[6])
        # one account in fifty is yet to come, so that new ones appear in any year
        years = 1 + 8 * luck[7] if luck[8] < 0.98 else 9 + 8 * luck[7]
        created = ORIGIN + years * 365 * DAY + luck[9] * DAY
        # three in four begin in their afternoon, the rest at any hour
        hour = 15 + 3.5 * _bell(*more[0:3]) if more[3] < 0.75 else 24 * more[4]
        rename_every, away_every = (900 + 1200 * more[5]) * DAY, (900 + 1200 * more[6]) * DAY
        return Channel(
            index=index,
            id=str(10_000_000 + (index * 7_368_787 + self.seed * 1_000_003) % 1_000_000_007),
            login=login,
            language=language,
            offset=offset,
            created=created,
            tier=2 if luck[10] < 40 / (index + 1) + 0.03 else int(luck[11] < 0.45),
            peak=110_000 / (index + 1) ** 1.22 * exp(0.25 * _bell(*luck[12:15])),
            category=_number_of_category(more[7]),
            start=int((hour - offset) % 24 * 3600),
            hours=min(18.0, 9.5 * exp(0.3 * _bell(*more[8:11]))),
            rest_days=(1 << int(more[11] * 7)) | ((1 << int(more[12] * 7)) if more[13] < 0.3 else 0),
            recorded=more[14] < 0.8,
            rename_every=rename_every,
            away_every=away_every,
            away_for=(20 + 80 * more[15]) * DAY,
            first_rename=created + 90 * DAY + luck[15] * rename_every,
            first_away=created + 90 * DAY + luck[1] * away_every,
        )

    def renames(self, channel: Channel, now: float) -> int:
        """Return how often the account has changed its name."""
        return int((now - channel.first_rename) // channel.rename_every) + 1 if now >= channel.first_rename else 0

    def names_at(self, channel: Channel, now: float) -> tuple[str, str]:
        """Return the account's (login, display name) at a moment."""
        return self._names(channel, self.renames(channel, now))

    def _make_names(self, channel: Channel, times: int) -> tuple[str, str]:
        login = f"{channel.login}_{('tv', 'live', 'hd', 'vods')[times % 4]}" if times else channel.login
        luck = draws(self.seed, "name", channel.index)
        return login, words.display_name(login, channel.language, luck[0], luck[1])

    def exists(self, channel: Channel, now: float) -> bool:
        """Return whether the account is there: created, and not banned or closed for a time."""
        return now >= channel.created and not self._away_since(channel, now)

    def _away_since(self, channel: Channel, now: float) -> float | None:
        into = (now - channel.first_away) % channel.away_every
        return now - into if now >= channel.first_away and into < channel.away_for else None

    def by_login(self, login: str, now: float) -> Channel | None:
        """Return the account with this login at this moment."""
        channel = self._by_login.get(login) or self._by_login.get(login.rpartition("_")[0])
        return channel if channel and self.names_at(channel, now)[0] == login else None

    def hides_viewers(self, channel: Channel) -> bool:
        """Return whether the account shows nobody how many are watching."""
        return draws(self.seed, "hides", channel.index)[0] < 0.03

    def followers(self, channel: Channel, now: float) -> int:
        """Return the number of followers: it only grows."""
        age = max(0.0, now - channel.created) / DAY
        return int(channel.peak * 0.15 * age**0.8)

    # -- what happens

    def _sessions(self, index: int, day: int) -> tuple[Session, ...]:
        """Return the sessions that a channel begins by its habit on a day; they never overlap those of other days."""
        channel = self.channels[index]
        luck = draws(self.seed, "session", index, day)
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
        if luck[0] > (0.12 if channel.rest_days >> weekday & 1 else 0.96):
            return ()
        start = day * DAY + channel.start + int(luck[1] * 7200) - 3600
        lift = 1.12 if weekday >= 5 else 1.0
        # at most 20 hours: with a start that moves by an hour either way there are always 22 to the next one
        end = start + int(min(20.0, channel.hours * lift * exp(0.25 * _bell(*luck[2:5]))) * 3600)
        away = self._away_since(channel, end)
        if away is not None:
            end = int(min(end, away))  # a ban ends the broadcast
        if start < channel.created + 3 * DAY or end - start < 60 or self._away_since(channel, start) is not None:
            return ()
        scale = lift * exp(0.3 * _bell(*luck[5:8]))
        if luck[8] >= 0.08:
            return (Session(index, day, 0, start, end, scale, luck[9] * tau),)
        crash = start + int((0.1 + 0.8 * luck[10]) * (end - start))
        again = crash + 90 + int(luck[11] * 700)
        first = Session(index, day, 0, start, crash, scale, luck[9] * tau)
        return (
            (first, Session(index, day, 1, again, end, scale * 0.85, luck[12] * tau)) if end > again + 60 else (first,)
        )

    def _segments(self, session: Session) -> tuple[Segment, ...]:
        channel = self.channels[session.channel]
        luck = draws(self.seed, "segments", session.channel, session.start)
        cuts = sorted(luck[1 : 1 + (luck[0] < 0.4) + (luck[0] < 0.12)])
        made = []
        for number, cut in enumerate((0.0, *cuts)):
            chance = draws(self.seed, "segment", session.channel, session.start, number)
            home = channel.category if chance[0] < 0.7 else _number_of_category(chance[1])
            category = None if chance[2] < 0.02 else self.categories[home]
            title = words.title(channel.language, category.name if category else "", chance[3:])
            made.append(Segment(session.start + cut * (session.end - session.start), category, title))
        return tuple(made)

    def segment_at(self, session: Session, now: float) -> Segment:
        """Return the segment that runs at a moment (the last one after the session's end)."""
        found = self.segments(session)[0]
        for segment in self.segments(session)[1:]:
            if segment.start <= now:
                found = segment
        return found

    def last_segment(self, channel: Channel, now: float) -> Segment | None:
        """Return the category and title that the channel set last, or None if it has been silent for two weeks."""
        today = int(now // DAY)
        for day in range(today + 1, today - 15, -1):
            for session in reversed(self.sessions(channel.index, day)):
                if session.start <= now:
                    return self.segment_at(session, now)
        return None

    def viewers(self, session: Session, now: float) -> float:
        """Return the session's viewers, unrounded: slow start, plateau, late fall, the hour and a restless crowd."""
        channel = self.channels[session.channel]
        shape = (1 - exp((session.start - now) / 1500)) * (1 - 0.45 * exp((now - session.end) / 2400))
        wave = 0.75 + 0.25 * cos((now / 3600 + channel.offset - 20.5) * tau / 24)
        phase = session.phase
        noise = 1 + 0.06 * sin(now / 97 + phase) + 0.03 * sin(now / 13 + 2 * phase) + 0.01 * sin(now / 1.7 + 3 * phase)
        return channel.peak * session.scale * shape * wave * noise

    def _state(self, index: int, now: float) -> tuple[float, float, Session | None]:
        """Return (from, until, session or None): a stretch around now in which the channel's state does not change."""
        day = int(now // DAY)
        since, until = day * DAY, (day + 1) * DAY
        for near in (day - 1, day, day + 1):
            for session in self.sessions(index, near):
                if session.start <= now < session.end:
                    return session.start, session.end, session
                if session.end <= now:
                    since = max(since, session.end)
                else:
                    until = min(until, session.start)
        return since, until, None

    def live(self, now: float) -> Snapshot:
        """Return who is live, as ranked within the last SNAPSHOT_SECONDS."""
        return self._snapshot(int(now / SNAPSHOT_SECONDS))

    def _make_snapshot(self, tick: int) -> Snapshot:
        now = tick * SNAPSHOT_SECONDS
        ranked = []
        for index, state in enumerate(self._states):
            if not state[0] <= now < state[1]:
                state = self._states[index] = self._state(index, now)
            session = state[2]
            if session is not None:
                segment = self.segment_at(session, now)
                ranked.append(Live(self.viewers(session, now), self.channels[index], session, segment))
        ranked.sort(key=lambda live: -live.score)
        return Snapshot(ranked, {live.channel.id: live for live in ranked})

    def top_categories(self, now: float) -> list[Category]:
        """Return the categories that are being streamed, by viewers downwards."""
        return self._top(int(now / SNAPSHOT_SECONDS))

    def _make_top(self, tick: int) -> list[Category]:
        viewers: dict[str, float] = {}
        for live in self._snapshot(tick).ranked:
            if live.segment.category:
                key = live.segment.category.id
                viewers[key] = viewers.get(key, 0.0) + live.score
        ranked = sorted(viewers, key=lambda key: (-viewers[key], key))
        return [self.categories[self.category_by_id[key]] for key in ranked]

    # -- what stays

    def recordings(self, channel: Channel, now: float) -> list[Recording]:
        """Return the channel's videos at a moment, newest first."""
        if not self.exists(channel, now):
            return []
        return [
            recording
            for recording in self._recordings_of_day(channel.index, int(now // DAY))
            if recording.created <= now and (recording.session is None or self.is_recorded(recording.session, now))
        ]

    def is_recorded(self, session: Session, now: float) -> bool:
        """Return whether a session that has begun has a recording that is not yet too old."""
        channel = self.channels[session.channel]
        return channel.recorded and now < session.start + RETENTION_DAYS[channel.tier] * DAY

    def recording(self, number: int, now: float) -> Recording | None:
        """Return the video with this number if it is there at this moment."""
        index = number // 10 % MAX_CHANNELS
        if index >= len(self.channels):
            return None
        found = (recording for recording in self.recordings(self.channels[index], now) if recording.number == number)
        return next(found, None)

    def archive_number(self, session: Session) -> int:
        """Return the number of a session's recording, whether or not it is kept."""
        return ((session.day - ORIGIN // DAY) * MAX_CHANNELS + session.channel) * 10 + session.part + 1

    def _make_recordings(self, index: int, today: int) -> list[Recording]:
        """Return what may be there on a day: the sessions within reach and everything made by hand."""
        channel = self.channels[index]
        made = []
        days = range(today - RETENTION_DAYS[channel.tier] - 1, today + 2) if channel.recorded else ()
        for day in days:
            for session in self.sessions(index, day):
                title = self.segments(session)[0].title
                appeal = channel.peak * session.scale * 1.5
                number = self.archive_number(session)
                length = session.end - session.start
                made.append(Recording(number, "archive", channel, session, session.start, length, title, appeal))
        luck = draws(self.seed, "handmade", index)
        if luck[0] < 0.4:
            every = 150 + int(luck[1] * 800)
            for day in range(int(channel.created // DAY) + 30 + int(luck[2] * every), today + 1, every):
                chance = draws(self.seed, "handmade", index, day)
                title = words.title(channel.language, self.categories[channel.category].name, chance)
                kind = "highlight" if chance[7] < 0.6 else "upload"
                number = ((day - ORIGIN // DAY) * MAX_CHANNELS + index) * 10 + 5
                created = day * DAY + int(chance[8] * DAY)
                length, appeal = 20 + int(chance[9] ** 3 * 7200), channel.peak * (0.5 + 4 * chance[10])
                made.append(Recording(number, kind, channel, None, created, length, title, appeal))
        made.sort(key=lambda recording: -recording.created)
        return made

    def clips(self, channel: Channel, since: float, until: float, now: float) -> list[Clip]:
        """Return the clips made in [since, until] as known at the last full minute, most viewed first.

        Wide windows leave out lesser clips that narrow ones return, as the real service was seen to do.
        """
        if not self.exists(channel, now):
            return []
        minute = now // 60 * 60
        return self._ranked_clips(channel.index, max(since, minute - CLIP_DAYS * DAY), min(until, minute), minute)

    def _rank_clips(self, index: int, since: float, until: float, minute: float) -> list[Clip]:
        days = range(int(since // DAY) - 1, int(until // DAY) + 2)
        most = min(MAX_CLIPS_A_DAY, max(5, 5000 // max(1, len(days) - 2)))
        found = [
            clip for day in days for clip in self._clips_of_day(index, day, most) if since <= clip.created <= until
        ]
        found.sort(key=lambda clip: (-clip.views_at(minute), clip.created, clip.number))
        return found

    def clip(self, slug: str, now: float) -> Clip | None:
        """Return the clip with this slug if it is there at this moment."""
        try:
            code = int(slug.rpartition("-")[2], 16)
        except ValueError:
            return None
        place, number = divmod(code, MAX_CLIPS_A_DAY)
        day, index = divmod(place, MAX_CHANNELS)
        if index >= len(self.channels) or not now // DAY - CLIP_DAYS - 2 < day < now // DAY + 2:
            return None
        for clip in self._clips_of_day(index, day, MAX_CLIPS_A_DAY):
            if clip.number == number and clip.slug == slug and now - CLIP_DAYS * DAY <= clip.created <= now // 60 * 60:
                return clip if self.exists(clip.channel, now) else None
        return None

    def _make_clips(self, index: int, day: int, most: int) -> tuple[Clip, ...]:
        """Return the clips of the sessions that began on a day, from the one with the most appeal downwards."""
        channel = self.channels[index]
        sessions = self.sessions(index, day)
        if not sessions:
            return ()
        luck = draws(self.seed, "clips", index, day)
        number = int(0.085 * channel.peak**0.8 * sessions[0].scale + luck[0])
        made = []
        for rank in range(min(number, most, MAX_CLIPS_A_DAY)):
            chance = draws(self.seed, "clip", index, day, rank)
            session = sessions[int(chance[0] * len(sessions))]
            created = session.start + 30 + int(chance[1] * max(1, session.end - session.start - 30))
            seconds = 60 if chance[2] < 0.1 else round(5 + 55 * chance[3], 1)
            creator = self.channels[int(chance[4] * len(self.channels))]
            appeal = 2 + channel.peak**0.9 * 0.5 / (rank + 1) ** 0.8 * exp(0.5 * _bell(*chance[5:8]))
            made.append(Clip(day, rank, channel, session, created, seconds, creator, appeal))
        return tuple(made)
