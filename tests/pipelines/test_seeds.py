"""Seeds that are edited wrongly: refused before anything runs, with file, line and what to write instead."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines import seeds
from pipelines.errors import UsageError
from tests.helpers import Warehouse

STANDINGS, TEAMS, CATEGORIES, POLICIES = "standings_policies", "team_aliases", "category_aliases", "sync_policies"
CASES = [
    (
        STANDINGS,
        "8,1990,1998,goals_for,3,a|8,1998,,goals_for,3,b",
        3,
        "league 8: its seasons (1998 to all after)",
        "bounds",
    ),
    (STANDINGS, "8,,,goals_for,3,a|8,2001,2001,goals_for,3,b", 3, "are also those of line 2 (all before to", "bounds"),
    (STANDINGS, "8,1999,1998,goals_for,3,a", 2, "league 8: it ends in 1998, before it begins in 1999", "swap"),
    (STANDINGS, "8,,,goal_diff,3,a", 2, "league 8: ranking 'goal_diff' is unknown", "goal_difference, goals_for"),
    (STANDINGS, "8,,,goals_for,0,a", 2, "league 8: points_for_win '0' is not a number of 1 or more", "whole number"),
    (STANDINGS, "8,,,goals_for,,a", 2, "points_for_win '' is not a number", "whole number"),
    (STANDINGS, "x,,,goals_for,3,a", 2, "league_id 'x' is not a number", "whole number"),
    (STANDINGS, "8,99/00,,goals_for,3,a", 2, "first_season '99/00' is not a number", "or nothing"),
    (STANDINGS, "8,,,goals_for,3,a,b", 2, "7 cells for 6 columns", "double quotes"),
    (TEAMS, "1,2,a|3,3,b", 3, "team 3 is an alias of itself", "remove the line"),
    (TEAMS, "1,2,a|1,3,b", 3, "team 1 has an alias already, in line 2", "keep one"),
    (TEAMS, "1,2,a|2,3,b", 2, "team 1: its canonical id 2 is itself an alias, in line 3", "write 3"),
    (TEAMS, "1,2,a|2,3,b|3,1,c", 2, "team 1: its aliases go round: 1 -> 2 -> 3 -> 1", "the one id that counts"),
    (TEAMS, "1,2.5,a", 2, "canonical_team_id '2.5' is not a number", "whole number"),
    (CATEGORIES, "twitch,A,B,|twitch,A,C,", 3, "category A: twitch has an alias for it already, in line 2", "keep one"),
    (CATEGORIES, "twitch,A, ,", 2, "category A: canonical_name is blank", "name a category"),
    (CATEGORIES, "twitch,,B,", 2, "category_name is blank", "name a category"),
    (CATEGORIES, "tiktok,A,B,", 2, "category A: platform 'tiktok' is unknown", "twitch, kick, youtube"),
    (POLICIES, "twitch,users,living,3", 2, "twitch.users: no unit is ever of the age class 'living'", "sync view"),
    (POLICIES, "twitch,user,live,3", 2, "there is no resource twitch.user", "twitch.users"),
    (POLICIES, "twitch,users,live,3|twitch,users,live,4", 3, "the age class live has line 2 already", "keep one"),
    (POLICIES, "twitch,users,live,-1", 2, "max_age_hours '-1' is not a number", "hours"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The seeds that came with the project."""
    return Path(shutil.copytree(seeds.FOLDER, tmp_path / "seeds"))


def write(folder: Path, name: str, rows: str) -> None:
    lines = [",".join(seeds.COLUMNS[name]), *filter(None, rows.split("|"))]
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")


def test_the_seeds_that_came_with_the_project_are_right() -> None:
    assert seeds.problems() == []


@pytest.mark.parametrize(("name", "rows", "line", "what", "mend"), CASES)
def test_a_wrong_line_is_told_with_its_file_and_the_mend(
    folder: Path, name: str, rows: str, line: int, what: str, mend: str
) -> None:
    write(folder, name, rows)
    found = seeds.problems(folder)
    with pytest.raises(UsageError) as refused:
        seeds.check(folder)
    first = str(refused.value).splitlines()[0]
    assert first.startswith(f"dbt_project/seeds/{name}.csv, line {line}: ") and what in first
    assert mend in refused.value.mend and refused.value.exit_code == 2
    assert {one.file for one in found} == {name}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        (STANDINGS, "8,,1998,goals_for,2,a|8,1999,,head_to_head,3,b|9,,,points_per_game,3,c"),
        (STANDINGS, '8,,,goals_for,3,"a, with a comma"'),
        (TEAMS, "1,3,a|2,3,b"),
        (TEAMS, ""),
        (CATEGORIES, "twitch,A,C,|kick,A,C,"),
        (POLICIES, "twitch,users,live,0.25|sportmonks,corrections,alike,"),
    ],
)
def test_what_is_right_passes(folder: Path, name: str, rows: str) -> None:
    write(folder, name, rows)
    assert seeds.problems(folder) == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"team,canonical\n1,2\n", "its columns are not team_id,canonical_team_id,note"),
        (b"", "its columns are not"),
        (b"team_id,canonical_team_id,note\n1,2,\xff\n", "it can not be read"),
        (b'team_id,canonical_team_id,note\n1,2,"a"b\n', "it can not be read"),
    ],
)
def test_a_file_that_is_no_such_seed_is_told(folder: Path, content: bytes, what: str) -> None:
    (folder / f"{TEAMS}.csv").write_bytes(content)
    assert what in str(seeds.problems(folder)[0])
    (folder / f"{TEAMS}.csv").unlink()
    assert "it is missing" in str(seeds.problems(folder)[0])


def test_a_mark_of_byte_order_is_no_part_of_a_name(folder: Path) -> None:
    text = (folder / f"{TEAMS}.csv").read_text("utf-8")
    (folder / f"{TEAMS}.csv").write_text(text, "utf-8-sig")
    assert seeds.problems(folder) == []


def test_all_wrong_lines_are_told_at_once(folder: Path) -> None:
    write(folder, TEAMS, "|".join(f"{n},{n},x" for n in range(1, 14)))
    with pytest.raises(UsageError) as refused:
        seeds.check(folder)
    lines = str(refused.value).splitlines()
    assert len(lines) == 11 and "line 3" in lines[1] and lines[-1].endswith("and 3 more")


def test_ids_that_the_warehouse_has_not_seen_are_named_and_refuse_nothing(warehouse: Warehouse, folder: Path) -> None:
    assert seeds.unknown_ids(warehouse, folder) == [], "it has read no football yet"
    warehouse.execute(
        "create schema raw_sportmonks", "create table raw_sportmonks.teams (id bigint)",
        "create table raw_sportmonks.leagues (id bigint)",
    )  # fmt: skip
    assert seeds.unknown_ids(warehouse, folder) == []
    warehouse.execute(
        "insert into raw_sportmonks.teams values (1), (2)", "insert into raw_sportmonks.leagues values (8)"
    )
    write(folder, STANDINGS, "8,,,goals_for,3,a|9,,,goals_for,3,b")
    write(folder, TEAMS, "1,2,a|3,2,b")
    assert seeds.unknown_ids(warehouse, folder) == [
        "standings_policies.csv names leagues that this warehouse has not seen: 9 (line 3)",
        "team_aliases.csv names teams that this warehouse has not seen: 3 (line 3)",
    ]
