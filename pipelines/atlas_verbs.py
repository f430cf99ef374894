"""The verbs of atlas on the command line: clients, jobs, new-route. What they do is in the modules of these names."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pipelines.command import Parser, console, day, environment_of, names, positive
from pipelines.errors import AirtimeError


def add_to(verbs: Any, common: Parser, json: Parser, epilog: str) -> None:
    """Add them to the parser. common, json: what many verbs take."""
    verb = verbs.add_parser("clients", help="clients of atlas: add, list, check")
    kinds = verb.add_subparsers(dest="kind", required=True, metavar="add|list|check")
    kind = kinds.add_parser("add", help="declare one; the token is asked for, or read from standard input")
    kind.add_argument("client", help="its name: letters, digits, _ and -")
    kind.add_argument("--url", required=True, help="the address that its routes' paths are added to")
    kind.add_argument("--routes", required=True, type=names, help='declared routes, such as "pedido nota"')
    kind.add_argument("--since", type=day, help="the first day to collect")
    kind.add_argument("--days-back", type=positive, help="or how many days before today")
    kind.add_argument("--requests-per-minute", type=positive, default=60, help="its rate limit")
    kind.add_argument("--replace", action="store_true", help="declare one anew that is there already")
    kind.set_defaults(verb=add_client)
    kind = kinds.add_parser("list", help="what is declared, and which tokens are set", parents=[common, json])
    kind.set_defaults(verb=list_clients)
    kind = kinds.add_parser("check", help="ask each API once", parents=[common])
    kind.add_argument("clients", nargs="*", help="names of clients; all if none is given")
    kind.set_defaults(verb=check_clients)

    verb = verbs.add_parser("jobs", help="collection jobs of atlas: add, list, show, run, stop, resume, remove")
    kinds = verb.add_subparsers(dest="kind", required=True, metavar="add|list|show|run|stop|resume|remove")
    kind = kinds.add_parser("add", help="declare one", parents=[common])
    kind.add_argument("job", help="its name: letters, digits, _ and -")
    kind.add_argument("--client", required=True, help="whose records it collects")
    kind.add_argument("--routes", type=names, help="some of the client's routes; all of them if none is given")
    kind.add_argument("--since", required=True, type=day, help="the first day of its period, UTC")
    kind.add_argument("--until", type=day, help="the day after its last one; none leaves the period open")
    kind.add_argument("--every", type=positive, metavar="MINUTES", help="how often it is due; none: when it is told to")
    kind.add_argument("--replace", action="store_true", help="declare one anew that is there already")
    kind.set_defaults(verb=add_job)
    text = "what is declared, how far it has come, and when it is next due"
    kinds.add_parser("list", help=text, parents=[common, json]).set_defaults(verb=list_jobs)
    kind = kinds.add_parser("show", help="one of them, with its open days and its runs", parents=[common, json])
    kind.add_argument("job", help="its name")
    kind.add_argument("--history", type=positive, default=10, help="how many runs")
    kind.set_defaults(verb=show_job)
    text = "collect what is due of one, or of all whose schedule is due"
    kind = kinds.add_parser("run", help=text, parents=[common, json], epilog=epilog)
    kind.add_argument("job", nargs="?", help="its name")
    kind.set_defaults(verb=run_jobs)
    for name, verb_of, text in (
        ("stop", stop_job, "end its run, which keeps what it has, and let it not be due"),
        ("resume", resume_job, "let it be due again"),
        ("remove", remove_job, "forget the declaration; what was collected stays"),
    ):
        kind = kinds.add_parser(name, help=text, parents=[common])
        kind.add_argument("job", help="its name")
        kind.set_defaults(verb=verb_of)

    verb = verbs.add_parser("new-route", help="write a typed model for a route of atlas", parents=[common])
    verb.add_argument("route", help="a declared route of which records have been collected")
    verb.add_argument(
        "--model", help="what to call the model: customers makes fct_customers; the route's name if not given"
    )
    verb.add_argument("--replace", action="store_true", help="write one anew that is there already")
    verb.set_defaults(verb=new_route)


def add_client(options: argparse.Namespace) -> int:
    """Declare a client of atlas; its token comes from a prompt, or from standard input."""
    import getpass

    from pipelines import clients

    prompt = f"token of client {options.client}: "
    values = {
        "base_url": options.url,
        "routes": options.routes,
        "since": options.since,
        "days_back": options.days_back,
        "requests_per_minute": options.requests_per_minute,
    }
    token = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    clients.add(Path.cwd(), options.client, values, token, options.replace)
    print(f"client {options.client} is declared; `clients check {options.client}` asks its API")
    return 0


def list_clients(options: argparse.Namespace) -> int:
    """List the clients of atlas, each with whether it has a token."""
    from pipelines import clients, report

    rows = clients.listed(environment_of(options).sections["atlas"])
    if options.json:
        print(report.to_json(rows))
        return 0
    for row in rows:
        print(
            f"{row['client']}  {row['base_url']}  {' '.join(row['routes'])}  since {row['since']}"
            f"  {row['requests_per_minute']:,} requests a minute  token {row['token']}"
        )
    return 0


def check_clients(options: argparse.Namespace) -> int:
    """Ask the API of each client, or of some, once."""
    from pipelines.resources import Scope
    from pipelines.run import Request, Run
    from pipelines.sources import atlas

    environment = environment_of(options)
    run = Run(environment, Request("clients", scope=Scope()))
    code = 0
    with environment.sandbox_if_demo():
        answers = atlas.check_clients(run.client("atlas"), options.clients)
    for name, error in answers.items():
        if error is None:
            print(f"ok    {name}")
            continue
        code = max(code, getattr(error, "exit_code", 3))
        print(f"FAIL  {name}: {environment.scrubber.clean(str(error))}")
        if mend := getattr(error, "mend", ""):
            print(f"      to mend: {mend}")
    return code


def add_job(options: argparse.Namespace) -> int:
    """Declare a collection job."""
    from pipelines import jobs

    environment = environment_of(options)
    values = {
        "client": options.client,
        "routes": options.routes,
        "since": options.since,
        "until": options.until,
        "every_minutes": options.every,
    }
    # who the clients of the demo are, only the sandbox knows
    with environment.sandbox_if_demo():
        jobs.add(Path.cwd(), environment.sections["atlas"], options.job, values, options.replace)
    by_itself = f", `jobs run` every {options.every:,} minutes" if options.every else ""
    print(f"job {options.job} is declared; `jobs run {options.job}` runs it at once{by_itself}")
    return 0


def list_jobs(options: argparse.Namespace) -> int:
    """List the collection jobs with their progress."""
    from pipelines import jobs, report

    rows = jobs.listed(environment_of(options))
    if options.json:
        print(report.to_json(rows))
        return 0
    for row in rows:
        print(_line(row))
    if not rows:
        print("no job is declared; `python -m pipelines jobs add` declares one")
    return 0


def show_job(options: argparse.Namespace) -> int:
    """Show a collection job, its days that are not complete, and its runs."""
    from pipelines import jobs, report

    row = jobs.shown(environment_of(options), options.job, options.history)
    if options.json:
        print(report.to_json(row))
        return 0
    print(_line(row))
    for state in ("missing", "partial", "open"):
        found = [f"{one['route']} {one['day']}" for one in row["days"] or () if one["state"] == state]
        if found:
            print(f"  {state}: {', '.join(found[:10])}{f' and {len(found) - 10:,} more' * (len(found) > 10)}")
    for run in row["history"] or ():
        seconds = "" if run["seconds"] is None else f" in {run['seconds']:,.1f} s"
        of = f"job {run['job']}" if run["job"] else run["command"]
        print(
            f"  {_time(run['started_at'])}  {run['run_id']}  {of}"
            f"  {run['status']}{seconds}: {run['days_read']:,} days read, {run['days_failed']:,} failed,"
            f" {run['days_left']:,} left, {run['requests']:,} requests, {run['records_received']:,} records,"
            f" {run['payloads_new']:,} new payloads" + (f"; {run['error']}" if run["error"] else "")
        )
    return 0


def run_jobs(options: argparse.Namespace) -> int:
    """Run a collection job, or those whose schedule is due, one after the other."""
    from pipelines import jobs, report
    from pipelines.run import Run, exit_code

    environment = environment_of(options)
    wanted = [options.job] if options.job else jobs.due(environment)
    requests = [jobs.request(environment, name) for name in wanted]
    errors: list[AirtimeError] = []
    ended: list[dict[str, Any]] = []
    with environment.sandbox_if_demo():
        for request in requests:
            run = Run(environment, request)
            found: dict[str, Any] = {}
            # read before another run, which may be waiting, takes the warehouse
            read = lambda run=run, found=found: found.update(report.read(environment.warehouse, run.run_id))
            try:
                code = run.execute(at_end=read)
            except AirtimeError as error:
                # the warehouse went away under the run, which may know more of why
                raise [*run.errors, error][0] from None
            errors += run.errors
            ended.append({"job": request.job, "exit_code": code, **found})
            if not options.json:
                report.show(found, console())
            if environment.clock.is_stopped:
                break
    if options.json:
        print(report.to_json(ended))
    elif not requests:
        print("no job is due")
    return exit_code(errors)


def stop_job(options: argparse.Namespace) -> int:
    """Stop a collection job."""
    from pipelines import jobs

    held = jobs.stop(Path.cwd(), environment_of(options), options.job)
    told = f"; its run {held.run_id} is told to end, and keeps what it has" if held else ""
    print(f"job {options.job} is stopped until `jobs resume {options.job}`{told}")
    return 0


def resume_job(options: argparse.Namespace) -> int:
    """Let a stopped collection job go on."""
    from pipelines import jobs

    jobs.resume(Path.cwd(), environment_of(options), options.job)
    print(f"job {options.job} goes on; `jobs run {options.job}` runs it at once")
    return 0


def remove_job(options: argparse.Namespace) -> int:
    """Forget a collection job."""
    from pipelines import jobs

    jobs.remove(Path.cwd(), environment_of(options), options.job)
    print(f"job {options.job} is removed; what it collected stays")
    return 0


def new_route(options: argparse.Namespace) -> int:
    """Write a typed model for a route, from what has been collected of it."""
    from pipelines import new_route as models

    environment = environment_of(options)
    paths = models.write(
        environment.warehouse, environment.sections["atlas"], options.route, options.model, options.replace
    )
    for path in paths:
        print(f"written: {path}")
    print(f'`make dbt ARGS="build --select {paths[0].stem}"` builds and tests it; from now on `make elt` does')
    return 0


def _line(row: dict[str, Any]) -> str:
    """A job in a line."""
    every = f"every {row['every_minutes']:,} min" if row["every_minutes"] else "when told"
    period = f"{row['since']} to {row['until'] or 'now'}"
    parts = [row["job"], row["status"], f"{row['client']}: {' '.join(row['routes'])}", period, every]
    if row["records"] is not None:
        states = ("complete", "open", "partial", "missing")
        parts.append(", ".join(f"{row[f'days_{state}']:,} {state}" for state in states) + " days")
        parts.append(f"{row['records']:,} records in {row['payloads']:,} payloads")
    if row["next_run_at"]:
        parts.append(f"next {_time(row['next_run_at'])}")
    return "  ".join(parts) + (f"  ({row['message']})" if row["message"] else "")


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
