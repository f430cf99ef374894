"""The seeds that people edit, checked before dbt reads them: what is wrong is told with its file and line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.transform import PROJECT
from pipelines.warehouse import Warehouse

FOLDER = PROJECT / "seeds"
COLUMNS = {
    "standings_policies": ("league_id", "first_season", "last_season", "ranking", "points_for_win", "note"),
    "team_aliases": ("team_id", "canonical_team_id", "note"),
    "category_aliases": ("platform", "category_name", "canonical_name", "note"),
    "sync_policies": ("source", "resource", "age_class", "max_age_hours"),
}
# how a table can be ordered: each is a case of the football models
RANKINGS = ("goal_difference", "goals_for", "head_to_head", "points_per_game")
PLATFORMS = ("twitch", "kick", "youtube")
PLANNED = re.compile(r"sync_plan\(\s*'(\w+)',\s*'(\w+)'")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line of a seed, and what to write instead."""

    file: str
    line: int
    what: str
    mend: str

    def __str__(self) -> str:
        return f"dbt_project/seeds/{self.file}.csv, line {self.line}: {self.what}"


@dataclass(frozen=True)
class Line:
    """A row of a seed with the line that it ends on."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells[name].strip()


def check(folder: Path = FOLDER) -> None:
    """Raise the first thing that is wrong with a seed, and how many more there are.

    Raises:
        UsageError: something is.
    """
    if found := problems(folder):
        first, more = found[0], len(found) - 1
        told = "".join(f"\n  and {one}" for one in found[1:10])
        left = f"\n  and {more - 9} more" if more > 9 else ""
        raise UsageError(f"{first}{told}{left}", first.mend)


def problems(folder: Path = FOLDER) -> list[Problem]:
    """All that is wrong with the seeds, file by file in the order of lines."""
    found: list[Problem] = []
    for name, judge in JUDGES.items():
        note = lambda line, what, mend, name=name: found.append(Problem(name, line, what, mend))
        lines = list(_lines(folder / f"{name}.csv", COLUMNS[name], note))
        judge(lines, note)
    return sorted(found, key=lambda one: (list(JUDGES).index(one.file), one.line))


def unknown_ids(warehouse: Warehouse, folder: Path = FOLDER) -> list[str]:
    """A line for each seed that names leagues or teams which this warehouse has never seen.

    That is no fault: it may not have read them yet, or be the demo's, while the row is for live data.
    """
    told = []
    for name, table, columns in (
        ("standings_policies", "leagues", ("league_id",)),
        ("team_aliases", "teams", ("team_id", "canonical_team_id")),
    ):
        if not warehouse.rows(
            "select 1 from information_schema.tables where table_schema = 'raw_sportmonks' and table_name = ?", [table]
        ):
            continue
        known = {str(one) for (one,) in warehouse.rows(f"select id from raw_sportmonks.{table}")}
        lines = _lines(folder / f"{name}.csv", COLUMNS[name], lambda *problem: None)
        unseen = [(line, column) for line in lines for column in columns if line[column] not in known]
        if known and unseen:
            shown = ", ".join(f"{line[column]} (line {line.number})" for line, column in unseen[:5])
            more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
            told.append(f"{name}.csv names {table} that this warehouse has not seen: {shown}{more}")
    return told


Note = Callable[[int, str, str], None]


def _lines(path: Path, columns: tuple[str, ...], note: Note) -> Iterator[Line]:
    """The rows of a seed; those that have other columns are noted and left out."""
    header = ",".join(columns)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            if tuple(cell.strip() for cell in next(reader, [])) != columns:
                note(1, f"its columns are not {header}", f"make the first line: {header}")
                return
            for cells in reader:
                if len(cells) != len(columns):
                    what = f"{len(cells)} cells for {len(columns)} columns"
                    mend = f"write {header}; a cell with a comma in it goes between double quotes"
                    note(reader.line_num, what, mend)
                else:
                    yield Line(reader.line_num, dict(zip(columns, cells, strict=True)))
    except FileNotFoundError:
        note(1, "it is missing", "restore it: `git checkout dbt_project/seeds`")
    except (UnicodeDecodeError, csv.Error) as error:
        note(1, f"it can not be read: {error}", "save it as CSV in UTF-8")


def _number(line: Line, column: str, note: Note, least: int | None = None, blank: bool = False) -> int | None:
    """A cell as a whole number; None if it is blank or was noted as wrong."""
    text = line[column]
    if not text and blank:
        return None
    fits = re.fullmatch(r"-?\d{1,18}", text)
    if not fits or (least is not None and int(text) < least):
        of = f" of {least} or more" if least is not None else ""
        blanks = ", or nothing" if blank else ""
        note(line.number, f"{_of(line)}{column} {text!r} is not a number{of}", f"write a whole number{of}{blanks}")
        return None
    return int(text)


def _of(line: Line) -> str:
    """Whose line it is."""
    for column, name in (("league_id", "league"), ("team_id", "team"), ("category_name", "category")):
        if line.cells.get(column):
            return f"{name} {line[column]}: "
    return ""


def _standings(lines: Iterable[Line], note: Note) -> None:
    ranges: dict[int, list[tuple[float, float, Line]]] = {}
    for line in lines:
        league = _number(line, "league_id", note, 1)
        first, last = (_number(line, name, note, 1, blank=True) for name in ("first_season", "last_season"))
        _number(line, "points_for_win", note, 1)
        if line["ranking"] not in RANKINGS:
            note(
                line.number, f"{_of(line)}ranking {line['ranking']!r} is unknown", f"write one of {', '.join(RANKINGS)}"
            )
        begins, ends = first if first is not None else float("-inf"), last if last is not None else float("inf")
        if begins > ends:
            note(line.number, f"{_of(line)}it ends in {last}, before it begins in {first}", "swap the seasons")
            continue
        if league is None:
            continue
        for other_begins, other_ends, other in ranges.setdefault(league, []):
            if begins <= other_ends and other_begins <= ends:
                note(
                    line.number,
                    f"{_of(line)}its seasons ({_seasons(line)}) are also those of line {other.number}"
                    f" ({_seasons(other)})",
                    "end one range a season before the other begins: both bounds are included, blank is without end",
                )
                break
        ranges[league].append((begins, ends, line))


def _seasons(line: Line) -> str:
    return f"{line['first_season'] or 'all before'} to {line['last_season'] or 'all after'}"


def _teams(lines: Iterable[Line], note: Note) -> None:
    canonical: dict[int, int] = {}
    where: dict[int, Line] = {}
    for line in lines:
        team, other = _number(line, "team_id", note, 1), _number(line, "canonical_team_id", note, 1)
        if team is None or other is None:
            continue
        if team == other:
            note(line.number, f"team {team} is an alias of itself", "name the other id of the club, or remove the line")
        elif team in canonical:
            mend = "keep one of the lines: a team has one canonical id"
            note(line.number, f"team {team} has an alias already, in line {where[team].number}", mend)
        else:
            canonical[team], where[team] = other, line
    for team, other in canonical.items():
        if other not in canonical:
            continue
        path, last = [team, other], other
        while last in canonical and canonical[last] not in path:
            last = canonical[last]
            path.append(last)
        if last in canonical:
            what = f"its aliases go round: {' -> '.join(map(str, [*path, canonical[last]]))}"
            mend = "choose the one id that counts and name it in each line of the others"
        else:
            what = f"its canonical id {other} is itself an alias, in line {where[other].number}"
            mend = f"write {last}, the id that counts in the end"
        note(where[team].number, f"team {team}: {what}", mend)


def _categories(lines: Iterable[Line], note: Note) -> None:
    known: dict[tuple[str, str], int] = {}
    for line in lines:
        if line["platform"] not in PLATFORMS:
            mend = f"write one of {', '.join(PLATFORMS)}"
            note(line.number, f"{_of(line)}platform {line['platform']!r} is unknown", mend)
        for column in ("category_name", "canonical_name"):
            if not line[column]:
                note(line.number, f"{_of(line)}{column} is blank", "name a category, or remove the line")
        key = (line["platform"], line["category_name"])
        if key in known and line["category_name"]:
            mend = "keep one of the lines: a category has one canonical name"
            note(line.number, f"{_of(line)}{key[0]} has an alias for it already, in line {known[key]}", mend)
        known.setdefault(key, line.number)


def _policies(lines: Iterable[Line], note: Note) -> None:
    models = [path.read_text("utf-8") for path in sorted((PROJECT / "models").rglob("*.sql"))]
    planned = {found for text in models for found in PLANNED.findall(text)}
    macros = [path.read_text("utf-8") for path in (PROJECT / "macros" / "sync").glob("*.sql")]
    # an age class is a name that models give to units
    named = set(re.findall(r"'([a-z_]+)'", "\n".join([*models, *macros])))
    known: dict[tuple[str, ...], int] = {}
    for line in lines:
        key = (line["source"], line["resource"], line["age_class"])
        whose = f"{key[0]}.{key[1]}"
        if key[:2] not in planned:
            mend = f"write one of {', '.join(sorted('.'.join(one) for one in planned))}"
            note(line.number, f"there is no resource {whose}", mend)
        elif key[2] not in named:
            mend = "name a class that the sync view of the resource has, as in the lines that came with the project"
            note(line.number, f"{whose}: no unit is ever of the age class {key[2]!r}", mend)
        if key in known:
            note(line.number, f"{whose}: the age class {key[2]} has line {known[key]} already", "keep one of the lines")
        known.setdefault(key, line.number)
        hours = line["max_age_hours"]
        if hours and not re.fullmatch(r"\d{1,9}(\.\d+)?", hours):
            mend = "write a number of hours, such as 24 or 0.25; 0 is always due, nothing is never"
            note(line.number, f"{whose} {key[2]}: max_age_hours {hours!r} is not a number of 0 or more", mend)


JUDGES: dict[str, Callable[[Iterable[Line], Note], None]] = {
    "standings_policies": _standings,
    "team_aliases": _teams,
    "category_aliases": _categories,
    "sync_policies": _policies,
}
