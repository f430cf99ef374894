"""What a run makes of its command line and of what went wrong; whole runs are tested in tests/elt."""

from __future__ import annotations

import datetime as dt

import pytest

from pipelines.errors import AirtimeError, CredentialsError, SourceError, StoppedError, TransformError
from pipelines.run import DataTestsFailed, exit_code, parse_moment


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
