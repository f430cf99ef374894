"""What is loaded is what was served: every row once, whatever goes wrong on the way, and the report says the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from pipelines.sandbox.faults import KINDS
from tests.elt.conftest import (
    PATHS,
    TABLES,
    Project,
    Troubled,
    Undisturbed,
    assert_loaded_equals_served,
    refused_payloads,
    served_rows,
    still_world,
)

REASONS = {
    "streams": "viewer_count",
    "users": "login",
    "channels": "NUL",
    "followers": "total",
    "videos": "view_count",
    "clips": "created_at",
    "games": "name",
}


def test_an_undisturbed_run_loads_what_was_served(undisturbed: Undisturbed) -> None:
    counts = assert_loaded_equals_served(undisturbed.project, undisturbed.polled + undisturbed.served)
    assert all(counts.values()), counts


def test_every_kind_of_fault_in_one_run_loses_and_repeats_nothing_on_postgres(troubled: Troubled) -> None:
    assert {one.fault for one in troubled.served} >= set(KINDS)
    counts = assert_loaded_equals_served(troubled.project, troubled.served)
    assert all(counts.values()), counts


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_of_fault_loses_and_repeats_nothing(kind: str, new_project: Callable[..., Project]) -> None:
    with still_world(faults={kind: 0.3}) as sandbox:
        sandbox.faults.slow_seconds = 0.1
        project = new_project(sandbox.env())
        done = project.call("extract", "--resources", "streams", TWITCH_STREAM_PAGE_SIZE="2", RETRY_MAX="12")
        assert done.code == 0, done.err
        assert sandbox.count(kind) > 2
        assert_loaded_equals_served(project, sandbox.served)
        assert project.value("select count(*) from raw_twitch.streams") == 20, "ten pages of two"


@pytest.mark.parametrize("which", ["undisturbed", "troubled"])
def test_bad_rows_are_in_quarantine_with_a_reason_and_only_they(
    which: str, undisturbed: Undisturbed, request: pytest.FixtureRequest
) -> None:
    project = request.getfixturevalue(which).project
    refused = refused_payloads(project)
    found = {name: {row[TABLES[name].key[0]] for row in rows} for name, rows in refused.items()}
    assert found == undisturbed.planted
    reasons = project.query("select source, resource, reason, fetched_at from ops.fct_quarantine")
    assert len(reasons) == len(REASONS)
    for row in reasons:
        assert REASONS[row["resource"]] in row["reason"], row


def test_a_time_with_an_offset_is_stored_in_utc(undisturbed: Undisturbed) -> None:
    found = undisturbed.project.value(
        "select count(*) from raw_twitch.clips where created_at = timestamp '2026-03-01 18:00:00.25'"
    )
    assert found == 1


def test_duckdb_and_postgres_give_equal_marts(undisturbed: Undisturbed, troubled: Troubled) -> None:
    on_postgres = troubled.project.tables("live")
    assert on_postgres.keys() == undisturbed.marts.keys()
    for name, rows in undisturbed.marts.items():
        # a single poll shows nobody rising
        assert rows or name == "rpt_rising_channels", f"live.{name} is empty"
        assert on_postgres[name] == rows, f"live.{name}"


@pytest.mark.parametrize("which", ["undisturbed", "troubled"])
def test_the_report_says_what_was_asked_and_received(which: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(which)
    tries = Counter(PATHS[one.path] for one in run.served if one.path in PATHS)
    rate_limited = Counter(PATHS[one.path] for one in run.served if one.path in PATHS and one.status == 429)
    received = {name: len(rows) for name, rows in served_rows(run.served).items()}
    refused = Counter({name: len(rows) for name, rows in refused_payloads(run.project).items()})
    assert {row["resource"] for row in run.report["resources"]} == set(TABLES)
    for row in run.report["resources"]:
        name = row["resource"]
        assert row["requests"] + row["retries"] == tries[name], name
        assert row["rate_limited"] == rate_limited[name], name
        assert row["rows_received"] == received[name], name
        assert row["rows_quarantined"] == refused[name], name
        assert row["rows_loaded"] == received[name] - refused[name], name
    assert run.report["exit_code"] == 0


@pytest.mark.parametrize("which", ["undisturbed", "troubled"])
def test_the_run_is_on_record_with_its_exit_code(which: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(which)
    (row,) = run.project.query(f"select * from ops.fct_runs where run_id = '{run.report['run_id']}'")
    assert (row["status"], row["exit_code"], row["error"]) == ("succeeded", 0, None)
    assert row["rows_loaded"] == sum(one["rows_loaded"] for one in run.report["resources"])


def test_a_dry_run_tells_the_calls_that_the_run_then_makes(undisturbed: Undisturbed) -> None:
    made = Counter(PATHS[one.path] for one in undisturbed.served if one.path in PATHS)
    asked = {row["resource"]: row["units_requested"] for row in undisturbed.report["resources"]}
    planned = {row["resource"]: row for row in undisturbed.plan}
    assert planned.keys() == made.keys()
    for name in ("users", "channels", "followers"):
        assert planned[name]["units"] == asked[name] > 0, name
        assert planned[name]["calls"] == made[name], name
    # one call a channel at least: further pages and windows are not known before
    for name in ("videos", "clips"):
        assert planned[name]["units"] == asked[name] > 0, name
        assert planned[name]["calls"] == asked[name] <= made[name], name
    # the pages of a list at most
    assert planned["streams"]["calls"] >= made["streams"] > 0
    # categories that channels and clips bring up are due after them
    assert planned["games"]["units"] <= asked["games"]
