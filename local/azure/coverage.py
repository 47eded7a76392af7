"""``python -m local.azure.coverage``: what local Azure serves, as the tables of ``docs/local-azure.md``.

Read from what the providers register, so that the guide can't promise more than there is; ``--write`` brings it up to
date.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, cast

from local.azure import identity, providers
from local.azure.catalog import Catalog
from local.azure.errors import ArmError
from local.azure.resource_id import join, parse
from local.settings import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from local.azure.azure import Azure
    from local.azure.resource_type import ResourceType

GUIDE = REPOSITORY / "docs" / "local-azure.md"
_BEGIN, _END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
_SUBSCRIPTION = re.compile(r"/subscriptions/(\*|\{subscription\})(/resourceGroups/\*)?(?=/)")
#: One piece of a pattern: an escape, the start of a group, a class or any other character, each maybe repeated.
_PIECE = re.compile(r"\\d\+|\\.|\(\?P<(\w+)>|\(\?:|\[[^]]+\]\+?|.")
#: A group that is nothing but a choice of words.
_WORDS = re.compile(r"(\w|\\\.|\|)+")


def readable(pattern: str) -> str:
    """A route's pattern for people: a named group is ``{name}``, what has no name and varies is ``*``."""
    text, at = "", 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        assert piece is not None  # noqa: S101 (any character is a piece)
        found, at = piece[0], piece.end()
        if found.startswith("("):
            end = _end_of_group(pattern, at)
            inner, at = pattern[at:end], end + 1
            optional = pattern.startswith("?", at)
            at += optional
            if _WORDS.fullmatch(inner) and not optional:
                text += "|".join(readable(choice) for choice in inner.split("|"))
            elif piece[1]:
                text += f"{{{piece[1]}}}"
        elif found.startswith("[") or found in (r"\d+", "."):
            text += "*"
        elif found == "?":
            text = text[:-1]
        elif found not in ("*", "+"):
            text += found.removeprefix("\\")
    return re.sub(r"\*+", "*", text)


def _end_of_group(pattern: str, at: int) -> int:
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(pattern[at], 0)
        at += 2 if pattern[at] == "\\" else 1
    return at - 1


def tables() -> str:
    """The resource types with their operations, and every other request that is answered, as Markdown."""
    catalog = Catalog(providers.load())
    lines = ["| Type | Operations | Actions |", "|---|---|---|"]
    kinds = sorted(catalog.types.values(), key=lambda kind: kind.name.lower())
    lines += [
        f"| `{kind.name}` | {' '.join(operations(kind))} | {_code(sorted(kind.actions))} |" for kind in kinds
    ]
    lines += ["", "| Host | Other requests |", "|---|---|"]
    hosts: dict[str, set[str]] = {}
    for route in (*identity.ROUTES, *catalog.routes):
        path = _SUBSCRIPTION.sub("…", readable(route.path.pattern))
        hosts.setdefault(readable(route.host.pattern), set()).add(f"{' '.join(route.methods)} {path}")
    lines += [f"| `{host}` | {_code(sorted(requests), '<br>')} |" for host, requests in sorted(hosts.items())]
    return "\n".join(lines)


def operations(kind: ResourceType) -> list[str]:
    """What can be done with resources of a type: what Azure alone makes is read and listed only."""
    read = ["GET", "list"]
    if _is_read_only(kind):
        return read
    return ["PUT", *read, *(["PATCH"] if kind.patch else []), "DELETE"]


def _is_read_only(kind: ResourceType) -> bool:
    """Whether every PUT is refused with 405: such a ``prepare`` looks at nothing, so it can be asked without a local Azure."""
    if kind.prepare is None:
        return False
    names = tuple("x" for _ in kind.name.split("/")[1:])
    asked = parse(join("/subscriptions/x/resourceGroups/x", kind.name, names))
    try:
        kind.prepare(cast("Azure", None), asked, {}, None)
    except ArmError as error:
        return error.status == 405
    except Exception:  # noqa: BLE001 (it looked at something, so it doesn't refuse all)
        return False
    return False


def _code(names: list[str], separator: str = ", ") -> str:
    return separator.join("`" + name.replace("|", "\\|") + "`" for name in names)


def written(guide: Path = GUIDE) -> str:
    """The tables as the guide has them."""
    return guide.read_text().partition(_BEGIN)[2].partition(_END)[0].strip()


def write(guide: Path = GUIDE) -> None:
    """Puts the current tables into the guide."""
    before, _, rest = guide.read_text().partition(_BEGIN)
    guide.write_text(f"{before}{_BEGIN}\n{tables()}\n{_END}{rest.partition(_END)[2]}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        sys.stdout.write(f"{tables()}\n")
