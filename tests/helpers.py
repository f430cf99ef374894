"""What the fast tests share: a clock that tests move, an odd server on loopback, clients, and parts of a run."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from pipelines.budget import Budgets, RateBudget
from pipelines.client import Answer, Auth, Client, Limits
from pipelines.clock import Clock
from pipelines.resources import Api, Opening, Scope, Source
from pipelines.sandbox import Sandbox
from pipelines.scrub import Scrubber
from pipelines.settings import Settings, database, read
from pipelines.sources import twitch
from pipelines.warehouse import DuckDBWarehouse, PostgresWarehouse

NOW = dt.datetime(2026, 10, 1, 12, 0, tzinfo=dt.UTC)
NOWHERE = Path("/nonexistent")

Warehouse = DuckDBWarehouse | PostgresWarehouse


class SimulatedClock(Clock):
    """Time that passes only when somebody sleeps; each wait is kept in `slept`."""

    def __init__(self, at: dt.datetime = NOW):
        super().__init__()
        self._at = at
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return self._at + dt.timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        super().sleep(0)
        self.slept.append(seconds)
        # a wait below the resolution of a float would otherwise never end
        self.advance(max(seconds, 1e-6))

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed += seconds


@dataclass
class Request:
    """A request as the loopback server got it."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    connection: int  # the port that it came from


@dataclass
class Reply:
    """A reply; `content` is bytes or what is sent as JSON. `write` takes over from there if given."""

    content: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    write: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None


class Loopback:
    """A server for answers that no sane API gives: `answer` makes each reply. Use it in a with statement."""

    def __init__(self, answer: Callable[[Request], Reply]):
        self.requests: list[Request] = []
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(
                    self.command, parts.path, parse_qsl(parts.query), dict(self.headers), body, self.client_address[1]
                )
                outer.requests.append(request)
                reply = answer(request)
                content = reply.content if isinstance(reply.content, bytes) else json.dumps(reply.content).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    (reply.write or (lambda handler, content: handler.wfile.write(content)))(self, content)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = handle_any

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def replies(*given: Reply) -> Callable[[Request], Reply]:
    """Give these replies one after the other, the last one for ever."""
    left = list(given)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def limits(retries: int = 5, request_timeout: float = 10.0) -> Limits:
    return Limits(retries, 10.0, request_timeout, 40)


def client_of(
    url: str,
    *,
    clock: Clock | None = None,
    auth: Auth | None = None,
    scrubber: Scrubber | None = None,
    log: list[dict[str, Any]] | None = None,
    points_per_minute: int = 1_000_000,
    retries: int = 5,
    request_timeout: float = 10.0,
) -> Client:
    """A client of whatever answers at `url`."""
    clock = clock or SimulatedClock()
    return Client(
        "api",
        url,
        auth=auth,
        budgets=Budgets(lambda: RateBudget(clock, points_per_minute)),
        limits=limits(retries, request_timeout),
        clock=clock,
        scrubber=scrubber or Scrubber(),
        run_id="run",
        log=[].append if log is None else log.append,
        read_limits=twitch.read_limits,
    )


def source_api(
    source: Source,
    sandbox: Sandbox,
    *,
    clock: Clock | None = None,
    scope: Scope | None = None,
    log: list[dict[str, Any]] | None = None,
    scrubber: Scrubber | None = None,
    retries: int = 5,
    general: dict[str, Any] | None = None,
    spent: Callable[[dt.datetime], Mapping[str, int]] = lambda since: {},
    **changes: Any,
) -> Api:
    """A source as a run opens it, on a sandbox; `changes` are its settings, `general` those of the project."""
    variables = {f"{source.name}_{name}".upper(): str(value) for name, value in changes.items()}
    settings = read(NOWHERE, {**sandbox.env(), **variables}).section(source.settings, source.name)
    common = Settings(**general or {})
    clock = clock or SimulatedClock(sandbox.clock.now())
    opening = Opening(
        settings=settings,
        general=common,
        limits=limits(retries),
        clock=clock,
        scrubber=scrubber or Scrubber(),
        run_id="run",
        log=[].append if log is None else log.append,
        spent=spent,
    )
    return Api(source.open(opening), settings, common, scope or Scope(), clock)


def twitch_api(sandbox: Sandbox, **options: Any) -> Api:
    """Twitch, in the same way."""
    return source_api(twitch.SOURCE, sandbox, **options)


def answer(body: Any = None, at: dt.datetime = NOW, request_id: str = "run-api-000001") -> Answer:
    return Answer(body, at, request_id)


def postgres_warehouse(url: str) -> PostgresWarehouse:
    return PostgresWarehouse(**database(Settings(target="postgres", database_url=url)))


def columns_of(warehouse: Warehouse, table: str, columns: Sequence[str], order: str) -> list[tuple[Any, ...]]:
    """Some columns of a table, in order."""
    names = ", ".join(f'"{name}"' for name in columns)
    return warehouse.rows(f"select {names} from {table} order by {order}")
