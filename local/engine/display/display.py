"""What an operation looks like: a line for each thing that happens, colours on a terminal."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.display.diff import changes_of, detail, value_text
from local.engine.policy.notes import PolicyNotes, diff_lines, run_lines
from local.engine.property_value import UNKNOWN_STRING
from local.engine.steps import step as op

if TYPE_CHECKING:
    from local.engine.display.events import Event

PREFIX = {
    op.SAME: "  ",
    op.CREATE: "+ ",
    op.UPDATE: "~ ",
    op.DELETE: "- ",
    op.REPLACE: "+-",
    op.CREATE_REPLACEMENT: "++",
    op.DELETE_REPLACED: "--",
    op.READ: "> ",
    op.READ_REPLACEMENT: ">>",
    op.REFRESH: "~ ",
    op.DISCARD: "< ",
    op.DISCARD_REPLACED: "<<",
    op.IMPORT: "= ",
    op.IMPORT_REPLACEMENT: "=>",
    op.REMOVE_PENDING_REPLACE: "~ ",
}
# planned, under way, done
_WORDS = {
    op.CREATE: ("create", "creating", "created"),
    op.UPDATE: ("update", "updating", "updated"),
    op.DELETE: ("delete", "deleting", "deleted"),
    op.REPLACE: ("replace", "replacing", "replaced"),
    op.CREATE_REPLACEMENT: ("create replacement", "creating replacement", "created replacement"),
    op.DELETE_REPLACED: ("delete original", "deleting original", "deleted original"),
    op.READ: ("read", "reading", "read"),
    op.READ_REPLACEMENT: ("read for replacement", "reading for replacement", "read for replacement"),
    op.REFRESH: ("refresh", "refreshing", ""),
    op.DISCARD: ("discard", "discarding", "discarded"),
    op.DISCARD_REPLACED: ("discard original", "discarding original", "discarded original"),
    op.IMPORT: ("import", "importing", "imported"),
    op.IMPORT_REPLACEMENT: ("import replacement", "importing replacement", "imported replacement"),
    op.REMOVE_PENDING_REPLACE: ("", "", ""),
}
_SUMMARY = {
    op.CREATE: ("+ ", "to create", "created"),
    op.UPDATE: ("~ ", "to update", "updated"),
    op.DELETE: ("- ", "to delete", "deleted"),
    op.REPLACE: ("+-", "to replace", "replaced"),
    op.READ: ("> ", "to read", "read"),
    op.DISCARD: ("< ", "to discard", "discarded"),
    op.IMPORT: ("= ", "to import", "imported"),
}
_COLOURS = {"+": "32", "~": "33", "-": "31", ">": "36", "<": "36", "=": "36"}
_TITLES = {
    ("update", True): "Previewing update",
    ("update", False): "Updating",
    ("refresh", True): "Previewing refresh",
    ("refresh", False): "Refreshing",
    ("destroy", True): "Previewing destroy",
    ("destroy", False): "Destroying",
}


class Display:
    """Prints events as they come, and a summary at the end."""

    def __init__(
        self,
        kind: str,
        stack: str,
        *,
        preview: bool,
        colour: bool,
        diff: bool = False,
        show_sames: bool = False,
        suppress_outputs: bool = False,
        suppress_progress: bool = False,
    ) -> None:
        self._kind = kind
        self._preview = preview
        self._colour = colour
        self._diff = diff
        self._show_sames = show_sames
        self._suppress_outputs = suppress_outputs
        self._suppress_progress = suppress_progress
        self._started: dict[tuple[str, str], float] = {}
        self._diagnostics: dict[str, list[str]] = {}
        self._diffs: dict[str, str] = {}
        self._stack: dict[str, Any] = {}
        self._policies = PolicyNotes()
        self._loading = False
        self._title = f"{_TITLES[kind, preview]} ({stack}):" + ("" if diff else "\n")

    def _print(self, text: str, colour: str = "") -> None:
        if colour and self._colour:
            text = f"\x1b[{colour}m{text}\x1b[0m"
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if self._title and "cancelEvent" not in event:
            self._print(self._title.rstrip("\n") if "policyLoadEvent" in event else self._title)
            self._title = ""
        if "resourcePreEvent" in event:
            self._pre(event["resourcePreEvent"]["metadata"])
        elif "resOutputsEvent" in event:
            self._done(event["resOutputsEvent"]["metadata"])
        elif "resOpFailedEvent" in event:
            self._failed(event["resOpFailedEvent"]["metadata"])
        elif "diagnosticEvent" in event:
            self._diagnostic(event["diagnosticEvent"])
        elif "summaryEvent" in event:
            self._summary(event["summaryEvent"])
        else:
            self._policy(event)

    def _policy(self, event: Event) -> None:
        """Show an event of a policy pack."""
        if "policyEvent" in event:
            self._policies.note(event["policyEvent"])
            if self._diff:
                for line, colour in diff_lines(event["policyEvent"]):
                    self._print(line, colour)
        elif "policyRemediationEvent" in event:
            self._policies.note_remediation(event["policyRemediationEvent"])
        elif "policyLoadEvent" in event and not self._loading:
            self._loading = True
            if not self._diff and not self._suppress_progress:
                self._print("Loading policy packs...: starting")
        elif "preludeEvent" in event and self._loading and not self._diff and not self._suppress_progress:
            self._print("Loading policy packs...: done\n")

    def _line(self, meta: dict[str, Any], text: str) -> None:
        prefix = PREFIX[meta["op"]]
        kind, name = urns.type_of(meta["urn"]), urns.name_of(meta["urn"])
        self._print(f" {prefix} {kind} {name} {text}", _COLOURS.get(prefix[0], ""))

    def _pre(self, meta: dict[str, Any]) -> None:
        urn, kind = meta["urn"], meta["op"]
        if meta["type"] == urns.STACK_TYPE:
            self._stack = meta
        if urns.is_default_provider(urn):
            return
        self._started[urn, kind] = time.monotonic()
        if self._diff:
            if kind not in {op.CREATE_REPLACEMENT, op.DELETE_REPLACED}:
                self._print_detail(meta)
            return
        if kind == op.SAME and not self._show_sames:
            return
        if self._suppress_progress or not any(_WORDS.get(kind, ("",))):
            return
        if kind == op.SAME:
            self._line(meta, "")
            return
        planned, running, _ = _WORDS[kind]
        text = f"{planned} " if self._preview else f"{running} (0s) "
        self._line(meta, text + self._changes(meta))

    def _changes(self, meta: dict[str, Any]) -> str:
        """The difference; an original that goes is shown with that of its replacement."""
        if meta["op"] != op.DELETE_REPLACED:
            self._diffs[meta["urn"]] = changes_of(meta)
        return self._diffs.get(meta["urn"], "")

    def _print_detail(self, meta: dict[str, Any]) -> None:
        if meta["op"] == op.SAME and meta["type"] != urns.STACK_TYPE and not self._show_sames:
            return
        for line in detail(meta, PREFIX[meta["op"]]):
            self._print(line, _COLOURS.get(line.strip()[:1], ""))

    def _done(self, meta: dict[str, Any]) -> None:
        urn, kind = meta["urn"], meta["op"]
        if meta["type"] == urns.STACK_TYPE:
            self._stack = {**self._stack, "new": meta["new"], "old": self._stack.get("old", meta["old"])}
        if self._diff or self._preview or self._suppress_progress or urns.is_default_provider(urn):
            return
        if kind == op.SAME or not any(_WORDS.get(kind, ("",))):
            if self._kind == "refresh":
                self._line(meta, " ")
            return
        took = time.monotonic() - self._started.get((urn, kind), time.monotonic())
        self._line(meta, f"{_WORDS[kind][2]} ({took:.2f}s) {self._changes(meta)}")

    def _failed(self, meta: dict[str, Any]) -> None:
        if not self._diff:
            self._line(meta, "**" + (_WORDS[meta["op"]][1] or meta["op"]) + " failed**")

    def _diagnostic(self, event: dict[str, Any]) -> None:
        message = event["message"].rstrip("\n")
        severity = event["severity"]
        if event.get("ephemeral") or not message:
            return
        if severity in {"error", "warning"}:
            message = f"{severity}: {message}"
        self._diagnostics.setdefault(event.get("urn", ""), []).append(message)

    def _summary(self, event: dict[str, Any]) -> None:
        self._print_stack()
        packs = event["PolicyPacks"]
        if packs and not self._diff:
            for line, colour in self._policies.lines(packs):
                self._print(line, colour)
        self._print_diagnostics()
        if not self._suppress_outputs and not self._diff:
            self._print_outputs()
        if self._diff or not self._policies.mandatory:  # what is refused has no counts to be proud of
            self._print_counts(event["resourceChanges"])
            if not self._preview:
                self._print(f"\nDuration: {event['durationSeconds']}s")
        if packs and self._diff:
            for line in run_lines(packs):
                self._print(line)
        self._print("")

    def _print_stack(self) -> None:
        """The stack's own line comes last, with its outputs known."""
        if not self._diff and self._stack and not self._preview and self._stack.get("op") == op.CREATE:
            started = self._started.get((self._stack["urn"], op.CREATE), time.monotonic())
            self._line(self._stack, f"created ({time.monotonic() - started:.2f}s) ")
        elif not self._diff and self._stack and self._preview and self._stack.get("op") == op.CREATE:
            self._line(self._stack, "create ")
        elif not self._diff and self._stack and self._stack.get("op") == op.SAME:
            self._line(self._stack, " ")

    def _print_diagnostics(self) -> None:
        if not self._diagnostics:
            return
        self._print("Diagnostics:")
        for urn, messages in self._diagnostics.items():
            title = f"{urns.type_of(urn)} ({urns.name_of(urn)})" if urn else self._stack_title()
            self._print(f"  {title}:")
            for message in messages:
                colour = (
                    "31" if message.startswith("error:") else "33" if message.startswith("warning:") else ""
                )
                for line in message.splitlines():
                    self._print(f"    {line}", colour)
            self._print("")

    def _stack_title(self) -> str:
        urn = self._stack.get("urn", "")
        return f"{urns.STACK_TYPE} ({urns.name_of(urn)})" if urn else urns.STACK_TYPE

    def _print_outputs(self) -> None:
        new = ((self._stack.get("new") or {}).get("outputs")) or {}
        old = ((self._stack.get("old") or {}).get("outputs")) or {}
        if self._kind == "destroy" or not (new or old):
            return
        created = self._stack.get("op") == op.CREATE
        if self._preview and not created and not _known_changes(old, new):
            return
        width = max(len(key) for key in [*new, *old])
        self._print("Outputs:")
        for key in sorted(new.keys() | old.keys()):
            label = key.ljust(width)
            if key not in new:
                self._print(f"  - {label}: {value_text(old[key])}", "31")
            elif key not in old:
                mark, colour = ("   ", "") if created else ("  +", "32")
                self._print(f"{mark} {label}: {value_text(new[key])}", colour)
            elif old[key] != new[key]:
                self._print(f"  ~ {label}: {value_text(old[key])} => {value_text(new[key])}", "33")
            else:
                self._print(f"    {label}: {value_text(new[key])}")
        self._print("")

    def _print_counts(self, changes: dict[str, int]) -> None:
        if not changes:
            return
        self._print("Resources:")
        total = 0
        for kind, (prefix, planned, done) in _SUMMARY.items():
            if count := changes.get(kind):
                total += count
                self._print(f"    {prefix}{count} {planned if self._preview else done}", _COLOURS[prefix[0]])
        same = changes.get(op.SAME, 0)
        if total and same:
            self._print(f"    {total} change{'s' if total > 1 else ''}. {same} unchanged")
        elif same:
            self._print(f"    {same} unchanged")


