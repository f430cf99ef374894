"""The transform: dbt, in the process that already runs dlt, on the warehouse that the settings name."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines import builds
from pipelines.clock import stored
from pipelines.errors import TransformError
from pipelines.failing import Failure, explain
from pipelines.warehouse import Warehouse, read_stamp, write_stamp

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
# what extraction reads before it begins, and what the report reads even when a build has failed: all of it views
VIEWS = ("+path:models/sync", "+path:models/marts/ops/*.sql")
# the models that each beat of a watch builds
BEAT = "tag:beat"
# all but views, which say the same until the project changes
NO_VIEWS = ("resource_type:seed", "resource_type:test", "config.materialized:table", "config.materialized:incremental")

# where views are
SCHEMAS = ("staging", "sync", "intermediate", "live", "football", "clients", "ops")
# the models that keep what earlier builds made, and all that they read
KEPT = "+config.materialized:incremental"

# for a few models of many: what there is besides is not listed, and no artifacts are written. What there is of them is
# listed before they begin: each thread of a build that lists for itself may find half of a list, and a model new
QUICKLY = ("--cache-selected-only", "--no-write-json")

# the project as it was parsed last for each database, and its version then
_manifests: dict[Hashable, tuple[str, Any]] = {}


@dataclass(frozen=True)
class Build:
    """What a dbt invocation did: rows of raw_ops.dbt_nodes, and what went wrong.

    doubts: the tests that fail or warn, each with its row and as dbt has it.
    full: how many models were built in full, and why.
    """

    nodes: list[dict[str, Any]]
    errors: list[str]
    doubts: list[tuple[dict[str, Any], Any]]
    failed_tests: list[Failure] = field(default_factory=list)
    full: str | None = None

    @property
    def failing(self) -> set[str]:
        """The models that could not be built."""
        return {error.partition(":")[0] for error in self.errors}

    def __add__(self, other: Build) -> Build:
        return Build(self.nodes + other.nodes, self.errors + other.errors, self.doubts + other.doubts)


class Transform:
    """dbt on one warehouse; `variables` are the settings that models read (env_var).

    prefix: what the names of all schemas that dbt makes begin with; raw schemas have none.
    """

    def __init__(self, warehouse: Warehouse, data_dir: Path, variables: Mapping[str, str], prefix: str = ""):
        self._warehouse = warehouse
        self._variables = {**variables, "AIRTIME_SCHEMA_PREFIX": prefix}
        self._prefix = prefix
        self.target_path = data_dir / "dbt" / f"{prefix}{warehouse.name}"
        self._log_path = data_dir / "logs"
        self._are_views_new = False

    def ensure_views(self, run_id: str) -> bool:
        """Build the sync and ops views if they are missing or changed; returns whether they were built."""
        current = self._version()
        needed = {path.stem for folder in ("sync", "marts/ops") for path in (PROJECT / "models" / folder).glob("*.sql")}
        found = self._views()
        if read_stamp(self._warehouse, "views") == current and needed <= found:
            return False
        built = self.invoke(
            ["build", "--resource-type", "seed", "--resource-type", "model", "--select", *VIEWS, "--no-write-json"],
            run_id,
        )
        if built.errors:
            raise TransformError(f"the sync views could not be built: {built.errors[0]}", "see data/logs/dbt.log")
        write_stamp(self._warehouse, "views", current)
        # in a new warehouse, all that there are now are of this version and need not be built once more
        self._are_views_new = not found
        return True

    def build(self, run_id: str, idle: Iterable[str] = (), is_beat: bool = False) -> Build:
        """Build and test everything but what is idle: sources and domains that nothing new has come for.

        Views are built when the project has changed, those of idle domains too. Unit tests say something of the code,
        not of the data, and are for `make test`. A beat builds the models that new snapshots touch and tests nothing,
        once everything has been built.
        """
        left_out = [f"path:models/marts/{name}+" for name in idle] + [
            f"path:models/{layer}/{name},{kind}"
            for layer in ("staging", "intermediate")
            for name in idle
            for kind in ("resource_type:test", "config.materialized:incremental")
        ]
        arguments = ["build", "--exclude-resource-type", "unit_test", *(["--exclude", *left_out] if left_out else [])]
        version, before, noted = self._version(), self._views(), builds.read(self._warehouse)
        then_version, _, then_idle = (read_stamp(self._warehouse, "all_views") or "").partition(" ")
        if is_beat and then_version == version:
            arguments = ["run", "--select", BEAT, *QUICKLY]
            return self._told(self._completed(self.invoke(arguments, run_id), before, arguments, run_id), noted)
        if self._are_views_new or (then_version == version and set(then_idle.split()) <= set(idle)):
            arguments += ["--select", *NO_VIEWS, *sorted(self._wanted_views() - before)]
        built = self.invoke(arguments, run_id)
        built = self._completed(built, before, arguments, run_id)
        if not built.errors:
            write_stamp(self._warehouse, "all_views", " ".join([version, *sorted(idle)]))
        return self._told(built, noted)

    def build_incremental(self, run_id: str, are_views_there: bool = False) -> Build:
        """Build the incremental models and all that they read, but views if they are there; test nothing."""
        arguments = ["build", "--resource-type", "seed", "--resource-type", "model", "--select"]
        kinds = ("resource_type:seed", "config.materialized:table", "config.materialized:incremental")
        arguments += [f"{KEPT},{kind}" for kind in kinds] if are_views_there else [KEPT]
        before = self._views()
        return self._completed(self.invoke(arguments, run_id), before, arguments, run_id)

    def _completed(self, built: Build, before: set[str], arguments: Sequence[str], run_id: str) -> Build:
        """A build with the views that it lost, and with what failed for want of them.

        PostgreSQL drops views along with the table below them, which a full build replaces.
        """
        tried: set[str] = set()
        while lost := before & self._wanted_views() - self._views():
            made = self.invoke(["run", "--select", *sorted(lost)], run_id)
            # what fails a second time, with its views there, fails for a reason of its own
            if made.errors or built.failing <= tried:
                return built + made
            tried = built.failing
            again = self.invoke(arguments, run_id)
            built = replace(again, nodes=built.nodes + made.nodes + again.nodes)
        return built

    @property
    def manifest(self) -> Any:
        """The project as dbt understands it."""
        return self._parsed()

    def _told(self, built: Build, noted: builds.Builds) -> Build:
        """A build with what there is to tell of it: which tests fail on what rows, and what was built in full."""
        failed_tests = []
        for row, node in built.doubts:
            failure = explain(node, row["failures"] or 0, self._parsed(), self._warehouse)
            row["message"] = str(failure)
            if row["status"] == "fail":
                failed_tests.append(failure)
        return replace(built, failed_tests=failed_tests, full=builds.told_of_full(noted, builds.read(self._warehouse)))

    def invoke(self, arguments: Sequence[str], run_id: str) -> Build:
        """Run dbt quietly.

        Raises:
            TransformError: dbt could not begin: a model does not parse, the warehouse can not be reached.
        """
        from dbt.cli.main import dbtRunner

        outcome = dbtRunner(manifest=self._parsed()).invoke([*arguments, *self._quietly()])
        if outcome.exception or not hasattr(outcome.result, "results"):
            raise TransformError(f"dbt could not begin: {outcome.exception}", "see data/logs/dbt.log")
        return _build(outcome.result, run_id)

    def passthrough(self, arguments: Sequence[str]) -> bool:
        """Run a dbt command as a person would, its output shown; returns whether it succeeded."""
        from dbt.cli.main import dbtRunner

        return bool(dbtRunner().invoke([*arguments, *self.options()]).success)

    def options(self) -> list[str]:
        """The options that point dbt at this project and this warehouse."""
        return self._options(self._warehouse.dbt_env(), self.target_path)

    def _options(self, connection: Mapping[str, str], target_path: Path) -> list[str]:
        os.environ.update({**connection, **self._variables})
        return [
            *("--project-dir", str(PROJECT)),
            *("--profiles-dir", str(PROJECT)),
            *("--target", self._warehouse.target),
            *("--target-path", str(target_path.resolve())),
            *("--log-path", str(self._log_path.resolve())),
            *("--log-level-file", "warn"),
            "--no-use-colors",
            "--no-use-colors-file",
        ]

    def _quietly(self) -> list[str]:
        return [*self.options(), "--log-level", "none"]

    def _parsed(self) -> Any:
        """The project as dbt understands it: parsed once a process, whatever is built with it and however often.

        What it is depends on the name of the database and not on where that is. dbt knows a project that it has parsed
        before by its connection, so it is told no more than the name, and remembers it in a folder of its own.
        """
        from dbt.cli.main import dbtRunner

        connection = self._warehouse.dbt_database()
        database, version = tuple(connection.items()), self._version()
        if _manifests.get(database, ("",))[0] != version:
            options = [*self._options(connection, self.target_path / "parsed"), "--log-level", "none"]
            _manifests[database] = version, dbtRunner().invoke(["parse", "--no-write-json", *options]).result
        return _manifests[database][1]

    def _version(self) -> str:
        """What the views depend on: the project and the settings that it reads."""
        return hashlib.sha256(f"{project_hash()} {sorted(self._variables.items())}".encode()).hexdigest()

    def _wanted_views(self) -> set[str]:
        nodes = self._parsed().nodes.values() if self._parsed() else ()
        return {node.name for node in nodes if node.config.materialized == "view"}

    def _views(self) -> set[str]:
        """The views that there are, by name; no two models share one."""
        schemas = ", ".join(f"'{self._prefix}{schema}'" for schema in SCHEMAS)
        return {
            name
            for (name,) in self._warehouse.rows(
                "select table_name from information_schema.tables"
                f" where table_type = 'VIEW' and table_schema in ({schemas})"
            )
        }


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
    nodes, errors, doubts = [], [], []
    for item in result.results:
        status, node = str(item.status), item.node
        if status == "no-op":
            continue
        if status in ("error", "runtime error"):
            errors.append(f"{node.name}: {item.message}")
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
        if status in ("fail", "warn"):
            doubts.append((nodes[-1], node))
    return Build(nodes, errors, doubts)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _utc(moment: dt.datetime) -> dt.datetime:
    # dbt's own moments are in UTC, with or without saying so
    return stored(moment.replace(tzinfo=moment.tzinfo or dt.UTC))
