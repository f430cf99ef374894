"""Atlas: clients and routes as they are declared, checked strictly, and the pages of a route.

dlt's paginators are not used: they work on the requests and responses of dlt's own client, which this project never
makes (its client budgets, retries, scrubs and logs before anything is parsed), follow a link to any host with the
token, and go round in circles when a cursor comes back. The five styles are what is below.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urljoin

import msgspec
from requests.utils import parse_header_links

from pipelines.client import Answer, ApiError, Client
from pipelines.errors import UsageError
from pipelines.settings import Positive, Tables
from pipelines.sources.atlas_records import Envelope, split, within

DEMO = Path(__file__).with_name("atlas_demo.toml")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
Path_ = Annotated[str, msgspec.Meta(pattern=r"^/\S*$")]
BaseUrl = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s@?#]+(/[^\s@?#]*)?$")]
TokenHeader = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]+: [^{}]*\{token\}$")]
Kind = TypeVar("Kind", bound=msgspec.Struct)


class Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the declaration; a key that nobody knows is refused."""


class Period(Declared, frozen=True, kw_only=True):
    """How a route takes its period: the names of both ends (or {from} and {to} in its path), and how they are written.

    `to` is the last day of the period, or with `until = "exclusive"` the day after it.
    """

    place: Literal["query", "path", "body"] = "query"
    start: str = msgspec.field(default="from", name="from")
    end: str = msgspec.field(default="to", name="to")
    format: Literal["date", "datetime"] = "date"
    until: Literal["inclusive", "exclusive"] = "inclusive"

    def values(self, day: dt.date) -> dict[str, str]:
        """Both ends of the period that is one day (UTC)."""
        last = day + dt.timedelta(days=self.until == "exclusive")
        if self.format == "date":
            return {self.start: day.isoformat(), self.end: last.isoformat()}
        at = "T00:00:00Z" if self.until == "exclusive" else "T23:59:59Z"
        return {self.start: f"{day}T00:00:00Z", self.end: f"{last}{at}"}


class Pages(Declared, frozen=True, kw_only=True):
    """How a route hands out its pages.

    style: page (a number, from `first`), offset, cursor, next_link (an address in the body) or header_link (RFC 8288).
    param: the query parameter of the page number, the offset or the cursor.
    size_param, size: the query parameter of the page size, and its value.
    next: where the next cursor or address is in the body, keys joined by dots.
    total, last: where the number of all records, or the number of the last page, is in the body.
    """

    style: Literal["page", "offset", "cursor", "next_link", "header_link"]
    param: str | None = None
    first: int = 1
    size_param: str | None = None
    size: Positive = 100
    next: str | None = None
    total: str | None = None
    last: str | None = None

    def __post_init__(self) -> None:
        needs = {"page": ("param",), "offset": ("param",), "cursor": ("param", "next"), "next_link": ("next",)}
        for name in needs.get(self.style, ()):
            if getattr(self, name) is None:
                raise ValueError(f"style {self.style!r} needs `{name}`")


class Route(Declared, frozen=True, kw_only=True):
    """A route: what to ask, and where in its answers the records are.

    rows: keys to the list of records, joined by dots; empty where the body is the list.
    key: what a record is known by; one without is known by its content.
    volatile: fields that change from answer to answer and do not count as content.
    token: the header that carries the client's token.
    trailing_days: days after a day during which its records still arrive and change.
    requests_per_minute: a limit of this route alone, instead of its share of the client's.
    """

    path: Path_
    method: Literal["GET", "POST"] = "GET"
    period: Period = Period()
    pages: Pages
    rows: str = ""
    key: str | None = None
    volatile: tuple[str, ...] = ()
    query: dict[str, str] = {}
    token: TokenHeader = "Authorization: Bearer {token}"
    trailing_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 3
    requests_per_minute: Positive | None = None

    def __post_init__(self) -> None:
        if (self.period.place == "path") != ("{from}" in self.path and "{to}" in self.path):
            raise ValueError('`path` holds {from} and {to} if, and only if, `period` has place = "path"')
        if self.period.place == "body" and self.method != "POST":
            raise ValueError('a period in the body needs method = "POST"')


