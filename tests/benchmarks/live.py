"""Figures of viewing: a month of polls built on each engine, and what one more poll costs on top.

DAYS=2 CHANNELS=300 makes it short; the default, a month of some 1,000 live streams on each platform, is what figures
are stated for. Kick and YouTube show what Twitch does, under their own ids. ZONES="America/Sao_Paulo Asia/Kolkata"
builds everything again in other time zones; ENGINES=duckdb leaves one engine out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from pipelines.sandbox.viewing import sessions_between
from pipelines.sandbox.world import DAY, Session, World
from pipelines.sources import kick, twitch, youtube
from pipelines.sources.ops import POLLS
from pipelines.tables import Table
from tests.benchmarks.tools import Figure, timed
from tests.conftest import PostgresServer
from tests.dbt.live import FIRST_DAY, SLOT, VIEWING, Live, header, in_zone, moment
from tests.dbt.warehouse import DEFAULTS, Warehouse

DAYS = int(os.environ.get("DAYS", "30"))
CHANNELS = int(os.environ.get("CHANNELS", "3000"))
ZONES = os.environ.get("ZONES", "").split()
ENGINES = os.environ.get("ENGINES", "duckdb postgres").split()
LISTS = {twitch.STREAMS: "streams", kick.LIVESTREAMS: "livestreams", youtube.VIDEOS: "videos"}
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
    """A full build, a beat on top and the agreement of both engines and of time zones."""
    world = World(channels=CHANNELS)
    sessions = sessions_between(world, (FIRST_DAY - 1) * DAY, (FIRST_DAY + DAYS + 1) * DAY)
    found: list[Figure] = []
    totals = []
    server = PostgresServer()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            days = [
                polls(Path(folder), world, sessions, range(day * DAY, (day + 1) * DAY, SLOT), f"day-{day}")
                for day in range(FIRST_DAY, FIRST_DAY + DAYS)
            ]
            end = (FIRST_DAY + DAYS) * DAY
            beats = [
                polls(Path(folder), world, sessions, range(slot, slot + SLOT, SLOT), f"beat-{slot}")
                for slot in (end, end + SLOT)
            ]
            for target in ENGINES:
                (Path(folder) / target).mkdir()
                url = server.new_database() if target == "postgres" else ""
                warehouse = Warehouse(target, Path(folder) / target, url)
                figures, of_zones = _of(warehouse, url, days, beats)
                found += figures
                totals += of_zones
    finally:
        server.stop()
    equal = sum(len(set(told)) == 1 for told in zip(*totals, strict=True))
    found.append(
        (
            f"marts of viewing with the same totals on {' and '.join(ENGINES)}, in UTC {' '.join(ZONES)}",
            f"{equal} / {len(TOTALS)}",
            f"{equal}",
        )
    )
    return found


def _of(warehouse: Warehouse, url: str, days: list[Polls], beats: list[Polls]) -> tuple[list[Figure], list[list[str]]]:
    warehouse.create()
    if warehouse.target == "postgres":
        # as the loader makes them
        for table in LISTS:
            name = table.qualified_name
            warehouse.execute(f"create index on {name} (slot_at, id); create index on {name} (_dlt_load_id)")
    live = Live(warehouse)
    warehouse.build("--resource-type", "seed", "--select", "category_aliases")
    live.create_views()
    rows = sum(_load(live, url, one) for one in days)
    if warehouse.target == "postgres":
        warehouse.execute("analyze")
    full = timed(lambda: live.build("--full-refresh"))
    totals = [_totals(warehouse)]
    for zone in ZONES:
        with in_zone(warehouse, zone):
            live.build("--full-refresh")
            totals.append(_totals(warehouse))
    if ZONES:
        live.build("--full-refresh")
    models = (*VIEWING, *REPORTS)
    warehouse.dbt("run", "--select", "+dim_categories")
    warehouse.dbt("run", "--select", *REPORTS)
    if warehouse.target == "postgres":
        warehouse.execute("analyze")
    seconds = []
    for beat in beats:
        count = _load(live, url, beat)
        seconds.append(timed(lambda: live.build(select=models)))
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
            f"{min(seconds):.2f} / {empty:.2f}",
            f"{min(seconds) / empty:.2f}",
        ),
    ], totals


def _totals(warehouse: Warehouse) -> list[str]:
    told = []
    for name, what in TOTALS.items():
        rows = sorted(warehouse.execute(f"select platform, {what} from live.{name} group by platform"))
        told.append(" ".join(f"{platform} {[int(total) for total in totals]}" for platform, *totals in rows))
    return told


@dataclass(frozen=True)
class Polls:
    """The polls of some slots as one load: a file of rows for each platform's table."""

    load_id: str
    slots: range
    files: dict[Table, Path]


