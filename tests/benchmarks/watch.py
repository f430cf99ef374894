"""Figures of watching: a simulated day of beats on all live platforms, with faults and two kills.

BEATS=48 makes it short; the default is a day of five-minute beats.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import requests

from tests.benchmarks.tools import CHECKOUT, CLOCK, Figure, SandboxServer

BEATS = int(os.environ.get("BEATS", "288"))
WIDTH = dt.timedelta(minutes=5)
# midnight where YouTube's day begins
START = dt.datetime(2026, 10, 1, 7, tzinfo=dt.UTC)
FAULTS = "429=0.005,500=0.005,reset=0.005,truncate=0.005"
SOURCES = "twitch kick youtube"


def figures() -> list[Figure]:
    """Beats that were polled, rows that are there twice, calls against each platform's limit, seconds of a beat."""
    options = ("--channels", "300", "--frozen", "--now", START.isoformat(), "--faults", FAULTS)
    sandbox = SandboxServer(*options, "--kick-per-minute", "6000")
    with tempfile.TemporaryDirectory() as folder, sandbox as settings:
        clock = f"{sandbox.url}/_sandbox/clock"
        end = START + BEATS * WIDTH
        for until in (START + BEATS // 3 * WIDTH, START + 2 * BEATS // 3 * WIDTH, end):
            _watch(folder, settings | {"ETL_CLOCK_URL": clock}, clock, until, kill=until < end)
        with duckdb.connect(str(Path(folder) / "data" / "warehouse.duckdb")) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return _figures(connection)


def _watch(folder: str, settings: dict[str, str], clock: str, until: dt.datetime, kill: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "watch", "--sources", SOURCES],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "ETL_LOG_LEVEL": "WARNING", **settings},
    )
    try:
        while dt.datetime.fromisoformat(requests.post(clock, json={}, timeout=60).json()["now"]) < until:
            if process.poll() is not None:
                raise SystemExit(f"the watch ended by itself: {process.returncode}")
            CLOCK.sleep(0.1)
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        code = process.wait(timeout=60)
    finally:
        process.kill()
    if not kill and code:
        raise SystemExit(f"the watch did not end cleanly: {code}")


def _figures(connection: duckdb.DuckDBPyConnection) -> list[Figure]:
    one = lambda sql: connection.execute(sql).fetchone()[0]  # type: ignore[index]
    found: list[Figure] = []
    for source, resource in (("twitch", "streams"), ("kick", "livestreams"), ("youtube", "videos")):
        slots = one(
            f"select count(distinct slot_at) from raw_ops.polls where source = '{source}' and resource = '{resource}'"
            f" and slot_at < timestamp '{START + BEATS * WIDTH:%Y-%m-%d %H:%M}'"
        )
        found.append((f"{source}: slots polled of those that there were", f"{slots} / {BEATS}", f"{slots / BEATS:.3f}"))
    for table in ("raw_twitch.streams", "raw_kick.livestreams", "raw_youtube.videos"):
        twice = one(f"select count(*) - count(distinct (slot_at, id)) from {table}")
        found.append(
            (f"{table}: rows that are there twice, of", f"{twice} / {one(f'select count(*) from {table}')}", "")
        )
    for source, limit in (("twitch", 800), ("kick", 60)):
        most = one(
            "select max(calls) from (select sum(attempts) as calls from raw_ops.api_requests"
            f" where source = '{source}' group by date_trunc('minute', started_at))"
        )
        found.append(
            (f"{source}: most calls in a minute, of those allowed", f"{most} / {limit}", f"{most / limit:.2f}")
        )
    for name, condition, limit in (("searches", "=", 100), ("units", "<>", 10_000)):
        spent = one(
            f"select sum(attempts) from raw_ops.api_requests where source = 'youtube' and resource {condition} 'search'"
        )
        found.append((f"youtube: {name} of the day, of those allowed", f"{spent} / {limit}", f"{spent / limit:.2f}"))
    refused = one("select count(*) from raw_ops.api_requests where source = 'youtube' and status_code = 403")
    found.append(("youtube: answers that the quota is used up", str(refused), str(refused)))
    seconds = one(
        "select median(seconds) from (select sum(seconds) as seconds from raw_ops.runs where status <> 'running'"
        " and seconds is not null group by started_at)"
    )
    rows = one("select count(*) / count(distinct slot_at) from raw_twitch.streams")
    found.append((f"seconds of a beat (median), {rows:.0f} streams on Twitch", f"{seconds:.2f}", ""))
    return found
