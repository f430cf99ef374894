"""Football for tests: raw rows of seasons as the API sends them, loaded by their declarations, and the marts."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pipelines.sources import sportmonks
from pipelines.tables import Table
from pipelines.validation import Context, check
from tests.dbt.warehouse import Row, Warehouse

TABLES = {table.name: table for table in sportmonks.TABLES}
CHILDREN = ("participants", "scores", "events", "statistics", "lineups", "periods")
NOT_STARTED, FULL_TIME, AFTER_EXTRA_TIME, POSTPONED, CANCELLED, AWARDED, DELETED = 1, 5, 7, 10, 12, 17, 20
STAGE_AS_TABLE, STAGE_AS_KNOCK_OUT = 223, 224
BUILT = ("path:models/intermediate/football", "path:models/marts/football")
# a fixture's score ids
SCORES = {"CURRENT": 1, "1ST_HALF": 3, "ET": 5, "PENALTIES": 7}


@dataclass(frozen=True)
class Match:
    """A fixture; goals are those of CURRENT. `scores` adds other kinds: {"ET": (1, 0)}."""

    id: int
    day: dt.date | None
    home: int
    away: int
    goals: tuple[int, int] = (0, 0)
    state: int = FULL_TIME
    scores: dict[str, tuple[int, int]] = field(default_factory=dict, hash=False)
    events: tuple[Row, ...] = ()
    lineups: tuple[Row, ...] = ()
    statistics: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Season:
    """A season of a league, all in one stage; `start` is the year it begins in."""

    id: int
    league_id: int
    start: int
    matches: tuple[Match, ...]
    corrections: tuple[Row, ...] = ()
    stage_type: int = STAGE_AS_TABLE
    finished: bool = False

    @property
    def table_id(self) -> str:
        return f"{self.id}-{self.id}-0"

    def changed(self, *matches: Match) -> Season:
        """The season with other versions of some of its matches."""
        changed = {match.id: match for match in matches}
        return replace(self, matches=tuple(changed.get(match.id, match) for match in self.matches))


class Football:
    """Raw football tables of a warehouse: `fetch` loads seasons as one answer, `build` runs dbt over them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._requests = itertools.count(1)
        warehouse.create()

    def fetch(
        self, at: dt.datetime, *seasons: Season, listed: Iterable[int] | None = None, details: bool = True
    ) -> None:
        """The list of fixtures (of `listed`, or all) and the details of all, as fetched and loaded at one moment."""
        names: dict[str, list[Row]] = {name: [] for name in TABLES}
        wanted = None if listed is None else set(listed)
        for season in seasons:
            for name, rows in season_rows(season).items():
                if name == "fixture_index":
                    rows = [row for row in rows if wanted is None or row["id"] in wanted]
                elif not details and name in ("fixtures", *CHILDREN):
                    rows = []
                names[name] += rows
        self.load(at, names)

    def load(self, at: dt.datetime, rows: dict[str, list[Row]]) -> None:
        """Merge rows of one answer, as one completed load a minute later."""
        request_id = f"request-{next(self._requests)}"
        context = Context(at, at.replace(tzinfo=dt.UTC), request_id)
        for name, table_rows in rows.items():
            unique = {tuple(row[column] for column in TABLES[name].key): row for row in table_rows}
            checked = check(TABLES[name], list(unique.values()), context)
            assert not checked.refused, checked.refused[0]
            if checked.rows.num_rows:
                ids = pa.array([request_id] * checked.rows.num_rows)
                self._merge(TABLES[name], checked.rows.append_column("_dlt_load_id", ids))
        self.warehouse.complete(request_id, at + dt.timedelta(minutes=1), "raw_sportmonks")

    def sweep(self, at: dt.datetime, complete: bool = True) -> None:
        """The header of a sweep over the list of fixtures."""
        header = {
            "slot_at": at,
            "source": "sportmonks",
            "resource": "lists",
            "scope": "fixtures",
            "is_complete": complete,
            "is_exhaustive": complete,
            "started_at": at,
            "finished_at": at + dt.timedelta(seconds=30),
        }
        self.warehouse.load(at + dt.timedelta(minutes=2), {"raw_ops.polls": [header]})

    def create_views(self) -> None:
        """The seeds and staging: once, since views follow the raw tables by themselves."""
        self.warehouse.dbt("seed", "--select", "standings_policies", "team_aliases")
        self.warehouse.dbt("run", "--select", "path:models/staging/sportmonks", "stg_ops__polls")

    def build(self, *arguments: str) -> None:
        """All above staging: incremental models by what is new."""
        self.warehouse.dbt("run", "--select", *BUILT, *arguments)

    def _merge(self, table: Table, rows: pa.Table) -> None:
        name, key = table.qualified_name, ", ".join(table.primary_key)
        with tempfile.TemporaryDirectory() as directory:
            if self.warehouse.target == "duckdb":
                path = Path(directory) / "rows.parquet"
                pyarrow.parquet.write_table(rows, path)
                self.warehouse.execute(
                    f"delete from {name} where ({key}) in (select ({key}) from '{path}');"
                    f"insert into {name} select * from '{path}'"
                )
                return
            settings = self.warehouse.settings()
            with psycopg.connect(
                host=settings["DB_HOST"],
                port=settings["DB_PORT"],
                dbname=settings["DB_NAME"],
                user=settings["DB_USER"],
                password=settings["DB_PASSWORD"],
            ) as connection:
                connection.execute(f"create temp table new_rows (like {name})")  # type: ignore[arg-type]
                path = Path(directory) / "rows.csv"
                pyarrow.csv.write_csv(rows, path)
                with connection.cursor().copy("copy new_rows from stdin (format csv, header)") as copy:
                    copy.write(path.read_bytes())
                connection.execute(
                    f"delete from {name} where ({key}) in (select {key} from new_rows);"  # type: ignore[arg-type]
                    f"insert into {name} select * from new_rows"
                )


