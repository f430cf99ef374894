"""The environment: demo or live, which sources, logs without secrets, and a sandbox that ends with its parent."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from pipelines import environment
from pipelines.clock import FixedClock
from pipelines.environment import SandboxProcess, choose_sources, load, set_up_logging, versions
from pipelines.errors import CredentialsError, UsageError
from pipelines.scrub import MASK
from pipelines.sources import SOURCES
from pipelines.warehouse import PostgresWarehouse

ROOT = Path(__file__).parents[2]
BOTH = {"TWITCH_CLIENT_ID": "an-id", "TWITCH_CLIENT_SECRET": "hidden-secret"}


def with_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_without_a_credential_data_is_demo_and_with_any_it_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = load(tmp_path)
    assert (found.data_kind, found.warehouse.location) == ("demo", str(tmp_path / "data" / "demo.duckdb"))
    monkeypatch.setenv("TWITCH_CLIENT_ID", "an-id")
    found = load(tmp_path)
    assert (found.data_kind, found.warehouse.location) == ("live", str(tmp_path / "data" / "warehouse.duckdb"))
    assert found.configured("twitch")
    assert not list(tmp_path.iterdir()), "reading settings writes nothing"


def test_the_clock_stands_still_when_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_NOW", "2026-10-01T12:00:00Z")
    clock = load(tmp_path).clock
    assert isinstance(clock, FixedClock) and clock.now().isoformat() == "2026-10-01T12:00:00+00:00"


def test_all_secrets_are_known_to_the_scrubber_and_none_to_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_variables(monkeypatch, {**BOTH, "DATABASE_URL": "postgresql://ann:p%40ssword@h/air", "TARGET": "postgres"})
    found = load(tmp_path)
    assert isinstance(found.warehouse, PostgresWarehouse)
    assert found.scrubber.clean("hidden-secret p@ssword p%40ssword") == f"{MASK} {MASK} {MASK}"
    record = str(found.public_settings())
    assert not any(secret in record for secret in ("hidden-secret", "p@ss", "p%40ss")) and "an-id" in record
    assert set(found.public_settings()) == {"airtime", *SOURCES}


def test_without_credentials_every_source_is_demo(tmp_path: Path) -> None:
    chosen = choose_sources(load(tmp_path), [], [])
    assert {name: len(resources) for name, resources in chosen.items()} == {
        name: len(source.resources) for name, source in SOURCES.items()
    }


def test_resources_are_chosen_in_the_order_of_the_source(tmp_path: Path) -> None:
    chosen = choose_sources(load(tmp_path), ["twitch"], ["clips", "users"])
    assert [resource.name for resource in chosen["twitch"]] == ["users", "clips"]


@pytest.mark.parametrize(
    ("sources", "resources", "words"),
    [(["nope"], [], "unknown source 'nope'"), ([], ["nope"], "unknown resource 'nope'")],
)
def test_a_name_that_does_not_exist_is_refused_with_those_that_do(
    tmp_path: Path, sources: list[str], resources: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        choose_sources(load(tmp_path), sources, resources)
    assert "twitch" in refused.value.mend or "clips" in refused.value.mend


@pytest.mark.parametrize("given", BOTH)
@pytest.mark.parametrize("sources", [[], ["twitch"]])
def test_one_credential_of_two_is_refused_by_the_name_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, sources: list[str]
) -> None:
    monkeypatch.setenv(given, BOTH[given])
    (other,) = BOTH.keys() - {given}
    with pytest.raises(CredentialsError, match=f"^{other} is not set$") as refused:
        choose_sources(load(tmp_path), sources, [])
    assert refused.value.exit_code == 77 and f"{other}=..." in refused.value.mend


@pytest.mark.usefixtures("process")
def test_logs_are_clean_on_the_terminal_and_in_the_file_down_to_the_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_variables(monkeypatch, BOTH)
    found = load(tmp_path)
    set_up_logging(found)
    found.scrubber.add("issued-token")
    log = logging.getLogger("airtime.test")
    log.info("with hidden-secret and %s", "issued-token")
    log.debug("too fine")
    logging.getLogger("other").info("not ours")
    try:
        raise ValueError("hidden-secret")
    except ValueError:
        log.exception("it failed")
    text = (tmp_path / "data" / "logs" / "airtime.log").read_text()
    shown = capsys.readouterr().err
    for found_text in (text, shown):
        assert f"with {MASK} and {MASK}" in found_text and f"ValueError: {MASK}" in found_text
        assert not any(word in found_text for word in ("hidden", "issued", "too fine", "not ours"))


@pytest.mark.usefixtures("process")
def test_a_data_folder_that_can_not_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UsageError, match="can not be written") as refused:
        set_up_logging(load(tmp_path))
    assert "DATA_DIR" in refused.value.mend


def test_versions_name_what_decides_the_outcome() -> None:
    assert {"python", "dlt", "dbt-core", "duckdb", "pyarrow"} <= versions().keys()


def test_the_sandbox_of_a_demo_answers_and_ends_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "SANDBOX_OPTIONS", (*environment.SANDBOX_OPTIONS, "--channels", "10"))
    sandbox = SandboxProcess()
    try:
        variables = sandbox.start()
        form = {
            "client_id": variables["TWITCH_CLIENT_ID"],
            "client_secret": variables["TWITCH_CLIENT_SECRET"],
            "grant_type": "client_credentials",
        }
        assert requests.post(variables["TWITCH_AUTH_URL"] + "/token", data=form, timeout=10).ok
    finally:
        sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(variables["TWITCH_API_URL"], timeout=10)
    sandbox.stop()


def test_the_sandbox_of_a_demo_does_not_outlive_a_parent_that_is_killed() -> None:
    program = (
        "import os, signal\n"
        "from pipelines import environment\n"
        "environment.SANDBOX_OPTIONS += ('--channels', '10')\n"
        "print(environment.SandboxProcess().start()['TWITCH_API_URL'], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        assert url and parent.wait() == -signal.SIGKILL
    for _ in range(200):
        try:
            requests.get(url, timeout=10)
        except requests.ConnectionError:
            return
        threading.Event().wait(0.05)
    pytest.fail("it still answers")
