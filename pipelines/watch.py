"""Watching: a beat each collection slot. Polls come first, then what else is due, until the next beat is near.

A beat is a run like any other, with a record of its own. One that lasts into the next slot makes that one's beat be
skipped: two never overlap, and a poll says of what moment it is. Nothing is kept here that is not in the
warehouse, so a watch that was killed goes on where it is started again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipelines.clock import slot_start
from pipelines.environment import Environment
from pipelines.errors import AirtimeError, LockedError, StoppedError
from pipelines.run import Beat, Request, Run

# the backlog starts nothing new in the last part of a slot, so that the next poll is in time
SPARE_SHARE = 0.1

log = logging.getLogger("airtime.watch")

Execute = Callable[[Request], int]


class Watch:
    """Beats over the sources of an environment, until it is stopped.

    execute: runs a request and returns its exit code.
    """

    def __init__(self, environment: Environment, sources: Sequence[str] = (), execute: Execute | None = None):
        self._env = environment
        self._clock = environment.clock
        self._sources = sources
        self._execute = execute or (lambda request: Run(environment, request).execute())
        self._width = dt.timedelta(minutes=environment.settings.collection_interval_minutes)

    def once(self) -> int:
        """One beat, for schedulers that come again by themselves; returns its exit code."""
        with self._signals_stop(), self._env.sandbox_if_demo():
            return self._beat(self._slot())

    def forever(self) -> int:
        """Beat after beat, until a signal; returns 0.

        Raises:
            AirtimeError: the first beat could not begin: settings, credentials, the warehouse.
        """
        is_first = True
        with self._signals_stop(), self._env.sandbox_if_demo(), contextlib.suppress(StoppedError):
            while True:
                slot = self._slot()
                try:
                    self._beat(slot)
                except StoppedError:
                    raise
                except LockedError as error:
                    log.warning("beat of %s is skipped: %s", _time(slot), error)
                except AirtimeError as error:
                    if is_first:
                        raise
                    log.error("beat of %s: %s", _time(slot), self._env.scrubber.clean(str(error)))
                is_first = False
                self._clock.wait_until(self._next(slot))
        log.info("the watch has ended; what was fetched is loaded")
        return 0

    def _beat(self, slot: dt.datetime) -> int:
        """One run: polls first, then the rest as far as there is time."""
        start = self._clock.monotonic()
        settings = self._env.settings
        beat = Beat(slot + (1 - SPARE_SHARE) * self._width, dt.timedelta(minutes=settings.watch_build_minutes))
        code = self._execute(Request("watch", self._sources, beat=beat))
        self._clock.raise_if_stopped()
        log.info(
            "beat of %s: exit code %s after %.1f s, next at %s",
            _time(slot),
            code,
            self._clock.monotonic() - start,
            _time(slot + self._width),
        )
        return code

    def _next(self, slot: dt.datetime) -> dt.datetime:
        """The slot whose beat comes next: one that has begun meanwhile is skipped."""
        following, running = slot + self._width, self._slot()
        if running < following:
            return following
        skipped = (running - slot) // self._width
        log.warning("beats skipped: %s, because that of %s took so long", skipped, _time(slot))
        return running + self._width

    def _slot(self) -> dt.datetime:
        return slot_start(self._clock.now(), self._env.settings.collection_interval_minutes)

    @contextlib.contextmanager
    def _signals_stop(self) -> Iterator[None]:
        """A signal ends waits at once and a run in order; a second one ends everything."""

        def stop(number: int, frame: Any) -> None:
            if self._clock.is_stopped:
                raise KeyboardInterrupt
            self._clock.stop()

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _time(moment: dt.datetime) -> str:
    return f"{moment:%H:%M}"
