"""House rules of the dbt project, over its manifest: each finds nothing here, and something where it is broken."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest

from pipelines.sources import atlas, kick, ops, sportmonks, twitch, youtube
from pipelines.tables import source_yaml
from tests.dbt.warehouse import PROJECT, Warehouse

Node = dict[str, Any]

FOLDERS = {
    "staging": (r"models/staging/(\w+)/stg_\1__\w+\.sql", "view", {"source"}),
    "sync": (r"models/sync/sync_[a-z]+__\w+\.sql", "view", {"staging", "sync", "intermediate", "seeds"}),
    "intermediate": (r"models/intermediate/(\w+)/int_\1__\w+\.sql", "view", {"staging", "intermediate", "seeds"}),
    "live": (r"models/marts/live/(dim|fct|rpt)_\w+\.sql", "table", {"staging", "intermediate", "live"}),
    "football": (r"models/marts/football/(dim|fct|rpt)_\w+\.sql", "table", {"staging", "intermediate", "football"}),
    "clients": (r"models/marts/clients/(dim|fct|rpt)_\w+\.sql", "table", {"staging", "intermediate", "clients"}),
    "ops": (r"models/marts/ops/(dim|fct|rpt)_\w+\.sql", "view", {"staging", "intermediate", "sync", "ops"}),
    # what changed at a source is told by its marts
    "changes": (r"models/marts/ops/changes/(dim|fct|rpt)_\w+\.sql", "table", {"football"}),
}
MACRO_LINES = 25
MODEL_LINES = 150
LONGEST_NAME = 63
# which loads are complete, and in which order
LOADS = "source.airtime.raw_ops.loads"
CLOCKS = r"\b(current_timestamp|current_date|current_time|localtimestamp|now\s*\(|getdate\s*\(|sysdate)"


@dataclass
class Project:
    """The manifest as dbt writes it, and the files it was read from."""

    manifest: Node
    root: Path

    def models(self) -> list[Node]:
        """All models."""
        return self._nodes("model")

    def tests(self) -> list[Node]:
        """All data tests."""
        return self._nodes("test")

    def macros(self) -> list[Node]:
        """The project's own macros and generic tests."""
        return list(self.manifest["macros"].values())

    def sources(self) -> list[Node]:
        """All raw tables."""
        return list(self.manifest["sources"].values())

    def _nodes(self, kind: str) -> list[Node]:
        return [node for node in self.manifest["nodes"].values() if node["resource_type"] == kind]


def folder(node: Node) -> str:
    """The layer of a node; of a mart, its domain, or what has a folder of its own there."""
    if node["resource_type"] != "model":
        return {"source": "source", "seed": "seeds"}[node["resource_type"]]
    _, layer, domain, *below = Path(node["original_file_path"]).parts
    if layer != "marts":
        return layer
    return below[0] if below[0] in FOLDERS else domain


def code(node: Node) -> str:
    """A model's text without comments, each Jinja expression as a placeholder."""
    text = re.sub(r"\{#.*?#\}|--[^\n]*", "", node["raw_code"], flags=re.DOTALL)
    return re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "{}", text, flags=re.DOTALL)


def names_tell_layer_and_folder(project: Project) -> Iterable[str]:
    for model in project.models():
        if not re.fullmatch(FOLDERS[folder(model)][0], model["original_file_path"]):
            yield model["original_file_path"]


def layers_build_on_the_ones_below(project: Project) -> Iterable[str]:
    everything = project.manifest["nodes"] | project.manifest["sources"]
    for model in project.models():
        allowed = set(FOLDERS[folder(model)][2])
        if folder(model) == "intermediate":
            # what sums up a mart stands before other marts of its own domain
            allowed.add(Path(model["original_file_path"]).parts[2])
        # every incremental model asks up to which load it reads
        own = {LOADS} if model["config"]["materialized"] == "incremental" else set()
        for parent in set(model["depends_on"]["nodes"]) - own:
            if folder(everything[parent]) not in allowed:
                yield f"{model['name']} reads {parent}"


