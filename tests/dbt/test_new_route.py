"""A generated model, unedited: it keeps the house rules, builds on both engines, and holds what the records said."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipelines import new_route
from pipelines.sources import atlas
from tests.dbt.test_house_rules import RULES
from tests.dbt.test_house_rules import Project as Manifest
from tests.dbt.warehouse import PROJECT, Warehouse, run_dbt

LOADED = dt.datetime(2026, 10, 2, 8)
RECORDS: list[dict[str, Any]] = [
    {
        "id": 1, "preço (R$)": "129.90", "frete": 7.5, "peso.kg": 0.30000000000000004, "externo": 2**63 - 1,
        "grande": 10**25, "d'água": True, "nascimento": "2024-02-29", "criadoEm": "2026-10-01T12:00:00Z",
        "商品": "x/y~z", "品": "é", "itens": [{"sku": "a"}], "order": "first", "client": "their own", "nada": None,
    },
    # the same record, later, with what fits no column
    {
        "id": 1, "preço (R$)": "0.10", "frete": 3, "peso.kg": 2, "externo": 2**53 + 1, "grande": 5, "d'água": False,
        "nascimento": "", "criadoEm": "2026-10-02T12:00:00Z", "商品": "", "itens": {}, "order": "second",
    },
]  # fmt: skip
SECOND = {
    "client": "a", "record_key": "1", "preco_r": Decimal("0.10"), "frete": Decimal("3.00"), "peso_kg": 2.0,
    "externo": 2**53 + 1, "grande": "5", "d_agua": False, "nascimento": None, "criado_em": dt.datetime(2026, 10, 2, 12),
    "field": "", "field_2": None, "order_value": "second", "client_2": None, "nada": None,
    "day": dt.date(2026, 10, 1),
}  # fmt: skip


def load(warehouse: Warehouse, number: int, record: dict[str, Any]) -> None:
    """A version of a record that is seen, in a load of its own."""
    seen = LOADED + dt.timedelta(hours=number)
    row = {"client": "a", "route": "rota", "record_key": "1", "content_hash": f"h{number}", "period": "2026-10-01"}
    declared = {"client": "a", "route": "rota", "declared_at": LOADED}
    warehouse.load(
        seen,
        {
            "raw_atlas.payloads": [{**row, "payload": json.dumps(record, ensure_ascii=False), "fetched_at": seen}],
            "raw_atlas.observations": [{**row, "seen_at": seen, "request_id": str(number)}],
            "raw_atlas.jobs": [declared],
        },
    )


def test_an_unedited_model_is_a_good_one(warehouse: Warehouse, tmp_path: Path) -> None:
    project = shutil.copytree(PROJECT, tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    assert warehouse.manifest
    load(warehouse, 0, RECORDS[0])
    load(warehouse, 1, RECORDS[1])
    rows = lambda query, parameters=(): warehouse.execute(query, list(parameters))
    settings = atlas.Settings(routes={"rota": {"path": "/r", "pages": {"style": "header_link"}}})
    new_route.write(SimpleNamespace(exists=lambda: True, rows=rows), settings, "rota", "odd", project=project)  # type: ignore[arg-type]
    options: dict[str, Any] = {
        "target": warehouse.target,
        "artifacts": shutil.copytree(warehouse.parsed, tmp_path / "target"),
        "env": warehouse.settings(),
        "project": project,
    }
    manifest = warehouse.parse(project, options["artifacts"])
    build = lambda: run_dbt(
        "build",
        "--select",
        "+fct_odd",
        "+dim_clients",
        "--indirect-selection",
        "cautious",
        "--exclude-resource-type",
        "unit_test",
        manifest=manifest,
        **options,
    )
    built = build()
    assert built.success, [
        (one.node.name, one.message) for one in built.result if one.status not in ("pass", "success")
    ]
    assert {one.node.name for one in built.result} >= {
        "fct_odd",
        "not_null_fct_odd_client",
        "not_null_fct_odd_record_key",
    }
    columns = ", ".join(SECOND)
    assert warehouse.execute(f"select {columns} from clients.fct_odd") == [tuple(SECOND.values())]
    assert json.loads(json.dumps(warehouse.execute("select cast(itens as text) from clients.fct_odd")[0][0])) == "{}"
    # a later load of an earlier content: only what is new is read, and it counts
    load(warehouse, 2, RECORDS[0])
    assert build().success
    found = "select externo, grande, field, field_2, client_2, d_agua, nascimento from clients.fct_odd"
    assert warehouse.execute(found) == [(2**63 - 1, str(10**25), "x/y~z", "é", "their own", True, dt.date(2024, 2, 29))]
    written = manifest.writable_manifest().to_dict(omit_none=False)
    written["macros"] = {key: one for key, one in written["macros"].items() if one["package_name"] == "airtime"}
    assert [(rule.__name__, list(rule(Manifest(written, project)))) for rule, _ in RULES] == [
        (rule.__name__, []) for rule, _ in RULES
    ]
