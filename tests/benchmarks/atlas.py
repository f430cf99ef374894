"""Figures of Atlas: many clients over months, on both engines, and beside it one row a commit on the same server.

CLIENTS=3 DAYS=15 makes it short; the default is the size that the figures are stated for.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa

from pipelines.loader import Loader
from pipelines.sandbox.atlas import AtlasWorld
from pipelines.sources.atlas import OBSERVATIONS, PAYLOADS
from pipelines.sources.atlas_routes import DEMO
from pipelines.sources.ops import API_REQUESTS, SYNC_LOG
from pipelines.tables import Table
from pipelines.warehouse import DuckDBWarehouse, PostgresWarehouse, Warehouse, stamp
from tests.benchmarks import one_row
from tests.benchmarks.tools import CHECKOUT, CLOCK, Figure, SandboxServer, extract_seconds, requests_of, run, timed
from tests.conftest import PostgresServer

CLIENTS = int(os.environ.get("CLIENTS", "10"))
DAYS = int(os.environ.get("DAYS", "90"))
# what one row a commit is measured with
SAMPLE = 20_000
NOW = dt.datetime(2026, 4, 15, 20, tzinfo=dt.UTC)
PER_MINUTE = 6000
# those of the run that is killed half-way
LOADS = 8
ROUTES = ("pedido", "nota", "produto", "entrega", "evento")
# days of a route that are loaded together: the default, and all of them
CHUNKS = (1000, 1_000_000)
LOADED = (PAYLOADS, OBSERVATIONS, API_REQUESTS, SYNC_LOG)
# the rows of Atlas, in its own tables and in those of all sources
SHARE = {"atlas": "true", "ops": "source = 'atlas'"}
SETTINGS = {"ETL_NOW": NOW.isoformat(), "CONCURRENCY": "16"}
# of both engines, without what says when and by which request
MARTS = {
    "dim_clients": "client, is_declared, route_count, day_count, complete_day_count, open_day_count, gap_day_count,"
    " record_count, since_day",
    "fct_payloads": "client, route, content_hash, record_key, is_exact",
    "fct_orders": "client, order_id, content_hash, status, customer_id, customer_name, customer_email, city, state,"
    " note, item_count, total_amount, freight_amount, installment_count, ordered_on, created_at, updated_at",
    "rpt_collection_coverage": "client, route, day, state, record_count, content_count, last_read_record_count,"
    " trailing_days, failures, settles_at",
}
UNSYNCED = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass
class Engine:
    """An engine: the settings of runs on it, and a folder for them."""

    name: str
    folder: Path
    settings: dict[str, str]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        if url := self.settings.get("DATABASE_URL"):
            with psycopg.connect(url, options="-c timezone=UTC") as connection:
                return connection.execute(sql).fetchall()  # type: ignore[arg-type]
        with duckdb.connect(str(self.folder / "data" / "warehouse.duckdb")) as opened:
            return opened.execute(sql).fetchall()

    def run(self, *arguments: str) -> tuple[Any, int]:
        """A run on it; returns its report and its peak memory in MB."""
        return run(self.folder, *arguments, **self.settings)


def figures() -> Iterator[Figure]:
    """A first load on both engines, the same again, the models over it, the load stage alone, and two kills."""
    server = PostgresServer(durable=True)
    server.start()
    limits = ("--atlas-clients", str(CLIENTS), "--atlas-per-minute", str(PER_MINUTE))
    sandbox = SandboxServer(*limits, "--frozen", "--now", NOW.isoformat())
    try:
        with tempfile.TemporaryDirectory() as folder, sandbox as env:
            tokens = {name: value for name, value in env.items() if name.startswith("ATLAS_TOKEN_")}

            def engine(name: str, days: int, purpose: str) -> Engine:
                place = Path(folder) / f"{name}-{purpose}"
                (place / ".dlt").mkdir(parents=True)
                (place / ".dlt" / "config.toml").write_text(declared(sandbox.url, days), "utf-8")
                on = {"TARGET": "postgres", "DATABASE_URL": server.new_database()} if name == "PostgreSQL" else {}
                return Engine(name, place, tokens | SETTINGS | on)

            engines = []
            for name in ("DuckDB", "PostgreSQL"):
                small, large = engine(name, DAYS // 3, "third"), engine(name, DAYS, "whole")
                yield from first_load(small, large)
                yield from build(large)
                yield from again(large)
                engines.append(large)
            yield from same_marts(*engines)
            yield from load_stage(engines[0], server, Path(folder))
            for name in ("DuckDB", "PostgreSQL"):
                yield killed(engine(name, DAYS // 3, "killed"), DAYS // 3)
            yield killed_one_row(engines[0], server)
    finally:
        server.stop()


def declared(url: str, days: int) -> str:
    """The demo's routes, and clients of the sandbox that are collected for so many days before today."""
    routes = DEMO.read_text("utf-8").partition("[sources.atlas.clients.")[0]
    return routes + "".join(
        f'[sources.atlas.clients.{client}]\nbase_url = "{url}/atlas/{client}"\nroutes = {json.dumps(ROUTES)}\n'
        f"days_back = {days}\nrequests_per_minute = {PER_MINUTE}\n"
        for client in AtlasWorld(clients=CLIENTS).clients
    )


