"""A warehouse and its twin: what incremental builds left, against each model computed from all there is.

The twin has schemas of its own beside those of the warehouse, over the same raw tables. Its models are filled by their
SQL as dbt compiles it for a full build, so a comparison costs no second run of dbt.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import filelock
from dbt.cli.main import dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from pipelines.transform import QUICKLY
from tests.dbt.histories import Rows, Step, rows_of
from tests.dbt.live import SLOT, Live, moment
from tests.dbt.warehouse import TABLES, Row, Warehouse, run_dbt

PREFIX = "twin_"
# what is compared: the incremental models, and a few that are made of them each time; with all that they read
VIEW = "int_live__stream_intervals"
NEEDED = ("+config.materialized:incremental", "+dim_categories", "+dim_channels", "+dim_channels_history", f"+{VIEW}")


@dataclass(frozen=True)
class Definition:
    """A model that is compared: its schema and columns, and the SQL that computes it whole."""

    is_view: bool
    schema: str
    columns: tuple[str, ...]
    sql: str


class Twin:
    """Both of them on one engine: `step` loads and builds, `differences` compares."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._live = Live(warehouse)
        self._unfinished: list[tuple[str, str]] = []
        self._steps = 0
        # rows of a step that was killed, by table, which are to overwrite others before the next one
        self._late: dict[str, list[Row]] = {}
        self._made: int | None = None
        self._built: list[str] = []

    @functools.cached_property
    def _manifest(self) -> Manifest:
        folder = self.warehouse.parsed.with_name(f"{self.warehouse.parsed.name}-twin")
        folder.mkdir(exist_ok=True)
        with filelock.FileLock(folder / "lock"):
            return run_dbt("parse", target=self.warehouse.target, artifacts=folder, env=self._env()).result

    @functools.cached_property
    def definitions(self) -> dict[str, Definition]:
        """The models that are compared, in the order in which they are built."""
        # that of the twin's own build, whose relations say which columns there are
        compiled = self._dbt("compile", "--select", *self._built)
        nodes = {run.node.name: run.node for run in compiled.result}
        return {name: self._definition(nodes[name]) for name in self._built}

    def empty(self) -> None:
        """Forget everything: no rows, and models that were built over none."""
        if self._made != self.warehouse.made:
            self.warehouse.create()
            select = ("--resource-type", "seed", "--resource-type", "model", "--select", *NEEDED)
            self.warehouse.build(*select)
            self._built = _compared(self._dbt("build", *select))
            assert self.definitions
            self._made = self.warehouse.made
        self.warehouse.forget()
        self._unfinished, self._late, self._steps = [], {}, 0

    def step(self, step: Step) -> None:
        """Load a step's rows and build by what is new.

        A step that is killed leaves loads that complete in the next one. Until then what they overwrite counts nowhere;
        so tables in which they do land once the step has been compared, and are built upon then.
        """
        self._steps += 1
        if self._late:
            self._unfinished += self._land(self._late)
            self._late = {}
            self.build()
        unfinished, self._unfinished = self._unfinished, []
        # a clock that goes back and forth: only the order of completion counts
        at = moment(20_728 * 86_400 + (self._steps * 3 + step.common.clock) * SLOT)
        rows = rows_of(step, self._steps)
        if step.common.killed:
            self._late = {name: told for name, told in rows.items() if self._overwrites(name, told)}
        landed = self._land({name: told for name, told in rows.items() if name not in self._late})
        self._edit_seeds(step)
        for load_id, dataset in (*unfinished, *(() if step.common.killed else landed)):
            self.warehouse.complete(load_id, at, dataset)
        if step.common.killed:
            self._unfinished = landed
        self.build()

    def build(self, *models: str) -> None:
        """Some models, or all that are compared, and the incremental ones that they are built on: by what is new."""
        select = [*(f"+{name},config.materialized:incremental" for name in models), *models]
        self._built = _compared(self.warehouse.dbt("run", *QUICKLY, "--select", *(select or self.definitions)))
        # what is built in full shows nothing of what an incremental build would have made of it
        full = self.warehouse.execute("select model, full_reason from builds.models where full_number = build_number")
        assert not {name for name, _ in full} & set(self._built), f"built in full: {full}"

    def differences(self) -> dict[str, list[tuple[Any, ...]]]:
        """Of the models of the last build, a few rows that only one of both has, each with whose it is, below the
        names of its columns.
        """
        found = {}
        for name, model in self.definitions.items():
            if name not in self._built:
                continue
            names = ", ".join(f'"{column}"' for column in model.columns)
            ours, theirs = (f"{prefix}{model.schema}.{name}" for prefix in ("", PREFIX))
            if not model.is_view:
                self.warehouse.execute(
                    f"delete from {theirs}; insert into {theirs} ({names}) select {names} from ({model.sql}) as built"
                )
            rows = self.warehouse.execute(
                f"select 'incremental' as whose, gone.* from"
                f" (select {names} from {ours} except all select {names} from {theirs}) as gone"
                f" union all select 'full', missing.* from"
                f" (select {names} from {theirs} except all select {names} from {ours}) as missing"
            )
            if rows:
                found[name] = [("whose", *model.columns), *sorted(rows, key=repr)[:6]]
        return found

    def _land(self, rows: Rows) -> list[tuple[str, str]]:
        """Rows by raw table as loads that are not complete: their ids and schemas."""
        return [(self._live.land(TABLES[name], told), TABLES[name].dataset) for name, told in rows.items()]

    def _overwrites(self, name: str, rows: list[Row]) -> bool:
        key = TABLES[name].primary_key
        known = set(self.warehouse.execute(f"select {', '.join(key)} from {TABLES[name].qualified_name}"))
        return any(tuple(row[column] for column in key) in known for row in rows)

    def _edit_seeds(self, step: Step) -> None:
        pairs = [
            (10 * league + step.common.alias, 10 * league + step.common.alias - 1)
            for league in range(100, 100 + len(step.parts))
            if step.common.alias
        ]
        for schema in ("staging", f"{PREFIX}staging"):
            statements = [f"delete from {schema}.team_aliases", f"delete from {schema}.standings_policies"]
            statements += [
                f"insert into {schema}.team_aliases (team_id, canonical_team_id) values ({team}, {canonical})"
                for team, canonical in pairs
            ]
            if step.common.ranking:
                statements.append(
                    f"insert into {schema}.standings_policies (league_id, ranking, points_for_win)"
                    f" select distinct league_id, 'head_to_head', 2 from raw_sportmonks.fixtures"
                )
            self.warehouse.execute(";".join(statements))

    def _definition(self, node: Any) -> Definition:
        columns = self.warehouse.execute(
            "select column_name from information_schema.columns"
            f" where table_schema = '{node.schema}' and table_name = '{node.name}' order by ordinal_position"
        )
        schema = node.schema.removeprefix(PREFIX)
        return Definition(
            node.config.materialized == "view", schema, tuple(column for (column,) in columns), node.compiled_code
        )

    def _dbt(self, *arguments: str) -> dbtRunnerResult:
        result = run_dbt(
            *arguments,
            target=self.warehouse.target,
            artifacts=self.warehouse.artifacts,
            env=self._env(),
            manifest=self._manifest,
        )
        assert result.success, result.exception
        return result

    def _env(self) -> dict[str, str]:
        return {**self.warehouse.settings(), "AIRTIME_SCHEMA_PREFIX": PREFIX}


def _compared(result: dbtRunnerResult) -> list[str]:
    """Of what was built, what is compared: tables, and the one view."""
    nodes = [run.node for run in result.result if run.node.resource_type == "model"]
    return [node.name for node in nodes if node.config.materialized != "view" or node.name == VIEW]
