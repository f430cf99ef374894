"""The one clock: its time, its waits, and the slots that moments fall into."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from pipelines.clock import Clock, FixedClock, SandboxClock, slot_start, stored
from pipelines.errors import StoppedError
from pipelines.sandbox import Sandbox

OSLO = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("moment", "minutes", "start"),
    [
        ("2026-10-01T12:04:59.999999+00:00", 5, "2026-10-01T12:00:00+00:00"),
        ("2026-10-01T12:05:00+00:00", 5, "2026-10-01T12:05:00+00:00"),
        ("2026-10-01T00:00:00+00:00", 7, "2026-10-01T00:00:00+00:00"),
        ("2026-10-01T23:59:59+00:00", 7, "2026-10-01T23:55:00+00:00"),
        ("2026-10-01T23:59:59+00:00", 1440, "2026-10-01T00:00:00+00:00"),
    ],
)
def test_a_slot_holds_the_moments_of_its_minutes_counted_from_midnight(moment: str, minutes: int, start: str) -> None:
    assert slot_start(dt.datetime.fromisoformat(moment), minutes) == dt.datetime.fromisoformat(start)


def test_raw_tables_store_moments_in_utc_without_a_zone() -> None:
    assert stored(dt.datetime(2026, 10, 1, 1, 30, tzinfo=OSLO)) == dt.datetime(2026, 9, 30, 23, 30)


def test_a_fixed_clock_stands_still_and_its_measure_goes_on() -> None:
    clock = FixedClock(dt.datetime(2026, 10, 1, 14, 0, tzinfo=OSLO))
    measured = clock.monotonic()
    clock.sleep(0.001)
    assert clock.now() == dt.datetime(2026, 10, 1, 12, 0, tzinfo=dt.UTC) and clock.now().tzinfo is dt.UTC
    assert clock.monotonic() > measured


def test_the_machines_time_is_aware_and_in_utc() -> None:
    assert Clock().now().utcoffset() == dt.timedelta(0)


def test_a_wait_takes_its_time() -> None:
    clock = Clock()
    start = clock.monotonic()
    clock.sleep(0.02)
    assert clock.monotonic() - start >= 0.02


def test_stop_ends_waits_under_way_and_those_to_come() -> None:
    clock, ended = Clock(), threading.Event()

    def wait() -> None:
        with pytest.raises(StoppedError):
            clock.sleep(3600)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    clock.stop()
    assert ended.wait(10)
    with pytest.raises(StoppedError) as stopped:
        clock.sleep(0)
    assert stopped.value.exit_code == 130 and stopped.value.mend


def test_a_negative_wait_is_none() -> None:
    Clock().sleep(-5)


def test_the_clock_of_a_sandbox_is_set_by_waiting_and_found_again_by_the_next_process() -> None:
    start = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)
    with Sandbox(now=start, frozen=True, channels=10) as sandbox:
        clock = SandboxClock(f"{sandbox.url}/_sandbox/clock")
        assert clock.now() == start
        clock.wait_until(start + dt.timedelta(hours=3))
        assert clock.now() == sandbox.clock.now() == start + dt.timedelta(hours=3)
        clock.wait_until(start)
        assert clock.now() == SandboxClock(f"{sandbox.url}/_sandbox/clock").now() == start + dt.timedelta(hours=3)
        clock.stop()
        with pytest.raises(StoppedError):
            clock.wait_until(start + dt.timedelta(hours=4))
