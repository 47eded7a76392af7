"""Properties and their differences as text, the way `--diff` prints them; pure.

As the official engine's `propertyPrinter` (pkg/backend/display/object_diff.go): every line is indented by its depth, a
changed one has its mark in the two columns before its text, keys are padded to the longest of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.engine.display import colour
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
from local.engine.property_value import ARCHIVE, ASSET, RESOURCE, SIGNATURE, Secret, Unknown
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
            self._asset(value)
        elif value.get(SIGNATURE) == ARCHIVE:
            self._archive(value)
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
        elif isinstance(value, Unknown):
            self.write("[unknown]")
        elif isinstance(value, Secret):
            self.write("[secret]")
        elif (found := decoded(str(value))) is not None:
            self.write(f"({found[1]}) ")
            self.value(found[0])
        else:
            self.write(quoted(shortened(value) if self.truncate else value))

    # -- assets

    def _asset(self, asset: dict[str, Any]) -> None:
        short = _hash(asset)
        if "text" in asset:
            self.write(f"asset(text:{short}) {{\n")
            for line in str(asset["text"]).split("\n"):
                self.line(f"    {line}\n")
            self.line("}")
        elif "path" in asset:
            self.write(f"asset(file:{short}) {{ {asset['path']} }}")
        elif "uri" in asset:
            self.write(f"asset(uri:{short}) {{ {asset['uri']} }}")
        else:
            self.write(f"asset(unknown:{short}) {{ }}")

    def _archive(self, archive: dict[str, Any]) -> None:
        short = _hash(archive)
        if isinstance(archive.get("assets"), dict):
            self.write(f"archive(assets:{short}) {{\n")
            for name, asset in sorted(archive["assets"].items()):
                self.line(f'    "{name}": ', prefix=self.prefix)
                self.indented().value(asset)
            self.line("}")
        elif "path" in archive:
            self.write(f"archive(file:{short}) {{ {archive['path']} }}")
        elif "uri" in archive:
            self.write(f"archive(uri:{short}) {{ {archive['uri']} }}")
        else:
            self.write(f"archive({short}) {{ }}")

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
            self._added(diff.adds[key], title)
        elif key in diff.deletes:
            self._deleted(diff.deletes[key], title)
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
                inner._added(diff.adds[index], title)  # noqa: SLF001
            elif index in diff.deletes:
                inner._deleted(diff.deletes[index], title)  # noqa: SLF001
            elif index in diff.updates:
                inner.value_diff(title, diff.updates[index])
            elif not self.summary:
                same = inner.marked(op.SAME, prefix=False)
                title(same)
                same.value(diff.sames[index])

    def _changed(self, title: Title, old: Any, new: Any) -> None:
        if shows(old) and shows(new):
            if _is(old, ARCHIVE) and _is(new, ARCHIVE):
                self._archive_diff(title, old, new)
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
            self._deleted(old, title)
        if shows(new):
            self._added(new, title)

    def _added(self, value: Any, title: Title) -> None:
        printer = self.marked(op.CREATE)
        title(printer)
        printer.value(value)

    def _deleted(self, value: Any, title: Title) -> None:
        printer = self.marked(op.DELETE)
        title(printer)
        printer.value(value)

    def _archive_diff(self, title: Title, old: dict[str, Any], new: dict[str, Any]) -> None:
        hashes = _change(_hash(old), _hash(new))
        for key, word in (("path", "file"), ("uri", "uri")):
            if key in old and key in new:
                title(self)
                self.write(f"archive({word}:{hashes}) {{ {_change(old[key], new[key])} }}\n")
                return
        if "assets" in old and "assets" in new:
            title(self)
            self.write(f"archive(assets:{hashes}) {{\n")
            self.indented()._assets_diff(old["assets"], new["assets"])  # noqa: SLF001
            self.line("}\n")
            return
        self._deleted(old, title)
        self._added(new, title)

    def _assets_diff(self, olds: dict[str, Any], news: dict[str, Any]) -> None:
        width = _width([f'"{name}"' for name in [*olds, *news]])
        for name in sorted({*olds, *news}):

            def title(printer: Printer, name: str = name) -> None:
                printer.title(f'"{name}"', width)

            old, new = olds.get(name), news.get(name)
            if new is None:
                self.indented()._deleted(old, title)  # noqa: SLF001
            elif old is None:
                self.indented()._added(new, title)  # noqa: SLF001
            elif _is(old, ASSET) != _is(new, ASSET):
                self._deleted(old, title)
                self._added(new, title)
            elif old.get("hash") != new.get("hash"):
                diff = self.marked(op.UPDATE)._asset_diff if _is(old, ASSET) else self._archive_diff  # noqa: SLF001
                diff(title, old, new)

    def _asset_diff(self, title: Title, old: dict[str, Any], new: dict[str, Any]) -> None:
        hashes = _change(_hash(old), _hash(new))
        if "text" in old and "text" in new:
            title(self)
            self.write(f"asset(text:{hashes}) {{")
            self.indented().text_diff(str(old["text"]), str(new["text"]))
            self.line("}\n")
            return
        for key, word in (("path", "file"), ("uri", "uri")):
            if key in old and key in new:
                title(self)
                self.write(f"asset({word}:{hashes}) {{ {_change(old[key], new[key])} }}\n")
                return
        self._deleted(old, title)
        self._added(new, title)

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


def _hash(value: dict[str, Any]) -> str:
    return str(value.get("hash", ""))[:7]


def _change(old: Any, new: Any) -> str:
    return str(old) if old == new else f"{old}->{new}"


def _is(value: Any, signature: str) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) == signature


def _primitive(value: Any) -> bool:
    return not isinstance(value, (dict, list))


__all__ = ["Printer", "indentation", "is_object", "shows"]
