"""Records of any JSON API: cut out exactly, hashed by content, fit for JSON types; declarations, checked by line."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from requests.exceptions import ContentDecodingError

from pipelines import clients
from pipelines.__main__ import main
from pipelines.errors import CredentialsError, UsageError
from pipelines.sandbox import Sandbox
from pipelines.settings import public, read, secrets
from pipelines.sources import atlas, atlas_routes
from pipelines.sources.atlas_records import content_hash, fit_for_json, refuse_what_no_warehouse_holds, split
from tests.helpers import NOW, NOWHERE

ODD = '{"b" : 1.50,\n "a": 9007199254740993, "é": "\\u0000\\\\u0000", "x": [ ] }'


def value(text: str) -> Any:
    return split(f"[{text}]".encode(), []).records[0].value


def hashed(text: str, *volatile: str) -> str:
    return content_hash(value(text), [path.split(".") for path in volatile])


def test_records_are_cut_out_as_they_were_written() -> None:
    body = f' {{"meta": {{"n": 2}}, "data" : {{"items": [ {ODD} , "one", [1, {{"a":2}}] ] , "last": 1}} }}\n'
    found = split(body.encode(), ["data", "items"])
    assert [record.text for record in found.records] == [ODD, '"one"', '[1, {"a":2}]']
    assert found.around == {"meta": {"n": 2}, "data": {"items": None, "last": 1}}
    assert split(b"[]", []).records == []


@pytest.mark.parametrize(
    "body",
    [
        '{"data": [1, 2',
        '{"data": [1,]}',
        '{"data": [1] "a": 2}',
        '{"data": [NaN]}',
        '{"data": {}}',
        "{}",
        '{"data": [1]} x',
        "",
        '{"data": [1e]}',
        "[" * 9,
    ],
)
def test_what_is_no_answer_of_the_declared_shape_is_worth_another_try(body: str) -> None:
    with pytest.raises(ContentDecodingError):
        split(body.encode(), ["data"])


def test_equal_contents_have_equal_hashes_and_others_have_not() -> None:
    assert hashed('{"a":1,"b":[1.0,"é"]}') == hashed('{ "b" : [1.0,"\\u00e9"], "a":1 }')
    different = [
        "9007199254740993",
        "9007199254740992",
        "1.0",
        "1",
        '"1"',
        "1.50",
        "1.5",
        "null",
        "[]",
        "{}",
        '"\\ud800"',
        "18446744073709551617",
        '"\\ud801"',
        "[1]",
        "0.1",
        "0.10000000000000001",
    ]
    assert len({hashed(text) for text in different}) == len(different)


def test_volatile_fields_do_not_count_wherever_they_are() -> None:
    first, second = '{"a":{"t":1,"b":2},"l":[{"t":1},{"t":2}],"t":1}', '{"a":{"t":9,"b":2},"l":[{"t":8},{}],"t":2}'
    assert hashed(first) != hashed(second)
    assert hashed(first, "t", "a.t", "l.t", "none.of.it") == hashed(second, "t", "a.t", "l.t", "none.of.it")
    assert hashed(first, "t") != hashed(second, "t")


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ('"plain"', None),
        (r'"a\u0000\u0000b"', r'"a\ufffd\ufffdb"'),
        (r'"a\\u0000"', None),
        (r'"a\\\u0000"', r'"a\\\ufffd"'),
        (r'"\ud83d\ude4f"', None),
        (r'"\ud83d \ude4f"', r'"\ufffd \ufffd"'),
        (r'"\uD800\u0041"', r'"\ufffd\u0041"'),
    ],
)
def test_only_what_json_types_do_not_hold_is_replaced(text: str, fit: str | None) -> None:
    assert fit_for_json(text) == fit


def test_numbers_that_no_warehouse_holds_are_refused() -> None:
    refuse_what_no_warehouse_holds(value('{"a": [1e300, 1.5]}'))
    with pytest.raises(ValueError, match="number"):
        refuse_what_no_warehouse_holds(value('{"a": [1e999999]}'))


# -- declarations


LINKED = {"style": "next_link", "next": "next"}
GOOD = """
[sources.atlas.routes.pedido]
path = "/pedidos"
pages = { style = "page", param = "pagina" }
rows = "dados"

