"""The transform: dbt, in the process that already runs dlt, on the warehouse that the settings name."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.clock import stored
from pipelines.errors import TransformError
from pipelines.warehouse import Warehouse, read_stamp, write_stamp

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
# what extraction reads before it begins, and what the report reads even when a build has failed: all of it views
VIEWS = ("+path:models/sync", "+path:models/marts/ops/*.sql")


@dataclass(frozen=True)
class Build:
    """What a dbt invocation did: rows of raw_ops.dbt_nodes, and what went wrong."""

    nodes: list[dict[str, Any]]
    errors: list[str]
    failed_tests: list[str]


class Transform:
    """dbt on one warehouse; `variables` are the settings that models read (env_var)."""

    def __init__(self, warehouse: Warehouse, data_dir: Path, variables: Mapping[str, str]):
        self._warehouse = warehouse
        self._variables = variables
        self.target_path = data_dir / "dbt" / warehouse.name
        self._log_path = data_dir / "logs"
        self._manifest: Any = None

    def ensure_views(self, run_id: str) -> bool:
        """Build the sync and ops views if they are missing or changed; returns whether they were built."""
        current = hashlib.sha256(f"{project_hash()} {sorted(self._variables.items())}".encode()).hexdigest()
        if read_stamp(self._warehouse, "views") == current and self._views_exist():
            return False
        built = self.invoke(
            ["build", "--resource-type", "seed", "--resource-type", "model", "--select", *VIEWS], run_id
        )
        if built.errors:
            raise TransformError(f"the sync views could not be built: {built.errors[0]}", "see data/logs/dbt.log")
        write_stamp(self._warehouse, "views", current)
        return True

    def build(self, run_id: str, idle: Iterable[str] = ()) -> Build:
        """Build and test everything but what is idle: sources and domains that nothing new has come for.

        Their views are built all the same, because PostgreSQL drops views along with those below them. Unit tests say
        something of the code, not of the data, and are for `make test`.
        """
        left_out = [f"path:models/marts/{name}+" for name in idle] + [
            f"path:models/{layer}/{name},{kind}"
            for layer in ("staging", "intermediate")
            for name in idle
            for kind in ("resource_type:test", "config.materialized:incremental")
        ]
        exclude = ["--exclude", *left_out] if left_out else []
        return self.invoke(["build", "--exclude-resource-type", "unit_test", *exclude], run_id)

    def invoke(self, arguments: Sequence[str], run_id: str) -> Build:
        """Run dbt quietly.

        Raises:
            TransformError: dbt could not begin: a model does not parse, the warehouse can not be reached.
        """
        from dbt.cli.main import dbtRunner

        quiet = [*self.options(), "--log-level", "none"]
        if self._manifest is None:
            # parsed once a process, whatever is built with it
            self._manifest = dbtRunner().invoke(["parse", "--no-write-json", *quiet]).result
        outcome = dbtRunner(manifest=self._manifest).invoke([*arguments, *quiet])
        if outcome.exception or not hasattr(outcome.result, "results"):
            raise TransformError(f"dbt could not begin: {outcome.exception}", "see data/logs/dbt.log")
        return _build(outcome.result, run_id)

    def passthrough(self, arguments: Sequence[str]) -> bool:
        """Run a dbt command as a person would, its output shown; returns whether it succeeded."""
        from dbt.cli.main import dbtRunner

        return bool(dbtRunner().invoke([*arguments, *self.options()]).success)

    def options(self) -> list[str]:
        """The options that point dbt at this project and this warehouse."""
        os.environ.update(self._warehouse.dbt_env() | self._variables)
        return [
            *("--project-dir", str(PROJECT)),
            *("--profiles-dir", str(PROJECT)),
            *("--target", self._warehouse.target),
            *("--target-path", str(self.target_path.resolve())),
            *("--log-path", str(self._log_path.resolve())),
            *("--log-level-file", "warn"),
            "--no-use-colors",
            "--no-use-colors-file",
        ]

    def _views_exist(self) -> bool:
        wanted = {path.stem for folder in ("sync", "marts/ops") for path in (PROJECT / "models" / folder).glob("*.sql")}
        found = self._warehouse.rows(
            "select table_name from information_schema.tables where table_schema in ('sync', 'ops')"
        )
        return wanted <= {name for (name,) in found}


def project_hash() -> str:
    """A hash of everything in the dbt project that could change a view."""
    digest = hashlib.sha256()
    for folder in ("macros", "models", "seeds"):
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.is_file():
                digest.update(str(path.relative_to(PROJECT)).encode())
                digest.update(path.read_bytes())
    digest.update((PROJECT / "dbt_project.yml").read_bytes())
    return digest.hexdigest()


def _build(result: Any, run_id: str) -> Build:
    from dbt_common.invocation import get_invocation_id

    invocation_id = get_invocation_id()
    nodes, errors, failed_tests = [], [], []
    for item in result.results:
        status, node = str(item.status), item.node
        if status == "no-op":
            continue
        if status in ("error", "runtime error"):
            errors.append(f"{node.name}: {item.message}")
        elif status == "fail":
            failed_tests.append(f"{node.name}: {item.message}")
        completed = [timing.completed_at for timing in item.timing if timing.completed_at]
        nodes.append(
            {
                "invocation_id": invocation_id,
                "unique_id": node.unique_id,
                "run_id": run_id,
                "name": node.name,
                "resource_type": str(node.resource_type),
                "status": status,
                "seconds": item.execution_time,
                "rows_affected": _count((item.adapter_response or {}).get("rows_affected")),
                "failures": item.failures,
                "message": item.message,
                "completed_at": _utc(completed[-1]) if completed else None,
            }
        )
    return Build(nodes, errors, failed_tests)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _utc(moment: dt.datetime) -> dt.datetime:
    # dbt's own moments are in UTC, with or without saying so
    return stored(moment.replace(tzinfo=moment.tzinfo or dt.UTC))
