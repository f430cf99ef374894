"""Two runs on one warehouse: one is refused, or waits; a stopped one ends soon and loses nothing."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

from pipelines.clock import Clock
from tests.elt.conftest import Project, Undisturbed, assert_same_rows, spoil, still_world, wait_until

# generous: on a busy machine dlt needs some seconds to load what has landed
SECONDS_TO_STOP = 15


def test_a_second_run_is_refused_and_a_stopped_one_loses_nothing(
    undisturbed: Undisturbed, new_project: Callable[..., Project]
) -> None:
    with still_world(latency=0.05) as sandbox:
        spoil(sandbox)
        project, clock = new_project(sandbox.env()), Clock()
        with project.running("extract", CONCURRENCY="2") as first:
            wait_until(lambda: len(sandbox.requests("/followers") + sandbox.requests("/videos")) > 10, first)
            second = project.call("elt", LOCK_WAIT_SECONDS="0")
            first.send_signal(signal.SIGTERM)
            start = clock.monotonic()
            out, err = first.communicate(timeout=60)
            seconds = clock.monotonic() - start
        assert second.code == 75
        assert re.search(r"is held by run \S+ \(pid \d+ on ", second.err) and "LOCK_WAIT_SECONDS" in second.err
        assert first.returncode == 130, out + err
        assert seconds < SECONDS_TO_STOP
        assert "Traceback" not in err
        served = len(sandbox.served)
        sandbox.latency = 0.0
        done = project.call("extract")
        assert done.code == 0, done.err
    runs = project.query("select status, exit_code from ops.fct_runs order by exit_code")
    assert runs == [{"status": "succeeded", "exit_code": 0}, {"status": "failed", "exit_code": 130}]
    assert len(sandbox.served) - served < len(undisturbed.served), "what the first run had fetched is not fetched again"
    assert_same_rows(project, undisturbed.project)


def test_a_run_that_is_told_to_wait_goes_after_the_other(new_project: Callable[..., Project]) -> None:
    with still_world(latency=0.05) as sandbox:
        project = new_project(sandbox.env())
        with project.running("extract", "--resources", "streams", TWITCH_STREAM_PAGE_SIZE="2") as first:
            wait_until(lambda: sandbox.requests("/streams"), first)
            refused = project.call("elt", LOCK_WAIT_SECONDS="0")
            second = project.call("extract", "--resources", "users", LOCK_WAIT_SECONDS="120")
            out, err = first.communicate(timeout=60)
        assert first.returncode == 0, "neither of the others may disturb it: " + out + err
        assert refused.code == 75, refused.err
        assert second.code == 0, second.err
    # what the first one loaded was due in the second
    assert project.value("select count(*) from raw_twitch.users") == 20
