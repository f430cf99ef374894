"""The HTTP client: what is tried again and what is not, within which limits, and what is written down."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from pipelines import client as module
from pipelines.client import Answer, ApiError, backoff, bisect
from pipelines.clock import Clock
from pipelines.errors import AirtimeError, CredentialsError, SourceError, StoppedError
from pipelines.sandbox import Sandbox
from pipelines.scrub import MASK, Scrubber
from pipelines.sources.ops import API_REQUESTS
from pipelines.validation import own_rows
from tests.helpers import NOW, Loopback, Reply, Request, SimulatedClock, answer, client_of, replies, twitch_api

GOOD = Reply({"data": []})
FAULTS = ("429", "500", "503", "reset", "slow", "truncate")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=300, points_per_minute=1_000_000) as sandbox:
        sandbox.faults.slow_seconds = 0.01
        yield sandbox


def get(url: str, path: str = "/things", **options: Any) -> Answer:
    return client_of(url, **options).get(path, resource="things")


# -- what is tried again


def test_trouble_on_the_way_changes_no_answer(sandbox: Sandbox) -> None:
    def read() -> list[Any]:
        api = twitch_api(sandbox, retries=20, log=log)
        return [
            api.client.get("/users", [("id", channel.id)], resource="users").body
            for channel in sandbox.world.channels[:100]
        ]

    log: list[dict[str, Any]] = []
    calm = read()
    log.clear()
    sandbox.faults.set(dict.fromkeys(FAULTS, 0.08), seed=3)
    try:
        assert read() == calm
    finally:
        sandbox.faults.set({})
    assert all(sandbox.count(kind) for kind in FAULTS)
    assert all(row["is_success"] for row in log)
    assert sum(row["attempts"] - 1 for row in log) == sum(sandbox.count(kind) for kind in FAULTS if kind != "slow")
    assert sum(row["rate_limited"] for row in log) == sandbox.count("429")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(status: int) -> None:
    with Loopback(replies(Reply(b"", status), GOOD)) as server:
        assert get(server.url).body == GOOD.content
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 422, 501])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with Loopback(replies(Reply({"message": "no"}, status))) as server:
        with pytest.raises(ApiError, match=f'^/things: HTTP {status}: {{"message": "no"}}$') as refused:
            get(server.url)
        assert refused.value.status == status and len(server.requests) == 1


def test_tries_end_after_the_number_that_the_settings_allow() -> None:
    clock = SimulatedClock()
    with Loopback(replies(Reply(b"gone", 500))) as server:
        with pytest.raises(ApiError, match="HTTP 500: gone") as failed:
            get(server.url, clock=clock, retries=3)
        assert failed.value.status == 500 and len(server.requests) == 4
    assert len(clock.slept) == 3


@pytest.mark.parametrize("attempt", range(1, 12))
def test_waits_double_with_jitter_up_to_a_ceiling(attempt: int) -> None:
    full = min(30.0, 0.5 * 2 ** (attempt - 1))
    drawn = [backoff(attempt) for _ in range(50)]
    assert all(full / 2 <= seconds <= full for seconds in drawn) and len(set(drawn)) > 1


@pytest.mark.parametrize(
    ("header", "waited"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (format_datetime(NOW.replace(minute=2), usegmt=True), 120.0),
        (format_datetime(NOW.replace(hour=1), usegmt=True), 0.0),
    ],
    ids=["seconds", "zero", "date", "date gone by"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(status: int, header: str, waited: float) -> None:
    clock = SimulatedClock()
    with Loopback(replies(Reply(b"", status, {"Retry-After": header}), GOOD)) as server:
        get(server.url, clock=clock)
    assert sum(clock.slept) == pytest.approx(waited, abs=0.01)


@pytest.mark.parametrize("header", ["soon", "-3", "1.5", "", "²"])
def test_a_retry_after_that_makes_no_sense_is_an_ordinary_wait(header: str) -> None:
    clock = SimulatedClock()
    with Loopback(replies(Reply(b"", 503, {"Retry-After": header}), GOOD)) as server:
        get(server.url, clock=clock)
    (waited,) = clock.slept
    assert 0.25 <= waited <= 0.5


def test_a_bucket_that_is_reported_empty_is_waited_for_without_a_backoff_on_top() -> None:
    clock = SimulatedClock()
    empty = Reply(b"", 429, {"Ratelimit-Limit": "600", "Ratelimit-Remaining": "0"})
    with Loopback(replies(empty, empty, empty, empty, GOOD)) as server:
        get(server.url, clock=clock)
    # ten tokens a second come back, and the six in reserve before the next that may be spent
    assert [waited for waited in clock.slept if waited > 1e-6] == pytest.approx([0.7] * 4)


def test_a_stop_ends_the_waits_between_tries_and_lets_no_new_request_start() -> None:
    clock, log = SimulatedClock(), []

    def stop(request: Request) -> Reply:
        clock.stop()
        return Reply(b"", 503)

    with Loopback(stop) as server:
        client = client_of(server.url, clock=clock, log=log)
        for _ in range(2):
            with pytest.raises(StoppedError):
                client.get("/things", resource="things")
        assert len(server.requests) == 1
    assert [row["is_success"] for row in log] == [False], "what was never sent is no request"


# -- broken answers


def cut(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Send half of what was promised and hang up."""
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


