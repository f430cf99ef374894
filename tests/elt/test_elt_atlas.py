"""Atlas in whole runs against the truth: faults, a kill, a day of late and edited records, a revoked token."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pipelines.sandbox import Sandbox
from pipelines.sandbox.faults import KINDS
from tests.elt.conftest import MODELS_ONLY, Done, Project, kill_when, leaks, still_world, wait_until

FINE, REVOKED = "2151", "2152"
ROUTES = ("pedido", "nota", "produto", "entrega", "evento")
NEXT_DAY = "2026-03-05T23:00:00Z"
TODAY, TOMORROW = dt.date(2026, 3, 4), dt.date(2026, 3, 5)
DAYS_BACK = 14
SETTINGS = {"CHUNK_UNITS": "30", "CONCURRENCY": "4", "RETRY_MAX": "9"}
Contents = Counter[str]


@dataclass
class Collected:
    """A run that was killed and one that ended; a day later, with one token revoked, a third and a build."""

    project: Project
    sandbox: Sandbox
    first: dict[tuple[str, str], Contents]
    first_truth: dict[tuple[str, str], Contents]
    quiet: int
    last: Done
    leaking: set[str]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def collected(request: pytest.FixtureRequest) -> Iterator[Collected]:
    duckdb = request.param == "duckdb"
    make: Callable[..., Project] = request.getfixturevalue("new_project" if duckdb else "new_postgres")
    options = {"atlas_clients": 2, "atlas_per_minute": 1_000_000, "latency": 0.002}
    with still_world(faults=dict.fromkeys(KINDS, 0.03 if duckdb else 0.0), **options) as sandbox:
        project = make(sandbox.env(), source="atlas")
        if duckdb:
            with project.running("extract", **SETTINGS) as process:
                kill_when(process, lambda: is_loading(project) and len(sandbox.served) > 40)
        done = project.call("extract", **SETTINGS)
        assert done.code == 0, done.err
        first, first_truth = stored(project), truths(sandbox)
        before = len(sandbox.served)
        done = project.call("extract", **SETTINGS)
        assert done.code == 0, done.err
        quiet = len(sandbox.served) - before
        sandbox.clock.set(NEXT_DAY)
        sandbox.revoke_client(REVOKED)
        last = project.call("elt", "--json", ETL_NOW=NEXT_DAY, **SETTINGS, **MODELS_ONLY)
        tokens = [value for name, value in sandbox.env().items() if name.startswith("ATLAS_TOKEN_")]
        leaking = leaks(project, last, tokens)
        yield Collected(project, sandbox, first, first_truth, quiet, last, leaking)


def is_loading(project: Project) -> bool:
    try:
        return any(project.data.glob("dlt/*/atlas/load/normalized/*/*_jobs/*"))
    except FileNotFoundError:
        # a package that is loaded goes while it is looked at
        return False


def text(row: Any) -> str:
    return json.dumps({key: value for key, value in row.items() if key != "servido_em"}, sort_keys=True)


def stored(project: Project) -> dict[tuple[str, str], Contents]:
    """What is kept, by client and route; only what a completed load brought counts."""
    found: dict[tuple[str, str], Contents] = {
        (client, route): Counter() for client in (FINE, REVOKED) for route in ROUTES
    }
    for client, route, payload in project.database.execute(
        project.data,
        "select client, route, payload from raw_atlas.payloads"
        " inner join raw_atlas._dlt_loads on _dlt_load_id = load_id",
    )[1]:
        found[client, route][text(json.loads(payload))] += 1
    return found


def truths(sandbox: Sandbox, last: dt.date = TODAY) -> dict[tuple[str, str], Contents]:
    """What the API has now of the days that are to be collected, by client and route."""
    since = TODAY - dt.timedelta(DAYS_BACK)
    return {
        (client, route): Counter(map(text, sandbox.atlas.records(client, route, since, last, sandbox.clock.time())))
        for client in (FINE, REVOKED)
        for route in ROUTES
    }


def once(contents: Iterable[str]) -> Contents:
    return Counter(set(contents))


def test_after_faults_and_a_kill_every_content_is_there_once(collected: Collected) -> None:
    assert {part: once(contents) for part, contents in collected.first_truth.items()} == collected.first
    assert all(collected.first.values())


def test_a_run_soon_after_asks_nothing_again(collected: Collected) -> None:
    assert collected.quiet == 0


def test_late_and_edited_records_of_older_days_are_caught_and_nothing_is_overwritten(collected: Collected) -> None:
    found, now = stored(collected.project), truths(collected.sandbox, TOMORROW)
    for route in ROUTES:
        assert found[FINE, route].keys() >= now[FINE, route].keys() | collected.first[FINE, route].keys()
        versions = once(map(text, collected.sandbox.atlas.contents(FINE, route, collected.sandbox.clock.time())))
        assert found[FINE, route].keys() <= versions.keys() and set(found[FINE, route].values()) == {1}
    assert found[FINE, "pedido"].keys() > now[FINE, "pedido"].keys(), "earlier versions are kept"


def test_orders_are_in_their_latest_version(collected: Collected) -> None:
    since = TODAY - dt.timedelta(DAYS_BACK)
    records = collected.sandbox.atlas.records(FINE, "pedido", since, TOMORROW, collected.sandbox.clock.time())
    wanted = [
        {
            "order_id": str(row["id"]),
            "status": row["status"],
            "total_amount": pytest.approx(float(row["total"])),
            "freight_amount": pytest.approx(row["frete"]),
            "item_count": len(row["itens"]),
            "customer_name": row["cliente"]["nome"],
            "ordered_on": row["data"],
            "updated_at": row["atualizado_em"].removesuffix("Z"),
        }
        for row in sorted(records, key=lambda row: str(row["id"]))
    ]
    columns = ", ".join(wanted[0])
    found = collected.project.query(
        f"select {columns} from clients.fct_orders where client = '{FINE}' order by order_id"
    )
    assert found == wanted and len({row["status"] for row in found}) > 1


def test_json_of_the_warehouse_is_the_payload_but_for_what_it_can_not_hold(collected: Collected) -> None:
    rows = collected.project.query("select payload_text, payload, is_exact from clients.fct_payloads")
    assert len(rows) == sum(contents.total() for contents in stored(collected.project).values())
    assert all((row["payload"] == row["payload_text"]) == row["is_exact"] for row in rows)
    changed = [row for row in rows if not row["is_exact"]]
    assert changed
    assert {row["payload"]["recipient"].replace("\ufffd", "\x00") for row in changed} == {
        row["payload_text"]["recipient"] for row in changed
    }


def test_a_revoked_token_stops_its_client_and_the_report_says_so(collected: Collected) -> None:
    assert collected.last.code == 77 and "ATLAS_TOKEN_2152 was refused" in collected.last.err + collected.last.out
    found = {row["resource"]: row for row in collected.last.json["resources"]}
    assert {found[f"{FINE}/{route}"]["status"] for route in ROUTES} == {"succeeded"}
    assert sum(found[f"{REVOKED}/{route}"]["units_succeeded"] for route in ROUTES) == 0
    assert sum(found[f"{REVOKED}/{route}"]["units_failed"] for route in ROUTES) == 1
    row = found[f"{FINE}/pedido"]
    assert row["rows_received"] > row["rows_loaded"] > 0, "what was seen again is counted, and not stored"
    assert collected.leaking == set()


def test_coverage_tells_what_is_missing_and_an_open_day_is_never_complete(collected: Collected) -> None:
    rows = collected.project.query("select client, route, day, state, settles_at from clients.rpt_collection_coverage")
    states = {(row["client"], row["route"], row["day"]): row["state"] for row in rows}
    assert len(states) == 2 * len(ROUTES) * (DAYS_BACK + 2), "the day that is no longer asked for stays"
    assert {states[client, route, str(TOMORROW)] for client in (FINE, REVOKED) for route in ROUTES} == {"open"}
    # it was read while it was still going on, and the next reading was refused
    assert {states[REVOKED, route, str(TODAY)] for route in ROUTES} == {"partial"}
    assert {states[FINE, route, str(TODAY)] for route in ROUTES} == {"open"}
    assert all((row["settles_at"] < NEXT_DAY.removesuffix("Z")) >= (row["state"] == "complete") for row in rows)
    complete = {
        day for (client, route, day), state in states.items() if (client, route, state) == (FINE, "evento", "complete")
    }
    assert complete == {str(TODAY - dt.timedelta(days)) for days in range(3, DAYS_BACK + 1)}


def test_a_job_that_is_stopped_in_the_middle_goes_on_where_it_was_and_completes(
    new_project: Callable[..., Project],
) -> None:
    with still_world(atlas_clients=1, atlas_per_minute=1_000_000, latency=0.05) as sandbox:
        project = new_project(sandbox.env(), source="atlas")
        settings = {"CHUNK_UNITS": "4", "CONCURRENCY": "1", **MODELS_ONLY}
        job = lambda verb, *more: project.call("jobs", verb, *more, **settings)
        period = ["--since", "2026-01-20", "--until", "2026-02-20"]
        assert job("add", "events", "--client", FINE, "--routes", "evento", *period, "--every", "60").code == 0
        with project.running("jobs", "run", **settings) as process:
            wait_until(lambda: len(sandbox.served) > 8, process)
            under_way = job("show", "events", "--json").json
            told = job("stop", "events")
            _, err = process.communicate()
        stopped = job("show", "events", "--json").json
        assert job("run", "--json").json == [] and job("run", "events").code == 2
        before = len(sandbox.served)
        assert job("resume", "events").code == 0
        done = job("run", "--json")
        complete = job("show", "events", "--json").json
        served = len(sandbox.served)
        again = job("run", "--json")
    assert (under_way["status"], told.code, process.returncode) == ("running", 0, 130), err
    assert "is told to end" in told.out
    assert stopped["status"] == "stopped" and 0 < stopped["days_complete"] < 31
    assert stopped["days_complete"] + stopped["days_missing"] == 31
    assert stopped["records"] == stopped["payloads_new"] > 0, "what had been fetched is kept"
    assert [(one["job"], one["exit_code"]) for one in done.json] == [("events", 0)], done.err
    assert served - before == 31 - stopped["days_complete"], "what is complete is not asked for again"
    assert (complete["status"], complete["days_complete"], complete["next_run_at"]) == ("complete", 31, None)
    truth = sandbox.atlas.records(FINE, "evento", "2026-01-20", "2026-02-19", sandbox.clock.time())
    assert complete["payloads"] == len({text(row) for row in truth})
    last, first = complete["history"]
    assert [run["exit_code"] for run in (first, last)] == [130, 0]
    assert first["days_read"] + last["days_read"] == 31 and first["days_read"] == stopped["days_complete"]
    assert first["payloads_new"] + last["payloads_new"] == complete["payloads"]
    assert again.json == [] and len(sandbox.served) == served, "a complete job is not due"
