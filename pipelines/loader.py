"""Loading: dlt merges landed rows into the raw schemas, one dlt run a schema and chunk.

dlt commits table by table, and a load counts only once its row is in _dlt_loads. The project's own records (sync log,
polls ...) go after the rows they speak of, all in one transaction: a crash in between repeats work and never skips any.
The warehouse numbers each load as soon as it is complete, and only then staging shows it.
dlt makes their tables too; to fill them with a handful of rows, many times a run, it would take longer than the rest.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from itertools import chain, starmap
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.errors import LoadError
from pipelines.novelty import new_rows
from pipelines.tables import Table
from pipelines.warehouse import CREATE_LOADS, Merge, Warehouse, number_left_loads, numbering, read_stamp, write_stamp

FILE_FORMATS = {"duckdb": "parquet", "postgres": "csv"}

DLT_SETTINGS = {
    # rows of an unfinished load must be tellable from the others
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    # what to load is decided here, from the landing; dlt keeps no state of its own that would have to be restored
    "RESTORE_FROM_DESTINATION": "false",
    # files that are read once, on the same machine, a moment later
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    # a run ends in order by itself
    "RUNTIME__INTERCEPT_SIGNALS": "false",
}


class Loader:
    """Loads Arrow tables into the raw schemas of one warehouse."""

    def __init__(self, warehouse: Warehouse, working_directory: Path):
        self._warehouse = warehouse
        self._directory = working_directory / warehouse.name
        self._pipelines: dict[str, Any] = {}
        for name, value in DLT_SETTINGS.items():
            os.environ.setdefault(name, value)

    def abort_pending(self, sources: Iterable[str]) -> None:
        """Drop packages that a killed run left half-loaded: resuming them duplicates rows or gets stuck.

        Their rows have landed, and load again by merge.
        """
        for source in sources:
            pipeline = self._pipeline(source)
            if pipeline.has_pending_data:
                pipeline.abort_packages()

    def ensure(self, tables: Iterable[Table]) -> int:
        """Make every declared table, empty if need be, with the columns that the declaration has gained since.

        Completed loads that have no number get one. Returns how many a warehouse of the version before has.
        """
        tables = list(tables)
        keys: dict[str, dict[str, tuple[str, ...]]] = {}
        for table in tables:
            keys.setdefault(table.dataset, {})[table.name] = table.primary_key
        indexes = list(chain.from_iterable(starmap(self._warehouse.index_statements, keys.items())))
        declared = hashlib.sha256(repr((tables, indexes)).encode()).hexdigest()
        found = set(self._warehouse.rows("select table_schema, table_name from information_schema.tables"))
        missing = {table.dataset for table in tables if (table.dataset, table.name) not in found}
        known = sorted({table.dataset for table in tables if (table.dataset, "_dlt_loads") in found})
        was_declared, first = read_stamp(self._warehouse, "tables"), number_left_loads(self._warehouse, known)
        old = first if was_declared else 0
        if was_declared == declared and not missing:
            return old
        # dlt makes tables only while its schema is new to the warehouse; one may have been dropped since
        self._warehouse.execute(
            *(f"delete from {dataset}._dlt_version" for dataset in missing if (dataset, "_dlt_version") in found)
        )
        by_source: dict[str, dict[Table, pa.Table]] = {}
        for table in tables:
            by_source.setdefault(table.source, {})[table] = table.arrow_schema.empty_table()
        for source, empty in by_source.items():
            self._run_dlt(source, empty)
        self._warehouse.execute(*indexes)
        write_stamp(self._warehouse, "tables", declared)
        return old

    def load(self, tables: Mapping[Table, pa.Table]) -> dict[Table, pa.Table]:
        """Merge rows, each key at most once a table; returns those that were new to tables that store nothing twice,
        and all others.

        Raises:
            LoadError: the warehouse did not take them; nothing of it counts, and it can be tried again.
        """
        loaded = {table: new_rows(self._warehouse, table, rows) for table, rows in tables.items()}
        by_source: dict[str, dict[Table, pa.Table]] = {}
        for table, rows in loaded.items():
            if table.fetched:
                by_source.setdefault(table.source, {})[table] = rows
        for source, fetched in by_source.items():
            self._run_dlt(source, fetched)
        if by_source:
            self._warehouse.checkpoint()
        if own := {table: rows for table, rows in loaded.items() if not table.fetched and rows.num_rows}:
            self._record(own)
        return loaded

    def _run_dlt(self, source: str, tables: Mapping[Table, pa.Table]) -> None:
        try:
            done = self._pipeline(source).run(
                [_resource(table, rows) for table, rows in tables.items()],
                loader_file_format=FILE_FORMATS[self._warehouse.target],
            )
            numbers = [numbering(f"raw_{source}", load_id) for load_id in done.loads_ids]
            self._warehouse.execute(*CREATE_LOADS, *numbers)
        except Exception as error:
            # what is left of the package would stand in the way of the next one
            self._pipeline(source).abort_packages()
            raise self._load_error(source, error) from error
        # packages that are loaded are of no use: their rows are in the warehouse
        for package in (self._directory / source / "load" / "loaded").iterdir():
            shutil.rmtree(package)

    def _record(self, tables: Mapping[Table, pa.Table]) -> None:
        """Merge own records as one load, in the form that dlt gives its loads."""
        from dlt.common.storages.load_package import create_load_id

        load_id = create_load_id()
        marked = {
            table: rows.append_column("_dlt_load_id", pa.array([load_id] * rows.num_rows, pa.string()))
            for table, rows in tables.items()
        }
        merges = [Merge(table.qualified_name, table.primary_key, rows) for table, rows in marked.items()]
        datasets = sorted({table.dataset for table in tables})
        for dataset in datasets:
            merges.append(Merge(f"{dataset}._dlt_loads", ("load_id",), _load_row(load_id, dataset)))
        try:
            self._warehouse.merge(merges, *(numbering(dataset, load_id) for dataset in datasets))
        except Exception as error:
            raise self._load_error(", ".join(sorted({table.source for table in tables})), error) from error

    def _load_error(self, source: str, error: Exception) -> LoadError:
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        return LoadError(
            f"{self._warehouse.location} did not take rows of {source}: {type(cause).__name__}: {cause}",
            "what was fetched is kept: mend the warehouse and run again",
        )

    def _pipeline(self, source: str) -> Any:
        if source not in self._pipelines:
            try:
                self._pipelines[source] = self._attach(source)
            except Exception:
                # a working directory that a kill left unreadable holds nothing that has not landed
                shutil.rmtree(self._directory / source, ignore_errors=True)
                self._pipelines[source] = self._attach(source)
        return self._pipelines[source]

    def _attach(self, source: str) -> Any:
        import dlt

        return dlt.pipeline(
            pipeline_name=source,
            pipelines_dir=str(self._directory),
            destination=self._warehouse.dlt_destination(),
            dataset_name=f"raw_{source}",
        )


def _load_row(load_id: str, dataset: str) -> pa.Table:
    return pa.table(
        {
            "load_id": [load_id],
            "schema_name": [dataset.removeprefix("raw_")],
            "status": pa.array([0], pa.int64()),
            # a load is named by its moment
            "inserted_at": pa.array([dt.datetime.fromtimestamp(float(load_id), dt.UTC)], pa.timestamp("us", "UTC")),
            "schema_version_hash": [""],
        }
    )


def _resource(table: Table, rows: pa.Table) -> Any:
    import dlt

    # handed over and not held: dlt's own objects stay around for a while
    waiting = [rows]
    return dlt.resource(
        lambda: iter([waiting.pop()]),
        name=table.name,
        columns={column.name: _hints(table, column) for column in table.columns},
        primary_key=list(table.primary_key),
        # what is handed over has each key once already
        write_disposition={"disposition": "merge", "strategy": "delete-insert", "deduplicated": True},
    )


def _hints(table: Table, column: Any) -> dict[str, Any]:
    hints: dict[str, Any] = {"data_type": column.type, "description": column.description}
    hints["nullable"] = column.name not in table.primary_key
    if column.type == "timestamp":
        hints |= {"timezone": False, "precision": 6}
    return hints
