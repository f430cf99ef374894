"""The one clock. Whatever depends on time asks it; nothing else in the project reads the machine's time.

SQL has its own view of it, raw_ops.clock, which each run writes at its start.
"""

from __future__ import annotations

import datetime as dt
import threading
import time

from pipelines.errors import StoppedError


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


def slot_start(moment: dt.datetime, minutes: int) -> dt.datetime:
    """The start of the collection slot that holds `moment`; slots of `minutes` are counted from midnight UTC."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    width = dt.timedelta(minutes=minutes)
    return midnight + (moment - midnight) // width * width


def stored(moment: dt.datetime) -> dt.datetime:
    """The moment as raw tables store it: UTC, without a zone."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
