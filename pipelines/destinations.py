"""dlt's destinations, with their configuration looked up once, and texts loaded as they are into PostgreSQL.

dlt copies CSV with FORCE_NULL on every nullable column, so that an empty text arrives as null. In its files nulls are
unquoted and texts quoted, which COPY tells apart by itself.
"""

from __future__ import annotations

from typing import Any

from dlt.common.storages.file_storage import FileStorage
from dlt.destinations import duckdb, postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresCsvCopyJob


class ExactCopyJob(PostgresCsvCopyJob):
    """A COPY that leaves empty texts alone."""

    def run(self) -> None:
        """Copy the file into its table."""
        sql_client = self._job_client.sql_client
        table = sql_client.make_qualified_table_name(self.load_table_name)
        with FileStorage.open_zipsafe_ro(self._file_path, "rb") as file:
            names = [name.strip('"') for name in file.readline().decode().strip().split(",")]
            columns = ", ".join(sql_client.escape_column_name(name) for name in names)
            with sql_client.begin_transaction(), sql_client.native_connection.cursor() as cursor:
                cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT CSV, ENCODING 'utf-8')", file)


class ExactPostgresClient(PostgresClient):
    """A client that copies with ExactCopyJob."""

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:
        """The job that loads a file."""
        job = super().create_load_job(table, file_path, load_id, restore)
        return ExactCopyJob(file_path) if isinstance(job, PostgresCsvCopyJob) else job


class LookedUpOnce:
    """A destination that looks its configuration up once.

    To tell its capabilities, dlt asks every provider of settings for every field of it a dozen times a load, which
    takes longer than loading a thousand rows. All that it may find is given to the destination when it is made.
    """

    _partial: Any = None

    def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
        """The configuration; a partial one only serves to tell the capabilities."""
        if not accept_partial:
            return super().configuration(initial_config)  # type: ignore[misc]
        if self._partial is None:
            self._partial = super().configuration(initial_config, accept_partial=True)  # type: ignore[misc]
        return self._partial


class QuickDuckDB(LookedUpOnce, duckdb):
    """The DuckDB destination."""


class ExactPostgres(LookedUpOnce, postgres):
    """The PostgreSQL destination, with that client."""

    @property
    def client_class(self) -> type[PostgresClient]:
        """The client."""
        return ExactPostgresClient
