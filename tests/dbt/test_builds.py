"""A whole build with every data and unit test, over raw tables that are still empty."""

from __future__ import annotations

from tests.dbt.warehouse import BUILT_SCHEMAS, Warehouse


def test_empty_raw_tables_build_without_a_warning_and_every_column_is_described(warehouse: Warehouse) -> None:
    result = warehouse.build()

    # exposures are nodes without an operation
    assert {str(node.status) for node in result.result} == {"success", "pass", "no-op"}

    schemas = ", ".join(f"'{schema}'" for schema in BUILT_SCHEMAS)
    found: dict[str, set[str]] = {}
    for table, column in warehouse.execute(
        f"select table_name, column_name from information_schema.columns where table_schema in ({schemas})"
    ):
        found.setdefault(table, set()).add(column)
    described = {
        node.name: set(node.columns)
        for node in warehouse.manifest.nodes.values()
        if node.resource_type.value in ("model", "seed")
    }
    assert found == described
