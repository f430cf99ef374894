"""What the server and a simulated API say to each other; an API needs to know nothing of sockets."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

from pipelines.sandbox.atlas import AtlasWorld
from pipelines.sandbox.football import Football
from pipelines.sandbox.limits import Budget, Limiter
from pipelines.sandbox.world import World

Row = dict[str, Any]
# fields to lay over a row; or a function of the row; None, from either, makes the row absent
Edit = Row | Callable[[Row], Row | None] | None


def timestamp(moment: float) -> str:
    """Return RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Answer(NamedTuple):
    """A status, the JSON body that goes with it (None: an empty body), and headers of this answer alone.

    Where they meet those of the budget (see Api.limit_headers), the budget's count. The server compresses the body if
    the headers say that it is.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = MappingProxyType({})


class RefusalError(Exception):
    """Raised by a handler to answer with an error in its API's shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class Call:
    """One request, as a handler sees it. `now` is the world time in epoch seconds, the same for the whole answer."""

    now: float
    query: list[tuple[str, str]]
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    captured: Mapping[str, str] = field(default_factory=dict)  # the {names} of the route's path
    path: str = ""  # the route's, with its {names}
    url: str = ""  # as it was asked for, without the query
    budget: Budget | None = None  # what is left after this request; None if it is not metered
    content: bytes = b""  # of a request in JSON

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter."""
        return [value for key, value in self.query if key == name]

    def one(self, name: str) -> str | None:
        """Return a parameter's first value."""
        return next((value for key, value in self.query if key == name), None)


class Route(NamedTuple):
    """`path` is relative to the API's base URL and is what gets recorded; the server listens at mount + path.

    A metered route draws from a bucket and may meet faults; token endpoints are not metered.
    """

    method: str
    mount: str
    path: str  # aiohttp's syntax: "/fixtures/{id}"
    handler: Callable[[Call], Answer]
    metered: bool = True


class Edits(dict[str, dict[Any, Edit]]):
    """What the world is made to say, over what it would: edits[resource][id]. Unknown resources are a KeyError.

    An id is of the type that the API's rows have; where clients have rows of their own, it is (client, id).
    """

    def apply(self, resource: str, key: Hashable, row: Row) -> Row | None:
        """Return the row as it is to be served, or None if it is to be absent."""
        edits = self[resource]
        if key not in edits:
            return row
        edit = edits[key]
        if callable(edit):
            return edit(deepcopy(row))  # rows share parts with later ones
        return None if edit is None else {**row, **edit}


@dataclass(frozen=True, slots=True)
class Setting:
    """All that an API is built from. Each platform of live streams has a world of its own, with channels of its own."""

    world_of: Callable[[str], World]
    edits: Edits
    traps: frozenset[str]
    token_lifetime: float  # world seconds
    football: Football
    time: Callable[[], float]  # world time in epoch seconds
    requests_per_hour: int  # of world time, for APIs that count so
    kick_per_minute: int  # of real time, for the one API that counts apart from the others
    youtube_searches: int  # of a day of world time
    youtube_units: int
    atlas: AtlasWorld
    atlas_per_minute: int | None  # of real time, for each client; None: different ones


class Api(Protocol):
    """A simulated upstream API. Built from a Setting; listed in pipelines.sandbox.apis.APIS."""

    name: str
    resources: tuple[str, ...]  # the keys of `edits` that it serves

    def __init__(self, setting: Setting) -> None: ...

    def routes(self) -> Iterable[Route]:
        """Return every endpoint."""

    def env(self, base: str) -> dict[str, str]:
        """Return the settings that point a client here; `base` is the server's URL with its prefix."""

    def bucket(self, call: Call) -> str:
        """Return which request budget a call draws from."""

    def limit_headers(self, budget: Budget, now: float) -> dict[str, str]:
        """Return the headers that tell a client its budget."""

    def error(self, route: Route, status: int, message: str | None = None) -> Answer:
        """Return an error of this API, with its own wording if no message is given."""

    def revoke(self, call: Call) -> None:
        """Make the credentials of a call invalid from now on."""


@runtime_checkable
class BringsLimits(Protocol):
    """An API that counts requests in its own way; the others draw from the sandbox's token buckets."""

    limits: Limiter
