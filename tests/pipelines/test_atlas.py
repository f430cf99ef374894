"""Atlas: days of the simulated clients read whole, however their pages shift; one client's trouble stays its own."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipelines.errors import CredentialsError, UsageError
from pipelines.resources import Api, Fetched, Opening, Scope, Unit
from pipelines.sandbox import Sandbox
from pipelines.scrub import Scrubber
from pipelines.sources import atlas
from pipelines.validation import Context, check
from tests.helpers import NOW, Loopback, Reply, Request, limits, source_api

ROUTES = ("pedido", "nota", "produto", "entrega", "evento")
ONE, TWO = "2151", "2152"
WORLD = {"frozen": True, "channels": 10, "fixtures": 0, "atlas_clients": 2, "atlas_per_minute": 1_000_000}
Options = dict[str, Any]


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """For tests that change nothing in it."""
    with Sandbox(now=NOW, **WORLD) as sandbox:
        yield sandbox


@pytest.fixture
def own() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, **WORLD) as sandbox:
        yield sandbox


def api_of(sandbox: Sandbox, **options: Any) -> Api:
    return source_api(atlas.SOURCE, sandbox, **options)


def read(api: Api, route: str, day: Any, client: str = ONE) -> Fetched:
    return atlas.fetch_day(api, [Unit(f"{client}/{route}/{day}")])


def rows(fetched: Fetched, table: Any = atlas.PAYLOADS) -> list[dict[str, Any]]:
    return [row for part in fetched.rows if part.table is table for row in part.rows]


def contents(fetched: Fetched) -> Counter[str]:
    found = [json.loads(row["payload"]) for row in rows(fetched)]
    return Counter(as_text({key: value for key, value in one.items() if key != "servido_em"}) for one in found)


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def truth(sandbox: Sandbox, route: str, day: Any, client: str = ONE) -> Counter[str]:
    return Counter(map(as_text, sandbox.atlas.records(client, route, day, day, sandbox.clock.time())))


def busy_day(sandbox: Sandbox, route: str, least: int, client: str = ONE) -> dt.date:
    """A day with so many records."""
    days = (dt.date(2026, 2, 1) + dt.timedelta(number) for number in range(200))
    return next(day for day in days if sum(truth(sandbox, route, day, client).values()) >= least)


# -- days


@pytest.mark.parametrize("route", ROUTES)
def test_a_day_is_read_whole_and_every_record_fits(shared: Sandbox, route: str) -> None:
    api = api_of(shared)
    for day in (dt.date(2026, 2, 1) + dt.timedelta(number) for number in range(10)):
        fetched = read(api, route, day)
        (outcome,) = fetched.outcomes
        assert outcome.status == "ok" and outcome.synced_until
        assert contents(fetched) == truth(shared, route, day) and outcome.rows == len(rows(fetched))
        for part in fetched.rows:
            assert check(part.table, part.rows, Context(NOW, NOW, "request")).refused == []


def test_payloads_are_the_bytes_that_came_and_equal_contents_have_one_hash(shared: Sandbox) -> None:
    day = busy_day(shared, "evento", 30)
    before = len(shared.served)
    fetched = read(api_of(shared), "evento", day)
    bodies = b"".join(one.content for one in shared.served[before:] if one.content).decode()
    assert all(row["payload"] in bodies for row in rows(fetched))
    again = read(api_of(shared), "evento", day)
    texts = lambda found: [row["payload"] for row in rows(found)]
    hashes = lambda found: [row["content_hash"] for row in rows(found)]
    assert texts(again) != texts(fetched) and hashes(again) == hashes(fetched), "servido_em does not count"
    assert [row["record_key"] for row in rows(fetched)] == hashes(fetched)
    assert len(set(hashes(fetched))) == len(truth(shared, "evento", day))


def small_pages(own: Sandbox, route: str, **pages: Any) -> Options:
    """A declaration of one client whose pages are small enough to shift while they are read."""
    declared = {
        "pedido": {
            "path": "/api/v1/pedidos",
            "period": {"from": "data_inicio", "to": "data_fim"},
            "pages": {"style": "page", "param": "pagina", "size_param": "limite", "size": 4, "last": "total_paginas"},
            "rows": "dados",
            "key": "id",
        },
        "nota": {
            "path": "/api/v1/notas",
            "period": {"from": "desde", "to": "ate", "format": "datetime", "until": "exclusive"},
            "pages": {"style": "offset", "param": "offset", "size_param": "limit", "size": 4},
            "rows": "results",
            "key": "numero",
            "token": "X-Api-Key: {token}",
        },
    }[route]
    declared["pages"] |= pages
    return {
        "clients": {ONE: client_at(f"{own.env()['ATLAS_SANDBOX_URL']}/atlas/{ONE}", route)},
        "routes": {route: declared},
    }


def client_at(url: str, *routes: str, **more: Any) -> Options:
    return {"base_url": url, "routes": list(routes), "days_back": 10, "requests_per_minute": 1_000_000, **more}


def opened(sandbox: Sandbox, options: Options, **more: Any) -> Api:
    """Atlas with a declaration of one's own."""
    api = api_of(sandbox, **more)
    settings = atlas.Settings(tokens=api.settings.tokens, **options)
    return Api(opened_with(api, settings, **more), settings, api.general, Scope(), api.clock)


