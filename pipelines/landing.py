"""The landing: what has been fetched, as Parquet on disk, from its arrival until its load is complete.

A poll of the past can not be fetched again, so rows land before the loader sees them. A batch is a directory with one
file a table; it appears under its final name whole or not at all. Loading reads batches from here, in a run that goes
well as after one that was killed: there is one path.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.tables import Table

UNFINISHED = ".unfinished-"


class Landing:
    """The landing of one warehouse. Batches keep the order in which they were written."""

    def __init__(self, directory: Path):
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        for leftover in directory.glob(UNFINISHED + "*"):
            shutil.rmtree(leftover)
        last = max((int(batch.name) for batch in self.batches()), default=0)
        self._numbers = itertools.count(last + 1)

    def batches(self) -> list[Path]:
        """The batches that wait to be loaded, oldest first."""
        return sorted(path for path in self._directory.iterdir() if path.name.isdigit())

    def write(self, tables: Mapping[Table, pa.Table]) -> Path | None:
        """Land the rows of some tables together; nothing if there are none."""
        filled = {table: rows for table, rows in tables.items() if rows.num_rows}
        if not filled:
            return None
        number = next(self._numbers)
        unfinished = self._directory / f"{UNFINISHED}{number}"
        unfinished.mkdir()
        for table, rows in filled.items():
            with (unfinished / f"{table.qualified_name}.parquet").open("wb") as file:
                pq.write_table(rows, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
        batch = self._directory / f"{number:012d}"
        unfinished.rename(batch)
        _sync_directory(self._directory)
        return batch

    def read(self, batches: Iterable[Path], tables: Iterable[Table]) -> dict[Table, pa.Table]:
        """The rows of some batches by table, each key once: the row that landed last."""
        found: dict[Table, pa.Table] = {}
        batches = list(batches)
        for table in tables:
            files = [file for batch in batches if (file := batch / f"{table.qualified_name}.parquet").exists()]
            if files:
                # a declaration may have gained columns since the batch landed
                rows = pa.concat_tables([_read(file, table) for file in files])
                found[table] = last_of_each_key(rows, table)
        return found

    def discard(self, batches: Iterable[Path]) -> None:
        """Remove batches whose load is complete."""
        for batch in batches:
            done = self._directory / f"{UNFINISHED}{batch.name}"
            batch.rename(done)
            shutil.rmtree(done)


def last_of_each_key(rows: pa.Table, table: Table) -> pa.Table:
    """The rows with each primary key once: the last one in order, or the first of a table that keeps that."""
    position = pa.array(range(rows.num_rows), pa.int64())
    keys = rows.select(list(table.primary_key)).append_column("__position", position)
    which = "min" if table.kept == "first" else "max"
    last = keys.group_by(list(table.primary_key)).aggregate([("__position", which)])[f"__position_{which}"]
    if len(last) == rows.num_rows:
        return rows
    return rows.take(last.combine_chunks().sort())


def _read(file: Path, table: Table) -> pa.Table:
    rows = pq.read_table(file, partitioning=None)
    columns = [
        rows[column.name].cast(column.type)
        if column.name in rows.column_names
        else pa.nulls(rows.num_rows, column.type)
        for column in table.arrow_schema
    ]
    return pa.Table.from_arrays(columns, schema=table.arrow_schema)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