def first_load(small: Engine, large: Engine) -> Iterator[Figure]:
    """All days of all clients, and a third of them."""
    _, third = small.run("extract", "--sources", "atlas")
    report, peak = large.run("extract", "--sources", "atlas")
    received, loaded = (total(report, name) for name in ("rows_received", "rows_loaded"))
    seconds, refused = extract_seconds(report), total(report, "rate_limited")
    size = f"{CLIENTS} clients, {DAYS} days"
    yield f"{large.name}: records of {size}, and payloads kept", f"{received:,}", f"{loaded:,}"
    yield f"{large.name}: requests, and answers 429", f"{requests_of(report):,}", f"{refused}"
    yield f"{large.name}: seconds of the extract, records/s", f"{seconds:.1f}", f"{received / seconds:,.0f}"
    yield f"{large.name}: peak memory, MB, {DAYS} days over {DAYS // 3}", f"{peak} / {third}", f"{peak / third:.2f}"


def build(engine: Engine) -> Iterator[Figure]:
    """The models and their tests over it."""
    report, _ = engine.run("transform")
    seconds = sum(stage["seconds"] for stage in report["stages"])
    ((slowest, longest),) = engine.rows(
        "select name, seconds from ops.fct_dbt_nodes where resource_type = 'model' order by seconds desc limit 1"
    )
    yield f"{engine.name}: seconds of the transform, tests included; {slowest}", f"{seconds:.1f}", f"{longest:.1f}"


def again(engine: Engine) -> Iterator[Figure]:
    """All days once more: each record is seen again, and none is stored again."""
    since = (NOW - dt.timedelta(days=DAYS)).date().isoformat()
    report, _ = engine.run("backfill", "--sources", "atlas", "--since", since)
    received, loaded = (total(report, name) for name in ("rows_received", "rows_loaded"))
    yield f"{engine.name}: records seen again, and stored again", f"{received:,}", f"{loaded}"


def same_marts(one: Engine, other: Engine) -> Iterator[Figure]:
    """Whether both engines hold the same."""
    for mart, columns in MARTS.items():
        found = [engine.rows(f"select {columns} from clients.{mart}") for engine in (one, other)]
        digests = {hashlib.sha256("\n".join(sorted(map(str, map(plain, rows)))).encode()).hexdigest() for rows in found}
        yield f"{mart}: rows on both engines", " / ".join(f"{len(rows):,}" for rows in found), same(digests)


def load_stage(engine: Engine, server: PostgresServer, folder: Path) -> Iterator[Figure]:
    """The loads of the same records alone, and as one row a commit, by how the server syncs."""
    with duckdb.connect(str(engine.folder / "data" / "warehouse.duckdb")) as connection:
        rows = {
            table: connection.sql(
                f"select {', '.join(field.name for field in table.columns)} from {table.qualified_name}"
                f" where {SHARE[table.source]}"
            )
            .to_arrow_table()
            .cast(table.arrow_schema)
            for table in LOADED
        }
    payloads = rows[PAYLOADS]
    for chunk in CHUNKS:
        warehouse = DuckDBWarehouse(folder / f"stage-{chunk}.duckdb")
        pace = payloads.num_rows / timed_loads(warehouse, rows, chunk, folder)
        yield f"DuckDB: load stage, records/s, {chunk:,} days a load at most", f"{pace:,.0f}", ""
    sample = one_rows(payloads.slice(0, SAMPLE))
    for is_synced in (True, False):
        if not is_synced:
            unsync(server)
        url = server.new_database()
        with psycopg.connect(url) as connection:
            connection.execute(one_row.TABLE)
        server_is = f"PostgreSQL, fsync {'on' if is_synced else 'off'}"
        single = len(sample) / timed(lambda url=url: one_row.write(url, sample))
        for chunk in CHUNKS:
            pace = payloads.num_rows / timed_loads(postgres(server.new_database()), rows, chunk, folder)
            yield (
                f"{server_is}: load stage, {chunk:,} days a load at most, records/s, over one row a commit",
                f"{pace:,.0f} / {single:,.0f}",
                f"{pace / single:.1f}",
            )


