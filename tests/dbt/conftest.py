"""Warehouses of the tests of models: an empty one on each engine, and one with a twin that is built in full."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.dbt.twin import Twin
from tests.dbt.warehouse import ENGINES, Warehouse

T = TypeVar("T")


def emptied(make: Callable[[str], T], empty: Callable[[T], None]) -> Callable[[str], T]:
    """One for each engine, made once and emptied whenever it is asked for."""
    made = functools.cache(make)

    def on(target: str) -> T:
        one = made(target)
        empty(one)
        return one

    return on


@pytest.fixture(scope="session")
def warehouse_on(
    tmp_path_factory: pytest.TempPathFactory, shared: Path, request: pytest.FixtureRequest
) -> Callable[[str], Warehouse]:
    """An empty warehouse on an engine: all raw tables exist, nothing has been built. It is the same one, made anew."""

    def make(target: str) -> Warehouse:
        url = request.getfixturevalue("postgres_url") if target == "postgres" else ""
        return Warehouse(target, tmp_path_factory.mktemp(target), url, shared / f"parsed-{target}")

    return emptied(make, Warehouse.create)


@pytest.fixture(params=ENGINES)
def warehouse(request: pytest.FixtureRequest, warehouse_on: Callable[[str], Warehouse]) -> Warehouse:
    """An empty warehouse, on each engine."""
    return warehouse_on(request.param)


@pytest.fixture(scope="session")
def twin_on(warehouse_on: Callable[[str], Warehouse]) -> Callable[[str], Twin]:
    """A warehouse on an engine with its twin, emptied: the models have been built, over nothing."""
    return emptied(lambda target: Twin(warehouse_on(target)), Twin.empty)


@pytest.fixture(params=ENGINES)
def twin(request: pytest.FixtureRequest, twin_on: Callable[[str], Twin]) -> Twin:
    """A warehouse and its twin, emptied, on each engine."""
    return twin_on(request.param)
