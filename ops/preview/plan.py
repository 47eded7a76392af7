"""What ``pulumi preview --json`` says, parsed once into frozen values; pure.

Source of the shape: ``PreviewDigest`` of Pulumi's ``pkg/display``, and recorded answers (``tests/conformance/cli``). Policy
violations aren't in it ("we don't handle policy events in JSON serialization"): they come from the engine's event log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ops.failure import Failure
from ops.preview.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STACK_TYPE: Final = "pulumi:pulumi:Stack"
#: Steps that a replacement consists of; the replacement itself is a step, too.
_PARTS = frozenset({"create-replacement", "delete-replaced", "discard-replaced", "remove-pending-replace"})
#: What the engine calls a step → what people call it.
_OPERATIONS = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "import": "import",
    "import-replacement": "replace",
    "read": "read",
    "read-replacement": "read",
    "refresh": "refresh",
    "discard": "discard",
}


@dataclass(frozen=True)
class Resource:
    """A resource in a preview, with all that the engine said of it. Secrets are still in it, as the file had them."""

    operation: str
    urn: str
    old: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)  #: its state entry
    new: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    replaced_for: tuple[str, ...] = ()
    #: property path → add, update or delete, maybe with ``-replace``; empty where the provider doesn't say
    detailed: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def type(self) -> str:
        """Its type token."""
        return self.urn.split("::", 3)[2].rsplit("$", 1)[-1]

    @property
    def kind(self) -> str:
        """The last word of its type, such as ``StorageAccount``."""
        return self.type.rsplit(":", 1)[-1]

    @property
    def name(self) -> str:
        """Its logical name."""
        return self.urn.split("::", 3)[3]

    @property
    def parent(self) -> str:
        """The URN of the component it belongs to; empty for the stack itself."""
        found = str(self.new.get("parent") or self.old.get("parent") or "")
        return "" if found.split("::", 3)[2:3] == [STACK_TYPE] else found

    @property
    def protected(self) -> bool:
        """Whether the engine would refuse to delete it."""
        return bool(self.old.get("protect"))

    def inputs(self, which: str) -> Mapping[str, Any]:
        """Its inputs, ``old`` or ``new``."""
        found = (self.old if which == "old" else self.new).get("inputs")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Message:
    """What the program, a provider or the engine said."""

    severity: str
    text: str
    urn: str = ""


@dataclass(frozen=True)
class Violation:
    """A policy that a resource breaks."""

    policy: str
    level: str  #: advisory, mandatory, …
    text: str
    urn: str = ""

    @property
    def mandatory(self) -> bool:
        """Whether it stops the update."""
        return self.level == "mandatory"


@dataclass(frozen=True)
class Plan:
    """A preview: what would happen to a stack."""

    stack: str
    resources: tuple[Resource, ...]
    counts: Mapping[str, int]  #: operation → how many resources, ``same`` included
    messages: tuple[Message, ...] = ()
    violations: tuple[Violation, ...] = ()


def read(text: str, *, source: str, events: str = "") -> Plan:
    """The plan that a preview's JSON describes.

    Args:
        text: what ``pulumi preview --json`` printed on standard output.
        source: what to call it in errors.
        events: the engine's event log (a JSON document per line), for policy violations.

    Raises:
        Failure: it isn't a preview, or it is one that failed; exit code 2.
    """
    document = _document(text, source)
    messages = tuple(
        Message(
            str(item.get("severity", "info")),
            f"{item.get('prefix', '')}{item.get('message', '')}".strip(),
            str(item.get("urn", "")),
        )
        for item in _mappings(document.get("diagnostics"))
    )
    violations = tuple(_violations(events))
    errors = [message.text for message in messages if message.severity == "error" and message.text]
    if errors and not any(violation.mandatory for violation in violations):
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Failure(
            f"{source}: the preview failed, so nobody knows what would change: {_line(errors[0])}{more}; "
            "mend that and preview again",
            code=2,
        )
    steps = [step for step in _mappings(document.get("steps")) if step.get("urn")]
    resources = tuple(
        found for step in steps if (found := _resource(step)) is not None and found.type != STACK_TYPE
    )
    summary: dict[str, Any] = document.get("changeSummary") or {}
    counts = {
        _OPERATIONS.get(name, name): int(count)
        for name, count in summary.items()
        if name not in _PARTS and isinstance(count, int | float)
    }
    return Plan(_stack(steps), resources, counts, messages, violations)


def _document(text: str, source: str) -> dict[str, Any]:
    write = "give it what `pulumi preview --json` printed on standard output"
    if not text.strip():
        raise Failure(
            f"{source}: is empty, so the preview that should have written it failed; see its log, or {write}",
            code=2,
        )
    try:
        document = json.loads(text)
    except ValueError as error:
        where = "ends in the middle" if _is_cut(text) else f"isn't one JSON document ({error})"
        raise Failure(f"{source}: {where}, so it says nothing reliable; {write}", code=2) from None
    known = {"steps", "changeSummary", "duration"}
    if not isinstance(document, dict) or not (known & document.keys() or document.get("diagnostics")):
        raise Failure(f"{source}: is JSON, but not that of a preview; {write}", code=2)
    if not isinstance(document.get("changeSummary") or {}, dict):
        raise Failure(f"{source}: its changeSummary isn't a mapping; {write}", code=2)
    return document


def _is_cut(text: str) -> bool:
    stripped = text.strip()
    return stripped.startswith("{") and not stripped.endswith("}")


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _resource(step: Mapping[str, Any]) -> Resource | None:
    operation = str(step.get("op", ""))
    if operation == "same" or operation in _PARTS or str(step["urn"]).count("::") < 3:
        return None
    detailed = step.get("detailedDiff")
    return Resource(
        operation=_OPERATIONS.get(operation, operation),
        urn=str(step["urn"]),
        old=step.get("oldState") or {},
        new=step.get("newState") or {},
        replaced_for=tuple(map(str, step.get("replaceReasons") or ())),
        detailed={
            str(path): str(entry.get("diffKind") or entry.get("kind") or "update")
            for path, entry in (detailed if isinstance(detailed, dict) else {}).items()
            if isinstance(entry, dict)
        },
    )


def _stack(steps: Iterable[Mapping[str, Any]]) -> str:
    """The stack's name, which is part of each URN."""
    for step in steps:
        parts = str(step["urn"]).split("::", 1)[0].split(":")
        if len(parts) == 3:
            return parts[2]
    return ""


def _violations(events: str) -> Iterable[Violation]:
    for line in events.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the last line of a log that is still written, or was cut
        found = event.get("policyEvent") if isinstance(event, dict) else None
        if not isinstance(found, dict):
            continue
        level = str(found.get("enforcementLevel", ""))
        yield Violation(
            policy=str(found.get("policyName", "")),
            level="advisory" if level == "warning" else level,
            text=str(found.get("message", "")).strip(),
            urn=str(found.get("resourceUrn", "")),
        )


def _line(text: str) -> str:
    """A message on one line, without what looks like a credential."""
    return " ".join(Redactor().text(text).split())[:600]
