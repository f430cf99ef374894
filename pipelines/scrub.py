"""Keeps secrets out of logs, errors, records and everything under data/."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4  # replacing shorter texts would garble what is left


class Scrubber:
    """Replaces known secrets, also URL-encoded ones, in any text. Tokens join it as they are issued."""

    def __init__(self, secrets: Iterable[str | None] = ()):
        self._secrets: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str | None) -> None:
        """Learn secrets; None and very short ones are passed over."""
        for secret in secrets:
            if secret and len(secret) >= SHORTEST:
                self._secrets |= {secret, quote(secret, safe=""), quote_plus(secret)}

    def clean(self, text: str) -> str:
        """The text with each secret masked, longest first."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text


class ScrubbingFormatter(logging.Formatter):
    """A log formatter whose whole output, traceback included, has passed the scrubber."""

    def __init__(self, scrubber: Scrubber, layout: str):
        super().__init__(layout)
        self._scrubber = scrubber

    def format(self, record: logging.LogRecord) -> str:
        """The record as one text without secrets."""
        return self._scrubber.clean(super().format(record))


def clean_traceback(scrubber: Scrubber, error: BaseException) -> str:
    """The error with its traceback, without secrets."""
    return scrubber.clean("".join(traceback.format_exception(error)))
