"""Whether incremental builds have left what full ones would: every incremental model is computed anew and compared.

The full builds have schemas of their own beside those of the warehouse, over the same raw tables and the same clock.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pipelines import builds
from pipelines.environment import Environment
from pipelines.errors import DATA_TESTS_FAILED, TransformError, UsageError
from pipelines.failing import cell, key_columns
from pipelines.transform import Transform
from pipelines.warehouse import Warehouse, holder

PREFIX = "verify_"
SAMPLE = 5

log = logging.getLogger("airtime.verify")


@dataclass(frozen=True)
class Difference:
    """A model that differs: rows that it has and a full build has not, and the other way round, a few of each."""

    model: str
    surplus: int
    missing: int
    rows: Sequence[tuple[str, Mapping[str, Any]]]

    def lines(self) -> list[str]:
        """For people: the counts, then the rows by key."""
        shown = [
            f"    {whose}: {', '.join(f'{name}={cell(value)}' for name, value in row.items())}"
            for whose, row in self.rows
        ]
        return [
            f"  {self.model}: {self.surplus:,} rows that a full build has not, {self.missing:,} that only it has",
            *shown,
        ]


@dataclass(frozen=True)
class Verdict:
    """What was compared, what differs, and the models to build anew: those that no other one that differs is above."""

    models: Sequence[str]
    differences: Sequence[Difference]
    to_rebuild: Sequence[str]

    @property
    def exit_code(self) -> int:
        """0 if all are equal."""
        return DATA_TESTS_FAILED if self.differences else 0

    @property
    def mend(self) -> str:
        """The commands that make them equal."""
        return f'make dbt ARGS="run --full-refresh --select {" ".join(self.to_rebuild)}" && make transform'


def verify(environment: Environment) -> Verdict:
    """Compare; the models are brought up to date first, since what is loaded and not built is no difference.

    Raises:
        UsageError: nothing has been built yet.
        TransformError: a model does not build.
        LockedError: a run is at work.
    """
    warehouse = environment.warehouse
    if not warehouse.exists():
        raise UsageError(f"there is no warehouse at {warehouse.location} yet", "`make elt` makes one")
    run_id = f"verify-{environment.clock.now():%Y%m%dT%H%M%S}"
    lock = warehouse.lock(holder(run_id), environment.settings.lock_wait_seconds, environment.clock)
    with lock, warehouse.kept_open():
        noted = builds.read(warehouse)
        if not noted:
            raise UsageError(f"{warehouse.location} has no models of this version yet", "`make elt` builds them")
        warehouse.lift_memory_limit()
        variables = environment.dbt_variables()
        kept = Transform(warehouse, environment.data_dir, variables)
        log.info("building what is new ...")
        _require(kept.build_incremental(run_id, are_views_there=True).errors)
        if told := builds.told_of_full(noted, builds.read(warehouse)):
            log.info("%s", told)
        with _scratch(warehouse):
            log.info("building all in full beside it ...")
            scratch = Transform(warehouse, environment.data_dir, variables, prefix=PREFIX)
            _require(scratch.build_incremental(run_id).errors)
            return compare(warehouse, scratch.manifest)


def compare(warehouse: Warehouse, manifest: Any) -> Verdict:
    """Each incremental model with what was built in full beside it, every column."""
    built = {name for (name,) in warehouse.rows(f"select model from {PREFIX}{builds.MODELS}")}
    nodes = {key: node for key, node in manifest.nodes.items() if node.resource_type == "model" and node.name in built}
    found = {key: one for key, node in nodes.items() if (one := _difference(warehouse, node, manifest))}
    roots = [found[key].model for key in found if not found.keys() & _above(key, manifest)]
    return Verdict(sorted(node.name for node in nodes.values()), list(found.values()), sorted(roots))


def _difference(warehouse: Warehouse, node: Any, manifest: Any) -> Difference | None:
    schema = node.schema.removeprefix(PREFIX)
    types = dict(
        warehouse.rows(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = ? and table_name = ? order by ordinal_position",
            [PREFIX + schema, node.name],
        )
    )
    # JSON can not be compared on PostgreSQL
    columns = [
        f'cast("{name}" as text) as "{name}"' if kind.lower() == "json" else f'"{name}"' for name, kind in types.items()
    ]
    select = f"select {', '.join(columns)} from"
    kept, full = (f"({select} {prefix}{schema}.{node.name})" for prefix in ("", PREFIX))
    key = [name for name in key_columns(node, manifest) if name in types] or list(types)
    counts, rows = [], []
    for whose, query in (("kept", f"{kept} except all {full}"), ("full", f"{full} except all {kept}")):
        counts.append(int(warehouse.rows(f"select count(*) from ({query}) as other")[0][0]))
        order = ", ".join(f'"{name}"' for name in key)
        sample = f"select * from ({query}) as other order by {order} limit {SAMPLE}"
        if counts[-1]:
            texts = warehouse.rows(f"select cast(to_json(sampled) as varchar) from ({sample}) as sampled")
            rows += [(whose, msgspec.json.decode(text)) for (text,) in texts]
    if not any(counts):
        return None
    return Difference(node.name, counts[0], counts[1], _shown(rows, key))


def _shown(rows: Sequence[tuple[str, Mapping[str, Any]]], key: Sequence[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """Of each row its key and, where both have it, what differs."""
    by_key: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for _, row in rows:
        by_key.setdefault(tuple(str(row[name]) for name in key), []).append(row)
    shown = []
    for whose, row in rows:
        same = by_key[tuple(str(row[name]) for name in key)]
        differing = [name for name in row if name not in key and len({str(one[name]) for one in same}) > 1]
        shown.append((whose, {name: row[name] for name in [*key, *differing]}))
    return shown


def _above(key: str, manifest: Any) -> set[str]:
    """All nodes that one is built on."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        node = manifest.nodes.get(waiting.pop())
        new = set(node.depends_on.nodes) - found if node and node.resource_type == "model" else set()
        found |= new
        waiting += new
    return found


@contextlib.contextmanager
def _scratch(warehouse: Warehouse) -> Iterator[None]:
    """No schemas of full builds, before and after: a run that was killed may have left some."""
    _drop(warehouse)
    try:
        yield
    finally:
        _drop(warehouse)


def _drop(warehouse: Warehouse) -> None:
    found = warehouse.rows("select distinct schema_name from information_schema.schemata")
    for (schema,) in found:
        if schema.startswith(PREFIX):
            warehouse.execute(f'drop schema if exists "{schema}" cascade')


def _require(errors: Sequence[str]) -> None:
    if errors:
        raise TransformError(errors[0], "see data/logs/dbt.log and the model that it names")
