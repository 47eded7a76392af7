"""The tree of a progress display as lines: rows by parent, columns, and what of it fits a terminal; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.engine.display import colour
from local.engine.display.rows import STATUS

if TYPE_CHECKING:
    from local.engine.display.rows import Row, Rows

_LONGEST_SUFFIX = 3
_LEAST_FOR_MESSAGES = 3  # a headline and the space around it


@dataclass
class _Node:
    row: Row
    columns: list[str]
    suffix: str
    children: list[_Node] = field(default_factory=list["_Node"])


@dataclass(frozen=True)
class Frame:
    """What is on the screen: lines, and how far the tree is and can be scrolled."""

    lines: list[str]
    offset: int = 0
    last_offset: int = 0


def table(rows: Rows) -> list[str]:
    """The header and every shown row, in columns."""
    rows.ensure_stack()
    found = [_header(rows)]
    status = STATUS - 1 if rows.options.show_urns else STATUS
    widths = [colour.width(text) for text in found[0]]
    widths[status] += _LONGEST_SUFFIX
    _flatten(_shown(rows, _roots(rows)), found, widths, status, indent="", root=True)
    if not any(row[-1] for row in found[1:]):
        found[0][-1] = ""
    return [_line(row, widths) for row in found]


def frame(
    table: list[str],
    messages: list[str],
    *,
    sames: int,
    width: int,
    height: int,
    offset: int = 0,
    scrolled: bool = False,
) -> Frame:
    """What fits: with `scrolled` the tree from `offset` on, else its end, and a note of what is above and below."""
    header, rows = table[:1], table[1:]
    below = [] if not sames else ["", f"{colour.HEADLINE}Resources:{colour.RESET}"]
    if sames:
        below.append(f"{colour.BRIGHT_BLACK}    {sames} unchanged{colour.RESET}")
    if messages:
        kept = messages[-max(height // 3 - _LEAST_FOR_MESSAGES, 1) :]
        below += ["", f"{colour.YELLOW}System Messages{colour.RESET}", *(f"  {line}" for line in kept)]
    room = max(height - 1 - len(header) - len(below), 1)
    if len(rows) <= room:
        return Frame([colour.clamped(line, width - 1) for line in [*header, *rows, *below]])
    last = len(rows) - room + 1
    offset = max(0, min(offset, last)) if scrolled else last
    note = ("⬆ " if offset else "  ") + "more" + ("⬇ " if offset < last else "  ")
    note = " " * max(width - 1 - len(note), 0) + f"{colour.BRIGHT_BLUE}{note}{colour.RESET}"
    lines = [*header, *rows[offset : offset + room - 1], note, *below]
    return Frame([colour.clamped(line, width - 1) for line in lines], offset, last)


def _header(rows: Rows) -> list[str]:
    names = ["URN"] if rows.options.show_urns else ["Type", "Name"]
    titles = [*names, "Plan" if rows.preview else "Status", "Info"]
    return ["", *(f"{colour.UNDERLINE}{colour.BRIGHT_BLUE}{title}{colour.RESET}" for title in titles)]


def _roots(rows: Rows) -> list[_Node]:
    nodes: dict[str, _Node] = {}
    roots: list[_Node] = []

    def place(urn: str) -> _Node:
        if (node := nodes.get(urn)) is not None:
            return node
        row = rows.by_urn[urn]
        node = nodes[urn] = _Node(row, rows.columns(row), rows.suffix(row))
        if urn in {"", rows.stack_urn}:
            roots.append(node)
            return node
        res = row.step.res
        parent = res.parent if res is not None else ""
        place(parent if parent in rows.by_urn and parent != urn else rows.stack_urn).children.append(node)
        return node

    for urn in list(rows.by_urn):
        place(urn)
    return roots


def _shown(rows: Rows, nodes: list[_Node]) -> list[_Node]:
    """The nodes that are worth a line or have something below them that is, in the order they came up."""
    found: list[_Node] = []
    for node in nodes:
        node.children = _shown(rows, node.children)
        if node.row.hidden and not node.children:
            continue
        rows.show_now(node.row)
        found.append(node)
    return sorted(found, key=lambda node: node.row.order)


def _flatten(
    nodes: list[_Node], found: list[list[str]], widths: list[int], status: int, *, indent: str, root: bool
) -> None:
    for index, node in enumerate(nodes):
        last = index == len(nodes) - 1
        branch, below = ("", "") if root else (("└─ ", "   ") if last else ("├─ ", "│  "))
        columns = [*node.columns]
        columns[1] = indent + branch + columns[1]
        for number, text in enumerate(columns):
            room = colour.width(text) + (_LONGEST_SUFFIX if number == status else 0)
            widths[number] = max(widths[number], room)
        columns[status] += node.suffix
        found.append(columns)
        _flatten(node.children, found, widths, status, indent=indent + below, root=False)


def _line(columns: list[str], widths: list[int]) -> str:
    text = " "
    for index, column in enumerate(columns):
        if index:
            text += " " * (widths[index - 1] - colour.width(columns[index - 1]) + 2)
        text += column
    return text
