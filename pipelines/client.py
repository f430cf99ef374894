"""The HTTP client: pooled connections, shared rate budgets, retries, credentials, limits; one for every source.

It returns parsed answers or raises; every request, however it ended, is handed to a log as a row for
raw_ops.api_requests.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter

from pipelines.budget import Budgets, Reported
from pipelines.clock import Clock, stored
from pipelines.errors import AirtimeError, CredentialsError, SourceError
from pipelines.scrub import Scrubber

Params = Iterable[tuple[str, str]]

NOT_MODIFIED = 304
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
# how token endpoints refuse a client
REFUSED_STATUSES = frozenset({400, 401, 403})
BACKOFF_SECONDS = 0.5
BACKOFF_CEILING_SECONDS = 30.0
# told to wait for longer, a request fails, and its units stay due
LONGEST_WAIT_SECONDS = 120.0
MAX_ANSWER_BYTES = 64 * 2**20
READ_BYTES = 2**18
ERROR_TEXT_LENGTH = 300
# this many failed requests in a row, with none answered in between, mean that the API is down
FAILURES_IN_A_ROW = 20


class ApiError(Exception):
    """A request that the API refused, or that failed after all retries.

    `status` is None if no answer came; `code` is the API's own code for the error, where its body gives one.
    """

    def __init__(self, message: str, status: int | None = None, code: int | None = None):
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Answer:
    """A parsed answer, with when it arrived, the request it belongs to, and its headers.

    `body` is None where the API says that nothing has changed (304).
    """

    body: Any
    fetched_at: dt.datetime
    request_id: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Auth(Protocol):
    """How requests are signed. `renew` is called with the headers that were refused."""

    def headers(self) -> dict[str, str]:
        """The headers for the next request."""
        ...

    def renew(self, refused: dict[str, str]) -> None:
        """Get a new credential, unless another thread has done so since."""
        ...


@dataclass(frozen=True)
class Limits:
    """Retries and time limits of a client, from the settings of the same names."""

    retries: int
    connect_timeout: float
    request_timeout: float
    connections: int


class Client:
    """Requests to one API. Safe to use from many threads."""

    def __init__(
        self,
        source: str,
        base_url: str,
        *,
        auth: Auth | None,
        budgets: Budgets,
        limits: Limits,
        clock: Clock,
        scrubber: Scrubber,
        run_id: str,
        log: Callable[[dict[str, Any]], None],
        read_limits: Callable[[requests.Response, bytes], Reported] = lambda response, content: Reported(),
        judge: Callable[[requests.Response, bytes, str], AirtimeError | None] = lambda response, content, text: None,
        name: str | None = None,
    ):
        # what its request ids are told from those of the source's other clients by
        self._name = name or source
        self.budgets = budgets
        # no request waits for its budget beyond this moment of the monotonic clock
        self.deadline = math.inf
        self._source = source
        self._base_url = base_url.rstrip("/")
        self._auth = auth
        self._limits = limits
        self._clock = clock
        self._scrubber = scrubber
        self._run_id = run_id
        self._log = log
        self._read_limits = read_limits
        # tells from a refusal, and from its text without secrets, whether it ends more than this request
        self._judge = judge
        self._session = new_session(self._base_url, limits.connections)
        self._numbers = itertools.count(1)
        self._failures = 0

    @property
    def base_url(self) -> str:
        """The address that paths are added to."""
        return self._base_url

    def today(self) -> dt.date:
        """The day (UTC)."""
        return self._clock.now().date()

    def path_of(self, url: str) -> str:
        """The path of an address of this API, its query included.

        Raises:
            ApiError: it is another place, to which the credential must not go.
        """
        if not url.startswith(self._base_url + "/"):
            raise ApiError(self._scrubber.clean(f"{url[:ERROR_TEXT_LENGTH]} is not under {self._base_url}"))
        return url.removeprefix(self._base_url)

    def get(
        self,
        path: str,
        params: Params = (),
        *,
        resource: str,
        endpoint: str | None = None,
        retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET a JSON answer; see `send`."""
        return self.send("GET", path, params, resource=resource, endpoint=endpoint, retries=retries, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        params: Params = (),
        *,
        resource: str,
        endpoint: str | None = None,
        retries: int | None = None,
        json_body: Any = None,
        parse: Callable[[bytes], Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read its JSON answer.

        `endpoint` is what the request log calls the path, where ids are part of it; `retries` lowers the tries after
        the first, for a request that can be made smaller instead. `parse` reads a body in place of parse_json;
        `headers` go along, such as If-None-Match.

        Raises:
            ApiError: the API refused the request, or it failed after all retries.
            CredentialsError: the API refused a credential that had just been renewed.
            QuotaError: the API's limit is used up for longer than the run has.
            SourceError: one request after another has failed; the API is down.
        """
        request_id = f"{self._run_id}-{self._name}-{next(self._numbers):06d}"
        tries = self._limits.retries if retries is None else retries
        read = parse or parse_json
        call = _Call(self, method, path, list(params), json_body, read, headers or {}, request_id, tries)
        started_at, start = self._clock.now(), self._clock.monotonic()
        answer: Answer | None = None
        error: Exception | None = None
        try:
            answer = call.run()
            self._failures = 0
            return answer
        except AirtimeError as failure:
            error = failure
            raise
        except ApiError as failure:
            error = failure
            # a refusal is an answer: only silence and server errors say that the API is down
            is_silent = failure.status is None or failure.status in RETRIED_STATUSES
            self._failures = self._failures + 1 if is_silent else 0
            if self._failures >= FAILURES_IN_A_ROW:
                raise SourceError(
                    f"{self._source}: {self._failures} requests in a row failed; the last: {failure}",
                    "see whether the API is up (`make doctor`), then run again: what is missing is still due",
                ) from failure
            raise
        finally:
            # what the budget keeps back is no request
            if call.attempts:
                self._log(
                    {
                        "request_id": request_id,
                        "run_id": self._run_id,
                        "source": self._source,
                        "resource": resource,
                        "endpoint": endpoint or path,
                        "status_code": call.status,
                        "is_success": answer is not None,
                        "attempts": call.attempts,
                        "rate_limited": call.rate_limited,
                        "started_at": stored(started_at),
                        "seconds": self._clock.monotonic() - start,
                        "bytes": call.size,
                        "error": None if error is None else self._scrubber.clean(str(error)),
                    }
                )


class _Call:
    """One request with its retries."""

    def __init__(
        self,
        client: Client,
        method: str,
        path: str,
        params: list[tuple[str, str]],
        json_body: Any,
        parse: Callable[[bytes], Any],
        headers: Mapping[str, str],
        request_id: str,
        retries: int,
    ):
        self._client = client
        self._method = method
        self._json_body = json_body
        self._parse = parse
        self._headers = headers
        self._retries = retries
        self._budget = client.budgets.of(path)
        self._path = path
        self._params = params
        self._request_id = request_id
        self._renewed = False
        self.attempts = 0
        self.rate_limited = 0
        self.status: int | None = None
        self.size = 0

    def run(self) -> Answer:
        client = self._client
        while True:
            self._budget.acquire(client.deadline)
            self.attempts += 1
            sent: dict[str, str] = {}
            reported = Reported()
            retry_after = None
            self.status = None
            try:
                sent = client._auth.headers() if client._auth else {}
                response, content = read_whole(
                    client._session,
                    self._method,
                    client._base_url + self._path,
                    client._limits,
                    client._clock,
                    params=self._params,
                    json=self._json_body,
                    headers={**sent, **self._headers},
                )
                self.status, self.size = response.status_code, len(content)
                reported = client._read_limits(response, content)
                if response.status_code == NOT_MODIFIED:
                    return Answer(None, client._clock.now(), self._request_id, response.headers)
                if _is_good(response):
                    return Answer(self._parse(content), client._clock.now(), self._request_id, response.headers)
                text = _explain(self._path, response, content, client._scrubber)
                if verdict := client._judge(response, content, text):
                    raise verdict
                failure = ApiError(text, self.status, _code(content))
                retry_after = _retry_after(response, client._clock)
            except requests.RequestException as broken:
                self.status = None
                failure = ApiError(client._scrubber.clean(f"{self._path}: {type(broken).__name__}: {broken}"))
            finally:
                self._budget.release(reported, exhausted=self.status == 429 and not reported.remaining)
            if self.status == 429:
                self.rate_limited += 1
            if self.status == 401 and client._auth:
                if self._renewed:
                    raise CredentialsError(f"{client._source}: the API refuses a token that was just issued: {failure}")
                self._renewed = True
                client._auth.renew(sent)
                continue
            if self.status is not None and self.status not in RETRIED_STATUSES:
                raise failure
            # too many requests says nothing against this one
            if self.attempts > (client._limits.retries if self.status == 429 else self._retries):
                raise failure
            # a limit that is reported as used up tells how long to wait by itself; all else backs off
            if self.status == 429 and (reported.resets_in is not None or (reported.remaining == 0 and not retry_after)):
                continue
            if (retry_after or 0) > LONGEST_WAIT_SECONDS:
                raise failure
            client._clock.sleep(backoff(self.attempts) if retry_after is None else retry_after)


class FixedToken:
    """A token that the settings give, in a header; there is no other to renew it with."""

    def __init__(self, header: str, token: str, name: str, extra_headers: Mapping[str, str] | None = None):
        self._headers = {header: token, **(extra_headers or {})}
        self._name = name

    def headers(self) -> dict[str, str]:
        """The header of a signed request."""
        return self._headers

    def renew(self, refused: dict[str, str]) -> None:
        """Say that the token is of no use.

        Raises:
            CredentialsError: always.
        """
        raise CredentialsError(f"{self._name} was refused", f"correct {self._name} in .env")


class ClientCredentials:
    """OAuth client credentials: an app token, got when first needed and renewed when refused."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        names: tuple[str, str],
        limits: Limits,
        clock: Clock,
        scrubber: Scrubber,
        extra_headers: dict[str, str],
    ):
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._names = names
        self._limits = limits
        self._clock = clock
        self._scrubber = scrubber
        self._extra_headers = extra_headers
        self._session = new_session(token_url, 1)
        self._lock = threading.Lock()
        self._token: str | None = None
        self._expires_at = 0.0

    def headers(self) -> dict[str, str]:
        """The headers of a signed request; a token that is about to expire is renewed first."""
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._expires_at:
                self._issue()
            return {"Authorization": f"Bearer {self._token}", **self._extra_headers}

    def renew(self, refused: dict[str, str]) -> None:
        """Replace the refused token, once for all threads that were refused with it."""
        with self._lock:
            if refused.get("Authorization") == f"Bearer {self._token}":
                self._issue()

    def _issue(self) -> None:
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
        }
        for attempt in itertools.count(1):
            try:
                response, content = read_whole(
                    self._session, "POST", self._token_url, self._limits, self._clock, data=form
                )
                if _is_good(response):
                    self._accept(parse_json(content))
                    return
                failure = _explain("token endpoint", response, content, self._scrubber)
                if response.status_code in REFUSED_STATUSES:
                    raise CredentialsError(
                        f"{' and '.join(self._names)} were refused ({failure})",
                        f"correct {self._names[0]} and {self._names[1]} in .env",
                    )
                if response.status_code not in RETRIED_STATUSES:
                    raise SourceError(f"no token could be got: {failure}", "see whether the auth address is right")
            except requests.RequestException as broken:
                failure = self._scrubber.clean(f"token endpoint: {type(broken).__name__}: {broken}")
            if attempt > self._limits.retries:
                raise SourceError(f"no token could be got: {failure}", "see whether the address is right and reachable")
            self._clock.sleep(backoff(attempt))

    def _accept(self, body: Any) -> None:
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            raise SourceError("the token endpoint answered without an access_token", "check the auth address")
        self._scrubber.add(token)
        self._token = token
        lifetime = _whole_seconds(body.get("expires_in"))
        # renewed a minute early, so that no request is sent with a token that expires under way
        self._expires_at = self._clock.monotonic() + (3600 if lifetime is None else max(1, lifetime - 60))


