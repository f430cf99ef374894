"""What can be included in the rows of the simulated Sportmonks API: which names, how deep, and how they are filled.

Names are taken in any case and answered in lower case. What the real API could include in a fixture and this sandbox
does not simulate is an empty list.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pipelines.sandbox import tables
from pipelines.sandbox.apis import sportmonks_rows as rows
from pipelines.sandbox.apis.base import Row
from pipelines.sandbox.apis.sportmonks_requests import problem
from pipelines.sandbox.apis.sportmonks_rows import Details
from pipelines.sandbox.clubs import LEAGUE_BY_ID, TEAMS
from pipelines.sandbox.football import Football, Look
from pipelines.sandbox.seasons import Season, is_current

MAX_DEPTH = {"fixtures": 3, "standings": 2, "states": 0, "types": 0}

CHILDREN = ("participants", "scores", "events", "statistics", "lineups", "periods")
PARENTS = ("league", "season", "stage", "round", "venue", "state")
NOT_SIMULATED = (
    "sport", "group", "aggregate", "coaches", "tvstations", "weatherreport", "timeline", "comments", "trends",
    "currentperiod", "detailedperiods", "odds", "premiumodds", "inplayodds", "prematchnews", "postmatchnews",
    "metadata", "sidelined", "predictions", "referees", "formations", "ballcoordinates", "xgfixture", "pressure",
    "expectedlineups", "predictedlineups", "matchfacts", "aioverviews",
)  # fmt: skip
# what has which includes; "team" and the like are what an include leads to
GRAPH: dict[str, dict[str, str]] = {
    "fixtures": {
        "participants": "teams", "scores": "scores", "events": "events", "statistics": "statistics",
        "lineups": "lineups", "periods": "periods", "league": "leagues", "season": "seasons", "stage": "stages",
        "round": "rounds", "venue": "venues", "state": "states", **dict.fromkeys(NOT_SIMULATED, "nothing"),
    },
    "scores": {"type": "types", "participant": "teams"},
    "events": {"type": "types", "participant": "teams", "player": "players", "relatedplayer": "players"},
    "statistics": {"type": "types", "participant": "teams"},
    "lineups": {"type": "types", "team": "teams", "player": "players", "position": "types", "details": "details"},
    "periods": {"type": "types"},
    "details": {"type": "types"},
    "standings": {
        "participant": "teams", "league": "leagues", "season": "seasons", "stage": "stages", "details": "details",
    },
    "topscorers": {"participant": "teams", "season": "seasons", "stage": "stages", "type": "types"},
    "leagues": {"seasons": "seasons", "currentseason": "seasons"},
    "seasons": {"league": "leagues", "stages": "stages"},
    "stages": {"league": "leagues", "season": "seasons", "type": "types"},
    "rounds": {"league": "leagues", "season": "seasons", "stage": "stages"},
    "teams": {"venue": "venues"},
}  # fmt: skip


class Tree(dict[str, "Tree"]):
    """Includes by name, each with those below it; `fields` are the only ones wanted of its rows, if there are any."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: tuple[str, ...] = ()


@lru_cache(maxsize=500)
def parse(text: str, thing: str) -> Tree:
    """Return the includes of "scores;events.player:name" for a thing. Raise Problem for one that it does not have."""
    whole = Tree()
    for chain in filter(None, text.replace(" ", "").split(";")):
        tree, kind, steps = whole, thing, chain.split(".")
        if len(steps) > MAX_DEPTH.get(thing, 3):
            if not MAX_DEPTH.get(thing, 3):
                raise problem(5000, f"The include '{chain}' is not allowed on this endpoint.")
            raise problem(5008, f"The include '{chain}' is nested too deep.")
        for step in steps:
            name, _, fields = step.partition(":")
            kinds = GRAPH.get(kind, {})
            if name.lower() not in kinds:
                raise problem(5001, f"The requested include '{name}' does not exist.")
            tree, kind = tree.setdefault(name.lower(), Tree()), kinds[name.lower()]
            if fields:
                tree.fields = tuple(fields.split(","))
    return whole


