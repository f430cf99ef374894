"""What a run makes of its command line and of what went wrong; whole runs are tested in tests/elt."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from pipelines.clock import stored
from pipelines.environment import load
from pipelines.errors import AirtimeError, CredentialsError, SourceError, StoppedError, TransformError
from pipelines.run import Beat, DataTestsFailed, Request, Run, exit_code, parse_moment, requests_since
from pipelines.sources import SOURCES
from pipelines.sources.ops import API_REQUESTS, RUN_STAGES
from pipelines.validation import own_rows
from tests.helpers import NOW, SimulatedClock
from tests.pipelines.conftest import Parts


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-01", dt.datetime(2026, 10, 1, tzinfo=dt.UTC)),
        ("2026-10-01T12:30", dt.datetime(2026, 10, 1, 12, 30, tzinfo=dt.UTC)),
        ("2026-10-01T12:30:00Z", dt.datetime(2026, 10, 1, 12, 30, tzinfo=dt.UTC)),
        ("2026-10-01T12:30:00+02:00", dt.datetime(2026, 10, 1, 10, 30, tzinfo=dt.UTC)),
    ],
)
def test_a_day_or_a_moment_is_in_utc_unless_it_says_otherwise(text: str, moment: dt.datetime) -> None:
    parsed = parse_moment(text)
    assert parsed == moment and parsed.tzinfo is dt.UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "01.10.2026"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_moment(text)


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([], 0),
        ([SourceError("")], 3),
        ([TransformError(""), SourceError("")], 3),
        ([DataTestsFailed(""), TransformError("")], 4),
        ([DataTestsFailed("")], 1),
        ([SourceError(""), CredentialsError("")], 77),
        ([SourceError(""), StoppedError("")], 130),
        ([AirtimeError("")], 3),
    ],
)
def test_the_exit_code_is_that_of_what_weighs_most(errors: list[AirtimeError], code: int) -> None:
    assert exit_code(errors) == code


def test_tries_since_a_moment_are_counted_by_endpoint(parts: Parts) -> None:
    assert requests_since(parts.warehouse, "youtube", NOW) == {}, "there is no warehouse"
    asked = [
        ("youtube", "/videos", 0, 1), ("youtube", "/videos", 60, 3), ("youtube", "/search", 60, 1),
        ("youtube", "/videos", -1, 1), ("twitch", "/videos", 60, 1),
    ]  # fmt: skip
    rows = [
        {
            "request_id": str(number), "run_id": "run", "source": source, "resource": "any", "endpoint": endpoint,
            "status_code": 304, "is_success": True, "attempts": attempts, "rate_limited": 0, "bytes": 0, "error": None,
            "started_at": stored(NOW + dt.timedelta(seconds=seconds)), "seconds": 0.1,
        }
        for number, (source, endpoint, seconds, attempts) in enumerate(asked)
    ]  # fmt: skip
    parts.put(API_REQUESTS, own_rows(API_REQUESTS, rows[:1]))
    assert requests_since(parts.warehouse, "youtube", NOW) == {"/videos": 1}
    parts.put(API_REQUESTS, own_rows(API_REQUESTS, rows))
    assert requests_since(parts.warehouse, "youtube", NOW) == {"/videos": 4, "/search": 1}


class BeatOnly(Run):
    """A run of a beat whose stages only say that they were there; each polling lasts as long as it is told to."""

    def __init__(
        self, *arguments: Any, polling_seconds: float = 10, is_build_due: bool = False, has_loaded: bool = True
    ):
        super().__init__(*arguments)
        self.stages: list[Any] = []
        self._polling_seconds, self._has_loaded, self._due = polling_seconds, has_loaded, is_build_due

    def _extract(self, chosen: Any, verb: str = "extract", seconds: float | None = None) -> bool:
        self.stages.append((verb, [one.name for one in chosen.get("twitch", ())], seconds))
        self._env.clock.advance(self._polling_seconds if verb == "poll" else 0)
        return self._has_loaded

    def _build(self, idle: Any, is_beat: bool = False) -> None:
        self.stages.append("build beat" if is_beat else "build all")

    def _is_build_due(self, every: dt.timedelta) -> bool:
        return self._due


def beat_of(path: Path, monkeypatch: pytest.MonkeyPatch, **told: Any) -> list[Any]:
    """The stages of a beat that has 270 seconds until nothing new is begun."""
    monkeypatch.setenv("TWITCH_CLIENT_ID", "id")
    environment = load(path)
    environment.clock = SimulatedClock(NOW)
    beat = Beat(NOW + dt.timedelta(seconds=270), dt.timedelta(hours=1))
    run = BeatOnly(environment, Request("watch", beat=beat), **told)
    run._stages_of_beat({"twitch": list(SOURCES["twitch"].resources)}, beat)
    return run.stages


POLLS = ("poll", ["streams"], None)
REST = ["users", "channels", "followers", "videos", "clips", "games"]


def test_a_beat_polls_first_builds_what_polls_touch_and_goes_on_for_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert beat_of(tmp_path, monkeypatch) == [POLLS, "build beat", ("extract", REST, 260.0)]


def test_everything_is_built_at_the_end_of_a_beat_when_it_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert beat_of(tmp_path, monkeypatch, is_build_due=True)[1:] == [
        "build beat",
        ("extract", REST, 260.0),
        "build all",
    ]


def test_polls_that_take_their_slot_leave_no_time_for_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert beat_of(tmp_path, monkeypatch, polling_seconds=270, is_build_due=True) == [POLLS, "build beat"]


def test_a_beat_that_polled_nothing_builds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert beat_of(tmp_path, monkeypatch, has_loaded=False) == [POLLS, ("extract", REST, 260.0)]


@pytest.mark.parametrize(("stage", "status", "minutes_ago", "is_due"), [
    ("transform", "succeeded", 59, False),
    ("transform", "succeeded", 60, True),
    ("transform", "failed", 5, True),
    ("transform_beat", "succeeded", 5, True),
])  # fmt: skip
def test_a_build_is_due_some_time_after_the_last_whole_one_that_succeeded(
    parts: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    status: str,
    minutes_ago: int,
    is_due: bool,
) -> None:
    monkeypatch.setenv("TWITCH_CLIENT_ID", "id")
    environment = load(tmp_path)
    environment.clock, environment.warehouse = SimulatedClock(NOW), parts.warehouse
    ended = stored(NOW - dt.timedelta(minutes=minutes_ago))
    row = {
        "run_id": "1", "stage": stage, "position": 1, "status": status, "started_at": ended, "finished_at": ended,
        "seconds": 1.0, "rows": 0, "message": None,
    }  # fmt: skip
    parts.put(RUN_STAGES, own_rows(RUN_STAGES, [row]))
    assert Run(environment, Request("watch"))._is_build_due(dt.timedelta(hours=1)) is is_due
