"""A client for the sandbox that asks as plainly as can be, and the sandboxes that most tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from pipelines.sandbox import Sandbox

NOW = "2026-03-04T20:00:00Z"


class Client:
    """Holds one app token; get() returns the answer of a Helix path as it is."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.env = sandbox.env()
        self.http = requests.Session()
        self.login()

    def login(self, **changes: str) -> requests.Response:
        form = {
            "client_id": self.env["TWITCH_CLIENT_ID"],
            "client_secret": self.env["TWITCH_CLIENT_SECRET"],
            "grant_type": "client_credentials",
        }
        answer = self.http.post(self.env["TWITCH_AUTH_URL"] + "/token", data={**form, **changes})
        if answer.ok:
            self.token = answer.json()["access_token"]
            self.headers = {"Authorization": f"Bearer {self.token}", "Client-Id": self.env["TWITCH_CLIENT_ID"]}
        return answer

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
        return self.http.get(
            self.env["TWITCH_API_URL"] + path,
            params=query,
            headers=self.headers if headers is None else headers,
            timeout=10,
        )

    def data(self, path: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def refusal(self, path: str, **query: Any) -> tuple[int, str]:
        answer = self.get(path, **query)
        body = answer.json()
        assert list(body) == ["error", "status", "message"] and body["status"] == answer.status_code
        return answer.status_code, body["message"]

    def walk(self, path: str, between: Callable[[], object] = lambda: None, **query: Any) -> list[dict[str, Any]]:
        """Return the rows of all pages, calling `between` after each."""
        rows: list[dict[str, Any]] = []
        while True:
            body = self.get(path, **query).json()
            rows += body["data"]
            if not body["data"] or "cursor" not in body.get("pagination", {}):
                return rows
            query["after"] = body["pagination"]["cursor"]
            between()


@pytest.fixture(scope="session")
def connect() -> type[Client]:
    """Make a client of a sandbox: connect(sandbox)."""
    return Client


@pytest.fixture(scope="module")
def big() -> Iterator[Sandbox]:
    """A frozen sandbox of the usual size, for tests that change nothing."""
    with Sandbox(now=NOW, frozen=True, points_per_minute=1_000_000) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(big: Sandbox) -> Client:
    return Client(big)


@pytest.fixture
def small() -> Iterator[Sandbox]:
    """A frozen sandbox of 400 channels, for tests that change it."""
    with Sandbox(now=NOW, frozen=True, channels=400, points_per_minute=1_000_000) as sandbox:
        yield sandbox


@pytest.fixture
def asker(small: Sandbox) -> Client:
    return Client(small)
