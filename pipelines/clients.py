"""Clients of atlas from the command line: added, listed, checked; nobody has to edit a file for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from pipelines.declarations import CONFIG, SECRETS, document, plain, table, write
from pipelines.errors import UsageError
from pipelines.sources import atlas, atlas_routes
from pipelines.sources.atlas_routes import token_key, token_variable


def add(root: Path, name: str, values: Mapping[str, Any], token: str, replace: bool = False) -> None:
    """Declare a client in .dlt/config.toml and put its token into .dlt/secrets.toml, which only its owner may read.

    values: what the client's table holds (see atlas_routes.ClientOf).

    Raises:
        UsageError: the client is there already, or it or a job of it does not fit; nothing was written.
    """
    if not token.strip():
        raise UsageError("the token is empty", "type it at the prompt, or pipe it in")
    file = root / ".dlt" / CONFIG
    config, secrets = document(file), document(root / ".dlt" / SECRETS)
    declared = table(config, "clients")
    if name in declared and not replace:
        raise UsageError(f"client {name} is declared already", "add --replace to declare it anew")
    declared[name] = {key: value for key, value in values.items() if value is not None}
    content = plain(config)
    declaration = atlas_routes.read(content["clients"], content.get("routes", {}), file)
    atlas_routes.read_jobs(content.get("jobs", {}), declaration, file)
    table(secrets, "tokens")[name] = token.strip()
    # a client without a token fails by itself; a token without a client would make a demo live
    write(file, tomlkit.dumps(config))
    write(root / ".dlt" / SECRETS, tomlkit.dumps(secrets), 0o600)


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
