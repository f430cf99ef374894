"""The doctor: each thing that a run needs is looked at, and each failure comes with its mend."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import doctor, seeds
from pipelines.environment import Environment, load
from pipelines.errors import AirtimeError, CredentialsError, LockedError, UsageError
from pipelines.sandbox import Sandbox
from pipelines.sources import SOURCES
from pipelines.warehouse import stamp
from tests.helpers import NOW, Loopback, Reply, replies, source_api


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=10, points_per_minute=1_000_000) as sandbox:
        yield sandbox


def clients(sandbox: Sandbox, **options: Any) -> Callable[[str], Any]:
    """Clients of the sandbox; `options` are those of Twitch."""
    return lambda name: source_api(SOURCES[name], sandbox, **(options if name == "twitch" else {})).client


def failures(environment: Environment, open_client: Callable[[str], Any]) -> dict[str, AirtimeError]:
    return {check.name: check.error for check in doctor.thorough(environment, open_client) if check.error}


def test_all_is_well_in_a_new_folder_with_an_api_that_answers(tmp_path: Path, sandbox: Sandbox) -> None:
    checks = list(doctor.thorough(load(tmp_path), clients(sandbox)))
    assert not [check for check in checks if check.error]
    assert [check.name for check in checks] == [
        "settings", "versions", "dbt project", "seeds", "disk", "directories", "warehouse", "ids in seeds", *SOURCES,
    ]  # fmt: skip
    assert all(check.detail for check in checks)
    assert not (tmp_path / "data" / "demo.duckdb").exists(), "looking does not make a warehouse"


def test_a_source_without_credentials_is_skipped_when_others_are_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    environment = load(tmp_path)
    environment.data_kind = "live"
    (check,) = [check for check in doctor.thorough(environment, clients(sandbox)) if check.name == "twitch"]
    assert check.detail == "skipped: no credentials" and not check.error


def test_a_refused_credential_is_told_by_its_settings(tmp_path: Path, sandbox: Sandbox) -> None:
    error = failures(load(tmp_path), clients(sandbox, client_secret="wrong-secret"))["twitch"]
    assert isinstance(error, CredentialsError) and "TWITCH_CLIENT_SECRET" in str(error) + error.mend


def test_an_api_that_is_down_or_answers_oddly_is_told_with_a_mend(tmp_path: Path, sandbox: Sandbox) -> None:
    with Loopback(replies(Reply())) as gone:
        pass
    assert failures(load(tmp_path), clients(sandbox, auth_url=gone.url, retries=0))["twitch"].mend
    assert failures(load(tmp_path), clients(sandbox, api_url=gone.url, retries=0))["twitch"].mend
    error = failures(load(tmp_path), clients(sandbox, api_url=sandbox.url + "/nowhere"))["twitch"]
    assert "404" in str(error) and error.mend


def test_a_data_folder_that_can_not_be_written_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "data").write_text("a file")
    error = failures(load(tmp_path), clients(sandbox))["directories"]
    assert isinstance(error, UsageError) and "DATA_DIR" in error.mend


def test_a_warehouse_of_the_other_kind_is_told(tmp_path: Path) -> None:
    environment = load(tmp_path)
    environment.warehouse.execute("create table by_hand (a int)")
    assert doctor.check_warehouse(environment).error is None, "one without a stamp is new"
    stamp(environment.warehouse, "demo")
    assert doctor.check_warehouse(environment).detail.endswith("demo")
    environment.data_kind = "live"
    error = doctor.check_warehouse(environment).error
    assert isinstance(error, UsageError) and "holds demo data" in str(error)


def test_a_warehouse_that_is_open_elsewhere_is_told(tmp_path: Path) -> None:
    environment = load(tmp_path)
    environment.warehouse.execute("create table by_hand (a int)")
    program = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, environment.warehouse.location]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"held\n"
        assert isinstance(doctor.check_warehouse(environment).error, LockedError)
        other.kill()


def test_little_room_is_a_warning_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_BYTES", 2**80)
    check = doctor.check_disk(tmp_path / "not" / "there" / "yet")
    assert check.warning and check.error is None and str(tmp_path) in check.detail


def test_a_run_begins_if_one_of_its_sources_is_of_use(sandbox: Sandbox) -> None:
    assert doctor.reachable(["twitch"], clients(sandbox)) == {}
    refused = clients(sandbox, client_secret="wrong-secret")
    with pytest.raises(CredentialsError):
        doctor.reachable(["twitch"], refused)
    assert isinstance(doctor.reachable(["twitch", "sportmonks"], refused)["twitch"], CredentialsError)


def test_a_seed_that_is_edited_wrongly_is_found_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = seeds.Problem("team_aliases", 3, "team 1 is an alias of itself", "remove the line")
    monkeypatch.setattr(seeds, "problems", lambda folder: [wrong])
    with pytest.raises(UsageError) as refused:
        doctor.require([doctor.check_seeds()])
    assert "team_aliases.csv, line 3" in str(refused.value) and refused.value.mend == "remove the line"