def staging_reads_one_raw_table_and_its_loads(project: Project) -> Iterable[str]:
    for model in project.models():
        if folder(model) == "staging":
            source, _, table = model["name"].removeprefix("stg_").partition("__")
            wanted = {f"source.airtime.raw_{source}.{table}", LOADS}
            if set(model["depends_on"]["nodes"]) != wanted:
                yield model["name"]


def every_raw_table_is_staged(project: Project) -> Iterable[str]:
    staged = {parent for model in project.models() for parent in model["depends_on"]["nodes"]}
    for source in project.sources():
        if source["unique_id"] not in staged and source["unique_id"] != LOADS:
            yield source["unique_id"]


def descriptions_tell_the_grain(project: Project) -> Iterable[str]:
    for node in project.models() + list(project.manifest["nodes"].values()):
        if node["resource_type"] in ("model", "seed") and not node["description"].startswith("One row per "):
            yield node["name"]


def the_grain_is_tested(project: Project) -> Iterable[str]:
    tested = {
        test["attached_node"]
        for test in project.tests()
        if test.get("test_metadata", {}).get("name") == "unique_combination"
    }
    for model in project.models():
        if model["unique_id"] not in tested:
            yield model["name"]


def columns_are_described(project: Project) -> Iterable[str]:
    for model in project.models():
        if not model["columns"]:
            yield model["name"]
        for column in model["columns"].values():
            if not column["description"].strip():
                yield f"{model['name']}.{column['name']}"


def marts_keep_a_contract(project: Project) -> Iterable[str]:
    for model in project.models():
        if model["original_file_path"].startswith("models/marts/"):
            if not model["config"]["contract"]["enforced"]:
                yield model["name"]
            for column in model["columns"].values():
                if not column["data_type"]:
                    yield f"{model['name']}.{column['name']}"


def cases_and_windows_have_a_unit_test(project: Project) -> Iterable[str]:
    tested = {test["model"] for test in project.manifest["unit_tests"].values()}
    for model in project.models():
        if re.search(r"\bcase\b|\bover\s*\(", code(model)) and model["name"] not in tested:
            yield model["name"]


def names_fit_into_postgres(project: Project) -> Iterable[str]:
    # longer ones are cut, or refused: a unit test is a relation of its name, a model has one of what it touched
    for model in project.models():
        if len(f"{model['name']}__touched") > LONGEST_NAME:
            yield model["name"]
    for test in project.manifest["unit_tests"].values():
        if len(test["name"]) > LONGEST_NAME:
            yield test["name"]


def time_comes_from_the_clock(project: Project) -> Iterable[str]:
    for model in project.models():
        if re.search(CLOCKS, model["raw_code"], re.IGNORECASE):
            yield model["name"]
    for macro in project.macros():
        if re.search(CLOCKS, macro["macro_sql"], re.IGNORECASE):
            yield macro["name"]


def relations_are_refs_or_sources(project: Project) -> Iterable[str]:
    for model in project.models():
        text = code(model)
        ctes = set(re.findall(r"\b(\w+) as \(", text)) | {"{}"}
        for name in re.findall(r"(?<!distinct )\b(?:from|join)\s+([\w.\"{}]+)", text):
            if name not in ctes and not name.startswith("{}"):
                yield f"{model['name']}: {name}"


def materialisation_goes_by_folder(project: Project) -> Iterable[str]:
    for model in project.models():
        own = re.findall(r"materialized\s*=\s*'(\w+)'", model["raw_code"])
        expected = "incremental" if own else FOLDERS[folder(model)][1]
        if own not in ([], ["incremental"]) or model["config"]["materialized"] != expected:
            yield model["name"]


