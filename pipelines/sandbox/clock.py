"""The sandbox's own time: real by default, or shifted, sped up, frozen or set by a test.

Only this module may ask the machine for the time; everything else asks a WorldClock, or monotonic() for real waits.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import NamedTuple

monotonic = time.monotonic


def as_moment(value: datetime | str) -> datetime:
    """Return an aware UTC datetime from a datetime or ISO 8601 text; one without a zone is taken as UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Anchor(NamedTuple):
    world: float
    real: float
    speed: float
    frozen: bool


class WorldClock:
    """World time (UTC). It runs from `now` at `speed` world seconds per real second, or stands still when frozen."""

    def __init__(self, now: datetime | str | None = None, speed: float = 1.0, frozen: bool = False) -> None:
        real = time.time()
        # one tuple, replaced whole: the server's thread never sees a half-made change
        self._anchor = _Anchor(real if now is None else as_moment(now).timestamp(), real, speed, frozen)

    def time(self) -> float:
        """Return the world time as Unix epoch seconds."""
        anchor = self._anchor
        return anchor.world if anchor.frozen else anchor.world + (time.time() - anchor.real) * anchor.speed

    def now(self) -> datetime:
        """Return the world time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), UTC)

    @property
    def speed(self) -> float:
        """World seconds per real second while the clock runs."""
        return self._anchor.speed

    @property
    def frozen(self) -> bool:
        """Whether time stands still."""
        return self._anchor.frozen

    def set(self, moment: datetime | str) -> None:
        """Jump to a moment; a running clock runs on from there."""
        self._move(as_moment(moment).timestamp())

    def advance(self, seconds: float) -> None:
        """Jump forward (or back, if negative) by world seconds."""
        self._move(self.time() + seconds)

    def freeze(self) -> None:
        """Stop at the present moment."""
        self._move(self.time(), frozen=True)

    def run(self, speed: float | None = None) -> None:
        """Run on from the present moment, at another speed if given."""
        self._move(self.time(), frozen=False, speed=speed)

    def _move(self, world: float, frozen: bool | None = None, speed: float | None = None) -> None:
        old = self._anchor
        self._anchor = _Anchor(
            world, time.time(), old.speed if speed is None else speed, old.frozen if frozen is None else frozen
        )
