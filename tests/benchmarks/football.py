"""Figures of football: calls, throughput and memory of a first load, and the calls of a day of keeping in step.

FIXTURES=6700 makes it short; the default is the size that the figures are stated for.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import tempfile
from typing import Any

import requests

from tests.benchmarks.tools import Figure, SandboxServer, extract_seconds, requests_of, run

FIXTURES = int(os.environ.get("FIXTURES", "67085"))
NOW = dt.datetime(2026, 10, 3, 0, 0, tzinfo=dt.UTC)
LATENCY = 0.08
# what the system before this one logged
LOGGED_FIXTURES_A_MINUTE = 19.7
SINGLE_CALLS = 600


def figures() -> list[Figure]:
    """A first load, the same a tenth as large, one call a fixture, and a day hour by hour."""
    found: list[Figure] = []
    peaks = {}
    for fixtures in (FIXTURES // 10, FIXTURES):
        sandbox = SandboxServer(
            *("--fixtures", str(fixtures), "--now", NOW.isoformat(), "--frozen", "--latency", str(LATENCY))
        )
        with tempfile.TemporaryDirectory() as folder, sandbox as settings:
            source = ("--sources", "sportmonks")
            report, peaks[fixtures] = run(folder, "extract", *source, **settings, ETL_NOW=NOW.isoformat())
            if fixtures < FIXTURES:
                continue
            found += _first_load(report, fixtures)
            found += _one_call_a_fixture(settings, _fixtures_a_minute(report))
            found += _day(folder, settings, sandbox.url)
    small, large = peaks.values()
    found.append((f"peak memory, MB, {FIXTURES:,} fixtures over a tenth", f"{large} / {small}", f"{large / small:.2f}"))
    return found


def _first_load(report: dict[str, Any], fixtures: int) -> list[Figure]:
    calls, refused = requests_of(report), int(sum(row["rate_limited"] for row in report["resources"]))
    least = math.ceil(fixtures / 50) + math.ceil(fixtures / 1000)
    pace = _fixtures_a_minute(report)
    return [
        (
            f"calls of a first load of {fixtures:,} fixtures, over the least",
            f"{calls:,} / {least:,}",
            f"{calls / least:.3f}",
        ),
        ("answers 429 in it", str(refused), str(refused)),
        (
            "fixtures with details a minute at 80 ms, over those of the old system",
            f"{pace:,.0f} / {LOGGED_FIXTURES_A_MINUTE}",
            f"{pace / LOGGED_FIXTURES_A_MINUTE:,.0f}",
        ),
        ("seconds of it all", f"{extract_seconds(report):.0f}", ""),
    ]


def _fixtures_a_minute(report: dict[str, Any]) -> float:
    (row,) = [row for row in report["resources"] if row["resource"] == "fixtures"]
    return float(row["units_succeeded"]) * 60 / row["seconds"]


def _one_call_a_fixture(settings: dict[str, str], pace: float) -> list[Figure]:
    source = ("--sources", "sportmonks", "--resources")
    settings = settings | {"ETL_NOW": NOW.isoformat(), "SPORTMONKS_BATCH_SIZE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        run(folder, "extract", *source, "lists", **settings)
        report, _ = run(folder, "extract", *source, "fixtures", "--limit", str(SINGLE_CALLS), **settings)
    single = _fixtures_a_minute(report)
    return [
        (
            "the same with one call a fixture, a minute, and how many times faster",
            f"{pace:,.0f} / {single:,.0f}",
            f"{pace / single:.1f}",
        ),
        # the limit of calls an hour is what one call a fixture runs into
        ("hours that one call a fixture takes at 3,000 calls an hour", str(math.ceil(FIXTURES / 3000)), ""),
    ]


def _day(folder: str, settings: dict[str, str], url: str) -> list[Figure]:
    """Calls of the day after the load, run every hour."""
    source = ("--sources", "sportmonks")
    calls, refused, planned = 0, 0, 0
    for hour in range(24):
        now = (NOW + dt.timedelta(days=1, hours=hour)).isoformat()
        requests.post(f"{url}/_sandbox/clock", json={"now": now}, timeout=10).raise_for_status()
        plan, _ = run(folder, "extract", *source, "--dry-run", **settings, ETL_NOW=now)
        planned += sum(row["calls"] for row in plan)
        report, _ = run(folder, "extract", *source, **settings, ETL_NOW=now)
        calls += requests_of(report)
        refused += int(sum(row["rate_limited"] for row in report["resources"]))
    return [
        (f"calls of a day of {FIXTURES:,} fixtures, run every hour, and answers 429", f"{calls}", f"{refused}"),
        ("calls that the dry runs of that day told, over those made", f"{planned} / {calls}", f"{planned / calls:.3f}"),
    ]