class ClientOf(Declared, frozen=True, kw_only=True):
    """A client: its address, what is collected from which day on, and its rate limit.

    Either `since`, a date, or `days_back`, so many days before today.
    """

    base_url: BaseUrl
    routes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    since: dt.date | None = None
    days_back: Positive | None = None
    requests_per_minute: Positive = 60

    def __post_init__(self) -> None:
        if (self.since is None) == (self.days_back is None):
            raise ValueError("it needs either `since` (a date) or `days_back`")

    def first_day(self, today: dt.date) -> dt.date:
        """The first day to collect."""
        return self.since or today - dt.timedelta(days=self.days_back or 0)


class Job(Declared, frozen=True, kw_only=True):
    """A collection job: what of a client to collect, and how often to look for what is due of it.

    routes: some of the client's; all of them if none is named.
    since, until: its period, days (UTC) of which the last one is the day before `until`; open if there is none.
    every_minutes: how often it is due; one without runs when somebody says so.
    """

    client: str
    routes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] | None = None
    since: dt.date
    until: dt.date | None = None
    every_minutes: Positive | None = None
    stopped: bool = False

    def __post_init__(self) -> None:
        if self.until is not None and self.until <= self.since:
            raise ValueError(f"`until` {self.until} is not after `since` {self.since}")


class Declaration(msgspec.Struct, frozen=True):
    """All clients and routes."""

    clients: dict[str, ClientOf]
    routes: dict[str, Route]


def read(clients: Tables, routes: Tables, file: Path) -> Declaration:
    """Check a declaration; `file` is what errors name.

    Raises:
        UsageError: it does not fit; the message names file, line and key.
    """
    found = Declaration(
        {name: _one(ClientOf, "clients", name, values, file) for name, values in clients.items()},
        {name: _one(Route, "routes", name, values, file) for name, values in routes.items()},
    )
    variables: dict[str, str] = {}
    for name, client in found.clients.items():
        if other := variables.get(token_key(name)):
            raise _wrong(file, "clients", name, None, f"{other!r} has the same variable {token_variable(name)}")
        variables[token_key(name)] = name
        if unknown := [route for route in client.routes if route not in found.routes]:
            known = ", ".join(sorted(found.routes)) or "none"
            raise _wrong(file, "clients", name, "routes", f"there is no route {unknown[0]!r}; declared are: {known}")
    return found


def read_jobs(jobs: Tables, declaration: Declaration, file: Path, any_client: bool = False) -> dict[str, Job]:
    """Check declared jobs; `file` is what errors name. any_client: who the clients are is not known yet.

    Raises:
        UsageError: one does not fit; the message names file, line and key.
    """
    found = {name: _one(Job, "jobs", name, values, file) for name, values in jobs.items()}
    for name, job in found.items():
        client = declaration.clients.get(job.client)
        if client is None and not any_client:
            known = ", ".join(declaration.clients) or "none"
            why = f"there is no client {job.client!r}; declared are: {known}"
            raise _wrong(file, "jobs", name, "client", why)
        routes = client.routes if client else tuple(declaration.routes)
        if unknown := [route for route in job.routes or () if route not in routes]:
            why = f"client {job.client} has no route {unknown[0]!r}; it has: {', '.join(routes)}"
            raise _wrong(file, "jobs", name, "routes", why)
    return found


def demo(base_url: str, clients: Iterable[str], more_routes: Tables | None = None) -> Declaration:
    """The declaration that comes with the project, for some clients of the sandbox; its own one if none is named.

    more_routes: what is declared beside it, checked already; each client has these, too.
    """
    content = tomllib.loads(DEMO.read_text("utf-8").replace("ATLAS_SANDBOX_URL", base_url.rstrip("/")))["sources"][
        "atlas"
    ]
    ((example, values),) = content["clients"].items()
    known = {**content["routes"], **(more_routes or {})}
    named = {
        name: {**values, "base_url": values["base_url"].removesuffix(example) + name, "routes": list(known)}
        for name in clients or [example]
    }
    return read(named, known, DEMO)


def token_variable(client: str) -> str:
    """The environment variable of a client's token."""
    return f"ATLAS_TOKEN_{token_key(client)}".upper()


def token_key(client: str) -> str:
    """A client's name as variables can spell it."""
    return re.sub(r"\W", "_", client.replace("-", "_")).lower()


