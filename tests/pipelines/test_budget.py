"""The rate budget: never more than the limit, whoever asks, and always what the API says."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import pytest

from pipelines.budget import FIRST_ANSWER_SECONDS, Budgets, DayBudget, QuotaError, RateBudget, Reported, WindowBudget
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


# -- a quota of a day

PACIFIC = ZoneInfo("America/Los_Angeles")
MIDNIGHT = dt.datetime(2026, 10, 1, 7, 0, tzinfo=dt.UTC)  # in California


def spend(budget: DayBudget) -> int:
    """Take what may be had now; returns how many."""
    for taken in itertools.count():
        try:
            budget.acquire()
        except QuotaError:
            return taken
        budget.release()
    raise AssertionError


@pytest.mark.parametrize(
    ("begin", "hours"),
    [(MIDNIGHT, 24), (dt.datetime(2026, 11, 1, 7, tzinfo=dt.UTC), 25), (dt.datetime(2026, 3, 8, 8, tzinfo=dt.UTC), 23)],
    ids=["a day", "clocks go back", "clocks go forward"],
)
@pytest.mark.parametrize(("limit", "burst"), [(100, 1), (10_000, 35), (7, 1)])
def test_a_day_is_spread_and_all_of_it_comes_back_at_midnight(
    begin: dt.datetime, hours: int, limit: int, burst: int
) -> None:
    clock = SimulatedClock(begin)
    budget, total = DayBudget(clock, limit, PACIFIC, burst), 0
    for beat in range(hours * 4):
        total += spend(budget)
        assert total <= limit * beat / (hours * 4) + burst + 1e-6
        clock.advance(900)
    clock.advance(-1)
    assert total + spend(budget) == limit
    clock.advance(1)
    assert spend(budget) == burst, "the next day"
    assert clock.slept == [], "nothing waits"


def test_what_was_not_spent_early_may_be_spent_later_but_never_more_than_the_day_has() -> None:
    clock = SimulatedClock(MIDNIGHT + dt.timedelta(hours=12))
    budget = DayBudget(clock, 100, PACIFIC, 1)
    assert budget.available() == spend(budget) == 51
    clock.advance(12 * 3600 - 1)
    assert spend(budget) == 49


def test_what_earlier_runs_of_the_day_have_spent_counts() -> None:
    asked: list[dt.datetime] = []

    def spent(since: dt.datetime) -> int:
        asked.append(since)
        return 45 if since == MIDNIGHT else 0

    clock = SimulatedClock(MIDNIGHT + dt.timedelta(hours=12))
    budget = DayBudget(clock, 100, PACIFIC, 1, spent)
    assert spend(budget) == 6
    clock.advance(12 * 3600)
    assert spend(budget) == 1
    assert asked == [MIDNIGHT], "the next day is this run's alone"


def test_a_refusal_tells_until_when_and_of_how_many() -> None:
    clock = SimulatedClock(MIDNIGHT + dt.timedelta(hours=6))
    budget = DayBudget(clock, 4, PACIFIC, 1)
    assert spend(budget) == 2
    with pytest.raises(QuotaError, match=r"kept for later today: 2 of the 4 .* free at 19:00:00 UTC"):
        budget.acquire()
    clock.advance(18 * 3600 - 1)
    spend(budget)
    with pytest.raises(QuotaError, match=r"the 4 requests of the day are used up until 2026-10-02 07:00 UTC"):
        budget.acquire()


def test_the_word_of_the_api_ends_the_day_and_no_other_does() -> None:
    clock = SimulatedClock(MIDNIGHT + dt.timedelta(hours=12))
    budget = DayBudget(clock, 100, PACIFIC, 1)
    budget.acquire()
    budget.release(exhausted=True)
    assert budget.available() == 50, "too many in a minute says nothing of the day"
    budget.acquire()
    budget.release(Reported(remaining=0))
    assert budget.available() == 0
    with pytest.raises(QuotaError, match="until 2026-10-02 07:00"):
        budget.acquire()
    clock.advance(12 * 3600)
    assert budget.available() == 1


def test_requests_of_a_day_start_at_least_the_interval_apart() -> None:
    clock = SimulatedClock(MIDNIGHT + dt.timedelta(hours=12))
    budget = DayBudget(clock, 6, PACIFIC, 1, interval=2.0)
    assert spend(budget) == 4
    assert clock.slept == pytest.approx([2.0] * 4, abs=0.1)


def test_threads_share_a_day() -> None:
    clock = SimulatedClock(MIDNIGHT + dt.timedelta(hours=12))
    budget = DayBudget(clock, 100, PACIFIC, 1)
    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(lambda _: spend(budget), range(20))) == 51


@pytest.mark.parametrize(("requests", "seconds"), [(0, 0), (35, 0), (36, 8.64), (10_035, 86_400)])
def test_the_earliest_end_of_a_plan_is_the_share_of_a_day_that_it_takes(requests: int, seconds: float) -> None:
    budget = DayBudget(SimulatedClock(MIDNIGHT), 10_000, PACIFIC, 35)
    assert budget.seconds_for(requests) == pytest.approx(seconds)
    assert (budget.limit, budget.period) == (10_000, 86_400)


def test_budgets_may_differ_by_bucket() -> None:
    clock = SimulatedClock()
    given = {"few": DayBudget(clock, 1, PACIFIC, 1), "many": DayBudget(clock, 9, PACIFIC, 1)}
    bucket_of: Callable[[str], str] = lambda path: "few" if path == "/search" else "many"
    budgets = Budgets.given(given, bucket_of)
    assert [budgets.of(path).limit for path in ("/search", "/videos")] == [1, 9]
    assert budgets.bucket_of("/search") == "few"
