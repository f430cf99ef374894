"""Settings: where they come from, what they take, and what is said when they are wrong."""

from __future__ import annotations

import datetime as dt
import inspect
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.errors import UsageError
from pipelines.settings import Settings, database, dlt_name, public, read, secrets, variable
from pipelines.sources import SOURCES, twitch

ROOT = Path(__file__).parents[2]
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "": Settings,
    **{name: source.settings for name, source in SOURCES.items()},
}
FIELDS = [(section, field.name) for section, kind in SECTIONS.items() for field in msgspec.structs.fields(kind)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".dlt").mkdir()
    return tmp_path


def refusal(root: Path, environ: dict[str, str], section: str = "") -> str:
    with pytest.raises(UsageError) as refused:
        read(root, environ).section(SECTIONS[section], section)
    assert refused.value.exit_code == 2 and refused.value.mend
    return str(refused.value)


def test_each_place_outranks_the_next(root: Path) -> None:
    (root / ".dlt" / "config.toml").write_text("[airtime]\nretry_max = 1\n[sources.twitch]\nvideo_pages = 11\n")
    (root / ".dlt" / "secrets.toml").write_text("[airtime]\nretry_max = 2\n[sources.twitch]\nvideo_pages = 12\n")
    (root / ".env").write_text("RETRY_MAX=3\nTWITCH_VIDEO_PAGES=13\n")
    environ = {"RETRY_MAX": "4", "TWITCH_VIDEO_PAGES": "14"}
    found = []
    for step in ("environment", ".env", "secrets.toml", "config.toml", "default"):
        reader = read(root, environ if step == "environment" else {})
        found.append((reader.section(Settings).retry_max, reader.section(twitch.Settings, "twitch").video_pages))
        gone = {".env": ".env", "secrets.toml": ".dlt/secrets.toml", "config.toml": ".dlt/config.toml"}.get(step)
        if gone:
            (root / gone).unlink()
    defaults = Settings().retry_max, twitch.Settings().video_pages
    assert found == [(4, 14), (3, 13), (2, 12), (1, 11), defaults]


def test_the_command_line_outranks_all_and_the_sandbox_all_variables(root: Path) -> None:
    reader = read(root, {"TARGET": "duckdb", "TWITCH_API_URL": "https://api.twitch.tv/helix"})
    reader.overrides |= {"target": "postgres", "etl_log_level": None}
    reader.override({"TWITCH_API_URL": "http://127.0.0.1:1/helix"})
    assert reader.section(Settings).target == "postgres"
    assert reader.section(Settings).etl_log_level == Settings().etl_log_level
    assert reader.section(twitch.Settings, "twitch").api_url == "http://127.0.0.1:1/helix"


def test_empty_variables_are_not_set(root: Path) -> None:
    (root / ".env").write_text("RETRY_MAX=\nTWITCH_CLIENT_ID=from-file\n")
    reader = read(root, {"RETRY_MAX": "", "TWITCH_CLIENT_ID": ""})
    assert reader.section(Settings).retry_max == Settings().retry_max
    assert reader.section(twitch.Settings, "twitch").client_id == "from-file"


@pytest.mark.parametrize(("section", "field"), FIELDS)
def test_every_setting_is_found_under_its_usual_and_its_dlt_name(root: Path, section: str, field: str) -> None:
    kind = SECTIONS[section]
    default = getattr(kind(), field)
    address = "http://127.0.0.1:1/x"
    given = {
        bool: str(not default).lower(), int: "17", float: "0.5", tuple: "1, 2",
        type(None): address if field.endswith("_url") else "2026-10-01T12:00:00Z",
    }.get(type(default))  # fmt: skip
    if isinstance(default, str):
        options = msgspec.inspect.type_info(next(f for f in msgspec.structs.fields(kind) if f.name == field).type)
        values = [v for v in getattr(options, "values", ()) if v != default]
        given = values[0] if values else address
    assert given is not None
    found = [
        getattr(read(root, {name: given}).section(kind, section), field)
        for name in (variable(section, field), dlt_name(section, field))
    ]
    assert found[0] == found[1] != default


def test_lists_are_split_at_commas_and_blanks_and_are_lists_in_toml(root: Path) -> None:
    sections = [read(root, {"TWITCH_CATEGORIES": text}) for text in ("1,2", " 1, 2 ", "1 2,")]
    (root / ".dlt" / "config.toml").write_text('[sources.twitch]\ncategories = ["1", "2"]\n')
    sections.append(read(root, {}))
    assert [one.section(twitch.Settings, "twitch").categories for one in sections] == [("1", "2")] * 4


