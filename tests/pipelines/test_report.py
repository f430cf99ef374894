"""The report: one run and the history, read from the ops marts, for people and for machines."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from pipelines import report
from pipelines.errors import UsageError
from pipelines.warehouse import DuckDBWarehouse

# the columns that the report reads, with a value of their type for each
RUN = {
    "run_id": "20261001T120000-abcdef", "command": "elt", "status": "partial", "data_kind": "demo", "target": "duckdb",
    "started_at": dt.datetime(2026, 10, 1, 12), "finished_at": dt.datetime(2026, 10, 1, 12, 1), "seconds": 61.5,
    "exit_code": 0, "error": None, "next_step": None,
}  # fmt: skip
STAGE = {
    "run_id": RUN["run_id"], "position": 1, "stage": "extract_twitch", "status": "partial", "seconds": 2.0,
    "rows": 5000, "message": "12 units left",
}  # fmt: skip
RESOURCE = {
    "run_id": RUN["run_id"], "source": "twitch", "resource": "users", "status": "partial", "units_requested": 200,
    "units_succeeded": 190, "units_absent": 3, "units_failed": 10, "units_deferred": 12, "success_rate": 0.95,
    "rows_received": 1250, "rows_loaded": 1240, "rows_quarantined": 7, "requests": 20, "retries": 4, "rate_limited": 1,
    "seconds": 2.5, "rows_per_second": 496.0, "unknown_fields": '["is_new","mood"]', "message": None,
    "started_at": dt.datetime(2026, 10, 1, 12),
}  # fmt: skip
NODE = {
    "run_id": RUN["run_id"], "name": "fct_streams", "resource_type": "model", "status": "success", "seconds": 0.5,
    "failures": None, "message": "OK",
}  # fmt: skip
FAILED_TEST = NODE | {"name": "a_test", "resource_type": "test", "status": "fail", "message": "Got 1 result"}
TYPES = {str: "varchar", int: "bigint", float: "double", dt.datetime: "timestamp", type(None): "varchar"}


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    """A warehouse with the marts that the report reads, empty."""
    warehouse = DuckDBWarehouse(tmp_path / "demo.duckdb")
    tables = {"fct_runs": RUN, "fct_run_stages": STAGE, "fct_run_resources": RESOURCE, "fct_dbt_nodes": NODE}
    columns = {
        table: ", ".join(f"{name} {TYPES[type(value)]}" for name, value in row.items()) for table, row in tables.items()
    }
    warehouse.execute("create schema ops", *(f"create table ops.{table} ({columns[table]})" for table in tables))
    return warehouse


def put(warehouse: DuckDBWarehouse, **rows: list[dict[str, Any]]) -> None:
    """Rows in the marts, by table."""
    with duckdb.connect(str(warehouse.path)) as connection:
        for table, given in rows.items():
            marks = ", ".join("?" * len(given[0]))
            connection.executemany(f"insert into ops.{table} values ({marks})", [list(row.values()) for row in given])


def shown(found: dict[str, Any]) -> str:
    screen = io.StringIO()
    report.show(found, Console(file=screen, width=200))
    return screen.getvalue()


def test_a_warehouse_without_runs_says_so(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(UsageError, match="no run has been recorded yet"):
        report.read(warehouse)
    with pytest.raises(UsageError, match="no run 2026"):
        report.read(warehouse, "2026")


def test_the_last_run_is_read_with_its_parts_in_order(warehouse: DuckDBWarehouse) -> None:
    earlier = RUN["started_at"] - dt.timedelta(days=1)
    put(
        warehouse,
        fct_runs=[RUN, RUN | {"run_id": "earlier", "started_at": earlier}],
        fct_run_stages=[
            STAGE | {"stage": "transform", "position": 2}, STAGE, STAGE | {"run_id": "earlier", "stage": "other"},
        ],
        fct_dbt_nodes=[NODE, FAILED_TEST],
    )  # fmt: skip
    found = report.read(warehouse)
    assert found["run_id"] == RUN["run_id"] and found["started_at"] == "2026-10-01T12:00:00Z"
    assert [stage["stage"] for stage in found["stages"]] == ["extract_twitch", "transform"]
    assert [(row["resource_type"], row["nodes"]) for row in found["dbt"]] == [("model", 1), ("test", 1)]
    assert [node["name"] for node in found["dbt_problems"]] == ["a_test"]
    assert report.read(warehouse, "earlier")["stages"][0]["stage"] == "other"
    assert [run["run_id"] for run in report.history(warehouse, 5)] == [RUN["run_id"], "earlier"]
    assert len(report.history(warehouse, 1)) == 1


def test_machines_get_all_of_it_as_json(warehouse: DuckDBWarehouse) -> None:
    put(warehouse, fct_runs=[RUN], fct_run_resources=[RESOURCE])
    found = json.loads(report.to_json(report.read(warehouse)))
    (row,) = found["resources"]
    assert {name: row[name] for name in RESOURCE if name not in ("run_id", "started_at")} == {
        name: value for name, value in RESOURCE.items() if name not in ("run_id", "started_at")
    }


def test_people_see_the_counts_the_failures_and_what_to_do(warehouse: DuckDBWarehouse) -> None:
    failed = RUN | {"status": "failed", "exit_code": 3, "error": "twitch: it is down", "next_step": "run again"}
    put(
        warehouse,
        fct_runs=[failed],
        fct_run_stages=[STAGE],
        fct_run_resources=[RESOURCE],
        fct_dbt_nodes=[FAILED_TEST],
    )
    text = shown(report.read(warehouse))
    assert "DEMO DATA" in text and "12 units left" in text and "5,000" in text and "2,500" in text
    assert "1,250 rows received, 1,240 loaded, 7 refused; exit code 3" in text
    assert "95.0%" in text and "is_new, mood" in text and "make replay" in text
    assert "fail a_test: Got 1 result" in text and "twitch: it is down" in text and "next: run again" in text


def test_text_from_elsewhere_is_shown_as_it_is(warehouse: DuckDBWarehouse) -> None:
    odd = "type [bigint] closed by [/bigint] in a[0] \\[x]"
    put(
        warehouse,
        fct_runs=[RUN | {"status": "failed", "error": odd, "next_step": odd}],
        fct_run_stages=[STAGE | {"message": odd}],
        fct_run_resources=[RESOURCE | {"unknown_fields": json.dumps([odd])}],
        fct_dbt_nodes=[NODE | {"status": "error", "message": odd}],
    )
    assert shown(report.read(warehouse)).count(odd) == 5
    screen = io.StringIO()
    report.show_history(report.history(warehouse, 1), Console(file=screen, width=200))
    assert odd in screen.getvalue()


def test_a_run_that_is_not_over_or_was_killed_can_be_shown(warehouse: DuckDBWarehouse) -> None:
    put(warehouse, fct_runs=[RUN | {"status": "killed", "finished_at": None, "seconds": None, "exit_code": None}])
    text = shown(report.read(warehouse))
    assert "killed" in text and "None" not in text
    screen = io.StringIO()
    report.show_history(report.history(warehouse, 1), Console(file=screen, width=200))
    assert "killed" in screen.getvalue() and "None" not in screen.getvalue()
