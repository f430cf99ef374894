"""What a build does about views that it lost: PostgreSQL drops them along with a table below them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.transform import Build, Transform
from pipelines.warehouse import DuckDBWarehouse

VIEW, OTHER = "int_live__streams_united", "stg_twitch__users"


class Scripted(Transform):
    """dbt as a script has it: each invocation loses some views, makes those that it is asked for, and may fail."""

    def __init__(self, path: Path, script: Sequence[tuple[set[str], list[str]]]) -> None:
        super().__init__(DuckDBWarehouse(path), path.parent, {})
        self.script = list(script)
        self.asked: list[list[str]] = []
        self.there = {VIEW, OTHER}

    def invoke(self, arguments: Sequence[str], run_id: str) -> Build:
        self.asked.append(list(arguments))
        lost, errors = self.script.pop(0) if arguments[0] == "build" else (set(), [])
        self.there = (self.there | set(arguments)) - lost
        return Build([{"run_id": run_id}], errors, [])

    def _views(self) -> set[str]:
        return self.there & {VIEW, OTHER, "gone"}

    def _wanted_views(self) -> set[str]:
        return {VIEW, OTHER}


MAKE = ["run", "--select", VIEW]
FAILS = ["fct_streams: no such view"]


@pytest.mark.parametrize(
    ("script", "made", "errors"),
    [
        pytest.param([(set(), FAILS)], 0, FAILS, id="nothing is lost"),
        pytest.param([({VIEW}, [])], 1, [], id="a view is lost and made again"),
        pytest.param([({"gone"}, [])], 0, [], id="a view that the project has no longer may go"),
        pytest.param([({VIEW}, FAILS), (set(), [])], 1, [], id="what failed for want of it is built then"),
        pytest.param([({VIEW}, FAILS), ({VIEW}, FAILS)], 2, FAILS, id="what fails by itself is told, and not for ever"),
        pytest.param(
            [({VIEW}, FAILS), ({VIEW}, ["rpt_top_live: no such view"]), (set(), [])],
            2,
            [],
            id="what stood behind it gets its turn",
        ),
    ],
)
def test_views_that_a_build_lost_come_back_and_what_failed_for_want_of_them_is_built(
    tmp_path: Path, script: list[tuple[set[str], list[str]]], made: int, errors: list[str]
) -> None:
    transform = Scripted(tmp_path / "warehouse.duckdb", script)
    transform.there.add("gone")
    built = transform.build_incremental("run")
    assert transform.asked.count(MAKE) == made
    assert not transform.script, "it is built again until nothing new fails"
    assert built.errors == errors
    assert {VIEW, OTHER} <= transform.there
    assert len(built.nodes) == len(transform.asked), "each invocation is on record"
