"""What is declared of atlas, as files: .dlt/config.toml and .dlt/secrets.toml, changed without losing a comment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.exceptions

from pipelines.errors import UsageError

CONFIG, SECRETS = "config.toml", "secrets.toml"


def document(path: Path) -> tomlkit.TOMLDocument:
    """A file as it is, comments included; an empty one if it is not there.

    Raises:
        UsageError: it is not valid TOML.
    """
    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except tomlkit.exceptions.TOMLKitError as error:
        raise UsageError(f".dlt/{path.name} is not valid TOML: {error}", "correct that line") from None


def table(content: tomlkit.TOMLDocument, name: str) -> Any:
    """The table [sources.atlas.<name>], made if it is not there."""
    found: Any = content
    for key in ("sources", "atlas", name):
        if key not in found:
            found[key] = tomlkit.table(is_super_table=key != "tokens")
        found = found[key]
    return found


def plain(content: tomlkit.TOMLDocument) -> dict[str, Any]:
    """What [sources.atlas] holds, as plain values."""
    return dict(content.unwrap().get("sources", {}).get("atlas", {}))


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole or not at all; a secret is never readable for others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
