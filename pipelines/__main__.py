"""The command line behind the Makefile: `python -m pipelines VERB`."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any

from pipelines import atlas_verbs
from pipelines.command import Parser, console, environment_of, ids, moment, names, positive
from pipelines.errors import AirtimeError, UsageError

EXIT_CODES = """\
exit codes: 0 done, 1 data tests failed, 2 wrong usage or settings, 3 a source failed, 4 the transform failed,
75 another run holds the warehouse, 77 a credential is missing or was refused, 130 stopped by a signal"""


def main(arguments: list[str]) -> int:
    """Run one verb; errors that have a cause are one line and what to do, never a traceback."""
    if arguments[:1] == ["sandbox"]:
        from pipelines.sandbox.server import serve

        return serve(arguments[1:])
    try:
        options = _parser().parse_args(arguments)
        return int(options.verb(options))
    except AirtimeError as error:
        return fail(error)


def fail(error: AirtimeError, clean: Any = str) -> int:
    """Say what is wrong and what to do."""
    print(f"error: {clean(str(error))}", file=sys.stderr)
    if error.mend:
        print(f"  to mend: {clean(error.mend)}", file=sys.stderr)
    return error.exit_code


def elt(options: argparse.Namespace) -> int:
    """Extract, load and transform; or one part of it."""
    from pipelines import report
    from pipelines.resources import Scope
    from pipelines.run import Request, Run

    chosen = {
        "league_id": options.league,
        "season_id": options.season,
        "client": options.client,
        "route": options.route,
    }
    scope = Scope(
        options.since,
        options.until,
        options.limit,
        options.full,
        again=options.name == "backfill",
        filters={column: tuple(ids) for column, ids in chosen.items() if ids},
    )
    if scope.since and scope.until and scope.since >= scope.until:
        raise UsageError(
            f"SINCE {scope.since:%Y-%m-%dT%H:%M} is not before UNTIL {scope.until:%Y-%m-%dT%H:%M}", "swap them"
        )
    if options.name == "backfill" and not scope.since:
        raise UsageError("a backfill needs a period", "make backfill SINCE=2026-10-01 UNTIL=2026-10-08")
    environment = environment_of(options)
    if scope.since and scope.since >= environment.clock.now():
        raise UsageError(f"SINCE {scope.since:%Y-%m-%dT%H:%M} is in the future", "name a period that has begun")
    request = Request(
        command=options.name,
        sources=options.sources,
        resources=options.resources,
        scope=scope,
        extract=options.name not in ("transform", "replay"),
        replay=options.name == "replay",
        transform=options.name != "extract",
    )
    run = Run(environment, request)
    if options.dry_run:
        _show_plan(environment, run.dry_run(), options.json)
        return 0
    found: dict[str, Any] = {}
    try:
        # read before another run, which may be waiting, takes the warehouse
        code = run.execute(at_end=lambda: found.update(report.read(environment.warehouse, run.run_id)))
    except AirtimeError as error:
        # the warehouse went away under the run, which may know more of why
        raise [*run.errors, error][0] from None
    if options.json:
        print(report.to_json(found))
    else:
        report.show(found, console())
    return code


def watch(options: argparse.Namespace) -> int:
    """Poll every collection slot, and do what else is due in between."""
    from pipelines.watch import Watch

    beats = Watch(environment_of(options), options.sources)
    return beats.once() if options.once else beats.forever()


def show_report(options: argparse.Namespace) -> int:
    """Show the last run, or one by its id, and the history."""
    from pipelines import report

    environment = environment_of(options)
    if not environment.warehouse.exists():
        raise UsageError(f"there is no warehouse at {environment.warehouse.location} yet", "`make elt` makes one")
    found = report.read(environment.warehouse, options.run)
    runs = report.history(environment.warehouse, options.history)
    if options.json:
        print(report.to_json({**found, "history": runs}))
    else:
        report.show_history(runs, console())
        report.show(found, console())
    return 0


def see_doctor(options: argparse.Namespace) -> int:
    """Check everything that a run needs."""
    from pipelines import doctor
    from pipelines.resources import Scope
    from pipelines.run import Request, Run

    environment = environment_of(options)
    run = Run(environment, Request("doctor", scope=Scope()))
    code = 0
    with environment.sandbox_if_demo():
        for check in doctor.thorough(environment, run.client):
            if check.error:
                code = code or check.error.exit_code
                print(f"FAIL  {check.name}: {environment.scrubber.clean(str(check.error))}")
                print(f"      to mend: {check.error.mend}")
            else:
                print(f"{'warn' if check.warning else 'ok  '}  {check.name}: {check.warning or check.detail}")
    return code


def verify(options: argparse.Namespace) -> int:
    """Compare every incremental model with a full build."""
    from pipelines.verify import verify as compare

    verdict = compare(environment_of(options))
    if not verdict.differences:
        print(f"{len(verdict.models)} incremental models equal a full build, row by row")
        return verdict.exit_code
    print(f"{len(verdict.differences)} of {len(verdict.models)} incremental models differ from a full build:")
    for difference in verdict.differences:
        print("\n".join(difference.lines()))
    print(f"  to mend: {verdict.mend}")
    return verdict.exit_code


def dbt(options: argparse.Namespace) -> int:
    """Run dbt with the settings of this project."""
    from pipelines.transform import Transform

    environment = environment_of(options)
    return (
        0
        if Transform(environment.warehouse, environment.data_dir, environment.dbt_variables()).passthrough(
            options.arguments
        )
        else 4
    )


def docs(options: argparse.Namespace) -> int:
    """Write the dbt docs as one page, lineage included, that needs no server."""
    import shutil

    from pipelines.transform import Transform

    environment = environment_of(options)
    transform = Transform(environment.warehouse, environment.data_dir, environment.dbt_variables())
    if not environment.warehouse.exists():
        raise UsageError(f"there is no warehouse at {environment.warehouse.location} yet", "`make elt` makes one")
    if not transform.passthrough(["docs", "generate", "--static", "--quiet"]):
        return 4
    page = environment.data_dir / "docs" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(transform.target_path / "static_index.html", page)
    print(f"open {page}")
    return 0


def generate(options: argparse.Namespace) -> int:
    """Write the files that follow from declarations: dbt's source files and .env.example."""
    for path, text in generated_files().items():
        path.write_text(text, "utf-8")
    return 0


