"""Figures of viewing: a month of polls built on each engine, and what one more poll costs on top.

DAYS=2 CHANNELS=300 makes it short; the default, a month of some 1,000 live streams, is what the figures are stated for.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pipelines.sandbox.viewing import sessions_between
from pipelines.sandbox.world import DAY, Session, World
from pipelines.sources import twitch
from tests.benchmarks.tools import Figure, timed
from tests.conftest import PostgresServer
from tests.dbt.conftest import DEFAULTS, Warehouse
from tests.dbt.live import FIRST_DAY, SLOT, VIEWING, Live, moment

DAYS = int(os.environ.get("DAYS", "30"))
CHANNELS = int(os.environ.get("CHANNELS", "3000"))
REPORTS = (
    "rpt_trending_categories", "rpt_best_time_to_stream", "rpt_language_shares", "rpt_platform_comparison",
    "rpt_title_words",
)  # fmt: skip
# what both engines must agree on to the last digit
TOTALS = {
    "fct_streams": "count(*), sum(viewer_seconds), sum(viewer_seconds_lower), sum(viewer_seconds_upper)",
    "fct_stream_sessions": "count(*), sum(stream_count), sum(gap_seconds)",
    "fct_channel_days": "count(*), sum(viewer_seconds_lower), sum(viewer_seconds_upper), sum(peak_viewers)",
    "fct_category_days": "count(*), sum(viewer_seconds), sum(viewer_seconds_lower), sum(peak_viewers)",
}


def figures() -> list[Figure]:
    """A full build, a beat on top and the agreement of both engines."""
    world = World(channels=CHANNELS)
    sessions = sessions_between(world, (FIRST_DAY - 1) * DAY, (FIRST_DAY + DAYS + 1) * DAY)
    found: list[Figure] = []
    totals = []
    server = PostgresServer()
    server.start()
    try:
        for target in ("duckdb", "postgres"):
            with tempfile.TemporaryDirectory() as folder:
                url = server.new_database() if target == "postgres" else ""
                warehouse = Warehouse(target, Path(folder), url)
                found += _of(warehouse, url, world, sessions)
                totals.append([warehouse.execute(f"select {what} from live.{name}") for name, what in TOTALS.items()])
    finally:
        server.stop()
    equal = sum(ours == theirs for ours, theirs in zip(*totals, strict=True))
    found.append(("marts of viewing with the same totals on both engines", f"{equal} / {len(TOTALS)}", f"{equal}"))
    return found


def _of(warehouse: Warehouse, url: str, world: World, sessions: list[Session]) -> list[Figure]:
    warehouse.create()
    if warehouse.target == "postgres":
        # as the loader makes them
        warehouse.execute(
            "create index on raw_twitch.streams (slot_at, id); create index on raw_twitch.streams (_dlt_load_id)"
        )
    live = Live(warehouse)
    rows = 0
    for day in range(FIRST_DAY, FIRST_DAY + DAYS):
        rows += _load(live, url, snapshots(world, sessions, range(day * DAY, (day + 1) * DAY, SLOT), f"day-{day}"), day)
    if warehouse.target == "postgres":
        warehouse.execute("analyze")
    live.create_views()
    warehouse.build(
        *("--resource-type", "model", "--resource-type", "seed", "--select"),
        *(
            "stg_twitch__games",
            "stg_twitch__channels",
            "stg_twitch__clips",
            "stg_kick__categories",
            "stg_kick__channels",
        ),
        *("stg_youtube__categories", "category_aliases"),
        *("int_live__categories_unioned", "int_live__categories_matched"),
    )
    full = timed(lambda: live.build())
    models = (*VIEWING, *REPORTS)
    warehouse.dbt("run", "--select", "dim_categories")
    warehouse.dbt("run", "--select", *REPORTS)
    if warehouse.target == "postgres":
        warehouse.execute("analyze")
    beats = []
    for number in range(2):
        slot = (FIRST_DAY + DAYS) * DAY + number * SLOT
        added = snapshots(world, sessions, range(slot, slot + SLOT, SLOT), f"beat-{number}")
        count = _load(live, url, added, FIRST_DAY + DAYS, slots=(slot,))
        beats.append(timed(lambda: live.build(select=models)))
    empty = timed(lambda: live.build(select=models))
    name = {"duckdb": "DuckDB", "postgres": "PostgreSQL"}[warehouse.target]
    return [
        (
            f"{name}: seconds to build viewing from {rows:,} snapshots, over millions",
            f"{full:.1f}",
            f"{full / rows * 1e6:.1f}",
        ),
        (
            f"{name}: seconds of a beat of {count:,} snapshots on top, over one with nothing new",
            f"{min(beats):.2f} / {empty:.2f}",
            f"{min(beats) / empty:.2f}",
        ),
    ]


def snapshots(world: World, sessions: Sequence[Session], slots: range, load_id: str) -> pa.Table:
    """What the polls of some slots read, as rows of raw_twitch.streams."""
    rows = list(_rows(world, sessions, slots))
    names = [
        "slot_at", "id", "user_id", "user_login", "user_name", "game_id", "game_name", "type", "title", "viewer_count",
        "started_at", "language", "fetched_at",
    ]  # fmt: skip
    given = dict(zip(names, zip(*rows, strict=True), strict=True))
    columns: dict[str, Any] = {}
    for column in twitch.STREAMS.columns:
        default = None if column.null or column.optional else DEFAULTS[column.type]
        columns[column.name] = given.get(column.name) or [default] * len(rows)
    made = pa.table(columns, schema=twitch.STREAMS.arrow_schema)
    return made.append_column("_dlt_load_id", pa.array([load_id] * len(rows), pa.string()))


def _rows(world: World, sessions: Sequence[Session], slots: range) -> Iterator[tuple[Any, ...]]:
    for session in sessions:
        if session.end <= slots.start or session.start >= slots.stop:
            continue
        channel = world.channels[session.channel]
        login, name = world.names_at(channel, session.start)
        hidden = world.hides_viewers(channel)
        delay = 2 + channel.index % 7
        for slot in slots:
            at = slot + delay
            if session.start <= at < session.end:
                category = world.segment_at(session, at).category
                yield (
                    moment(slot), session.id, channel.id, login, name, category.id if category else "",
                    category.name if category else "", "live", world.segment_at(session, at).title,
                    None if hidden else int(world.viewers(session, at)), moment(session.start), channel.language,
                    moment(at),
                )  # fmt: skip


def _load(live: Live, url: str, rows: pa.Table, day: int, slots: Sequence[int] = ()) -> int:
    """Rows as one load, and the headers of their polls as another; returns how many rows."""
    name = twitch.STREAMS.qualified_name
    slots = slots or range(day * DAY, (day + 1) * DAY, SLOT)
    with tempfile.TemporaryDirectory() as folder:
        if live.warehouse.target == "duckdb":
            path = Path(folder) / "rows.parquet"
            pyarrow.parquet.write_table(rows, path)
            live.warehouse.execute(f"insert into {name} select * from '{path}'")
        else:
            path = Path(folder) / "rows.csv"
            pyarrow.csv.write_csv(rows, path)
            statement = f"copy {name} from stdin (format csv, header)"
            with psycopg.connect(url) as connection, connection.cursor().copy(statement) as copy:  # type: ignore[arg-type]
                copy.write(path.read_bytes())
    at = slots[-1] + SLOT
    live.warehouse.complete(rows["_dlt_load_id"][0].as_py(), moment(at))
    live.load(at + 1, {slot: [] for slot in slots})
    return rows.num_rows