def chunked(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    for byte in content:
        handler.wfile.write(b"1\r\n%c\r\n" % byte)
    handler.wfile.write(b"0\r\n\r\n")


def chunked_and_cut(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
    handler.close_connection = True


CHUNKED = {"Transfer-Encoding": "chunked"}
ROWS = {"data": [{"id": str(number)} for number in range(50)]}
BROKEN = {
    "html": Reply(b"<html>proxy</html>"),
    "empty": Reply(b""),
    "half": Reply(b'{"data": ['),
    "not UTF-8": Reply(b'{"data": ["\xff"]}'),
    "too deep": Reply(b"[" * 100_000 + b"]" * 100_000),
    "too long a number": Reply(b'{"data": [' + b"1" * 5000 + b"]}"),
    "cut": Reply(ROWS, write=cut),
    "cut in chunks": Reply(ROWS, headers=CHUNKED, write=chunked_and_cut),
    "gzip that is none": Reply(ROWS, headers={"Content-Encoding": "gzip"}),
    "gzip cut short": Reply(gzip.compress(json.dumps(ROWS).encode())[:-20], headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_body_is_tried_again_and_fails_clearly_in_the_end(broken: Reply) -> None:
    broken.headers.pop("Content-Length", None)
    with Loopback(replies(broken, broken, GOOD)) as server:
        assert get(server.url).body == GOOD.content
        assert len(server.requests) == 3
    with Loopback(replies(broken)) as server, pytest.raises(ApiError, match=r"^/things: ") as failed:
        get(server.url, retries=1)
    assert failed.value.status is None or failed.value.status == 200
    assert len(str(failed.value)) < 1000


@pytest.mark.parametrize(
    "reply",
    [
        Reply(ROWS),
        Reply(ROWS, headers=CHUNKED, write=chunked),
        Reply(gzip.compress(json.dumps(ROWS).encode()), headers={"Content-Encoding": "gzip"}),
        Reply({"data": ["x" * 3_000_000]}),
    ],
    ids=["plain", "chunked", "gzip", "megabytes"],
)
def test_a_whole_body_arrives_whole_and_its_connection_is_used_again(reply: Reply) -> None:
    whole = reply.content if isinstance(reply.content, dict) else ROWS
    with Loopback(replies(reply)) as server:
        client = client_of(server.url)
        assert [client.get("/things", resource="things").body for _ in range(3)] == [whole] * 3
        assert len({request.connection for request in server.requests}) == 1


def test_each_thread_keeps_its_connection() -> None:
    barrier = threading.Barrier(8)

    def ask(number: int) -> None:
        barrier.wait(10)
        for _ in range(10):
            client.get("/things", resource="things")

    with Loopback(replies(GOOD)) as server, ThreadPoolExecutor(8) as pool:
        client = client_of(server.url, clock=Clock())
        list(pool.map(ask, range(8)))
        assert len({request.connection for request in server.requests}) <= 8


def test_half_a_surrogate_pair_and_numbers_beyond_measure_cost_no_page() -> None:
    body = rb'{"data": [{"id": "\ud83d"}, {"id": 1e999}, {"id": -1e999}, {"id": NaN}, {"id": 12345678901234567890123}]}'
    with Loopback(replies(Reply(body))) as server:
        rows = get(server.url).body["data"]
        assert len(server.requests) == 1
    assert [row["id"] for row in rows] == ["\ud83d", "1e999", "-1e999", "NaN", 12345678901234567890123]


def test_an_answer_larger_than_the_limit_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1000)
    for headers, content in (({}, b"x" * 2000), ({"Content-Encoding": "gzip"}, gzip.compress(b"x" * 2000))):
        with (
            Loopback(replies(Reply(content, headers=headers))) as server,
            pytest.raises(ApiError, match="the answer exceeds 1000 bytes"),
        ):
            get(server.url, retries=0)


@pytest.mark.parametrize("headers", [{}, CHUNKED], ids=["with a length", "in chunks"])
def test_an_answer_that_drips_is_given_up_when_its_time_is_over(headers: dict[str, str]) -> None:
    def drip(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        for byte in content:
            handler.wfile.write(b"1\r\n%c\r\n" % byte if headers else b"%c" % byte)
            if server.closing.wait(0.05):
                return

    clock = Clock()
    with Loopback(replies(Reply(b" " * 200 + b"[]", headers=headers, write=drip))) as server:
        start = clock.monotonic()
        with pytest.raises(ApiError, match=r"took more than 0\.2 s"):
            get(server.url, clock=clock, retries=0, request_timeout=0.2)
        assert clock.monotonic() - start < 5


def test_a_server_that_never_answers_is_given_up() -> None:
    def wait(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        server.closing.wait(10)

    with Loopback(replies(Reply(b"[]", write=wait))) as server, pytest.raises(ApiError, match=r"[Tt]imed? ?out"):
        get(server.url, clock=Clock(), retries=0, request_timeout=0.1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_that_names_the_place_and_carries_no_credential_there(status: int) -> None:
    with Loopback(replies(GOOD)) as other:
        target = f"{other.url}/elsewhere"
        with Loopback(replies(Reply(b"moved", status, {"Location": target}))) as server:
            with pytest.raises(ApiError, match=f"HTTP {status}: {target}"):
                get(server.url)
            assert len(server.requests) == 1
        assert other.requests == []


# -- an API that is down


def test_failures_in_a_row_end_the_source_quickly() -> None:
    with Loopback(replies(GOOD)) as gone:
        pass
    client = client_of(gone.url, retries=0)
    for _ in range(module.FAILURES_IN_A_ROW - 1):
        with pytest.raises(ApiError):
            client.get("/things", resource="things")
    with pytest.raises(SourceError, match="20 requests in a row failed") as down:
        client.get("/things", resource="things")
    assert down.value.exit_code == 3 and down.value.mend


@pytest.mark.parametrize("between", [GOOD, Reply(b"", 404)], ids=["success", "refusal"])
def test_an_answer_in_between_shows_that_the_api_is_up(between: Reply) -> None:
    most = module.FAILURES_IN_A_ROW - 1
    with Loopback(replies(*[Reply(b"", 500)] * most, between, *[Reply(b"", 500)] * most, GOOD)) as server:
        client = client_of(server.url, retries=0)
        for _ in range(2 * most + 1):
            try:
                client.get("/things", resource="things")
            except ApiError:
                continue
        assert client.get("/things", resource="things").body == GOOD.content


def test_refusals_never_mean_that_the_api_is_down() -> None:
    with Loopback(replies(Reply(b"", 404))) as server:
        client = client_of(server.url)
        for _ in range(2 * module.FAILURES_IN_A_ROW):
            with pytest.raises(ApiError):
                client.get("/things", resource="things")


# -- credentials


def test_a_token_is_got_once_and_renewed_once_for_all_threads(sandbox: Sandbox) -> None:
    api = twitch_api(sandbox)
    before = len(sandbox.requests(path="/token"))
    barrier = threading.Barrier(20)

    def ask(number: int) -> None:
        barrier.wait()
        for _ in range(5):
            api.client.get("/users", [("id", "1")], resource="users")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ask, range(20)))
        assert len(sandbox.requests(path="/token")) - before == 1
        sandbox.force_401(after=30)
        list(pool.map(ask, range(20)))
    assert len(sandbox.requests(path="/token")) - before == 2
    assert sandbox.count("401") == 1


def test_a_token_that_is_about_to_expire_is_renewed_before_it_is_refused() -> None:
    issued = iter(range(10))

    def both(request: Request) -> Reply:
        if request.path == "/auth/token":
            return Reply({"access_token": f"token-{next(issued)}", "expires_in": 100})
        return Reply({"used": request.headers["Authorization"]})

    clock = SimulatedClock()
    with Loopback(both) as server:
        api = signed(server.url, clock=clock)
        used = []
        for seconds in (0, 39, 2):
            clock.advance(seconds)
            used.append(api.client.get("/things", resource="things").body["used"])
    assert used == ["Bearer token-0", "Bearer token-0", "Bearer token-1"]


def test_a_token_that_is_refused_as_soon_as_issued_ends_the_source() -> None:
    def both(request: Request) -> Reply:
        return Reply({"access_token": "token"}) if request.path == "/auth/token" else Reply(b"no", 401)

    log: list[dict[str, Any]] = []
    with Loopback(both) as server:
        with pytest.raises(CredentialsError, match="refuses a token that was just issued") as refused:
            signed(server.url, log=log).client.get("/things", resource="things")
        assert refused.value.exit_code == 77
        assert [request.path for request in server.requests].count("/api/things") == 2
    assert [(row["is_success"], row["status_code"], row["attempts"]) for row in log] == [(False, 401, 2)]


def test_a_wrong_secret_is_named_by_its_settings_and_not_shown(sandbox: Sandbox) -> None:
    wrong, log = "a-wrong-secret", []
    api = twitch_api(sandbox, client_secret=wrong, log=log)
    before = len(sandbox.requests(path="/token"))
    with pytest.raises(CredentialsError, match="TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET were refused") as refused:
        api.client.get("/users", resource="users")
    assert "TWITCH_CLIENT_SECRET" in refused.value.mend and wrong not in str(refused.value)
    assert len(sandbox.requests(path="/token")) - before == 1, "a refusal is not tried again"
    assert [row["is_success"] for row in log] == [False]


@pytest.mark.parametrize(
    ("token_reply", "words"),
    [
        (Reply(b"", 503), "no token could be got: token endpoint: HTTP 503"),
        (Reply(b"<html>"), "no token could be got: token endpoint: .*not JSON"),
        (Reply({"expires_in": 5}), "without an access_token"),
        (Reply(["token"]), "without an access_token"),
    ],
)
def test_a_token_endpoint_that_is_down_or_odd_ends_the_source(token_reply: Reply, words: str) -> None:
    log: list[dict[str, Any]] = []
    with Loopback(replies(token_reply)) as server:
        with pytest.raises(SourceError, match=words) as failed:
            signed(server.url, retries=2, log=log).client.get("/things", resource="things")
        assert {request.path for request in server.requests} == {"/auth/token"}
    (row,) = log
    assert not row["is_success"] and row["status_code"] is None and row["error"] == str(failed.value)


def test_a_token_endpoint_that_stumbles_is_asked_again() -> None:
    stumbling = replies(Reply(b"", 500), Reply({"access_token": "token-1"}))

    def both(request: Request) -> Reply:
        return stumbling(request) if request.path == "/auth/token" else GOOD

    with Loopback(both) as server:
        assert signed(server.url).client.get("/things", resource="things").body == GOOD.content
        form = dict(pair.split("=") for pair in server.requests[0].body.decode().split("&"))
    assert form == {"client_id": "id", "client_secret": "hidden-secret", "grant_type": "client_credentials"}


def signed(url: str, **options: Any) -> Any:
    """A source with an app token on a loopback server: the API under /api, its tokens under /auth."""

    class Anywhere:
        clock = options.setdefault("clock", SimulatedClock())

        def env(self) -> dict[str, str]:
            return {
                "TWITCH_API_URL": url + "/api",
                "TWITCH_AUTH_URL": url + "/auth/",
                "TWITCH_CLIENT_ID": "id",
                "TWITCH_CLIENT_SECRET": "hidden-secret",
            }

    return twitch_api(Anywhere(), **options)  # type: ignore[arg-type]


# -- addresses


@pytest.mark.parametrize("ending", ["", "/"])
def test_paths_are_put_behind_the_prefix_of_an_address(ending: str) -> None:
    with Loopback(replies(GOOD)) as server:
        client = client_of(f"{server.url}/proxy/v1{ending}")
        client.get("/things", [("id", "a b"), ("id", "c&d"), ("q", "é")], resource="things")
        (request,) = server.requests
    assert request.path == "/proxy/v1/things"
    assert request.query == [("id", "a b"), ("id", "c&d"), ("q", "é")]


def test_api_and_tokens_are_reached_behind_a_proxy_prefix() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, prefix="/behind/a/proxy") as sandbox:
        api = twitch_api(sandbox)
        channel = sandbox.world.channels[0].id
        assert len(api.client.get("/channels", [("broadcaster_id", channel)], resource="channels").body["data"]) <= 1
        assert [served.path for served in sandbox.served] == ["/token", "/channels"]


# -- what is written down


def test_every_request_is_written_down_whole_however_it_ended() -> None:
    log: list[dict[str, Any]] = []
    clock = SimulatedClock()
    with Loopback(replies(Reply(b"", 429), Reply(b"", 500), GOOD, Reply(b"no such thing", 404), GOOD)) as server:
        client = client_of(server.url, log=log, clock=clock)
        found = client.get("/things", [("key", "value")], resource="things")
        with pytest.raises(ApiError):
            client.get("/other", resource="others")
    assert [row.keys() for row in log] == [{column.name for column in API_REQUESTS.columns}] * 2
    assert own_rows(API_REQUESTS, log).num_rows == 2
    good, bad = log
    assert (good["request_id"], good["endpoint"], good["resource"]) == (found.request_id, "/things", "things")
    assert (good["status_code"], good["is_success"], good["attempts"], good["rate_limited"]) == (200, True, 3, 1)
    assert good["bytes"] == len(json.dumps(GOOD.content)) and good["error"] is None
    assert good["started_at"] == NOW.replace(tzinfo=None) and good["seconds"] == pytest.approx(sum(clock.slept))
    assert (bad["status_code"], bad["is_success"], bad["attempts"]) == (404, False, 1)
    assert bad["error"] == "/other: HTTP 404: no such thing" and bad["request_id"] != good["request_id"]


def test_answers_are_dated_when_they_arrived() -> None:
    clock = SimulatedClock()
    with Loopback(replies(Reply(b"", 503, {"Retry-After": "90"}), GOOD)) as server:
        assert (get(server.url, clock=clock).fetched_at - NOW).total_seconds() == pytest.approx(90)


def test_a_connection_that_fails_is_written_down_without_a_status() -> None:
    log: list[dict[str, Any]] = []
    with Loopback(replies(GOOD)) as gone:
        pass
    with pytest.raises(ApiError) as failed:
        get(gone.url, log=log, retries=1)
    assert failed.value.status is None
    assert [(row["status_code"], row["is_success"], row["attempts"]) for row in log] == [(None, False, 2)]


@pytest.mark.parametrize("before", [0, *range(270, 301, 5)])
def test_no_secret_or_token_shows_in_an_error_wherever_it_is_cut(before: int) -> None:
    def tell_all(request: Request) -> Reply:
        if request.path == "/auth/token":
            return Reply({"access_token": "issued-token-0123456789"})
        return Reply(b"." * before + f"{request.headers['Authorization']} hidden-secret".encode(), 403)

    log: list[dict[str, Any]] = []
    scrubber = Scrubber()
    with Loopback(tell_all) as server, pytest.raises(ApiError) as refused:
        signed(server.url, log=log, scrubber=scrubber).client.get("/things", resource="things")
    for text in (str(refused.value), log[0]["error"]):
        assert "issued" not in text and "hidden" not in text
        assert before or text.endswith(f"Bearer {MASK} {MASK}")


def test_a_secret_in_an_address_does_not_show_in_an_error() -> None:
    with Loopback(replies(GOOD)) as gone:
        pass
    client = client_of(gone.url, scrubber=Scrubber(["api/key+1"]), retries=0)
    with pytest.raises(ApiError) as failed:
        client.get("/things", [("api_token", "api/key+1")], resource="things")
    assert "api_token=" in str(failed.value) and "key" not in str(failed.value).replace("api_token", "")


# -- batches


@pytest.mark.parametrize("bad", [[0], [99], [41], [0, 99], [10, 11, 60]])
def test_what_an_api_refuses_is_found_by_halving_and_costs_the_others_nothing(bad: Sequence[int]) -> None:
    units = [str(number) for number in range(100)]
    refused = {units[number] for number in bad}
    calls: list[Sequence[str]] = []

    def fetch(part: Sequence[str]) -> Answer:
        calls.append(part)
        if refused & set(part):
            raise ApiError("malformed", 400)
        return answer({"data": list(part)})

    good, failed = [], []
    for part, found in bisect(units, fetch):
        if isinstance(found, ApiError):
            failed += part
        else:
            good += found.body["data"]
    assert (good, failed) == ([unit for unit in units if unit not in refused], [units[number] for number in bad])
    assert len(calls) <= 1 + 2 * 7 * len(bad)


def test_a_batch_that_fails_for_another_reason_is_not_halved() -> None:
    def fetch(part: Sequence[str]) -> Answer:
        raise ApiError("down", 503)

    ((part, found),) = bisect(["a", "b"], fetch)
    assert list(part) == ["a", "b"] and isinstance(found, ApiError)


def test_errors_that_end_a_source_are_not_taken_for_a_refusal() -> None:
    def fetch(part: Sequence[str]) -> Answer:
        raise SourceError("down")

    with pytest.raises(AirtimeError):
        list(bisect(["a", "b"], fetch))