def opened_with(api: Api, settings: atlas.Settings, log: Any = None) -> Any:
    """The clients of some settings."""
    opening = Opening(
        settings=settings,
        general=api.general,
        limits=limits(1),
        clock=api.clock,
        scrubber=Scrubber(),
        run_id="run",
        log=[].append if log is None else log.append,
    )
    return atlas.open_clients(opening)


@pytest.mark.parametrize(
    ("route", "pages"),
    [("pedido", {"total": "total"}), ("pedido", {}), ("nota", {"total": "count"}), ("nota", {})],
    ids=["page", "page without total", "offset", "offset without total"],
)
def test_no_record_is_lost_when_pages_shift_while_they_are_read(own: Sandbox, route: str, pages: Options) -> None:
    day = busy_day(own, route, 35)
    own.clock.set(f"{day}T12:00:00Z")
    api = opened(own, small_pages(own, route, **pages))
    http = api.client.of(ONE, route)
    send, sent = http.send, []
    starts: list[Counter[str]] = []

    def slowly(method: str, path: str, params: Any, **options: Any) -> Any:
        if dict(params).get("pagina") == "1" or dict(params).get("offset") == "0":
            starts.append(truth(own, route, day))
        answer = send(method, path, params, **options)
        sent.append(params)
        if len(sent) < 8:
            own.clock.advance(3600)
        return answer

    http.send = slowly
    fetched = read(api, route, day)
    assert fetched.outcomes[0].status == "ok" and len(starts) > 1
    assert len(starts[0]) < len(starts[-1]) and starts[-1].keys() <= contents(fetched).keys()
    seen = [row["record_key"] for row in rows(fetched)]
    assert len(seen) > len(set(seen)), "the pages have shifted"


def test_a_list_that_never_comes_to_rest_is_not_complete(own: Sandbox) -> None:
    day = busy_day(own, "pedido", 20)
    with Loopback(lambda request: Reply({"total": 9, "total_paginas": 2, "dados": [{"id": next(numbers)}]})) as server:
        numbers = iter(range(1000))
        options = small_pages(own, "pedido", total="total")
        options["clients"][ONE]["base_url"] = server.url
        fetched = read(opened(own, options), "pedido", day)
    (outcome,) = fetched.outcomes
    assert (outcome.status, outcome.synced_until) == ("failed", None) and "said to be 9" in outcome.message
    assert len(rows(fetched)) == 10


@pytest.mark.parametrize("total", [0, 3])
def test_a_single_page_that_is_as_long_as_it_says_is_read_once(own: Sandbox, total: int) -> None:
    body = {"total": total, "total_paginas": 1, "dados": [{"id": number} for number in range(total)]}
    with Loopback(lambda request: Reply(body)) as server:
        options = small_pages(own, "pedido", total="total")
        options["clients"][ONE]["base_url"] = server.url
        assert read(opened(own, options), "pedido", "2026-02-01").outcomes[0].rows == total
        assert len(server.requests) == 1


# -- pages that lead astray


def link_to(url: str) -> Callable[[Request], Reply]:
    return lambda request: Reply({"items": [{"id": 1}], "next": url})


LINKS = {"path": "/r", "pages": {"style": "next_link", "next": "next"}, "rows": "items", "key": "id"}


def test_a_link_to_another_host_is_not_followed_and_the_token_stays_here(own: Sandbox) -> None:
    with Loopback(lambda request: Reply([])) as stranger, Loopback(link_to(stranger.url + "/r?page=2")) as server:
        options = {"clients": {ONE: client_at(server.url, "r")}, "routes": {"r": LINKS}}
        fetched = read(opened(own, options), "r", "2026-02-01")
        assert stranger.requests == [] and "is not under" in (fetched.outcomes[0].message or "")
    assert fetched.outcomes[0].status == "failed" and len(rows(fetched)) == 1, "what came before is kept"


