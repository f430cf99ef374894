"""The few models of a beat, some of which are built side by side on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from dbt.adapters.base import BaseAdapter

from pipelines.transform import BEAT, QUICKLY
from tests.dbt.warehouse import Warehouse


def test_what_there_is_has_been_listed_before_the_first_model_begins(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a thread that lists for itself is seen half-way by the others, which then take a model for new
    warehouse.build("--resource-type", "seed", "--resource-type", "model", "--select", f"+{BEAT}")
    relations, known = BaseAdapter.list_relations, []

    def noted(adapter: BaseAdapter, database: str | None, schema: str) -> Any:
        known.append(adapter._schema_is_cached(database, schema))
        return relations(adapter, database, schema)

    monkeypatch.setattr(BaseAdapter, "list_relations", noted)
    warehouse.dbt("run", "--select", BEAT, *QUICKLY)
    assert known and all(known)
