"""Rate budgets: what may still be asked of an API, shared by all threads and corrected by the API's own answers."""

from __future__ import annotations

import abc
import datetime as dt
import math
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipelines.clock import Clock
from pipelines.errors import AirtimeError

# Tokens kept unspent. A request is counted here a moment before the API counts it; while the API's bucket is full, that
# moment's refill exists only here, so spending to the last token would end in a 429 of our own making.
RESERVE_SHARE = 0.01
FIRST_ANSWER_SECONDS = 10.0
# An API's window ends when its own clock says so, which may be a moment later than here.
WINDOW_MARGIN_SECONDS = 1.0
# Reported times to the end of one window differ by the seconds that answers take; of two windows, by far more.
SAME_WINDOW_SECONDS = 30.0


class QuotaError(AirtimeError):
    """The budget is used up, and comes back only after the time that the run has."""

    exit_code = 0


class Reported(NamedTuple):
    """What an answer tells of the rate limit; None for what it does not tell. `resets_in` is in seconds."""

    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None


NOTHING_REPORTED = Reported()


class Budget(abc.ABC):
    """What may still be asked: `limit` requests per `period` seconds, at least `interval` seconds apart.

    It starts unknown: the first request goes alone and the others wait for its answer, because an earlier run may have
    used up the API's limit. From then on each answer that reports less than is left here lowers it, so another program
    that draws on the same limit is taken into account.
    """

    def __init__(self, clock: Clock, limit: int, period: float, interval: float = 0.0):
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
        """Requests in a period."""
        return self._limit

    @property
    def period(self) -> float:
        """Seconds of a period."""
        return self._period

    def acquire(self, deadline: float = math.inf) -> None:
        """Take one token, waiting until there is one. Call `release` with what the answer reported.

        Raises:
            QuotaError: there will be none before `deadline`, a moment of the monotonic clock.
            StoppedError: the run is to end.
        """
        self._clock.raise_if_stopped()
        while (wait := self._try_acquire()) > 0:
            if self._clock.monotonic() + wait > deadline:
                until = self._clock.now() + dt.timedelta(seconds=wait)
                raise QuotaError(f"the API's limit of {self._limit} requests is used up until {until:%H:%M:%S} UTC")
            self._clock.sleep(wait)

    def release(self, reported: Reported = NOTHING_REPORTED, exhausted: bool = False) -> None:
        """Note the end of a request: what the API reported, and whether it said that nothing is left."""
        with self._lock:
            self._refresh()
            self._in_flight -= 1
            if reported.limit and reported.limit != self._limit:
                self._set_limit(reported.limit)
            self._correct(reported, exhausted)
            self._known = True
            self._lock.notify_all()

    @abc.abstractmethod
    def seconds_for(self, requests: int) -> float:
        """The time that so many requests take if nothing has been asked yet: the earliest end of a plan."""

    def _set_limit(self, limit: int) -> None:
        self._limit = limit
        self._reserve = limit * RESERVE_SHARE
        # a limit of one or two must still hold a whole token
        self._capacity = max(1.0, limit - self._reserve)

    def _try_acquire(self) -> float:
        """Take a token and return 0, or return the seconds to wait before asking again."""
        with self._lock:
            self._refresh()
            if not self._known and self._in_flight:
                self._lock.wait(FIRST_ANSWER_SECONDS)
                return 0.001
            pause = self._last_start + self._interval - self._at
            if pause > 0:
                return pause
            if self._known and self._level < 1:
                return self._wait()
            self._level -= 1
            self._in_flight += 1
            self._last_start = self._at
            return 0.0

    @abc.abstractmethod
    def _refresh(self) -> None:
        """Bring the level up to now."""

    @abc.abstractmethod
    def _correct(self, reported: Reported, exhausted: bool) -> None:
        """Correct the level by what an answer reported."""

    @abc.abstractmethod
    def _wait(self) -> float:
        """Seconds until there is a token."""


class RateBudget(Budget):
    """A token bucket: it holds `limit` tokens and refills at `limit` per `period` seconds."""

    def __init__(self, clock: Clock, limit: int, period: float = 60.0, interval: float = 0.0):
        super().__init__(clock, limit, period, interval)

    @property
    def per_second(self) -> float:
        """Tokens that come back in a second."""
        return self._limit / self._period

    def seconds_for(self, requests: int) -> float:
        """The time that so many requests take from a full bucket, or by the interval between them if that is more."""
        return max(0.0, (requests - self._limit) / self.per_second, (requests - 1) * self._interval)

    def _refresh(self) -> None:
        now = self._clock.monotonic()
        self._level = min(self._capacity, self._level + (now - self._at) * self.per_second)
        self._at = now

    def _correct(self, reported: Reported, exhausted: bool) -> None:
        remaining = reported.remaining
        if not self._known:
            start = self._capacity if remaining is None else remaining - self._reserve - self._in_flight
            self._level = min(self._capacity, start)
        elif remaining is not None and remaining - self._reserve < self._level:
            # some of the requests in flight are counted in `remaining` already; assuming none is errs safely
            self._level = remaining - self._reserve - self._in_flight
        if exhausted:
            self._level = min(self._level, 0.0)

    def _wait(self) -> float:
        return (1 - self._level) / self.per_second


