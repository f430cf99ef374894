"""What the benchmarks share: a sandbox in a process of its own, runs in folders of their own, and how to measure."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from pipelines.clock import Clock

CHECKOUT = Path(__file__).resolve().parents[2]
CLOCK = Clock()

Figure = tuple[str, str, str]


def timed(work: Callable[[], Any]) -> float:
    """Seconds that some work takes."""
    start = CLOCK.monotonic()
    work()
    return CLOCK.monotonic() - start


class SandboxServer:
    """The sandbox in a process of its own, so that it does not share this one's interpreter."""

    def __init__(self, *options: str):
        self._options = options

    def __enter__(self) -> dict[str, str]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "sandbox", "--port", "0", "--follow-parent", *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
        )
        assert self._process.stdout
        found = msgspec.json.decode(self._process.stdout.readline())
        self.url = found["url"]
        return {**found["env"], "SANDBOX_URL": found["url"]}

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()


def run(folder: str | Path, *arguments: str, **settings: str) -> tuple[Any, int]:
    """One run in a folder of its own; returns its report and its peak memory in MB."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *arguments, "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "ETL_LOG_LEVEL": "WARNING", **settings},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    report = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the run failed ({os.waitstatus_to_exitcode(status)}): {report.decode()[-2000:]}")
    return msgspec.json.decode(report), usage.ru_maxrss // 1024


def requests_of(report: dict[str, Any]) -> int:
    """Requests that a run made."""
    return int(sum(row["requests"] for row in report["resources"]))


def extract_seconds(report: dict[str, Any]) -> float:
    """The time from the first request to the last load."""
    return float(sum(stage["seconds"] for stage in report["stages"] if stage["stage"].startswith("extract_")))
