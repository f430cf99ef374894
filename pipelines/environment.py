"""What a command works with: settings, clock, logs, secrets to hide, and whether its data is demo or live."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import logging
import logging.handlers
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import requests

from pipelines import settings as declared
from pipelines.clock import Clock, FixedClock, SandboxClock
from pipelines.errors import AirtimeError, CredentialsError, UsageError
from pipelines.loader import Loader
from pipelines.resources import Resource, Source
from pipelines.scrub import Scrubber, ScrubbingFormatter
from pipelines.settings import Reader, Settings
from pipelines.sources import SOURCES
from pipelines.warehouse import DuckDBWarehouse, PostgresWarehouse, open_warehouse

PACKAGE_ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("dlt", "dbt-core", "dbt-duckdb", "dbt-postgres", "duckdb", "psycopg", "pyarrow")
LOG_BYTES = 5 * 2**20
# the demo does not wait for a rate limit that only it would impose
SANDBOX_OPTIONS = (
    "--port",
    "0",
    "--follow-parent",
    "--channels",
    "1200",
    "--points-per-minute",
    "120000",
    "--kick-per-minute",
    "120000",
    "--atlas-per-minute",
    "120000",
)


@dataclass
class Environment:
    """Everything that settings decide, once they have been read and checked."""

    root: Path
    reader: Reader
    settings: Settings
    clock: Clock
    scrubber: Scrubber
    data_kind: str
    sections: dict[str, Any]
    warehouse: DuckDBWarehouse | PostgresWarehouse
    skipped: dict[str, str] = field(default_factory=dict)
    sandbox: SandboxProcess = field(default_factory=lambda: SandboxProcess())

    @property
    def data_dir(self) -> Path:
        """Where run-time files live."""
        return self.root / self.settings.data_dir

    @functools.cached_property
    def loader(self) -> Loader:
        """What loads into the warehouse; one for all runs of a process."""
        return Loader(self.warehouse, self.data_dir / "dlt")

    def dbt_variables(self) -> dict[str, str]:
        """The settings that dbt models read, as environment variables."""
        return {"COLLECTION_INTERVAL_MINUTES": str(self.settings.collection_interval_minutes)} | {
            declared.variable(name, field): str(getattr(self.sections[name], field))
            for name, source in SOURCES.items()
            for field in source.model_settings
        }

    def configured(self, name: str) -> bool:
        """Whether a source has any of its credentials."""
        section = self.sections[name]
        return any(getattr(section, credential) for credential in SOURCES[name].credentials)

    @contextlib.contextmanager
    def sandbox_if_demo(self) -> Iterator[None]:
        """The sandbox, for as long as needed, if there are no credentials; one that runs already goes on."""
        if self.data_kind != "demo" or self.sandbox.url:
            yield
            return
        try:
            self.reader.override(self.sandbox.start())
            self.sections = {name: self.reader.section(source.settings, name) for name, source in SOURCES.items()}
            yield
        finally:
            self.sandbox.stop()

    def public_settings(self) -> dict[str, Any]:
        """The settings in force, secrets left out."""
        return {
            "airtime": declared.public(self.settings),
            **{name: declared.public(section) for name, section in self.sections.items()},
        }


def load(root: Path, overrides: dict[str, Any] | None = None) -> Environment:
    """Read and check all settings.

    Raises:
        UsageError: one of them is wrong.
    """
    reader = declared.read(root)
    reader.overrides |= overrides or {}
    settings = reader.section(Settings)
    sections = {name: reader.section(source.settings, name) for name, source in SOURCES.items()}
    scrubber = Scrubber(declared.secrets(settings))
    for section in sections.values():
        scrubber.add(*declared.secrets(section))
    is_live = any(
        getattr(sections[name], credential) for name, source in SOURCES.items() for credential in source.credentials
    )
    data_kind = "live" if is_live else "demo"
    rooted = msgspec.structs.replace(settings, data_dir=str(root / settings.data_dir))
    warehouse = open_warehouse(rooted, data_kind)
    scrubber.add(*warehouse.secrets())
    clock = _clock(settings)
    return Environment(root, reader, settings, clock, scrubber, data_kind, sections, warehouse)


def _clock(settings: Settings) -> Clock:
    if settings.etl_clock_url:
        try:
            return SandboxClock(settings.etl_clock_url)
        except requests.RequestException as error:
            raise UsageError(f"ETL_CLOCK_URL: {error}", "start the sandbox that it names, or unset it") from None
    return FixedClock(settings.etl_now) if settings.etl_now else Clock()


def choose_sources(
    environment: Environment, names: Sequence[str], resources: Sequence[str]
) -> dict[str, list[Resource]]:
    """The sources and resources that a run extracts; sources without credentials are skipped, and noted.

    Raises:
        UsageError: an unknown source or resource.
        CredentialsError: a source lacks a credential that it was named for, or has one of two.
    """
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise UsageError(f"unknown source {unknown[0]!r}", f"SOURCES takes: {', '.join(SOURCES)}")
    chosen: dict[str, list[Resource]] = {}
    for name, source in SOURCES.items():
        if names and name not in names:
            continue
        if environment.data_kind == "live":
            if not environment.configured(name) and not names:
                environment.skipped[name] = "no credentials"
                continue
            require_credentials(environment, source)
        chosen[name] = [resource for resource in source.resources if not resources or resource.name in resources]
    known = {resource.name for name in chosen for resource in SOURCES[name].resources}
    if missing := [name for name in resources if name not in known]:
        raise UsageError(f"unknown resource {missing[0]!r}", f"RESOURCES takes: {', '.join(sorted(known))}")
    return {name: found for name, found in chosen.items() if found}


def require_credentials(environment: Environment, source: Source) -> None:
    """Make sure that a source has all of its credentials.

    Raises:
        CredentialsError: it lacks one; the message names the setting.
    """
    section = environment.sections[source.name]
    if lacking := [name for name in source.credentials if not getattr(section, name)]:
        family = dict(declared.families(source.settings)).get(lacking[0])
        setting = declared.variable(source.name, f"{family}_<name>" if family else lacking[0])
        raise CredentialsError(f"{setting} is not set", f"put {setting}=... into .env")


def set_up_logging(environment: Environment) -> None:
    """Log to the terminal and to data/logs/airtime.log; nothing passes unscrubbed, not even a crash."""
    level = environment.settings.etl_log_level
    directory = environment.data_dir / "logs"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = logging.handlers.RotatingFileHandler(
            directory / "airtime.log", maxBytes=LOG_BYTES, backupCount=3, encoding="utf-8"
        )
    except OSError as error:
        raise UsageError(
            f"{directory} can not be written: {error.strerror}", "set DATA_DIR to a folder that can"
        ) from None
    file.setFormatter(ScrubbingFormatter(environment.scrubber, "%(asctime)s %(levelname)s %(name)s %(message)s"))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(ScrubbingFormatter(environment.scrubber, "%(message)s"))
    root = logging.getLogger()
    root.handlers = [file, terminal]
    root.setLevel(logging.WARNING)
    logging.getLogger("airtime").setLevel(level)


def versions() -> dict[str, str]:
    """Versions of what decides the outcome of a run."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


class SandboxProcess:
    """The local sandbox of the APIs in a process of its own, for demo runs; it never outlives this process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.url: str | None = None

    def start(self) -> dict[str, str]:
        """Start it on a free port; returns the settings that point at it.

        Raises:
            AirtimeError: it did not start.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "sandbox", *SANDBOX_OPTIONS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise AirtimeError("the sandbox did not start", "run `python -m pipelines sandbox` to see why")
        told = msgspec.json.decode(line)
        self.url = told["url"]
        return dict(told["env"])

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = self.url = None