def _known_changes(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a preview knows that an output will be another."""
    return any(
        old.get(key) != new.get(key) and new.get(key) != UNKNOWN_STRING for key in old.keys() | new.keys()
    )


class Digest:
    """What `--json` prints of a preview: every step once, at the end."""

    def __init__(self) -> None:
        self._config: dict[str, str] = {}
        self._steps: list[dict[str, Any]] = []
        self._diagnostics: list[dict[str, Any]] = []
        self._changes: dict[str, int] = {}
        self._started = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if "preludeEvent" in event:
            self._config = event["preludeEvent"]["config"]
        elif "resourcePreEvent" in event:
            self._step(event["resourcePreEvent"]["metadata"])
        elif "summaryEvent" in event:
            self._changes = event["summaryEvent"]["resourceChanges"]
        elif "diagnosticEvent" in event:
            found = event["diagnosticEvent"]
            kept = ("urn", "prefix", "message", "severity")
            self._diagnostics.append({key: found[key] for key in kept if found.get(key)})

    def _step(self, meta: dict[str, Any]) -> None:
        kind = meta["op"]
        if urns.is_default_provider(meta["urn"]) or kind in {op.CREATE_REPLACEMENT, op.DELETE_REPLACED}:
            return
        if kind == op.SAME and meta["type"] != urns.STACK_TYPE:
            return
        step: dict[str, Any] = {"op": kind, "urn": meta["urn"]}
        if meta.get("provider"):
            step["provider"] = meta["provider"]
        for key, name in (("old", "oldState"), ("new", "newState")):
            if meta.get(key):
                step[name] = meta[key]["row"]
        if meta.get("keys"):
            step["replaceReasons"] = meta["keys"]
        if meta.get("diffs"):
            step["diffReasons"] = meta["diffs"]
        step["detailedDiff"] = meta.get("detailedDiff")
        self._steps.append(step)

    def text(self) -> str:
        """The JSON."""
        document: dict[str, Any] = {"config": self._config, "steps": self._steps}
        if self._diagnostics:
            document["diagnostics"] = self._diagnostics
        document["duration"] = int((time.monotonic() - self._started) * 1e9)
        document["changeSummary"] = self._changes
        return json.dumps(document, indent=4, ensure_ascii=False)
