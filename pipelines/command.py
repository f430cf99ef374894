"""What the verbs of the command line share: how they are parsed, and what they work with."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import Any, NoReturn

from pipelines.errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are this project's."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(message, f"see `{self.prog} --help`")


def environment_of(options: argparse.Namespace) -> Any:
    """What a command works with, from the settings of the folder that it is called in."""
    from pipelines import environment

    found = environment.load(Path.cwd(), {"target": options.target})
    environment.set_up_logging(found)
    return found


def console() -> Any:
    """Where tables are shown."""
    from rich.console import Console

    # wide enough for its tables where there is no terminal to measure
    return Console() if sys.stdout.isatty() else Console(width=200)


def moment(text: str) -> dt.datetime:
    """A day or a time, as UTC."""
    from pipelines.run import parse_moment

    try:
        return parse_moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a day nor a time: write 2026-10-01 or 2026-10-01T12:00"
        ) from None


def day(text: str) -> dt.date:
    """A day."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day: write 2026-10-01") from None


def names(text: str) -> list[str]:
    """Names, with spaces or commas between them."""
    return text.replace(",", " ").split()


def ids(text: str) -> list[str]:
    """Numbers that name something."""
    found = names(text)
    if wrong := [one for one in found if not one.isdecimal()]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is not an id: write ids, such as 501")
    return found


def positive(text: str) -> int:
    """A number above 0."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)
