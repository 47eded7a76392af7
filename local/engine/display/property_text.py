"""Properties and their differences as text, the way `--diff` prints them; pure.

As the official engine's `propertyPrinter` (pkg/backend/display/object_diff.go): every line is indented by its depth, a
changed one has its mark in the two columns before its text, keys are padded to the longest of them.

A little over 400 lines: one printer, whose methods call each other for values within values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.engine.display import colour
from local.engine.display.asset_text import archive_diff, is_a, write_archive, write_asset
from local.engine.display.embedded_text import decoded
from local.engine.display.property_diff import (
    ObjectDiff,
    ValueDiff,
    equal,
    is_internal,
    is_object,
    value_diff,
)
from local.engine.display.quoting import escaped, number, quoted
from local.engine.display.text_diff import characters, line_chunks
from local.engine.display.wording import WORDS
from local.engine.property_value import ARCHIVE, ASSET, RESOURCE, SIGNATURE, UNKNOWN_STRING, Secret, Unknown
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Title = Callable[["Printer"], None]

_LINES, _LINE_LENGTH = 3, 150  # what is left of a long string


@dataclass(frozen=True)
class Printer:
    """Writes properties; `indented`, `marked` and so on give one that writes otherwise to the same text."""

    parts: list[str]
    indent: int
    operation: str = op.SAME
    prefix: bool = False
    planning: bool = False
    summary: bool = False  # only what differs
    truncate: bool = True

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(self.parts)

    def indented(self, by: int = 1) -> Printer:
        """A printer further in."""
        return replace(self, indent=self.indent + by)

    def marked(self, operation: str, *, prefix: bool = True) -> Printer:
        """A printer that colours, and marks, its lines as an operation's."""
        return replace(self, operation=operation, prefix=prefix)

    def write(self, text: str) -> None:
        """A text in the operation's colour."""
        self.parts.append(WORDS[self.operation].colour + text + colour.RESET)

    def line(self, text: str, *, prefix: bool = False) -> None:
        """A text that begins where lines of this depth do."""
        self.write(indentation(self.indent, self.operation if prefix else "") + text)

    def title(self, name: str, width: int) -> None:
        """A property's name."""
        if self.truncate:
            name = shortened(name)
        self.line(name.ljust(width) + ": ", prefix=self.prefix)

    # -- values

    def object(self, properties: dict[str, Any]) -> None:
        """All properties, one after another."""
        width = _width(properties)
        for key in sorted(properties):
            if not is_internal(key):
                self.title(key, width)
                self.value(properties[key])

    def value(self, value: Any) -> None:
        """A value and the end of its line."""
        self._value(value)
        self.write("\n")

    def _value(self, value: Any) -> None:
        if isinstance(value, list):
            self._list(value)
        elif not isinstance(value, dict):
            self.primitive(value)
        elif value.get(SIGNATURE) == ASSET:
            write_asset(self, value)
        elif value.get(SIGNATURE) == ARCHIVE:
            write_archive(self, value)
        elif value.get(SIGNATURE) == RESOURCE:
            self._reference(value)
        elif not value:
            self.write("{}")
        else:
            self.write("{\n")
            self.indented().object(value)
            self.line("}")

    def _list(self, values: list[Any]) -> None:
        if not values:
            self.write("[]")
            return
        self.write("[\n")
        for index, item in enumerate(values):
            self.line(f"    [{index}]: ", prefix=self.prefix)
            self.indented().value(item)
        self.line("]")

    def _reference(self, value: dict[str, Any]) -> None:
        self.write("{\n")
        inner = self.indented()
        inner.title("URN", 3)
        inner.write(quoted(str(value.get("urn", ""))) + "\n")
        inner.title("ID", 3)
        inner.value(value.get("id"))
        inner.title("PackageVersion", 3)
        inner.write(quoted(str(value.get("packageVersion", ""))) + "\n")
        self.line("}")

    def primitive(self, value: Any) -> None:
        """A value that has no parts."""
        if value is None:
            self.write("<null>")
        elif isinstance(value, bool):
            self.write("true" if value else "false")
        elif isinstance(value, (int, float)):
            self.write(number(value))
        # A refresh that runs the program stores outputs that it couldn't know.
        elif isinstance(value, Unknown) or value == UNKNOWN_STRING:
            self.write("[unknown]")
        elif isinstance(value, Secret):
            self.write("[secret]")
        elif (found := decoded(str(value))) is not None:
            self.write(f"({found[1]}) ")
            self.value(found[0])
        else:
            self.write(quoted(shortened(value) if self.truncate else value))

    # -- differences

    def hidden(self, paths: list[str]) -> None:
        """The paths whose differences aren't shown."""
        for path in paths:
            self.marked(op.UPDATE).line(f"{path} (hidden)\n", prefix=True)

    def diff(self, diff: ObjectDiff, only: Collection[str] | None = None) -> None:
        """How an object differs, property by property."""
        keys = [key for key in diff.keys if only is None or key in only]
        width = _width(keys)
        for key in keys:
            self.property_diff(key, width, diff)

    def property_diff(self, key: str, width: int, diff: ObjectDiff) -> None:
        """How one property differs, if it does."""

        def title(printer: Printer) -> None:
            printer.title(key, width)

        if key in diff.adds:
            self.added(diff.adds[key], title)
        elif key in diff.deletes:
            self.deleted(diff.deletes[key], title)
        elif key in diff.updates:
            self.value_diff(title, diff.updates[key])
        elif not self.summary and shows(diff.sames.get(key)):
            same = self.marked(op.SAME, prefix=False)
            same.title(key, width)
            same.value(diff.sames[key])

    def value_diff(self, title: Title, diff: ValueDiff) -> None:
        """How one value differs."""
        printer = self.marked(op.UPDATE)
        if diff.array is not None:
            title(printer)
            printer.write("[\n")
            printer._list_diff(diff.array)  # noqa: SLF001 - its own
            printer.line("]\n")
        elif diff.object is not None:
            title(printer)
            printer.write("{\n")
            printer.indented().diff(diff.object)
            printer.line("}\n")
        else:
            printer._changed(title, diff.old, diff.new)  # noqa: SLF001

    def _list_diff(self, diff: ObjectDiff) -> None:
        for index in diff.keys:
            inner = self.indented(2)

            def title(printer: Printer, index: int = index) -> None:
                printer.indented(-1).line(f"[{index}]: ", prefix=printer.prefix)

            if index in diff.adds:
                inner.added(diff.adds[index], title)
            elif index in diff.deletes:
                inner.deleted(diff.deletes[index], title)
            elif index in diff.updates:
                inner.value_diff(title, diff.updates[index])
            elif not self.summary:
                same = inner.marked(op.SAME, prefix=False)
                title(same)
                same.value(diff.sames[index])

    def _changed(self, title: Title, old: Any, new: Any) -> None:
        if shows(old) and shows(new):
            if is_a(old, ARCHIVE) and is_a(new, ARCHIVE):
                archive_diff(self, title, old, new)
                return
            if _primitive(old) and _primitive(new):
                title(self)
                if isinstance(old, str) and isinstance(new, str):
                    self.text_diff(old, new)
                    return
                self.marked(op.DELETE).primitive(old)
                self.write(" => ")
                self.marked(op.CREATE).primitive(new)
                self.write("\n")
                return
        if shows(old):
            self.deleted(old, title)
        if shows(new):
            self.added(new, title)

    def added(self, value: Any, title: Title) -> None:
        """A value that is new."""
        printer = self.marked(op.CREATE)
        title(printer)
        printer.value(value)

    def deleted(self, value: Any, title: Title) -> None:
        """A value that is gone."""
        printer = self.marked(op.DELETE)
        title(printer)
        printer.value(value)

    # -- texts

    def text_diff(self, old: str, new: str) -> None:
        """How a string differs: by what it holds, by characters or by lines."""
        if self._embedded_diff(old, new):
            return
        if "\n" in old or "\n" in new:
            self.write("\n")
            inner = self.indented()
            for kind, text in line_chunks(old, new):
                marked = inner.marked(kind, prefix=kind in {op.CREATE, op.DELETE})
                if self.truncate:
                    text = shortened(text)  # noqa: PLW2901
                marked.line(text, prefix=marked.prefix)
                if not text.endswith("\n"):
                    inner.parts.append("\n")
            return
        pieces = characters(old, new)
        for skipped in (op.CREATE, op.DELETE):
            self.write('"')
            for kind, text in pieces:
                if kind != skipped:
                    self.marked(kind).write(escaped(text))
            self.write('"' if skipped == op.CREATE else '"\n')
            if skipped == op.CREATE:
                self.write(" => ")

    def _embedded_diff(self, old: str, new: str) -> bool:
        before, after = decoded(old), decoded(new)
        if before is None or after is None:
            return False
        if equal(before[0], after[0]):
            self.text_diff(quoted(old), quoted(new))
            return True
        self.write(f"({before[1]}) " if before[1] == after[1] else f"({before[1]} => {after[1]}) ")
        diff = value_diff(before[0], after[0], _ignore_internal)
        if diff is None:
            self.marked(op.SAME).value(before[0])
        else:
            self.value_diff(lambda _: None, diff)
        return True


def indentation(depth: int, operation: str = "") -> str:
    """The columns before a line; with an operation, its mark is in the last two."""
    spaces = "    " * depth
    return spaces[:-2] + WORDS[operation].mark if operation and spaces else spaces


def shows(value: Any) -> bool:
    """Whether a value is worth a line: what is empty isn't."""
    return value is not None and value not in ("", [], {})


def shortened(text: str) -> str:
    """A string cut to three lines of 150 characters."""
    lines = text.split("\n")
    kept = [line[:_LINE_LENGTH] + "..." if len(line) > _LINE_LENGTH else line for line in lines[:_LINES]]
    return "\n".join(kept) + ("\n..." if len(lines) > _LINES else "")


def _ignore_internal(path: list[str | int]) -> bool:
    return isinstance(path[-1], str) and is_internal(path[-1])


def _width(keys: Collection[str]) -> int:
    return max((len(key) for key in keys), default=0)


def _primitive(value: Any) -> bool:
    return not isinstance(value, (dict, list))


__all__ = ["Printer", "indentation", "is_object", "shows"]
