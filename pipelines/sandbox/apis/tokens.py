"""Access tokens as the simulated APIs issue them."""

from __future__ import annotations

import secrets
import string

TOKEN_ALPHABET = string.ascii_lowercase + string.digits


class Tokens:
    """App access tokens and until when they are good, in world time."""

    def __init__(self, lifetime: float) -> None:
        self._lifetime = lifetime
        self._until: dict[str, float] = {}

    def issue(self, now: float) -> str:
        """Return a new token. It is not part of the world: no two sandboxes ever share one."""
        token = "".join(secrets.choice(TOKEN_ALPHABET) for _ in range(30))
        self._until[token] = now + self._lifetime
        return token

    def seconds_left(self, token: str, now: float) -> int | None:
        """Return how long a token is still good, or None if it is not."""
        until = self._until.get(token)
        return int(until - now) if until is not None and until > now else None

    def revoke(self, token: str) -> bool:
        """Make a token invalid; return whether it was known."""
        return self._until.pop(token, None) is not None