def polls(folder: Path, world: World, sessions: Sequence[Session], slots: range, load_id: str) -> Polls:
    """What the polls of some slots read."""
    files = {}
    for table, rows in of_platforms(snapshots(world, sessions, slots, load_id)).items():
        files[table] = folder / f"{load_id}-{table.source}.parquet"
        pyarrow.parquet.write_table(rows, files[table])
    return Polls(load_id, slots, files)


def of_platforms(rows: pa.Table) -> dict[Table, pa.Table]:
    """Rows of Twitch, and the same broadcasts as Kick and YouTube would show them."""
    column = rows.column
    named = lambda prefix, name: pc.binary_join_element_wise(prefix, column(name), "")
    return {
        twitch.STREAMS: rows,
        kick.LIVESTREAMS: _filled(
            kick.LIVESTREAMS,
            rows,
            id=named("k", "id"),
            broadcaster_user_id=pc.cast(column("user_id"), pa.int64()),
            broadcaster_username=column("user_name"),
            channel_slug=column("user_login"),
            category_id=pc.cast(pc.if_else(pc.equal(column("game_id"), ""), "0", column("game_id")), pa.int64()),
            category_name=column("game_name"),
            title=column("title"),
            language_code=column("language"),
            started_at=column("started_at"),
            # Kick shows hidden viewers as none
            viewer_count=pc.coalesce(column("viewer_count"), 0),
        ),
        youtube.VIDEOS: _filled(
            youtube.VIDEOS,
            rows,
            id=named("y", "id"),
            channel_id=named("UC", "user_id"),
            channel_title=column("user_name"),
            title=column("title"),
            category_id=column("game_id"),
            live_broadcast_content=pa.array(["live"] * rows.num_rows),
            default_audio_language=column("language"),
            published_at=column("started_at"),
            actual_start_time=column("started_at"),
            concurrent_viewers=column("viewer_count"),
        ),
    }


def _filled(table: Table, rows: pa.Table, **given: Any) -> pa.Table:
    """Rows of a table with what they leave out filled in, of the same slots and load as others."""
    given |= {"slot_at": rows["slot_at"], "fetched_at": rows["fetched_at"]}
    columns = {}
    for column in table.columns:
        default = None if column.null or column.optional else DEFAULTS[column.type]
        kind = table.arrow_schema.field(column.name).type
        columns[column.name] = given.get(column.name, pa.repeat(pa.scalar(default, kind), rows.num_rows))
    made = pa.table(columns, schema=table.arrow_schema)
    return made.append_column("_dlt_load_id", rows["_dlt_load_id"])


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


def _load(live: Live, url: str, polls: Polls) -> int:
    """Rows as one load, and the headers of their polls as another; returns how many rows."""
    at = polls.slots[-1] + SLOT
    count = 0
    for table, path in polls.files.items():
        name = table.qualified_name
        count += pyarrow.parquet.read_metadata(path).num_rows
        if live.warehouse.target == "duckdb":
            live.warehouse.execute(f"insert into {name} select * from '{path}'")
        else:
            statement = f"copy {name} from stdin (format csv, header)"
            text = pa.BufferOutputStream()
            pyarrow.csv.write_csv(pyarrow.parquet.read_table(path), text)
            with psycopg.connect(url) as connection, connection.cursor().copy(statement) as copy:  # type: ignore[arg-type]
                copy.write(text.getvalue())
        live.warehouse.complete(polls.load_id, moment(at), table.dataset)
    headers = [
        header(slot) | {"source": table.source, "resource": resource, "scope": "all"}
        for table, resource in LISTS.items()
        for slot in polls.slots
    ]
    live.merge(POLLS, headers, at + 1)
    live.load(at + 1, {})
    return count
