"""Categories over platforms: the simulated catalogues, and what people say is the same."""

from __future__ import annotations

from pipelines.sandbox.apis import kick_categories
from pipelines.sandbox.world import World
from tests.dbt.test_macros import NOON
from tests.dbt.warehouse import Warehouse

MATCHED = "intermediate.int_live__categories_matched"


def test_every_category_of_the_demo_is_matched_with_the_same_one_of_the_other_platform(warehouse: Warehouse) -> None:
    catalogue = list(enumerate(World().categories))
    theirs = {
        str(kick_categories.category_id(number)): kick_categories.category_name(one.name) for number, one in catalogue
    }
    warehouse.load(
        NOON,
        {"raw_twitch.games": [{"id": one.id, "name": one.name} for _, one in catalogue] + [{"id": "1", "name": "Own"}]},
    )
    warehouse.load(NOON, {"raw_kick.categories": [{"id": int(one), "name": name} for one, name in theirs.items()]})
    warehouse.build("--resource-type", "model", "--resource-type", "seed", "--select", f"+{MATCHED.split('.')[1]}")

    found = {
        (platform, category_id): values
        for platform, category_id, *values in warehouse.execute(
            f"select platform, category_id, unified_category_id, unified_category_name, match_method from {MATCHED}"
        )
    }
    ours = [found["twitch", one.id] for _, one in catalogue]
    assert ours == [found["kick", one] for one in theirs]
    assert found["twitch", "1"] == ["own", "Own", "none"]
    methods = [method for *_, method in ours]
    assert methods.count("alias") == len(kick_categories.OTHER_NAMES)
    assert methods.count("name") == len(catalogue) - len(kick_categories.OTHER_NAMES)
