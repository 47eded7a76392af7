"""`pulumi stack graph`: a stack's resources and what they depend on, in Graphviz' DOT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.command.printing import tell
from local.engine.error import EngineError
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments


def graph(arguments: Arguments) -> int:
    """Write the graph to a file."""
    stack = stacks.open_(arguments.value("--stack"))
    stack.recover_if_abandoned()
    stack.require_key()
    file = arguments.positional[0]
    text = drawn(stack.store.read().get("resources") or [], arguments)
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise EngineError(f"open {file}: {(error.strerror or '').lower()}") from error
    tell(f"Wrote stack dependency graph to `{file}`")
    return 0


def drawn(rows: list[dict[str, Any]], arguments: Arguments) -> str:
    """The graph of a deployment's resources; pure."""
    edges: dict[str, list[tuple[str, str]]] = {row["urn"]: [] for row in rows}
    depends = arguments.value("--dependency-edge-color", "#246C60")
    parents = arguments.value("--parent-edge-color", "#AA6639")
    for row in rows:
        blame: dict[str, list[str]] = {}
        for key, urn_list in sorted((row.get("propertyDependencies") or {}).items()):
            for urn in urn_list or []:
                blame.setdefault(urn, []).append(key)
        if not arguments.has("--ignore-dependency-edges"):
            for urn in row.get("dependencies") or []:
                label = ", ".join(blame.get(urn, []))
                attributes = f'color = "{depends}"' + (f', label = "{label}"' if label else "")
                edges.setdefault(urn, []).append((row["urn"], attributes))
        if row.get("parent") and not arguments.has("--ignore-parent-edges"):
            edges[row["urn"]].append((row["parent"], f'color = "{parents}"'))
    names: dict[str, str] = {}

    def name(urn: str) -> str:
        return names.setdefault(urn, f"Resource{len(names)}")

    lines = ["strict digraph {"]
    if fragment := arguments.value("--dot-fragment"):
        lines.append(fragment)
    for urn in sorted(edges):
        label = urns.name_of(urn) if arguments.has("--short-node-name") else urn
        lines.append(f'    {name(urn)} [label="{label}"];')
        lines += [f"    {name(urn)} -> {name(to)} [{attributes}];" for to, attributes in edges[urn]]
    return "\n".join([*lines, "}"]) + "\n"