def inputs(project: Project, model: Node) -> dict[str, set[str]]:
    """What a model reads, views followed: names of staging views, models and seeds, by how they are kept."""
    everything = project.manifest["nodes"]
    found: dict[str, set[str]] = {"staging": set(), "incremental": set(), "table": set(), "seed": set()}
    for parent in (everything[key] for key in model["depends_on"]["nodes"] if key in everything):
        kept = "staging" if folder(parent) == "staging" else parent["config"]["materialized"]
        if kept == "view":
            for kind, names in inputs(project, parent).items():
                found[kind] |= names
        else:
            found[kept].add(parent["name"])
    return found


class Anything(jinja2.ChainableUndefined):
    """What a model calls that says nothing of its inputs."""

    def __call__(self, *_: Any, **__: Any) -> Anything:
        return self

    __neg__ = __add__ = __radd__ = __mul__ = __rmul__ = __floordiv__ = __call__  # type: ignore[assignment]


def touched_by(project: Project, model: Node) -> list[str]:
    """The queries of a model's touched keys, one a leg; what they name stands in them as <name> or, if new, as new."""
    legs: list[str] = []
    named: dict[str, Any] = {
        "ref": lambda name: f"<{name}>",
        "this": "<this>",
        "is_new": lambda *_: "<new>",
        "is_incremental": lambda: True,
        "changes_of": lambda name: f"<changes of {name}>",
        "touched_keys": lambda caller: legs.extend(caller().split("union all")) or "",
        "return": lambda value: value,
    }
    environment = jinja2.Environment(undefined=Anything, extensions=["jinja2.ext.do"])
    for macro in project.macros():
        if re.search(r"\b(is_new|changes_of)\(", macro["macro_sql"]) and macro["name"] not in named:
            template = environment.from_string(macro["macro_sql"], globals=named)
            named[macro["name"]] = getattr(template.make_module(), macro["name"])
    environment.from_string(model["raw_code"], globals=named).render()
    return legs


def no_view_is_above_a_table_that_each_build_replaces(project: Project) -> Iterable[str]:
    # PostgreSQL drops it along with the table, and what reads it or tests it in the same build fails
    kinds = {model["unique_id"]: model["config"]["materialized"] for model in project.models()}
    for model in project.models():
        parents = model["depends_on"]["nodes"]
        if model["config"]["materialized"] == "view" and "table" in {kinds.get(parent) for parent in parents}:
            yield model["name"]


def incremental_models_are_touched_by_all_they_read(project: Project) -> Iterable[str]:
    for model in project.models():
        if model["config"]["materialized"] != "incremental" or model["config"]["incremental_strategy"] == "difference":
            continue
        legs, read = touched_by(project, model), inputs(project, model)
        if model["config"]["incremental_strategy"] != "touched" or not legs:
            yield model["name"]
        for name in sorted(read["staging"]):
            if not any(f"<{name}>" in leg and "<new>" in leg for leg in legs):
                yield f"{model['name']}: {name} touches nothing"
        for name in sorted(read["incremental"]):
            if not any(f"<changes of {name}>" in leg for leg in legs):
                yield f"{model['name']}: {name} touches nothing"
        for name in sorted(read["table"] | read["seed"]):
            yield f"{model['name']}: {name} does not tell what has changed"


def each_model_has_its_own_yaml(project: Project) -> Iterable[str]:
    for model in project.models():
        path = model["original_file_path"].removesuffix(".sql")
        if model["patch_path"] != f"airtime://{path}.yml":
            yield model["name"]


def models_are_short(project: Project) -> Iterable[str]:
    for model in project.models():
        if len(model["raw_code"].splitlines()) > MODEL_LINES:
            yield model["name"]


def macro_files_are_short(project: Project) -> Iterable[str]:
    for path in project.root.glob("macros/**/*.sql"):
        if len(path.read_text().splitlines()) > MACRO_LINES:
            yield path.name


def each_macro_file_holds_one_macro(project: Project) -> Iterable[str]:
    for macro in project.macros():
        # the implementations of one dispatched macro share its file
        name = macro["name"].removeprefix("test_").split("__")[-1]
        if Path(macro["original_file_path"]).stem != name:
            yield macro["name"]


