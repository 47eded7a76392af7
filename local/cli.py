"""The commands of ``python -m local``. Each failure is one line and exit code 1.

Over 400 lines, since it is the one list of all commands; what each does is elsewhere.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from local import faults as fault_file
from local import service
from local.azure import activity_log
from local.settings import LocalDir

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

app = typer.Typer(
    help="Local Azure: the whole platform on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_console = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def _told() -> Generator[LocalDir]:
    try:
        yield LocalDir.find()
    except service.ServiceError as error:
        _errors.print("[red]error:[/] ", end="")
        _errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    except OSError as error:
        _errors.print(f"[red]error:[/] {error.strerror}: {error.filename}")
        raise typer.Exit(1) from None


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


@app.command()
def start(*, as_json: AsJson = False) -> None:
    """Start local Azure in the background, and wait until it answers."""
    with _told() as directory:
        before = service.find(directory)
        if before is not None:
            running = before
        elif as_json:
            running = service.start(directory)
        else:
            with _console.status("Starting local Azure"):
                running = service.start(directory)
        if as_json:
            _print_json({"running": True, "alreadyRunning": before is not None, **vars(running)})
            return
        word = "is running already" if before is not None else "is running"
        _console.print(f"Local Azure {word} on 127.0.0.1:{running.port} (process {running.pid}).")
        if before is None:
            _console.print('Point a shell at it: eval "$(.venv/bin/python -m local env)"', markup=False)


@app.command()
def stop(*, as_json: AsJson = False) -> None:
    """Stop local Azure and everything it runs. Its data stays."""
    with _told() as directory:
        stopped = service.stop(directory)
        if as_json:
            _print_json({"stopped": stopped})
        else:
            _console.print("Local Azure is stopped." if stopped else "Local Azure was not running.")


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show whether local Azure runs, and what runs in it. Exit code 3 if it doesn't run."""
    with _told() as directory:
        running = service.find(directory)
        if as_json:
            details: dict[str, Any] = (
                {**vars(running), "processes": service.processes(running)} if running else {}
            )
            asked = asdict(fault_file.asked_for(directory))
            _print_json(
                {"running": running is not None, "folder": str(directory.root), "faults": asked, **details}
            )
        elif running is None:
            _console.print("Local Azure is not running. Start it with `python -m local start`.", markup=False)
        else:
            _console.print(
                f"Local Azure {running.version} is running on 127.0.0.1:{running.port} since {running.started[:19]}Z."
            )
            _console.print(f"Its data is in {directory.root}.", markup=False)
            if (asked_for := fault_file.asked_for(directory)).active:
                _console.print(
                    f"It fails on request: {asked_for.sentence()}. End that: `python -m local faults --off`.",
                    markup=False,
                )
            for process in service.processes(running):
                _console.print(
                    f"  {process['pid']:>8}  {process['memoryMb']:>5} MB  {process['command']}", markup=False
                )
        if running is None:
            raise typer.Exit(3)


