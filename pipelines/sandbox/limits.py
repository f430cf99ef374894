"""Request budgets: token buckets that refill continuously on real time, even while the world's clock stands still.

A client waits in real seconds, so a frozen world must not starve it for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.sandbox.clock import monotonic


@dataclass(frozen=True, slots=True)
class Budget:
    """What a bucket said to one request: granted or not, and its level afterwards."""

    granted: bool
    limit: int
    remaining: int
    seconds_to_full: float


class TokenBucket:
    """A bucket that holds `per_minute` points at most and gains as many in a minute."""

    def __init__(self, per_minute: int, ruler: Callable[[], float] = monotonic) -> None:
        self.per_minute = per_minute
        self._ruler = ruler
        self._level = float(per_minute)
        self._at = ruler()

    def take(self, points: int = 1) -> Budget:
        """Draw points if there are enough; a refused request costs nothing."""
        now = self._ruler()
        self._level = min(self.per_minute, self._level + (now - self._at) * self.per_minute / 60)
        self._at = now
        granted = self._level >= points
        if granted:
            self._level -= points
        missing = self.per_minute - self._level
        return Budget(granted, self.per_minute, int(self._level), missing * 60 / self.per_minute)


class Limits:
    """One bucket per key, made full on first use."""

    def __init__(self, per_minute: int, ruler: Callable[[], float] = monotonic) -> None:
        if per_minute < 1:
            raise ValueError(f"points per minute must be at least 1, not {per_minute}")
        self._per_minute = per_minute
        self._ruler = ruler
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, key: str) -> Budget:
        """Draw one point from the bucket of `key`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._per_minute, self._ruler)
        return bucket.take()
