"""Measures and prints figures: `python -m tests.benchmarks [NAME ...]`.

Absolute seconds say little on a shared machine; each figure stands beside its own limit, taken a moment before.
"""

from __future__ import annotations

import datetime as dt
import resource
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import psycopg
import pyarrow as pa
import requests

from pipelines.loader import Loader
from pipelines.sources.twitch import STREAMS
from pipelines.validation import Context, check
from pipelines.warehouse import DuckDBWarehouse, PostgresWarehouse, stamp
from tests.benchmarks import atlas, football, live, watch
from tests.benchmarks.tools import Figure, SandboxServer, extract_seconds, requests_of, run, timed
from tests.conftest import PostgresServer

MERGE_ROWS = 300_000
POINTS = 800


def rate() -> list[Figure]:
    """1,000 streams and all that hangs on them, at the API's real limit."""
    with tempfile.TemporaryDirectory() as folder, SandboxServer("--points-per-minute", str(POINTS)) as settings:
        report, _ = run(folder, "extract", "--sources", "twitch", **settings)
    calls, seconds = requests_of(report), extract_seconds(report)
    best = max(0, calls - POINTS) * 60 / POINTS
    refused = int(sum(row["rate_limited"] for row in report["resources"]))
    return [
        (
            f"{calls:,} calls at {POINTS} a minute, seconds over the best possible",
            f"{seconds:.1f} / {best:.1f}",
            f"{seconds / best:.3f}",
        ),
        ("answers 429 in it", str(refused), str(refused)),
    ]


def latency() -> list[Figure]:
    """The same calls at 80 ms, limits lifted: against the floor, and against threads that only fetch."""
    with SandboxServer("--points-per-minute", "1000000", "--latency", "0.08") as settings:
        with tempfile.TemporaryDirectory() as folder:
            report, _ = run(folder, "extract", "--sources", "twitch", **settings)
        calls, seconds = requests_of(report), extract_seconds(report)
        floor = calls * 0.08 / 30
        token = requests.post(
            settings["TWITCH_AUTH_URL"] + "/token",
            data={
                "client_id": settings["TWITCH_CLIENT_ID"],
                "client_secret": settings["TWITCH_CLIENT_SECRET"],
                "grant_type": "client_credentials",
            },
            timeout=10,
        ).json()["access_token"]
        session = requests.Session()
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=30))
        session.headers.update({"Authorization": f"Bearer {token}", "Client-Id": settings["TWITCH_CLIENT_ID"]})

        def bare() -> None:
            with ThreadPoolExecutor(30) as pool:
                url = settings["TWITCH_API_URL"] + "/users?id="
                list(pool.map(lambda number: session.get(url + str(number), timeout=30).json(), range(1, calls + 1)))

        threads = timed(bare)
    return [
        (
            f"{calls:,} calls at 80 ms, 30 at a time, checked and loaded, over the floor",
            f"{seconds:.1f} / {floor:.1f}",
            f"{seconds / floor:.2f}",
        ),
        (
            "bare threads, nothing checked or loaded, over the floor",
            f"{threads:.1f} / {floor:.1f}",
            f"{threads / floor:.2f}",
        ),
    ]


def rows(count: int) -> list[dict[str, Any]]:
    """Rows of GET /streams."""
    return [
        {
            "id": str(40_000_000_000 + number),
            "user_id": str(number),
            "user_login": f"channel_{number}",
            "user_name": f"Channel {number}",
            "game_id": str(number % 200),
            "game_name": f"Game {number % 200}",
            "type": "live",
            "title": f"A title, number {number}",
            "tags": ["one", "two"],
            "viewer_count": number % 5000,
            "started_at": "2026-10-01T12:00:00Z",
            "language": "en",
            "thumbnail_url": "",
            "is_mature": False,
        }
        for number in range(count)
    ]


def checked(count: int, slot: int = 0) -> pa.Table:
    """The same, checked, as Arrow."""
    moment = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC) + dt.timedelta(minutes=5 * slot)
    return check(STREAMS, rows(count), Context(moment, moment, "bench")).rows


