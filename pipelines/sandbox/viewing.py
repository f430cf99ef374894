"""The truth about viewing in a world, minute by minute: what metrics that rest on polls can be held against.

Counts are whole, as an API shows them. Times are Unix epoch seconds, days count from 1970-01-01 UTC.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pipelines.sandbox.world import DAY, Channel, Session, World

MINUTE = 60
RESTART_SECONDS = 15 * MINUTE


class Minute(NamedTuple):
    """A minute of a session, or the part of it that the session took; `category` is "" for none."""

    start: int
    seconds: int
    viewers: int
    category: str


@dataclass
class Viewed:
    """What was watched of something: viewer-seconds, seconds on air, and the most viewers at once."""

    viewer_seconds: int = 0
    airtime_seconds: int = 0
    peak_viewers: int = 0

    def add(self, minute: Minute) -> None:
        """Count a minute."""
        self.viewer_seconds += minute.viewers * minute.seconds
        self.airtime_seconds += minute.seconds
        self.peak_viewers = max(self.peak_viewers, minute.viewers)


@dataclass
class Viewing:
    """The truth of some sessions: by stream id, (channel id, day) and (category id, day).

    A category's peak is that of the sum over its streams. Channels that hide their viewers are left out.
    """

    streams: dict[str, Viewed] = field(default_factory=lambda: defaultdict(Viewed))
    channel_days: dict[tuple[str, int], Viewed] = field(default_factory=lambda: defaultdict(Viewed))
    category_days: dict[tuple[str, int], Viewed] = field(default_factory=lambda: defaultdict(Viewed))

    @property
    def viewer_seconds(self) -> int:
        """Of everything."""
        return sum(viewed.viewer_seconds for viewed in self.streams.values())


def minutes(world: World, session: Session) -> Iterator[Minute]:
    """Yield a session minute by minute, cut at full minutes and at changes of category."""
    cuts = {session.start, session.end, *range(-(-session.start // MINUTE) * MINUTE, session.end, MINUTE)}
    cuts |= {int(segment.start) for segment in world.segments(session)}
    edges = sorted(cuts)
    for start, end in itertools.pairwise(edges):
        middle = (start + end) / 2
        category = world.segment_at(session, middle).category
        yield Minute(start, end - start, int(world.viewers(session, middle)), category.id if category else "")


def viewing(world: World, sessions: Iterable[Session]) -> Viewing:
    """Watch sessions from their start to their end."""
    truth = Viewing()
    together: dict[tuple[str, int], int] = defaultdict(int)
    for session in sessions:
        channel = world.channels[session.channel]
        if world.hides_viewers(channel):
            continue
        alone: dict[tuple[str, int], int] = {}
        for minute in minutes(world, session):
            day = minute.start // DAY
            truth.streams[session.id].add(minute)
            truth.channel_days[channel.id, day].add(minute)
            if minute.category:
                truth.category_days[minute.category, day].add(minute)
                key = minute.category, minute.start // MINUTE
                alone[key] = max(alone.get(key, 0), minute.viewers)
        for key, viewers in alone.items():
            together[key] += viewers
    for (category, minute_number), viewers in together.items():
        viewed = truth.category_days[category, minute_number * MINUTE // DAY]
        viewed.peak_viewers = max(viewed.peak_viewers, viewers)
    return truth


def sessions_between(world: World, since: int, until: int) -> list[Session]:
    """Return the sessions that begin and end within a time, by start."""
    days = range(since // DAY - 1, until // DAY + 1)
    found = [
        session
        for channel in world.channels
        for day in days
        for session in world.sessions(channel.index, day)
        if since <= session.start and session.end <= until
    ]
    return sorted(found, key=lambda session: (session.start, session.channel))


def joined(sessions: Iterable[Session]) -> list[list[Session]]:
    """Return sessions with their restarts: those of a channel that follow within 15 minutes are one."""
    groups: list[list[Session]] = []
    last: dict[int, list[Session]] = {}
    for session in sorted(sessions, key=lambda session: session.start):
        group = last.get(session.channel)
        if group and session.start - group[-1].end <= RESTART_SECONDS:
            group.append(session)
        else:
            last[session.channel] = group = [session]
            groups.append(group)
    return groups


def hidden(world: World) -> list[Channel]:
    """Return the channels that hide how many are watching."""
    return [channel for channel in world.channels if world.hides_viewers(channel)]
