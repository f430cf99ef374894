"""Atlas as the sandbox plays it: records and their versions, five ways to page, tokens and limits of each client."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
import requests

from pipelines.sandbox import Sandbox
from pipelines.sandbox.apis.atlas import PER_MINUTE
from pipelines.sandbox.atlas import ROUTES, AtlasWorld, Version, day_of
from pipelines.sandbox.clock import as_moment
from pipelines.sandbox.limits import Limits

NOW = "2026-03-04T20:00:00Z"
AT = as_moment(NOW).timestamp()
SINCE, UNTIL = date(2026, 2, 3), date(2026, 2, 12)
ONE, TWO, THREE = "2151", "2152", "2153"
DAY = 86_400
KEYS = {"pedido": "id", "nota": "numero", "produto": "sku", "entrega": "uuid", "cliente": "codigo"}
MOMENTS = {
    "pedido": "criado_em", "nota": "emitida_em", "produto": "updated_at", "entrega": "dispatched_at", "evento": "at",
    "cliente": "criadoEm",
}  # fmt: skip
LAST_PAGES = {"pedido": "total_paginas", "cliente": "paginas"}
VOLATILE = {"gerado_em", "request_id"}


class Client:
    """Asks one client's system; ask() returns the first page of a route's period, as it is."""

    def __init__(self, sandbox: Sandbox, client: str = ONE) -> None:
        env = sandbox.env()
        self.base = f"{env['ATLAS_SANDBOX_URL']}/atlas/{client}"
        self.token = env[f"ATLAS_TOKEN_{client}"]
        self.http = requests.Session()

    def send(self, method: str, path: str, token: str | None = None, **options: Any) -> requests.Response:
        """Ask with the header that the path wants."""
        token = self.token if token is None else token
        headers = {"X-Api-Key": token} if "/notas" in path else {"Authorization": f"Bearer {token}"}
        url = path if path.startswith("http") else self.base + path
        return self.http.request(method, url, headers=headers, timeout=10, **options)

    def ask(
        self, route: str, since: object = SINCE, until: object = UNTIL, token: str | None = None, **query: Any
    ) -> requests.Response:
        since, until = str(since), str(until)
        match route:
            case "pedido":
                params = {"data_inicio": since, "data_fim": until, **query}
                return self.send("GET", "/api/v1/pedidos", token, params=params)
            case "nota":
                if len(until) == 10:
                    until = (date.fromisoformat(until) + timedelta(1)).isoformat() + "T00:00:00Z"
                params = {"desde": since if len(since) > 10 else f"{since}T00:00:00Z", "ate": until, **query}
                return self.send("GET", "/api/v1/notas", token, params=params)
            case "produto":
                params = {"updated_from": since, "updated_to": until, **query}
                return self.send("GET", "/api/v2/products", token, params=params)
            case "entrega":
                return self.send("GET", f"/api/v2/deliveries/{since}/{until}", token, params=query)
            case "cliente":
                params = {"desde": since, "ate": until, **query}
                return self.send("GET", "/api/v1/clientes", token, params=params)
            case _:
                return self.send("POST", "/v3/events", token, json={"from": since, "to": until}, params=query)

    def walk(
        self, route: str, since: object = SINCE, until: object = UNTIL, between: Callable[[], object] = lambda: None
    ) -> list[dict[str, Any]]:
        """The rows of all pages, calling `between` after each."""
        rows: list[dict[str, Any]] = []
        answer = self.ask(route, since, until, **first_page(route))
        page = 1
        while True:
            assert answer.status_code == 200, answer.text
            body = answer.json()
            rows += rows_of(route, body)
            between()
            page += 1
            if route in LAST_PAGES and page <= body[LAST_PAGES[route]]:
                answer = self.ask(route, since, until, pagina=page, **first_page(route))
            elif route == "nota" and len(rows) < body["count"]:
                answer = self.ask(route, since, until, offset=len(rows), **first_page(route))
            elif route == "produto" and body["meta"]["next_cursor"]:
                answer = self.ask(route, since, until, cursor=body["meta"]["next_cursor"], **first_page(route))
            elif route == "entrega" and body["links"]["next"]:
                answer = self.send("GET", body["links"]["next"])
            elif route == "evento" and "next" in answer.links:
                answer = self.send("POST", answer.links["next"]["url"], json={"from": str(since), "to": str(until)})
            else:
                return rows


def first_page(route: str) -> dict[str, Any]:
    """A small page size, where the client has a say."""
    sizes = {"pedido": "limite", "nota": "limit", "produto": "per_page", "evento": "size", "cliente": "por_pagina"}
    return {sizes[route]: {"evento": 7, "produto": 10}.get(route, 20)} if route in sizes else {}


def rows_of(route: str, body: Any) -> list[dict[str, Any]]:
    match route:
        case "pedido":
            return body["dados"]
        case "nota":
            return body["results"]
        case "produto":
            return body["data"]["items"]
        case "entrega":
            return body["items"]
        case "cliente":
            return body["clientes"]
        case _:
            return [{name: value for name, value in row.items() if name != "servido_em"} for row in body]


def texts(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(json.dumps(row) for row in rows)


def lives(world: AtlasWorld, route: str, now: float = AT) -> dict[int | str, list[Version]]:
    """The versions of each record of the first client."""
    found: dict[int | str, list[Version]] = {}
    for version in world.versions(ONE, route, now):
        found.setdefault(version.key, []).append(version)
    return found


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """For tests that change nothing."""
    with Sandbox(now=NOW, frozen=True, channels=10, fixtures=0, atlas_clients=3, atlas_per_minute=10**6) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(shared: Sandbox) -> Client:
    return Client(shared)


@pytest.fixture
def own() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=10, fixtures=0, atlas_clients=3, atlas_per_minute=10**6) as sandbox:
        yield sandbox


@pytest.fixture
def asker(own: Sandbox) -> Client:
    return Client(own)


@pytest.fixture(scope="module")
def world() -> AtlasWorld:
    return AtlasWorld(clients=3)


# -- the world


@pytest.mark.parametrize("route", ROUTES)
def test_a_seed_and_a_time_decide_what_is_there(world: AtlasWorld, route: str) -> None:
    asked_before = AtlasWorld(clients=1)
    asked_before.records(ONE, route, "2026-01-01", "2026-02-10", AT + 90 * DAY)
    then = [w.records(ONE, route, SINCE, UNTIL, AT) for w in (world, asked_before, AtlasWorld(seed=8, clients=1))]
    assert then[0] == then[1] != then[2]
    assert world.records(TWO, route, SINCE, UNTIL, AT) != then[0]
    before = as_moment("2026-02-10T12:00:00Z").timestamp()
    assert 0 < len(world.records(ONE, route, SINCE, UNTIL, before)) < len(then[0])
    assert world.records(ONE, route, "2025-11-01", "2025-12-31", AT) == []
    assert world.records(ONE, route, "2026-03-05", "2026-03-31", AT) == []


@pytest.mark.parametrize("route", ROUTES)
def test_days_are_empty_small_or_large(world: AtlasWorld, route: str) -> None:
    days = [date(2026, 1, 1) + timedelta(number) for number in range(60)]
    sizes = sorted(len(world.records(client, route, day, day, AT)) for client in world.clients for day in days)
    assert 0 < sizes.count(0) < 30 and sizes[sizes.count(0)] == 5 and 40 < sizes[-1] <= 60
    assert sizes[len(sizes) // 2] * 1.3 < sum(sizes) / len(sizes), "most records are of a few days"


@pytest.mark.parametrize("route", ROUTES)
def test_records_arrive_up_to_two_days_after_their_day_began_to_have_them(world: AtlasWorld, route: str) -> None:
    days = Counter(life[0].day for life in lives(world, route).values() if life[0].day <= UNTIL)
    day = days.most_common(1)[0][0]
    start = day_of(day) * DAY
    counts = [len(world.records(ONE, route, day, day, start + hours * 3600)) for hours in (0, 12, 24, 72, 900)]
    assert counts[0] <= 1 < counts[1] < counts[2] <= counts[3] == counts[4] == days[day]
    first = [life[0] for life in lives(world, route).values()]
    assert all(version.row[MOMENTS[route]].startswith(version.day.isoformat()) for version in first)
    late = [version.at - as_moment(version.row[MOMENTS[route]]).timestamp() for version in first]
    assert min(late) >= 0 and 1.5 * DAY < max(late) <= 2 * DAY
    assert sum(seconds > 3600 for seconds in late) < len(late) / 3, "most come at once"


@pytest.mark.parametrize("route", ROUTES)
def test_the_truth_of_a_time_is_each_records_last_version_by_then(world: AtlasWorld, route: str) -> None:
    for now in (AT - 20.5 * DAY, AT):
        found = lives(world, route, now)
        assert all(earlier.at < later.at <= now for life in found.values() for earlier, later in pairwise(life))
        wanted = [life[-1].row for life in found.values() if SINCE <= life[-1].day <= UNTIL]
        assert texts(wanted) == texts(world.records(ONE, route, SINCE, UNTIL, now))
        every = texts([version.row for life in found.values() for version in life])
        assert texts(world.contents(ONE, route, now)) == Counter(every.keys())


def test_an_order_is_paid_refunded_and_paid_again_as_if_nothing_had_been(world: AtlasWorld) -> None:
    found = lives(world, "pedido", AT + 60 * DAY)
    stories = Counter(tuple(version.row["status"] for version in life) for life in found.values())
    assert stories.keys() == {
        ("pending",), ("pending", "paid"), ("pending", "paid", "refunded"), ("pending", "paid", "refunded", "paid"),
    }  # fmt: skip
    assert stories["pending", "paid"] > sum(stories.values()) / 2
    for life in found.values():
        if len(life) == 4:
            assert json.dumps(life[1].row) == json.dumps(life[3].row) != json.dumps(life[2].row)
        assert len({version.row["atualizado_em"] for version in life}) == min(len(life), 3)
        row = life[0].row
        cents = sum(item["quantidade"] * round(float(item["preco"]) * 100) for item in row["itens"])
        assert row["data"] == life[0].day.isoformat() and row["total"] == f"{cents / 100:.2f}"
        assert isinstance(row["frete"], float)


@pytest.mark.parametrize("route", ["nota", "produto", "entrega"])
def test_records_change_and_some_change_back(world: AtlasWorld, route: str) -> None:
    found = lives(world, route, AT + 60 * DAY)
    changes = Counter(len(life) for life in found.values())
    assert changes.keys() == {1, 2, 3} and changes[3] < changes[2]
    for life in found.values():
        assert len({version.row[KEYS[route]] for version in life}) == 1 and life[0].row[KEYS[route]] == life[0].key
        contents = [json.dumps(version.row) for version in life]
        assert contents[1:2] != contents[:1] and contents[2:] in ([], contents[:1])


@pytest.mark.parametrize(("route", "days"), [("pedido", 20), ("nota", 28), ("produto", 28), ("entrega", 28)])
def test_a_day_comes_to_rest(world: AtlasWorld, route: str, days: int) -> None:
    ages = [version.at / DAY - day_of(version.day) for version in world.versions(ONE, route, AT + 60 * DAY)]
    assert 0.6 * days < max(ages) < days


def test_clients_have_the_same_keys_for_other_records(world: AtlasWorld) -> None:
    rows = [{row["id"]: row for row in world.records(one, "pedido", SINCE, UNTIL, AT)} for one in (ONE, TWO)]
    both = rows[0].keys() & rows[1].keys()
    assert both and all(rows[0][key] != rows[1][key] for key in both)


def test_events_have_no_key_and_some_come_twice(world: AtlasWorld) -> None:
    rows = texts(world.records(ONE, "evento", "2026-01-01", "2026-03-04", AT))
    twice = sum(number > 1 for number in rows.values())
    assert 0.02 < twice / len(rows) < 0.2
    assert all(len(life) == 1 for life in lives(world, "evento").values())


def test_payloads_are_as_odd_as_payloads_get(world: AtlasWorld) -> None:
    def found(route: str) -> list[dict[str, Any]]:
        return world.contents(ONE, route, AT)

    invoices = world.contents(ONE, "nota", AT + 90 * DAY)
    sizes = sorted(len(json.dumps(row, ensure_ascii=False).encode()) for row in invoices)
    assert 1_700_000 < sizes[-1] <= 2_000_000 and sizes[len(sizes) // 2] < 1000
    assert sum(size > 50_000 for size in sizes) < len(sizes) / 50, "large ones are rare"
    assert {depth(row["complemento"]) for row in invoices if "complemento" in row} == {60}
    assert all(isinstance(row["numero"], str) and row["numero"].startswith("0") for row in invoices)
    products = found("produto")
    names = {name for row in products for name in row}
    assert {"preço (R$)", "peso.kg", '"tamanho"', "$ref", "d'água", "id externo"} <= names
    assert all(row["id externo"] > 2**53 and float(row["id externo"]) != row["id externo"] for row in products)
    assert max(row["id externo"] for row in products) == 2**63 - 1
    skus = {row["sku"] for row in products}
    assert all(any(odd in sku for sku in skus) for odd in "/ '\"+&#%\\品ç")
    deliveries = found("entrega")
    with_nul = sum("\0" in row["recipient"] for row in deliveries)
    assert 0 < with_nul < len(deliveries) / 5
    assert {"Jose\u0301 Antônio", "محمد علي", "Ana 👩‍🚀 Souza"} <= {row["cliente"]["nome"] for row in found("pedido")}


def test_an_unknown_client_or_a_senseless_number_of_them_is_an_error(world: AtlasWorld) -> None:
    assert world.clients == (ONE, TWO, THREE)
    for client, route in (("2154", "pedido"), (ONE, "pedidos")):
        with pytest.raises(KeyError):
            world.records(client, route, SINCE, UNTIL, AT)
    for clients in (0, 1001):
        with pytest.raises(ValueError, match="clients"):
            AtlasWorld(clients=clients)


# -- pages


@pytest.mark.parametrize("route", ROUTES)
def test_all_pages_together_are_what_the_period_holds(shared: Sandbox, route: str) -> None:
    for name in (ONE, TWO):
        truth = shared.atlas.records(name, route, SINCE, UNTIL, AT)
        rows = Client(shared, name).walk(route)
        assert texts(rows) == texts(truth) and len(rows) > 40
        assert rows == (truth if route in ("pedido", "nota", "cliente") else truth[::-1])


@pytest.mark.parametrize("route", ROUTES)
def test_a_period_without_records_is_an_empty_page(shared: Sandbox, client: Client, route: str) -> None:
    days = (date(2026, 1, 1) + timedelta(number) for number in range(60))
    empty = next(day for day in days if not shared.atlas.records(ONE, route, day, day, AT))
    for since, until in ((empty, empty), ("2025-12-01", "2025-12-31"), ("2026-03-06", "2026-03-07")):
        answer = client.ask(route, since, until)
        assert answer.status_code == 200 and rows_of(route, answer.json()) == [] and "Link" not in answer.headers


@pytest.mark.parametrize(("route", "size"), [("produto", "per_page"), ("evento", "size")])
def test_a_page_that_ends_with_the_period_is_the_last_one(
    shared: Sandbox, client: Client, route: str, size: str
) -> None:
    total = len(shared.atlas.records(ONE, route, SINCE, SINCE, AT))
    assert total
    for asked, goes_on in ((total - 1, True), (total, False), (total + 1, False)):
        answer = client.ask(route, SINCE, SINCE, **{size: asked})
        tells = answer.links if route == "evento" else answer.json()["meta"]["next_cursor"]
        assert bool(tells) == goes_on and len(rows_of(route, answer.json())) == min(asked, total)


def test_answers_have_the_shape_of_their_route(shared: Sandbox, client: Client) -> None:
    truth = {route: len(shared.atlas.records(ONE, route, SINCE, UNTIL, AT)) for route in ROUTES}
    orders = client.ask("pedido", limite=20, pagina=2).json()
    assert orders.keys() == {"pagina", "total_paginas", "total", "dados"} | VOLATILE
    assert (orders["pagina"], orders["total"]) == (2, truth["pedido"]) and len(orders["dados"]) == 20
    assert orders["total_paginas"] == -(-truth["pedido"] // 20)
    invoices = client.ask("nota", limit=3, offset=2).json()
    assert invoices.keys() == {"count", "results"} | VOLATILE and len(invoices["results"]) == 3
    assert invoices["count"] == truth["nota"]
    products = client.ask("produto", per_page=2).json()
    assert products.keys() == {"data", "meta"} | VOLATILE and len(products["data"]["items"]) == 2
    deliveries = client.ask("entrega").json()
    assert deliveries.keys() == {"items", "links"} | VOLATILE
    assert deliveries["links"]["next"].startswith(f"{client.base}/api/v2/deliveries/{SINCE}/{UNTIL}?")
    events = client.ask("evento", size=2)
    assert len(events.json()) == 2 and events.links["next"]["url"].startswith(f"{client.base}/v3/events?size=2&")
    customers = client.ask("cliente", por_pagina=10, pagina=2).json()
    assert customers.keys() == {"clientes", "paginas", "total"} | VOLATILE and len(customers["clientes"]) == 10
    assert (customers["total"], customers["paginas"]) == (truth["cliente"], -(-truth["cliente"] // 10))
    for route, past in (("pedido", {"pagina": 999}), ("cliente", {"pagina": 999}), ("nota", {"offset": 9999})):
        assert rows_of(route, client.ask(route, **past).json()) == []


def test_the_period_of_invoices_ends_before_its_end(shared: Sandbox, client: Client) -> None:
    rows = shared.atlas.records(ONE, "nota", SINCE, UNTIL, AT)
    first, last = sorted(rows, key=lambda row: row["emitida_em"])[:: len(rows) - 1]
    found = client.ask("nota", first["emitida_em"], last["emitida_em"], limit=200).json()["results"]
    assert first in found and last not in found and len(found) == len(rows) - 1
    shifted = client.ask("nota", f"{SINCE}T00:00:00-03:00", f"{SINCE}T03:00:00Z").json()
    assert shifted["count"] == 0, "the offset counts"


@pytest.mark.parametrize("route", ROUTES)
def test_page_and_offset_lists_shift_while_the_clock_runs_and_the_others_do_not(
    own: Sandbox, asker: Client, route: str
) -> None:
    own.clock.set("2026-02-12T12:00:00Z")
    before = own.atlas.records(ONE, route, SINCE, UNTIL, own.clock.time())
    rows = asker.walk(route, between=lambda: own.clock.advance(1.5 * 3600))
    after = own.atlas.records(ONE, route, SINCE, UNTIL, own.clock.time())
    keys = Counter(row[KEYS[route]] for row in rows) if route in KEYS else texts(rows)
    assert len(after) > len(before)
    if route in ("pedido", "nota", "cliente"):
        assert max(keys.values()) > 1 and len(keys) < len(after), "rows come again, new ones are missed"
    elif route in KEYS:
        assert max(keys.values()) == 1 and len(keys) > len(before)
    else:
        assert texts(before) < keys <= texts(after)


@pytest.mark.parametrize("route", ROUTES)
def test_every_answer_has_fields_that_tell_nothing(client: Client, route: str) -> None:
    def volatile(body: Any) -> set[str]:
        return {row["servido_em"] for row in body} if route == "evento" else {body[name] for name in VOLATILE}

    one, two = (client.ask(route).json() for _ in range(2))
    assert not volatile(one) & volatile(two) and rows_of(route, one) == rows_of(route, two)


@pytest.mark.parametrize(
    ("route", "wrong"),
    [
        *((route, ("2026-02-30", UNTIL)) for route in ROUTES),
        *((route, (UNTIL, SINCE)) for route in ROUTES),
        *((route, ("20260203", UNTIL)) for route in ROUTES if route != "nota"),
        ("nota", (SINCE, "2026-02-03T00:00:00")),
        ("nota", (SINCE, "2026-02-03 00:00:00Z")),
        *(("pedido", query) for query in ({"pagina": 0}, {"pagina": "x"}, {"limite": 0}, {"limite": 101})),
        *(("cliente", query) for query in ({"pagina": 0}, {"por_pagina": 51})),
        *(("nota", query) for query in ({"offset": -1}, {"limit": 0}, {"limit": 201})),
        *(("produto", query) for query in ({"cursor": "x"}, {"cursor": "é"}, {"per_page": 51})),
        *(("entrega", query) for query in ({"cursor": ""}, {"cursor": "bnVsbA"})),
        *(("evento", query) for query in ({"cursor": "WzFd"}, {"size": 0}, {"size": 501})),
    ],
)
def test_a_bad_period_or_page_is_refused(client: Client, route: str, wrong: Any) -> None:
    answer = client.ask(route, **wrong) if isinstance(wrong, dict) else client.ask(route, *wrong)
    assert answer.status_code == 400 and list(answer.json()) == ["erro"]


def test_a_missing_period_or_body_is_refused(client: Client) -> None:
    for path in ("/api/v1/pedidos", "/api/v1/notas", "/api/v2/products", "/api/v1/clientes"):
        assert client.send("GET", path).status_code == 400
    for options in ({}, {"json": []}, {"json": {"from": str(SINCE)}}, {"data": {"from": str(SINCE)}}):
        assert client.send("POST", "/v3/events", **options).status_code == 400


# -- tokens and paths


@pytest.mark.parametrize("route", ROUTES)
def test_a_wrong_token_is_401_and_that_of_another_client_403(shared: Sandbox, client: Client, route: str) -> None:
    wrong = client.ask(route, token="x" * 40)
    assert (wrong.status_code, wrong.json()) == (401, {"erro": "token invalido"})
    assert client.ask(route, token=Client(shared, TWO).token).status_code == 403
    assert client.ask(route).status_code == 200


def test_invoices_want_the_token_in_a_header_of_their_own(client: Client) -> None:
    period = {"desde": "2026-02-03T00:00:00Z", "ate": "2026-02-04T00:00:00Z"}
    bearer, key = {"Authorization": f"Bearer {client.token}"}, {"X-Api-Key": client.token}
    for path, headers in (("/api/v1/notas", bearer), (f"/api/v2/deliveries/{SINCE}/{UNTIL}", key)):
        answer = requests.get(client.base + path, params=period, headers=headers, timeout=10)
        assert (answer.status_code, answer.json()) == (401, {"erro": "token invalido"})


def test_a_revoked_client_is_refused_from_then_on_and_the_others_are_not(own: Sandbox, asker: Client) -> None:
    other = Client(own, TWO)
    assert asker.ask("pedido").status_code == 200
    own.revoke_client(ONE)
    assert {asker.ask(route).status_code for route in ROUTES} == {401}
    assert asker.ask("pedido").json() == {"erro": "token invalido"} == other.ask("pedido", token=asker.token).json()
    assert {other.ask(route).status_code for route in ROUTES} == {200}
    own.force_401()
    assert [other.ask(route).status_code for route in ("nota", "pedido")] == [401, 401]
    with pytest.raises(KeyError):
        own.revoke_client("1")


def test_elsewhere_is_404(shared: Sandbox, client: Client) -> None:
    stranger = shared.env()["ATLAS_SANDBOX_URL"] + "/atlas/2154/api/v1/pedidos"
    for method, path in (
        ("GET", "/api/v1/fornecedores"),
        ("GET", "/v3/events"),
        ("POST", "/api/v1/pedidos"),
        ("GET", "/"),
    ):
        answer = client.send(method, path)
        assert (answer.status_code, answer.json()) == (404, {"erro": "rota inexistente"})
    assert client.send("GET", stranger).status_code == 404


def test_every_client_has_a_token_and_what_was_served_tells_them_apart(own: Sandbox, asker: Client) -> None:
    env = own.env()
    tokens = {name: value for name, value in env.items() if name.startswith("ATLAS_TOKEN_")}
    assert list(tokens) == [f"ATLAS_TOKEN_{name}" for name in (ONE, TWO, THREE)] and len(set(tokens.values())) == 3
    asker.ask("pedido", limite=1)
    Client(own, TWO).ask("evento")
    one, two = own.served
    assert (one.api, one.path, one.sent) == ("atlas", "/2151/api/v1/pedidos", b"") and ("limite", "1") in one.query
    assert two.path == "/2152/v3/events" and json.loads(two.sent) == {"from": str(SINCE), "to": str(UNTIL)}


# -- limits


def test_each_client_has_a_limit_of_its_own_and_only_even_ones_tell_it() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, fixtures=0, atlas_clients=3, atlas_per_minute=3) as sandbox:
        one, two = Client(sandbox, ONE), Client(sandbox, TWO)
        answers = [two.ask("pedido") for _ in range(2)] + [two.ask("nota", token="wrong"), two.ask("pedido")]
        assert [answer.status_code for answer in answers] == [200, 200, 401, 429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3"}
        assert ["Retry-After" in answer.headers for answer in answers] == [False, False, False, True]
        assert answers[-1].json() == {"erro": "limite de requisicoes excedido"}
        assert 15 <= int(answers[-1].headers["Retry-After"]) <= 20, "until one request is granted again"
        silent = [one.ask("pedido") for _ in range(4)]
        assert [answer.status_code for answer in silent] == [200, 200, 200, 429]
        assert not any("RateLimit" in name for answer in silent for name in answer.headers)
        assert 15 <= int(silent[-1].headers["Retry-After"]) <= 20


def test_limits_differ_between_clients_unless_one_is_set_for_all() -> None:
    with Sandbox(channels=10, fixtures=0, atlas_clients=6) as sandbox:
        told = [Client(sandbox, name).ask("pedido").headers.get("X-RateLimit-Limit") for name in sandbox.atlas.clients]
    assert told == [None, "300", None, "120", None, "600"] and PER_MINUTE == (120, 300, 600)
    limits = Limits(5, rates={"fast": 7})
    assert (limits.take("fast").limit, limits.take("other").limit, limits.take("other").key) == (7, 5, "other")
    with pytest.raises(ValueError, match="at least 1"):
        Limits(5, rates={"none": 0})


def test_an_upstream_429_says_when_to_come_back(own: Sandbox, asker: Client) -> None:
    own.faults.set({"429": 1.0})
    answer = asker.ask("pedido")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    own.faults.set({"503": 1.0})
    answer = asker.ask("pedido")
    assert answer.status_code == 503 and list(answer.json()) == ["erro"] and "Retry-After" not in answer.headers


# -- edits and options


@pytest.mark.parametrize("route", ROUTES)
def test_edits_change_and_remove_records_of_one_client(own: Sandbox, asker: Client, route: str) -> None:
    before = asker.walk(route)
    versions = own.atlas.versions(ONE, route, AT)
    one, two, three, four = list(dict.fromkeys(version.key for version in versions if version.day >= SINCE))[:4]
    own.edits[f"atlas_{route}"] |= {
        (ONE, one): {"extra": 1},
        (ONE, two): None,
        (ONE, three): lambda row: {**row, "extra": 2},
        (TWO, four): None,
    }
    rows = asker.walk(route)
    assert len(rows) == len(before) - 1 and sorted(row["extra"] for row in rows if "extra" in row) == [1, 2]
    if route == "pedido":
        assert asker.ask(route).json()["total"] == len(rows)


def test_the_command_line_sets_clients_and_limit(capsys: pytest.CaptureFixture[str]) -> None:
    from pipelines.sandbox.server import serve

    for options in (["--atlas-clients", "0"], ["--atlas-per-minute", "0"]):
        with pytest.raises(SystemExit) as ended:
            serve(["--channels", "10", *options])
        assert ended.value.code == 2 and "error" in capsys.readouterr().err


def test_links_keep_a_prefix() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, fixtures=0, atlas_clients=1, prefix="/proxy") as sandbox:
        client = Client(sandbox)
        truth = sandbox.atlas.records(ONE, "entrega", SINCE, UNTIL, AT)
        assert client.base == f"{sandbox.url}/proxy/atlas/{ONE}" and len(client.walk("entrega")) == len(truth)
        assert sandbox.served[-1].path == f"/{ONE}/api/v2/deliveries/{SINCE}/{UNTIL}"
