"""The loopback server before the simulated APIs: budgets, faults, latency, recording and control for all of them."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import shlex
import signal
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from pipelines.sandbox.apis import APIS
from pipelines.sandbox.apis.atlas import Atlas
from pipelines.sandbox.apis.base import Answer, Api, BringsLimits, Call, Edits, RefusalError, Route, Setting
from pipelines.sandbox.atlas import AtlasWorld
from pipelines.sandbox.clock import WorldClock, as_moment
from pipelines.sandbox.faults import Faults, parse_shares
from pipelines.sandbox.football import Football
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.world import World

TRAPS = frozenset({"empty_page", "no_pagination", "blank_cursor", "old_paging", "too_complex"})
WORLDS = ("twitch", "kick", "youtube")
WORLD_STEP = 1_000_000  # from the seed of one platform's world to that of the next
START_SECONDS = 30.0
JSON_TYPE = "application/json; charset=utf-8"
ABORTS = ("reset", "truncate")


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, headers={"Content-Type": JSON_TYPE})


def _reset(request: web.Request) -> web.Response:
    """Cut the connection so that the client sees a reset."""
    transport = request.transport
    if transport is not None:
        # lingering for 0 seconds makes the kernel send RST instead of a tidy FIN
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()  # the server wants one; there is no one left to send it to


async def _truncate(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """Promise the whole body, send half of it and hang up."""
    content = bytes(whole.body)
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(content)
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


@dataclass(frozen=True, slots=True)
class Served:
    """One answer. `fault` is None for an honest one: a 429 without it comes from the budget.

    A reset or truncated answer keeps the status it would have had, and no content: the client got nothing whole.
    """

    at: datetime  # world time
    api: str
    path: str  # relative to the API's base URL
    query: list[tuple[str, str]]
    status: int
    fault: str | None
    content: bytes | None = field(repr=False)
    sent: bytes = b""  # the JSON of the request, if it had any

    @property
    def body(self) -> Any:
        """The JSON that the client received, or None."""
        return msgspec.json.decode(self.content) if self.content else None


class Journal:
    """What was served: counted always, kept in memory and appended to a file (JSON lines) if wanted."""

    def __init__(self, keep: bool, path: str | os.PathLike[str] | None) -> None:
        self.served: list[Served] = []
        self.counts: dict[str, Counter[str]] = {"path": Counter(), "status": Counter(), "fault": Counter()}
        self._keep = keep
        self._path = Path(path) if path else None

    def add(self, record: Served, route: Route) -> None:
        """Take note of an answer, before it goes out."""
        self.counts["path"][f"{record.api}{route.path}"] += 1
        self.counts["status"][str(record.status)] += 1
        if record.fault:
            self.counts["fault"][record.fault] += 1
        if self._keep:
            self.served.append(record)
        if self._path:
            names = ("at", "api", "path", "query", "status", "fault")
            line = {name: getattr(record, name) for name in names}
            # opened for each line, so that a reader sees every one and a killed sandbox loses none
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode({**line, "body": msgspec.Raw(record.content or b"null")}) + b"\n")


class _ClockOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /_sandbox/clock."""

    now: datetime | None = None
    advance: float = 0.0
    speed: float | None = None
    frozen: bool | None = None


