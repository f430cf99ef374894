"""The simulated systems of many clients, a pure function of a seed and a time: records by client, route and day.

Nothing here is stored but caches. A record belongs to its day (UTC) for good. It arrives up to two days later, may
change its content afterwards, and may change it back: orders until 20 days after their day began, invoices, products,
deliveries and customers until 28 days after. Events, which have no key, never change, but some come twice.
What a record says is in atlas_rows.py. Times are Unix epoch seconds (UTC).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import msgspec

from pipelines.sandbox.atlas_rows import FIRST_DAY, KEYS, ROWS, Record, Row
from pipelines.sandbox.world import DAY, draws

ROUTES = tuple(ROWS)
FIRST_CLIENT = 2151
MAX_CLIENTS = 1000
FEWEST, MOST = 5, 60  # records of a day that is not empty
EMPTY_SHARE, DUPLICATE_SHARE = 0.06, 0.08
HOUR = 3600
EPOCH = date(1970, 1, 1)

# share of records that change, and of those that then change back
CHANGES = {"nota": (0.06, 0.3), "produto": (0.2, 0.3), "entrega": (0.7, 0.1), "cliente": (0.1, 0.5)}


class Version(NamedTuple):
    """One content of one record, from `at` (epoch seconds) until its next version.

    key: what the record is edited by in the sandbox: its key, or "YYYY-MM-DD/number" for an event.
    """

    key: int | str
    day: date
    at: int
    row: Row


def day_of(day: date | str) -> int:
    """Return a day (or YYYY-MM-DD) in days since 1970."""
    return ((date.fromisoformat(day) if isinstance(day, str) else day) - EPOCH).days


class AtlasWorld:
    """The systems of `clients` clients, which are called by numbers from 2151 on.

    What a method is asked for must exist: an unknown client or route is a KeyError.
    """

    def __init__(self, seed: int = 7, clients: int = 10) -> None:
        if not 1 <= clients <= MAX_CLIENTS:
            raise ValueError(f"clients of Atlas must lie between 1 and {MAX_CLIENTS}, not {clients}")
        self.seed = seed
        self.clients = tuple(str(FIRST_CLIENT + number) for number in range(clients))
        self._known = frozenset(self.clients)
        # some 15 records each; more than a year of one client
        self._day = lru_cache(maxsize=4096)(self._make_day)

    # -- the truth, for tests

    def records(self, client: str, route: str, since: date | str, until: date | str, now: float) -> list[Row]:
        """Return all that the days from `since` to `until`, both included, hold at a time, newest arrival first."""
        found = self.listing(client, route, day_of(since) * DAY, (day_of(until) + 1) * DAY, now)
        return [self.row(record, now) for record in found]

    def versions(self, client: str, route: str, now: float) -> list[Version]:
        """Return every version of every record up to a time, record by record, each in order of time."""
        return [
            Version(self.key(record), date.fromordinal(EPOCH.toordinal() + record.day), at, self._form(record, form))
            for record in self._until(client, route, now)
            for at, form in record.steps
            if at <= now
        ]

    def contents(self, client: str, route: str, now: float) -> list[Row]:
        """Return every distinct content that any record had up to a time."""
        rows = (version.row for version in self.versions(client, route, now))
        return list({msgspec.json.encode(row): row for row in rows}.values())

    # -- what the API is made from

    def listing(self, client: str, route: str, start: float, end: float, now: float) -> list[Record]:
        """Return the records with a moment in [start, end) that have arrived, newest arrival first."""
        found = [
            record
            for record in self._until(client, route, min(now, end), int(start // DAY))
            if start <= record.moment < end and record.arrived <= now
        ]
        return sorted(found, key=lambda record: record.order, reverse=True)

    def row(self, record: Record, now: float) -> Row:
        """Return what a record says at a time at or after its arrival."""
        return self._form(record, [form for at, form in record.steps if at <= now][-1])

    def key(self, record: Record) -> int | str:
        """Return what the record is edited by (see Version)."""
        return KEYS[record.route](self.seed, record)

    def _form(self, record: Record, form: int) -> Row:
        return ROWS[record.route](self.seed, record, form)

    def _until(self, client: str, route: str, end: float, first: int = FIRST_DAY) -> Iterator[Record]:
        """Yield the records of the days that begin before or at a time."""
        if client not in self._known or route not in ROWS:
            raise KeyError(f"{client} {route}")
        for day in range(max(first, FIRST_DAY), int(end // DAY) + 1):
            yield from self._day(client, route, day)

    def _make_day(self, client: str, route: str, day: int) -> tuple[Record, ...]:
        luck = draws(self.seed, "atlas day", client, route, day)
        if luck[0] < EMPTY_SHARE:
            return ()
        count = min(MOST, int(FEWEST * (1 - luck[1]) ** -0.6))  # Pareto: half the days have fewer than 8
        made: list[Record] = []
        for number in range(count):
            one = draws(self.seed, "atlas", client, route, day, number)
            if route == "evento" and made and one[8] < DUPLICATE_SHARE:
                twin = made[-1]
                arrived = twin.arrived + int((twin.moment + 2 * DAY - twin.arrived) * one[9] ** 4)
                made.append(twin._replace(number=number, steps=((arrived, 0),)))
                continue
            moment = day * DAY + int(one[0] * DAY)
            late = 300 if one[1] < 0.8 else 6 * HOUR if one[1] < 0.95 else 2 * DAY
            steps = _steps(route, moment + int(one[2] * late), one[3:8])
            made.append(Record(client, route, day, number, moment, steps, number))
        return tuple(made)


def _steps(route: str, arrived: int, luck: tuple[float, ...]) -> tuple[tuple[int, int], ...]:
    """Return the versions of a record: (epoch seconds, form)."""
    steps = [(arrived, 0)]
    if route == "pedido":  # pending, paid, refunded, and for a few the refund is taken back
        for limit, form, hours in ((0.9, 1, 24), (0.15, 2, 216), (0.06, 1, 120)):
            if luck[0] < limit:
                steps.append((steps[-1][0] + int((0.1 + luck[form]) * hours * HOUR), form))
    elif route in CHANGES:
        changed, back = CHANGES[route]
        if luck[0] < changed:
            steps.append((arrived + HOUR + int(luck[1] ** 2 * 16 * DAY), 1))
            if luck[2] < back:
                steps.append((steps[-1][0] + HOUR + int(luck[3] * 8 * DAY), 0))
    return tuple(steps)
