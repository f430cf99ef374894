"""A typed model for a route of atlas, written from what has been collected: SQL and its YAML, to be edited from there.

A column for each field of the records, typed by all values of a sample: what is mixed, or too great for its type, stays
text, and what is nested stays JSON. A later value that does not fit its column is null there; the record is whole in
fct_payloads, by client, route and content_hash.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipelines.errors import UsageError
from pipelines.sources import atlas
from pipelines.transform import PROJECT
from pipelines.warehouse import Warehouse

FOLDER = Path("models/marts/clients")
SAMPLE = 5000
LINE_LENGTH = 120
# numbers from here on do not go with fractions: a double would lose digits, decimal(18, 2) has no room
WIDE = 10**15
# what the model has beside the fields, and what is between them
FIRST, LAST = ("client", "record_key", "content_hash"), ("day", "seen_at", "loaded_at")
DESCRIBED = {"day": "collection_day"}
# what PostgreSQL reserves beyond DuckDB's words
RESERVED_TOO = {"user", "current_user", "session_user", "system_user", "current_role", "localtime", "localtimestamp"}
MACROS = {
    "bigint": "json_bigint",
    "decimal(18, 2)": "json_decimal",
    "double precision": "json_double",
    "boolean": "json_boolean",
    "timestamp": "json_timestamp",
    "date": "json_date",
    "text": "json_text",
    "json": "json_member",
}
JSON_TYPE = "\"{{ 'jsonb' if target.type == 'postgres' else 'json' }}\""


@dataclass(frozen=True)
class Column:
    """A field of a route's records. key: its name there; name: its column's; type: one of MACROS."""

    key: str
    name: str
    type: str


def write(
    warehouse: Warehouse,
    settings: atlas.Settings,
    route: str,
    model: str | None = None,
    replace: bool = False,
    project: Path = PROJECT,
) -> list[Path]:
    """Write the model of a declared route of which records have been collected; returns its two files.

    Raises:
        UsageError: there is no such route, nothing of it has been collected, it has no fields, or a file is there.
    """
    declared = atlas.declaration_of(settings).routes
    if route not in declared:
        raise UsageError(f"there is no route {route!r}", f"declared are: {', '.join(declared)}")
    name = model_name(model or route)
    paths = [project / FOLDER / f"{name}{suffix}" for suffix in (".sql", ".yml")]
    if found := [path for path in (project / "models").rglob(f"{name}.sql") if path not in paths]:
        raise UsageError(f"there is a model {name} at {found[0].relative_to(project)}", "name it with --model")
    if not replace and (found := [path for path in paths if path.exists()]):
        raise UsageError(f"{found[0]} is there already", "add --replace to write it anew, or name another with --model")
    records = sample(warehouse, route)
    if not records:
        raise UsageError(
            f"nothing of route {route} has been collected", f"`make elt SOURCES=atlas ROUTE={route}` first"
        )
    columns = infer(records)
    if not columns:
        raise UsageError(f"the records of route {route} are no objects with fields", "write its model by hand")
    for path, text in zip(paths, (sql(route, columns), yaml(name, route, columns)), strict=True):
        path.write_text(text, "utf-8")
    return paths


def model_name(text: str) -> str:
    """The name of the model of a route, or of what somebody calls it."""
    return "fct_" + column_name(text).removeprefix("fct_")


def sample(warehouse: Warehouse, route: str, most: int = SAMPLE) -> list[Any]:
    """Some records of a route, of all its clients and days, and the same ones every time."""
    tables = "select 1 from information_schema.tables where table_schema = 'raw_atlas' and table_name = 'payloads'"
    if not warehouse.exists() or not warehouse.rows(tables):
        return []
    rows = warehouse.rows(
        "select coalesce(payload_fit, payload) from raw_atlas.payloads where route = ?"
        " and _dlt_load_id in (select load_id from raw_atlas._dlt_loads where status = 0)"
        # a hash is as good as a random number
        f" order by content_hash limit {int(most)}",
        [route],
    )
    return [record for (text,) in rows if (record := parse(text)) is not None]


def parse(text: str) -> Any:
    """A record, with numbers as exact as they came; None for one that is nested too deeply to be looked at."""
    # Python refuses to read thousands of digits, and whatever has no room in 64 bits is alike here
    whole = lambda digits: int(digits) if len(digits) < 40 else 10**40
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=Decimal, parse_int=whole)
    except RecursionError:
        return None


def infer(records: Iterable[Any]) -> list[Column]:
    """The columns that hold the fields of some records, in the order in which they come.

    records: as `parse` gives them, numbers with a fraction or an exponent as Decimal.
    """
    kinds: dict[str, set[str]] = {}
    for record in records:
        for key, value in record.items() if isinstance(record, dict) else ():
            found = kinds.setdefault(key, set())
            if value is not None:
                found.add(_kind(value))
    names: set[str] = {*FIRST, *LAST}
    columns = []
    for key, found in kinds.items():
        base = name = column_name(key)
        number = 1
        while name in names:
            number += 1
            name = f"{base}_{number}"
        names.add(name)
        columns.append(Column(key, name, _type(found)))
    return columns


def column_name(key: str) -> str:
    """A key as a name that every engine takes without quotes: lower case, ASCII, words joined by underscores."""
    plain = unicodedata.normalize("NFKD", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key).replace("ß", "ss"))
    name = re.sub(r"[^a-z0-9]+", "_", "".join(one for one in plain if not unicodedata.combining(one)).lower())
    name = name.strip("_")[:50].rstrip("_")
    if not name or name[0].isdigit():
        name = f"field_{name}".rstrip("_")
    return f"{name}_value" if name in _reserved() else name


def sql(route: str, columns: Sequence[Column]) -> str:
    """The text of the model."""
    fields = [
        _long(f"        {{{{ {MACROS[one.type]}('payload', [{_quoted(one.key)}]) }}}} as {one.name},")
        for one in columns
    ]
    own = lambda names: [f"        {name}," for name in names]
    selected = "\n".join([*own(FIRST), *fields, *own(LAST)]).rstrip(",")
    return f"""\
{{{{
    config(
        materialized='incremental',
        unique_key=['client', 'record_key'],
        indexes=[
            {{'columns': ['client', 'record_key'], 'unique': true}},
        ]
    )
}}}}

