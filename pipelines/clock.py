"""The one clock. Whatever depends on time asks it; nothing else in the project reads the machine's time.

SQL has its own view of it, raw_ops.clock, which each run writes at its start.
"""

from __future__ import annotations

import datetime as dt
import threading
import time

import requests

from pipelines.errors import StoppedError

ORDER_SECONDS = 10.0


class Clock:
    """The machine's time, in UTC."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> dt.datetime:
        """The wall clock, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, for measuring."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            StoppedError: `stop` was called, so that no thread waits on.
        """
        self._stopped.wait(max(0.0, seconds))
        self.raise_if_stopped()

    def wait_until(self, moment: dt.datetime) -> None:
        """Wait for a moment of the wall clock; not at all if it is past.

        Raises:
            StoppedError: `stop` was called.
        """
        self.sleep((moment - self.now()).total_seconds())

    def stop(self) -> None:
        """End all waits, now and from now on."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def raise_if_stopped(self) -> None:
        """End here if `stop` was called.

        Raises:
            StoppedError: it was.
        """
        if self.is_stopped:
            raise StoppedError("stopped by a signal", "run again: what was fetched is kept, the rest is still due")


class FixedClock(Clock):
    """A wall clock that stands still, for repeatable runs; waits and budgets go on in real time."""

    def __init__(self, at: dt.datetime):
        super().__init__()
        self._at = at.astimezone(dt.UTC)

    def now(self) -> dt.datetime:
        """The moment given."""
        return self._at


class SandboxClock(FixedClock):
    """The clock of a sandbox whose time stands still: waiting for a moment sets it, so that days pass in minutes.

    url: of the sandbox's clock. A process that starts again finds the time where the last one left it.
    """

    def __init__(self, url: str):
        self._url = url
        super().__init__(self._order({}))

    def wait_until(self, moment: dt.datetime) -> None:
        """Set the time to a moment, if it is later."""
        self.raise_if_stopped()
        if moment > self._at:
            self._at = self._order({"now": moment.isoformat()})

    def _order(self, order: dict[str, str]) -> dt.datetime:
        answer = requests.post(self._url, json=order, timeout=ORDER_SECONDS)
        answer.raise_for_status()
        return dt.datetime.fromisoformat(answer.json()["now"])


def slot_start(moment: dt.datetime, minutes: int) -> dt.datetime:
    """The start of the collection slot that holds `moment`; slots of `minutes` are counted from midnight UTC."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    width = dt.timedelta(minutes=minutes)
    return midnight + (moment - midnight) // width * width


def stored(moment: dt.datetime) -> dt.datetime:
    """The moment as raw tables store it: UTC, without a zone."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
