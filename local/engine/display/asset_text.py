"""Assets and archives, and how they differ, as text; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.engine.property_value import ASSET, SIGNATURE
from local.engine.steps import step as op

if TYPE_CHECKING:
    from local.engine.display.property_text import Printer, Title


def write_asset(printer: Printer, asset: dict[str, Any]) -> None:
    """An asset: its text line by line, or where it is."""
    short = _hash(asset)
    if "text" in asset:
        printer.write(f"asset(text:{short}) {{\n")
        for line in str(asset["text"]).split("\n"):
            printer.line(f"    {line}\n")
        printer.line("}")
    elif "path" in asset:
        printer.write(f"asset(file:{short}) {{ {asset['path']} }}")
    elif "uri" in asset:
        printer.write(f"asset(uri:{short}) {{ {asset['uri']} }}")
    else:
        printer.write(f"asset(unknown:{short}) {{ }}")


def write_archive(printer: Printer, archive: dict[str, Any]) -> None:
    """An archive: what is in it, or where it is."""
    short = _hash(archive)
    if isinstance(archive.get("assets"), dict):
        printer.write(f"archive(assets:{short}) {{\n")
        for name, asset in sorted(archive["assets"].items()):
            printer.line(f'    "{name}": ', prefix=printer.prefix)
            printer.indented().value(asset)
        printer.line("}")
    elif "path" in archive:
        printer.write(f"archive(file:{short}) {{ {archive['path']} }}")
    elif "uri" in archive:
        printer.write(f"archive(uri:{short}) {{ {archive['uri']} }}")
    else:
        printer.write(f"archive({short}) {{ }}")


def archive_diff(printer: Printer, title: Title, old: dict[str, Any], new: dict[str, Any]) -> None:
    """How an archive differs."""
    hashes = _change(_hash(old), _hash(new))
    for key, word in (("path", "file"), ("uri", "uri")):
        if key in old and key in new:
            title(printer)
            printer.write(f"archive({word}:{hashes}) {{ {_change(old[key], new[key])} }}\n")
            return
    if "assets" in old and "assets" in new:
        title(printer)
        printer.write(f"archive(assets:{hashes}) {{\n")
        _assets_diff(printer.indented(), old["assets"], new["assets"])
        printer.line("}\n")
        return
    printer.deleted(old, title)
    printer.added(new, title)


def _assets_diff(printer: Printer, olds: dict[str, Any], news: dict[str, Any]) -> None:
    width = max((len(name) + 2 for name in [*olds, *news]), default=0)
    for name in sorted({*olds, *news}):

        def title(inner: Printer, name: str = name) -> None:
            inner.title(f'"{name}"', width)

        old, new = olds.get(name), news.get(name)
        if new is None:
            printer.indented().deleted(old, title)
        elif old is None:
            printer.indented().added(new, title)
        elif is_a(old, ASSET) != is_a(new, ASSET):
            printer.deleted(old, title)
            printer.added(new, title)
        elif old.get("hash") != new.get("hash"):
            if is_a(old, ASSET):
                _asset_diff(printer.marked(op.UPDATE), title, old, new)
            else:
                archive_diff(printer.marked(op.UPDATE), title, old, new)


def _asset_diff(printer: Printer, title: Title, old: dict[str, Any], new: dict[str, Any]) -> None:
    hashes = _change(_hash(old), _hash(new))
    if "text" in old and "text" in new:
        title(printer)
        printer.write(f"asset(text:{hashes}) {{")
        printer.indented().text_diff(str(old["text"]), str(new["text"]))
        printer.line("}\n")
        return
    for key, word in (("path", "file"), ("uri", "uri")):
        if key in old and key in new:
            title(printer)
            printer.write(f"asset({word}:{hashes}) {{ {_change(old[key], new[key])} }}\n")
            return
    printer.deleted(old, title)
    printer.added(new, title)


def is_a(value: Any, signature: str) -> bool:
    """Whether a value is of a special kind."""
    return isinstance(value, dict) and value.get(SIGNATURE) == signature


def _hash(value: dict[str, Any]) -> str:
    return str(value.get("hash", ""))[:7]


def _change(old: Any, new: Any) -> str:
    return str(old) if old == new else f"{old}->{new}"
