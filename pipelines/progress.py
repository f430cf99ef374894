"""Progress: bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import logging
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from pipelines.clock import Clock

LINE_SECONDS = 10.0

log = logging.getLogger("airtime.progress")


class Display:
    """Shows how far each resource is: units, rows, rows a second, share of successes, time left."""

    def __init__(self, clock: Clock, enabled: bool = True):
        self._clock = clock
        console = Console(stderr=True)
        self._bars: Progress | None = None
        if enabled and console.is_terminal:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description:<22}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[detail]}"),
                TimeRemainingColumn(),
                console=console,
            )

    def __enter__(self) -> Display:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def start(self, name: str, total: int | None) -> Meter:
        """A meter for one resource; a poll's total is not known beforehand."""
        bar = self._bars.add_task(name, total=total, detail="") if self._bars else None
        return Meter(self, name, total, bar)


class Meter:
    """The progress of one resource."""

    def __init__(self, display: Display, name: str, total: int | None, bar: TaskID | None):
        self._display = display
        self._name = name
        self._total = total
        self._bar = bar
        self._started_at = self._said_at = display._clock.monotonic()

    def show(self, done: int, rows: int, failed: int, more: str = "") -> None:
        """Show the state, and what `more` there is to say; a plain line at most every ten seconds."""
        now = self._display._clock.monotonic()
        elapsed = max(now - self._started_at, 1e-6)
        detail = f"{rows:,} rows, {rows / elapsed:,.0f} rows/s"
        if more:
            detail += f", {more}"
        if done:
            detail += f", {(done - failed) / done:.1%} ok"
        if self._display._bars and self._bar is not None:
            self._display._bars.update(self._bar, completed=done, total=self._total, detail=detail)
        elif now - self._said_at >= LINE_SECONDS:
            self._said_at = now
            left = f", {(self._total - done) * elapsed / done:,.0f} s left" if self._total and done else ""
            log.info("%s: %s of %s, %s%s", self._name, done, self._total or "?", detail, left)
