"""`pulumi up`, `preview`, `refresh` and `destroy`."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local.engine.command import presentation, record
from local.engine.command import target as limits
from local.engine.command.flags import TRUE
from local.engine.command.printing import say, skip_confirmations
from local.engine.display import prompt
from local.engine.display.events import Event, Stream
from local.engine.error import EngineError, UnsupportedError
from local.engine.workspace import project as projects
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.executor.request import Request, Result
    from local.engine.policy.pack import PackSource
    from local.engine.program.program import Program
    from local.engine.workspace.stack import Stack

EXPECTED_NO_CHANGES = 7
CANCELLED = 8
NOT_CONFIRMED = 2

_KINDS = {"up": "update", "update": "update", "preview": "update", "refresh": "refresh", "destroy": "destroy"}


def run(arguments: Arguments) -> int:
    """Carry out the command; returns the exit code."""
    command, kind = arguments.command, _KINDS[arguments.command]
    _refuse(arguments, kind)
    interactive = presentation.interactive(arguments)
    preview_only = command == "preview" or arguments.has("--preview-only")
    skip_preview = arguments.has("--skip-preview")
    confirmed = arguments.has("--yes") or skip_confirmations()
    if not preview_only and not interactive and not (confirmed or skip_preview):
        raise EngineError(
            "--yes or --skip-preview or --preview-only must be passed in to proceed when running in non-interactive mode",
            exit_code=1 if kind == "refresh" else NOT_CONFIRMED,
        )
    stack = stacks.open_(
        arguments.value("--stack"), arguments.value("--config-file"), offers_new=kind != "destroy"
    )
    stack.purpose = "getting stack configuration: get stack secrets manager: "
    stack.checks_integrity = not arguments.has("--disable-integrity-checking")
    stack.project.require_python()
    stacks.require_own_project(stack.store, stack.project)
    stack.derive_key_meanwhile()
    _set_config(arguments, stack)
    if not arguments.has("--skip-config-validation"):
        stack.check_config()
    if arguments.has("--exclude-protected") and (text := limits.nothing_unprotected(stack.state())):
        print(text)  # noqa: T201
        return 0
    if preview_only:
        stack.recover_if_abandoned()
        return _preview(arguments, stack, kind)
    # Held from before the preview on, as the official CLI does: what was agreed to is what is there.
    with stack.store.lock() as notes:
        if not skip_preview:
            seen: list[Event] = []
            code = _preview(arguments, stack, kind, seen=seen, notes=notes)
            if code != 0:
                return code
            if not confirmed and not prompt.confirm(kind, seen, presentation.display_options(arguments)):
                return 1
        result = _update(arguments, stack, kind, notes)
    if kind == "destroy" and not result.failed:
        _after_destroy(arguments, stack)
    return _exit_code(arguments, result, kind)


def _refuse(arguments: Arguments, kind: str) -> None:
    if arguments.positional:
        raise UnsupportedError(f"the template '{arguments.positional[0]}' of `pulumi {arguments.command}`")
    _packs(arguments, kind)
    if arguments.has("--exclude-protected") and arguments.all("--target"):
        raise EngineError("you cannot specify --target and --exclude-protected")


def _request(arguments: Arguments, stack: Stack, kind: str, *, preview: bool) -> Request:
    from local.engine.executor.request import Request  # noqa: PLC0415 - for operations only

    text = arguments.value("--parallel", os.environ.get("PULUMI_PARALLEL", "")) or str(
        4 * (os.cpu_count() or 4)
    )
    if not text.isdigit():
        raise EngineError(f"--parallel takes a number of operations, not '{text}'")
    return Request(
        kind=kind,
        preview=preview,
        options=limits.options(arguments, _excludes(arguments, stack)),
        parallel=max(int(text), 1),
        refresh=kind != "refresh" and limits.refreshes(arguments, stack.project),
        run_program=_runs_program(arguments),
        edit=lambda state: limits.settled_creates(arguments, state),
        packs=_packs(arguments, kind),
        debug=arguments.has("--debug"),
    )


def _excludes(arguments: Arguments, stack: Stack) -> list[str]:
    return limits.protected_excludes(stack.state()) if arguments.has("--exclude-protected") else []


def _runs_program(arguments: Arguments) -> bool:
    """Whether a refresh or destroy runs the program, for its providers' configuration and its hooks."""
    return arguments.has("--run-program") or (
        not arguments.given("--run-program") and os.environ.get("PULUMI_RUN_PROGRAM") in TRUE
    )


