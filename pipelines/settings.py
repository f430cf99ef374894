"""Settings: declared once as typed fields, read from the environment, .env and .dlt/*.toml, in that order.

A field `video_pages` of the section `twitch` is TWITCH_VIDEO_PAGES in the environment and in .env (or, as dlt writes
it, SOURCES__TWITCH__VIDEO_PAGES), and `video_pages` under [sources.twitch] in .dlt/secrets.toml and .dlt/config.toml.
The fields of `Settings` itself have no prefix; in the files they stand under [airtime].
"""

from __future__ import annotations

import datetime as dt
import inspect
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from dotenv import dotenv_values

from pipelines.errors import UsageError

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]+")]
Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]
# by name: one variable each, ATLAS_TOKEN_<NAME>, and a table in the files
Tokens = Annotated[dict[str, str], msgspec.Meta(extra={"secret": True, "variables": "token"})]
Tables = dict[str, dict[str, Any]]

Section = TypeVar("Section", bound=msgspec.Struct)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every source. Field comments are the text of .env.example."""

    # Warehouse: duckdb (a file under DATA_DIR) or postgres (DATABASE_URL, or the DB_ settings).
    target: Literal["duckdb", "postgres"] = "duckdb"
    # postgresql://user:password@host:port/database
    database_url: Secret | None = None
    # The same, under the name that Supabase gives it.
    supabase_connection_string: Secret | None = None
    db_host: str | None = None
    db_port: Positive = 5432
    db_name: str | None = None
    db_user: str | None = None
    db_password: Secret | None = None
    # disable, allow, prefer, require, verify-ca or verify-full; also as ?sslmode= of DATABASE_URL.
    db_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    # Where run-time files live: the DuckDB files, landing, logs, dlt's working directory.
    data_dir: str = "data"
    # DEBUG, INFO, WARNING or ERROR; for the terminal and DATA_DIR/logs.
    etl_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # A fixed time (2026-10-01T12:00:00Z) instead of the machine's, for repeatable runs.
    etl_now: Moment | None = None
    # The clock of a sandbox (http://127.0.0.1:8900/_sandbox/clock) instead of the machine's, for simulated days.
    etl_clock_url: Url | None = None
    # Seconds to wait for another run to finish before giving up.
    lock_wait_seconds: Seconds = 0
    # Length of a collection slot: polls and observations in one slot count as one.
    collection_interval_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 5
    # Live streams that one poll of a list takes at most; it also ends at the pages that its source is set to.
    max_streams_per_collection: Positive = 100_000
    # Tries after the first, on 429, 5xx, broken connections and truncated answers.
    retry_max: NotNegative = 5
    # Seconds between the starts of two requests to one API, on top of its rate limit.
    min_request_interval: Seconds = 0
    # Seconds to wait for a connection, and for a whole answer.
    connect_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10
    request_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60
    # Requests in flight at once, per resource.
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=200)] = 30
    # Units (channels, games ...) that are loaded and recorded together.
    chunk_units: Positive = 1000
    # After this many minutes a source starts nothing new; what is left stays due.
    stage_time_limit_minutes: Annotated[float, msgspec.Meta(gt=0)] = 30
    # Minutes between two builds of all models in `make watch`; in between, a beat builds only what snapshots touch.
    watch_build_minutes: Positive = 60
    # A source fails, with everything good loaded, when more than this share of a resource's rows is refused.
    quarantine_threshold: Share = 0.05


def read(root: Path, environ: Mapping[str, str] | None = None) -> Reader:
    """A reader of the settings of the project at `root`.

    Raises:
        UsageError: a settings file is malformed.
    """
    env = os.environ if environ is None else environ
    # an exported but empty variable means "not set", as in .env
    try:
        dotenv = {name: value for name, value in dotenv_values(root / ".env", interpolate=False).items() if value}
    except UnicodeDecodeError as error:
        raise UsageError(f".env is not UTF-8 text: {error}", "save it as UTF-8") from None
    return Reader(
        layers=[
            ("the environment", {name: value for name, value in env.items() if value}),
            (".env", dotenv),
        ],
        files=[(name, _toml(root / ".dlt" / name)) for name in ("secrets.toml", "config.toml")],
    )


class Reader:
    """Looks settings up by section and name and checks them against their declarations."""

    def __init__(self, layers: list[tuple[str, Mapping[str, Any]]], files: list[tuple[str, dict[str, Any]]]):
        self._layers = layers
        self._files = files
        self.overrides: dict[str, Any] = {}

    def section(self, kind: type[Section], name: str = "") -> Section:
        """The settings of one section, typed.

        Raises:
            UsageError: a value does not fit its declaration, or a file holds a name that no setting has.
        """
        known = {field.name: field for field in msgspec.structs.fields(kind)}
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for file, content in reversed(self._files):
            heading = f"sources.{name}" if name else "airtime"
            for key, value in _table(content, heading, file).items():
                if key not in known:
                    raise UsageError(
                        f".dlt/{file}: [{heading}] has no setting {key!r}", f"it knows: {', '.join(sorted(known))}"
                    )
                values[key], origins[key] = value, f".dlt/{file}"
        for origin, layer in reversed(self._layers):
            for key in [key for key, field in known.items() if not is_table(field)]:
                for spelling in (dlt_name(name, key), variable(name, key)):
                    if spelling in layer:
                        values[key], origins[key] = layer[spelling], origin
        for key, prefix in families(kind):
            start = variable(name, prefix) + "_"
            for _, layer in reversed(self._layers):
                found = {one.removeprefix(start).lower(): text for one, text in layer.items() if one.startswith(start)}
                values[key] = {**values.get(key, {}), **found} if found else values.get(key, {})
        for key in known:
            if not name and self.overrides.get(key) is not None:
                values[key], origins[key] = self.overrides[key], "the command line"
        return _convert(kind, name, values, origins)

    def override(self, variables: Mapping[str, str]) -> None:
        """Put variables before all others."""
        self._layers.insert(0, ("the sandbox", variables))


def variable(section: str, field: str) -> str:
    """The usual name of a setting."""
    return f"{section}_{field}".upper() if section else field.upper()


def dlt_name(section: str, field: str) -> str:
    """The name of a setting in dlt's convention."""
    return f"SOURCES__{section}__{field}".upper() if section else f"AIRTIME__{field}".upper()


