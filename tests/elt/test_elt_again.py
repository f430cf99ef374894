"""What a further run asks for: what is due and no more; everything when told to; one resource alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.sandbox import Sandbox
from pipelines.sandbox.server import Served
from tests.elt.conftest import (
    PATHS,
    TABLES,
    Project,
    Undisturbed,
    assert_loaded_equals_served,
    spoil,
    still_world,
    unit_requests,
)

# channels that were live then, and not since, are visited every three days
NEXT_VISIT = "2026-03-07T21:00:00Z"


@dataclass
class Again:
    """A project that has had its first run, in the same world."""

    project: Project
    sandbox: Sandbox

    def extract(self, *arguments: str) -> list[Served]:
        before = len(self.sandbox.served)
        done = self.project.call("extract", *arguments)
        assert done.code == 0, done.err
        return [one for one in self.sandbox.served[before:] if one.path in PATHS]


@pytest.fixture
def again(undisturbed: Undisturbed, tmp_path: Path) -> Iterator[Again]:
    with still_world() as sandbox:
        spoil(sandbox)
        yield Again(undisturbed.project.copy(tmp_path, sandbox.env()), sandbox)


def counts(project: Project) -> dict[str, int]:
    return {name: project.value(f"select count(*) from raw_twitch.{name}") for name in TABLES}


def test_a_second_run_at_once_polls_and_fetches_nothing_again(again: Again, undisturbed: Undisturbed) -> None:
    before = counts(again.project)
    served = again.extract()
    assert {one.path for one in served} <= {"/streams", "/games"}
    assert len(served) * 20 < len(undisturbed.served)
    # categories that only the answers of the first run brought up are due now; nothing else is new
    assert {**before, "games": 0} == {**counts(again.project), "games": 0}


def test_a_full_run_fetches_everything_again_and_duplicates_nothing(again: Again, undisturbed: Undisturbed) -> None:
    before = counts(again.project)
    served = again.extract("--full")
    assert unit_requests(served) == unit_requests(undisturbed.served)
    assert_loaded_equals_served(again.project, undisturbed.polled + undisturbed.served + served)
    assert counts(again.project) == before


def test_one_resource_runs_alone_from_what_the_warehouse_knows(again: Again) -> None:
    known = again.project.value("select count(distinct user_id) from raw_twitch.streams")
    again.sandbox.clock.set(NEXT_VISIT)
    again.project.env["ETL_NOW"] = NEXT_VISIT
    served = again.extract("--resources", "clips")
    assert {one.path for one in served} == {"/clips"}
    assert len(unit_requests(served)) == known > 20
    assert again.project.value("select count(*) from raw_twitch.clips where observed_on = date '2026-03-07'") > known


def test_malformed_ids_cost_their_own_units_only(again: Again) -> None:
    polled = again.sandbox.world.live(again.sandbox.clock.time()).ranked
    bad = {polled[9].channel.id: "abc", polled[10].channel.id: "99999999999", polled[11].channel.id: "007"}
    again.sandbox.edits["streams"] |= {channel: {"user_id": value} for channel, value in bad.items()}
    again.extract("--full", "--resources", "streams users channels")
    failed = again.project.query(
        "select resource, unit_id from raw_ops.sync_log where status = 'failed' and resource in ('users', 'channels')"
    )
    assert Counter((row["resource"], row["unit_id"]) for row in failed) == Counter(
        (resource, unit) for resource in ("users", "channels") for unit in ("abc", "99999999999")
    )
    good = {one.channel.id for one in polled}
    for name, key in (("users", "id"), ("channels", "broadcaster_id")):
        refused = again.project.value(f"select count(*) from raw_ops.quarantine where resource = '{name}'")
        loaded = {row[key] for row in again.project.query(f"select {key} from raw_twitch.{name}")}
        assert loaded <= good and len(loaded) >= len(good) - refused - 1, name