def described_macros(project: Project) -> list[Node]:
    """The macros that are called by name: not the implementations of dispatched ones, and no generic tests."""
    names = {macro["name"] for macro in project.macros()}
    return [
        macro
        for macro in project.macros()
        if not macro["name"].startswith("test_")
        and not ("__" in macro["name"] and macro["name"].split("__", 1)[1] in names)
    ]


def macros_are_described(project: Project) -> Iterable[str]:
    for macro in described_macros(project):
        if not macro["description"].strip():
            yield macro["name"]
        for argument in macro["arguments"]:
            if not (argument["type"] and argument["description"].strip()):
                yield f"{macro['name']}.{argument['name']}"


def each_macro_folder_has_its_own_yaml(project: Project) -> Iterable[str]:
    for macro in described_macros(project):
        path = Path(macro["original_file_path"])
        if macro["patch_path"] != f"airtime://{path.parent}/_{path.parent.name}__macros.yml" or len(path.parts) != 3:
            yield macro["name"]


def source_files_equal_the_declarations(project: Project) -> Iterable[str]:
    declarations: list[tuple[str, ModuleType, dict[str, Any] | None]] = [
        ("twitch", twitch, twitch.FRESHNESS),
        ("kick", kick, kick.FRESHNESS),
        ("youtube", youtube, youtube.FRESHNESS),
        ("sportmonks", sportmonks, sportmonks.FRESHNESS),
        ("atlas", atlas, atlas.FRESHNESS),
        ("ops", ops, None),
    ]
    for name, module, freshness in declarations:
        path = project.root / "models" / "staging" / name / f"_{name}__sources.yml"
        if path.read_text() != source_yaml(name, module.DESCRIPTION, module.TABLES, freshness):
            yield path.name


def api_tables_have_freshness(project: Project) -> Iterable[str]:
    for source in project.sources():
        limits = source["freshness"] or {}
        fits = source["loaded_at_field"] and all(
            (limits.get(f"{kind}_after") or {}).get("count") for kind in ("warn", "error")
        )
        if "_extra" in source["columns"] and not fits:
            yield source["unique_id"]


def lineage_of_marts_ends_at_people(project: Project) -> Iterable[str]:
    parents = project.manifest["parent_map"]
    reached = {parent for exposure in project.manifest["exposures"] for parent in parents[exposure]}
    for model in project.models():
        if model["original_file_path"].startswith("models/marts/") and model["unique_id"] not in reached:
            yield model["name"]
    for exposure in project.manifest["exposures"].values():
        if not exposure["owner"]["name"] or not exposure["owner"]["email"] or not exposure["description"]:
            yield exposure["name"]


Rule = Callable[[Project], Iterable[str]]
Break = Callable[[Project], object]


def _model(project: Project, name: str) -> Node:
    return project.manifest["nodes"][f"model.airtime.{name}"]


def _change(name: str, /, **values: Any) -> Break:
    return lambda project: _model(project, name).update(values)


def _append(name: str, sql: str) -> Break:
    return lambda project: _change(name, raw_code=_model(project, name)["raw_code"] + sql)(project)


def _replace(name: str, old: str, new: str) -> Break:
    return lambda project: _change(name, raw_code=_model(project, name)["raw_code"].replace(old, new))(project)


def _config(name: str, key: str, value: Any) -> Break:
    return lambda project: _model(project, name)["config"].update({key: value})


def _drop_tests(project: Project) -> None:
    tests = {test["unique_id"] for test in project.tests() if "unique_combination_dim_channels_p" in test["name"]}
    assert tests
    project.manifest["nodes"] = {key: node for key, node in project.manifest["nodes"].items() if key not in tests}


def _write(path: str, text: str) -> Break:
    return lambda project: (project.root / path).write_text(text)


def _source(project: Project, name: str) -> Node:
    return project.manifest["sources"][f"source.airtime.{name}"]