{{%- call touched_keys() %}}
    {{{{ records_touched('{route}') }}}}
{{%- endcall %}}

with

records as (

    {{{{ latest_records('{route}') }}}}

),

final as (

    select
{selected}
    from records

)

select * from final
"""


def yaml(model: str, route: str, columns: Sequence[Column]) -> str:
    """The text of its YAML: descriptions, the contract, tests of the grain and the key, and an exposure."""
    described = {name: f"\"{{{{ doc('{DESCRIBED.get(name, name)}') }}}}\"" for name in (*FIRST, *LAST)}
    types = {"day": "date", "seen_at": "timestamp", "loaded_at": "timestamp"}
    described["seen_at"] = "When this version was seen first (UTC)."
    lines = []
    for name in FIRST:
        lines += _column(name, described[name], "text", is_key=name != "content_hash")
    for one in columns:
        kind = JSON_TYPE if one.type == "json" else one.type
        lines += _column(one.name, json.dumps(f"The field {_told(one.key)}.", ensure_ascii=False), kind)
    for name in LAST:
        lines += _column(name, described[name], types[name], is_key=False)
    listed = "\n".join(lines)
    return f"""\
version: 2

models:
  - name: {model}
    description: One row per client and record of route {route}, in its latest version.
    config:
      contract:
        enforced: true
    data_tests:
      - unique_combination:
          arguments:
            columns: [client, record_key]
      - relationship:
          arguments:
            columns: [client]
            to: ref('dim_clients')
    columns:
{listed}

exposures:
  - name: {model}_notebooks
    label: Notebooks on route {route}
    type: notebook
    maturity: low
    description: What analysts ask of the records of route {route}.
    owner:
      name: Airtime maintainers
      email: maintainers@example.com
    depends_on:
      - ref('{model}')
"""


def _column(name: str, description: str, kind: str, is_key: bool | None = None) -> list[str]:
    """A column's entry. is_key: whether it is tested to be there; None may be null."""
    lines = [f"      - name: {name}", f"        description: {description}", f"        data_type: {kind}"]
    if is_key is not None:
        lines += ["        constraints:", "          - type: not_null"]
    return lines + (["        data_tests:", "          - not_null"] if is_key else [])


def _kind(value: Any) -> str:
    """What a value is, as a type or as one of the kinds that _type knows."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "text" if not -(2**63) <= value < 2**63 else "wide" if abs(value) >= WIDE else "bigint"
    if isinstance(value, Decimal):
        if not value.is_finite():
            return "text"
        cents = isinstance(exponent := value.as_tuple().exponent, int) and -2 <= exponent < 0 and abs(value) < WIDE
        return "cents" if cents else "double precision"
    if not isinstance(value, str):
        return "json"
    if value == "":
        return "empty"
    if re.fullmatch(r"-?\d{1,15}[.]\d{2}", value, re.ASCII):
        return "decimal(18, 2)"
    if re.fullmatch(r"[1-9]\d{3}-\d\d-\d\d", value, re.ASCII) and _is_moment(value):
        return "date"
    pattern = r"[1-9]\d{3}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.]\d+)?Z"
    return "timestamp" if re.fullmatch(pattern, value, re.ASCII) and _is_moment(value[:19]) else "text"


def _type(kinds: set[str]) -> str:
    """The type that holds all values of some kinds; a text that is empty counts as none beside others."""
    found = kinds - {"empty"} or {"text"}
    if "json" in found:
        return "json"
    if found <= {"bigint", "wide"}:
        return "bigint"
    if found <= {"bigint", "cents"}:
        return "decimal(18, 2)"
    if found <= {"bigint", "cents", "double precision"}:
        return "double precision"
    return found.pop() if len(found) == 1 and not found & {"wide"} else "text"


def _is_moment(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


@functools.cache
def _reserved() -> set[str]:
    query = "select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'"
    with duckdb.connect() as connection:
        return {word for (word,) in connection.execute(query).fetchall()} | RESERVED_TOO


def _quoted(key: str) -> str:
    """A key as a text in Jinja, which has Python's escapes."""
    return repr(key)


def _told(key: str) -> str:
    """A key in a description, which is a Jinja template."""
    return f"{{{{ {_quoted(key)} }}}}" if re.search(r"\{[{%#]", key) else f"`{key}`"


def _long(line: str) -> str:
    return line if len(line) <= LINE_LENGTH else f"{line}  -- noqa: layout.long_lines"