class WindowBudget(Budget):
    """A fixed window: it opens with its first request, and `period` seconds later all of `limit` is back at once."""

    def __init__(self, clock: Clock, limit: int, period: float = 3600.0, interval: float = 0.0):
        super().__init__(clock, limit, period, interval)
        self._ends_at = math.inf

    def seconds_for(self, requests: int) -> float:
        """The time until the window opens in which the last of so many requests fits."""
        return max(0, math.ceil(requests / self._capacity) - 1) * self._period

    def _refresh(self) -> None:
        self._at = self._clock.monotonic()
        if self._at >= self._ends_at:
            self._level, self._ends_at = self._capacity, math.inf

    def _correct(self, reported: Reported, exhausted: bool) -> None:
        resets_in = reported.resets_in
        ends_at = self._at + (self._period if resets_in is None else resets_in + WINDOW_MARGIN_SECONDS)
        # requests in flight may be counted in `remaining` already; assuming that none is errs safely
        left = self._capacity if reported.remaining is None else reported.remaining - self._reserve - self._in_flight
        # told of no end, the client backs off instead of waiting for one
        if exhausted and resets_in is not None:
            left = 0.0
        if not self._known or (resets_in is not None and ends_at > self._ends_at + SAME_WINDOW_SECONDS):
            self._level, self._ends_at = left, ends_at
        else:
            self._level = min(self._level, left)
            self._ends_at = min(self._ends_at, ends_at)

    def _wait(self) -> float:
        return max(self._ends_at - self._at, 0.001)


class DayBudget(Budget):
    """A quota of `limit` requests a day, which ends at midnight in `zone`; it is spread over the day, and none waits.

    At any moment no more may have been spent than the share of the day that has passed allows, and `burst` requests
    more; the rest is kept for later. `spent` is asked once what earlier runs have spent since the day began.
    """

    def __init__(
        self,
        clock: Clock,
        limit: int,
        zone: ZoneInfo,
        burst: float,
        spent: Callable[[dt.datetime], int] = lambda since: 0,
        interval: float = 0.0,
    ):
        super().__init__(clock, limit, period=86400.0, interval=interval)
        self._zone = zone
        self._burst = max(1.0, burst)
        self._day = self._bounds(clock.now())
        self._spent = spent(self._day[0])
        self._is_exhausted = False

    def acquire(self, deadline: float = math.inf) -> None:
        """Take one request of the day's, without waiting for it. Call `release` afterwards.

        Raises:
            QuotaError: there is none before later today, or tomorrow.
            StoppedError: the run is to end.
        """
        self._clock.raise_if_stopped()
        while True:
            with self._lock:
                self._refresh()
                pause = self._last_start + self._interval - self._clock.monotonic()
                if pause <= 0:
                    if self._left() < 1:
                        raise self._kept()
                    self._spent += 1
                    self._in_flight += 1
                    self._last_start = self._clock.monotonic()
                    return
            self._clock.sleep(pause)

    def available(self) -> int:
        """Requests that may be made now."""
        with self._lock:
            self._refresh()
            return self._left()

    def kept(self) -> QuotaError:
        """What to raise where something is left for later because of this budget."""
        with self._lock:
            self._refresh()
            return self._kept()

    def seconds_for(self, requests: int) -> float:
        """The time until so many have been made, if nothing has been asked yet."""
        return max(0.0, (requests - self._burst) * self._period / self._limit)

    def _left(self) -> int:
        # a hair more, so that what is due on the second is not short by a rounding error
        return 0 if self._is_exhausted else max(0, math.floor(self._allowed(self._clock.now()) + 1e-6) - self._spent)

    def _allowed(self, now: dt.datetime) -> float:
        """Requests that may have been made by a moment of the day."""
        begin, end = self._bounds(now)
        return min(self._limit, self._limit * ((now - begin) / (end - begin)) + self._burst)

    def _kept(self) -> QuotaError:
        begin, end = self._bounds(self._clock.now())
        wanted = (self._spent + 1 - self._burst) / self._limit
        if self._is_exhausted or self._spent >= self._limit:
            return QuotaError(f"the {self._limit} requests of the day are used up until {end:%Y-%m-%d %H:%M} UTC")
        return QuotaError(
            f"kept for later today: {self._spent} of the {self._limit} requests of the day are spent, the next is free"
            f" at {begin + (end - begin) * wanted:%H:%M:%S} UTC"
        )

    def _bounds(self, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """Begin and end of the day, in UTC: in the zone's own time, days when clocks change would count 24 hours."""
        day = now.astimezone(self._zone).date()
        midnight = lambda day: dt.datetime.combine(day, dt.time(), self._zone).astimezone(dt.UTC)
        return midnight(day), midnight(day + dt.timedelta(days=1))

    def _refresh(self) -> None:
        day = self._bounds(self._clock.now())
        if day != self._day:
            self._day, self._spent, self._is_exhausted = day, 0, False

    def _correct(self, reported: Reported, exhausted: bool) -> None:
        # too many in a minute says nothing of the day
        self._is_exhausted |= reported.remaining == 0

    def _wait(self) -> float:
        return 0.0


class Budgets:
    """One budget a bucket of an API, made when first asked for."""

    def __init__(self, make: Callable[[], Budget], bucket_of: Callable[[str], str] = lambda path: ""):
        self._make = make
        self._bucket_of = bucket_of
        self._lock = threading.Lock()
        self._made: dict[str, Budget] = {}

    @classmethod
    def given(cls, budgets: Mapping[str, Budget], bucket_of: Callable[[str], str]) -> Budgets:
        """Budgets that are not alike, by bucket."""
        found = cls(lambda: next(iter(budgets.values())), bucket_of)
        found._made |= budgets
        return found

    def of(self, path: str) -> Budget:
        """The budget that a request to `path` draws on."""
        bucket = self._bucket_of(path)
        with self._lock:
            if bucket not in self._made:
                self._made[bucket] = self._make()
            return self._made[bucket]

    def bucket_of(self, path: str) -> str:
        """The name of the bucket that a request to `path` draws on."""
        return self._bucket_of(path)