def _whole_seconds(value: Any) -> int | None:
    """A number of seconds that an API sends as a number or as a text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def new_session(base_url: str, connections: int) -> requests.Session:
    """A session whose pool holds a connection for each thread; proxies and certificates are looked up once, here."""
    session = requests.Session()
    found = session.merge_environment_settings(base_url, {}, None, None, None)
    session.proxies, session.verify, session.trust_env = found["proxies"], found["verify"], False
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def read_whole(
    session: requests.Session, method: str, url: str, limits: Limits, clock: Clock, **request: Any
) -> tuple[requests.Response, bytes]:
    """An answer and its whole body, within the limits of time and size.

    Raises:
        requests.RequestException: no connection, a broken or truncated answer, too slow, or too large.
    """
    deadline = clock.monotonic() + limits.request_timeout
    timeout = (limits.connect_timeout, limits.request_timeout)
    with session.request(method, url, timeout=timeout, stream=True, allow_redirects=False, **request) as response:
        parts, size = [], 0
        for part in _parts(response):
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                raise requests.exceptions.ContentDecodingError(f"the answer exceeds {MAX_ANSWER_BYTES} bytes")
            if clock.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout(f"the answer took more than {limits.request_timeout} s")
    return response, b"".join(parts)


def _parts(response: requests.Response) -> Iterator[bytes]:
    """The body as it arrives: iter_content would wait for a whole part, however slowly it drips."""
    try:
        while part := response.raw.read1(READ_BYTES, decode_content=True):
            yield part
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from None


def parse_json(content: bytes) -> Any:
    """The body as Python values.

    Raises:
        requests.exceptions.ContentDecodingError: not JSON, as a truncated body is; worth another try.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        # more lenient: what it takes (lone surrogates, 1e999 as text) sends one row to quarantine, and loses no page
        return json.loads(content, parse_constant=str, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise requests.exceptions.ContentDecodingError(f"the answer is not JSON: {error}") from None


def _finite(text: str) -> float | str:
    return number if math.isfinite(number := float(text)) else text


def backoff(attempt: int) -> float:
    """Seconds to wait after a failed attempt: exponential, with full jitter."""
    return random.uniform(0.5, 1.0) * min(BACKOFF_CEILING_SECONDS, BACKOFF_SECONDS * 2 ** (attempt - 1))


def bisect(
    units: Sequence[str],
    fetch: Callable[[Sequence[str]], Answer],
    divisible: Callable[[ApiError], bool] = lambda error: error.status == 400,
) -> Iterable[tuple[Sequence[str], Answer | ApiError]]:
    """Fetch a batch; when the API refuses it as a whole, halve it until what it refuses stands alone.

    Yields each part with its answer, or with the error of a single unit that was refused.
    """
    try:
        yield units, fetch(units)
    except ApiError as error:
        if not divisible(error) or len(units) == 1:
            yield units, error
            return
        middle = len(units) // 2
        yield from bisect(units[:middle], fetch, divisible)
        yield from bisect(units[middle:], fetch, divisible)


def _is_good(response: requests.Response) -> bool:
    # redirects are not followed: they would carry the credentials to another place
    return response.ok and not response.is_redirect


def _explain(path: str, response: requests.Response, content: bytes, scrubber: Scrubber) -> str:
    text = response.headers["Location"] if response.is_redirect else content.decode("utf-8", "replace")
    # cleaned before it is cut, or half a secret could stay
    return f"{path}: HTTP {response.status_code}: {scrubber.clean(text)[:ERROR_TEXT_LENGTH]}"


def _code(content: bytes) -> int | None:
    """The API's own code for an error, from its body."""
    try:
        return msgspec.json.decode(content, type=_Coded, strict=False).code
    except msgspec.MsgspecError:
        return None


class _Coded(msgspec.Struct):
    code: int | None = None


def _retry_after(response: requests.Response, clock: Clock) -> float | None:
    value = response.headers.get("Retry-After")
    if not value:
        return None
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return None