def _packs(arguments: Arguments, kind: str) -> tuple[PackSource, ...]:
    """The policy packs that the command line names, each with the file that sets its policies."""
    folders, files = (
        [path for given in arguments.all(flag) for path in given.split(",") if path]
        for flag in ("--policy-pack", "--policy-pack-config")
    )
    if kind != "update" and (folders or files):
        raise EngineError(
            f"unknown flag: --policy-pack (`pulumi {arguments.command}` runs no policies; `up` and `preview` do)"
        )
    if files and not folders:
        raise EngineError('"--policy-pack-config" must be specified with "--policy-pack"')
    if files and len(files) != len(folders):
        raise EngineError(
            'the number of "--policy-pack-config" flags must match the number of "--policy-pack" flags'
        )
    if not folders:
        return ()
    from local.engine.policy.pack import PackSource  # noqa: PLC0415 - gRPC is loaded for operations only

    return tuple(PackSource(*pair) for pair in zip(folders, files or [""] * len(folders), strict=True))


def _set_config(arguments: Arguments, stack: Stack) -> None:
    for pair in arguments.all("--config"):
        key, _, value = pair.partition("=")
        path = arguments.has("--config-path")
        stack.config.set(key, value, path=path)
    if arguments.all("--config"):
        stack.config.save()


def _preview(
    arguments: Arguments,
    stack: Stack,
    kind: str,
    *,
    seen: list[Event] | None = None,
    notes: list[str] | None = None,
) -> int:
    """Preview; with `notes`, what taking the lock told, the stack is held and brought up to date first."""
    events = Stream()
    events.listen(presentation.display(arguments, stack, kind, preview=True))
    if seen is not None:
        events.listen(seen.append)
    if notes is not None:
        record.take_over(stack, notes, events)
    told: list[Event] = []
    if file := arguments.value("--import-file"):
        events.listen(told.append)
    result = _perform(arguments, stack, kind, events, preview=True)
    if file and not result.failed:
        from local.engine.workspace.import_file import skeleton  # noqa: PLC0415

        document = skeleton(
            event["resourcePreEvent"]["metadata"] for event in told if "resourcePreEvent" in event
        )
        Path(file).write_text(json.dumps(document, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
    return _exit_code(arguments, result, "preview")


def _update(arguments: Arguments, stack: Stack, kind: str, notes: list[str]) -> Result:
    events = Stream()
    stack.store.require()
    events.listen(presentation.display(arguments, stack, kind, preview=False))
    record.take_over(stack, notes, events)
    began = int(time.time())
    result = _perform(arguments, stack, kind, events, preview=False)
    stack.store.record(record.entry(arguments, stack, kind, result, began))
    return result


def _after_destroy(arguments: Arguments, stack: Stack) -> None:
    """What is left of the stack; JSON says nothing of it."""
    text = ""
    if arguments.has("--remove"):
        stack.store.remove()
        stack.config.file.unlink(missing_ok=True)
        if projects.selected_stack(stack.project, stack.store.backend) == stack.store.qualified_name:
            projects.select_stack(stack.project, stack.store.backend, "")
        text = f"The resources in the stack have been deleted, and stack '{stack.name}' has been removed."
    elif protected := _excludes(arguments, stack):
        text = (
            f"All unprotected resources were destroyed. There are still {len(protected)} protected resources "
            "associated with this stack."
        )
    elif not arguments.all("--target"):
        text = (
            "The resources in the stack have been deleted, but the history and configuration associated with the stack "
            "are still maintained. \n"
            f"If you want to remove the stack completely, run `pulumi stack rm {stack.name}`."
        )
    if text and not arguments.has("--json") and arguments.value("--output") != "json":
        say(text)


def _perform(arguments: Arguments, stack: Stack, kind: str, events: Stream, *, preview: bool) -> Result:
    from local.engine.executor import operation  # noqa: PLC0415

    log = presentation.event_log(arguments, events)
    request = _request(arguments, stack, kind, preview=preview)

    async def main() -> Result:
        runs = kind == "update" or request.run_program
        program = _program(arguments, stack, events) if runs else None
        try:
            return await operation.run(request, stack, program, events)
        finally:
            if program is not None:
                await program.stop()

    begun = True
    try:
        return asyncio.run(main())
    except operation.UnopenedError:
        begun = False
        raise
    except KeyboardInterrupt as error:
        # The second one: what was under way is in the state's pending operations.
        word = "preview" if preview else kind
        raise EngineError(f"{word} cancelled", exit_code=CANCELLED) from error
    finally:
        if begun:
            events.emit("cancelEvent")
        if log is not None:
            log.close()


def _program(arguments: Arguments, stack: Stack, events: Stream) -> Program:
    from local.engine.program.program import InlineProgram, ProcessProgram  # noqa: PLC0415

    if client := arguments.value("--client"):
        return InlineProgram(client)
    return ProcessProgram(stack.project, {}, events)


def _exit_code(arguments: Arguments, result: Result, operation: str) -> int:
    if result.cancelled:
        raise EngineError(f"{operation} canceled")
    if result.failed:  # the display has said why
        return 1
    if arguments.has("--expect-no-changes") and result.changed:
        raise EngineError(
            f"no changes were expected for {'refresh' if arguments.command == 'refresh' else operation} but changes were proposed",
            exit_code=EXPECTED_NO_CHANGES,
        )
    return 0
