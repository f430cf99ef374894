"""The command line: every mistake has its exit code, one line that names it, one that mends it, and no other trace."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import _parser, main
from pipelines.sandbox import Sandbox
from tests.helpers import NOW, SimulatedClock

ROOT = Path(__file__).parents[2]
VERBS = sorted(next(action for action in _parser()._actions if action.dest == "name").choices)  # type: ignore[arg-type]
BOTH = {"TWITCH_CLIENT_ID": "an-id", "TWITCH_CLIENT_SECRET": "hidden-secret"}

pytestmark = pytest.mark.usefixtures("process")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder without any settings, to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=10, points_per_minute=1_000_000) as sandbox:
        yield sandbox


def live(monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    for name, value in {**BOTH, **changes}.items():
        monkeypatch.setenv(name, value)


def written(folder: Path) -> list[str]:
    """What there is under data/ beside logs and the lock."""
    files = [str(path.relative_to(folder)) for path in (folder / "data").rglob("*") if path.is_file()]
    return [name for name in files if not name.startswith("data/logs/") and not name.endswith(".lock")]


def refused(capsys: pytest.CaptureFixture[str], folder: Path, arguments: list[str], code: int) -> str:
    """Run a command that must fail without a trace; returns what it said."""
    assert main(arguments) == code
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ") and "\n  to mend: " in shown.err and "Traceback" not in shown.err
    assert not shown.out and not written(folder)
    return shown.err


# -- usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "VERB"),
        (["fly"], "invalid choice: 'fly'"),
        (["elt", "--nope"], "unrecognized arguments: --nope"),
        (["elt", "--limit", "0"], "'0' is not a number above 0"),
        (["elt", "--limit", "many"], "'many' is not a number above 0"),
        (["elt", "--since", "soon"], "'soon' is neither a day nor a time: write 2026-10-01 or 2026-10-01T12:00"),
        (["elt", "--since", "2026-10-02", "--until", "2026-10-01"], "SINCE 2026-10-02T00:00 is not before UNTIL"),
        (["elt", "--since", "2026-10-01", "--until", "2026-10-01"], "is not before UNTIL"),
        (["backfill"], "a backfill needs a period"),
        (["backfill", "--until", "2026-10-01"], "a backfill needs a period"),
        (["elt", "--target", "oracle"], "TARGET (from the command line): invalid enum value 'oracle'"),
        (["elt", "--target", "postgres"], "TARGET=postgres, but no database is named"),
        (["report"], "there is no warehouse at"),
        (["docs"], "there is no warehouse at"),
    ],
)
def test_a_mistake_on_the_command_line_is_told(
    capsys: pytest.CaptureFixture[str], folder: Path, arguments: list[str], words: str
) -> None:
    assert words in refused(capsys, folder, arguments, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sources", "nope"], "unknown source 'nope'"),
        (["--sources", "twitch,nope"], "unknown source 'nope'"),
        (["--resources", "users nope"], "unknown resource 'nope'"),
    ],
)
@pytest.mark.parametrize("verb", ["elt", "extract"])
def test_a_source_or_resource_that_does_not_exist_is_told_with_those_that_do(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    arguments: list[str],
    words: str,
) -> None:
    live(monkeypatch)
    text = refused(capsys, folder, [verb, *arguments], 2)
    assert words in text and ("SOURCES takes: twitch" in text or "RESOURCES takes: channels, clips" in text)


@pytest.mark.parametrize("missing", BOTH)
def test_a_missing_secret_is_told_by_its_setting(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    live(monkeypatch)
    monkeypatch.delenv(missing)
    assert f"error: {missing} is not set\n" in refused(capsys, folder, ["elt", "--sources", "twitch"], 77)


def test_a_wrong_secret_is_told_by_its_setting_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    live(monkeypatch, **{**sandbox.env(), "TWITCH_CLIENT_SECRET": "hidden-secret"})
    text = refused(capsys, folder, ["elt", "--sources", "twitch"], 77)
    assert "TWITCH_CLIENT_SECRET" in text and "hidden" not in text
    assert "hidden" not in (folder / "data" / "logs" / "airtime.log").read_text()


def test_an_api_that_is_down_is_told_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    live(monkeypatch, **{**sandbox.env(), "TWITCH_API_URL": "http://127.0.0.1:9/helix", "RETRY_MAX": "0"})
    assert "twitch" in refused(capsys, folder, ["elt", "--sources", "twitch"], 3)


# -- settings


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (".dlt/config.toml", "[airtime\n", ".dlt/config.toml is not valid TOML"),
        (".dlt/secrets.toml", "[sources.twitch]\nclient_idd = 'x'\n", "has no setting 'client_idd'"),
        (".dlt/config.toml", "[airtime]\nretry_max = 'often'\n", "RETRY_MAX (from .dlt/config.toml)"),
        (".env", "CONCURRENCY=0\n", "CONCURRENCY (from .env)"),
        (".env", "TARGET=postgres\nDATABASE_URL=mysql://a:hidden@h/d\n", "DATABASE_URL is not the address"),
    ],
)
@pytest.mark.parametrize("verb", ["elt", "report", "doctor", "clean"])
def test_a_setting_that_is_wrong_is_told_by_every_verb(
    capsys: pytest.CaptureFixture[str], folder: Path, verb: str, file: str, content: str, words: str
) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(content)
    text = refused(capsys, folder, [verb], 2)
    assert words in text and "hidden" not in text
    assert not (folder / "data").exists()


def test_a_database_that_is_down_is_told_without_its_password(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    live(monkeypatch, **sandbox.env(), TARGET="postgres", DATABASE_URL="postgresql://a:hush-hush@127.0.0.1:9/d")
    text = refused(capsys, folder, ["elt"], 2)
    assert "PostgreSQL at 127.0.0.1:9/d can not be reached" in text and "hush" not in text


def test_a_warehouse_of_the_other_kind_is_told(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    from pipelines.warehouse import DuckDBWarehouse, stamp

    warehouse = DuckDBWarehouse(folder / "data" / "warehouse.duckdb")
    stamp(warehouse, "demo")
    before = warehouse.path.read_bytes()
    live(monkeypatch, **sandbox.env())
    assert main(["elt"]) == 2
    assert "holds demo data, and this run would load live data" in capsys.readouterr().err
    assert written(folder) == ["data/warehouse.duckdb"] and warehouse.path.read_bytes() == before


def test_a_warehouse_that_another_run_holds_is_told(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    from pipelines.warehouse import DuckDBWarehouse

    live(monkeypatch, **sandbox.env())
    with DuckDBWarehouse(folder / "data" / "warehouse.duckdb").lock("run X (pid 1)", 0, SimulatedClock()):
        assert main(["elt"]) == 75
    assert "is held by run X (pid 1)" in capsys.readouterr().err
    assert not (folder / "data" / "warehouse.duckdb").exists()


# -- the other verbs


def test_the_doctor_looks_at_everything_and_returns_the_code_of_what_is_wrong(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    live(monkeypatch, **sandbox.env())
    assert main(["doctor"]) == 0
    assert "ok    twitch: answers" in capsys.readouterr().out
    monkeypatch.setenv("TWITCH_CLIENT_SECRET", "hidden-secret")
    assert main(["doctor"]) == 77
    shown = capsys.readouterr().out
    assert "FAIL  twitch: TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET were refused" in shown and "hidden" not in shown
    assert "to mend: " in shown and "ok    disk: " in shown, "the rest is looked at all the same"


def test_cleaning_removes_the_data_and_asks_first(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "demo.duckdb").write_text("x")
    (folder / "kept").write_text("x")
    assert main(["clean"]) == 2
    assert "YES=1" in capsys.readouterr().err and written(folder)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: "")
    assert main(["clean"]) == 0 and written(folder)
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert main(["clean"]) == 0 and not (folder / "data").exists() and (folder / "kept").exists()
    (folder / "data").mkdir()
    assert main(["clean", "--yes"]) == 0 and not (folder / "data").exists()


@pytest.mark.parametrize("data_dir", [".", "..", "../.."])
def test_cleaning_never_removes_the_project(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, data_dir: str
) -> None:
    project = folder / "outer" / "project"
    project.mkdir(parents=True)
    (project / "kept").write_text("x")
    monkeypatch.chdir(project)
    monkeypatch.setenv("DATA_DIR", data_dir)
    removed: list[Any] = []
    monkeypatch.setattr("shutil.rmtree", lambda path, **_: removed.append(path))
    assert main(["clean", "--yes"]) == 2
    assert not removed and "DATA_DIR" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_help(capsys: pytest.CaptureFixture[str], folder: Path, verb: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert "usage: " in capsys.readouterr().out and not list(folder.iterdir())


def test_help_lists_the_verbs_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(f" {verb} " in text for verb in VERBS) and "77 a credential is missing" in text


def test_the_process_returns_the_code_and_says_why_on_standard_error(folder: Path) -> None:
    command = [sys.executable, "-m", "pipelines", "backfill"]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: a backfill needs a period", "  to mend: make backfill SINCE=2026-10-01 UNTIL=2026-10-08",
    ]  # fmt: skip


def test_a_dry_run_for_machines_is_json_and_says_what_is_due(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    from pipelines.run import Run

    live(monkeypatch, **sandbox.env())
    units = {"source": "twitch", "resource": "users", "units": 1700, "age_classes": {"never": 1700}, "calls": 17}
    plan = [{**units, "limit": 10, "period": 60.0, "seconds": 42.0, "estimate": "an estimate, because"}]
    monkeypatch.setattr(Run, "dry_run", lambda self: plan)
    assert main(["elt", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == plan
    monkeypatch.setenv("ETL_NOW", "2026-10-01T12:00:00Z")
    assert main(["elt", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "1,700 due" in shown and "17 calls" in shown and "never 1,700" in shown
    assert "42 s at best, earliest end 2026-10-01 12:00:42 UTC" in shown and "an estimate, because" in shown