def season_rows(season: Season) -> dict[str, list[Row]]:
    """Everything the API tells of a season, by raw table."""
    rows: dict[str, list[Row]] = {
        "leagues": [{"id": season.league_id, "country_id": season.league_id, "name": f"League {season.league_id}"}],
        "seasons": [
            {
                "id": season.id,
                "league_id": season.league_id,
                "name": f"{season.start}/{season.start + 1}",
                "finished": season.finished,
                "starting_at": f"{season.start}-08-01",
                "ending_at": f"{season.start + 1}-05-31",
            }
        ],
        "stages": [
            {
                "id": season.id,
                "league_id": season.league_id,
                "season_id": season.id,
                "type_id": season.stage_type,
                "name": "Regular Season",
            }
        ],
        "teams": [],
        "corrections": [{"season_id": season.id, "value": 3, "calc_type": "-", **row} for row in season.corrections],
        "fixture_index": [],
        "fixtures": [],
        **{name: [] for name in CHILDREN},
    }
    for match in season.matches:
        teams = {"home": match.home, "away": match.away}
        base = {
            "id": match.id,
            "league_id": season.league_id,
            "season_id": season.id,
            "stage_id": season.id,
            "state_id": match.state,
            "name": f"{team_name(match.home)} vs {team_name(match.away)}",
            "starting_at": f"{match.day} 15:00:00" if match.day else None,
            "placeholder": False,
        }
        base["base_hash"] = hashlib.sha256(repr(base).encode()).hexdigest()
        rows["fixture_index"].append(base)
        rows["fixtures"].append(base)
        for side, team in teams.items():
            named = {"id": team, "name": team_name(team), "country_id": season.league_id}
            rows["teams"].append(named)
            rows["participants"].append({**named, "fixture_id": match.id, "location": side})
        for number, (description, goals) in enumerate({"CURRENT": match.goals, **match.scores}.items()):
            for place, (side, team) in enumerate(teams.items()):
                rows["scores"].append(
                    {
                        "fixture_id": match.id,
                        "id": match.id * 10 + number * 2 + place,
                        "participant_id": team,
                        "goals": goals[place],
                        "participant": side,
                        "description": description,
                    }
                )
        for name in ("events", "statistics", "lineups"):
            rows[name] += [{"fixture_id": match.id, **row} for row in getattr(match, name)]
    return rows


def team_name(team: int) -> str:
    """A name whose order is not that of the ids."""
    return f"{'QWERTYUIOP'[team % 10]}{team}"
