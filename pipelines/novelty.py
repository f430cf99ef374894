"""What a load would add: of tables that store nothing twice, the rows that the warehouse does not have.

Only completed loads count. What a broken load left behind is not seen by anybody, and is merged over.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipelines.tables import Table
from pipelines.warehouse import LOADS, Warehouse


def new_rows(warehouse: Warehouse, table: Table, rows: pa.Table) -> pa.Table:
    """The rows that `table` has still to store, in order; all of them unless it keeps `first` or `changes`."""
    if not rows.num_rows or table.kept not in ("first", "changes"):
        return rows
    if table.kept == "first":
        known = set(_stored(warehouse, table, rows, table.key[-1]))
        return rows.filter(pa.array([key not in known for key in _tuples(rows, table.key)], pa.bool_()))
    # by time, and by request within one: where the clock stands still, requests are numbered
    rows = rows.sort_by([("seen_at", "ascending"), ("request_id", "ascending")])
    state = {tuple(owner): content for *owner, content in _stored(warehouse, table, rows, table.key[-2])}
    changed = []
    for *owner, content in _tuples(rows, table.key):
        changed.append(state.get(tuple(owner)) != content)
        state[tuple(owner)] = content
    return rows.filter(pa.array(changed, pa.bool_()))


def _stored(warehouse: Warehouse, table: Table, rows: pa.Table, selective: str) -> list[tuple[Any, ...]]:
    """The keys in the warehouse that could be those of `rows`; of `changes`, the newest of each."""
    key = ", ".join(table.key)
    found = (
        f" from {table.qualified_name} inner join {LOADS} as loads"
        f" on dataset = '{table.dataset}' and _dlt_load_id = load_id"
        f" where {selective} in (select unnest(cast(? as varchar[])))"
    )
    query = f"select {key}{found}"
    if table.kept == "changes":
        newest = f"row_number() over (partition by {', '.join(table.key[:-1])} order by seen_at desc, request_id desc)"
        query = f"select {key} from (select {key}, {newest} as newest{found}) as numbered where newest = 1"
    return warehouse.rows(query, [rows[selective].unique().to_pylist()])


def _tuples(rows: pa.Table, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))
