"""A watch through simulated beats, with faults and two kills; and one beat by a scheduler from outside."""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pipelines.sandbox import Sandbox
from tests.elt.conftest import CHECKOUT, MODELS_ONLY, Project, kill_when, wait_until

START = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)
WIDTH = dt.timedelta(minutes=5)
BEATS = 7
END = START + BEATS * WIDTH
KILLED_AT = (2, 4)
LIST = "/public/v2/livestreams"


def env(sandbox: Sandbox) -> dict[str, str]:
    return {
        **sandbox.env(),
        "ETL_NOW": "",
        "ETL_CLOCK_URL": f"{sandbox.url}/_sandbox/clock",
        "WATCH_BUILD_MINUTES": "1440",
        "RETRY_MAX": "9",
        **MODELS_ONLY,
    }


def built(project: Project) -> Project:
    """The project as one that was built whole a moment before, so that its beats build what they touch."""
    project.query(
        "insert into raw_ops.run_stages (run_id, stage, position, status, started_at, finished_at, _dlt_load_id) values"
        f" ('earlier', 'transform', 1, 'succeeded', timestamp '{START:%Y-%m-%d}', timestamp '{START:%Y-%m-%d}', '1')"
    )
    return project


@dataclass
class Watched:
    """A project that was watched, and the world that it watched."""

    project: Project
    sandbox: Sandbox
    codes: list[int]


@pytest.fixture(scope="module")
def watched(new_project: Callable[..., Project]) -> Iterator[Watched]:
    faults = {"429": 0.02, "500": 0.02, "reset": 0.02, "truncate": 0.01}
    with Sandbox(now=START, frozen=True, channels=40, kick_per_minute=100_000, faults=faults) as sandbox:
        project = built(new_project(env(sandbox), source="kick"))
        polled = lambda number: any(one.path == LIST and one.at == START + WIDTH * number for one in sandbox.served)
        codes = []
        for number in KILLED_AT:
            with project.running("watch") as process:
                # in the middle of a beat: its poll is under way or has just landed
                kill_when(process, lambda n=number: polled(n))
                codes.append(process.returncode)
        with project.running("watch") as process:
            wait_until(lambda: sandbox.clock.now() >= END, process)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
            codes.append(process.returncode)
        yield Watched(project, sandbox, codes)


def test_a_signal_ends_it_cleanly_and_a_kill_does_not(watched: Watched) -> None:
    assert watched.codes == [-signal.SIGKILL, -signal.SIGKILL, 0]


def test_every_slot_has_its_poll(watched: Watched) -> None:
    found = watched.project.query(
        "select distinct slot_at from raw_ops.polls where source = 'kick' and scope = 'all' and is_complete"
        f" and slot_at < timestamp '{END:%Y-%m-%d %H:%M}' order by slot_at"
    )
    expected = [START + WIDTH * number for number in range(BEATS)]
    assert [row["slot_at"] for row in found] == [f"{one:%Y-%m-%dT%H:%M:%S}" for one in expected]


def test_no_snapshot_is_there_twice_and_the_mart_has_them_all(watched: Watched) -> None:
    key = "slot_at, id"
    assert not watched.project.query(f"select {key} from raw_kick.livestreams group by {key} having count(*) > 1")
    raw = watched.project.value(
        f"select count(*) from raw_kick.livestreams where slot_at < timestamp '{END:%Y-%m-%d %H:%M}'"
    )
    mart = f"select count(*) from live.fct_stream_snapshots where slot_at < timestamp '{END:%Y-%m-%d %H:%M}'"
    assert raw == watched.project.value(mart) > BEATS


def test_what_was_live_at_a_beat_was_seen(watched: Watched) -> None:
    for number in range(BEATS):
        at = START + WIDTH * number
        live = {one.channel.id for one in watched.sandbox.world_of("kick").live(at.timestamp()).ranked}
        found = watched.project.query(
            f"select broadcaster_user_id from raw_kick.livestreams where slot_at = timestamp '{at:%Y-%m-%d %H:%M}'"
        )
        assert {str(row["broadcaster_user_id"]) for row in found} >= live, at


def test_the_rest_was_fetched_between_the_polls(watched: Watched) -> None:
    assert watched.project.value("select count(*) from raw_kick.channels") > 0
    killed = watched.project.value("select count(*) from raw_ops.runs where status = 'killed'")
    assert killed == len(KILLED_AT)


def test_a_beat_is_one_run_that_polls_and_builds_first(watched: Watched) -> None:
    run = watched.project.value("select max(run_id) from raw_ops.runs where status = 'succeeded'")
    stages = watched.project.query(f"select stage from raw_ops.run_stages where run_id = '{run}' order by position")
    names = [row["stage"] for row in stages]
    assert names == ["recover", "sync_views", "poll_kick", "transform_beat", "extract_kick"]


def test_dagster_runs_a_beat(new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.dagster import definitions

    with Sandbox(now=START, frozen=True, channels=40, kick_per_minute=100_000) as sandbox:
        project = built(new_project(env(sandbox), source="kick"))
        with project.database.on_bench():
            monkeypatch.chdir(project.home)
            for name, value in (project.env | {"DAGSTER_HOME": str(project.home), "PYTHONPATH": str(CHECKOUT)}).items():
                monkeypatch.setenv(name, value)
            result = definitions.get_job_def("watch").execute_in_process()
        assert result.success and result.output_for_node("beat") == 0
        assert project.value("select count(*) from live.fct_stream_snapshots") > 0
    schedules = {schedule.job_name: schedule.cron_schedule for schedule in definitions.schedules or ()}
    assert schedules == {"watch": "*/5 * * * *", "elt": "2 * * * *"}
