"""Declarations of raw tables: the one place that says which fields an API row has.

From a declaration come the strict validator (validation.py), the Arrow schema and dlt's column hints (loader.py) and
the dbt source documentation (`make generate`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa

Type = Literal["text", "bigint", "double", "bool", "timestamp", "date", "json"]
Kept = Literal["slot", "day", "latest", "first", "changes"]

BIGINT = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
UTC = Annotated[dt.datetime, msgspec.Meta(tz=True)]

PYTHON_TYPES: dict[str, Any] = {
    "text": str,
    "bigint": BIGINT,
    "double": float,
    "bool": bool,
    "timestamp": UTC,
    "date": dt.date,
    "json": Any,
}
# timestamps are stored without a zone, in UTC: a zoned type would be shown, truncated and cast in the session's zone
ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "json": pa.string(),
}


@dataclass(frozen=True)
class Field:
    """A field of an API row, or a column that extraction adds.

    A field is required unless `null` (may be null) or `optional` (may be absent, or null). `of` narrows what a JSON
    field may hold, as a type that msgspec can check.
    """

    name: str
    type: Type
    description: str
    null: bool = False
    optional: bool = False
    of: Any = None

    @property
    def python_type(self) -> Any:
        """The type that msgspec checks a value against."""
        base = self.of if self.of is not None else PYTHON_TYPES[self.type]
        return base | None if self.null or self.optional else base


SLOT_AT = Field("slot_at", "timestamp", "Start of the collection slot in which the row was fetched (UTC).")
OBSERVED_ON = Field("observed_on", "date", "Day on which the row was fetched (UTC).")
SEEN_AT = Field("seen_at", "timestamp", "When the answer that showed it arrived (UTC).")
KEPT_FIELDS: dict[Kept, tuple[Field, ...]] = {
    "slot": (SLOT_AT,),
    "day": (OBSERVED_ON,),
    "latest": (),
    "first": (),
    "changes": (SEEN_AT,),
}
FETCH_FIELDS = (
    Field("fetched_at", "timestamp", "When the answer that held the row arrived (UTC)."),
    Field("request_id", "text", "The request that fetched the row (raw_ops.api_requests)."),
    Field("_extra", "json", "Fields that the API sent and the declaration does not know, as an object.", null=True),
)


@dataclass(frozen=True)
class Table:
    """A raw table: its fields, its natural key and what of its past it keeps.

    `kept` says which observations of an entity stay: one a collection slot, one a day, or the latest only; the first
    two lead the key with time, so that merging stays cheap as the table grows. Of `first`, a row stays as it came for
    ever: one whose key is known is not stored again. Of `changes`, a row is stored only if it differs, in the last
    column of its key, from the newest one that agrees with it in the others. `fetched` tables hold rows of an API and
    carry when and by which request they came; the others are this project's own records. `parts` are columns by which
    progress and records of a run are told apart.
    """

    source: str
    name: str
    description: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    kept: Kept = "latest"
    fetched: bool = True
    parts: tuple[str, ...] = ()

    def __hash__(self) -> int:
        # tables are keys everywhere, and hashing every field anew takes longer than checking a row
        return hash((self.source, self.name))

    @property
    def dataset(self) -> str:
        """The schema in the warehouse."""
        return f"raw_{self.source}"

    @property
    def qualified_name(self) -> str:
        """Schema and table."""
        return f"{self.dataset}.{self.name}"

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """The columns that rows merge on, time first."""
        return tuple(field.name for field in KEPT_FIELDS[self.kept]) + self.key

    @cached_property
    def columns(self) -> tuple[Field, ...]:
        """All columns in the warehouse but those that dlt adds."""
        return KEPT_FIELDS[self.kept] + self.fields + (FETCH_FIELDS if self.fetched else ())

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The schema of landed batches and of what dlt loads."""
        return pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in self.columns])


def source_yaml(source: str, description: str, tables: Iterable[Table], freshness: dict[str, Any] | None) -> str:
    """The dbt source file of one raw schema, written from its declarations."""
    lines = [
        f"# written by `make generate` from the declarations in pipelines/sources/{source}.py; edit those",
        "version: 2",
        "",
        "sources:",
        f"  - name: raw_{source}",
        f"    schema: raw_{source}",
        f"    description: {_quoted(description)}",
    ]
    if freshness:
        lines += [
            "    loaded_at_field: fetched_at",
            "    config:",
            "      freshness:",
            *(
                f"        {kind}_after: {{count: {count}, period: {period}}}"
                for kind, (count, period) in freshness.items()
            ),
        ]
    lines.append("    tables:")
    for table in [*tables, *([LOADS] if source == LOADS.source else [])]:
        lines += [f"      - name: {table.name}", f"        description: {_quoted(table.description)}"]
        if freshness and not table.fetched:
            lines += ["        config:", "          freshness: null"]
        lines.append("        columns:")
        columns = table.columns if table is LOADS else (*table.columns, LOAD_ID)
        for column in columns:
            lines += [f"          - name: {column.name}", f"            description: {_quoted(column.description)}"]
    return "\n".join(lines) + "\n"


LOAD_ID = Field(
    "_dlt_load_id", "text", "The load that wrote the row (raw_ops.loads); rows of unfinished loads are ignored."
)
# made by the warehouse itself, since what loads tables can not number its own loads
LOADS = Table(
    source="ops",
    name="loads",
    description="One row per completed load of any raw schema, numbered by the warehouse in the order of completion.",
    key=("load_number",),
    fields=(
        Field("load_number", "bigint", "One more than that of the load before: what is newer has a greater one."),
        Field("dataset", "text", "The raw schema."),
        Field("load_id", "text", "The load, as dlt names it."),
        Field("completed_at", "timestamp", "When the load was completed by the machine's clock, for people (UTC)."),
    ),
    fetched=False,
)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
