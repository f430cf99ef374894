"""The doctor: what a run needs, checked one by one, with the mend beside each failure."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from pipelines import seeds
from pipelines.client import ApiError
from pipelines.environment import Environment, versions
from pipelines.errors import AirtimeError, UsageError
from pipelines.sources import SOURCES
from pipelines.transform import PROJECT
from pipelines.warehouse import STAMP, other_kind

FREE_BYTES = 2**30
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `error` is None if it is well; a warning does not keep a run from starting."""

    name: str
    detail: str
    error: AirtimeError | None = None
    warning: str | None = None


OpenClient = Callable[[str], Any]


def reachable(sources: Sequence[str], open_client: OpenClient) -> dict[str, AirtimeError]:
    """What every run checks of its sources before it takes the warehouse: credentials and APIs.

    Returns the failures by source. A source whose every call counts is not asked; its first real call will tell.

    Raises:
        AirtimeError: no source of them is of use.
    """
    failures = {}
    for name in sources:
        error = check_source(name, open_client).error if SOURCES[name].check_each_run else None
        if error:
            failures[name] = error
    if failures and len(failures) == len(sources):
        raise next(iter(failures.values()))
    return failures


def thorough(environment: Environment, open_client: OpenClient) -> Iterable[Check]:
    """All checks, for `make doctor`."""
    yield Check("settings", f"{environment.data_kind}, target {environment.warehouse.target}, from {environment.root}")
    yield check_versions()
    yield check_project()
    yield check_seeds()
    yield check_disk(environment.data_dir)
    yield check_directories(environment)
    yield check_warehouse(environment)
    yield check_ids(environment)
    for name in SOURCES:
        if environment.data_kind == "live" and not environment.configured(name):
            yield Check(name, "skipped: no credentials")
        else:
            yield check_source(name, open_client)


def require(checks: Iterable[Check]) -> None:
    """Raise the first failure."""
    for check in checks:
        if check.error:
            raise check.error


def check_versions() -> Check:
    """Python is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Check("versions", found, UsageError(f"Python {found} is too old", "install Python 3.11 or newer"))
    return Check("versions", ", ".join(f"{name} {version}" for name, version in versions().items()))


def check_project() -> Check:
    """The dbt project is where it should be."""
    if not (PROJECT / "dbt_project.yml").exists():
        return Check("dbt project", str(PROJECT), UsageError("dbt_project/dbt_project.yml is missing", "restore it"))
    return Check("dbt project", str(PROJECT))


def check_seeds() -> Check:
    """What people have edited of the seeds can be built."""
    try:
        seeds.check()
    except UsageError as error:
        return Check("seeds", str(seeds.FOLDER), error)
    return Check("seeds", str(seeds.FOLDER))


def check_ids(environment: Environment) -> Check:
    """The seeds name leagues and teams that the warehouse has seen; it may do without."""
    try:
        unknown = seeds.unknown_ids(environment.warehouse) if environment.warehouse.exists() else []
    except AirtimeError:
        # which is told by the check of the warehouse
        unknown = []
    told = "; ".join(unknown)
    return Check(
        "ids in seeds", "all seen", warning=(told and f"{told} (right if they are of another warehouse)") or None
    )


def check_disk(directory: Path) -> Check:
    """There is room for run-time files."""
    existing = next(path for path in (directory, *directory.resolve().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / 2**30:.1f} GiB free at {existing}"
    return Check("disk", detail, warning=None if free > FREE_BYTES else "less than 1 GiB is free: make room")


def check_directories(environment: Environment) -> Check:
    """Run-time files can be written."""
    directory = environment.data_dir
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        return Check(
            "directories",
            str(directory),
            UsageError(f"{directory} can not be written: {error.strerror}", "set DATA_DIR to a folder that can"),
        )
    return Check("directories", str(directory))


def check_warehouse(environment: Environment) -> Check:
    """The warehouse answers, and is of the kind of data that would be loaded."""
    warehouse = environment.warehouse
    if not warehouse.exists():
        return Check("warehouse", f"{warehouse.target} at {warehouse.location}, new")
    try:
        schemas = warehouse.rows(
            "select 1 from information_schema.tables where table_schema = 'raw_ops' and table_name = 'stamp'"
        )
        found = warehouse.rows(f"select value from {STAMP} where name = 'data_kind'") if schemas else []
    except AirtimeError as error:
        return Check("warehouse", warehouse.location, error)
    if found and found[0][0] != environment.data_kind:
        return Check("warehouse", warehouse.location, other_kind(warehouse, found[0][0], environment.data_kind))
    return Check("warehouse", f"{warehouse.target} at {warehouse.location}, {found[0][0] if found else 'new'}")


def check_source(name: str, open_client: OpenClient) -> Check:
    """A source's credentials are taken and its API answers."""
    try:
        return Check(name, SOURCES[name].check(open_client(name)))
    except AirtimeError as error:
        return Check(name, "", error)
    except (ApiError, requests.RequestException) as error:
        return Check(name, "", AirtimeError(f"{name}: {error}", "see whether its address is right and the API is up"))