class Sandbox:
    """The simulated APIs of one world, served on 127.0.0.1 by a thread of their own. Use it in a with statement.

    seed, channels: which world, and how large.
    fixtures: how many fixtures the football world has at the start (None: the seasons from 2025 on).
    now, speed, frozen: its clock (`now` in UTC; the real time if None).
    faults: shares of API requests that go wrong, by kind (see faults.KINDS).
    points_per_minute: budget of each client; it refills in real time.
    kick_per_minute: the same for Kick, which counts apart and tells nobody.
    atlas_clients: how many clients Atlas has.
    atlas_per_minute: the budget of each of them (None: different ones).
    requests_per_hour: budget of each kind of thing in the football API, in an hour of world time.
    youtube_searches, youtube_units: quotas of a day of world time, which ends at midnight in California.
    latency: seconds that every answer takes at least.
    token_lifetime: world seconds.
    prefix: a path before every API's own, such as "/proxy".
    port: 0 takes a free one.
    record: a file to which every answer is appended as a line of JSON.
    keep: whether `served` is kept in memory.
    traps: oddities, mostly of paging, that the real services were seen to have (see TRAPS).
    """

    def __init__(
        self,
        seed: int = 7,
        now: datetime | str | None = None,
        speed: float = 1.0,
        frozen: bool = False,
        channels: int = 5000,
        fixtures: int | None = None,
        faults: Mapping[str, float] | None = None,
        points_per_minute: int = 800,
        kick_per_minute: int = 60,
        atlas_clients: int = 10,
        atlas_per_minute: int | None = None,
        requests_per_hour: int = 3000,
        youtube_searches: int = 100,
        youtube_units: int = 10_000,
        latency: float = 0.0,
        token_lifetime: float = 5_000_000,
        prefix: str = "",
        port: int = 0,
        record: str | os.PathLike[str] | None = None,
        keep: bool = True,
        traps: Collection[str] = (),
    ) -> None:
        if set(traps) - TRAPS:
            raise ValueError(f"unknown traps {sorted(set(traps) - TRAPS)}; known are {', '.join(sorted(TRAPS))}")
        self.seed = seed
        self.clock = WorldClock(now, speed, frozen)
        self.faults = Faults(faults, seed)
        self.limits = Limits(points_per_minute)
        self.latency = latency
        self.world_of = cache(lambda platform: World(seed + WORLDS.index(platform) * WORLD_STEP, channels, seed))
        self.world = self.world_of("twitch")
        self.football = Football(seed, self.clock.time(), fixtures)
        self.atlas = AtlasWorld(seed, atlas_clients)
        self.edits = Edits({resource: {} for api in APIS for resource in api.resources})
        setting = Setting(
            self.world_of,
            self.edits,
            frozenset(traps),
            token_lifetime,
            self.football,
            self.clock.time,
            requests_per_hour,
            kick_per_minute,
            youtube_searches=youtube_searches,
            youtube_units=youtube_units,
            atlas=self.atlas,
            atlas_per_minute=atlas_per_minute,
        )
        self.apis: list[Api] = [api(setting) for api in APIS]
        self.prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self._journal = Journal(keep, record)
        self._port = port
        self._refusals: list[int] = []  # how many API calls are left until each forced 401
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None

    # -- life

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the server; return when it answers. Raise OSError if the port is taken."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="sandbox", daemon=True)
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise TimeoutError("the sandbox did not start in time")
        if self._failure:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop the server."""
        if self._loop and self._stop and self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:  # handed to the thread that waits in start()
            self._failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port, backlog=1024).start()
            self._port = runner.addresses[0][1]
            ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()

    # -- what tests and callers use

    @property
    def url(self) -> str:
        """The server's address, without a prefix."""
        return f"http://127.0.0.1:{self._port}"

    def env(self) -> dict[str, str]:
        """Return the settings that point a client at this sandbox."""
        return {name: value for api in self.apis for name, value in api.env(self.url + self.prefix).items()}

    @property
    def served(self) -> list[Served]:
        """Every answer so far, in order (empty if they are not kept)."""
        return self._journal.served

    def requests(self, path: str | None = None, status: int | None = None, fault: str | None = None) -> list[Served]:
        """Return the kept answers that match everything given."""
        return [
            record
            for record in self.served
            if path in (None, record.path) and status in (None, record.status) and fault in (None, record.fault)
        ]

    def count(self, fault: str) -> int:
        """Return how many answers met a fault of this kind ("401": forced by force_401)."""
        return self._journal.counts["fault"][fault]

    def force_401(self, after: int = 1) -> None:
        """Make the `after`-th next API call answer 401; its token is invalid from then on."""
        self._refusals.append(max(1, after))

    def revoke_client(self, client: str) -> None:
        """Make the token of a client of Atlas invalid from now on. An unknown client is a KeyError."""
        for api in self.apis:
            if isinstance(api, Atlas):
                api.revoke_client(client)

    # -- answering

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._index)
        app.router.add_get("/_sandbox/state", self._get_state)
        app.router.add_post("/_sandbox/clock", self._post_clock)
        app.router.add_post("/_sandbox/faults", self._post_faults)
        for api in self.apis:
            for route in api.routes():
                path = self.prefix + route.mount + route.path
                app.router.add_route(route.method, path, self._handler(api, route))
        app.router.add_route("*", "/{rest:.*}", self._nowhere)
        return app

    def _handler(self, api: Api, route: Route) -> Any:
        cut = len(self.prefix + route.mount)

        async def handle(request: web.Request) -> web.StreamResponse:
            form = dict(await request.post()) if request.method == "POST" else {}
            query, captured = list(request.query.items()), request.match_info
            url = str(request.url.with_query(None))
            sent = await request.read() if request.content_type == "application/json" else b""
            call = Call(self.clock.time(), query, request.headers, form, captured, route.path, url, content=sent)
            answer, fault, headers = self._decide(api, route, call)
            content = b"" if answer.body is None else msgspec.json.encode(answer.body)
            whole = None if fault in ABORTS else content
            if answer.headers.get("Content-Encoding") == "gzip":
                content = gzip.compress(content, 1)
            at = datetime.fromtimestamp(call.now, UTC)
            record = Served(at, api.name, request.path[cut:], call.query, answer.status, fault, whole, sent)
            self._journal.add(record, route)
            wait = self.latency + (self.faults.slow_seconds if fault == "slow" else 0)
            if wait:
                await asyncio.sleep(wait)
            if fault == "reset":
                return _reset(request)
            response = web.Response(body=content, status=answer.status, headers={**answer.headers, **headers})
            return await _truncate(request, response) if fault == "truncate" else response

        return handle

    def _decide(self, api: Api, route: Route, call: Call) -> tuple[Answer, str | None, dict[str, str]]:
        """Return (answer, fault, headers): budget first, then faults, then what the API itself says."""
        # the date is the world's, so that times in headers can be told from it
        headers = {"Content-Type": JSON_TYPE, "Date": formatdate(call.now, usegmt=True)}
        fault = None
        if route.metered:
            limits = api.limits if isinstance(api, BringsLimits) else self.limits
            call.budget = budget = limits.take(f"{api.name}:{api.bucket(call)}")
            headers.update(api.limit_headers(budget, call.now))
            if not budget.granted:
                return api.error(route, 429), None, headers
            if self._refused_now():
                api.revoke(call)
                fault = "401"
            else:
                fault = self.faults.draw()
            if fault in ("429", "500", "503"):
                return api.error(route, int(fault)), fault, headers
        try:
            return route.handler(call), fault, headers
        except RefusalError as refusal:
            return api.error(route, refusal.status, refusal.message), fault, headers

    def _refused_now(self) -> bool:
        if not self._refusals:
            return False
        left = [number - 1 for number in self._refusals]
        self._refusals = [number for number in left if number > 0]
        return 0 in left

    # -- control over HTTP

    async def _index(self, request: web.Request) -> web.Response:
        mounts = {api.name: sorted({self.prefix + route.mount for route in api.routes()}) for api in self.apis}
        about = "Airtime's sandbox: simulated APIs of streams, football and clients' systems. Nothing here is real."
        return _json(
            {"what": about, "apis": mounts, "control": ["/_sandbox/state", "/_sandbox/clock", "/_sandbox/faults"]}
        )

    async def _nowhere(self, request: web.Request) -> web.Response:
        return _json({"error": "Not Found", "status": 404, "message": "no API of the sandbox is mounted here"}, 404)

    async def _get_state(self, request: web.Request) -> web.Response:
        return _json(self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "now": self.clock.now(),
            "speed": self.clock.speed,
            "frozen": self.clock.frozen,
            "seed": self.seed,
            "channels": len(self.world.channels),
            "faults": self.faults.shares,
            "served": self._journal.counts,
        }

    async def _post_clock(self, request: web.Request) -> web.Response:
        """Take any of {"now": ISO text, "advance": seconds, "speed": number, "frozen": bool}, in this order."""
        try:
            order = msgspec.json.decode(await request.read(), type=_ClockOrder)
        except msgspec.MsgspecError as error:
            return _json({"error": "Bad Request", "status": 400, "message": str(error)}, 400)
        if order.now is not None:
            self.clock.set(order.now)
        self.clock.advance(order.advance)
        if order.speed is not None:
            self.clock.run(order.speed)
        if order.frozen is not None:
            if order.frozen:
                self.clock.freeze()
            else:
                self.clock.run()
        return _json(self._state())

    async def _post_faults(self, request: web.Request) -> web.Response:
        """Take shares by kind, as {"429": 0.02}, and optionally "seed" and "slow_seconds"."""
        try:
            shares = msgspec.json.decode(await request.read(), type=dict[str, float])
            seed, slow = int(shares.pop("seed", 1)), shares.pop("slow_seconds", self.faults.slow_seconds)
            self.faults.set(shares, seed)
        except ValueError as error:  # msgspec's errors are among them
            return _json({"error": "Bad Request", "status": 400, "message": str(error)}, 400)
        self.faults.slow_seconds = slow
        return _json(self._state())


