"""One step as text: its header, its properties or their differences, its outputs; pure.

As the official engine's `renderDiff` and `getResourceOutputsPropertiesString` (pkg/backend/display).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.display import colour
from local.engine.display.property_diff import (
    Hidden,
    ObjectDiff,
    ValueDiff,
    equal,
    hidden_of,
    is_internal,
    is_object,
    object_diff,
    translated,
    value_diff,
)
from local.engine.display.property_text import Printer, indentation, shows
from local.engine.display.wording import REPLACEMENTS, WORDS, prefix, with_retained
from local.engine.property_value import UNKNOWN_STRING, Unknown
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.display.options import DisplayOptions
    from local.engine.display.view import StepView

_COLOURED_HEADERS = frozenset({op.CREATE, op.DELETE, op.DELETE_REPLACED, op.DISCARD, op.DISCARD_REPLACED})
_READING = frozenset({op.READ, op.READ_REPLACEMENT, op.IMPORT, op.IMPORT_REPLACEMENT})
_RESOURCE_MARK = "@isPulumiResource"


def is_shown(step: StepView, options: DisplayOptions, *, whole: bool = False) -> bool:
    """Whether a step is worth showing; with `whole`, where steps are shown one by one rather than in a tree."""
    if step.op == op.SAME:
        if step.old is not None and step.new is not None and step.old.protect != step.new.protect:
            return True
        return options.show_sames
    hidden = whole and not step.logical and step.op in REPLACEMENTS
    return options.show_replacement_steps or not hidden


def depth(step: StepView, seen: Mapping[str, StepView], options: DisplayOptions) -> int:
    """How many of a resource's ancestors are shown above it."""
    found = 0
    parent = step.res.parent if step.res is not None else ""
    while parent and (above := seen.get(parent)) is not None:
        if above.is_stack or is_shown(above, options, whole=True):
            found += 1
        parent = above.res.parent if above.res is not None else ""
    return found


def step_text(
    step: StepView,
    indent: int,
    options: DisplayOptions,
    *,
    refresh: bool = False,
    summary: bool = False,
    planning: bool = False,
) -> str:
    """A step's block: header, then properties or what differs."""
    printer = Printer([], indent + 1, step.op, planning=planning, summary=summary, truncate=options.truncate)
    head = header(step, indent, options)
    if step.op == op.SAME:
        return head + colour.RESET
    if step.detailed is not None:
        diff, hidden = translated(step, refresh=refresh)
        if diff is not None:
            _print_diff(printer, diff, hidden)
        elif step.old is not None:
            printer.marked(op.SAME).object(step.old.inputs)
    else:
        _details(printer, step)
    return head + printer.text + colour.RESET


def header(step: StepView, indent: int, options: DisplayOptions) -> str:
    """What a step is: operation, type, id, URN, provider."""
    old, new = step.old, step.new
    protected_before, protected = old is not None and old.protect, new is not None and new.protect
    lock = ""
    if new is not None and not protected and protected_before:
        lock = " 🔓"
    elif protected or protected_before:
        lock = " 🔒"
    name = step.urn if options.show_urns else step.type
    word = with_retained(step.op, step.op, retained=step.retained)
    parts = [f"{indentation(indent)}{prefix(step.op, done=True)}{name}: ({word}){lock}\n"]
    plain = Printer(parts, indent + 1, step.op if step.op in _COLOURED_HEADERS else op.SAME)
    if old is not None and old.id:
        plain.line(f"[id={old.id}]\n")
    if not options.show_urns:
        plain.line(f"[urn={visible(step.urn)}]\n")
    if step.provider:
        _provider(plain, step)
    return "".join(parts)


def _provider(printer: Printer, step: StepView) -> None:
    old, new = step.old, step.new
    if old is not None and new is not None and old.provider != new.provider:
        printer = printer.marked(op.UPDATE, prefix=False)
        printer.line("[provider: ")
        printer.marked(op.DELETE).write(old.provider)
        printer.write(" => ")
        urn, identity = urns.split_reference(new.provider)
        known = new.provider if identity != UNKNOWN_STRING else f"{urn}::[unknown]"
        printer.marked(op.CREATE).write(known)
        printer.write("]\n")
    elif urns.name_of(urns.split_reference(step.provider)[0]) != "default":
        printer.line(f"[provider={step.provider}]\n")


def _details(printer: Printer, step: StepView) -> None:
    old, new = step.old, step.new
    if old is None:
        if new is not None:
            printer.object(new.outputs or new.inputs)
    elif new is None:
        if not printer.summary:
            printer.object(old.inputs)
    else:
        by_outputs = bool(new.outputs) and step.op not in {op.IMPORT, op.IMPORT_REPLACEMENT}
        before, after = (old.outputs, new.outputs) if by_outputs else (old.inputs, new.inputs)
        hidden = Hidden(hidden_of(step))
        diff = object_diff(before, after, hidden)
        if diff is None and hidden.found:
            diff = ObjectDiff()
        if diff is None:
            printer.marked(op.SAME).object(after)
        else:
            only = None if by_outputs or not step.diffs else step.diffs
            _print_diff(printer, diff, hidden.found, only)


