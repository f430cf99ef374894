"""Strict validation: API rows against their declaration, before anything can coerce them.

Arrow alone would turn 1.5 into the integer 1, and a loader a text into a null. Here a row fits or it is refused, whole,
with the reason; fields that the declaration does not know are kept in `_extra`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from pipelines.clock import stored
from pipelines.tables import Table

NUL = "\x00"


@dataclass(frozen=True)
class Context:
    """What extraction knows of rows beside what the API sent."""

    slot_at: dt.datetime
    fetched_at: dt.datetime
    request_id: str

    def values(self) -> dict[str, Any]:
        """The columns of a raw row that come from here."""
        return {
            "slot_at": stored(self.slot_at),
            "observed_on": stored(self.fetched_at).date(),
            "fetched_at": stored(self.fetched_at),
            "request_id": self.request_id,
        }


@dataclass(frozen=True)
class Refused:
    """A row that does not fit: the row as ASCII JSON text, and why."""

    payload: str
    reason: str


@dataclass
class Checked:
    """Rows that fit, as Arrow; rows that do not; names of fields that the declaration does not know."""

    rows: pa.Table
    refused: list[Refused] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)


def check(table: Table, rows: Iterable[Any], context: Context) -> Checked:
    """Check rows of one answer against the declaration of `table`."""
    kind = _row_type(table)
    known = {declared.name for declared in table.fields}
    columns: dict[str, list[Any]] = {declared.name: [] for declared in table.fields}
    extras: list[str | None] = []
    refused: list[Refused] = []
    unknown: set[str] = set()
    for row in rows:
        try:
            checked = msgspec.convert(row, kind)
            _refuse_what_no_warehouse_holds(row)
        except (msgspec.ValidationError, ValueError) as error:
            refused.append(Refused(as_text(row), str(error)))
            continue
        for declared in table.fields:
            columns[declared.name].append(_stored(declared.type, getattr(checked, declared.name)))
        extra = {name: value for name, value in row.items() if name not in known}
        unknown |= extra.keys()
        extras.append(as_text(extra) if extra else None)
    count = len(extras)
    given = context.values()
    arrays = []
    for column in table.arrow_schema:
        if column.name in columns:
            values: Any = columns[column.name]
        elif column.name == "_extra":
            values = extras
        else:
            values = [given[column.name]] * count
        arrays.append(pa.array(values, column.type))
    return Checked(pa.Table.from_arrays(arrays, schema=table.arrow_schema), refused, unknown)


def own_rows(table: Table, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows of the project's own records as Arrow; JSON columns are given as Python values.

    Raises:
        msgspec.ValidationError, KeyError: a row does not fit the declaration, which is a defect of the project.
    """
    rows = list(rows)
    for row in rows:
        if unknown := row.keys() - {column.name for column in table.columns}:
            raise KeyError(f"{table.qualified_name} has no columns {sorted(unknown)}")
    return pa.table(
        [
            pa.array(
                [_own(column.type, row.get(column.name)) for row in rows], table.arrow_schema.field(column.name).type
            )
            for column in table.columns
        ],
        schema=table.arrow_schema,
    )


def as_text(value: Any) -> str:
    """A value as JSON in ASCII: NUL and lone surrogates stay readable, and any warehouse holds it."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def content_hash(*texts: str) -> str:
    """SHA-256 over texts."""
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()


@cache
def _row_type(table: Table) -> type[msgspec.Struct]:
    required, others = [], []
    for declared in table.fields:
        if declared.optional:
            others.append((declared.name, declared.python_type, None))
        else:
            required.append((declared.name, declared.python_type))
    return msgspec.defstruct(f"{table.source}_{table.name}", required + others, kw_only=True)


def _stored(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "timestamp":
        return stored(value)
    if kind == "json":
        return as_text(value)
    return value


def _own(kind: str, value: Any) -> Any:
    return as_text(value) if kind == "json" and value is not None else value


def _refuse_what_no_warehouse_holds(value: Any) -> None:
    """One policy for all columns: a row with a NUL character or half a surrogate pair anywhere in it is refused."""
    if isinstance(value, str):
        if NUL in value:
            raise ValueError("a text holds a NUL character")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("a text holds half of a surrogate pair") from None
    elif isinstance(value, dict):
        for key, member in value.items():
            _refuse_what_no_warehouse_holds(key)
            _refuse_what_no_warehouse_holds(member)
    elif isinstance(value, list):
        for member in value:
            _refuse_what_no_warehouse_holds(member)
