"""Failing data tests, for people: the model, what was expected of it, some rows that fail, and the mend that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import msgspec
import psycopg

from pipelines.warehouse import Warehouse

SAMPLE = 5
# of a cell, and the columns of a row whose key is not known
CELL_LENGTH = 40
MOST_COLUMNS = 6


@dataclass(frozen=True)
class Failure:
    """A test that fails: of which model, what it expects, how many rows are against it and some of these."""

    test: str
    model: str
    expected: str
    count: int
    rows: Sequence[Mapping[str, Any]]
    mend: str

    def __str__(self) -> str:
        shown = "; ".join(", ".join(f"{name}={cell(value)}" for name, value in row.items()) for row in self.rows)
        such = f", such as {shown}" if shown else ""
        are = "1 row is not" if self.count == 1 else f"{self.count:,} rows are not"
        return f"{self.model}: expected {self.expected}; {are} so{such}"


def explain(node: Any, count: int, manifest: Any, warehouse: Warehouse) -> Failure:
    """What a test of dbt's that failed has found. Its rows are looked up again: dbt keeps their number only.

    node: the test as dbt has it after it ran, with its SQL.
    """
    above = [manifest.nodes[key] for key in node.depends_on.nodes if key in manifest.nodes]
    attached = manifest.nodes.get(getattr(node, "attached_node", None) or "")
    subject = attached or next((one for one in reversed(above) if one.resource_type == "model"), None) or node
    rows = _sample(node, warehouse)
    key = _key(subject, node, manifest)
    chosen = [
        {name: row[name] for name in key if name in row} or dict(list(row.items())[:MOST_COLUMNS]) for row in rows
    ]
    return Failure(node.name, subject.name, _expected(node), count, chosen, _mend(subject, above, manifest))


def _sample(node: Any, warehouse: Warehouse) -> list[dict[str, Any]]:
    try:
        found = warehouse.rows(
            f"select cast(to_json(failing) as varchar) from ({node.compiled_code}\n) as failing limit {SAMPLE}"
        )
    except (duckdb.Error, psycopg.Error, AttributeError):
        # what it reads may have gone with a build that broke off: the rest is worth telling all the same
        return []
    return [msgspec.json.decode(row) for (row,) in found]


def _arguments(node: Any) -> dict[str, Any]:
    given = node.test_metadata.kwargs if getattr(node, "test_metadata", None) else {}
    return given | given.get("arguments", {})


def key_columns(node: Any, manifest: Any) -> list[str]:
    """The columns that name a row of a model: those of its grain, as its test has them."""
    for one in manifest.nodes.values():
        if getattr(one, "attached_node", None) == node.unique_id and _kind(one) == "unique_combination":
            return list(_arguments(one).get("columns", []))
    return []


def _key(subject: Any, node: Any, manifest: Any) -> list[str]:
    """The columns that name a failing row, and those that the test is about."""
    if not _kind(node):
        # a test of its own selects what tells its rows apart
        return []
    own = _arguments(node)
    about = [*own.get("columns", []), *([own["column_name"]] if own.get("column_name") else [])]
    return list(dict.fromkeys([*key_columns(subject, manifest), *about]))


def _kind(node: Any) -> str:
    """The name of a generic test; nothing for one that is a file of its own, or no test."""
    metadata = getattr(node, "test_metadata", None)
    return metadata.name if metadata else ""


def _expected(node: Any) -> str:
    """What a test says, in words; of one that is a file, its first comment."""
    own = _arguments(node)
    columns, column = ", ".join(own.get("columns", [])), own.get("column_name", "")
    lowest, highest = own.get("minimum"), own.get("maximum")
    words = {
        "unique_combination": f"one row per {columns}, none of them null",
        "relationship": f"each {columns} to be in {_name(own.get('to'))}",
        "relationships": f"each {column} to be in {_name(own.get('to'))}",
        "expression_is_true": f"{own.get('expression')} in every row",
        "equal_total": (f"{own.get('expression')} to equal {own.get('to_expression')} of {_name(own.get('to'))}"),
        "in_range": " and ".join(
            [f"{column}{f' at least {lowest}' if lowest is not None else ''}"]
            + ([f"at most {highest}"] if highest is not None else [])
        ),
        "not_null": f"{column} never to be null",
        "unique": f"each {column} once",
        "accepted_values": f"{column} to be one of {', '.join(map(str, own.get('values', [])))}",
    }
    lines = [line.strip() for line in node.raw_code.splitlines()]
    comments = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    return words.get(_kind(node)) or " ".join(comments[:2]) or f"no rows from {node.name}"


def _name(reference: Any) -> str:
    return str(reference).removeprefix("ref('").removesuffix("')")


def _mend(subject: Any, above: Sequence[Any], manifest: Any) -> str:
    """What helps: a seed's row, a declaration that refuses the rows, or to build what has gone wrong anew."""
    if seeds := [one for one in [subject, *above] if one.resource_type == "seed"]:
        return f"edit the rows in dbt_project/seeds/{seeds[0].name}.csv, then `make transform`"
    if subject.name.startswith("stg_"):
        source = subject.name.removeprefix("stg_").partition("__")[0]
        return (
            f"the rows are as they came: make the declaration in pipelines/sources/{source}.py refuse them, so that"
            " such rows go to quarantine"
        )
    if _is_kept(subject, manifest):
        return (
            f'build it anew: make dbt ARGS="run --full-refresh --select +{subject.name}", then `make transform`;'
            " if it fails again, its rows come so from the API, and the test or the model is to be changed"
        )
    return f"look at the rows: dbt_project/{subject.original_file_path} makes them from what came"


def _is_kept(node: Any, manifest: Any, seen: frozenset[str] = frozenset()) -> bool:
    """Whether rows of earlier builds are in it: it or what it reads is incremental."""
    if node.resource_type != "model":
        return False
    above = [manifest.nodes[key] for key in node.depends_on.nodes if key in manifest.nodes and key not in seen]
    return node.config.materialized == "incremental" or any(
        _is_kept(one, manifest, seen | {node.unique_id}) for one in above
    )


def cell(value: Any) -> str:
    """A value on one line, shortened."""
    text = " ".join(str(value).split())
    return text if len(text) <= CELL_LENGTH else text[: CELL_LENGTH - 1] + "…"
