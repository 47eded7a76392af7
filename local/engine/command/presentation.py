"""How a command line wants its operation shown: the display, whether anybody is there to answer, the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.display import colour, prompt
from local.engine.display.event_log import Log
from local.engine.display.options import DisplayOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.command.flags import Arguments
    from local.engine.display.events import Event, Stream
    from local.engine.workspace.stack import Stack


def display_options(arguments: Arguments) -> DisplayOptions:
    """The settings of the display."""
    return DisplayOptions(
        colour=colour.mode(arguments.value("--color")),
        diff=arguments.has("--diff"),
        terminal=interactive(arguments),
        debug=arguments.has("--debug"),
        show_sames=arguments.has("--show-sames"),
        show_reads=arguments.has("--show-reads"),
        show_config=arguments.has("--show-config"),
        show_replacement_steps=arguments.has("--show-replacement-steps"),
        show_urns=arguments.has("--urns"),
        show_policy_remediations=arguments.has("--show-policy-remediations"),
        truncate=not (arguments.has("--show-full-output") or arguments.command == "refresh"),
        suppress_outputs=arguments.has("--suppress-outputs"),
        suppress_progress=arguments.has("--suppress-progress"),
        emoji=arguments.has("--emoji"),
    )


def interactive(arguments: Arguments) -> bool:
    """Whether somebody looks on and can answer."""
    return not arguments.has("--non-interactive") and prompt.interactive_terminal()


def display(arguments: Arguments, stack: Stack, kind: str, *, preview: bool) -> Callable[[Event], None]:
    """What shows the events of an operation."""
    from local.engine.display.display import display_for  # noqa: PLC0415
    from local.engine.display.json_events import json_display  # noqa: PLC0415
    from local.engine.display.json_summary import JsonSummary  # noqa: PLC0415

    options = display_options(arguments)
    if arguments.value("--output") == "json":
        return JsonSummary(options)
    if arguments.has("--json"):
        return json_display(options, preview=preview)
    root = f"{stack.project.name}-{stack.name}"
    urn = urns.make(stack.name, stack.project.name, "", urns.STACK_TYPE, root)
    return display_for(kind, stack.name, urn, options, preview=preview)


def event_log(arguments: Arguments, events: Stream) -> Log | None:
    """What writes the events to the file of --event-log, to be closed at the end."""
    if not arguments.given("--event-log"):
        return None
    log = Log(arguments.value("--event-log"), colour.mode(arguments.value("--color")))
    events.listen(log)
    return log
