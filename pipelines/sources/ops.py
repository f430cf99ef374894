"""The project's own records: runs, stages, requests, sync state and dbt results are a source like any other.

Nothing else keeps books: the report, the plan and the alerts are queries over these tables. They load through the same
loader as API rows, so they merge on a key, survive a crash and are documented and tested by dbt.
"""

from __future__ import annotations

from pipelines.tables import Field, Table

DESCRIPTION = "Airtime's own records: what ran, what was asked of which API, what is due, what was refused."


def _table(name: str, description: str, key: tuple[str, ...], *fields: Field) -> Table:
    return Table("ops", name, description, key, fields, fetched=False)


def _run_id(description: str = "The run that wrote the row (raw_ops.runs).") -> Field:
    return Field("run_id", "text", description)


CLOCK = _table(
    "clock",
    "One row per warehouse: the time that SQL goes by, written at the start of each run.",
    ("clock_id",),
    Field("clock_id", "bigint", "Always 1."),
    Field("now_at", "timestamp", "The time of the run (UTC)."),
    _run_id(),
)

RUNS = _table(
    "runs",
    "One row per run, written before it begins, so that a killed one is seen.",
    ("run_id",),
    Field("run_id", "text", "Time of start and a random part."),
    Field("command", "text", "The command line verb: elt, extract, transform, replay ..."),
    Field("job", "text", "The collection job that it ran; null for all other runs.", null=True),
    Field("status", "text", "running, succeeded, partial, failed, or killed (found unfinished by a later run)."),
    Field("data_kind", "text", "demo (the sandbox) or live."),
    Field("target", "text", "The warehouse: duckdb or postgres."),
    Field("started_at", "timestamp", "Start (UTC)."),
    Field("finished_at", "timestamp", "End (UTC); null while running and for ever when killed.", null=True),
    Field("seconds", "double", "Elapsed time.", null=True),
    Field("exit_code", "bigint", "What the process returned.", null=True),
    Field("error", "text", "The first error, secrets left out.", null=True),
    Field("next_step", "text", "What to do about it.", null=True),
    Field("settings", "json", "The settings in force, secrets left out."),
    Field("versions", "json", "Versions of Python, Airtime, dlt, dbt and the database client."),
    Field("host", "text", "The machine."),
    Field("pid", "bigint", "The process."),
)

RUN_STAGES = _table(
    "run_stages",
    "One row per stage of a run.",
    ("run_id", "stage"),
    _run_id(),
    Field(
        "stage",
        "text",
        "recover, sync_views, replay, history, poll_<source>, transform_beat, extract_<source> or transform.",
    ),
    Field("position", "bigint", "The order of the stages, from 1."),
    Field("status", "text", "succeeded, partial, failed or skipped."),
    Field("started_at", "timestamp", "Start (UTC)."),
    Field("finished_at", "timestamp", "End (UTC)."),
    Field("seconds", "double", "Elapsed time."),
    Field("rows", "bigint", "Rows loaded, or dbt nodes built."),
    Field("message", "text", "Why it was partial, failed or skipped.", null=True),
)

RUN_RESOURCES = _table(
    "run_resources",
    "One row per resource that a run extracted.",
    ("run_id", "source", "resource"),
    _run_id(),
    Field("source", "text", "The source."),
    Field("resource", "text", "The resource."),
    Field("status", "text", "succeeded, partial or failed."),
    Field("units_requested", "bigint", "Units (lists of a poll, channels, games ...) that the run asked for."),
    Field("units_succeeded", "bigint", "Units that the API answered, absences included."),
    Field("units_absent", "bigint", "Units that the API answered by leaving them out."),
    Field("units_failed", "bigint", "Units that failed after all retries; they stay due."),
    Field("units_deferred", "bigint", "Units that were due and not asked for: time or budget ran out."),
    Field("rows_received", "bigint", "Rows in the answers, repeats included."),
    Field("rows_loaded", "bigint", "Rows merged into the warehouse."),
    Field("rows_quarantined", "bigint", "Rows that the declaration refused."),
    Field("unknown_fields", "json", "Fields outside the declaration that arrived, as a list of names."),
    Field("started_at", "timestamp", "Start (UTC)."),
    Field("seconds", "double", "Elapsed time."),
    Field("message", "text", "Why it was partial or failed.", null=True),
)

