"""The report of a run, read from the ops marts; nothing is counted beside them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from pipelines.errors import UsageError
from pipelines.warehouse import Warehouse

RUN = """
select run_id, command, status, data_kind, target, started_at, finished_at, seconds, exit_code, error, next_step
from ops.fct_runs
"""
STAGES = """
select stage, status, seconds, rows, message
from ops.fct_run_stages where run_id = ? order by position
"""
RESOURCES = """
select
    source, resource, status, units_requested, units_succeeded, units_absent, units_failed, units_deferred,
    success_rate, rows_received, rows_loaded, rows_quarantined, requests, retries, rate_limited, seconds,
    rows_per_second, unknown_fields, message
from ops.fct_run_resources where run_id = ? order by started_at, resource
"""
NODES = """
select resource_type, status, count(*) as nodes, sum(seconds) as seconds
from ops.fct_dbt_nodes where run_id = ? group by resource_type, status order by resource_type, status
"""
PROBLEM_NODES = """
select name, resource_type, status, failures, message
from ops.fct_dbt_nodes where run_id = ? and status in ('fail', 'error', 'runtime error', 'warn') order by name
"""
STATUS_STYLES = {"succeeded": "green", "partial": "yellow", "failed": "red", "killed": "red", "skipped": "dim"}


def read(warehouse: Warehouse, run_id: str | None = None) -> dict[str, Any]:
    """One run with its stages, resources and dbt results; the last one if none is named.

    Raises:
        UsageError: there is no such run.
    """
    order = " order by started_at desc limit 1"
    runs = _query(warehouse, RUN + (order if run_id is None else " where run_id = ?"), [run_id] if run_id else [])
    if not runs:
        raise UsageError(
            "no run has been recorded yet" if run_id is None else f"no run {run_id}", "`make elt` makes one"
        )
    run = runs[0]
    key = [run["run_id"]]
    return {
        **run,
        "stages": _query(warehouse, STAGES, key),
        "resources": _query(warehouse, RESOURCES, key),
        "dbt": _query(warehouse, NODES, key),
        "dbt_problems": _query(warehouse, PROBLEM_NODES, key),
    }


def history(warehouse: Warehouse, count: int) -> list[dict[str, Any]]:
    """The last runs, newest first."""
    return _query(warehouse, RUN + f" order by started_at desc limit {int(count)}", [])


def to_json(found: Any) -> str:
    """The report for machines."""
    return msgspec.json.encode(found, enc_hook=str).decode()


def show(found: dict[str, Any], console: Console) -> None:
    """The report for people."""
    kind = "DEMO DATA from the local sandbox" if found["data_kind"] == "demo" else "live data"
    console.print()
    console.print(f"[bold]Run {found['run_id']}[/bold]  {found['command']}, {kind}, {found['target']}")
    stages = _grid("stage", "status", ">seconds", ">rows", ">rows/s", "note")
    for stage in found["stages"]:
        rate = stage["rows"] / stage["seconds"] if stage["rows"] and stage["seconds"] else None
        stages.add_row(
            stage["stage"], _status(stage["status"]), _decimal(stage["seconds"]), _count(stage["rows"]), _count(rate),
            escape(stage["message"] or ""),
        )  # fmt: skip
    console.print(stages)
    if found["resources"]:
        resources = _grid(
            "resource", "status", ">requested", ">ok", ">absent", ">failed", ">later", ">received", ">loaded",
            ">quarantined", ">requests", ">retries", ">429", ">seconds",
        )  # fmt: skip
        for row in found["resources"]:
            resources.add_row(
                f"{row['source']}.{row['resource']}", _status(row["status"]), _count(row["units_requested"]),
                "" if row["success_rate"] is None else f"{row['success_rate']:.1%}", _count(row["units_absent"]),
                _count(row["units_failed"]), _count(row["units_deferred"]), _count(row["rows_received"]),
                _count(row["rows_loaded"]), _count(row["rows_quarantined"]), _count(row["requests"]),
                _count(row["retries"]), _count(row["rate_limited"]), _decimal(row["seconds"]),
            )  # fmt: skip
        console.print(resources)
        for row in found["resources"]:
            if fields := _listed(row["unknown_fields"]):
                where = f"{row['source']}.{row['resource']}"
                console.print(f"[yellow]new fields[/yellow] in {where}, kept in _extra: {escape(', '.join(fields))}")
    if found["dbt"]:
        console.print(_dbt_line(found["dbt"]), highlight=False)
    for node in found["dbt_problems"]:
        told = escape(f"{node['name']}: {node['message']}")
        console.print(f"  [red]{node['status']}[/red] {told}", highlight=False)
    received, loaded, refused = (
        sum(row[name] for row in found["resources"]) for name in ("rows_received", "rows_loaded", "rows_quarantined")
    )
    seconds = found["seconds"] or 0.0
    console.print(
        f"{_status(found['status'])} in {seconds:,.1f} s: {received:,} rows received, {loaded:,} loaded,"
        f" {refused:,} refused; exit code {'unknown' if found['exit_code'] is None else found['exit_code']}",
        highlight=False,
    )
    if refused:
        console.print(
            "  refused rows and their reasons: select * from ops.fct_quarantine; `make replay` tries them again"
        )
    if found["error"]:
        console.print(f"  [red]{escape(found['error'])}[/red]", highlight=False)
    if found["next_step"]:
        console.print(f"  next: {escape(found['next_step'])}", highlight=False)


def show_history(runs: list[dict[str, Any]], console: Console) -> None:
    """The last runs for people."""
    grid = _grid("run", "command", "data", "target", "status", ">seconds", ">exit", "error")
    for run in runs:
        grid.add_row(
            run["run_id"], run["command"], run["data_kind"], run["target"], _status(run["status"]),
            _decimal(run["seconds"]), _count(run["exit_code"]), escape(run["error"] or ""),
        )  # fmt: skip
    console.print(grid)


def _query(warehouse: Warehouse, query: str, parameters: list[Any]) -> list[dict[str, Any]]:
    body = query.split("from ops.")[0].strip().removeprefix("select")
    names = [part.strip().split()[-1] for part in body.split(",")]
    return [dict(zip(names, map(_plain, values), strict=True)) for values in warehouse.rows(query, parameters)]


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat() + "Z"
    # PostgreSQL gives sums and counts as decimals
    return value if isinstance(value, str | int | float | bool | list | dict) or value is None else float(value)


def _grid(*headings: str) -> Grid:
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        grid.add_column(heading.lstrip(">"), justify="right" if heading.startswith(">") else "left", overflow="fold")
    return grid


def _dbt_line(rows: list[dict[str, Any]]) -> str:
    parts: dict[str, list[str]] = {}
    for row in rows:
        parts.setdefault(row["resource_type"], []).append(f"{int(row['nodes'])} {row['status']}")
    return "dbt: " + "; ".join(f"{kind}s {', '.join(counts)}" for kind, counts in parts.items())


def _listed(value: Any) -> list[str]:
    return msgspec.json.decode(value) if isinstance(value, str) else value or []


def _status(status: str) -> str:
    style = STATUS_STYLES.get(status)
    return f"[{style}]{status}[/{style}]" if style else status


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"
