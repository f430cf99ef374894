"""Tables that store nothing twice: contents once, changes of contents each, on both engines."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.landing import Landing
from pipelines.loader import Loader
from pipelines.tables import Field, Table
from pipelines.warehouse import LOADS, stamp
from tests.helpers import Warehouse, columns_of

KEY = (Field("client", "text", "."), Field("thing", "text", "."), Field("hash", "text", "."))
CONTENTS = Table("demo", "contents", "One row per content.", ("client", "hash"), (*KEY, Field("text", "text", ".")),
                 kept="first", fetched=False)  # fmt: skip
CHANGES = Table("demo", "changes", "One row per change.", ("client", "thing", "hash"),
                (*KEY, Field("request_id", "text", ".")), kept="changes", fetched=False)  # fmt: skip


def contents(*rows: tuple[str, str, str]) -> pa.Table:
    given = [{"client": client, "thing": "t", "hash": digest, "text": text} for client, digest, text in rows]
    return pa.Table.from_pylist(given, schema=CONTENTS.arrow_schema)


def changes(*rows: tuple[int, str, str, str]) -> pa.Table:
    given: list[dict[str, Any]] = [
        {"seen_at": at(hour), "client": "c", "thing": thing, "hash": digest, "request_id": request}
        for hour, thing, digest, request in rows
    ]
    return pa.Table.from_pylist(given, schema=CHANGES.arrow_schema)


def at(hour: int) -> dt.datetime:
    return dt.datetime(2026, 10, 1, hour)


def loader_of(warehouse: Warehouse, directory: Path) -> Loader:
    stamp(warehouse, "demo")
    loader = Loader(warehouse, directory / "dlt")
    loader.ensure([CONTENTS, CHANGES])
    return loader


def test_a_content_stays_as_it_came_first_and_each_change_is_kept(warehouse: Warehouse, tmp_path: Path) -> None:
    loader = loader_of(warehouse, tmp_path)
    loaded = loader.load({CONTENTS: contents(("a", "h1", "first"), ("a", "h2", "x"), ("b", "h1", "y"))})
    assert loaded[CONTENTS].num_rows == 3
    loaded = loader.load({CONTENTS: contents(("a", "h1", "again"), ("b", "h2", "new"))})
    assert loaded[CONTENTS].to_pylist() == contents(("b", "h2", "new")).to_pylist()
    stored = columns_of(warehouse, "raw_demo.contents", ("client", "hash", "text"), "client, hash")
    assert stored == [("a", "h1", "first"), ("a", "h2", "x"), ("b", "h1", "y"), ("b", "h2", "new")]

    loader.load({CHANGES: changes((1, "order", "paid", "q1"), (1, "other", "paid", "q1"), (2, "order", "paid", "q2"))})
    loader.load(
        {CHANGES: changes((4, "order", "paid", "q4"), (3, "order", "refunded", "q3"), (4, "other", "paid", "q4"))}
    )
    # where the clock stands still, requests are numbered
    loader.load(
        {CHANGES: changes((5, "order", "paid", "q5"), (5, "order", "refunded", "q6"), (5, "order", "paid", "q7"))}
    )
    stored = columns_of(warehouse, "raw_demo.changes", ("seen_at", "thing", "hash"), "thing, seen_at, request_id")
    assert stored == [
        (at(1), "order", "paid"),
        (at(3), "order", "refunded"),
        (at(4), "order", "paid"),
        (at(5), "order", "refunded"),
        (at(5), "order", "paid"),
        (at(1), "other", "paid"),
    ]


def test_what_a_broken_load_left_is_not_known(warehouse: Warehouse, tmp_path: Path) -> None:
    loader = loader_of(warehouse, tmp_path)
    tables = {CONTENTS: contents(("a", "h1", "first")), CHANGES: changes((1, "order", "paid", "q1"))}
    loader.load(tables)
    # as after a kill between the tables and the note that the load is complete
    warehouse.execute("delete from raw_demo._dlt_loads", f"delete from {LOADS}")
    loaded = loader.load(tables)
    assert [rows.num_rows for rows in loaded.values()] == [1, 1]
    assert warehouse.rows("select count(*) from raw_demo.contents") == [(1,)]
    ((completed,),) = warehouse.rows(
        "select count(*) from raw_demo.contents inner join raw_demo._dlt_loads on _dlt_load_id = load_id"
    )
    assert completed == 1


def test_of_equal_contents_that_land_together_the_first_is_kept(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landed = [landing.write({CONTENTS: contents(("a", "h1", text), ("a", "h2", text))}) for text in ("first", "second")]
    (rows,) = landing.read([batch for batch in landed if batch], [CONTENTS]).values()
    assert rows["text"].to_pylist() == ["first", "first"]
