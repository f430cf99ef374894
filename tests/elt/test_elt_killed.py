"""A run that is killed, at whatever moment, costs at most one chunk of work: the next run ends where it would have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.sandbox import Sandbox
from pipelines.sandbox.server import Served
from tests.elt.conftest import (
    LATER,
    MODELS_ONLY,
    NOW,
    Project,
    Undisturbed,
    assert_same_rows,
    kill_when,
    spoil,
    still_world,
    unit_requests,
)

CHUNK_UNITS, CONCURRENCY = 10, 2
# units that the threads are given beyond the chunk that is being loaded
AHEAD = CONCURRENCY * 5
SETTINGS = {"CHUNK_UNITS": str(CHUNK_UNITS), "CONCURRENCY": str(CONCURRENCY)}


@dataclass
class Killed:
    """A project whose run was killed, and what had been served by then."""

    project: Project
    sandbox: Sandbox
    served: list[Served]

    def copy(self, home: Path) -> Killed:
        """The same state once more."""
        return Killed(self.project.copy(home), self.sandbox, self.served)

    def run_again(self, command: str) -> list[Served]:
        """Run to the end; returns everything that was served to this project."""
        before = len(self.sandbox.served)
        done = self.project.call(command, **MODELS_ONLY)
        assert done.code == 0, done.err + done.out
        return self.served + self.sandbox.served[before:]


def kill(project: Project, sandbox: Sandbox, when: str) -> Killed:
    """Start a run and kill it: while it fetches, or while dlt loads what has landed."""
    with project.running("extract", **SETTINGS) as process:
        if when == "extracting":
            kill_when(process, lambda: len(sandbox.requests("/videos")) > CHUNK_UNITS * 2)
        else:
            kill_when(process, lambda: len(sandbox.requests("/videos")) > CHUNK_UNITS and is_loading(project))
    return Killed(project, sandbox, list(sandbox.served))


def is_loading(project: Project) -> bool:
    """Whether a batch waits in the landing and dlt is at work on a package of it."""
    return any(project.data.glob("landing/*/0*/*.parquet")) and any(
        project.data.glob("dlt/*/twitch/load/normalized/*/*_jobs/*")
    )


def landed_pages(project: Project) -> list[Path]:
    return list(project.data.glob("landing/*/0*/raw_twitch.streams.parquet"))


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    with still_world(latency=0.005) as sandbox:
        spoil(sandbox)
        yield sandbox


@pytest.fixture(scope="module")
def extracting(world: Sandbox, new_project: Callable[..., Project]) -> Killed:
    return kill(new_project(world.env()), world, "extracting")


@pytest.fixture(scope="module")
def loading(world: Sandbox, new_project: Callable[..., Project]) -> Killed:
    world.served.clear()
    killed = kill(new_project(world.env()), world, "loading")
    assert is_loading(killed.project)
    return killed


def assert_same_marts(project: Project, undisturbed: Undisturbed) -> None:
    marts = project.tables("live")
    assert marts.keys() == undisturbed.marts.keys()
    for name, rows in undisturbed.marts.items():
        assert marts[name] == rows, f"live.{name}"


def assert_at_most_a_chunk_again(served: list[Served]) -> None:
    repeated = sum(times - 1 for times in unit_requests(served).values())
    assert repeated <= CHUNK_UNITS + AHEAD, f"{repeated} units were fetched twice"


def assert_killed_is_on_record(project: Project) -> None:
    statuses = project.query("select status, exit_code from ops.fct_runs order by status")
    assert statuses == [{"status": "killed", "exit_code": None}, {"status": "succeeded", "exit_code": 0}]


@pytest.mark.parametrize(
    ("moment", "state", "command"),
    [
        ("extracting", "kept", "elt"),
        ("extracting", "wiped", "extract"),
        ("loading", "kept", "extract"),
        ("loading", "wiped", "elt"),
    ],
)
def test_after_a_kill_the_next_run_ends_as_if_nothing_had_happened(
    moment: str, state: str, command: str, undisturbed: Undisturbed, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    killed = request.getfixturevalue(moment).copy(tmp_path)
    if state == "wiped":
        killed.project.wipe_state()
    served = killed.run_again(command)
    assert_same_rows(killed.project, undisturbed.project)
    if command == "elt":
        assert_same_marts(killed.project, undisturbed)
    assert_at_most_a_chunk_again(served)
    assert_killed_is_on_record(killed.project)


def test_after_a_kill_on_postgres_the_next_run_ends_as_if_nothing_had_happened(
    new_postgres: Callable[..., Project], undisturbed: Undisturbed
) -> None:
    with still_world(latency=0.005) as sandbox:
        spoil(sandbox)
        killed = kill(new_postgres(sandbox.env()), sandbox, "loading")
        served = killed.run_again("elt")
    assert_same_rows(killed.project, undisturbed.project)
    assert_same_marts(killed.project, undisturbed)
    assert_at_most_a_chunk_again(served)
    assert_killed_is_on_record(killed.project)


def test_a_poll_from_before_the_kill_is_kept_when_the_world_has_moved_on(
    new_project: Callable[..., Project],
) -> None:
    with still_world(latency=0.02) as world:
        project = new_project(world.env())
        with project.running("extract", "--resources", "streams", TWITCH_STREAM_PAGE_SIZE="4") as process:
            # some pages have landed, and none is loaded: a poll is loaded at its end
            kill_when(process, lambda: len(landed_pages(project)) >= 3)
        polled = [row for one in world.requests("/streams") for row in one.body["data"]]
        pages = len(landed_pages(project))
        assert project.value("select count(*) from raw_twitch.streams") == 0
        world.clock.advance(900)
        project.env["ETL_NOW"] = LATER
        done = project.call("extract", "--resources", "streams")
        assert done.code == 0, done.err
    slot = dt.datetime.fromisoformat(NOW).replace(tzinfo=None).isoformat()
    found = project.query(f"select id from raw_twitch.streams where slot_at = timestamp '{slot}'")
    assert len(found) == len({row["id"] for row in found}) == 4 * pages
    assert {row["id"] for row in found} <= {row["id"] for row in polled}
    (header,) = project.query(
        f"select pages, rows, is_complete from raw_ops.polls where slot_at = timestamp '{slot}' and scope = 'top'"
    )
    assert header == {"pages": pages, "rows": len(found), "is_complete": False}
    assert project.value("select count(distinct slot_at) from raw_twitch.streams") == 2
