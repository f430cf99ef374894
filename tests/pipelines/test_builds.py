"""Builds in full: told once, with their reason, and only those that a run made."""

from __future__ import annotations

from pipelines import builds
from tests.helpers import Warehouse


def test_builds_are_read_from_a_warehouse_that_has_any(warehouse: Warehouse) -> None:
    assert builds.read(warehouse) == {}
    warehouse.execute("create schema builds", "create table builds.models (model text, build_number bigint)")
    assert builds.read(warehouse) == {}, "of another version"
    warehouse.execute(
        "alter table builds.models add column full_reason text",
        "insert into builds.models values ('a', 2, null), ('b', 1, 'they are new')",
    )
    assert builds.read(warehouse) == {"a": (2, None), "b": (1, "they are new")}


def test_only_what_a_run_built_in_full_is_told_the_most_frequent_reason_first() -> None:
    before = {"a": (4, "old news"), "b": (4, None), "c": (1, "again"), "d": (7, "lost")}
    assert builds.told_of_full(before, before) is None
    assert builds.told_of_full(before, before | {"b": (5, None)}) is None
    after = before | {"b": (5, "they changed")}
    assert builds.told_of_full(before, after) == "1 model was built in full: they changed"
    after = {**before, "c": (2, "again"), "d": (1, "they changed"), "e": (1, "they changed")}
    assert builds.told_of_full(before, after) == "2 models were built in full: they changed; 1: again"
