"""No secret leaves the process, whatever the API says back: not in output, nor under data/, nor in the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pipelines.sandbox import Sandbox
from pipelines.sandbox.apis.twitch import CLIENT_SECRET
from pipelines.scrub import Scrubber
from tests.elt.conftest import Project, Troubled, leaks, still_world, talkative

RESOURCES = ("--resources", "streams followers")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An API that fails half of the time, often twice in a row, and repeats the secrets that it was sent."""
    with still_world() as sandbox:
        # this order of faults lets the check before the run and the poll pass
        sandbox.faults.set({"500": 0.3, "429": 0.1, "503": 0.1}, seed=3)
        sandbox.force_401(after=10)
        yield sandbox


def test_nothing_leaks_on_duckdb(sandbox: Sandbox, new_project: Callable[..., Project]) -> None:
    known = talkative(sandbox, CLIENT_SECRET)
    project = new_project(sandbox.env())
    done = project.run("extract", *RESOURCES, RETRY_MAX="1", ETL_LOG_LEVEL="DEBUG")
    assert len(known) == 4, "the secret, the token of the check before the run, and two of the run"
    assert project.value("select count(*) from raw_ops.sync_log where message like '%HTTP 500%***%'") > 0
    assert leaks(project, done, known) == set()


def test_nothing_leaks_on_postgres(troubled: Troubled) -> None:
    assert len(troubled.secrets) == 5, "the secret, the password and three tokens"
    assert any(one.status in (429, 500, 503) for one in troubled.served)
    assert leaks(troubled.project, troubled.done, troubled.secrets) == set()


def test_without_the_scrubber_the_same_check_finds_leaks(
    sandbox: Sandbox, new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = talkative(sandbox, CLIENT_SECRET)
    project = new_project(sandbox.env())
    monkeypatch.setattr(Scrubber, "clean", lambda self, text: text)
    done = project.call("extract", *RESOURCES, RETRY_MAX="1", ETL_LOG_LEVEL="DEBUG")
    found = leaks(project, done, known)
    assert {'raw_ops."sync_log"', 'raw_ops."api_requests"', 'raw_ops."run_resources"'} <= found, done.err


def test_a_refused_secret_is_not_repeated(new_project: Callable[..., Project]) -> None:
    with still_world() as sandbox:
        planted = "planted-secret+/= of no use"
        known = talkative(sandbox, planted)
        project = new_project(sandbox.env())
        done = project.run("elt", TWITCH_CLIENT_SECRET=planted)
        assert done.code == 77
        assert "TWITCH_CLIENT_SECRET" in done.err
        assert leaks(project, done, known) == set()
