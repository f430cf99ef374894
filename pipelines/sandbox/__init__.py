"""The sandbox: the upstream APIs of this project, simulated on loopback, so that all runs and is tested without a key.

It is a neighbour of what it serves: it imports nothing of the project but itself, and clients reach it over HTTP only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.sandbox.server import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> Any:
    # the web server is loaded by who asks for a Sandbox: whoever only passes by should not wait for it
    if name == "Sandbox":
        from pipelines.sandbox.server import Sandbox

        return Sandbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
