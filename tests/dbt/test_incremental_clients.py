"""Records of clients: after each load as if all were built anew, in whatever order what was seen arrives."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from tests.dbt.twin import Twin
from tests.dbt.warehouse import Row

MODELS = ("fct_orders", "fct_payloads")
Load = dict[str, list[Row]]


def seen(hour: int, status: str, client: str = "a", order: str = "1", day: int = 1, first: bool = True) -> Load:
    """An order as seen at an hour; its content is a payload the first time only."""
    at = dt.datetime(2026, 10, 3) + dt.timedelta(hours=hour)
    row = {"client": client, "route": "pedido", "record_key": order, "content_hash": f"{order}-{status}"}
    row["period"] = dt.date(2026, 10, day)
    payload = {**row, "payload": json.dumps({"status": status, "total": "9.90"}), "fetched_at": at}
    return {
        "raw_atlas.payloads": [payload] if first else [],
        "raw_atlas.observations": [{**row, "seen_at": at, "request_id": f"q{hour}"}],
    }


def tell(twin: Twin, history: list[Load], hours: int) -> list[list[tuple[Any, ...]]]:
    """The orders after each load, with so many hours between them; all equals a full build at the end."""
    steps = []
    for number, rows in enumerate(history):
        twin.warehouse.load(dt.datetime(2026, 10, 4) + number * dt.timedelta(hours=hours), rows)
        twin.build(*MODELS)
        steps.append(twin.warehouse.table("clients.fct_orders"))
    assert twin.differences() == {}
    return steps


# history, hours between loads, and the status of each order after each load
HISTORIES: dict[str, tuple[list[Load], int, list[list[str]]]] = {
    "an_older_observation_arrives_later": (
        [seen(5, "paid"), seen(3, "open"), seen(4, "open", first=False)],
        *(1, [["paid"]] * 3),
    ),
    "an_order_is_paid_refunded_and_paid_again": (
        [seen(1, "paid"), seen(2, "refunded"), seen(3, "paid", first=False)],
        *(1, [["paid"], ["refunded"], ["paid"]]),
    ),
    "an_order_moves_to_another_client": (
        [seen(1, "open"), seen(2, "paid", client="b"), seen(3, "void")],
        *(1, [["open"], ["open", "paid"], ["void", "paid"]]),
    ),
    "an_order_moves_to_another_day_and_back": (
        [seen(1, "open"), seen(2, "paid", day=2), seen(3, "open", first=False)],
        *(1, [["open"], ["paid"], ["open"]]),
    ),
    "the_same_load_is_replayed": (
        [seen(1, "open"), seen(2, "paid"), seen(1, "open"), seen(2, "paid")],
        *(1, [["open"], ["paid"], ["paid"], ["paid"]]),
    ),
    "the_content_comes_with_a_later_load": (
        [seen(1, "open", first=False), {**seen(1, "open"), "raw_atlas.observations": []}],
        *(1, [[], ["open"]]),
    ),
    "the_clock_goes_back_between_loads": (
        [seen(1, "open"), seen(2, "paid"), seen(3, "void")],
        *(-2, [["open"], ["paid"], ["void"]]),
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_all_is_as_in_a_full_build_after(twin: Twin, name: str) -> None:
    history, hours, statuses = HISTORIES[name]
    assert [[row[3] for row in orders] for orders in tell(twin, history, hours)] == statuses
