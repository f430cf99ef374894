"""Airtime for Dagster: one job a beat, one a full run, and their schedules. Needs the extra `dagster`.

Load it with `dagster dev -m pipelines.dagster` in the project's folder. Each job runs the command line in a process of
its own, so that exit codes, the lock on the warehouse and what a signal does are those of the Makefile.
"""

import subprocess
import sys
from collections.abc import Sequence

import dagster

RETRIED_LATER = 75


def run_command(context: dagster.OpExecutionContext, arguments: Sequence[str]) -> int:
    """Run a verb of the command line; its lines become events of the run. Returns the exit code, 0 or 75.

    Raises:
        dagster.Failure: any other exit code.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        context.log.info(lines[-1])
    code = process.wait()
    if code not in (0, RETRIED_LATER):
        raise dagster.Failure(f"exit code {code}", metadata={"exit_code": code, "end": "\n".join(lines[-20:])})
    # another run holds the warehouse: the next tick comes soon
    return code


@dagster.op
def beat(context: dagster.OpExecutionContext) -> int:
    """Poll what is live now, build what the polls touch, and go on with what is due until the next slot."""
    return run_command(context, ("watch", "--once"))


@dagster.op
def extract_load_transform(context: dagster.OpExecutionContext) -> int:
    """Extract and load all that is due, build and test every model."""
    return run_command(context, ("elt",))


@dagster.job
def watch() -> None:
    """One beat."""
    beat()


@dagster.job
def elt() -> None:
    """One full run."""
    extract_load_transform()


definitions = dagster.Definitions(
    jobs=[watch, elt],
    schedules=[
        dagster.ScheduleDefinition(job=watch, cron_schedule="*/5 * * * *", execution_timezone="UTC"),
        dagster.ScheduleDefinition(job=elt, cron_schedule="2 * * * *", execution_timezone="UTC"),
    ],
)