API_REQUESTS = _table(
    "api_requests",
    "One row per request to an API, however often it was tried.",
    ("request_id",),
    Field("request_id", "text", "Run and number."),
    _run_id(),
    Field("source", "text", "The source."),
    Field("resource", "text", "The resource."),
    Field("endpoint", "text", "The path, without parameters."),
    Field("status_code", "bigint", "The last HTTP status; null if no answer came.", null=True),
    Field("is_success", "bool", "Whether an answer was used in the end."),
    Field("attempts", "bigint", "Tries, the first included."),
    Field("rate_limited", "bigint", "Tries that were answered 429."),
    Field("started_at", "timestamp", "Start of the first try (UTC)."),
    Field("seconds", "double", "Time until the last answer, waits for the rate budget included."),
    Field("bytes", "bigint", "Size of the answer's body."),
    Field("error", "text", "The last error, secrets left out.", null=True),
)

SYNC_LOG = _table(
    "sync_log",
    "One row per unit of a resource: what has been achieved for it. Written after the data's load is complete.",
    ("source", "resource", "unit_id"),
    Field("source", "text", "The source."),
    Field("resource", "text", "The resource."),
    Field("unit_id", "text", "What is asked for one by one or in batches: a channel, a game ..."),
    Field(
        "status",
        "text",
        "ok, absent (the API left it out), truncated (cut at a page setting), unfinished (left in the middle), failed"
        " or reset (asked for as if it never had been).",
    ),
    Field("last_attempt_at", "timestamp", "The last request (UTC)."),
    Field("last_success_at", "timestamp", "The last answer, absences included (UTC).", null=True),
    Field("synced_until", "timestamp", "For units read by period: complete up to here (UTC).", null=True),
    Field("failures", "bigint", "Failures in a row."),
    Field("rows", "bigint", "Rows in the last answer."),
    Field("message", "text", "The last failure.", null=True),
    Field("bookmark", "text", "Where a list that was left in the middle is read on.", null=True),
    _run_id(),
)

POLLS = _table(
    "polls",
    "One row per poll of a list: how much of it was read. Absence from a truncated list is not absence.",
    ("slot_at", "source", "resource", "scope"),
    Field("slot_at", "timestamp", "Start of the collection slot (UTC)."),
    Field("source", "text", "The source."),
    Field("resource", "text", "The resource."),
    Field(
        "scope", "text", "Which list: top, category:<id>, known (ids that were live at the poll before), fixtures ..."
    ),
    Field("started_at", "timestamp", "Start (UTC)."),
    Field("finished_at", "timestamp", "Last answer (UTC)."),
    Field("pages", "bigint", "Pages read."),
    Field("rows", "bigint", "Rows received, repeats included."),
    Field("is_complete", "bool", "Whether the list was read to the end that was asked for."),
    Field("is_exhaustive", "bool", "Whether that end was the end of the list, so that absence means absence."),
    _run_id(),
)

QUARANTINE = _table(
    "quarantine",
    "One row per distinct API row that its declaration refused; kept whole, for `make replay`.",
    ("source", "resource", "content_hash"),
    Field("source", "text", "The source."),
    Field("resource", "text", "The raw table it was meant for."),
    Field("content_hash", "text", "SHA-256 of the payload and of the slot or day for which it was observed."),
    Field("payload", "text", "The row as JSON text, in ASCII, so that any character survives."),
    Field("context", "json", "What extraction knew beside the row: slot, request."),
    Field("reason", "text", "What is wrong with it, and where."),
    Field("fetched_at", "timestamp", "When it last arrived (UTC)."),
    Field("request_id", "text", "The request that brought it last."),
    Field("replayed_at", "timestamp", "When it was accepted in a replay (UTC).", null=True),
    _run_id(),
)

DBT_NODES = _table(
    "dbt_nodes",
    "One row per dbt node and invocation, from run_results.json.",
    ("invocation_id", "unique_id"),
    Field("invocation_id", "text", "The dbt invocation."),
    Field("unique_id", "text", "The dbt node."),
    _run_id(),
    Field("name", "text", "The node's name."),
    Field("resource_type", "text", "model, seed, test, unit_test ..."),
    Field("status", "text", "success, pass, warn, fail, error or skipped."),
    Field("seconds", "double", "Execution time."),
    Field("rows_affected", "bigint", "Rows written, where the adapter tells.", null=True),
    Field("failures", "bigint", "Failing rows of a test.", null=True),
    Field("message", "text", "What dbt said.", null=True),
    Field("completed_at", "timestamp", "End (UTC).", null=True),
)

TABLES = (
    CLOCK,
    RUNS,
    RUN_STAGES,
    RUN_RESOURCES,
    API_REQUESTS,
    SYNC_LOG,
    POLLS,
    QUARANTINE,
    DBT_NODES,
)