def test_pages_that_go_round_in_circles_fail(own: Sandbox) -> None:
    with Loopback(link_to("?page=2")) as server:
        options = {"clients": {ONE: client_at(server.url, "r")}, "routes": {"r": LINKS}}
        fetched = read(opened(own, options), "r", "2026-02-01")
        assert len(server.requests) == 2 and "was there before" in (fetched.outcomes[0].message or "")


# -- isolation


def test_a_refused_token_ends_its_client_and_no_other(own: Sandbox) -> None:
    own.revoke_client(ONE)
    api = api_of(own)
    first, second = read(api, "pedido", "2026-02-01"), read(api, "nota", "2026-02-01")
    assert isinstance(first.problem, CredentialsError) and "ATLAS_TOKEN_2151" in str(first.problem)
    assert [outcome.status for outcome in first.outcomes] == ["failed"]
    assert (second.outcomes, second.rows) == ([], []), "left for the next run, and not asked for"
    assert len(own.served) == 1
    assert read(api, "pedido", "2026-02-01", TWO).outcomes[0].status == "ok"


def test_a_token_of_another_client_is_refused_and_ends_that_route(own: Sandbox) -> None:
    tokens = own.env()
    api = api_of(own, token_2151=tokens["ATLAS_TOKEN_2152"])
    fetched = read(api, "pedido", "2026-02-01")
    assert isinstance(fetched.problem, CredentialsError) and read(api, "pedido", "2026-02-02").outcomes == []
    assert tokens["ATLAS_TOKEN_2152"] not in str(fetched.problem)


def test_a_client_without_a_token_fails_alone(own: Sandbox) -> None:
    options = small_pages(own, "pedido", total="total")
    options["clients"]["none"] = client_at("http://127.0.0.1:9", "pedido")
    api = opened(own, options)
    fetched = read(api, "pedido", "2026-02-01", "none")
    assert "client none has no token" in str(fetched.problem)
    assert read(api, "pedido", "2026-02-01").outcomes[0].status == "ok"


def test_each_client_is_asked_with_its_own_token_alone(shared: Sandbox) -> None:
    with Loopback(lambda request: Reply({"items": []})) as server:
        clients = {name: client_at(f"{server.url}/{name}", "r") for name in (ONE, TWO)}
        log: list[dict[str, Any]] = []
        api = opened(shared, {"clients": clients, "routes": {"r": LINKS}}, log=log)
        for name in (ONE, TWO, ONE):
            read(api, "r", "2026-02-01", name)
        sent = {(one.path.split("/")[1], one.headers["Authorization"]) for one in server.requests}
    env = shared.env()
    assert sent == {(name, f"Bearer {env[f'ATLAS_TOKEN_{name}']}") for name in (ONE, TWO)}
    assert Counter(row["resource"] for row in log) == {f"{ONE}/r": 2, f"{TWO}/r": 1}
    assert len({row["request_id"] for row in log}) == 3
    assert not any(env[f"ATLAS_TOKEN_{name}"] in as_text([row["error"] for row in log]) for name in (ONE, TWO))


def test_each_client_has_a_budget_of_its_own() -> None:
    with Sandbox(now=NOW, **WORLD) as sandbox:
        api = api_of(sandbox)
        of = api.client.of
        assert of(ONE, "pedido").budgets is of(ONE, "nota").budgets
        assert of(ONE, "pedido").budgets is not of(TWO, "pedido").budgets


# -- declarations


def test_jobs_are_what_is_declared_and_a_chosen_period_may_begin_earlier(shared: Sandbox) -> None:
    api = api_of(shared)
    jobs = lambda scope: {
        (row["client"], row["route"]): row["since_day"] for row in atlas.declare(api.settings, scope, NOW)[atlas.JOBS]
    }
    usual = dt.date(2026, 9, 17)
    assert jobs(Scope()) == {(client, route): usual for client in (ONE, TWO) for route in ROUTES}
    since = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    found = jobs(Scope(since=since, filters={"client": (ONE,), "route": ("pedido",)}))
    assert found.pop((ONE, "pedido")) == since.date() and set(found.values()) == {usual}
    assert atlas.declare(atlas.Settings(), Scope(), NOW) == {}, "a dry run of the demo has no sandbox"
    with pytest.raises(UsageError, match="no client 'x'"):
        jobs(Scope(filters={"client": ("x",)}))


def test_tokens_without_a_client_are_told_and_a_demo_without_a_sandbox_can_be_planned(shared: Sandbox) -> None:
    api = api_of(shared)
    with pytest.raises(UsageError, match="no client is declared"):
        opened_with(api, atlas.Settings(tokens={"x": "a token"}))
    assert opened_with(api, atlas.Settings()).budgets.of("").limit > 0
