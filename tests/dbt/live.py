"""Live streams for tests: raw rows as polls of a simulated world leave them, loaded in bulk, and models of viewing."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from pipelines.sandbox.viewing import sessions_between
from pipelines.sandbox.world import DAY, Session, World
from pipelines.sources import ops, twitch
from pipelines.tables import Table
from tests.dbt.warehouse import DEFAULTS, Row, Warehouse

SLOT = 300
CHANNELS = 60
FIRST_DAY = 20_728  # 2026-10-02, a Friday
DAYS = 3
POLLS = next(table for table in ops.TABLES if table.name == "polls")
CLOCK = next(table for table in ops.TABLES if table.name == "clock")
VIEWING = (
    "int_live__youtube_categories_named", "int_live__slots_recorded", "int_live__streams_spanned",
    "int_live__stream_stretches", "int_live__stream_days", "int_live__category_slots", "int_live__poll_days",
    "int_live__follower_days", "fct_stream_snapshots", "fct_streams", "fct_stream_sessions", "fct_channel_days",
    "fct_category_days",
)  # fmt: skip


@dataclass(frozen=True)
class Simulation:
    """A small world for some days: all its sessions begin and end within them."""

    world: World
    sessions: list[Session]
    since: int
    until: int

    @property
    def slots(self) -> range:
        """Starts of the slots from before the first session until all are over."""
        return range(self.since, self.until + 3 * SLOT, SLOT)


def simulate(seed: int = 7, channels: int = CHANNELS, days: int = DAYS) -> Simulation:
    """Make a simulation."""
    world = World(seed, channels)
    since, until = FIRST_DAY * DAY, (FIRST_DAY + days) * DAY
    return Simulation(world, sessions_between(world, since, until), since, until)


def moment(seconds: float) -> dt.datetime:
    """A time as raw tables hold it: UTC, without a zone."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None)


def polled(simulation: Simulation, missing: Collection[int] = ()) -> dict[int, list[Row]]:
    """What each poll reads, by the start of its slot; it takes some seconds, and slots that are missing have none."""
    chance = random.Random(1)
    world = simulation.world
    rows: dict[int, list[Row]] = {}
    for slot in simulation.slots:
        begins = slot + 1 + 10 * chance.random()
        shift = chance.random()
        if slot in missing:
            continue
        rows[slot] = []
        for session in simulation.sessions:
            channel = world.channels[session.channel]
            at = begins + 5 * ((channel.index * 0.618 + shift) % 1)
            if not session.start <= at < session.end:
                continue
            segment = world.segment_at(session, at)
            login, name = world.names_at(channel, at)
            rows[slot].append(
                {
                    "slot_at": moment(slot),
                    "id": session.id,
                    "user_id": channel.id,
                    "user_login": login,
                    "user_name": name,
                    "game_id": segment.category.id if segment.category else "",
                    "game_name": segment.category.name if segment.category else "",
                    "type": "live",
                    "title": segment.title,
                    "language": channel.language,
                    "viewer_count": None if world.hides_viewers(channel) else int(world.viewers(session, at)),
                    "started_at": moment(session.start),
                    "fetched_at": moment(at),
                }
            )
    return rows


def header(slot: int, complete: bool = True) -> Row:
    """The header of a poll."""
    return {
        "slot_at": moment(slot),
        "source": "twitch",
        "resource": "streams",
        "scope": "top",
        "is_complete": complete,
        "is_exhaustive": complete,
        "started_at": moment(slot + 1),
        "finished_at": moment(slot + 16),
    }


