"""Sources: one module each. A source declares its raw tables and says how each resource is fetched."""

from __future__ import annotations

from pipelines.resources import Source
from pipelines.sources import atlas, kick, sportmonks, twitch, youtube

SOURCES: dict[str, Source] = {
    module.SOURCE.name: module.SOURCE for module in (twitch, kick, youtube, sportmonks, atlas)
}
