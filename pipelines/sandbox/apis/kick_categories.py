"""Kick's own names and ids for the catalogue that all platforms share.

A consumer that compares platforms has to match categories by name: some are spelled differently here, which normalising
evens out, and the broad ones have other names altogether, which only a list of aliases can tell.
"""

from __future__ import annotations

import re
import unicodedata

from pipelines.sandbox import words
from pipelines.sandbox.world import draws

# the catalogue's broad categories, and what they are called here
OTHER_NAMES = {
    "Casual Talk": "IRL",
    "Music Room": "Music",
    "Watch Together": "Reacts & Watch Parties",
    "Art Studio": "Drawing",
    "Outdoors & Travel": "On the Road",
    "Kitchen Live": "Food & Drink",
}
TAGS = ("Action", "Adventure", "MOBA", "Puzzle", "Racing", "RPG", "Shooter", "Strategy")
SPELLED_ANEW = 0.4  # share of the other names
ID_STEP, ID_SPACE, FIRST_ID = 7_919, 20_011, 3  # the space is prime, so no two categories share an id


def category_id(number: int) -> int:
    """Return the id of the catalogue's n-th category."""
    return FIRST_ID + number * ID_STEP % ID_SPACE


def category_name(name: str) -> str:
    """Return the name of a category of the catalogue; the same for the same name, in any world."""
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    luck = draws(0, "kick category", name)
    if luck[0] >= SPELLED_ANEW:
        return name
    return words.pick([spelling for spelling in _spellings(name) if spelling != name], luck[1])


def category_tags(name: str) -> list[str]:
    """Return the tags of a category of the catalogue: one or two."""
    if name in OTHER_NAMES:
        return ["IRL"]
    luck = draws(0, "kick tags", name)
    return sorted({words.pick(TAGS, luck[0]), words.pick(TAGS, luck[1])})


def _spellings(name: str) -> list[str]:
    """Return a name with differences that do not make it another: case, "and", colons, a trademark sign, accents."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    with_colon = name.replace(":", "") if ":" in name else re.sub(r"^(\S+) ", r"\1: ", name)
    return [name.upper(), name.lower(), name.replace("&", "and"), with_colon, f"{name}™", plain]
