"""Any server of the API's shape will do, given its addresses and credentials, with the oddities such servers have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pipelines.sandbox import Sandbox
from pipelines.sandbox.server import TRAPS
from tests.elt.conftest import (
    Project,
    answers,
    assert_loaded_equals_served,
    live_channels,
    refused_payloads,
    still_world,
    stream_ids,
)


@dataclass
class Elsewhere:
    """A run against a server behind a path prefix, with every paging trap and connections that drop."""

    project: Project
    sandbox: Sandbox
    foreign: str


@pytest.fixture(scope="module")
def elsewhere(new_project: Callable[..., Project]) -> Elsewhere:
    with still_world(channels=60, prefix="/proxy/v9", traps=TRAPS, faults={"reset": 0.05, "truncate": 0.05}) as sandbox:
        channels, now = live_channels(sandbox), sandbox.clock.time()
        offset, foreign = (sandbox.world.recordings(one, now)[0] for one in [c for c in channels if c.recorded][:2])
        sandbox.edits["videos"][str(offset.number)] = {"published_at": "2026-03-03T01:02:03-08:00"}
        sandbox.edits["videos"][str(foreign.number)] = {"published_at": "03/10/2021"}
        project = new_project(sandbox.env())
        done = project.call(
            *("extract", "--resources", "streams videos clips"),
            TWITCH_STREAM_PAGE_SIZE="7",
            TWITCH_VIDEO_PAGE_SIZE="7",
            TWITCH_VIDEO_PAGES="100",
            TWITCH_CLIP_PAGE_SIZE="20",
            RETRY_MAX="9",
        )
        assert done.code == 0, done.err
    return Elsewhere(project, sandbox, str(foreign.number))


def test_all_that_was_served_is_loaded(elsewhere: Elsewhere) -> None:
    assert_loaded_equals_served(elsewhere.project, elsewhere.sandbox.served)


def test_lists_are_read_to_their_end_past_every_trap(elsewhere: Elsewhere) -> None:
    sandbox, query = elsewhere.sandbox, elsewhere.project.query
    # the traps were met: pages without rows, and answers without the key for a cursor
    assert any(not one.body["data"] for one in answers(sandbox.served))
    assert any("pagination" not in one.body for one in answers(sandbox.served))
    now = sandbox.clock.time()
    there = {
        str(video.number)
        for channel in live_channels(sandbox)
        for video in sandbox.world.recordings(channel, now)
        if video.kind == "archive"
    }
    assert {row["id"] for row in query("select id from raw_twitch.videos")} == there - {elsewhere.foreign}
    assert {row["id"] for row in query("select id from raw_twitch.streams")} == set(stream_ids(sandbox))


def test_a_time_in_another_form_is_read_or_quarantined(elsewhere: Elsewhere) -> None:
    assert elsewhere.project.value(
        "select count(*) from raw_twitch.videos where published_at = timestamp '2026-03-03 09:02:03'"
    ) == 1  # fmt: skip
    (refused,) = refused_payloads(elsewhere.project)["videos"]
    assert (refused["id"], refused["published_at"]) == (elsewhere.foreign, "03/10/2021")
