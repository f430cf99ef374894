"""What the records of the simulated client systems say: one function a route, pure in seed, record and form.

A form numbers the contents that a record has in its life: the same form is the same content, to the byte. The oddities
are those that stored payloads have to bear: texts in many scripts (composed and decomposed), NUL characters, integers
that a double can not hold, keys with dots and quotes, 60 levels of nesting, two megabytes of text.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from pipelines.sandbox import words
from pipelines.sandbox.world import DAY, draws

Row = dict[str, Any]

FIRST_DAY = 20_454  # 2026-01-01, in days since 1970
NESTING = 60
HUGE_SHARE, LARGE_SHARE, DEEP_SHARE, NUL_SHARE = 0.0005, 0.01, 0.02, 0.05
HUGE_BYTES, LARGE_BYTES = 2_000_000, 100_000  # at most
ORDER_STATES = ("pending", "paid", "refunded")

NAMES = (
    "José da Conceição", "Jose\u0301 Antônio", "Łukasz Żółć", "李雷", "محمد علي", "Ana 👩‍🚀 Souza", "O'Neill & Filhos",
    'Zé "Grafite" Lima', "Ørjan Ås", "किरण", "Иван Петров", "MARIA  DUPLA",
)  # fmt: skip
CITIES = (("São Paulo", "SP"), ("Belém", "PA"), ("Florianópolis", "SC"), ("Goiânia", "GO"), ("Maceió", "AL"))
SKU_FORMS = (
    "{n}", "{n}/ação", "{n} azul claro", "{n}.v2", "{n}+{n}&x=1#a", "商品-{n}", "{n}'\"", "%41{n}", "{n}\\b", "É{n}",
)  # fmt: skip
EVENT_TYPES = ("page_view", "add_to_cart", "checkout", "login", "search")
LINE = "<det><prod><xProd>Parafuso de aço nº 8 &amp; porca</xProd><qCom>1.0000</qCom></prod></det>"


class Record(NamedTuple):
    """A record's whole life.

    day: the day that it belongs to for good, since 1970; moment: when in it, epoch seconds.
    steps: (epoch seconds, form) of each version, the first being its arrival.
    source: the number that its content is made from; a duplicate has that of another record.
    """

    client: str
    route: str
    day: int
    number: int
    moment: int
    steps: tuple[tuple[int, int], ...]
    source: int

    @property
    def arrived(self) -> int:
        """When it was first listed."""
        return self.steps[0][0]

    @property
    def order(self) -> tuple[int, int, int]:
        """What lists are ordered by; no two records of a client and route share it."""
        return self.arrived, self.day, self.number

    @property
    def serial(self) -> int:
        """A number that no other record of the client and route has; records of other clients do have it."""
        return (self.day - FIRST_DAY) * 1000 + 1000 + self.source

    def began(self, form: int) -> int:
        """When it first took on a form."""
        return next(at for at, one in self.steps if one == form)


def stamp(moment: float) -> str:
    """Return RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(int(moment), UTC).isoformat()[:19] + "Z"  # faster than strftime


def day_text(day: int) -> str:
    """Return YYYY-MM-DD of a day since 1970."""
    return stamp(day * DAY)[:10]


def money(cents: int) -> str:
    """Return an amount as decimal text with two places."""
    return f"{cents // 100}.{cents % 100:02d}"


def _luck(seed: int, record: Record, part: str = "") -> tuple[float, ...]:
    return draws(seed, "atlas row", record.client, record.route, record.day, record.source, part)


def sku(serial: int) -> str:
    """Return the product's name in the system, which differs from all others by its number."""
    return SKU_FORMS[serial % len(SKU_FORMS)].format(n=serial)


def invoice_key(record: Record) -> str:
    """Return the number of an invoice, a text with zeros in front."""
    return f"{record.serial:09d}"


