"""`make verify`: incremental models against full builds beside them, on a small warehouse."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines import transform
from pipelines.errors import TransformError, UsageError
from pipelines.verify import PREFIX, Verdict, verify
from pipelines.warehouse import DuckDBWarehouse
from tests.dbt.warehouse import Warehouse
from tests.helpers import SimulatedClock, postgres_warehouse

SNAPSHOTS, CATEGORIES = "fct_stream_snapshots", "int_live__youtube_categories_named"
SLOT = dt.datetime(2026, 10, 1, 12, 0)


def video(number: int) -> dict[str, Any]:
    return {
        "slot_at": SLOT, "id": f"y{number}", "channel_id": "UC1", "live_broadcast_content": "live",
        "actual_start_time": SLOT, "concurrent_viewers": 5, "category_id": "20",
    }  # fmt: skip


@pytest.fixture
def environment(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A warehouse with three snapshots that have been built."""
    monkeypatch.setattr(transform, "KEPT", f"+{SNAPSHOTS}")
    warehouse.load(SLOT, {"raw_youtube.videos": [video(number) for number in range(3)]})
    warehouse.load(SLOT, {"raw_youtube.categories": [{"id": "20", "title": "Gaming"}]})
    warehouse.build("--resource-type", "seed", "--resource-type", "model", "--select", f"+{SNAPSHOTS}")
    own = postgres_warehouse(warehouse._url) if warehouse.target == "postgres" else DuckDBWarehouse(warehouse._path)
    variables = {"COLLECTION_INTERVAL_MINUTES": "5"}
    for name in (*own.dbt_env(), *variables, "AIRTIME_SCHEMA_PREFIX"):
        monkeypatch.setenv(name, "")
    return SimpleNamespace(
        warehouse=own, data_dir=tmp_path, clock=SimulatedClock(), settings=SimpleNamespace(lock_wait_seconds=0),
        dbt_variables=lambda: variables,
    )  # fmt: skip


def schemas(environment: Any) -> list[str]:
    rows = environment.warehouse.rows("select schema_name from information_schema.schemata")
    return [name for (name,) in rows if name.startswith(PREFIX)]


def test_models_that_are_equal_what_is_wrong_in_them_and_what_mends_it(
    environment: Any, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what is loaded and not built yet is no difference
    warehouse.load(SLOT, {"raw_youtube.videos": [video(9)]})
    verdict = verify(environment)
    assert verdict == Verdict([SNAPSHOTS, CATEGORIES], [], []) and verdict.exit_code == 0
    assert len(warehouse.table(f"live.{SNAPSHOTS}")) == 4 and not schemas(environment)

    warehouse.execute(f"update live.{SNAPSHOTS} set viewer_count = 7 where stream_id = 'y1'")
    warehouse.execute(f"delete from live.{SNAPSHOTS} where stream_id = 'y2'")
    verdict = verify(environment)
    assert verdict.exit_code == 1 and verdict.to_rebuild == [SNAPSHOTS]
    (difference,) = verdict.differences
    assert (difference.model, difference.surplus, difference.missing) == (SNAPSHOTS, 1, 2)
    shown = [(whose, row["stream_id"], row.get("viewer_count")) for whose, row in difference.rows]
    assert shown == [("kept", "y1", 7), ("full", "y1", 5), ("full", "y2", None)]
    assert f"--select {SNAPSHOTS}" in verdict.mend and "stream_id=y1" in "\n".join(difference.lines())

    def fail(*arguments: Any) -> None:
        raise TransformError("while it compares")

    monkeypatch.setattr("pipelines.verify.compare", fail)
    with pytest.raises(TransformError):
        verify(environment)
    assert not schemas(environment), "after errors, too"


def test_a_warehouse_without_models_has_nothing_to_verify(tmp_path: Path) -> None:
    environment = SimpleNamespace(warehouse=DuckDBWarehouse(tmp_path / "none.duckdb"))
    with pytest.raises(UsageError) as refused:
        verify(environment)  # type: ignore[arg-type]
    assert "make elt" in refused.value.mend