def test_a_fixed_time_is_read_as_a_moment(root: Path) -> None:
    found = read(root, {"ETL_NOW": "2026-10-01T14:00:00+02:00"}).section(Settings).etl_now
    assert found == dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)
    assert refusal(root, {"ETL_NOW": "2026-10-01T14:00:00"}).startswith("ETL_NOW (from the environment):")


@pytest.mark.parametrize(
    ("variables", "section"),
    [
        ({"RETRY_MAX": "many"}, ""),
        ({"RETRY_MAX": "-1"}, ""),
        ({"RETRY_MAX": "1.5"}, ""),
        ({"CONCURRENCY": "0"}, ""),
        ({"CONCURRENCY": "201"}, ""),
        ({"COLLECTION_INTERVAL_MINUTES": "0"}, ""),
        ({"COLLECTION_INTERVAL_MINUTES": "1441"}, ""),
        ({"REQUEST_TIMEOUT_SECONDS": "0"}, ""),
        ({"MIN_REQUEST_INTERVAL": "-0.1"}, ""),
        ({"QUARANTINE_THRESHOLD": "1.1"}, ""),
        ({"TARGET": "oracle"}, ""),
        ({"ETL_LOG_LEVEL": "loud"}, ""),
        ({"ETL_NOW": "yesterday"}, ""),
        ({"TWITCH_API_URL": "api.twitch.tv"}, "twitch"),
        ({"TWITCH_VIDEO_PAGE_SIZE": "101"}, "twitch"),
        ({"TWITCH_VIDEO_TYPE": "film"}, "twitch"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name_and_origin(
    root: Path, variables: dict[str, str], section: str
) -> None:
    (name,) = variables
    assert refusal(root, variables, section).startswith(f"{name} (from the environment): ")
    (root / ".env").write_text("".join(f"{key}={value}\n" for key, value in variables.items()))
    assert refusal(root, {}, section).startswith(f"{name} (from .env): ")


def test_a_value_in_a_file_is_refused_by_name_and_file(root: Path) -> None:
    (root / ".dlt" / "config.toml").write_text("[airtime]\nretry_max = -1\n")
    assert refusal(root, {}).startswith("RETRY_MAX (from .dlt/config.toml): ")
    (root / ".dlt" / "secrets.toml").write_text("[sources.twitch]\nclient_secret = 123456\n")
    message = refusal(root, {}, "twitch")
    assert message.startswith("TWITCH_CLIENT_SECRET (from .dlt/secrets.toml): ") and "123456" not in message


@pytest.mark.parametrize("file", ["config.toml", "secrets.toml"])
@pytest.mark.parametrize(("heading", "section"), [("airtime", ""), ("sources.twitch", "twitch")])
def test_a_name_that_no_setting_has_is_refused_with_those_that_there_are(
    root: Path, file: str, heading: str, section: str
) -> None:
    (root / ".dlt" / file).write_text(f"[{heading}]\nretry_maxx = 1\n")
    with pytest.raises(UsageError) as refused:
        read(root, {}).section(SECTIONS[section], section)
    assert f".dlt/{file}: [{heading}]" in str(refused.value) and "retry_maxx" in str(refused.value)
    assert next(name for kind, name in FIELDS if kind == section) in refused.value.mend


@pytest.mark.parametrize("content", [b"[airtime\n", b"retry_max = ", b"\xff\xfe", b"a = 1\na = 2\n"])
@pytest.mark.parametrize("file", ["config.toml", "secrets.toml"])
def test_a_malformed_file_is_named(root: Path, file: str, content: bytes) -> None:
    (root / ".dlt" / file).write_bytes(content)
    with pytest.raises(UsageError, match=rf"^\.dlt/{re.escape(file)} is not valid TOML: "):
        read(root, {})


@pytest.mark.parametrize("content", ["airtime = 3\n", "sources = 3\n", "[sources]\ntwitch = 3\n"])
def test_a_value_where_a_section_belongs_is_refused(root: Path, content: str) -> None:
    (root / ".dlt" / "config.toml").write_text(content)
    reader = read(root, {})
    with pytest.raises(UsageError, match=r"^\.dlt/config\.toml: "):
        reader.section(Settings)
        reader.section(twitch.Settings, "twitch")


def test_a_dotenv_that_is_no_text_is_named(root: Path) -> None:
    (root / ".env").write_bytes(b"RETRY_MAX=\xff\xfe\n")
    with pytest.raises(UsageError, match=r"^\.env is not"):
        read(root, {})


def test_values_in_dotenv_are_taken_as_they_are(root: Path) -> None:
    (root / ".env").write_text("# a comment\nexport TWITCH_CLIENT_SECRET='a$b${HOME}#c'\n\nTWITCH_CLIENT_ID=\"x y\"\n")
    found = read(root, {}).section(twitch.Settings, "twitch")
    assert (found.client_secret, found.client_id) == ("a$b${HOME}#c", "x y")


def test_files_other_than_these_sections_are_dlts_own(root: Path) -> None:
    (root / ".dlt" / "config.toml").write_text("[runtime]\nlog_level = 'ERROR'\n[sources.other]\nx = 1\n")
    assert read(root, {}).section(Settings) == Settings()


def test_secrets_go_to_the_scrubber_and_not_into_the_record() -> None:
    general = Settings(database_url="postgresql://u:pw@h/d", db_password="pw2", db_user="u")
    section = twitch.Settings(client_id="id", client_secret="hidden")
    assert secrets(general) == ["postgresql://u:pw@h/d", "pw2"] and secrets(section) == ["hidden"]
    record = {**public(general), **public(section)}
    assert (record["database_url"], record["db_password"], record["client_secret"]) == ("set", "set", "set")
    assert (record["supabase_connection_string"], record["db_user"], record["client_id"]) == (None, "u", "id")
    assert set(public(general)) == {field.name for field in msgspec.structs.fields(Settings)}
    assert b"pw" not in msgspec.json.encode(record) and b"hidden" not in msgspec.json.encode(record)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"database_url": "postgresql://ann:pw@db.example:6543/air"}, ("db.example", 6543, "air", "ann", "pw")),
        ({"database_url": "postgres://ann:pw@db/air"}, ("db", 5432, "air", "ann", "pw")),
        (
            {"database_url": "postgresql://a%40b:p%2Fw%3A%25%23@db/a%20r"},
            ("db", 5432, "a r", "a@b", "p/w:%#"),
        ),
        ({"supabase_connection_string": "postgresql://a:p@s/x?sslmode=require"}, ("s", 5432, "x", "a", "p")),
        ({"database_url": "postgresql://a:p@one/x", "db_host": "two"}, ("one", 5432, "x", "a", "p")),
        (
            {"db_host": "h", "db_port": 1, "db_name": "n", "db_user": "u", "db_password": "p%40"},
            ("h", 1, "n", "u", "p%40"),
        ),
    ],
)
def test_a_database_is_named_by_address_or_by_parts(given: dict[str, Any], found: tuple[Any, ...]) -> None:
    parts = database(Settings(target="postgres", **given))
    assert tuple(parts[name] for name in ("host", "port", "dbname", "user", "password")) == found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "no database is named"),
        ({"database_url": "mysql://a:hush@h/d"}, "not the address"),
        ({"database_url": "postgresql://a:hush@h:port/d"}, "not the address"),
        ({"database_url": "postgresql://a:hush@[h/d"}, "not the address"),
        ({"database_url": "postgresql://a:hush@h"}, "lack dbname"),
        ({"database_url": "postgresql://h/d"}, "lack user, password"),
        ({"db_host": "h", "db_password": "hush"}, "lack dbname, user"),
    ],
)
def test_a_database_that_is_not_named_whole_is_refused_without_its_password(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        database(Settings(target="postgres", **given))
    assert "hush" not in str(refused.value) + refused.value.mend


def test_env_example_names_every_setting_under_its_comment() -> None:
    example = (ROOT / ".env.example").read_text("utf-8").splitlines()
    comments = [line.lstrip("# ").strip() for line in example]
    missing = []
    for section, kind in SECTIONS.items():
        for block, names in commented_fields(kind):
            for name in names:
                places = [i for i, line in enumerate(example) if re.match(rf"^(# ?)?{variable(section, name)}=", line)]
                above = " ".join(comments[: places[0]]) if places else ""
                if len(places) != 1 or block not in above:
                    missing.append((variable(section, name), block))
    assert not missing


def commented_fields(kind: type[msgspec.Struct]) -> list[tuple[str, list[str]]]:
    """Comments in the source of a section, as one line each, with the fields below them."""
    found: list[tuple[str, list[str]]] = []
    comment: list[str] = []
    for line in inspect.getsource(kind).splitlines():
        if text := re.match(r"^    # (.*)", line):
            comment.append(text[1])
        elif name := re.match(r"^    (\w+):", line):
            if comment:
                found.append((" ".join(comment), []))
                comment = []
            found[-1][1].append(name[1])
    assert {name for _, names in found for name in names} == {f.name for f in msgspec.structs.fields(kind)}
    return found


def test_the_example_uncommented_is_the_defaults(tmp_path: Path) -> None:
    lines = [line.lstrip("# ") for line in (ROOT / ".env.example").read_text("utf-8").splitlines()]
    given = dict(line.split("=", 1) for line in lines if re.match(r"^[A-Z_]+=", line))
    assert given.keys() == {variable(section, name) for section, name in FIELDS}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    for section, kind in SECTIONS.items():
        assert read(tmp_path, {}).section(kind, section) == kind()
