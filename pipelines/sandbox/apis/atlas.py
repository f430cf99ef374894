"""Atlas: the systems of many clients, each with a base path, a token and a request limit of its own.

Five routes, each paged in another way: by page number, offset, cursor, a next link in the body or in a header; and a
sixth, by page number again, which the project does not declare. It and the first two list the newest arrival first, so
that pages shift when records arrive while they are read; the others go on after the last record that was served.
Order of the checks of one request: budget, client, token, parameters.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import count
from math import ceil
from typing import Any
from urllib.parse import urlencode

import msgspec

from pipelines.sandbox.apis.base import Answer, Call, RefusalError, Route, Row, Setting
from pipelines.sandbox.atlas import ROUTES, day_of
from pipelines.sandbox.atlas_rows import Record
from pipelines.sandbox.limits import Budget, Limits
from pipelines.sandbox.world import DAY

MOUNT = "/atlas"
PER_MINUTE = (120, 300, 600)  # requests; clients have them in turn
MAX_ORDERS, MAX_INVOICES, MAX_PRODUCTS, MAX_EVENTS, MAX_CUSTOMERS = 100, 200, 50, 500, 50
DELIVERIES = 40  # to a page; the client has no say
MESSAGES = {
    400: "requisicao invalida",
    401: "token invalido",
    403: "token de outro cliente",
    404: "rota inexistente",
    429: "limite de requisicoes excedido",
    500: "erro interno",
    503: "servico indisponivel",
}


def invalid(name: str) -> RefusalError:
    """Return the refusal of a parameter."""
    return RefusalError(400, f"parametro invalido: {name}")


def number(call: Call, name: str, default: int, least: int, most: int | None = None) -> int:
    """Return a parameter as an integer within bounds."""
    text = call.one(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) < least or (most is not None and int(text) > most):
        raise invalid(name)
    return int(text)


def day(text: Any, name: str) -> int:
    """Return the day that YYYY-MM-DD means, in days since 1970."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        raise invalid(name)
    try:
        return day_of(text)
    except ValueError as error:
        raise invalid(name) from error


def days(since: Any, until: Any, names: tuple[str, str]) -> tuple[float, float]:
    """Return [start, end) in epoch seconds of two days, both included."""
    first, last = day(since, names[0]), day(until, names[1])
    if last < first:
        raise invalid(names[1])
    return first * DAY, (last + 1) * DAY


def instant(call: Call, name: str) -> float:
    """Return a parameter in RFC 3339, which has to tell its offset, as epoch seconds."""
    text = call.one(name) or ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(name) from error
    if moment.tzinfo is None or "T" not in text:
        raise invalid(name)
    return moment.timestamp()


def cursor_after(record: Record) -> str:
    """Return a cursor to what comes after a record."""
    return base64.urlsafe_b64encode(msgspec.json.encode(record.order)).decode().rstrip("=")


