"""The beats of a watch: when they come, what they ask for, what they survive, how they end."""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.environment import Environment, load
from pipelines.errors import AirtimeError, CredentialsError, LockedError, StoppedError
from pipelines.run import Request
from pipelines.watch import Watch
from tests.helpers import SimulatedClock

START = dt.datetime(2026, 10, 1, 12, 2, tzinfo=dt.UTC)
ENOUGH = 6


class Runs:
    """Stands in for runs: each lasts some seconds; the clock stops the watch after enough of them."""

    def __init__(self, clock: SimulatedClock, seconds: Callable[[int], float] = lambda number: 10) -> None:
        self.clock = clock
        self.seconds = seconds
        self.errors: dict[int, AirtimeError] = {}
        self.made: list[tuple[str, Request]] = []

    def __call__(self, request: Request) -> int:
        number = len(self.made)
        self.made.append((f"{self.clock.now():%H:%M}", request))
        self.clock.advance(self.seconds(number))
        if number + 1 == ENOUGH:
            self.clock.stop()
        if error := self.errors.get(number):
            raise error
        return 0

    def beats(self) -> list[str]:
        """When each beat began."""
        return [at for at, _ in self.made]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    # a credential makes it live, so that no sandbox is started
    monkeypatch.setenv("TWITCH_CLIENT_ID", "id")
    found = load(tmp_path)
    found.clock = SimulatedClock(START)
    yield found


def watched(environment: Environment, runs: Runs) -> Runs:
    assert Watch(environment, ["twitch"], runs).forever() == 0
    return runs


def test_a_beat_comes_at_once_and_then_each_slot(environment: Environment) -> None:
    runs = watched(environment, Runs(environment.clock))
    assert runs.beats() == ["12:02", "12:05", "12:10", "12:15", "12:20", "12:25"]
    assert all(request.command == "watch" and request.sources == ["twitch"] for _, request in runs.made)


def test_nothing_is_begun_in_the_last_half_minute_of_a_slot(environment: Environment) -> None:
    runs = watched(environment, Runs(environment.clock))
    ends = [request.beat.until for _, request in runs.made if request.beat]
    assert [f"{end:%H:%M:%S}" for end in ends[:3]] == ["12:04:30", "12:09:30", "12:14:30"]


def test_how_often_everything_is_built_is_a_setting(environment: Environment) -> None:
    environment.settings = type(environment.settings)(watch_build_minutes=15)
    runs = watched(environment, Runs(environment.clock))
    assert {request.beat.build_every for _, request in runs.made if request.beat} == {dt.timedelta(minutes=15)}


def test_beats_that_would_overlap_are_skipped_and_told(
    environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    runs = watched(environment, Runs(environment.clock, lambda number: 660 if number == 1 else 10))
    # the beat of 12:05 lasts until 12:16: those of 12:10 and 12:15 do not come late, the next is in time
    assert runs.beats()[:4] == ["12:02", "12:05", "12:20", "12:25"]
    assert "beats skipped: 2, because that of 12:05 took so long" in caplog.text


@pytest.mark.parametrize("error", [LockedError("held by another run"), AirtimeError("the warehouse is away")])
def test_a_beat_that_fails_is_told_and_the_next_one_comes(
    environment: Environment, caplog: pytest.LogCaptureFixture, error: AirtimeError
) -> None:
    runs = Runs(environment.clock)
    runs.errors[1] = error
    watched(environment, runs)
    assert runs.beats()[:3] == ["12:02", "12:05", "12:10"]
    assert "beat of 12:05" in caplog.text and str(error) in caplog.text


def test_what_can_not_begin_at_all_is_an_error_at_once(environment: Environment) -> None:
    runs = Runs(environment.clock)
    runs.errors[0] = CredentialsError("TWITCH_CLIENT_SECRET is not set", "put it into .env")
    with pytest.raises(CredentialsError):
        Watch(environment, [], runs).forever()


def test_a_stop_in_the_middle_of_a_beat_starts_nothing_more(environment: Environment) -> None:
    runs = Runs(environment.clock)
    runs.errors[3] = StoppedError("stopped by a signal")
    watched(environment, runs)
    assert len(runs.made) == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_watch_in_order_and_leaves_the_handlers_as_they_were(
    environment: Environment, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    runs = Runs(environment.clock, lambda _: signal.raise_signal(number) or 1.0)
    watched(environment, runs)
    assert len(runs.made) == 1 and signal.getsignal(number) is before


def test_one_beat_returns_its_exit_code(environment: Environment) -> None:
    runs = Runs(environment.clock)
    assert Watch(environment, [], runs).once() == 0
    assert runs.beats() == ["12:02"]
    assert Watch(environment, [], lambda request: 3).once() == 3
