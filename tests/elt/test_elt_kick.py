"""Kick in a whole run: what was served is in staging and in the marts that all platforms share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from pipelines.sandbox import Sandbox
from pipelines.sandbox.server import Served
from tests.elt.conftest import LATER, MODELS_ONLY, Project, Row, still_world, without

STREAMS, USERS = "/public/v2/livestreams", "/public/v1/users/livestreams"
CHANNELS, CATEGORIES = "/public/v1/channels", "/public/v2/categories"


@dataclass
class Collected:
    """Two polls a quarter of an hour apart, and one build over both."""

    project: Project
    sandbox: Sandbox
    first: list[Served]
    second: list[Served]
    bad: int  # the channel whose row was refused in the second poll

    @property
    def served(self) -> list[Served]:
        return self.first + self.second


@pytest.fixture(scope="module")
def collected(new_project: Callable[..., Project]) -> Collected:
    with still_world(kick_per_minute=1_000_000) as sandbox:
        project = new_project(sandbox.env(), source="kick")
        done = project.call("extract", KICK_LIVESTREAM_PAGE_SIZE="10")
        assert done.code == 0, done.err
        first = list(sandbox.served)
        bad = rows(first, STREAMS)[3]["broadcaster_user"]["id"]
        sandbox.edits["kick_livestreams"][bad] = without("viewer_count")
        sandbox.clock.advance(900)
        done = project.call("elt", "--json", ETL_NOW=LATER, **MODELS_ONLY)
        assert done.code == 0, done.err + done.out
        return Collected(project, sandbox, first, sandbox.served[len(first) :], bad)


def rows(served: Iterable[Served], *paths: str) -> list[Row]:
    """The rows that arrived from some paths."""
    return [row for one in served if one.path in paths and one.status == 200 for row in one.body["data"]]


def moment(text: str) -> str:
    return text.removesuffix("Z")


def as_snapshot(row: Row) -> Row:
    """A stream of the API as analysts should find it."""
    url = f"https://kick.com/{row['channel']['slug']}"
    return {
        "stream_id": row["id"],
        "channel_id": str(row["broadcaster_user"]["id"]),
        "category_id": str(row["category"]["id"]) if row["category"]["id"] else None,
        "channel_login": row["channel"]["slug"],
        "channel_name": row["broadcaster_user"]["username"],
        "category_name": row["category"]["name"] or None,
        "title": row["title"] or None,
        "language": row["language_code"].partition("-")[0],
        "viewer_count": row["viewer_count"] or None,
        "started_at": moment(row["started_at"]),
        "channel_url": url,
        "stream_url": url,
    }


def expected(collected: Collected) -> list[Row]:
    """The snapshots of both slots, but for the row that was refused."""
    kept = [("2026-03-04T20:00:00", row) for row in rows(collected.first, STREAMS, USERS)]
    kept += [
        ("2026-03-04T20:15:00", row)
        for row in rows(collected.second, STREAMS, USERS)
        if row["broadcaster_user"]["id"] != collected.bad
    ]
    found = {(slot, row["id"]): {"slot_at": slot, **as_snapshot(row)} for slot, row in kept}
    return [found[key] for key in sorted(found)]


def test_staging_and_the_shared_snapshots_hold_what_was_served(collected: Collected) -> None:
    wanted = expected(collected)
    assert len(wanted) > 50 and any(row["viewer_count"] is None for row in wanted)
    columns = ", ".join(wanted[0])
    for relation in ("staging.stg_kick__livestreams", "intermediate.int_live__stream_snapshots_unioned"):
        found = collected.project.query(f"select {columns} from {relation} order by slot_at, stream_id")
        assert found == wanted, relation
    shared = [name for name in wanted[0] if name not in ("channel_url", "stream_url")]
    found = collected.project.query(
        f"select platform, {', '.join(shared)} from live.fct_stream_snapshots order by slot_at, stream_id"
    )
    assert found == [{"platform": "kick"} | {name: row[name] for name in shared} for row in wanted]


def test_who_was_live_before_and_did_not_show_up_was_asked_for_by_id(collected: Collected) -> None:
    before = {row["broadcaster_user"]["id"] for row in rows(collected.first, STREAMS)}
    again = {row["broadcaster_user"]["id"] for row in rows(collected.second, STREAMS)}
    asked = [int(value) for one in collected.second if one.path == USERS for _, value in one.query]
    assert sorted(asked) == sorted(before - again)
    polls = collected.project.query(
        "select scope, is_complete, is_exhaustive from raw_ops.polls order by slot_at, scope"
    )
    assert polls == [{"scope": scope, "is_complete": True, "is_exhaustive": True} for scope in ("all", "known")] * 2


def test_channels_and_categories_are_described(collected: Collected) -> None:
    seen = {row["channel_id"] for row in expected(collected)}
    channels = {str(row["broadcaster_user_id"]): row for row in rows(collected.served, CHANNELS)}
    assert channels.keys() >= seen
    found = collected.project.query(
        "select channel_id, channel_login, description, is_gone from live.dim_channels order by channel_id"
    )
    assert found == [
        {
            "channel_id": one,
            "channel_login": channels[one]["slug"],
            "description": channels[one]["channel_description"] or None,
            "is_gone": False,
        }
        for one in sorted(seen)
    ]
    subscribers = collected.project.query(
        "select channel_id, max(subscriber_count) as n from staging.stg_kick__channels group by 1 order by 1"
    )
    assert subscribers == [
        {"channel_id": one, "n": channels[one]["active_subscribers_count"]} for one in sorted(channels)
    ]
    told = {str(row["id"]): row["name"] for row in rows(collected.served, CATEGORIES)}
    categories = collected.project.query("select category_id, category_name, is_catalogued from live.dim_categories")
    assert {row["category_id"]: row["category_name"] for row in categories if row["is_catalogued"]} == told
    assert {row["category_id"] for row in expected(collected)} - {None} <= {row["category_id"] for row in categories}


def test_a_second_run_asks_channels_only_if_they_are_new(collected: Collected) -> None:
    asked = [value for one in collected.served if one.path == CHANNELS for _, value in one.query]
    assert len(asked) == len(set(asked)), "all of them are fresh for a day"
    (row,) = collected.project.query("select resource, payload from raw_ops.quarantine")
    assert (row["resource"], row["payload"]["broadcaster_user_id"]) == ("livestreams", collected.bad)