def example(sections: Mapping[str, type[msgspec.Struct]]) -> str:
    """The text of .env.example: every setting with its comment and default, all commented out."""
    lines = ["# Every setting. Copy to .env and uncomment what you change. Without credentials the sandbox stands in."]
    for name, kind in sections.items():
        lines += ["", f"## {name or 'airtime'}"]
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for line in inspect.getsource(kind).splitlines():
            if found := re.match(r"    # (.*)", line):
                lines.append(f"# {found[1]}")
            elif (found := re.match(r"    (\w+): ", line)) and (field := fields.get(found[1])):
                family = dict(families(kind)).get(field.name)
                if family:
                    lines.append(f"#{variable(name, family)}_<NAME>=")
                elif not is_table(field):
                    lines.append(f"#{variable(name, field.name)}={_shown(field.default)}")
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    if default is None:
        return ""
    return ",".join(default) if isinstance(default, tuple) else str(default)


def secrets(section: msgspec.Struct) -> list[str]:
    """The secret values of a section, for the scrubber."""
    found = [value for field, value in _fields(section) if value and _is_secret(field)]
    return [str(one) for value in found for one in (value.values() if isinstance(value, dict) else [value])]


def public(section: msgspec.Struct) -> dict[str, Any]:
    """A section without its secrets, for the run record: a secret shows only as set or not."""
    return {
        field.name: ("set" if value else None) if _is_secret(field) else msgspec.to_builtins(value)
        for field, value in _fields(section)
    }


