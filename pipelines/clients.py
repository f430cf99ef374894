"""Clients of atlas from the command line: added, listed, checked; nobody has to edit a file for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.exceptions

from pipelines.errors import UsageError
from pipelines.sources import atlas, atlas_routes
from pipelines.sources.atlas_routes import token_key, token_variable

CONFIG, SECRETS = "config.toml", "secrets.toml"


def add(root: Path, name: str, values: Mapping[str, Any], token: str, replace: bool = False) -> None:
    """Declare a client in .dlt/config.toml and put its token into .dlt/secrets.toml, which only its owner may read.

    values: what the client's table holds (see atlas_routes.ClientOf).

    Raises:
        UsageError: the client is there already, or does not fit; nothing was written.
    """
    if not token.strip():
        raise UsageError("the token is empty", "type it at the prompt, or pipe it in")
    config, secrets = (_document(root / ".dlt" / file) for file in (CONFIG, SECRETS))
    declared = _table(config, "clients")
    if name in declared and not replace:
        raise UsageError(f"client {name} is declared already", "add --replace to declare it anew")
    declared[name] = {key: value for key, value in values.items() if value is not None}
    plain = config.unwrap()["sources"]["atlas"]
    atlas_routes.read(plain["clients"], plain.get("routes", {}), root / ".dlt" / CONFIG)
    _table(secrets, "tokens")[name] = token.strip()
    # a client without a token fails by itself; a token without a client would make a demo live
    _write(root / ".dlt" / CONFIG, tomlkit.dumps(config), 0o644)
    _write(root / ".dlt" / SECRETS, tomlkit.dumps(secrets), 0o600)


def listed(settings: atlas.Settings) -> list[dict[str, Any]]:
    """What is declared: a row for each client, with whether it has a token."""
    tokens = {token_key(name) for name in settings.tokens}
    declaration = atlas.declaration_of(settings)
    return [
        {
            "client": name,
            "base_url": client.base_url,
            "routes": list(client.routes),
            "since": str(client.since or f"{client.days_back} days back"),
            "requests_per_minute": client.requests_per_minute,
            "token": "set" if token_key(name) in tokens else f"missing: {token_variable(name)}",
        }
        for name, client in declaration.clients.items()
    ]


def _document(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except tomlkit.exceptions.TOMLKitError as error:
        raise UsageError(f".dlt/{path.name} is not valid TOML: {error}", "correct that line") from None


def _table(document: tomlkit.TOMLDocument, name: str) -> Any:
    """The table [sources.atlas.<name>], made if it is not there."""
    found: Any = document
    for key in ("sources", "atlas", name):
        if key not in found:
            found[key] = tomlkit.table(is_super_table=key != "tokens")
        found = found[key]
    return found


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all; a secret is never readable for others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
