"""Rate budgets: a token bucket that all threads share and that the API's own answers correct."""

from __future__ import annotations

import threading

from pipelines.clock import Clock

# Tokens kept unspent. A request is counted here a moment before the API counts it; while the API's bucket is full, that
# moment's refill exists only here, so spending to the last token would end in a 429 of our own making.
RESERVE_SHARE = 0.01
FIRST_ANSWER_SECONDS = 10.0


class RateBudget:
    """A bucket of `limit` tokens that refills at `limit` per `period` seconds.

    It starts unknown: the first request goes alone and the others wait for its answer, because an earlier run may have
    left the API's bucket empty. From then on each answer that reports fewer tokens than this bucket holds lowers it,
    so another program that draws on the same limit is taken into account.
    """

    def __init__(self, clock: Clock, limit: int, period: float = 60.0, interval: float = 0.0):
        self._clock = clock
        self._period = period
        self._interval = interval
        self._lock = threading.Condition()
        self._set_limit(limit)
        self._level = 1.0
        self._at = clock.monotonic()
        self._known = False
        self._in_flight = 0
        self._last_start = float("-inf")

    @property
    def limit(self) -> int:
        """Tokens in a full bucket, and tokens that come back in a period."""
        return self._limit

    @property
    def per_second(self) -> float:
        """Tokens that come back in a second."""
        return self._limit / self._period

    def acquire(self) -> None:
        """Take one token, waiting until there is one. Call `release` with what the answer reported.

        Raises:
            StoppedError: the run is to end.
        """
        self._clock.raise_if_stopped()
        while (wait := self._try_acquire()) > 0:
            self._clock.sleep(wait)

    def release(self, limit: int | None = None, remaining: int | None = None, exhausted: bool = False) -> None:
        """Note the end of a request: what the API reported, and whether it said that the bucket is empty."""
        with self._lock:
            self._refill()
            self._in_flight -= 1
            if limit and limit != self._limit:
                self._set_limit(limit)
            if not self._known:
                self._known = True
                start = self._capacity if remaining is None else remaining - self._reserve - self._in_flight
                self._level = min(self._capacity, start)
            elif remaining is not None and remaining - self._reserve < self._level:
                # some of the requests in flight are counted in `remaining` already; assuming none is errs safely
                self._level = remaining - self._reserve - self._in_flight
            if exhausted:
                self._level = min(self._level, 0.0)
            self._lock.notify_all()

    def seconds_for(self, tokens: int) -> float:
        """The time that so many tokens take from a full bucket: the earliest end of a plan."""
        return max(0.0, (tokens - self._limit) / self.per_second)

    def _set_limit(self, limit: int) -> None:
        self._limit = limit
        self._reserve = limit * RESERVE_SHARE
        # a bucket of one or two must still hold a whole token
        self._capacity = max(1.0, limit - self._reserve)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._level = min(self._capacity, self._level + (now - self._at) * self.per_second)
        self._at = now

    def _try_acquire(self) -> float:
        """Take a token and return 0, or return the seconds to wait before asking again."""
        with self._lock:
            self._refill()
            if not self._known and self._in_flight:
                self._lock.wait(FIRST_ANSWER_SECONDS)
                return 0.001
            pause = self._last_start + self._interval - self._at
            if pause > 0:
                return pause
            if self._known and self._level < 1:
                return (1 - self._level) / self.per_second
            self._level -= 1
            self._in_flight += 1
            self._last_start = self._at
            return 0.0
