"""What the server does for every API: budgets, faults, recording, control, and living and dying cleanly."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

import pipelines.sandbox
from pipelines.sandbox import Sandbox
from pipelines.sandbox.clock import WorldClock, as_moment
from pipelines.sandbox.faults import KINDS, Faults, parse_shares
from pipelines.sandbox.limits import TokenBucket

if TYPE_CHECKING:
    from conftest import Client

NOW = "2026-03-04T20:00:00Z"
PACKAGE = Path(pipelines.sandbox.__file__).parent


# -- budgets


def test_every_answer_tells_the_budget_and_an_empty_one_refuses(connect: type[Client]) -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, points_per_minute=5) as sandbox:
        client = connect(sandbox)
        answers = [client.get("/users", id="1") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["Ratelimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
        assert {answer.headers["Ratelimit-Limit"] for answer in answers} == {"5"}
        refused = answers[-1]
        assert refused.json() == {"error": "Too Many Requests", "status": 429, "message": "Request limit exceeded"}
        assert "Retry-After" not in refused.headers
        wait = int(refused.headers["Ratelimit-Reset"]) - as_moment(NOW).timestamp()
        assert 58 <= wait <= 60, "Reset is when the bucket is full, in world time"
        assert sandbox.served[-1].fault is None and sandbox.count("429") == 0
        assert client.login().status_code == 200, "tokens are not metered"


def test_refused_and_unauthorized_calls_carry_the_budget_too(client: Client) -> None:
    for answer in (client.get("/users", id="x"), client.get("/users", {}, id="1"), client.get("/nowhere")):
        assert {"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset"} <= set(answer.headers)


def test_a_bucket_refills_continuously_up_to_its_size() -> None:
    now = [0.0]
    bucket = TokenBucket(60, ruler=lambda: now[0])
    assert all(bucket.take().granted for _ in range(60)) and not bucket.take().granted
    now[0] = 0.9
    assert not bucket.take().granted
    now[0] = 1.1
    assert bucket.take().granted and not bucket.take().granted
    now[0] = 1000.0
    assert bucket.take().remaining == 59


def test_clients_have_budgets_of_their_own(connect: type[Client]) -> None:
    with Sandbox(channels=10, points_per_minute=1) as sandbox:
        client = connect(sandbox)
        assert client.get("/users", id="1").status_code == 200
        assert client.get("/users", id="1").status_code == 429
        assert client.get("/users", {**client.headers, "Client-Id": "other"}, id="1").status_code == 401


# -- faults


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failing_upstream_answers_in_the_apis_error_shape(small: Sandbox, asker: Client, status: int) -> None:
    small.faults.set({str(status): 1.0})
    answer = asker.get("/users", id="1")
    assert answer.status_code == answer.json()["status"] == status and answer.json()["error"]
    assert int(answer.headers["Ratelimit-Remaining"]) > 0
    assert (small.served[-1].status, small.served[-1].fault) == (status, str(status))
    assert asker.login().status_code == 200, "tokens meet no faults"


def test_a_reset_connection_gives_the_client_nothing(small: Sandbox, asker: Client) -> None:
    small.faults.set({"reset": 1.0})
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        asker.get("/streams")
    record = small.served[-1]
    assert (record.status, record.fault, record.body) == (200, "reset", None)


def test_a_truncated_answer_promises_more_than_it_gives(small: Sandbox, asker: Client) -> None:
    small.faults.set({"truncate": 1.0})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        asker.get("/streams")
    record = small.served[-1]
    assert (record.status, record.fault, record.body) == (200, "truncate", None)


def test_a_slow_answer_is_late_and_whole(small: Sandbox, asker: Client) -> None:
    small.faults.set({"slow": 1.0})
    small.faults.slow_seconds = 0.05
    answer = asker.get("/users", id="1")
    assert answer.json() == small.served[-1].body == {"data": []}
    assert answer.elapsed.total_seconds() >= 0.05 and small.count("slow") == 1


def test_faults_come_in_their_shares_and_in_a_seeded_order() -> None:
    shares = dict.fromkeys(KINDS, 0.1)
    one, two, other = Faults(shares, seed=1), Faults(shares, seed=1), Faults(shares, seed=2)
    drawn = [one.draw() for _ in range(2000)]
    assert drawn == [two.draw() for _ in range(2000)] != [other.draw() for _ in range(2000)]
    assert all(140 < drawn.count(kind) < 260 for kind in KINDS) and 700 < drawn.count(None) < 900


@pytest.mark.parametrize("text", ["teapot=0.1", "429=2", "429=-0.1", "429", "500=0.6,503=0.6"])
def test_senseless_fault_shares_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_shares(text)


def test_a_forced_401_comes_at_its_call_and_the_token_is_dead_from_then_on(small: Sandbox, asker: Client) -> None:
    small.force_401(after=3)
    assert [asker.get("/users", id="1").status_code for _ in range(4)] == [200, 200, 401, 401]
    assert [record.fault for record in small.requests(path="/users")] == [None, None, "401", None]
    asker.login()
    assert asker.get("/users", id="1").status_code == 200


# -- what was served


def test_served_is_what_the_client_received(small: Sandbox, asker: Client) -> None:
    answer = asker.get("/streams", first=2, language=["en", "de"])
    record = small.served[-1]
    assert record.body == answer.json()
    assert (record.api, record.path, record.status, record.fault) == ("twitch", "/streams", 200, None)
    assert record.query == [("first", "2"), ("language", "en"), ("language", "de")]
    assert record.at == small.clock.now() == as_moment(NOW)
    assert [kept.path for kept in small.served] == ["/token", "/streams"]
    assert small.requests(path="/streams", status=200) == [record]


def test_a_record_file_gets_a_line_for_every_answer(tmp_path: Path, connect: type[Client]) -> None:
    path = tmp_path / "record.jsonl"
    with Sandbox(now=NOW, channels=50, record=path, keep=False) as sandbox:
        client = connect(sandbox)
        body = client.get("/streams", first=2).json()
        sandbox.faults.set({"truncate": 1.0})
        with pytest.raises(requests.RequestException):
            client.get("/users", id="1")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert sandbox.served == [] and sandbox.count("truncate") == 1
    assert [(line["path"], line["status"], line["fault"]) for line in lines] == [
        ("/token", 200, None),
        ("/streams", 200, None),
        ("/users", 200, "truncate"),
    ]
    assert lines[1]["body"] == body and lines[1]["query"] == [["first", "2"]] and lines[2]["body"] is None


def test_many_threads_are_answered_and_each_answer_is_recorded_once(small: Sandbox, asker: Client) -> None:
    small.faults.set({"500": 0.2, "reset": 0.1, "truncate": 0.1})

    def ask(number: int) -> int:
        try:
            return asker.get("/users", id=str(number)).status_code
        except requests.RequestException:
            return 0

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, range(200)))
    assert len(small.requests(path="/users")) == 200
    assert statuses.count(500) == small.count("500") and statuses.count(0) == small.count("reset") + small.count(
        "truncate"
    )


# -- clock


def test_the_clock_runs_freezes_jumps_and_changes_speed() -> None:
    clock = WorldClock(NOW, frozen=True)
    assert clock.now() == clock.now() == as_moment(NOW)
    clock.advance(90.5)
    assert clock.now().isoformat() == "2026-03-04T20:01:30.500000+00:00"
    clock.set("2026-01-01T00:00:00+02:00")
    assert clock.now().isoformat() == "2025-12-31T22:00:00+00:00"
    clock.run(speed=1e6)
    assert clock.now() < clock.now()
    clock.freeze()
    assert clock.now() == clock.now() and clock.frozen and clock.speed == 1e6


def test_only_the_clock_asks_the_machine_for_the_time_and_nothing_else_of_the_project_is_imported() -> None:
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        assert not {name for name in imported if name.startswith("pipelines") and "pipelines.sandbox" not in name}, path
        if path.name != "clock.py":
            assert "time" not in imported, path
            called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            assert not called & {"utcnow", "today"} and "datetime.now(" not in path.read_text(), path


# -- control, paths, life


def test_a_sandbox_is_driven_over_http(small: Sandbox, asker: Client) -> None:
    def post(what: str, **body: object) -> requests.Response:
        return requests.post(f"{small.url}/_sandbox/{what}", json=body)

    assert post("clock", now="2026-05-01T00:00:00Z", advance=60).json()["now"] == "2026-05-01T00:01:00Z"
    assert post("clock", frozen=False, speed=2.0).json()["frozen"] is False and small.clock.speed == 2.0
    assert post("clock", frozen=True).json()["frozen"] is True
    assert post("faults", **{"500": 1.0, "seed": 3, "slow_seconds": 0.1}).json()["faults"] == {"500": 1.0}
    assert asker.get("/users", id="1").status_code == 500
    for wrong in (post("clock", hour=3), post("clock", now="soon"), post("faults", teapot=1.0)):
        assert wrong.status_code == 400 and wrong.json()["message"]
    state = requests.get(f"{small.url}/_sandbox/state").json()
    assert state["seed"] == 7 and state["served"] == {
        "path": {"twitch/token": 1, "twitch/users": 1},
        "status": {"200": 1, "500": 1},
        "fault": {"500": 1},
    }


def test_a_prefix_goes_before_every_api_and_the_rest_is_not_found(connect: type[Client]) -> None:
    with Sandbox(channels=10, prefix="proxy/v1/") as sandbox:
        assert sandbox.env()["TWITCH_API_URL"] == sandbox.url + "/proxy/v1/twitch/helix"
        assert connect(sandbox).data("/users", id="1") == []
        assert sandbox.served[-1].path == "/users"
        assert requests.get(sandbox.url + "/").json()["apis"]["twitch"][0] == "/proxy/v1/twitch/helix"
        answer = requests.get(sandbox.url + "/twitch/helix/users")
        assert answer.status_code == 404 and answer.json()["status"] == 404


def test_a_taken_port_is_an_error_and_a_stopped_sandbox_frees_its_own(small: Sandbox) -> None:
    port = int(small.url.rpartition(":")[2])
    with pytest.raises(OSError):
        Sandbox(channels=10, port=port).start()
    before = threading.active_count()
    with Sandbox(channels=10) as other:
        url = other.url
        assert threading.active_count() > before
    with pytest.raises(requests.ConnectionError):
        requests.get(url)
    assert threading.active_count() == before


def test_a_sandbox_takes_no_time_to_import_until_it_is_used() -> None:
    code = "import sys, pipelines.sandbox; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parents[1]).returncode == 0


# -- command line


@pytest.fixture
def command() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command line with options; whatever a failed test leaves running is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        code = "import sys; from pipelines.sandbox.server import serve; sys.exit(serve(sys.argv[1:]))"
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code, "--channels", "50", *options],
                cwd=PACKAGE.parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_command_prints_one_line_of_settings_and_ends_cleanly_on_a_signal(
    command: Callable[..., subprocess.Popen[str]],
) -> None:
    process = command("--port", "0", "--now", NOW, "--frozen", "--faults", "503=1", "--prefix", "x")
    settings = json.loads(process.stdout.readline())
    assert settings["env"]["TWITCH_API_URL"] == settings["url"] + "/x/twitch/helix"
    state = requests.get(settings["url"] + "/_sandbox/state").json()
    assert state["now"] == NOW and state["faults"] == {"503": 1.0} and state["channels"] == 50
    os.kill(process.pid, signal.SIGTERM)
    assert process.communicate(timeout=10) == ("", "") and process.returncode == 0


def test_a_followed_parent_that_goes_takes_the_sandbox_along(command: Callable[..., subprocess.Popen[str]]) -> None:
    process = command("--port", "0", "--follow-parent")
    assert process.stdout.readline()
    process.stdin.close()
    process.stdin = None  # communicate() must not touch it again
    assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("options", [["--faults", "teapot=1"], ["--channels", "0"], ["--now", "soon"]])
def test_a_wrong_option_is_told_and_ends_with_2(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from pipelines.sandbox.server import serve

    with pytest.raises(SystemExit) as ended:
        serve(options)
    assert ended.value.code == 2 and "error" in capsys.readouterr().err