def generated_files() -> dict[Path, str]:
    """The files that follow from declarations, with the text that they should have."""
    from pipelines.environment import PACKAGE_ROOT
    from pipelines.settings import Settings, example
    from pipelines.sources import SOURCES, ops
    from pipelines.tables import source_yaml
    from pipelines.transform import PROJECT

    texts = {name: source_yaml(name, one.description, one.tables, dict(one.freshness)) for name, one in SOURCES.items()}
    texts["ops"] = source_yaml("ops", ops.DESCRIPTION, ops.TABLES, None)
    staging = PROJECT / "models" / "staging"
    files = {staging / name / f"_{name}__sources.yml": text for name, text in texts.items()}
    sections = {"": Settings} | {name: source.settings for name, source in SOURCES.items()}
    return files | {PACKAGE_ROOT / ".env.example": example(sections)}


def clean(options: argparse.Namespace) -> int:
    """Remove run-time files, after asking."""
    import shutil

    environment = environment_of(options)
    directory = environment.data_dir
    if environment.root.resolve().is_relative_to(directory.resolve()):
        raise UsageError(f"DATA_DIR is {directory}, with the project itself in it", "remove by hand what can go")
    if not directory.exists():
        print(f"{directory} does not exist")
        return 0
    if not options.yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody is there to ask", "add YES=1 to remove without asking")
        if input(f"remove {directory} with all warehouses, landed rows and logs in it? [y/N] ").lower() != "y":
            return 0
    shutil.rmtree(directory)
    print(f"{directory} removed")
    return 0


