"""A plan as one Markdown comment: the gravest first, details folded, never longer than a forge takes; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ops.preview import markdown
from ops.preview.difference import changes
from ops.preview.importance import END, NAME, Headline, count_of, headlines, rank
from ops.preview.property_line import cut, property_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ops.preview.plan import Message, Plan, Resource, Violation
    from ops.preview.redaction import Redactor

#: GitHub's limit on a comment, in characters; counted in bytes, which are never fewer.
LIMIT: Final = 65_536
#: For the sentence that says what was left out.
_RESERVE = 500
_LONGEST_TEXT = 500
_MARKS = {"create": "+", "update": "~", "delete": "-", "replace": "±", "import": "="}
_TO = {
    "replace": "to replace",
    "delete": "to delete",
    "update": "to change",
    "create": "to create",
    "import": "to import",
    "read": "to read",
    "refresh": "to refresh",
    "discard": "to forget",
}
_QUIET = frozenset({"create", "import", "read", "refresh"})


@dataclass(frozen=True)
class _Entry:
    """Something the comment says, in short and in full."""

    importance: tuple[int, int]
    short: str
    full: str
    what: str  #: what is missing without it


@dataclass
class _Section:
    """A heading, or a fold, around entries."""

    before: str
    after: str = ""
    entries: list[_Entry] = field(default_factory=list[_Entry])


def marker(stack: str) -> str:
    """What tells the comment about a stack from all others, so that it is updated in place. Invisible."""
    return f"<!-- mlops-preview:{re.sub(r'[^A-Za-z0-9_./-]', '_', stack)} -->"


def render(
    plan: Plan, redactor: Redactor, roles: Mapping[str, str], *, title: str = "", limit: int = LIMIT
) -> str:
    """The comment. ``roles`` are the names of Azure's roles by id; ``limit`` is in bytes."""
    sections = _sections(plan, redactor, headlines(plan, redactor, roles))
    head = _head(plan, redactor, title)
    room = limit - _size(head) - _RESERVE
    shown = _choose(sections, room)
    lines = [head]
    for section in sections:
        kept = [shown[id(entry)] for entry in section.entries if id(entry) in shown]
        if kept:
            lines += [section.before, *kept, "", *([section.after, ""] if section.after else [])]
    if statement := _left_out(sections, shown, plan.stack):
        lines += [statement, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def failed(stack: str, reason: str, *, title: str = "") -> str:
    """The comment about a preview that came to nothing. ``reason`` has no secrets."""
    name = stack.rsplit("/", 1)[-1]
    said = markdown.words(cut(title, 200)) or f"Preview of stack {markdown.code(name)}"
    return f"{marker(name)}\n### {said}\n\n> [!WARNING]\n> {markdown.prose(cut(reason, 1000))}\n"


def _choose(sections: Sequence[_Section], room: int) -> dict[int, str]:
    """Entry → its text, as much as there is room for: first everything in short, then in full, the gravest first."""
    shown: dict[int, str] = {}
    opened: set[int] = set()
    pairs = [(section, entry) for section in sections for entry in section.entries]
    pairs.sort(key=lambda pair: pair[1].importance)
    for section, entry in pairs:
        frame = 0 if id(section) in opened else _size(section.before) + _size(section.after) + 4
        cost = _size(entry.short) + 1 + frame
        if cost <= room:
            room -= cost
            opened.add(id(section))
            shown[id(entry)] = entry.short
    for _, entry in pairs:
        cost = _size(entry.full) - _size(entry.short)
        if id(entry) in shown and cost <= room:
            room -= cost
            shown[id(entry)] = entry.full
    return shown


def _left_out(sections: Sequence[_Section], shown: Mapping[int, str], stack: str) -> str:
    entries = [entry for section in sections for entry in section.entries]
    missing = [entry.what for entry in entries if id(entry) not in shown]
    details = sum(1 for entry in entries if id(entry) in shown and shown[id(entry)] != entry.full)
    parts = [f"{missing.count(what)} {what}" for what in dict.fromkeys(missing)]
    if details:
        parts.append(f"the properties of {details} resources")
    if not parts:
        return ""
    return (
        f"**Left out, as a comment has room for {LIMIT:,} characters:** {', '.join(parts)}. "
        f"{markdown.code(f'pulumi preview --diff -s {stack}'[:80])} shows them."
    )


def _head(plan: Plan, redactor: Redactor, title: str) -> str:
    name = (
        f"Preview of stack {markdown.code(cut(redactor.text(plan.stack), 100))}" if plan.stack else "Preview"
    )
    said = markdown.words(cut(redactor.text(title), 200)) if title else name
    counts = {name: count for name, count in plan.counts.items() if name != "same" and count}
    if not counts:
        counts = count_of(plan.resources)
    same = plan.counts.get("same", 0)
    order = [name for name in _TO if name in counts] + [name for name in sorted(counts) if name not in _TO]
    parts = [f"**{counts[name]} {_TO.get(name, name)}**" for name in order]
    if same:
        parts.append(f"{same} unchanged")
    summary = " · ".join(parts) if order else f"**No changes.** {same} resources stay as they are."
    lines = [marker(plan.stack), f"### {said}", "", summary, ""]
    stopping = [violation.policy for violation in plan.violations if violation.mandatory]
    if stopping:
        count = len(set(stopping))
        broken = "1 mandatory policy is broken" if count == 1 else f"{count} mandatory policies are broken"
        times = f" ({len(stopping)} times)" if len(stopping) > count else ""
        lines += ["> [!CAUTION]", f"> {broken}{times}: the update would be refused.", ""]
    return "\n".join(lines)


def _sections(plan: Plan, redactor: Redactor, first: Sequence[Headline]) -> list[_Section]:
    advice = sum(1 for violation in plan.violations if not violation.mandatory)
    found = [
        _Section("#### Look at these first\n"),
        _Section("#### Policies\n"),
        _fold(f"Policies: {advice} broken that don't stop the update"),
    ]
    found[0].entries += [
        _plain(
            f"- **{headline.concern}** — {_set(_without(headline))}",
            (0, index),
            "of the lines above",
        )
        for index, headline in enumerate(first)
    ]
    for index, violation in enumerate(plan.violations):
        found[1 if violation.mandatory else 2].entries.append(_violation(violation, redactor, index))
    groups: dict[str, list[Resource]] = {}
    for resource in plan.resources:
        groups.setdefault(_component(resource), []).append(resource)
    position = 0
    for urn, members in sorted(groups.items(), key=lambda group: (min(map(rank, group[1])), group[0])):
        section = _component_section(urn, members, redactor)
        for resource in sorted(members, key=lambda member: (rank(member), member.name)):
            section.entries.append(_resource(resource, redactor, (1 + rank(resource), position)))
            position += 1
        found.append(section)
    messages = _Section("#### Messages\n")
    outlooks = {resource.inputs("new").get("outlook") for resource in plan.resources}
    messages.entries += [
        _message(message, redactor, index)
        for index, message in enumerate(plan.messages)
        if message.text and message.text not in outlooks  # the model's sentence says it already
    ]
    return [*found, messages]


def _without(headline: Headline) -> str:
    """The sentence, without the word that the list already starts with."""
    return headline.text.removeprefix(f"{headline.concern} ").removeprefix(f"{headline.concern}: ")


def _set(sentence: str) -> str:
    """A sentence as Markdown, the names in it as code."""
    shown = sentence.replace("`", "'").replace(NAME, "`").replace(END, "`")
    return markdown.prose(cut(shown, _LONGEST_TEXT))


def _component(resource: Resource) -> str:
    """Where it belongs: its component, or itself if it is one."""
    return (
        resource.urn
        if resource.new.get("custom") is False or resource.old.get("custom") is False
        else resource.parent
    )


def _component_section(urn: str, members: Sequence[Resource], redactor: Redactor) -> _Section:
    counts = count_of(members)
    summary = ", ".join(f"{count} {_TO.get(operation, operation)}" for operation, count in counts.items())
    name = "the stack itself"
    if urn:
        kind = urn.split("::", 3)[2].rsplit(":", 1)[-1]
        name = (
            f"{markdown.tag('b', redactor.text(urn.split('::', 3)[3]))} {markdown.words(redactor.text(kind))}"
        )
    if counts.keys() <= _QUIET and len(members) > 1:
        return _fold(f"{name}: {summary}")
    return _Section(f"#### {name}: {summary}\n")


def _fold(summary: str) -> _Section:
    before, after = "\n".join(markdown.folded(summary, ["\0"])).split("\0")
    return _Section(before.rstrip("\n") + "\n", after.strip("\n"))


def _plain(text: str, importance: tuple[int, int], what: str) -> _Entry:
    return _Entry(importance, text, text, what)


def _violation(violation: Violation, redactor: Redactor, index: int) -> _Entry:
    where = f" on {_name(violation.urn, redactor)}" if violation.urn else ""
    text = markdown.prose(cut(redactor.text(violation.text), _LONGEST_TEXT))
    return _plain(
        f"- **{markdown.words(violation.level)}** {markdown.code(redactor.text(violation.policy))}{where}: {text}",
        (0 if violation.mandatory else 9, index),
        "broken policies",
    )


def _message(message: Message, redactor: Redactor, index: int) -> _Entry:
    where = f"{_name(message.urn, redactor)}: " if message.urn else ""
    text = markdown.prose(cut(redactor.text(message.text), _LONGEST_TEXT))
    grave = 0 if message.severity == "error" else 9 if message.severity == "warning" else 10
    return _plain(f"- {markdown.words(message.severity)}: {where}{text}", (grave, index), "messages")


def _resource(resource: Resource, redactor: Redactor, importance: tuple[int, int]) -> _Entry:
    mark = _MARKS.get(resource.operation, "·")
    head = f"<code>{mark}</code> {markdown.tag('b', cut(redactor.text(resource.name), 200))} {markdown.words(resource.kind)}"
    if resource.operation == "replace" and resource.replaced_for:
        reasons = [cut(redactor.text(reason), 80) for reason in sorted(set(resource.replaced_for))][:8]
        head += f", replaced for {', '.join(markdown.tag('code', reason) for reason in reasons)}"
    if resource.protected and resource.operation in ("delete", "replace"):
        head += ", protected"
    found = changes(resource, redactor)
    short = f"- {head}"
    lines = property_lines(found)
    full = "\n".join(markdown.folded(head, markdown.block(lines, "diff"))) if lines else short
    what = f"resources {_TO.get(resource.operation, resource.operation)}"
    return _Entry(importance, short, full, what)


def _name(urn: str, redactor: Redactor) -> str:
    return markdown.code(cut(redactor.text(urn.rsplit("::", 1)[-1]), 200))


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
