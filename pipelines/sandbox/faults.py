"""Upstream trouble on purpose: which of the coming requests goes wrong, and how, in a seeded order."""

from __future__ import annotations

import random
from collections.abc import Mapping

KINDS = ("429", "500", "503", "reset", "slow", "truncate")


def parse_shares(text: str) -> dict[str, float]:
    """Read "429=0.02,reset=0.01" into shares by kind; raise ValueError for anything else."""
    shares = {}
    for part in filter(None, text.split(",")):
        kind, _, share = part.partition("=")
        shares[kind.strip()] = float(share)
    return check_shares(shares)


def check_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """Return the shares as a dict; raise ValueError for an unknown kind, a negative share or a sum above 1."""
    unknown = set(shares) - set(KINDS)
    if unknown:
        raise ValueError(f"unknown faults {sorted(unknown)}; known are {', '.join(KINDS)}")
    if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        raise ValueError(f"fault shares must lie between 0 and 1 and add up to at most 1: {dict(shares)}")
    return dict(shares)


class Faults:
    """Draws at most one fault a request. A kind is an HTTP status, or:

    reset: the connection is reset without an answer; truncate: the body stops half-way;
    slow: a good answer comes `slow_seconds` late.
    """

    def __init__(self, shares: Mapping[str, float] | None = None, seed: int = 1) -> None:
        self.slow_seconds = 0.3
        self.set(shares or {}, seed)

    def set(self, shares: Mapping[str, float], seed: int = 1) -> None:
        """Replace the share of each kind; the same seed gives the same order of faults."""
        self.shares = check_shares(shares)
        self._random = random.Random(seed)

    def draw(self) -> str | None:
        """Return the fault of the next request, or None."""
        if not self.shares:
            return None
        point = self._random.random()
        for kind, share in self.shares.items():
            if point < share:
                return kind
            point -= share
        return None
