"""A build of what changed: the changed model and what builds on it, nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.dbt.warehouse import PROJECT, Warehouse, run_dbt

CHANGED = "models/marts/ops/fct_run_resources.sql"


def test_a_slim_build_builds_the_changed_model_and_its_children(
    warehouse_on: Callable[[str], Warehouse], tmp_path: Path
) -> None:
    warehouse = warehouse_on("duckdb")
    warehouse.dbt("run", "--select", "+fct_runs", "+rpt_source_health")
    before = shutil.copytree(warehouse.parsed, tmp_path / "before")
    after = shutil.copytree(warehouse.parsed, tmp_path / "after")

    project = shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("target", "logs"))
    model = project / CHANGED
    model.write_text(model.read_text().replace("coalesce(requested.retries, 0)", "coalesce(requested.retries, 0) + 0"))
    result = run_dbt(
        *("build", "--select", "state:modified+", "--state", str(before)),
        target="duckdb",
        project=project,
        artifacts=after,
        env=warehouse.settings(),
        manifest=warehouse.parse(project, after),
    )

    assert result.success
    built = {node.node.name for node in result.result if node.node.resource_type.value == "model"}
    assert built == {"fct_run_resources", "rpt_source_health"}
