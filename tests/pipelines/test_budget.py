"""The rate budget: never more than the limit, whoever asks, and always what the API says."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.budget import FIRST_ANSWER_SECONDS, Budgets, QuotaError, RateBudget, Reported, WindowBudget
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
        budget.release(Reported(budget.limit, bucket.take()))


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
    budget.release(Reported(100, 50))
    assert taken.acquire(timeout=FIRST_ANSWER_SECONDS / 2), "it is woken by the answer, not by a time limit"


def test_a_first_answer_that_reports_an_empty_bucket_holds_everybody_back() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 600)
    budget.acquire()
    budget.release(Reported(600, 0))
    budget.acquire()
    assert clock.monotonic() >= 60 / 600


def test_the_limit_is_the_one_that_the_api_reports() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 10)
    budget.acquire()
    budget.release(Reported(300, 299))
    assert (budget.limit, budget.per_second) == (300, 5.0)
    for _ in range(200):
        budget.acquire()
        budget.release()
    assert clock.slept == []


def test_an_answer_with_fewer_tokens_lowers_the_level_and_one_with_more_does_not_raise_it() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 100)
    budget.acquire()
    budget.release(Reported(100, 100))
    budget.acquire()
    budget.release(Reported(100, 4))
    spent = 0
    while not clock.slept:
        budget.acquire()
        # a late answer still speaks of the time before
        budget.release(Reported(100, 90))
        spent += 1
    assert spent <= 4, "somebody else drew on the same bucket"


def test_requests_in_flight_are_not_promised_twice() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 100)
    budget.acquire()
    budget.release(Reported(100, 99))
    for _ in range(11):
        budget.acquire()
    budget.release(Reported(100, 12))
    for _ in range(2):
        budget.acquire()
    assert clock.slept, "ten in flight may not be counted in the twelve yet, and one stays in reserve"


def test_an_exhausted_answer_pauses_until_a_token_has_come_back() -> None:
    clock = SimulatedClock()
    budget = RateBudget(clock, 60)
    budget.acquire()
    budget.release(Reported(60, 59))
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


def test_the_time_for_a_plan_counts_the_interval_between_requests() -> None:
    budget = RateBudget(SimulatedClock(), 600, interval=0.5)
    assert [budget.seconds_for(requests) for requests in (0, 1, 11)] == [0.0, 0.0, 5.0]


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


# -- fixed windows


class ApiWindow:
    """The API's side of a fixed window: it opens with the first request and gives all back when it closes."""

    def __init__(self, clock: SimulatedClock, limit: int, period: float = 3600.0):
        self._clock = clock
        self._limit = limit
        self._period = period
        self._opened = float("-inf")
        self._left = limit
        self.asked: list[float] = []

    def take(self, others: int = 0) -> Reported:
        """A request; `others` are those of another program that came before it."""
        now = self._clock.monotonic()
        if now >= self._opened + self._period:
            self._opened, self._left = now, self._limit
        self.asked.append(now)
        self._left -= 1 + others
        assert self._left >= 0, "the API would have answered 429"
        return Reported(None, self._left, self._opened + self._period - now)


def test_a_window_is_used_up_and_all_of_it_is_back_when_it_closes() -> None:
    clock = SimulatedClock()
    window, budget = ApiWindow(clock, 300), WindowBudget(clock, 300)
    for _ in range(700):
        clock.advance(0.1)
        budget.acquire()
        budget.release(window.take())
    opened = window.asked[0]
    used = [int((at - opened) // 3600) for at in window.asked]
    assert used.count(0) >= 295 and used.count(1) >= 295 and used[-1] == 2
    assert len(clock.slept) == 2, "it waits for the end of the window, and not in between"


def test_a_window_that_an_earlier_run_or_another_program_has_used_is_not_overdrawn() -> None:
    clock = SimulatedClock()
    window, budget = ApiWindow(clock, 300), WindowBudget(clock, 300)
    window.take(others=149)
    clock.advance(1800)
    asked = 0
    while clock.monotonic() < 3600:
        budget.acquire()
        asked += 1
        budget.release(window.take(others=asked % 2))
        assert asked < 300
    assert 85 <= asked <= 102, "what was left of the window, a half of it to the other program"


def test_a_window_that_the_api_has_reopened_counts_anew() -> None:
    clock = SimulatedClock()
    budget = WindowBudget(clock, 100)
    budget.acquire()
    budget.release(Reported(100, 3, 1000))
    clock.advance(900)
    budget.acquire()
    budget.release(Reported(100, 98, 3500))
    for _ in range(90):
        budget.acquire()
    assert not clock.slept


def test_requests_in_flight_are_not_promised_twice_in_a_window() -> None:
    clock = SimulatedClock()
    budget = WindowBudget(clock, 100)
    budget.acquire()
    budget.release(Reported(100, 50, 3600))
    for _ in range(40):
        budget.acquire()
    budget.release(Reported(100, 45, 3600))
    with pytest.raises(QuotaError):
        for _ in range(10):
            budget.acquire(deadline=clock.monotonic() + 60)


def test_a_refusal_with_a_time_holds_everybody_until_then_and_one_without_does_not() -> None:
    clock = SimulatedClock()
    budget = WindowBudget(clock, 100)
    for reported, waits in ((Reported(), 0), (Reported(None, None, 120), 1)):
        clock.slept.clear()
        budget.acquire()
        budget.release(reported, exhausted=True)
        budget.acquire()
        budget.release()
        assert len(clock.slept) == waits
    assert 120 <= clock.monotonic() <= 125


def test_a_limit_that_is_used_up_beyond_the_deadline_ends_the_wait_at_once() -> None:
    clock = SimulatedClock()
    budget = WindowBudget(clock, 100)
    budget.acquire()
    budget.release(Reported(100, 0, 1800))
    with pytest.raises(QuotaError, match="100 requests is used up until 12:30:01 UTC"):
        budget.acquire(deadline=600)
    assert not clock.slept


@pytest.mark.parametrize(("requests", "seconds"), [(0, 0), (1, 0), (2970, 0), (2971, 3600), (5941, 7200)])
def test_the_earliest_end_counts_windows(requests: int, seconds: float) -> None:
    assert WindowBudget(SimulatedClock(), 3000).seconds_for(requests) == seconds


def test_each_bucket_has_a_budget_of_its_own() -> None:
    clock = SimulatedClock()
    budgets = Budgets(lambda: RateBudget(clock, 2), lambda path: path.split("/")[1])
    assert budgets.of("/teams/1") is budgets.of("/teams") is not budgets.of("/fixtures")
    assert budgets.bucket_of("/teams/1") == "teams"
