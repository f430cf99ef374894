"""What a run makes of its command line and of what went wrong; whole runs are tested in tests/elt."""

from __future__ import annotations

import datetime as dt

import pytest

from pipelines.clock import stored
from pipelines.errors import AirtimeError, CredentialsError, SourceError, StoppedError, TransformError
from pipelines.run import DataTestsFailed, exit_code, parse_moment, requests_since
from pipelines.sources.ops import API_REQUESTS
from pipelines.validation import own_rows
from tests.helpers import NOW
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