def _print_diff(
    printer: Printer, diff: ObjectDiff, hidden: list[str], only: tuple[str, ...] | None = None
) -> None:
    marked = printer.marked(op.SAME)
    marked.hidden(hidden)
    marked.diff(diff, only)


def outputs_text(
    step: StepView, indent: int, options: DisplayOptions, *, planning: bool, refresh: bool = False
) -> str:
    """The outputs that say something new: others than the inputs, or than they were before."""
    show_sames = options.show_sames or (not planning and step.is_stack)
    if planning and not (refresh or step.op in _READING or step.is_stack):
        return ""
    if step.old is not None and step.old.init_errors:
        return ""
    hidden = Hidden(hidden_of(step))
    diff: ObjectDiff | None = None
    if step.old is not None:
        outputs = step.new.outputs if step.new is not None else {}
        diff = object_diff(step.old.outputs, outputs, hidden)
        if diff is None and hidden.found:
            diff = ObjectDiff()
        if planning and step.is_stack and diff is not None:
            _without_unknown_resources(diff)
        if diff is None and not show_sames:
            return ""
    printer = Printer([], indent, step.op, planning=planning, truncate=options.truncate)
    printer.hidden(hidden.found)
    _print_outputs(printer, step, diff, show_sames=show_sames, refresh=refresh)
    return printer.text


def _print_outputs(
    printer: Printer, step: StepView, diff: ObjectDiff | None, *, show_sames: bool, refresh: bool
) -> None:
    inputs, outputs = (step.new.inputs, step.new.outputs) if step.new is not None else ({}, {})
    keys = sorted(outputs) if diff is None else diff.keys
    width = max((len(key) for key in keys), default=0)
    for key in keys:
        value = outputs.get(key)
        if diff is None and (is_internal(key) or not shows(value)):
            continue
        if not refresh and key in inputs:
            told = value_diff(value, inputs[key], Hidden(hidden_of(step)), [key]) is not None
            if not told:
                continue
        if diff is None:
            printer.title(key, width)
            printer.value(value)
        elif show_sames or not diff.is_same(key):
            printer.property_diff(key, width, diff)


def _without_unknown_resources(diff: ObjectDiff) -> None:
    """Take from a preview's outputs what only the deployment will know of resources, and what may stay as it is."""
    is_resource = _RESOURCE_MARK in diff.adds
    if is_resource:
        diff.adds = {
            key: value
            for key, value in diff.adds.items()
            if key != _RESOURCE_MARK and not isinstance(value, Unknown)
        }
    diff.adds = {key: _without_mark(value) for key, value in diff.adds.items()}
    for key, update in list(diff.updates.items()):
        if is_resource and isinstance(update.new, Unknown) and not shows(update.old):
            del diff.updates[key]
            continue
        _without_unknown(update)
        unchanged = not (update.object is not None and update.object.changed) and equal(
            update.old, update.new
        )
        if unchanged or isinstance(update.new, Unknown):
            del diff.updates[key]


def _without_unknown(diff: ValueDiff) -> None:
    if diff.array is not None:
        diff.array.adds = {index: _without_mark(value) for index, value in diff.array.adds.items()}
        for update in diff.array.updates.values():
            _without_unknown(update)
    elif diff.object is not None:
        _without_unknown_resources(diff.object)


def _without_mark(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_mark(item) for item in value]
    if is_object(value):
        return {key: _without_mark(item) for key, item in value.items() if key != _RESOURCE_MARK}
    return value


def short_diff(step: StepView) -> str:
    """What differs, in brackets after a line: `diff: +size~text`."""
    old, new = step.old, step.new
    if old is None or new is None:
        return ""
    diff: ObjectDiff | None = None
    if step.op != op.SAME:
        if step.detailed is not None:
            diff, _ = translated(step, refresh=False)
        else:
            diff = object_diff(old.inputs, new.inputs, Hidden(()))
    for name, before, after in (
        ("provider", old.provider, new.provider),
        ("protect", old.protect, new.protect),
        (f"{colour.RED}taint{colour.RESET}", old.taint, new.taint),
    ):
        if before != after:
            diff = diff or ObjectDiff()
            diff.updates[name] = ValueDiff(before, after)
    return "" if diff is None else short_object_diff(diff, step.diffs)


def short_object_diff(diff: ObjectDiff, only: tuple[str, ...] = ()) -> str:
    """The names of what was added, taken away and changed."""
    text = "diff: "
    for kind, names in ((op.CREATE, diff.adds), (op.DELETE, diff.deletes), (op.UPDATE, diff.updates)):
        kept = sorted(name for name in names if not only or name in only)
        if kept:
            text += f"{WORDS[kind].colour}{WORDS[kind].mark.strip()}{','.join(kept)}{colour.RESET}"
    return text


def visible(text: str) -> str:
    """A name without what can't be seen in it."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
