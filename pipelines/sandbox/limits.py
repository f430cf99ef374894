"""Request budgets of three kinds, for an API to choose from.

Token buckets refill continuously on real time, even while the world's clock stands still: a client waits in real
seconds, so a frozen world must not starve it for ever. Fixed windows and days are counted on the world's clock, as
the API tells their end in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

from pipelines.sandbox.clock import monotonic


@dataclass(frozen=True, slots=True)
class Budget:
    """What a bucket or window said to one request: granted or not, its level afterwards, and whose it is."""

    granted: bool
    limit: int
    remaining: int
    seconds_to_full: float
    key: str = ""


class Limiter(Protocol):
    """Says of each request whether its budget still allows it."""

    def take(self, key: str) -> Budget:
        """Draw one point from the budget of `key`."""


class TokenBucket:
    """A bucket that holds `per_minute` points at most and gains as many in a minute."""

    def __init__(self, per_minute: int, ruler: Callable[[], float] = monotonic) -> None:
        self.per_minute = per_minute
        self._ruler = ruler
        self._level = float(per_minute)
        self._at = ruler()

    def take(self, points: int = 1, key: str = "") -> Budget:
        """Draw points if there are enough; a refused request costs nothing. `key` is passed on."""
        now = self._ruler()
        self._level = min(self.per_minute, self._level + (now - self._at) * self.per_minute / 60)
        self._at = now
        granted = self._level >= points
        if granted:
            self._level -= points
        missing = self.per_minute - self._level
        return Budget(granted, self.per_minute, int(self._level), missing * 60 / self.per_minute, key)


class Limits:
    """One bucket per key, made full on first use; of `per_minute` points, or of those that `rates` has for the key."""

    def __init__(
        self, per_minute: int, ruler: Callable[[], float] = monotonic, rates: Mapping[str, int] | None = None
    ) -> None:
        self._rates = dict(rates or {})
        if (least := min([per_minute, *self._rates.values()])) < 1:
            raise ValueError(f"points per minute must be at least 1, not {least}")
        self._per_minute = per_minute
        self._ruler = ruler
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, key: str) -> Budget:
        """Draw one point from the bucket of `key`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rates.get(key, self._per_minute), self._ruler)
        return bucket.take(key=key)


class Windows:
    """One window per key: it begins with the first request and grants `limit` until it ends, `seconds` later."""

    def __init__(self, limit: int, ruler: Callable[[], float], seconds: float = 3600) -> None:
        if limit < 1:
            raise ValueError(f"requests per hour must be at least 1, not {limit}")
        self.limit = limit
        self.seconds = seconds
        self._ruler = ruler
        self._windows: dict[str, tuple[float, int]] = {}  # start and requests so far

    def peek(self, key: str) -> Budget:
        """Return what the next request would be told before it counts."""
        now = self._ruler()
        start, spent = self._windows.get(key, (now, 0))
        if not start <= now < start + self.seconds:  # it is over, or the world's clock was set back
            start, spent = now, 0
        return Budget(spent < self.limit, self.limit, self.limit - spent, start + self.seconds - now)

    def take(self, key: str) -> Budget:
        """Count a request; a refused one does not count."""
        before = self.peek(key)
        if not before.granted:
            return before
        start = self._ruler() - (self.seconds - before.seconds_to_full)
        self._windows[key] = (start, self.limit - before.remaining + 1)
        return Budget(True, self.limit, before.remaining - 1, before.seconds_to_full)


class Days:
    """Quotas of a day, which ends at midnight in a zone. A key ends with the name of its quota; others are free."""

    def __init__(self, limits: Mapping[str, int], ruler: Callable[[], float], zone: tzinfo) -> None:
        if min(limits.values()) < 1:
            raise ValueError(f"requests per day must be at least 1, not {min(limits.values())}")
        self._limits = dict(limits)
        self._ruler = ruler
        self._zone = zone
        self._spent: dict[str, tuple[str, int]] = {}  # day and requests so far

    def peek(self, key: str) -> Budget:
        """Return what the next request would be told before it counts."""
        limit = self._limits.get(key.rpartition(":")[2])
        if limit is None:
            return Budget(True, 0, 0, 0.0)
        now = datetime.fromtimestamp(self._ruler(), self._zone)
        day, spent = self._spent.get(key, ("", 0))
        spent = spent if day == now.date().isoformat() else 0
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), self._zone)
        return Budget(spent < limit, limit, limit - spent, midnight.timestamp() - now.timestamp())

    def take(self, key: str) -> Budget:
        """Count a request; a refused one does not count."""
        before = self.peek(key)
        if not before.granted or not before.limit:
            return before
        day = datetime.fromtimestamp(self._ruler(), self._zone).date().isoformat()
        self._spent[key] = (day, before.limit - before.remaining + 1)
        return Budget(True, before.limit, before.remaining - 1, before.seconds_to_full)
