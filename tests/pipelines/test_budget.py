"""The rate budget: never more than the limit, whoever asks, and always what the API says."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.budget import FIRST_ANSWER_SECONDS, RateBudget
from pipelines.client import ApiError
from pipelines.clock import Clock
from pipelines.sandbox import Sandbox
from tests.helpers import SimulatedClock, twitch_api


class ApiBucket:
    """The API's side: a full bucket that refills on the same clock, and the times at which it was asked."""

    def __init__(self, clock: SimulatedClock, limit: int):
        self._clock = clock
        self._limit = limit
        self._level = float(limit)
        self._at = clock.monotonic()
        self.asked: list[float] = []

    def take(self) -> int:
        now = self._clock.monotonic()
        self._level = min(self._limit, self._level + (now - self._at) * self._limit / 60)
        self._at = now
        self.asked.append(now)
        self._level -= 1
        assert self._level >= 0, "the API would have answered 429"
        return int(self._level)


def ask(budget: RateBudget, bucket: ApiBucket, times: int) -> None:
    for _ in range(times):
        budget.acquire()
        budget.release(budget.limit, bucket.take())


@pytest.mark.parametrize("limit", [2, 10, 800])
def test_no_window_holds_more_than_a_full_bucket_and_what_came_back(limit: int) -> None:
    clock = SimulatedClock()
    bucket, budget = ApiBucket(clock, limit), RateBudget(clock, limit)
    ask(budget, bucket, 3 * limit)
    for first, start in enumerate(bucket.asked):
        for last in range(first, len(bucket.asked), max(1, limit // 10)):
            assert last - first + 1 <= limit + (bucket.asked[last] - start) * limit / 60 + 1e-6
    assert bucket.asked[-1] <= 60 * 2 * 1.05 + 60 / limit, "and it does not dawdle"


def test_a_bucket_of_one_gives_one_a_period() -> None:
    clock = SimulatedClock()
    bucket, budget = ApiBucket(clock, 1), RateBudget(clock, 1)
    ask(budget, bucket, 3)
    assert bucket.asked == pytest.approx([0, 60, 120], abs=2)


def test_a_pause_refills_a_bucket_to_its_limit_and_no_further() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 100)

    def ask_silent_api(times: int) -> int:
        """The waits that so many requests took to an API that tells nothing."""
        before = len(clock.slept)
        for _ in range(times):
            budget.acquire()
            budget.release()
        return len(clock.slept) - before

    assert ask_silent_api(110) > 0
    clock.advance(3600)
    assert ask_silent_api(99) == 0 and ask_silent_api(2) > 0


def test_the_first_request_goes_alone_and_the_others_wait_for_its_answer() -> None:
    budget = RateBudget(SimulatedClock(), 100)
    taken, waiting = threading.Semaphore(0), threading.Event()

    def second() -> None:
        waiting.set()
        budget.acquire()
        taken.release()

    budget.acquire()
    thread = threading.Thread(target=second, daemon=True)
    thread.start()
    assert waiting.wait(10) and not taken.acquire(timeout=0.05)
    budget.release(100, 50)
    assert taken.acquire(timeout=FIRST_ANSWER_SECONDS / 2), "it is woken by the answer, not by a time limit"


def test_a_first_answer_that_reports_an_empty_bucket_holds_everybody_back() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 600)
    budget.acquire()
    budget.release(600, 0)
    budget.acquire()
    assert clock.monotonic() >= 60 / 600


def test_the_limit_is_the_one_that_the_api_reports() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 10)
    budget.acquire()
    budget.release(300, 299)
    assert (budget.limit, budget.per_second) == (300, 5.0)
    for _ in range(200):
        budget.acquire()
        budget.release()
    assert clock.slept == []


def test_an_answer_with_fewer_tokens_lowers_the_level_and_one_with_more_does_not_raise_it() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 100)
    budget.acquire()
    budget.release(100, 100)
    budget.acquire()
    budget.release(100, 4)
    spent = 0
    while not clock.slept:
        budget.acquire()
        # a late answer still speaks of the time before
        budget.release(100, 90)
        spent += 1
    assert spent <= 4, "somebody else drew on the same bucket"


def test_requests_in_flight_are_not_promised_twice() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 100)
    budget.acquire()
    budget.release(100, 99)
    for _ in range(11):
        budget.acquire()
    budget.release(100, 12)
    for _ in range(2):
        budget.acquire()
    assert clock.slept, "ten in flight may not be counted in the twelve yet, and one stays in reserve"


def test_an_exhausted_answer_pauses_until_a_token_has_come_back() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 60)
    budget.acquire()
    budget.release(60, 59)
    budget.acquire()
    budget.release(exhausted=True)
    budget.acquire()
    assert clock.monotonic() == pytest.approx(1.0)


def test_requests_start_at_least_the_interval_apart() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 1000, interval=0.5)
    starts = []
    for _ in range(5):
        budget.acquire()
        starts.append(clock.monotonic())
        budget.release()
    assert all(later - earlier >= 0.5 - 1e-9 for earlier, later in itertools.pairwise(starts))


def test_the_time_for_a_plan_starts_from_a_full_bucket() -> None:
    budget = RateBudget(SimulatedClock(), 600)
    assert (budget.seconds_for(600), budget.seconds_for(900)) == (0.0, 30.0)


def test_thirty_threads_draw_an_api_dry_and_meet_no_429() -> None:
    limit, beyond = 900, 5
    log: list[dict[str, object]] = []
    with Sandbox(channels=10, points_per_minute=limit) as sandbox:
        # what is tested here is a race, so time is real
        api = twitch_api(sandbox, clock=Clock(), log=log, points_per_minute=limit)
        with ThreadPoolExecutor(30) as pool:
            list(pool.map(lambda _: api.client.get("/users", [("id", "1")], resource="users"), range(limit + beyond)))
        assert sandbox.requests(status=429) == []
        assert len(sandbox.requests(path="/users", status=200)) == limit + beyond
    assert [row["rate_limited"] for row in log] == [0] * (limit + beyond)


def test_an_empty_bucket_left_by_an_earlier_run_is_waited_for() -> None:
    limit = 600
    with Sandbox(channels=10, points_per_minute=limit) as sandbox:
        first = twitch_api(sandbox, retries=0)
        for _ in range(limit + 1):
            try:
                first.client.get("/users", [("id", "1")], resource="users")
            except ApiError:
                break
        log: list[dict[str, object]] = []
        again = twitch_api(sandbox, clock=Clock(), log=log)
        with ThreadPoolExecutor(30) as pool:
            list(pool.map(lambda _: again.client.get("/users", [("id", "1")], resource="users"), range(6)))
    assert sum(int(str(row["rate_limited"])) for row in log) <= 1, "at most the one request that found it empty"