def merge() -> list[Figure]:
    """300,000 rows as parsed JSON, checked and merged, against the fastest plain load of each engine."""
    figures: list[Figure] = []
    given = rows(MERGE_ROWS)
    server = PostgresServer()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.jsonl"
            file.write_bytes(b"\n".join(msgspec.json.encode(row) for row in given))
            plain = Path(folder) / "plain.duckdb"
            ctas = timed(
                lambda: (
                    duckdb.connect(str(plain)).execute(f"create table t as select * from read_json('{file}')").close()
                )
            )
            url = server.new_database()

            def copy() -> None:
                with psycopg.connect(url) as connection, connection.cursor() as cursor:
                    cursor.execute("create table t (id text, user_id text, title text, viewer_count bigint, row jsonb)")
                    with cursor.copy("copy t from stdin") as stream:
                        for row in given:
                            stream.write_row(
                                (
                                    row["id"],
                                    row["user_id"],
                                    row["title"],
                                    row["viewer_count"],
                                    msgspec.json.encode(row).decode(),
                                )
                            )

            copied = timed(copy)
            parts = psycopg.conninfo.conninfo_to_dict(server.new_database())
            warehouses = {
                "DuckDB, over read_json": (DuckDBWarehouse(Path(folder) / "bench.duckdb"), ctas),
                "PostgreSQL, over COPY": (
                    PostgresWarehouse(
                        parts["host"], int(parts["port"]), parts["dbname"], parts["user"], parts["password"]
                    ),
                    copied,
                ),
            }
            for name, (warehouse, floor) in warehouses.items():
                loader = Loader(warehouse, Path(folder) / "dlt")
                stamp(warehouse, "live")
                loader.ensure([STREAMS])
                moment = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)
                context = Context(moment, moment, "bench")
                seconds = timed(
                    lambda loader=loader, context=context: loader.load({STREAMS: check(STREAMS, given, context).rows})
                )
                figures.append(
                    (f"merge {MERGE_ROWS:,} rows, {name}", f"{seconds:.1f} / {floor:.1f}", f"{seconds / floor:.1f}")
                )
                chunks = [checked(1000, slot) for slot in range(1, 6)]
                seconds = min(
                    timed(lambda chunk=chunk, loader=loader: loader.load({STREAMS: chunk})) for chunk in chunks
                )
                figures.append(
                    (
                        f"a chunk of 1,000 rows after that, {name.split(',')[0]}, seconds",
                        f"{seconds:.2f}",
                        f"{seconds:.2f}",
                    )
                )
    finally:
        server.stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures.append(("peak memory of it all, MB (the parsed rows included)", f"{peak:.0f}", f"{peak:.0f}"))
    return figures


def idle() -> list[Figure]:
    """A run with nothing new to fetch, against the imports of dlt and dbt."""
    imports = "import dlt, dbt.cli.main, dbt.adapters.duckdb"
    with tempfile.TemporaryDirectory() as folder, SandboxServer("--points-per-minute", "1000000") as settings:
        run(folder, "elt", **settings, MAX_STREAMS_PER_COLLECTION="200")
        second = timed(lambda: run(folder, "transform", **settings))
        floor = timed(lambda: subprocess.run([sys.executable, "-c", imports], check=True))
    return [
        (
            "a run that only builds, over the imports of dlt and dbt",
            f"{second:.1f} / {floor:.1f}",
            f"{second / floor:.1f}",
        )
    ]


BENCHMARKS = {
    "rate": rate,
    "latency": latency,
    "merge": merge,
    "idle": idle,
    "football": football.figures,
    "live": live.figures,
    "watch": watch.figures,
    "atlas": atlas.figures,
}


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all."""
    if unknown := [name for name in names if name not in BENCHMARKS]:
        raise SystemExit(f"unknown benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        for what, measured, ratio in BENCHMARKS[name]():
            print(f"{what:<90} {measured:>15} {ratio:>8}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
