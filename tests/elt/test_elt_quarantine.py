"""Too many refused rows fail the run at its end, with everything good loaded; a replay takes rows in once they fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pipelines.sources import SOURCES, twitch
from tests.elt.conftest import MODELS_ONLY, Done, Project, live_channels, still_world, without


@dataclass
class Refused:
    """A run whose users came half without a field."""

    project: Project
    done: Done
    bad: set[str]
    live: set[str]


@pytest.fixture(scope="module")
def refused(new_project: Callable[..., Project]) -> Refused:
    with still_world(channels=60) as sandbox:
        live = [channel.id for channel in live_channels(sandbox)]
        sandbox.edits["users"] |= {channel: without("created_at") for channel in live[::2]}
        project = new_project(sandbox.env())
        done = project.call("elt", "--resources", "streams users", **MODELS_ONLY)
    return Refused(project, done, set(live[::2]), set(live))


def test_the_run_fails_at_its_end_and_says_why(refused: Refused) -> None:
    assert refused.done.code == 3
    assert f"twitch.users: {len(refused.bad)} of {len(refused.live)} rows were refused" in refused.done.out
    assert "make replay" in refused.done.out
    (run,) = refused.project.query("select status, exit_code, next_step from ops.fct_runs")
    assert (run["status"], run["exit_code"]) == ("failed", 3)
    assert "make replay" in run["next_step"]


def test_everything_good_is_loaded_and_the_marts_are_built(refused: Refused) -> None:
    query = refused.project.query
    assert {row["id"] for row in query("select id from raw_twitch.users")} == refused.live - refused.bad
    assert {row["channel_id"] for row in query("select channel_id from live.dim_channels")} == refused.live
    assert refused.project.value("select count(*) from live.fct_stream_snapshots") == len(refused.live)


def test_a_replay_takes_rows_in_once_they_fit(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    project = refused.project
    fields = tuple(
        dataclasses.replace(field, optional=True) if field.name == "created_at" else field
        for field in twitch.USERS.fields
    )
    tables = tuple(
        dataclasses.replace(table, fields=fields) if table is twitch.USERS else table for table in twitch.TABLES
    )
    monkeypatch.setitem(SOURCES, "twitch", dataclasses.replace(twitch.SOURCE, tables=tables))
    done = project.call("replay", "--json", **MODELS_ONLY)
    assert done.code == 0, done.err
    (message,) = (stage["message"] for stage in done.json["stages"] if stage["stage"] == "replay")
    assert message == f"{len(refused.bad)} rows accepted, 0 refused still"
    users = [row["id"] for row in project.query("select id from raw_twitch.users")]
    assert len(users) == len(set(users)) and set(users) == refused.live
    assert project.value("select count(*) from raw_ops.quarantine where replayed_at is null") == 0
    assert project.value("select count(*) from live.dim_channels where broadcaster_type is null") == 0