class Live:
    """Raw tables of a warehouse and the models over them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._loads = 0

    def load(
        self, at: float, polls: dict[int, list[Row]], incomplete: Iterable[int] = (), headers: bool = True
    ) -> None:
        """Polls as one load that was complete at a time, and their headers and the clock as another a second later."""
        broken = set(incomplete)
        self._merge(twitch.STREAMS, [row for rows in polls.values() for row in rows], at)
        if headers:
            self._merge(POLLS, [header(slot, slot not in broken) for slot in polls], at + 1)
        self._merge(CLOCK, [{"clock_id": 1, "now_at": moment(at)}], at + 1)

    def merge(self, table: Table, rows: list[Row], at: float) -> None:
        """Other rows, as a load that was complete at a time."""
        self._merge(table, rows, at)

    def create_views(self) -> None:
        """The models with all views below them: these follow the raw tables by themselves from then on."""
        self.warehouse.dbt("run", "--select", *(f"+{name}" for name in VIEWING))

    def build(self, *arguments: str, select: Iterable[str] = VIEWING) -> None:
        """The models of viewing: by what is new, or with --full-refresh by everything.

        PostgreSQL drops views along with a table below them that is built in full, so they are made anew then.
        """
        below = "+" if "--full-refresh" in arguments else ""
        self.warehouse.dbt("run", "--select", *(f"{below}{name}" for name in select), *arguments)

    def rows(self, name: str) -> list[Row]:
        """A mart as dictionaries."""
        schema = "live" if name.startswith(("fct", "rpt", "dim")) else "intermediate"
        columns = self.warehouse.execute(
            "select column_name from information_schema.columns "
            f"where table_schema = '{schema}' and table_name = '{name}' order by ordinal_position"
        )
        names = [column for (column,) in columns]
        return [dict(zip(names, row, strict=True)) for row in self.warehouse.table(f"{schema}.{name}")]

    def land(self, table: Table, rows: list[Row]) -> str:
        """Rows as a load that is not complete yet; returns its id. Of rows with one key the last counts."""
        self._loads += 1
        load_id = f"bulk-{self._loads:06d}"
        unique = {tuple(row[column] for column in table.primary_key): row for row in rows}
        if unique:
            self._write(table, arrow(table, list(unique.values()), load_id))
        return load_id

    def _merge(self, table: Table, rows: list[Row], at: float) -> None:
        self.warehouse.complete(self.land(table, rows), moment(at), table.dataset)

    def _write(self, table: Table, rows: pa.Table) -> None:
        name, key = table.qualified_name, ", ".join(table.primary_key)
        with tempfile.TemporaryDirectory() as directory:
            if self.warehouse.target == "duckdb":
                path = Path(directory) / "rows.parquet"
                pyarrow.parquet.write_table(rows, path)
                self.warehouse.execute(
                    f"delete from {name} where ({key}) in (select ({key}) from '{path}');"
                    f"insert into {name} select * from '{path}'"
                )
                return
            settings = self.warehouse.settings()
            with psycopg.connect(
                host=settings["DB_HOST"],
                port=settings["DB_PORT"],
                dbname=settings["DB_NAME"],
                user=settings["DB_USER"],
                password=settings["DB_PASSWORD"],
            ) as connection:
                connection.execute(f"create temp table new_rows (like {name})")  # type: ignore[arg-type]
                path = Path(directory) / "rows.csv"
                pyarrow.csv.write_csv(rows, path)
                with connection.cursor().copy("copy new_rows from stdin (format csv, header)") as copy:
                    copy.write(path.read_bytes())
                connection.execute(
                    f"delete from {name} where ({key}) in (select {key} from new_rows);"  # type: ignore[arg-type]
                    f"insert into {name} select * from new_rows"
                )


@contextlib.contextmanager
def in_zone(warehouse: Warehouse, zone: str) -> Iterator[None]:
    """Another time zone, for this process and for sessions of the database."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", zone)
        time.tzset()
        if warehouse.target == "postgres":
            warehouse.execute(f"alter role current_user set timezone = '{zone}'")
        yield
    time.tzset()
    if warehouse.target == "postgres":
        warehouse.execute("alter role current_user reset timezone")


def arrow(table: Table, rows: list[Row], load_id: str) -> pa.Table:
    """Rows of a raw table with what they leave out filled in, as one load."""
    columns: dict[str, list[Any]] = {}
    for column in table.columns:
        default = None if column.null or column.optional else DEFAULTS[column.type]
        columns[column.name] = [row.get(column.name, default) for row in rows]
    made = pa.table(columns, schema=table.arrow_schema)
    return made.append_column("_dlt_load_id", pa.array([load_id] * len(rows), pa.string()))
