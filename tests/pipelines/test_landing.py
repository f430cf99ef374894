"""The landing: a batch is there whole or not at all, in order, and outlives the process that wrote it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.landing import Landing, last_of_each_key
from pipelines.tables import Field, Table

ID, VALUE = Field("id", "text", "."), Field("value", "bigint", ".", null=True)
THINGS = Table("demo", "things", "One row per thing.", ("id",), (ID, VALUE), fetched=False)
OTHERS = dataclasses.replace(THINGS, name="others")
DAILY = dataclasses.replace(THINGS, name="daily", kept="day")


def rows(*pairs: tuple[str, int | None], table: Table = THINGS) -> pa.Table:
    return pa.Table.from_pylist([{"id": key, "value": value} for key, value in pairs], schema=table.arrow_schema)


def read(landing: Landing, table: Table = THINGS) -> list[tuple[str, int | None]]:
    found = landing.read(landing.batches(), [table])
    return [(row["id"], row["value"]) for row in found[table].to_pylist()] if found else []


def test_what_has_landed_is_read_back_in_the_order_of_its_arrival(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.write({THINGS: rows(("b", 1), ("a", 2)), OTHERS: rows(("z", 9))})
    landing.write({THINGS: rows(("c", 3))})
    assert read(landing) == [("b", 1), ("a", 2), ("c", 3)]
    assert read(landing, OTHERS) == [("z", 9)]


def test_no_rows_make_no_batch(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    assert landing.write({}) is landing.write({THINGS: rows()}) is None
    assert landing.batches() == [] and landing.read([], [THINGS]) == {}
    batch = landing.write({THINGS: rows(), OTHERS: rows(("a", 1))})
    assert batch and [file.name for file in batch.iterdir()] == ["raw_demo.others.parquet"]


def test_batches_stay_in_order_beyond_any_number_of_digits_and_processes(tmp_path: Path) -> None:
    for number in range(12):
        Landing(tmp_path).write({THINGS: rows((f"{number:02}", number))})
    assert read(Landing(tmp_path)) == [(f"{number:02}", number) for number in range(12)]


def test_a_number_is_not_used_again_while_its_batch_waits(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    first, second = landing.write({THINGS: rows(("a", 1))}), landing.write({THINGS: rows(("b", 2))})
    assert first and second
    landing.discard([first])
    third = Landing(tmp_path).write({THINGS: rows(("c", 3))})
    assert third and third != second
    assert read(Landing(tmp_path)) == [("b", 2), ("c", 3)]


def test_a_batch_that_was_never_finished_is_removed_and_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = Landing(tmp_path)
    landing.write({THINGS: rows(("a", 1))})
    # the process dies after the first of two files
    with monkeypatch.context() as killed:
        write, written = pq.write_table, []

        def write_one(*arguments: object, **options: object) -> None:
            if written:
                raise KeyboardInterrupt
            written.append(write(*arguments, **options))

        killed.setattr(pq, "write_table", write_one)
        with pytest.raises(KeyboardInterrupt):
            landing.write({THINGS: rows(("b", 2)), OTHERS: rows(("c", 3))})
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 2 and read(landing) == [("a", 1)]
    again = Landing(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1 and read(again) == [("a", 1)] and read(again, OTHERS) == []


def test_the_last_row_of_each_key_wins_over_all_batches(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.write({THINGS: rows(("a", 1), ("b", 1), ("a", 2))})
    landing.write({THINGS: rows(("c", 1), ("a", None))})
    assert read(landing) == [("b", 1), ("c", 1), ("a", None)]


def test_a_key_is_all_of_its_columns() -> None:
    days = [dt.date(2026, 10, day) for day in (1, 2, 1)]
    given = [{"observed_on": day, "id": "a", "value": value} for value, day in enumerate(days)]
    kept = last_of_each_key(pa.Table.from_pylist(given, schema=DAILY.arrow_schema), DAILY)
    assert kept["value"].to_pylist() == [1, 2]


def test_only_the_batches_and_tables_asked_for_are_read(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    first = landing.write({THINGS: rows(("a", 1)), OTHERS: rows(("b", 2))})
    landing.write({THINGS: rows(("c", 3))})
    assert first
    found = landing.read([first], [THINGS, DAILY])
    assert list(found) == [THINGS] and found[THINGS]["id"].to_pylist() == ["a"]


def test_columns_that_a_declaration_has_gained_or_lost_since_do_not_matter(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.write({THINGS: rows(("a", 1))})
    now = dataclasses.replace(THINGS, fields=(ID, Field("added", "timestamp", ".", null=True)))
    found = Landing(tmp_path).read(landing.batches(), [now])
    assert next(iter(found.values())).to_pylist() == [{"id": "a", "added": None}]
    assert next(iter(found.values())).schema == now.arrow_schema


def test_discarded_batches_are_gone_for_good(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    first, second = landing.write({THINGS: rows(("a", 1))}), landing.write({THINGS: rows(("b", 2))})
    assert first and second
    landing.discard([first])
    assert landing.batches() == [second] and read(Landing(tmp_path)) == [("b", 2)]
    landing.discard([second])
    assert list(tmp_path.iterdir()) == []


def test_a_batch_whose_removal_was_cut_short_is_not_loaded_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = Landing(tmp_path)
    batch = landing.write({THINGS: rows(("a", 1)), OTHERS: rows(("b", 2))})
    assert batch

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("pipelines.landing.shutil.rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            landing.discard([batch])
    assert landing.batches() == [] and Landing(tmp_path).batches() == [] and list(tmp_path.iterdir()) == []
