"""A past for the demo: the polls that a watch would have made over two weeks, at a coarse beat, from the sandbox.

The sandbox's time is set back and led forward poll by poll. Everything else is as in a run: rows are checked, landed
and loaded in chunks, and each poll has its header, so the marts say themselves how coarse the beat was.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import requests

from pipelines.budget import QuotaError
from pipelines.clock import Clock, SandboxClock
from pipelines.intake import Intake, Tally
from pipelines.resources import Api, Fetched, Resource, Unit

DAYS = 14
# no part of a day, so that every hour gets its polls
STEP = dt.timedelta(minutes=250)
CHUNK_ROWS = 50_000
ORDER_SECONDS = 10.0


def poll_the_past(
    sandbox_url: str,
    clock: Clock,
    sources: Mapping[str, Sequence[Resource]],
    open_source: Callable[[str, Clock], Api],
    intake: Intake,
) -> int:
    """Poll these resources of each source as of the last days; returns the rows loaded. The sandbox ends now.

    sandbox_url: where the sandbox answers; its clock is led from DAYS ago to `clock`'s present.
    """
    now = clock.now()
    order = lambda **order: requests.post(f"{sandbox_url}/_sandbox/clock", json=order, timeout=ORDER_SECONDS)
    order(now=(now - dt.timedelta(days=DAYS)).isoformat(), frozen=True).raise_for_status()
    past = SandboxClock(f"{sandbox_url}/_sandbox/clock")
    apis = {name: open_source(name, past) for name in sources}
    tally = Tally()
    loaded_until = 0
    try:
        while past.now() + STEP < now:
            for name, resources in sources.items():
                _poll(apis[name], name, resources, intake, tally)
            if tally.rows_received - loaded_until > CHUNK_ROWS:
                intake.commit(tally)
                loaded_until = tally.rows_received
            past.wait_until(past.now() + STEP)
    finally:
        order(now=clock.now().isoformat(), frozen=False).raise_for_status()
    intake.commit(tally)
    return tally.rows_loaded


def _poll(api: Api, source: str, resources: Sequence[Resource], intake: Intake, tally: Tally) -> None:
    found: dict[str, list[Unit]] = {}
    for resource in resources:
        assert resource.poll
        whole = Fetched()
        with contextlib.suppress(QuotaError):
            for fetched in resource.poll(api, found.get(resource.found_by, [Unit("now")])):
                whole.rows += fetched.rows
                whole.polls += fetched.polls
        # in one piece, since nothing is lost that could not be simulated again; and without its outcomes, since what
        # was achieved long ago says nothing of what is due now
        intake.take(source, resource.name, whole, {}, tally)
        ids = {str(row.get(rows.table.key[0])) for rows in whole.rows for row in rows.rows}
        found[resource.name] = [Unit(one) for one in sorted(ids)]
