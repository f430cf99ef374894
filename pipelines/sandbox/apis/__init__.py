"""The APIs that the sandbox simulates, one module each. To plug one in, write its class and list it here."""

from __future__ import annotations

from pipelines.sandbox.apis.atlas import Atlas
from pipelines.sandbox.apis.base import Api
from pipelines.sandbox.apis.kick import Kick
from pipelines.sandbox.apis.sportmonks import Sportmonks
from pipelines.sandbox.apis.twitch import Twitch
from pipelines.sandbox.apis.youtube import YouTube

APIS: tuple[type[Api], ...] = (Twitch, Kick, YouTube, Sportmonks, Atlas)
