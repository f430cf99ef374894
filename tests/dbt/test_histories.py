"""Incremental equals full: random legal histories on each engine, every incremental model and column after each step.

HISTORIES=2000 drives as many; hypothesis shrinks what differs to the shortest history that does.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.dbt.histories import Step, histories
from tests.dbt.twin import Twin
from tests.dbt.warehouse import ENGINES

WIDTH, LENGTH = 30, 4
HISTORIES = int(os.environ.get("HISTORIES", "30"))
# one seed a run would find the same for ever
DERANDOMIZE = "HISTORIES" not in os.environ


@pytest.mark.parametrize("engine", ENGINES)
def test_incremental_builds_equal_full_ones_after_each_step(twin_on: Callable[[str], Twin], engine: str) -> None:
    twin = twin_on(engine)

    @settings(
        max_examples=max(1, HISTORIES // WIDTH),
        deadline=None,
        derandomize=DERANDOMIZE,
        database=None,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(histories(WIDTH, LENGTH))
    def holds(steps: list[Step]) -> None:
        twin.empty()
        for number, step in enumerate(steps, 1):
            twin.step(step)
            assert not (found := twin.differences()), f"after step {number} of {steps}: {found}"

    holds()