def _macro(name: str, /, **values: Any) -> Break:
    return lambda project: project.manifest["macros"][f"macro.airtime.{name}"].update(values)


def _first_unit_test_of(project: Project, model: str) -> None:
    tests = project.manifest["unit_tests"]
    project.manifest["unit_tests"] = {key: test for key, test in tests.items() if test["model"] != model}


def _parents(name: str, *parents: str) -> Break:
    return lambda project: _model(project, name).update(depends_on={"nodes": list(parents), "macros": []})


# every rule, with ways to break it
RULES: list[tuple[Rule, list[Break]]] = [
    (
        names_tell_layer_and_folder,
        [
            _change("stg_twitch__users", original_file_path="models/staging/twitch/stg_kick__users.sql"),
            _change("fct_streams", original_file_path="models/marts/live/streams.sql"),
            _change("sync_twitch__users", original_file_path="models/sync/users.sql"),
            _change("int_live__slots_polled", original_file_path="models/intermediate/live/int_ops__slots_polled.sql"),
        ],
    ),
    (
        layers_build_on_the_ones_below,
        [
            _parents("fct_streams", "source.airtime.raw_twitch.streams"),
            _parents("int_live__slots_polled", "model.airtime.fct_fixtures"),
            _parents("stg_twitch__users", "model.airtime.stg_twitch__streams"),
        ],
    ),
    (staging_reads_one_raw_table_and_its_loads, [_parents("stg_twitch__users", "source.airtime.raw_twitch.users")]),
    (every_raw_table_is_staged, [_parents("stg_twitch__users", LOADS)]),
    (
        descriptions_tell_the_grain,
        [
            _change("fct_streams", description="Streams."),
            lambda project: project.manifest["nodes"]["seed.airtime.sync_policies"].update(description=""),
        ],
    ),
    (the_grain_is_tested, [_drop_tests]),
    (
        columns_are_described,
        [
            _change("stg_twitch__users", columns={}),
            lambda project: _model(project, "fct_streams")["columns"]["is_live"].update(description=" "),
        ],
    ),
    (
        marts_keep_a_contract,
        [
            _config("fct_streams", "contract", {"enforced": False}),
            lambda project: _model(project, "fct_runs")["columns"]["run_id"].update(data_type=None),
        ],
    ),
    (
        cases_and_windows_have_a_unit_test,
        [
            lambda project: _first_unit_test_of(project, "fct_streams"),
            _append("fct_runs", "\n, sum(seconds) over (partition by run_id)"),
            _append("fct_runs", "\n, case when 1 = 1 then 1 end"),
        ],
    ),
    (
        names_fit_into_postgres,
        [
            _change("fct_streams", name="fct_" + 51 * "s"),
            lambda project: next(iter(project.manifest["unit_tests"].values())).update(name=64 * "s"),
        ],
    ),
    (
        time_comes_from_the_clock,
        [
            _append("fct_streams", "\nwhere started_at < NOW()"),
            _append("fct_streams", "\nwhere started_at < current_timestamp"),
            _macro("seconds_between", macro_sql="current_date"),
        ],
    ),
    (
        relations_are_refs_or_sources,
        [
            _append("fct_streams", "\nunion all select * from live.fct_streams"),
            _append("fct_streams", '\nleft join "live"."dim_channels" on true'),
            _append("fct_streams", "\nunion all select * from dim_channels"),
        ],
    ),
    (
        materialisation_goes_by_folder,
        [
            _append("dim_categories", "{{ config(materialized='table') }}"),
            _config("stg_twitch__users", "materialized", "table"),
        ],
    ),
    (
        no_view_is_above_a_table_that_each_build_replaces,
        [_config("rpt_source_changes", "materialized", "view"), _config("fct_streams", "materialized", "table")],
    ),
    (
        incremental_models_are_touched_by_all_they_read,
        [
            _change("fct_videos", raw_code="select * from {{ ref('stg_twitch__videos') }}"),
            _config("fct_videos", "incremental_strategy", "append"),
            _parents("fct_videos", "model.airtime.stg_twitch__videos", "model.airtime.stg_twitch__clips"),
            _parents("fct_videos", "model.airtime.int_live__channel_names_observed"),
            _parents("fct_videos", "model.airtime.stg_twitch__videos", "model.airtime.dim_channels"),
            _parents("fct_videos", "model.airtime.stg_twitch__videos", "seed.airtime.category_aliases"),
            _replace("fct_videos", "is_new()", "true"),
            _replace("int_live__channel_names_daily", "changes_of(", "ref("),
        ],
    ),
    (each_model_has_its_own_yaml, [_change("fct_streams", patch_path="airtime://models/marts/live/_models.yml")]),
    (models_are_short, [_append("fct_videos", "\n" * MODEL_LINES)]),
    (macro_files_are_short, [_write("macros/incremental/is_new.sql", "\n" * (MACRO_LINES + 1))]),
    (
        each_macro_file_holds_one_macro,
        [_macro("is_new", original_file_path="macros/helpers.sql"), _macro("is_new", name="is_old")],
    ),
    (
        macros_are_described,
        [
            _macro("is_new", description=" "),
            _macro("is_new", arguments=[{"name": "relation", "type": None, "description": "The alias."}]),
            _macro("is_new", arguments=[{"name": "relation", "type": "string", "description": ""}]),
        ],
    ),
    (
        each_macro_folder_has_its_own_yaml,
        [
            _macro("is_new", patch_path=None),
            _macro("is_new", patch_path="airtime://macros/engine/_engine__macros.yml"),
            _macro("is_new", original_file_path="macros/is_new.sql", patch_path="airtime://macros/_macros__macros.yml"),
        ],
    ),
    (
        source_files_equal_the_declarations,
        [
            _write("models/staging/twitch/_twitch__sources.yml", "version: 2\n"),
            _write("models/staging/ops/_ops__sources.yml", "version: 2\n"),
        ],
    ),
    (
        api_tables_have_freshness,
        [
            lambda project: _source(project, "raw_twitch.streams").update(freshness=None),
            lambda project: _source(project, "raw_twitch.games").update(loaded_at_field=None),
        ],
    ),
    (
        lineage_of_marts_ends_at_people,
        [
            lambda project: project.manifest["parent_map"]["exposure.airtime.run_report"].clear(),
            lambda project: project.manifest["exposures"]["exposure.airtime.run_report"].update(
                owner={"name": None, "email": ""}
            ),
        ],
    ),
]