def delivery_key(seed: int, record: Record) -> str:
    """Return a UUID."""
    digest = blake2b(f"{seed}:{record.client}:{record.serial}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def order(seed: int, record: Record, form: int) -> Row:
    """Return an order; a refund that is taken back restores it as it was, time of update included."""
    luck, share = _luck(seed, record), _luck(seed, record, "items")
    items, total = [], 0
    for place in range(1 + int(luck[0] ** 3 * 5)):
        product, price, count = share[3 * place : 3 * place + 3]
        quantity, cents = 1 + int(count**4 * 5), 990 + int(price**4 * 500_000)
        items.append({"sku": sku(1000 + int(product * 900)), "quantidade": quantity, "preco": money(cents)})
        total += quantity * cents
    city, state = words.pick(CITIES, luck[1])
    row: Row = {
        "id": record.serial,
        "data": day_text(record.day),
        "status": ORDER_STATES[form],
        "criado_em": stamp(record.moment),
        "atualizado_em": stamp(record.began(form)),
        "cliente": {
            "id": 1 + int(luck[2] * 5000),
            "nome": words.pick(NAMES, luck[3]),
            "email": None if luck[4] < 0.1 else f"cliente{int(luck[2] * 5000)}@exemplo.example",
            "endereco": {"cidade": city, "uf": state, "cep": f"{int(luck[5] * 99_999):05d}-000"},
        },
        "itens": items,
        "total": money(total),
        "frete": round(luck[6] * 60, 2),
        "parcelas": 1 + int(luck[7] * 12),
    }
    if luck[8] < 0.3:  # a field that most records lack
        row["observacao"] = "" if luck[8] < 0.1 else words.pick(words.PHRASES["pt"], luck[9]) + " 🙏"
    return row


def invoice(seed: int, record: Record, form: int) -> Row:
    """Return an invoice; a few are huge or deeply nested."""
    luck = _luck(seed, record)
    cents = 1500 + int(luck[0] ** 4 * 2_000_000)
    lines = 1 + int(luck[1] * 4)
    if luck[2] < LARGE_SHARE:
        most = HUGE_BYTES if luck[2] < HUGE_SHARE else LARGE_BYTES
        lines = int(most * (0.9 + luck[3] * 0.09) / len(LINE.encode()))
    row: Row = {
        "numero": invoice_key(record),
        "serie": "1",
        "emitida_em": stamp(record.moment),
        "situacao": ("autorizada", "cancelada")[form],
        "valor": money(cents),
        "valor_impostos": round(cents * 0.0018, 4),
        "emitente": {"nome": words.pick(NAMES, luck[4]), "cnpj": f"{int(luck[5] * 10**14):014d}"},
        "pedido_id": None if luck[6] < 0.2 else record.serial,
        "xml": f"<NFe>{LINE * lines}</NFe>",
    }
    if luck[7] < DEEP_SHARE:
        row["complemento"] = nested(NESTING)
    return row


def nested(levels: int) -> Any:
    """Return objects and lists in turn, one in the other."""
    inner: Any = "fundo"
    for level in range(levels, 0, -1):
        inner = {"nivel": level, "dentro": inner} if level % 2 else [inner]
    return inner


def product(seed: int, record: Record, form: int) -> Row:
    """Return a product; a changed price leaves its time of update as it is."""
    luck, price = _luck(seed, record), _luck(seed, record, f"form {form}")[0]
    return {
        "sku": sku(record.serial),
        "updated_at": stamp(record.moment),
        "nome": f"{words.pick(words.NOUNS, luck[0])} {words.pick(words.ADJECTIVES, luck[1])}",
        "preço (R$)": money(100 + int(price * 90_000)),
        "id externo": 2**53 + 1 + int(luck[2] * 2**40) * 2 if luck[3] < 0.9 else 2**63 - 1,
        "peso.kg": round(luck[4] * 0.001, 7),
        '"tamanho"': words.pick(("P", "M", "G", ""), luck[5]),
        "$ref": f"#/produtos/{record.serial}",
        "d'água": luck[6] < 0.5,
        "estoque": {"depósito 1": int(luck[7] * 500), "a.b": {"c d": None}},
        "razao": 0.1 + 0.2,
    }


def delivery(seed: int, record: Record, form: int) -> Row:
    """Return a delivery; some texts have NUL characters in them."""
    luck = _luck(seed, record)
    name = words.pick(NAMES, luck[0])
    if luck[1] < NUL_SHARE:
        name += "\0resto" if luck[1] < NUL_SHARE / 2 else "\0\0\0"
    history = [{"quando": stamp(record.moment), "texto": "saiu para entrega"}]
    if form:
        history.append({"quando": stamp(record.began(form)), "texto": "entregue\tà porta"})
    return {
        "uuid": delivery_key(seed, record),
        "pedido_id": record.serial,
        "status": ("in_transit", "delivered")[form],
        "dispatched_at": stamp(record.moment),
        "recipient": name,
        "history": history,
        "position": {"lat": round(luck[2] * 30 - 33, 6), "lon": round(luck[3] * 30 - 70, 6)},
    }


def event(seed: int, record: Record, form: int) -> Row:
    """Return an event; it has no key, and a duplicate says the same."""
    luck = _luck(seed, record)
    return {
        "type": words.pick(EVENT_TYPES, luck[0]),
        "at": stamp(record.moment),
        "session": f"{int(luck[1] * 2**32):08x}{int(luck[2] * 2**32):08x}",
        "payload": {
            "path": f"/p/{int(luck[3] * 10_000)}",
            "q": words.pick(NAMES, luck[4]) if luck[5] < 0.3 else None,
            "ms": round(luck[6] * 4000, 3),
            "flags": [luck[7] < 0.5, luck[8] < 0.5],
        },
    }


def customer(seed: int, record: Record, form: int) -> Row:
    """Return a customer; some are blocked for a while."""
    luck = _luck(seed, record)
    city, state = words.pick(CITIES, luck[0])
    return {
        "codigo": record.serial,
        "nome": words.pick(NAMES, luck[1]),
        "e-mail": None if luck[2] < 0.2 else f"cliente{record.serial}@exemplo.example",
        "criadoEm": stamp(record.moment),
        "nascimento": "" if luck[3] < 0.1 else day_text(-int(luck[3] * 20_000)),
        "ativo": form == 0,
        "limite de crédito": money(int(luck[4] ** 3 * 5_000_000)),
        "pontos": int(luck[5] ** 4 * 10_000),
        "avaliação": round(luck[6] * 5, 4),
        "endereço": {"cidade": city, "uf": state},
    }


ROWS: dict[str, Callable[[int, Record, int], Row]] = {
    "pedido": order,
    "nota": invoice,
    "produto": product,
    "entrega": delivery,
    "evento": event,
    "cliente": customer,
}

# what the sandbox's edits name a record by: its key, or a place in the day where there is none
KEYS: dict[str, Callable[[int, Record], int | str]] = {
    "pedido": lambda seed, record: record.serial,
    "nota": lambda seed, record: invoice_key(record),
    "produto": lambda seed, record: sku(record.serial),
    "entrega": delivery_key,
    "evento": lambda seed, record: f"{day_text(record.day)}/{record.number}",
    "cliente": lambda seed, record: record.serial,
}
