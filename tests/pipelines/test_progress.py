"""Progress: plain lines where nobody looks at a terminal, now and then."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from pipelines import progress
from pipelines.progress import LINE_SECONDS, Display
from tests.helpers import SimulatedClock


def test_a_plain_line_now_and_then_says_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimulatedClock()
    caplog.set_level(logging.INFO, logger="airtime.progress")
    with Display(clock) as display:
        meter = display.start("twitch.users", 400)
        meter.show(1, 1, 0)
        clock.advance(LINE_SECONDS)
        meter.show(100, 90, 25)
        clock.advance(LINE_SECONDS / 2)
        meter.show(150, 140, 25)
        clock.advance(LINE_SECONDS / 2)
        meter.show(200, 190, 25)
    assert [record.getMessage() for record in caplog.records] == [
        "twitch.users: 100 of 400, 90 rows, 9 rows/s, 75.0% ok, 30 s left",
        "twitch.users: 200 of 400, 190 rows, 10 rows/s, 87.5% ok, 20 s left",
    ]


def test_a_poll_has_no_total_and_no_end_in_sight(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimulatedClock()
    caplog.set_level(logging.INFO, logger="airtime.progress")
    meter = Display(clock).start("twitch.streams", None)
    clock.advance(LINE_SECONDS)
    meter.show(0, 1000, 0)
    clock.advance(LINE_SECONDS)
    meter.show(0, 2000, 0, "20 pages, 1,500 new, 300 known")
    assert [record.getMessage() for record in caplog.records] == [
        "twitch.streams: 0 of ?, 1,000 rows, 100 rows/s",
        "twitch.streams: 0 of ?, 2,000 rows, 100 rows/s, 20 pages, 1,500 new, 300 known",
    ]


def test_nothing_is_divided_by_a_time_or_a_number_of_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="airtime.progress")
    Display(SimulatedClock()).start("twitch.users", 0).show(0, 0, 0)
    assert not caplog.records


@pytest.mark.parametrize("enabled", [True, False])
def test_a_terminal_shows_bars_unless_told_otherwise(
    enabled: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="airtime.progress")
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=120))
    clock = SimulatedClock()
    with Display(clock, enabled) as display:
        meter = display.start("twitch.users", 400)
        clock.advance(LINE_SECONDS)
        meter.show(100, 90, 25)
    assert ("100/400" in screen.getvalue() and "75.0% ok" in screen.getvalue()) is enabled
    assert bool(caplog.records) is not enabled
