"""The world changes during a day: what the next run makes of renamed, vanished, grown and misshapen things."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from pipelines.sandbox.world import Channel
from tests.elt.conftest import (
    LATER,
    MODELS_ONLY,
    Project,
    Undisturbed,
    live_channels,
    served_rows,
    spoil,
    still_world,
)

SLOT = dt.datetime.fromisoformat(LATER).replace(tzinfo=None).isoformat()


@dataclass
class Changed:
    """The second run of a day, and what had changed before it."""

    project: Project
    report: dict[str, Any]
    served: dict[str, list[dict[str, Any]]]
    renamed: Channel
    gone: Channel
    untagged: Channel
    told_more: Channel
    grown: str
    viewed: str
    mistyped: str


@pytest.fixture(scope="module")
def changed(undisturbed: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> Changed:
    with still_world() as sandbox:
        spoil(sandbox)
        now = sandbox.clock.time()
        channels = [one for one in live_channels(sandbox)[9:] if one.recorded]
        renamed, gone, untagged, told_more, viewed, mistyped, grown = channels[:7]
        clip = lambda channel: sandbox.world.clips(channel, now - 6 * 86400, now, now)[0].slug
        video = str(sandbox.world.recordings(grown, now)[0].number)
        edits = sandbox.edits
        edits["users"][renamed.id] = {"login": "another", "display_name": "Another"}
        edits["channels"][renamed.id] = {"broadcaster_login": "another", "broadcaster_name": "Another"}
        edits["streams"][renamed.id] = {"user_login": "another", "user_name": "Another"}
        edits["users"][gone.id] = edits["channels"][gone.id] = edits["streams"][gone.id] = None
        edits["streams"][untagged.id] = edits["channels"][untagged.id] = {"tags": None}
        edits["users"][told_more.id] = {"pronouns": {"subject": "they"}}
        edits["videos"][video] = {"duration": "99h0m1s", "view_count": 123_456_789}
        edits["clips"][clip(viewed)] = {"view_count": 987_654_321}
        edits["clips"][clip(mistyped)] = {"view_count": "12"}
        slugs = clip(viewed), clip(mistyped)
        sandbox.clock.set(LATER)
        project = undisturbed.project.copy(tmp_path_factory.mktemp("changed"), {**sandbox.env(), "ETL_NOW": LATER})
        done = project.call(
            *("elt", "--full", "--json", "--resources", "streams users channels videos clips"), **MODELS_ONLY
        )
        assert done.code == 0, done.err
        served = served_rows(sandbox.served)
    return Changed(project, done.json, served, renamed, gone, untagged, told_more, video, *slugs)


def test_a_renamed_channel_has_two_versions(changed: Changed) -> None:
    versions = changed.project.query(
        "select channel_login, channel_name, is_current, valid_to from live.dim_channels_history"
        f" where channel_id = '{changed.renamed.id}' order by version_number"
    )
    assert [version["is_current"] for version in versions] == [False, True]
    assert versions[0]["channel_login"] != "another" and versions[0]["valid_to"] == SLOT
    assert (versions[1]["channel_login"], versions[1]["channel_name"]) == ("another", "Another")
    assert changed.project.value(
        f"select channel_login from live.dim_channels where channel_id = '{changed.renamed.id}'"
    ) == "another"  # fmt: skip


def test_a_channel_that_vanished_is_gone_and_no_other(changed: Changed) -> None:
    gone = changed.project.query("select channel_id from live.dim_channels where is_gone")
    assert [row["channel_id"] for row in gone] == [changed.gone.id]


def test_a_grown_video_and_a_viewed_clip_have_their_new_figures(changed: Changed, undisturbed: Undisturbed) -> None:
    query = changed.project.query
    assert query(f"select duration_seconds, view_count from live.fct_videos where video_id = '{changed.grown}'") == [
        {"duration_seconds": 99 * 3600 + 1, "view_count": 123_456_789}
    ]
    assert query(f"select view_count, observation_count from live.fct_clips where clip_id = '{changed.viewed}'") == [
        {"view_count": 987_654_321, "observation_count": 1}
    ]


def test_null_tags_are_loaded_as_null(changed: Changed) -> None:
    for table, key in (("streams", "user_id"), ("channels", "broadcaster_id")):
        one = f"{key} = '{changed.untagged.id}' and slot_at = timestamp '{SLOT}'"
        found = changed.project.query(f"select tags from raw_twitch.{table} where {one}")
        assert found == [{"tags": None}], table


def test_an_unknown_field_is_kept_and_the_report_names_it(changed: Changed) -> None:
    kept = changed.project.value(
        f"select _extra from raw_twitch.users where id = '{changed.told_more.id}' and slot_at = timestamp '{SLOT}'"
    )
    assert kept == {"pronouns": {"subject": "they"}}
    fields = {row["resource"]: row["unknown_fields"] for row in changed.report["resources"]}
    assert "pronouns" in fields["users"]
    shown = changed.project.call("report")
    assert shown.code == 0
    assert "pronouns" in shown.out


def test_a_changed_type_is_in_quarantine_with_the_reason(changed: Changed) -> None:
    (row,) = changed.project.query(
        f"select resource, reason from ops.fct_quarantine where payload like '%\"{changed.mistyped}\"%'"
    )
    assert row["resource"] == "clips"
    assert "`int`" in row["reason"] and "view_count" in row["reason"]
    # what was known of it stays
    assert changed.project.value(f"select count(*) from live.fct_clips where clip_id = '{changed.mistyped}'") == 1


def test_everything_else_is_loaded(changed: Changed) -> None:
    for name, key in (("users", "id"), ("channels", "broadcaster_id"), ("streams", "id")):
        loaded = changed.project.query(f"select {key} from raw_twitch.{name} where slot_at = timestamp '{SLOT}'")
        refused = changed.project.value(
            f"select count(*) from raw_ops.quarantine where resource = '{name}' and fetched_at = timestamp '{SLOT}'"
        )
        served = {row[key] for row in changed.served[name]}
        assert len(loaded) == len({row[key] for row in loaded}) == len(served) - refused, name
