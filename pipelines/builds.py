"""What the incremental models note of their builds: which of them a run has built in full, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pipelines.warehouse import Warehouse

Builds = Mapping[str, tuple[int, str | None]]

MODELS = "builds.models"


def read(warehouse: Warehouse) -> Builds:
    """The number of each model's last build, and why it was a full one; None if it was not."""
    if not warehouse.rows(
        "select 1 from information_schema.columns where column_name = 'full_reason'"
        f" and table_schema || '.' || table_name = '{MODELS}'"
    ):
        return {}
    rows = warehouse.rows(f"select model, build_number, full_reason from {MODELS}")
    return {model: (int(number), reason) for model, number, reason in rows}


def told_of_full(before: Builds, after: Builds) -> str | None:
    """A line that says how many models were built in full since, by reason; None if none was."""
    reasons = Counter(
        reason for model, (number, reason) in after.items() if reason and before.get(model) != (number, reason)
    )
    if not reasons:
        return None
    (why, count), *others = reasons.most_common()
    told = f"{count} {'model was' if count == 1 else 'models were'} built in full: {why}"
    return "; ".join([told, *(f"{number}: {reason}" for reason, number in others)])