def serve(argv: Sequence[str] | None = None) -> int:
    """Run a sandbox until a signal (or the parent's end) and return 0. A wrong option exits with status 2.

    Standard output gets one line of JSON, {"url": ..., "env": {...}}; on a terminal, lines to paste instead.
    """
    parser = argparse.ArgumentParser(prog="sandbox", description="Simulated APIs on loopback; no key is needed.")
    parser.add_argument("--port", type=int, default=8900, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="which world (default: %(default)s)")
    parser.add_argument("--channels", type=int, default=5000, help="its size (default: %(default)s)")
    parser.add_argument("--fixtures", type=int, help="size of the football world (default: the seasons from 2025 on)")
    parser.add_argument("--now", type=as_moment, help="world time to start at, ISO 8601, UTC (default: the real time)")
    parser.add_argument("--speed", type=float, default=1.0, help="world seconds per real second")
    parser.add_argument("--frozen", action="store_true", help="let the world's time stand still")
    parser.add_argument("--faults", type=parse_shares, default={}, help='shares by kind, as "429=0.02,reset=0.01"')
    parser.add_argument("--points-per-minute", type=int, default=800, help="request budget (default: %(default)s)")
    parser.add_argument("--kick-per-minute", type=int, default=60, help="Kick's budget (default: %(default)s)")
    parser.add_argument("--atlas-clients", type=int, default=10, help="clients of Atlas (default: %(default)s)")
    parser.add_argument("--atlas-per-minute", type=int, help="budget of each of them (default: different ones)")
    parser.add_argument("--requests-per-hour", type=int, default=3000, help="football budget (default: %(default)s)")
    parser.add_argument("--youtube-searches", type=int, default=100, help="a day (default: %(default)s)")
    parser.add_argument("--youtube-units", type=int, default=10_000, help="a day (default: %(default)s)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every answer takes at least")
    parser.add_argument("--token-lifetime", type=float, default=5_000_000, help="world seconds")
    parser.add_argument("--prefix", default="", help="a path before every API's own")
    parser.add_argument("--record", help="append every answer to this file as a line of JSON")
    parser.add_argument("--follow-parent", action="store_true", help="end when standard input does")
    options = vars(parser.parse_args(argv))
    follow = options.pop("follow_parent")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if follow:
        threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    try:
        sandbox = Sandbox(**options, keep=False)
    except ValueError as error:
        parser.error(str(error))
    try:
        sandbox.start()
    except OSError as error:
        parser.error(f"port {options['port']} can not be used: {error.strerror}")
    try:
        print(_greeting(sandbox, sys.stdout.isatty()), flush=True)
        stop.wait()
    finally:
        sandbox.stop()
    return 0


def _greeting(sandbox: Sandbox, for_people: bool) -> str:
    if not for_people:
        return msgspec.json.encode({"url": sandbox.url, "env": sandbox.env()}).decode()
    exports = [f"export {name}={shlex.quote(value)}" for name, value in sandbox.env().items()]
    return "\n".join(
        [f"The sandbox answers at {sandbox.url}. To point Airtime at it:", "", *exports, "", "Ctrl-C ends it."]
    )


def _wait_for_end_of_input(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(serve())
