"""Quarantine: rows that their declaration refused, kept whole with the reason, until a replay accepts them."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
import pyarrow as pa

from pipelines.clock import stored
from pipelines.landing import last_of_each_key
from pipelines.sources.ops import QUARANTINE
from pipelines.tables import KEPT_FIELDS, Table
from pipelines.validation import Context, Refused, check, content_hash, own_rows
from pipelines.warehouse import Warehouse


def quarantine_rows(table: Table, refused: Iterable[Refused], context: Context, run_id: str) -> list[dict[str, Any]]:
    """Rows of raw_ops.quarantine for rows that `table` refused."""
    # two observations of the same are two: each comes back to its own slot or day
    observation = [str(context.values()[kept.name]) for kept in KEPT_FIELDS[table.kept]]
    return [
        {
            "source": table.source,
            "resource": table.name,
            "content_hash": content_hash(row.payload, *observation),
            "payload": row.payload,
            "context": {
                "slot_at": context.slot_at.isoformat(),
                "fetched_at": context.fetched_at.isoformat(),
                "request_id": context.request_id,
            },
            "reason": row.reason,
            "fetched_at": stored(context.fetched_at),
            "request_id": context.request_id,
            "run_id": run_id,
        }
        for row in refused
    ]


def replay(
    warehouse: Warehouse, tables: Iterable[Table], now: dt.datetime, run_id: str
) -> tuple[dict[Table, pa.Table], int]:
    """Check the rows in quarantine again, with today's declarations.

    Returns the rows to load by table, raw_ops.quarantine included (accepted rows marked as replayed, the others with
    today's reason), and how many are refused still. A row keeps the slot or day of its own fetch; of a table that keeps
    the latest only, one that has been fetched again since is not brought back.
    """
    by_name = {(table.source, table.name): table for table in tables}
    accepted: dict[Table, list[pa.Table]] = defaultdict(list)
    verdicts: list[dict[str, Any]] = []
    still_refused = 0
    columns = [column.name for column in QUARANTINE.columns]
    waiting = warehouse.rows(
        f"select {', '.join(columns)} from {QUARANTINE.qualified_name} where replayed_at is null order by fetched_at"
    )
    for values in waiting:
        row = dict(zip(columns, values, strict=True))
        row["context"] = known = _object(row["context"])
        table = by_name.get((row["source"], row["resource"]))
        if table is None:
            still_refused += 1
            continue
        context = Context(
            slot_at=dt.datetime.fromisoformat(known["slot_at"]),
            fetched_at=dt.datetime.fromisoformat(known["fetched_at"]),
            request_id=known["request_id"],
        )
        checked = check(table, [json.loads(row["payload"])], context)
        if checked.refused:
            still_refused += 1
            continue
        accepted[table].append(checked.rows)
        verdicts.append({**row, "replayed_at": stored(now), "run_id": run_id})
    loads = {table: _up_to_date(warehouse, table, pa.concat_tables(parts)) for table, parts in accepted.items()}
    loads[QUARANTINE] = own_rows(QUARANTINE, verdicts)
    return loads, still_refused


def _up_to_date(warehouse: Warehouse, table: Table, rows: pa.Table) -> pa.Table:
    """The rows with each key once, without those that the warehouse has from a later fetch."""
    rows = last_of_each_key(rows, table)
    if table.kept != "latest":
        return rows
    names = ", ".join(table.primary_key)
    found = warehouse.rows(f"select fetched_at, {names} from {table.qualified_name}")
    fetched_at = {tuple(key): at for at, *key in found}
    keys = zip(*(rows[name].to_pylist() for name in table.primary_key), strict=True)
    known = [fetched_at.get(key) for key in keys]
    return rows.filter(
        pa.array([at is None or at <= own for at, own in zip(known, rows["fetched_at"].to_pylist(), strict=True)])
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else msgspec.json.decode(value)
