"""Data tests that fail, told with their model, their rows, what was expected and the mend."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipelines.failing import Failure, explain
from pipelines.warehouse import DuckDBWarehouse
from tests.dbt.warehouse import Warehouse, run_dbt
from tests.helpers import postgres_warehouse

SNAPSHOTS = "fct_stream_snapshots"
TESTS = ("in_range", "equal_total", "unique_combination")
SLOT = dt.datetime(2026, 10, 1, 12, 0)


def failures(warehouse: Warehouse, *selected: str) -> dict[str, Failure]:
    """What is told of the tests that fail, by the name of the generic test."""
    result = run_dbt(
        "test", "--select", *selected, target=warehouse.target, artifacts=warehouse.artifacts,
        env=warehouse.settings(), manifest=warehouse.manifest,
    )  # fmt: skip
    own = (
        postgres_warehouse(warehouse._url) if warehouse.target == "postgres" else DuckDBWarehouse(Path(warehouse._path))
    )
    return {
        run.node.test_metadata.name: explain(run.node, run.failures, warehouse.manifest, own)
        for run in result.result.results
        if str(run.status) == "fail"
    }


def test_rows_that_fail_are_named_by_their_key_with_what_was_expected_and_the_mend(warehouse: Warehouse) -> None:
    rows = [
        {"slot_at": SLOT, "id": f"y{n}", "channel_id": "UC1", "live_broadcast_content": "live",
         "actual_start_time": SLOT, "concurrent_viewers": 5, "category_id": "20"}
        for n in range(8)
    ]  # fmt: skip
    warehouse.load(SLOT, {"raw_youtube.videos": rows})
    warehouse.dbt("run", "--select", f"+{SNAPSHOTS}")
    selected = [f"{SNAPSHOTS},test_name:{name}" for name in TESTS]
    assert failures(warehouse, *selected) == {}

    warehouse.execute(f"update live.{SNAPSHOTS} set viewer_count = -1")
    warehouse.execute(f"delete from live.{SNAPSHOTS} where stream_id = 'y0'")
    found = failures(warehouse, *selected)
    assert set(found) == {"in_range", "equal_total"}
    low = found["in_range"]
    assert (low.model, low.count, len(low.rows)) == (SNAPSHOTS, 7, 5), "a sample"
    assert str(low).startswith(
        f"{SNAPSHOTS}: expected viewer_count at least 0; 7 rows are not so, such as viewer_count=-1"
    )
    assert f"--select +{SNAPSHOTS}" in low.mend and "--full-refresh" in low.mend
    short = str(found["equal_total"])
    assert "count(*) to equal count(*) of int_live__stream_snapshots_unioned" in short
    assert "total=7, other_total=8" in short


@pytest.mark.parametrize(
    ("test", "expected", "mend"),
    [
        ("unique_combination", "one row per team_id, none of them null", "dbt_project/seeds/team_aliases.csv"),
        ("expression_is_true", "in every row", "dbt_project/seeds/team_aliases.csv"),
    ],
)
def test_a_seed_that_fails_is_to_be_edited(warehouse_on: object, test: str, expected: str, mend: str) -> None:
    warehouse: Warehouse = warehouse_on("duckdb")  # type: ignore[operator]
    warehouse.dbt("seed", "--select", "team_aliases")
    warehouse.execute("insert into staging.team_aliases (team_id, canonical_team_id) values (900371, 900371)")
    found = failures(warehouse, f"team_aliases,test_name:{test}")
    if test in found:
        assert expected in str(found[test]) and mend in found[test].mend
        assert "team_id=900371" in str(found[test])