def timed_loads(warehouse: Warehouse, rows: dict[Table, pa.Table], units: int, folder: Path) -> float:
    """Seconds of loading rows, so many units at a time, into an empty warehouse."""
    loader = Loader(warehouse, Path(tempfile.mkdtemp(dir=folder)))
    stamp(warehouse, "live")
    loader.ensure(list(rows))
    loads = -(-rows[SYNC_LOG].num_rows // units)

    def work() -> None:
        for number in range(loads):
            share = {table: -(-found.num_rows // loads) for table, found in rows.items()}
            loader.load({table: found.slice(number * share[table], share[table]) for table, found in rows.items()})

    with warehouse.kept_open():
        return timed(work)


def killed(engine: Engine, days: int) -> Figure:
    """A run that is killed while it loads: nothing that it reported is missing then, nor anything after another."""
    wanted = truth(days)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "extract", "--sources", "atlas"],
        cwd=engine.folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "ETL_LOG_LEVEL": "WARNING", **engine.settings}
        | {"CHUNK_UNITS": str(len(wanted) // LOADS)},
        # of what it leaves behind, Python would warn
        stderr=subprocess.DEVNULL,
    )
    seen: set[str] = set()
    while True:
        jobs = list((engine.folder / "data").glob("dlt/*/atlas/load/normalized/*/*_jobs/*"))
        seen |= {job.parent.parent.name for job in jobs}
        # the first two make the tables and declare the clients
        if len(seen) > 2 + LOADS // 2 and jobs:
            process.send_signal(signal.SIGKILL)
            break
        if process.poll() is not None:
            raise SystemExit("the run ended before it was killed")
        CLOCK.sleep(0.005)
    process.wait()
    reported = reported_units(engine)
    before = stored(engine)
    lost = sum(len(contents - before.keys()) for unit, contents in wanted.items() if unit in reported)
    engine.run("extract", "--sources", "atlas")
    after = stored(engine)
    everything = set().union(*wanted.values())
    odd = len(everything ^ after.keys()) + sum(count > 1 for count in after.values())
    what = f"{engine.name}: days reported when killed; records of them lost, and odd after another run"
    return what, f"{len(reported)} / {len(wanted)}", f"{lost} / {odd}"


def killed_one_row(engine: Engine, server: PostgresServer) -> Figure:
    """The same of one row a commit."""
    sample = engine.rows(
        "select client, route, coalesce(payload_fit, payload), content_hash, fetched_at"
        f" from {PAYLOADS.qualified_name} limit {SAMPLE}"
    )
    url = server.new_database()
    with psycopg.connect(url) as connection:
        connection.execute(one_row.TABLE)
    reported = one_row.write_until_killed(url, sample, len(sample) // 4, lambda: CLOCK.sleep(0.005))
    with psycopg.connect(url) as connection:
        (count,) = connection.execute("select count(*) from dados_raw").fetchone()  # type: ignore[misc]
    return "one row a commit: rows reported when killed; of them lost", f"{reported:,}", str(max(0, reported - count))


def truth(days: int) -> dict[str, set[tuple[str, str, str]]]:
    """What the API has of each day of a client's route, as client, route and content."""
    world, today = AtlasWorld(clients=CLIENTS), NOW.date()
    found: dict[str, set[tuple[str, str, str]]] = {}
    for client in world.clients:
        for route in ROUTES:
            for back in range(days + 1):
                day = today - dt.timedelta(days=back)
                rows = world.records(client, route, day, day, NOW.timestamp())
                found[f"{client}/{route}/{day}"] = {(client, route, digest(row)) for row in rows}
    return found


def stored(engine: Engine) -> Counter[tuple[str, str, str]]:
    """What completed loads have brought, as client, route and content."""
    rows = engine.rows(
        "select client, route, payload from raw_atlas.payloads"
        " inner join raw_atlas._dlt_loads on _dlt_load_id = load_id"
    )
    return Counter((client, route, digest(json.loads(payload))) for client, route, payload in rows)


def reported_units(engine: Engine) -> set[str]:
    """The days that the sync log says are done."""
    return {
        unit
        for (unit,) in engine.rows(
            "select unit_id from raw_ops.sync_log as log inner join raw_ops._dlt_loads on _dlt_load_id = load_id"
            " where source = 'atlas' and log.status = 'ok'"
        )
    }


def digest(row: dict[str, Any]) -> str:
    """A content, without what is volatile."""
    text = json.dumps({name: value for name, value in row.items() if name != "servido_em"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def one_rows(payloads: pa.Table) -> list[one_row.Row]:
    """Payloads as rows of the old table."""
    names = ("client", "route", "payload_fit", "payload", "content_hash", "fetched_at")
    columns = zip(*(payloads[name].to_pylist() for name in names), strict=True)
    return [(client, route, fit or text, key, at) for client, route, fit, text, key, at in columns]


def postgres(url: str) -> PostgresWarehouse:
    """The warehouse at an address."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return PostgresWarehouse(parts["host"], int(parts["port"]), parts["dbname"], parts["user"], parts["password"])


def unsync(server: PostgresServer) -> None:
    """Let the server sync nothing from now on."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for name in UNSYNCED:
            connection.execute(f"alter system set {name} = off")  # type: ignore[arg-type]
        connection.execute("select pg_reload_conf()")


def total(report: dict[str, Any], name: str) -> int:
    """A sum over the resources of a run."""
    return int(sum(row[name] for row in report["resources"]))


def plain(row: Sequence[Any]) -> list[Any]:
    """A row without what engines write in different ways."""
    return [float(value) if isinstance(value, Decimal) else value for value in row]


def same(digests: set[str]) -> str:
    """A verdict."""
    return "equal" if len(digests) == 1 else "DIFFER"