[sources.atlas.clients.loja-azul]
base_url = "https://api.example.com/v1"
routes = ["pedido"]
days_back = 3
"""


@pytest.fixture(autouse=True)
def in_a_project_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def declared(tmp_path: Path, text: str) -> atlas_routes.Declaration:
    file = tmp_path / ".dlt" / "config.toml"
    file.parent.mkdir()
    file.write_text(text)
    return atlas.declaration_of(read(tmp_path, {}).section(atlas.Settings, "atlas"))


def test_a_few_lines_declare_a_route_and_a_client(tmp_path: Path) -> None:
    found = declared(tmp_path, GOOD)
    assert found.routes["pedido"].pages.param == "pagina" and found.clients["loja-azul"].routes == ("pedido",)


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ('path = "/pedidos"', 'path = "pedidos"', r"\.dlt/config\.toml, line 3: \[sources\.atlas\.routes\.pedido\] p"),
        ('path = "/pedidos"', "", r"line 2: \[sources\.atlas\.routes\.pedido\].*required field `path`"),
        ('rows = "dados"', "rows = 5", r"line 5: .* rows: expected `str`"),
        ('rows = "dados"', 'row = "dados"', r"line 5: .* row: .*unknown field `row`"),
        ('"page", param = "pagina"', '"page"', r"line 4: .* pages: style 'page' needs `param`"),
        ('style = "page"', 'style = "pages"', r"line 4: .* pages\.style: invalid enum"),
        ('style = "page"', 'stile = 1, style = "page"', r"line 4: .* pages\.stile: .*unknown field"),
        ('base_url = "https://api', 'base_url = "https://user:secret@api', r"line 8: .*clients\.loja-azul\] base_url"),
        ('["pedido"]', '["nota"]', r"line 9: .* routes: there is no route 'nota'; declared are: pedido"),
        ("days_back = 3", "", r"line 7: .*either `since`"),
        ("days_back = 3", "days_back = 0", r"line 10: .* days_back"),
        ('rows = "dados"', 'token = "X-Key: abc"', r"line 5: .* token"),
        ('rows = "dados"', 'period = { place = "path" }', r"line 2: .*`path` holds"),
        ("clients.loja-azul]", 'clients."loja azul"]', r"line 7: .*a name is letters"),
        (
            "days_back = 3",
            "days_back = 3\n[sources.atlas.clients.loja_azul]\nbase_url='http://b'\nroutes=['pedido']\ndays_back=1",
            r"line 11: .*'loja-azul' has the same variable ATLAS_TOKEN_LOJA_AZUL",
        ),
    ],
)
def test_what_is_wrong_with_a_declaration_is_told_with_its_line(
    tmp_path: Path, line: str, instead: str, message: str
) -> None:
    assert line in GOOD
    with pytest.raises(UsageError, match=message):
        declared(tmp_path, GOOD.replace(line, instead))


def test_what_the_project_declares_for_the_sandbox_fits() -> None:
    found = atlas_routes.demo("http://here:1", ["2151", "2160"])
    assert [client.base_url for client in found.clients.values()] == [f"http://here:1/atlas/{n}" for n in (2151, 2160)]
    assert {route.pages.style for route in found.routes.values()} == {
        "page",
        "offset",
        "cursor",
        "next_link",
        "header_link",
    }


def test_while_no_client_is_declared_those_of_the_sandbox_have_the_declared_routes_too() -> None:
    own = {"cliente": {"path": "/c", "pages": {"style": "header_link"}}, "nota": {"path": "/n", "pages": LINKED}}
    settings = atlas.Settings(routes=own, tokens={"2152": "a token"}, sandbox_url="http://here:1")
    found = atlas.declaration_of(settings)
    assert list(found.clients) == ["2152"] and set(found.clients["2152"].routes) == set(found.routes)
    assert found.routes.keys() == {"pedido", "nota", "produto", "entrega", "evento", "cliente"}
    assert (found.routes["nota"].path, found.routes["pedido"].path) == ("/n", "/api/v1/pedidos")
    client = {"base_url": "https://a.example", "routes": ["cliente"], "days_back": 1}
    alone = atlas.declaration_of(atlas.Settings(routes=own, clients={"loja": client}))
    assert alone.routes.keys() == {"cliente", "nota"}


def test_tokens_come_from_the_environment_and_from_files_and_stay_secret(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text('[sources.atlas.tokens]\na-b = "from a file"\nc = "of a file"\n')
    found = read(tmp_path, {"ATLAS_TOKEN_C": "from outside", "ATLAS_TOKEN_2151": "numbered"}).section(
        atlas.Settings, "atlas"
    )
    assert found.tokens == {"a-b": "from a file", "c": "from outside", "2151": "numbered"}
    assert set(secrets(found)) == set(found.tokens.values()) and "numbered" not in str(public(found))
    assert read(NOWHERE, {}).section(atlas.Settings, "atlas").tokens == {}


# -- the command line


def test_a_client_is_added_without_an_editor_and_its_token_is_for_its_owner_alone(tmp_path: Path) -> None:
    config = tmp_path / ".dlt" / "config.toml"
    config.parent.mkdir()
    config.write_text("# kept\n" + GOOD)
    values = {"base_url": "https://other.example.com", "routes": ["pedido"], "since": None, "days_back": 5}
    clients.add(tmp_path, "2151", values, "the token\n")
    secret = tmp_path / ".dlt" / "secrets.toml"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert "the token" not in config.read_text() and config.read_text().startswith("# kept\n" + GOOD.rstrip())
    settings = read(tmp_path, {}).section(atlas.Settings, "atlas")
    assert settings.tokens == {"2151": "the token"}
    assert [(row["client"], row["token"]) for row in clients.listed(settings)] == [
        ("loja-azul", "missing: ATLAS_TOKEN_LOJA_AZUL"),
        ("2151", "set"),
    ]
    before = config.read_text(), secret.read_text()
    for name, changed in (("2151", {}), ("new", {"routes": ["nota"]}), ("new", {"days_back": None})):
        with pytest.raises(UsageError):
            clients.add(tmp_path, name, values | changed, "another")
    with pytest.raises(UsageError, match="empty"):
        clients.add(tmp_path, "new", values, " \n")
    assert (config.read_text(), secret.read_text()) == before
    clients.add(tmp_path, "2151", values, "another", replace=True)
    assert read(tmp_path, {}).section(atlas.Settings, "atlas").tokens == {"2151": "another"}


def test_the_token_of_a_new_client_is_read_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: None
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("piped token\n"))
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(GOOD)
    add = ["clients", "add", "2151", "--url", "https://a.example", "--routes", "pedido", "--since", "2026-01-01"]
    assert main(add) == 0
    assert read(tmp_path, {}).section(atlas.Settings, "atlas").tokens == {"2151": "piped token"}
    assert main([*add[:3], "--routes", "pedido", "--url", "no address", "--days-back", "1"]) == 2


def test_clients_are_checked_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sandbox(now=NOW, frozen=True, channels=1, fixtures=0, atlas_clients=2) as sandbox:
        for name, value in sandbox.env().items():
            monkeypatch.setenv(name, value)
        sandbox.revoke_client("2152")
        assert main(["clients", "check", "2151"]) == 0
        assert capsys.readouterr().out.split() == ["ok", "2151"]
        assert main(["clients", "check"]) == CredentialsError.exit_code
        assert "FAIL  2152: " in capsys.readouterr().out
