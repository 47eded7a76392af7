"""`pulumi import`: resources that are there already become a stack's, with the code that says so."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local.engine.command import presentation, record
from local.engine.command.printing import skip_confirmations
from local.engine.command.update import CANCELLED
from local.engine.display import prompt
from local.engine.display.events import Stream
from local.engine.error import EngineError
from local.engine.property_value import SECRET, SIGNATURE, mapped
from local.engine.workspace import import_file
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.display.events import Event
    from local.engine.executor.request import Result
    from local.engine.property_value import Secret
    from local.engine.state.resource_state import ResourceState
    from local.engine.workspace.import_file import Imports
    from local.engine.workspace.stack import Stack

_KIND = "resource-import"
_REPOSITORY = Path(__file__).resolve().parents[3]
_COPY = (
    "Please copy the following code into your Pulumi application. Not doing so\n"
    "will cause Pulumi to report that an update will happen on the next update command.\n\n"
)
_PROTECTED = (
    "Please note that the imported resources are marked as protected. To destroy them\n"
    "you will need to remove the `protect` option and run `pulumi update` *before*\n"
    "the destroy will take effect.\n\n"
)


def _on(arguments: Arguments, flag: str) -> bool:
    """A switch that is on unless it is said otherwise."""
    return not arguments.given(flag) or arguments.has(flag)


def _document(arguments: Arguments) -> dict[str, object]:
    properties = tuple(arguments.all("--properties"))
    if file := arguments.value("--file"):
        if arguments.positional or arguments.given("--parent") or arguments.given("--provider") or properties:
            raise EngineError("an inline resource may not be specified in conjunction with an import file")
        return import_file.read(file)
    return import_file.inline(
        arguments.positional,
        parent=arguments.value("--parent"),
        provider=arguments.value("--provider"),
        properties=properties,
    )


def run(arguments: Arguments) -> int:
    """Import; returns the exit code."""
    document = _document(arguments)
    generates = _on(arguments, "--generate-code")
    if not generates and arguments.given("--out"):
        sys.stderr.write("Output file will not be used as --generate-code is false.\n")
    skip = arguments.has("--skip-preview") or skip_confirmations()
    asks = presentation.interactive(arguments)
    preview_only = arguments.has("--preview-only")
    if not asks and not (arguments.has("--yes") or skip or preview_only):
        raise EngineError(
            "--yes or --skip-preview or --preview-only must be passed in to proceed when running in non-interactive "
            "mode",
            exit_code=2,
        )
    stack = stacks.open_(arguments.value("--stack"), arguments.value("--config-file"))
    stack.purpose = "getting stack configuration: get stack secrets manager: "
    stack.checks_integrity = not arguments.has("--disable-integrity-checking")
    stack.derive_key_meanwhile()
    imports = import_file.parsed(document, stack.name, stack.project.name)
    _require_tokens(imports)
    seen: list[Event] = []
    if preview_only:
        stack.recover_if_abandoned()
        return int(_preview(arguments, stack, imports, seen).failed)
    with stack.store.lock() as notes:
        if not skip:
            if _preview(arguments, stack, imports, seen, notes).failed:
                return 1
            if not arguments.has("--yes") and not prompt.confirm(
                "import", seen, presentation.display_options(arguments), called=_KIND
            ):
                return 1
        failed = _import(arguments, stack, imports, notes).failed
    if generates and not (arguments.has("--json") and not arguments.given("--out")):
        _show(arguments, stack, imports)
    return int(failed)


def _require_tokens(imports: Imports) -> None:
    for item in imports.resources:
        if len(item.type.split(":")) != 3:
            raise EngineError(
                f'import type "{item.type}" is not a valid resource type token. Type tokens must be of the format '
                "<package>:<module>:<type> - refer to the import section of the provider resource documentation."
            )


def _preview(
    arguments: Arguments, stack: Stack, imports: Imports, seen: list[Event], notes: list[str] | None = None
) -> Result:
    """Preview; with `notes`, what taking the lock told, the stack is held and brought up to date first."""
    events = Stream()
    events.listen(seen.append)
    events.listen(presentation.display(arguments, stack, "import", preview=True))
    if notes is not None:
        record.take_over(stack, notes, events)
    return _perform(arguments, stack, imports, events, preview=True)


def _import(arguments: Arguments, stack: Stack, imports: Imports, notes: list[str]) -> Result:
    events = Stream()
    events.listen(presentation.display(arguments, stack, "import", preview=False))
    record.take_over(stack, notes, events)
    began = int(time.time())
    result = _perform(arguments, stack, imports, events, preview=False)
    stack.store.record(record.entry(arguments, stack, _KIND, result, began))
    return result


def _perform(
    arguments: Arguments, stack: Stack, imports: Imports, events: Stream, *, preview: bool
) -> Result:
    from local.engine.executor import operation  # noqa: PLC0415 - gRPC is loaded for operations only
    from local.engine.executor.request import Request  # noqa: PLC0415

    log = presentation.event_log(arguments, events)
    request = Request(
        kind="import",
        preview=preview,
        parallel=max(int(arguments.value("--parallel") or 16), 1),
        imports=imports.resources,
        protect=_on(arguments, "--protect"),
    )
    try:
        return asyncio.run(operation.run(request, stack, None, events))
    except KeyboardInterrupt as error:
        raise EngineError("import cancelled", exit_code=CANCELLED) from error
    finally:
        events.emit("cancelEvent")
        if log is not None:
            log.close()


def _show(arguments: Arguments, stack: Stack, imports: Imports) -> None:
    """The code of what is in the state now."""
    states = {state.urn: state for state in stack.state().resources if not state.delete}
    found = [
        states[urn] for urn, name in imports.names.items() if urn in states and _is_imported(imports, name)
    ]
    protect = _on(arguments, "--protect")
    code = _code(stack, [replace(state, protect=protect) for state in found], imports)
    if file := arguments.value("--out"):
        Path(file).write_text(code, encoding="utf-8")
    elif found:
        sys.stdout.write(_COPY + (_PROTECTED if protect else "") + code)


def _code(stack: Stack, states: list[ResourceState], imports: Imports) -> str:
    """Written by the program's interpreter, which has the SDKs; raises EngineError if it fails."""
    if not states:
        return ""
    rows = [state.fields(lambda value: mapped(value, _emptied)) for state in states]
    done = subprocess.run(  # noqa: S603 - the project's own interpreter
        [stack.project.python(), "-m", "local.engine.program.definition_main"],
        check=False,
        input=json.dumps({"rows": rows, "names": imports.names}),
        capture_output=True,
        text=True,
        cwd=stack.project.program_folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(_REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        },
    )
    if done.returncode:
        raise EngineError(
            "the resources are imported, but their code could not be written: "
            + (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        )
    return done.stdout


def _emptied(secret: Secret) -> dict[str, str]:
    """That it is a secret, and whether it is text."""
    text = isinstance(secret.value, str)
    return {SIGNATURE: SECRET, "plaintext": '""' if text else "{}"}


def _is_imported(imports: Imports, variable: str) -> bool:
    return any(item.variable == variable for item in imports.resources)