@app.command()
def faults(
    rates: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND=RATE",
            help="Fractions of requests: throttle, error, drop, lost; of long operations: slow, late; or all.",
        ),
    ] = None,
    *,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same faults.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only [METHOD ]HOST/PATH that match, e.g. 'PUT */vaults/*'."),
    ] = None,
    delay: Annotated[float | None, typer.Option(help="By how many seconds slow operations are late.")] = None,
    retry_after: Annotated[int | None, typer.Option(help="Seconds that a throttled client waits.")] = None,
    off: Annotated[bool, typer.Option("--off", help="No faults.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make local Azure fail as a cloud does, at given rates; without arguments: show them."""
    with _told() as directory:
        settings = {"seed": seed, "delay": delay, "retry_after": retry_after, "only": only}
        wanted = fault_file.change(directory, rates or [], settings, off=off)
        if as_json:
            _print_json(asdict(wanted))
        else:
            _console.print(f"Faults on request: {wanted.sentence()}.", markup=False)


@app.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False) -> None:
    """Stop local Azure and delete its data: resources, blobs, jobs, environments, identity."""
    with _told() as directory:
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Delete everything local Azure keeps in {directory.root}?", abort=True)
        service.reset(directory)
        _console.print(f"Local Azure is empty: its data in {directory.root} is deleted.", markup=False)


@app.command()
def env(
    *,
    somebody: Annotated[
        str,
        typer.Option(
            "--as", metavar="WHO", help="A principal's name, or the id of a user-assigned identity."
        ),
    ] = "",
    inside: Annotated[
        str, typer.Option(metavar="VNET", help="A virtual network to call from: its name or its id.")
    ] = "",
    address: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="A public address to call from.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print what points a shell's Azure clients at local Azure: eval "$(python -m local env)"."""
    with _told() as directory:
        if somebody:
            from local import principal  # noqa: PLC0415

            variables = principal.environment(principal.Client(directory), directory, somebody)
        else:
            variables = service.client_environment(directory)
        if inside or address:
            from local import principal  # noqa: PLC0415

            variables |= principal.whereabouts(directory, inside, address)
        if as_json:
            _print_json(variables)
            return
        for name, value in variables.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="Which log: azure, azurite, deployment-…, job-….")] = "azure",
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines at most.")] = 200,
    activity: Annotated[
        bool,
        typer.Option(
            "--activity", help="Azure's activity log instead: who changed what, and what came of it."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print a log of local Azure or of what runs in it, or the activity log (``--json``: whole events)."""
    with _told() as directory:
        if activity:
            for event in reversed(list(islice(activity_log.read(directory.activity), lines))):
                sys.stdout.write((json.dumps(event) if as_json else activity_log.line(event)) + "\n")
            return
        found = (
            {path.stem: path for path in sorted(directory.logs.glob("*.log"))}
            if directory.logs.exists()
            else {}
        )
        if name not in found:
            have = ", ".join(found) or "none yet"
            raise service.ServiceError(f"There is no log '{name}' in {directory.logs}; there are: {have}.")
        try:
            _show(found[name], lines, follow=follow)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _show(path: Path, lines: int, *, follow: bool) -> None:
    with path.open(errors="replace") as file:
        sys.stdout.writelines(file.readlines()[-lines:])
        while follow:
            sys.stdout.flush()
            line = file.readline()
            if line:
                sys.stdout.write(line)
            else:
                time.sleep(0.2)


principals = typer.Typer(
    help="Service principals, users and groups, besides the one that `env` signs in.", no_args_is_help=True
)
app.add_typer(principals, name="principal")


class PrincipalKind(StrEnum):
    """What a principal is."""

    SERVICE_PRINCIPAL = "service-principal"
    USER = "user"
    GROUP = "group"


@principals.command("create")
def create_principal(
    name: str,
    *,
    kind: Annotated[PrincipalKind, typer.Option(help="What it is.")] = PrincipalKind.SERVICE_PRINCIPAL,
    as_json: AsJson = False,
) -> None:
    """Make a principal. It may do nothing until a role is assigned to its object id."""
    from local import principal  # noqa: PLC0415

    with _told() as directory:
        made = principal.create(principal.Client(directory), name, kind.value)
        if as_json:
            _print_json(made)
            return
        for key, value in made.items():
            _console.print(f"{key:<13} {value}", markup=False)
        if "clientSecret" in made:
            _console.print(f'Be it: eval "$(.venv/bin/python -m local env --as {name})"', markup=False)


@principals.command("list")
def list_principals(*, as_json: AsJson = False) -> None:
    """List all principals, managed identities too."""
    from local import principal  # noqa: PLC0415

    with _told() as directory:
        found = principal.everybody(principal.Client(directory))
        if as_json:
            _print_json(found)
            return
        for one in found:
            _console.print(f"{one['objectId']}  {one['kind']:<17}  {one['name']}", markup=False)


@principals.command("delete")
def delete_principal(name: str) -> None:
    """Delete a principal. Its role assignments stay, as in Azure."""
    from local import principal  # noqa: PLC0415

    with _told() as directory:
        principal.delete(principal.Client(directory), name)


@principals.command("join")
def join_group(group: str, member: str) -> None:
    """Put a principal into a group."""
    from local import principal  # noqa: PLC0415

    with _told() as directory:
        principal.join(principal.Client(directory), group, member)


schedules = typer.Typer(help="Schedules of jobs and monitors: when they are due.", no_args_is_help=True)
app.add_typer(schedules, name="schedule")


@schedules.command("list")
def list_schedules(*, as_json: AsJson = False) -> None:
    """List schedules, and when each is due next."""
    from local import principal, schedule  # noqa: PLC0415

    with _told() as directory:
        found = schedule.found(principal.Client(directory))
        if as_json:
            _print_json(found)
            return
        for one in found:
            due = f"{one['next'][:16]}Z" if one["next"] else "never" if one["enabled"] else "off"
            missed = f"  missed {one['missed'][:16]}Z: `schedule run` runs it" if one["missed"] else ""
            last = f"  last {one['lastJob']}" if one["lastJob"] else ""
            _console.print(f"{due:<18} {one['name']:<32} {one['action']}{last}{missed}", markup=False)


@schedules.command("run")
def run_schedules(
    *,
    at: Annotated[
        str,
        typer.Option(metavar="TIME", help="What will have been due by then, e.g. 2026-12-01T06:00Z."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Run what was due since it last ran, each schedule once. Exit code 1 if one can't be run."""
    from local import principal, schedule  # noqa: PLC0415

    with _told() as directory:
        ran = schedule.run(principal.Client(directory), at)
        if as_json:
            _print_json(ran)
        else:
            for one in ran:
                came = one.get("job") or f"can't be run: {one['error']}"
                _console.print(f"{one['due'][:16]}Z  {one['name']}  {came}", markup=False)
            if not ran:
                _console.print("Nothing is due.")
        if any("error" in one for one in ran):
            raise typer.Exit(1)


alerts = typer.Typer(help="Metric alerts: what fired, and checking the rules now.", no_args_is_help=True)
app.add_typer(alerts, name="alerts")


@alerts.command("run")
def run_alerts(*, as_json: AsJson = False) -> None:
    """Check all metric alert rules now, with what the current minute measured so far."""
    from local import alert, principal  # noqa: PLC0415

    with _told() as directory:
        found = alert.check(principal.Client(directory))
        if as_json:
            _print_json(found)
            return
        for one in alert.lines(found) or ["There is no metric alert rule."]:
            _console.print(one, markup=False)


@alerts.command("list")
def list_alerts(*, as_json: AsJson = False) -> None:
    """List the alerts, the newest first, resolved ones too."""
    from local import alert, principal  # noqa: PLC0415

    with _told() as directory:
        found = alert.everything(principal.Client(directory))
        if as_json:
            _print_json(found)
            return
        for one in [alert.line(one) for one in found] or ["No alert has fired."]:
            _console.print(one, markup=False)


autoscale = typer.Typer(
    help="Autoscale settings of online deployments: evaluating them now.", no_args_is_help=True
)
app.add_typer(autoscale, name="autoscale")


@autoscale.command("run")
def run_autoscale(*, as_json: AsJson = False) -> None:
    """Evaluate all autoscale settings now, with what the current minute measured so far, and scale."""
    from local import autoscale, principal  # noqa: PLC0415

    with _told() as directory:
        found = autoscale.evaluate(principal.Client(directory))
        if as_json:
            _print_json(found)
            return
        for one in [autoscale.line(one) for one in found] or ["There is no autoscale setting."]:
            _console.print(one, markup=False)


@app.command("federated-token")
def federated_token(
    *,
    issuer: Annotated[
        str, typer.Option(help="Whose token it is, e.g. https://token.actions.githubusercontent.com")
    ],
    subject: Annotated[str, typer.Option(help="For whom, e.g. repo:acme/models:environment:prod")],
    audience: Annotated[str, typer.Option(help="What it is for.")] = "api://AzureADTokenExchange",
) -> None:
    """Print a token in an issuer's name, good for ten minutes: what a pipeline would sign in with."""
    from local.azure import identity  # noqa: PLC0415
    from local.azure.access import federation  # noqa: PLC0415

    with _told() as directory:
        if not directory.identity.exists():
            raise service.ServiceError("There is no local Azure yet; start it with `python -m local start`.")
        signer = identity.load(directory.identity)
        sys.stdout.write(f"{federation.assertion(signer, issuer, subject, audience)}\n")


@app.command()
def up() -> None:
    """Bring up local Azure and the local stack with the sample model, and score it once."""
    from local import up as stack  # noqa: PLC0415 (loads what the other commands don't need)

    stack.up()


@app.command()
def down() -> None:
    """Destroy the local stack and stop local Azure."""
    from local import up as stack  # noqa: PLC0415

    stack.down()


@app.command()
def clean() -> None:
    """Stop local Azure and remove everything of it and of the local stack."""
    from local import up as stack  # noqa: PLC0415

    stack.clean()


@app.command()
def demo(*, keep: Annotated[bool, typer.Option("--keep", help="Leave everything running.")] = False) -> None:
    """Show a model's life in a few minutes: drift, event, retraining, gate, canary, rollback."""
    from local.demo import scenario  # noqa: PLC0415

    scenario.demo(keep=keep)


@app.command()
def replay(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="A folder of documented requests and answers.")
    ],
    *,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only examples whose folder/name or path contains this; repeatable."),
    ] = None,
    show: Annotated[
        list[str] | None,
        typer.Option(
            "--show", help="What is listed: ok, unsupported, wrong (the default), none; repeatable."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay Azure's documented requests against a private local Azure. Exit code 1 if an answer is wrong."""
    from local.replay import command  # noqa: PLC0415

    command.replay_folder(folder, only=only or [], show=show or ["wrong"], as_json=as_json)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def pulumi(context: typer.Context) -> None:
    """Run an engine command on the local stack, e.g. `python -m local pulumi preview --diff`."""
    from local import up as stack  # noqa: PLC0415

    stack.pulumi(context)