def database(settings: Settings) -> dict[str, Any]:
    """Host, port, name, user, password and TLS mode of the PostgreSQL in the settings.

    Raises:
        UsageError: none is named, or the address is not a PostgreSQL one.
    """
    url = settings.database_url or settings.supabase_connection_string
    if not url and not settings.db_host:
        raise UsageError(
            "TARGET=postgres, but no database is named",
            "set DATABASE_URL=postgresql://user:password@host:5432/database, or DB_HOST, DB_NAME, DB_USER, DB_PASSWORD",
        )
    if not url:
        found = {
            "host": settings.db_host,
            "port": settings.db_port,
            "dbname": settings.db_name,
            "user": settings.db_user,
            "password": settings.db_password,
            "sslmode": settings.db_sslmode,
        }
    else:
        try:
            parts = urlsplit(url)
            port = parts.port or 5432
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in ("postgresql", "postgres"):
            raise UsageError(
                "DATABASE_URL is not the address of a PostgreSQL database",
                "write it as postgresql://user:password@host:5432/database",
            )
        found = {
            "host": parts.hostname,
            "port": port,
            "dbname": unquote(parts.path.lstrip("/")),
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "sslmode": dict(parse_qsl(parts.query)).get("sslmode", settings.db_sslmode),
        }
    missing = [name for name in ("host", "dbname", "user", "password") if not found[name]]
    if missing:
        raise UsageError(
            f"the database settings lack {', '.join(missing)}",
            "set DATABASE_URL=postgresql://user:password@host:5432/database, or DB_HOST, DB_NAME, DB_USER, DB_PASSWORD",
        )
    return found


def _fields(section: msgspec.Struct) -> list[tuple[msgspec.structs.FieldInfo, Any]]:
    return [(field, getattr(section, field.name)) for field in msgspec.structs.fields(section)]


def is_table(field: msgspec.structs.FieldInfo) -> bool:
    """Whether a field holds things by name: those stand in the files, and no one variable holds them all."""
    return field.default_factory is dict


def families(kind: type[msgspec.Struct]) -> list[tuple[str, str]]:
    """Fields that many variables fill, with what the names of those begin with."""
    found = []
    for field in msgspec.structs.fields(kind):
        info = msgspec.inspect.type_info(field.type)
        if isinstance(info, msgspec.inspect.Metadata) and (prefix := (info.extra or {}).get("variables")):
            found.append((field.name, prefix))
    return found


def _is_secret(field: msgspec.structs.FieldInfo) -> bool:
    kind = msgspec.inspect.type_info(field.type)
    members = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return any(isinstance(m, msgspec.inspect.Metadata) and (m.extra or {}).get("secret") for m in members)


def _convert(kind: type[Section], name: str, values: dict[str, Any], origins: dict[str, str]) -> Section:
    lists = {
        f.name
        for f in msgspec.structs.fields(kind)
        if msgspec.inspect.type_info(f.type).__class__.__name__ in ("VarTupleType", "ListType")
    }
    for key in lists & values.keys():
        if isinstance(values[key], str):
            values[key] = [part for part in re.split(r"[,\s]+", values[key]) if part]
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        # the message of a refused secret would not hold its value, but the path names the field
        found = re.search(r"^(.*?)(?: - at `\$\.?(\w+)?.*`)?$", str(error))
        text, key = (found.group(1), found.group(2)) if found else (str(error), None)
        where = f"{variable(name, key)} (from {origins.get(key, 'the settings')})" if key else "the settings"
        raise UsageError(
            f"{where}: {text[0].lower()}{text[1:]}", "see .env.example for what each setting takes"
        ) from None


def _table(content: dict[str, Any], heading: str, file: str) -> dict[str, Any]:
    found: Any = content
    for part in heading.split("."):
        found = found.get(part, {})
        if not isinstance(found, dict):
            raise UsageError(f".dlt/{file}: {part} is a value, not a section", f"put settings under [{heading}]")
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f".dlt/{path.name} is not valid TOML: {error}", "correct that line") from None
