"""Strict validation: API rows against their declaration, before anything can coerce them.

Arrow alone would turn 1.5 into the integer 1, and a loader a text into a null. Here a row fits or it is refused, whole,
with the reason; fields that the declaration does not know are kept in `_extra`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
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
            "seen_at": stored(self.fetched_at),
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
    """Rows of one answer that fit, by column; rows that do not; names of fields that the declaration does not know."""

    table: Table
    columns: dict[str, list[Any]]
    count: int
    refused: list[Refused] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)

    @property
    def rows(self) -> pa.Table:
        """The rows that fit, as Arrow."""
        return as_arrow(self.table, [self])


def check(table: Table, rows: Sequence[Any], context: Context) -> Checked:
    """Check rows of one answer against the declaration of `table`.

    All rows at once if they fit, which is the rule; one by one if some do not.
    """
    refused: list[Refused] = []
    try:
        fitting = msgspec.convert(rows, list[_row_type(table)])  # type: ignore[misc]
        if not _fits_any_warehouse(rows) or not all(_has_usual_years(table, row) for row in fitting):
            raise ValueError
        sent: Sequence[Any] = rows
    except ValueError:
        fitting, sent = [], []
        for row in rows:
            try:
                fitting.append(_checked(table, row))
                sent.append(row)
            except ValueError as error:
                refused.append(Refused(as_text(row), str(error)))
    known = {declared.name for declared in table.fields}
    extras = [{name: row[name] for name in row if name not in known} if not row.keys() <= known else {} for row in sent]
    columns = {
        declared.name: [_json(getattr(row, declared.name)) for row in fitting]
        if declared.type == "json"
        else [getattr(row, declared.name) for row in fitting]
        for declared in table.fields
    }
    columns["_extra"] = [_json(extra or None) for extra in extras]
    columns |= {name: [value] * len(sent) for name, value in context.values().items() if name not in columns}
    return Checked(table, columns, len(sent), refused, {name for extra in extras for name in extra})


def as_arrow(table: Table, parts: Iterable[Checked]) -> pa.Table:
    """Checked rows of any number of answers, in order.

    All at once: Arrow lets other threads go on at each column, and would wait for them at each column of each answer.
    """
    parts = list(parts)
    # timestamps with a zone are turned into UTC by Arrow
    arrays = [
        pa.array([value for part in parts for value in part.columns[column.name]], column.type)
        for column in table.arrow_schema
    ]
    return pa.Table.from_arrays(arrays, schema=table.arrow_schema)


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


def _checked(table: Table, row: Any) -> Any:
    """One row, typed.

    Raises:
        ValueError: it does not fit; msgspec's own error is one.
    """
    checked = msgspec.convert(row, _row_type(table))
    _refuse_what_no_warehouse_holds(row)
    for name in _timestamps(table):
        moment = getattr(checked, name)
        if moment and moment.tzinfo:
            try:
                stored(moment)
            except OverflowError:
                raise ValueError(f"{name} lies outside the years 1 to 9999 in UTC") from None
    return checked


def _fits_any_warehouse(rows: Sequence[Any]) -> bool:
    """Whether no text in the rows holds a NUL character or half of a surrogate pair; much faster than to find it."""
    try:
        return rb"\u0000" not in msgspec.json.encode(rows)
    except UnicodeEncodeError:
        return False


def _has_usual_years(table: Table, row: Any) -> bool:
    """Whether no offset can move a time of the row out of the years that there are."""
    moments = [getattr(row, name) for name in _timestamps(table)]
    return all(moment is None or 1 < moment.year < 9999 for moment in moments)


@cache
def _timestamps(table: Table) -> tuple[str, ...]:
    return tuple(declared.name for declared in table.fields if declared.type == "timestamp")


def _own(kind: str, value: Any) -> Any:
    if kind == "json":
        return _json(value)
    if kind == "text" and value is not None:
        # a record of trouble must load, whatever an API put into its error message
        return value.replace(NUL, "?").encode("utf-8", "replace").decode()
    return value


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


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