def _name(value: object) -> str | None:
    return getattr(value, "__name__", None) if callable(value) else None


@pytest.fixture(scope="session")
def written_manifest(warehouse_on: Callable[[str], Warehouse]) -> Node:
    written = warehouse_on("duckdb").manifest.writable_manifest().to_dict(omit_none=False)
    own = {key: macro for key, macro in written["macros"].items() if macro["package_name"] == "airtime"}
    return written | {"macros": own}


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES], ids=_name)
def test_the_project_keeps_the_rule(rule: Rule, written_manifest: Node) -> None:
    assert list(rule(Project(written_manifest, PROJECT))) == []


@pytest.mark.parametrize(("rule", "spoil"), [(rule, spoil) for rule, ways in RULES for spoil in ways], ids=_name)
def test_the_rule_finds_what_breaks_it(rule: Rule, spoil: Break, written_manifest: Node, tmp_path: Path) -> None:
    root = shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("target", "logs"))
    project = Project(copy.deepcopy(written_manifest), root)
    spoil(project)
    assert list(rule(project))


def test_every_rule_is_checked() -> None:
    rules = {rule for rule, ways in RULES if ways}
    defined = {
        value for value in globals().values() if getattr(value, "__annotations__", {}).get("return") == "Iterable[str]"
    }
    assert rules == defined - {Rule}