def pages(client: Client, route: Route, name: str, day: dt.date, resource: str) -> Iterator[tuple[Answer, Envelope]]:
    """The pages of a route for a day, to the last.

    Raises:
        ApiError: the API refused a page, or its pages do not lead to an end.
    """
    period, style = route.period, route.pages
    values = period.values(day)
    path, query, body = route.path, dict(route.query), None
    if period.place == "path":
        start, end = values.values()
        path = path.replace("{from}", start).replace("{to}", end)
    elif period.place == "body":
        body = values
    else:
        query |= values
    if style.size_param:
        query[style.size_param] = str(style.size)
    place: Any = {"page": style.first, "offset": 0}.get(style.style)
    seen: set[str] = set()
    while True:
        params = dict(query)
        if style.param and place is not None:
            params[style.param] = str(place)
        answer = client.send(
            route.method,
            path,
            list(params.items()),
            resource=resource,
            endpoint=route.path,
            json_body=body,
            parse=lambda content: split(content, keys(route.rows)),
        )
        yield answer, answer.body
        place = _next_place(style, answer, place)
        if place is None:
            return
        if str(place) in seen:
            raise ApiError(f"{name}: the page after this one is one that was there before: {str(place)[:100]!r}")
        seen.add(str(place))
        if style.style in ("next_link", "header_link"):
            path, query, place = client.path_of(urljoin(client.base_url + path, place)), {}, None


def total_of(route: Route, envelope: Envelope) -> int | None:
    """How many records the API says that there are."""
    return _number(envelope.around, route.pages.total)


def keys(path: str | None) -> list[str]:
    """The keys of a path."""
    return path.split(".") if path else []


def _next_place(style: Pages, answer: Answer, place: Any) -> Any:
    """Where the next page is; None after the last."""
    envelope: Envelope = answer.body
    count = len(envelope.records)
    if style.style in ("page", "offset"):
        total, last = _number(envelope.around, style.total), _number(envelope.around, style.last)
        step = 1 if style.style == "page" else count
        if not count or (last is not None and place >= last):
            return None
        if last is None:
            read = place + count if style.style == "offset" else (place - style.first + 1) * style.size
            # an API may cap the size that it was asked for, so a short page is the end only if nothing else tells
            if read >= total if total is not None else count < style.size:
                return None
        return place + step
    if style.style == "header_link":
        links = parse_header_links(answer.headers.get("Link", "")) if answer.headers.get("Link") else []
        return next((link["url"] for link in links if "next" in link.get("rel", "").split()), None)
    found = within(envelope.around, keys(style.next))
    if found is None or found == "":
        return None
    if isinstance(found, str) or (style.style == "cursor" and isinstance(found, int)):
        return found
    raise ApiError(f"{style.next} is no {'address' if style.style == 'next_link' else 'cursor'}")


def _number(around: Any, path: str | None) -> int | None:
    found = within(around, keys(path)) if path else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _one(kind: type[Kind], table: str, name: str, values: Mapping[str, Any], file: Path) -> Kind:
    if not NAME.fullmatch(name):
        raise _wrong(file, table, name, None, "a name is letters, digits, _ and -")
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$")
        unknown = re.search(r"unknown field `([^`]+)`", text)
        key = where.strip("`").lstrip(".").split("[")[0] or (unknown[1] if unknown else None)
        if unknown and where:
            key = ".".join([part for part in (where.strip("`").lstrip("."), unknown[1]) if part])
        raise _wrong(file, table, name, key, text[0].lower() + text[1:]) from None


def _wrong(file: Path, table: str, name: str, key: str | None, why: str) -> UsageError:
    heading = f"[sources.atlas.{table}.{name}]"
    line = line_of(file, heading, keys(key)[:1])
    where = f"{file.parent.name}/{file.name}" + (f", line {line}" if line else "")
    mend = "correct that line" if line else "declare it otherwise; nothing was written"
    return UsageError(f"{where}: {heading}{f' {key}' if key else ''}: {why}", mend)


def line_of(file: Path, heading: str, key: Sequence[str] = ()) -> int | None:
    """The line of a key below a heading, or of the heading; None if it is written in another way."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        return None
    wanted = heading.replace('"', "").replace("'", "")
    start = next(
        (n for n, line in enumerate(lines, 1) if line.replace('"', "").replace("'", "").strip().startswith(wanted)),
        None,
    )
    if start is None or not key:
        return start
    for number, line in enumerate(lines[start:], start + 1):
        if line.lstrip().startswith("["):
            break
        if re.match(rf"\s*[\"']?{re.escape(key[0])}[\"']?\s*[.=]", line):
            return number
    return start
