"""Previews for tests, in the shape of ``pulumi preview --json``."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from ops.preview import comment, plan
from ops.preview.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORDED = Path(__file__).resolve().parents[1] / "conformance" / "cli"
OWN = Path(__file__).parent / "previews"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ROLES = {READER: "Reader"}
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def recorded(name: str) -> str:
    """What the official engine printed on standard output."""
    return json.dumps(json.loads((RECORDED / f"{name}.json").read_text())["stdout"])


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::mlops::{type_}::{name}"


def step(
    operation: str,
    name: str = "thing",
    *,
    type_: str = "azure-native:storage:StorageAccount",
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A step; ``old`` and ``new`` are its inputs, ``outputs`` those of before."""
    found: dict[str, Any] = {"op": operation, "urn": urn(type_, name), **more}
    if old is not None:
        found["oldState"] = {"custom": True, "inputs": old, "outputs": outputs or old}
    if new is not None:
        found["newState"] = {"custom": True, "inputs": new}
    return found


def preview(*steps: dict[str, Any], **more: Any) -> str:
    """The JSON of a preview with these steps."""
    return json.dumps({"steps": list(steps), "duration": 1, **more})


def markdown(text: str, *, events: str = "", limit: int = comment.LIMIT, title: str = "") -> str:
    """The comment that a preview's JSON becomes."""
    seen = plan.read(text, source="preview.json", events=events)
    return comment.render(seen, redactor(seen), ROLES, limit=limit, title=title)


def redactor(seen: plan.Plan) -> Redactor:
    return Redactor.of(
        state.get(part)
        for resource in seen.resources
        for state in (resource.old, resource.new)
        for part in ("inputs", "outputs")
    )


#: What a comment is made of; anything else came out of a value.
HARMLESS = frozenset(
    ["details", "summary", "b", "code", "pre", "h3", "h4", "p", "ul", "li", "strong", "blockquote"]
)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.prose: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs or (tag, attrs) == ("code", [("class", "language-diff")]), (tag, attrs)
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" not in self.open:
            self.prose.append(data)


def _read(text: str) -> _Reader:
    """The comment as a browser has it, every element closed."""
    reader = _Reader()
    reader.feed(MarkdownIt("commonmark").render(text))
    reader.close()
    assert not reader.open, f"{reader.open} are not closed"
    return reader


def elements(text: str) -> set[str]:
    """The HTML elements that a comment's Markdown becomes."""
    return _read(text).seen


def said(text: str) -> list[str]:
    """The running text of a comment: what a forge looks for mentions and links in."""
    return _read(text).prose