class Includes:
    """Fills the includes of rows from a world."""

    def __init__(self, world: Football) -> None:
        self.world = world
        self.rounds_of = lru_cache(maxsize=1000)(self._make_rounds)

    def tree(self, text: str | None, thing: str) -> Tree:
        """Return the includes that a request asks for. Raise Problem for one that the thing does not have."""
        return parse(text, thing) if text else Tree()

    def add_to_fixture(self, row: Row, seen: Look, tree: Tree, now: float) -> Row:
        """Return a fixture's row with what is included."""
        details = Details(self.world.seed, seen, now)
        for name, below in tree.items():
            if name in CHILDREN:
                made = getattr(details, name)()
                row[name] = self._finished(made, GRAPH["fixtures"][name], below, now)
            elif name in PARENTS:
                row[name] = self._parent(name, row, below, now)
            else:
                row[name] = []
        return row

    def add(self, thing: str, row: Row, tree: Tree, now: float) -> Row:
        """Return a row of anything but fixtures with what is included."""
        for name, below in tree.items():
            if name in ("seasons", "stages", "details", "currentseason"):
                row[name] = self._several(thing, name, row, below, now)
            else:
                row[name] = self._parent(name, row, below, now)
        return row

    def _finished(self, made: list[Row], kind: str, tree: Tree, now: float) -> list[Row]:
        """Return rows with what is included in them, cut down to the fields that are wanted."""
        if tree:
            for row in made:
                self.add(kind, row, tree, now)
        if tree.fields and made:
            for name in tree.fields:
                if name not in made[0]:
                    raise problem(5006, f"The field '{name}' does not exist on the included resource.")
            kept = {"id", *tree.fields, *tree}
            made = [{name: value for name, value in row.items() if name in kept} for row in made]
        return made

    def _parent(self, name: str, row: Row, tree: Tree, now: float) -> Row | None:
        made, kind = self._one(name, row, now)
        return self._finished([made], kind, tree, now)[0] if made else None

    def _one(self, name: str, row: Row, now: float) -> tuple[Row | None, str]:
        """Return (the row that a row belongs to, what it is)."""
        world = self.world
        match name:
            case "league":
                return rows.league(LEAGUE_BY_ID[row["league_id"]], None), "leagues"
            case "season" | "stage" | "round":
                season = world.season(row["season_id"])
                if season is None:
                    return None, "seasons"
                if name == "season":
                    return self.season_row(season, now), "seasons"
                if name == "stage":
                    return rows.stage(season, now), "stages"
                number = row["round_id"] - rows.round_id(season, 0)
                return rows.round_(season, number, *self.rounds_of(season)[number], now), "rounds"
            case "participant" | "team":
                return rows.team(TEAMS[row["participant_id" if name == "participant" else "team_id"]]), "teams"
            case "venue":
                team = TEAMS.get((row["venue_id"] or 0) // 10)
                return (rows.venue(team) if team else None), "venues"
            case "player" if row["player_id"]:
                return rows.player(row["player_id"], row["player_name"]), "players"
            case "relatedplayer" if row["related_player_id"]:
                return rows.player(row["related_player_id"], row["related_player_name"]), "players"
            case "state":
                return dict(rows.STATE_ROWS[row["state_id"]]), "states"
            case "type" | "position":
                return dict(rows.TYPE_ROWS[row["type_id" if name == "type" else "position_id"]]), "types"
        return None, "nothing"

    def _several(self, thing: str, name: str, row: Row, tree: Tree, now: float) -> Any:
        made: list[Row]
        if name in ("seasons", "currentseason"):
            seasons = [season for season in self.world.seasons(now) if season.league.id == row["id"]]
            made = [self.season_row(season, now) for season in seasons]
            if name == "currentseason":
                current = self._finished([season for season in made if season["is_current"]], "seasons", tree, now)
                return current[0] if current else None
            return self._finished(made, "seasons", tree, now)
        if name == "stages":
            season = self.world.season(row["id"])
            return self._finished([rows.stage(season, now)] if season else [], "stages", tree, now)
        if thing == "standings":
            made = self._figures(row["season_id"], now)[row["id"]]
        else:  # of a line-up: minutes are not told apart
            number, of_starters = row["id"] * 10, row["type_id"] == 11
            made = [
                {"id": number, "fixture_id": row["fixture_id"], "player_id": row["player_id"],
                 "team_id": row["team_id"], "lineup_id": row["id"], "type_id": 119, "data": {"value": 90}}
            ] if of_starters else []  # fmt: skip
        return self._finished(made, "details", tree, now)

    def _figures(self, season_id: int, now: float) -> dict[int, list[Row]]:
        season = self.world.season(season_id)
        lines = tables.standings(self.world, season_id, known=now) if season else []
        made = {}
        for line in lines:
            number = rows.standing(season, line)["id"]
            made[number] = rows.standing_details(number, line)
        return made

    def season_row(self, season: Season, now: float) -> Row:
        """Return a season's row."""
        return rows.season(season, now, is_current(season, now))

    def _make_rounds(self, season: Season) -> dict[int, tuple[int, int]]:
        """Return the first and the last planned kick-off of each round."""
        spans: dict[int, tuple[int, int]] = {}
        for fixture in self.world.fixtures_of(season):
            first, last = spans.get(fixture.round, (fixture.planned, fixture.planned))
            spans[fixture.round] = min(first, fixture.planned), max(last, fixture.planned)
        return dict(sorted(spans.items()))
