"""dlt's PostgreSQL destination, loading texts as they are.

dlt copies CSV with FORCE_NULL on every nullable column, so that an empty text arrives as null. In its files nulls are
unquoted and texts quoted, which COPY tells apart by itself.
"""

from __future__ import annotations

from typing import Any

from dlt.common.storages.file_storage import FileStorage
from dlt.destinations import postgres
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


class ExactPostgres(postgres):
    """The destination, with that client."""

    @property
    def client_class(self) -> type[PostgresClient]:
        """The client."""
        return ExactPostgresClient