def _show_plan(environment: Any, plan: list[dict[str, Any]], as_json: bool) -> None:
    from pipelines import report

    if as_json:
        print(report.to_json(plan))
        return
    print(f"dry run: nothing is fetched ({environment.data_kind} data, {environment.warehouse.location})")
    for row in plan:
        ages = ", ".join(f"{name} {count:,}" for name, count in row["age_classes"].items())
        print(f"  {row['source']}.{row['resource']:<12} {row['units']:>8,} due {row['calls']:>8,} calls  {ages}")
    for source in dict.fromkeys(row["source"] for row in plan):
        rows = [row for row in plan if row["source"] == source]
        # one line for all budgets of a source, unless they are not alike
        kinds = list(dict.fromkeys((row["limit"], row["period"]) for row in rows))
        for kind in kinds:
            shared = [row for row in rows if (row["limit"], row["period"]) == kind]
            slowest = max(shared, key=lambda row: row["seconds"])
            end = environment.clock.now() + dt.timedelta(seconds=slowest["seconds"])
            name = f"{source} {shared[0]['bucket']}" if len(kinds) > 1 else source
            print(
                f"{name}: {sum(row['calls'] for row in shared):,} calls, at most {slowest['limit']:,} in"
                f" {slowest['period']:,.0f} s: {slowest['seconds']:,.0f} s at best, earliest end"
                f" {end:%Y-%m-%d %H:%M:%S} UTC"
            )
        if rows[0]["estimate"]:
            print(f"  {rows[0]['estimate']}")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m pipelines", description=__doc__, epilog=EXIT_CODES)
    verbs = parser.add_subparsers(dest="name", required=True, metavar="VERB")
    common = Parser(add_help=False)
    common.add_argument("--target", help="duckdb or postgres")
    json = Parser(add_help=False)
    json.add_argument("--json", action="store_true", help="for machines, on standard output")
    scope = Parser(add_help=False)
    scope.add_argument("--sources", type=names, default=[], help='such as "twitch"')
    scope.add_argument("--resources", type=names, default=[], help='such as "videos clips"')
    scope.add_argument("--league", type=ids, default=[], help='football: ids of leagues, such as "501 271"')
    scope.add_argument("--season", type=ids, default=[], help="football: ids of seasons")
    scope.add_argument("--client", type=names, default=[], help='atlas: names of clients, such as "2151 2152"')
    scope.add_argument("--route", type=names, default=[], help="atlas: names of routes")
    scope.add_argument("--since", type=moment, help="start of the period to read, UTC")
    scope.add_argument("--until", type=moment, help="its end")
    scope.add_argument("--limit", type=positive, help="at most so many units a resource")
    scope.add_argument("--full", action="store_true", help="fetch everything again, whatever is known")
    scope.add_argument("--dry-run", action="store_true", help="show what is due and what it costs; fetch nothing")
    for name, text in {
        "elt": "extract, load, transform, report",
        "extract": "extract and load only",
        "transform": "dbt build only",
        "backfill": "extract a chosen period, then transform",
        "replay": "check quarantined rows again, then transform",
    }.items():
        verb = verbs.add_parser(name, help=text, parents=[common, json, scope], epilog=EXIT_CODES)
        verb.set_defaults(verb=elt)
    text = "poll every collection slot and keep everything else in step"
    verb = verbs.add_parser("watch", help=text, parents=[common], epilog=EXIT_CODES)
    verb.add_argument("--sources", type=names, default=[], help='such as "twitch kick"')
    verb.add_argument("--once", action="store_true", help="one beat, for a scheduler that comes again by itself")
    verb.set_defaults(verb=watch)
    verb = verbs.add_parser("report", help="the last run and the history", parents=[common, json])
    verb.add_argument("--run", help="the id of a run")
    verb.add_argument("--history", type=positive, default=10, help="how many runs")
    verb.set_defaults(verb=show_report)
    verbs.add_parser("doctor", help="check all that a run needs", parents=[common]).set_defaults(verb=see_doctor)
    text = "compare incremental models with full builds beside them"
    verbs.add_parser("verify", help=text, parents=[common], epilog=EXIT_CODES).set_defaults(verb=verify)
    atlas_verbs.add_to(verbs, common, json, EXIT_CODES)
    verb = verbs.add_parser("dbt", help="dbt with this project's settings", parents=[common])
    verb.add_argument("arguments", nargs=argparse.REMAINDER)
    verb.set_defaults(verb=dbt)
    verbs.add_parser("docs", help="dbt docs with lineage, one page", parents=[common]).set_defaults(verb=docs)
    text = "write dbt source files and .env.example from the declarations"
    verbs.add_parser("generate", help=text).set_defaults(verb=generate)
    verb = verbs.add_parser("clean", help="remove run-time files", parents=[common])
    verb.add_argument("--yes", action="store_true", help="without asking")
    verb.set_defaults(verb=clean)
    verbs.add_parser("sandbox", help="the local sandbox of the APIs, alone; see its --help")
    return parser


if __name__ == "__main__":
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