class Atlas:
    """Records of clients: orders, invoices, products, deliveries, events, customers."""

    name = "atlas"
    resources = tuple(f"atlas_{route}" for route in ROUTES)

    def __init__(self, setting: Setting) -> None:
        self.world = setting.atlas
        self.edits = setting.edits
        rates = {client: PER_MINUTE[int(client) % len(PER_MINUTE)] for client in self.world.clients}
        if setting.atlas_per_minute is not None:
            rates = dict.fromkeys(rates, setting.atlas_per_minute)
        # whoever is not a client shares the least of them
        self.limits = Limits(min(rates.values()), rates={f"{self.name}:{client}": rates[client] for client in rates})
        self._tokens = {client: self._make_token(client) for client in self.world.clients}
        self._owners = {token: client for client, token in self._tokens.items()}
        self._requests = count(1)

    def _make_token(self, client: str) -> str:
        return blake2b(f"{self.world.seed}:atlas token:{client}".encode(), digest_size=20).hexdigest()

    def routes(self) -> Iterable[Route]:
        """Return every endpoint; the last one catches what does not exist."""
        yield Route("GET", MOUNT, "/{client}/api/v1/pedidos", self._checked(self.orders))
        yield Route("GET", MOUNT, "/{client}/api/v1/notas", self._checked(self.invoices, self._key_header))
        yield Route("GET", MOUNT, "/{client}/api/v2/products", self._checked(self.products))
        yield Route("GET", MOUNT, "/{client}/api/v2/deliveries/{since}/{until}", self._checked(self.deliveries))
        yield Route("POST", MOUNT, "/{client}/v3/events", self._checked(self.events))
        yield Route("GET", MOUNT, "/{client}/api/v1/clientes", self._checked(self.customers))
        yield Route("*", MOUNT, "/{client}/{rest:.*}", self.not_found)

    def env(self, base: str) -> dict[str, str]:
        """Return where the sandbox is (a client's base URL is that and `/atlas/<client>`) and every client's token."""
        tokens = {f"ATLAS_TOKEN_{client}": token for client, token in self._tokens.items()}
        return {"ATLAS_SANDBOX_URL": base, **tokens}

    def bucket(self, call: Call) -> str:
        """Return the client that is asked, whoever asks."""
        client = call.captured["client"]
        return client if client in self._tokens else ""

    def limit_headers(self, budget: Budget, now: float) -> dict[str, str]:
        """Return the budget for clients with an even number; and for all, when to come back if it is spent."""
        client = budget.key.removeprefix(f"{self.name}:")
        headers = {}
        if client and int(client) % 2 == 0:
            headers = {"X-RateLimit-Limit": str(budget.limit), "X-RateLimit-Remaining": str(budget.remaining)}
        if not budget.granted:
            wait = budget.seconds_to_full - (budget.limit - 1) * 60 / budget.limit  # until there is one point
            headers["Retry-After"] = str(max(1, ceil(wait)))
        return headers

    def error(self, route: Route, status: int, message: str | None = None) -> Answer:
        """Return an error."""
        body = {"erro": MESSAGES[status] if message is None else message}
        return Answer(status, body, {"Retry-After": "1"} if status == 429 else {})

    def not_found(self, call: Call) -> Answer:
        """Refuse a path that does not exist."""
        raise RefusalError(404, MESSAGES[404])

    # -- tokens

    def revoke(self, call: Call) -> None:
        """Make the token of a call invalid from now on."""
        for token in (self._bearer(call), self._key_header(call)):
            self._owners.pop(token, None)

    def revoke_client(self, client: str) -> None:
        """Make the token of a client invalid from now on. An unknown client is a KeyError."""
        self._owners.pop(self._tokens[client], None)

    @staticmethod
    def _bearer(call: Call) -> str:
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else ""

    @staticmethod
    def _key_header(call: Call) -> str:
        return call.headers.get("X-Api-Key", "")

    def _checked(
        self, handler: Callable[[Call], Answer], token_of: Callable[[Call], str] | None = None
    ) -> Callable[[Call], Answer]:
        def checked(call: Call) -> Answer:
            client = call.captured["client"]
            if client not in self._tokens:
                raise RefusalError(404, MESSAGES[404])
            owner = self._owners.get((token_of or self._bearer)(call))
            if owner is None:
                raise RefusalError(401, MESSAGES[401])
            if owner != client:
                raise RefusalError(403, MESSAGES[403])
            return handler(call)

        return checked

    # -- records

    def _listing(self, call: Call, route: str, period: tuple[float, float]) -> list[Record]:
        """Return what a period holds now, newest arrival first, without what edits make absent."""
        found = self.world.listing(call.captured["client"], route, *period, call.now)
        edits = self.edits[f"atlas_{route}"]
        if not edits:
            return found
        return [record for record in found if self._key(record) not in edits or self._row(record, call.now) is not None]

    def _key(self, record: Record) -> tuple[str, int | str]:
        return record.client, self.world.key(record)

    def _row(self, record: Record, now: float) -> Row | None:
        """Return a record's content as edited; edits go by (client, key)."""
        return self.edits.apply(f"atlas_{record.route}", self._key(record), self.world.row(record, now))

    def _rows(self, records: Iterable[Record], now: float) -> list[Row]:
        return [row for record in records if (row := self._row(record, now)) is not None]

    def _following(
        self, call: Call, route: str, period: tuple[float, float], size: int
    ) -> tuple[list[Record], str | None]:
        """Return a page, oldest arrival first, of what follows the cursor, and the cursor to the next one."""
        after, text = (-1, -1, -1), call.one("cursor")
        if text is not None:
            try:
                content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
                after = msgspec.json.decode(content, type=tuple[int, int, int])
            except (binascii.Error, ValueError) as error:  # msgspec's errors are among them
                raise invalid("cursor") from error
        left = [record for record in reversed(self._listing(call, route, period)) if record.order > after]
        page = left[:size]
        return page, cursor_after(page[-1]) if len(left) > size else None

    def _volatile(self, call: Call) -> Row:
        """Return what differs in every answer, even while the world's clock stands still."""
        request = next(self._requests)
        moment = datetime.fromtimestamp(int(call.now), UTC).replace(microsecond=request % 1_000_000)
        return {"gerado_em": moment.isoformat(timespec="microseconds"), "request_id": f"req-{request:08d}"}

    # -- routes

    def orders(self, call: Call) -> Answer:
        """Serve orders by page number."""
        names = ("data_inicio", "data_fim")
        found = self._listing(call, "pedido", days(call.one(names[0]), call.one(names[1]), names))
        page, size = number(call, "pagina", 1, 1), number(call, "limite", 50, 1, MAX_ORDERS)
        rows = self._rows(found[(page - 1) * size : page * size], call.now)
        body = {"pagina": page, "total_paginas": ceil(len(found) / size), "total": len(found), "dados": rows}
        return Answer(200, {**body, **self._volatile(call)})

    def invoices(self, call: Call) -> Answer:
        """Serve invoices by offset."""
        period = instant(call, "desde"), instant(call, "ate")
        if period[1] < period[0]:
            raise invalid("ate")
        found = self._listing(call, "nota", period)
        offset, size = number(call, "offset", 0, 0), number(call, "limit", 100, 1, MAX_INVOICES)
        rows = self._rows(found[offset : offset + size], call.now)
        return Answer(200, {"count": len(found), "results": rows, **self._volatile(call)})

    def products(self, call: Call) -> Answer:
        """Serve products by cursor."""
        names = ("updated_from", "updated_to")
        period = days(call.one(names[0]), call.one(names[1]), names)
        page, after = self._following(call, "produto", period, number(call, "per_page", 25, 1, MAX_PRODUCTS))
        body = {"data": {"items": self._rows(page, call.now)}, "meta": {"next_cursor": after}}
        return Answer(200, {**body, **self._volatile(call)})

    def deliveries(self, call: Call) -> Answer:
        """Serve deliveries of a period in the path, with a link to the next page in the body."""
        period = days(call.captured["since"], call.captured["until"], ("inicio", "fim"))
        page, after = self._following(call, "entrega", period, DELIVERIES)
        link = f"{call.url}?{urlencode({'cursor': after})}" if after else None
        return Answer(200, {"items": self._rows(page, call.now), "links": {"next": link}, **self._volatile(call)})

    def events(self, call: Call) -> Answer:
        """Serve events of the period in the body as a bare list, with a link to the next page in a header."""
        try:
            asked = msgspec.json.decode(call.content, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise RefusalError(400, MESSAGES[400]) from error
        period = days(asked.get("from"), asked.get("to"), ("from", "to"))
        size = number(call, "size", 100, 1, MAX_EVENTS)
        page, after = self._following(call, "evento", period, size)
        served_at = self._volatile(call)["gerado_em"]
        rows = [{**row, "servido_em": served_at} for row in self._rows(page, call.now)]
        link = f"{call.url}?{urlencode({'size': size, 'cursor': after})}"
        return Answer(200, rows, {"Link": f'<{link}>; rel="next"'} if after else {})

    def customers(self, call: Call) -> Answer:
        """Serve customers by page number."""
        found = self._listing(call, "cliente", days(call.one("desde"), call.one("ate"), ("desde", "ate")))
        page, size = number(call, "pagina", 1, 1), number(call, "por_pagina", 20, 1, MAX_CUSTOMERS)
        rows = self._rows(found[(page - 1) * size : page * size], call.now)
        body = {"clientes": rows, "paginas": ceil(len(found) / size), "total": len(found)}
        return Answer(200, {**body, **self._volatile(call)})
