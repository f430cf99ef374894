"""Models for new routes: names that every engine takes, types that hold all values, files that nobody loses."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

from pipelines import new_route
from pipelines.errors import UsageError
from pipelines.new_route import Column, column_name, infer
from pipelines.sources import atlas
from tests.helpers import Warehouse


def inferred(*values: Any) -> str:
    """The type of a field that has these values, one a record."""
    (column,) = infer([new_route.parse(json.dumps({"v": value})) for value in values])
    return column.type


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((1, None, -7), "bigint"),
        ((2**53 + 1, 2**63 - 1, -(2**63)), "bigint"),
        ((1, 2**63), "text"),
        ((-(2**63) - 1,), "text"),
        ((12.5, 3, 0.99), "decimal(18, 2)"),
        (("129.90", "0.00", None), "decimal(18, 2)"),
        (("129.90", "129.9"), "text"),
        (("1.50", 1.5), "text"),
        ((0.1 + 0.2, 1), "double precision"),
        ((12.5, 0.125), "double precision"),
        ((1e300,), "double precision"),
        ((float("nan"),), "text"),
        # a double would lose digits of one of them
        ((2**53 + 1, 0.125), "text"),
        ((2**53 + 1, 0.5), "text"),
        ((True, False, None), "boolean"),
        ((True, 1), "text"),
        (("2026-10-01", ""), "date"),
        (("2026-02-30",), "text"),
        (("0000-00-00", "2026-10-01"), "text"),
        (("2026-10-01T12:00:00Z", "2026-10-01T12:00:00.250Z"), "timestamp"),
        (("2026-10-01T12:00:00-03:00",), "text"),
        (("2026-10-01", "2026-10-01T12:00:00Z"), "text"),
        (("", None), "text"),
        ((None, None), "text"),
        (("1", "2"), "text"),
        (("٣.٠٠",), "text"),
        (([1], None), "json"),
        (({}, "x", 1), "json"),
    ],
)
def test_a_type_holds_all_values_or_is_text(values: tuple[Any, ...], wanted: str) -> None:
    assert inferred(*values) == wanted


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("preço (R$)", "preco_r"),
        ("criadoEm", "criado_em"),
        ("HTTPCode2xx", "httpcode2xx"),
        ("  a.b--c  ", "a_b_c"),
        ("Straße", "strasse"),
        ("商品", "field"),
        ("", "field"),
        ("2026 total", "field_2026_total"),
        ("order", "order_value"),
        ("User", "user_value"),
        ("d'água", "d_agua"),
        ("x" * 80, "x" * 50),
        ("a\x00b\ud800", "a_b"),
    ],
)
def test_a_key_becomes_a_name_that_needs_no_quotes(key: str, name: str) -> None:
    assert column_name(key) == name


def test_names_are_unique_and_leave_the_models_own_alone() -> None:
    keys = ("a b", "a-b", "A_B", "client", "day", "商", "品", "a_b_2")
    found = infer([dict.fromkeys(keys, 1), {"late": 1}])
    assert [one.key for one in found] == [*keys, "late"], "in the order in which they come"
    names = [one.name for one in found]
    assert names == ["a_b", "a_b_2", "a_b_3", "client_2", "day_2", "field", "field_2", "a_b_2_2", "late"]


def test_records_that_are_hard_to_read_do_not_end_it() -> None:
    digits = new_route.parse(f'{{"v": {"9" * 10_000}, "w": 1e999999, "x": -1E-999999}}')
    assert {one.key: one.type for one in infer([digits])} == {
        "v": "text",
        "w": "double precision",
        "x": "double precision",
    }
    assert new_route.parse("[" * 100_000 + "]" * 100_000) is None


def test_what_is_no_object_has_no_columns() -> None:
    assert infer([1, "x", None, [{"a": 1}]]) == [] == infer([])
    assert infer([None, {"a": 1}]) == [Column("a", "a", "bigint")]


@pytest.mark.parametrize(
    "key", ["it's", 'a"b', "a{{b}}", "{% x %}", "a\\b", "tab\tnew\nline", "{#", "商品", ": - #", ""]
)
def test_an_odd_key_survives_sql_and_yaml(key: str) -> None:
    columns = [Column(key, "odd", "text")]
    text = new_route.sql("rota", columns)
    looked_for: list[list[str]] = []
    config = lambda **settings: ""
    nothing = lambda *given, caller=None: ""
    functions = {"latest_records": nothing, "records_touched": nothing, "touched_keys": nothing, "config": config}
    jinja = Environment()
    jinja.from_string(text).render(json_text=lambda payload, keys: looked_for.append(keys) or "", **functions)
    assert looked_for == [[key]]
    (model,) = yaml.safe_load(new_route.yaml("fct_rota", "rota", columns))["models"]
    (odd,) = [one for one in model["columns"] if one["name"] == "odd"]
    assert jinja.from_string(odd["description"]).render().replace("`", "") == f"The field {key}."


def test_a_long_line_is_marked_for_the_linter() -> None:
    text = new_route.sql("rota", [Column("k" * 90, "k", "text"), Column("short", "short", "text")])
    marked = [line for line in text.splitlines() if "noqa" in line]
    assert len(marked) == 1 and "k" * 90 in marked[0]


# -- files


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dbt" / "models" / "marts" / "clients").mkdir(parents=True)
    (tmp_path / "dbt" / "models" / "fct_elsewhere.sql").write_text("")
    return tmp_path / "dbt"


@pytest.fixture
def collected(warehouse: Warehouse) -> Warehouse:
    """A warehouse with records of the route pedido; some of a load that was broken off."""
    warehouse.execute(
        "create schema raw_atlas",
        "create table raw_atlas._dlt_loads (load_id text, status bigint)",
        "create table raw_atlas.payloads"
        " (route text, content_hash text, payload text, payload_fit text, _dlt_load_id text)",
        "insert into raw_atlas._dlt_loads values ('done', 0)",
        """insert into raw_atlas.payloads values
            ('pedido', 'h2', '{"id": 9223372036854775807, "preço": 1.5}', null, 'done'),
            ('pedido', 'h1', '{"id": 1, "nome": "a\\u0000b"}', '{"id": 1, "nome": "a\ufffdb"}', 'done'),
            ('pedido', 'h0', '{"broken": 1}', null, 'broken'),
            ('nota', 'h3', '{"other": 1}', null, 'done'),
            ('evento', 'h4', '"a text"', null, 'done')""",
    )
    return warehouse


def test_the_sample_is_what_completed_loads_brought_of_the_route(collected: Warehouse) -> None:
    found = new_route.sample(collected, "pedido")
    assert found == [{"id": 1, "nome": "a\ufffdb"}, {"id": 2**63 - 1, "preço": Decimal("1.5")}]
    assert new_route.sample(collected, "pedido", most=1) == found[:1]


def test_a_model_is_written_once_unless_it_is_to_be_replaced(collected: Warehouse, project: Path) -> None:
    settings = atlas.Settings()
    sql, yml = new_route.write(collected, settings, "pedido", project=project)
    assert (sql.name, yml.name) == ("fct_pedido.sql", "fct_pedido.yml")
    assert "['preço']" in sql.read_text() and "The field `preço`." in yml.read_text()
    sql.write_text("edited")
    with pytest.raises(UsageError, match="is there already"):
        new_route.write(collected, settings, "pedido", project=project)
    assert sql.read_text() == "edited"
    new_route.write(collected, settings, "pedido", replace=True, project=project)
    assert "records_touched('pedido')" in sql.read_text() and "latest_records('pedido')" in sql.read_text()
    other, _ = new_route.write(collected, settings, "pedido", model="fct_Vendas", project=project)
    assert other.name == "fct_vendas.sql"


@pytest.mark.parametrize(
    ("route", "model", "message"),
    [
        ("nada", None, "there is no route 'nada'"),
        ("produto", None, "nothing of route produto"),
        ("evento", None, "are no objects"),
        ("pedido", "elsewhere", "there is a model fct_elsewhere"),
    ],
)
def test_what_can_not_be_written_is_told_and_leaves_nothing(
    collected: Warehouse, project: Path, route: str, model: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        new_route.write(collected, atlas.Settings(), route, model, project=project)
    assert refused.value.mend and not list((project / "models" / "marts").rglob("*.*"))


def test_nothing_has_been_collected_before_the_first_run(warehouse: Warehouse, project: Path) -> None:
    with pytest.raises(UsageError, match="nothing of route pedido"):
        new_route.write(warehouse, atlas.Settings(), "pedido", project=project)
