"""An explanation, for people."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from infra.explain.cost import TABLE
from infra.explain.explanation import size
from infra.explain.rehearsal import SUFFIX

if TYPE_CHECKING:
    from rich.console import Console

    from infra.explain.cost import Charge
    from infra.explain.explanation import Explanation, Setting
    from infra.explain.rehearsal import Planned

#: More of one type in a room are a line.
_MANY = 4
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STYLES = {"default": "dim", "profile": "cyan", "file": "bold"}


def write(explanation: Explanation, console: Console) -> None:
    """Prints resources, costs and settings."""
    count = len(explanation.resources)
    console.print(
        f"Stack [bold]{explanation.stack}[/], profile [cyan]{explanation.profile}[/]: {count} resources."
    )
    console.print(_resources(explanation.resources))
    if any(SUFFIX in (one.name or "") for one in explanation.resources):
        console.print(f"{SUFFIX} is drawn at the first `pulumi up`.", style="dim", highlight=False)
    console.print(_costs(explanation))
    console.print(
        f"{TABLE['about']} What is charged by use (storage, logs, jobs, requests) isn't in it.", style="dim"
    )
    for compute, hint in explanation.quota.items():
        console.print(f"{compute}: {hint}", highlight=False)
    console.print(_settings(explanation.settings))


def _resources(resources: list[Planned]) -> Table:
    table = Table("Room", "Resource", "Name", "Size", title="What it would have", title_justify="left")
    ordered = sorted(resources, key=lambda one: one.room)
    for room, inside in groupby(ordered, key=lambda one: one.room):
        shown = room or "Platform"
        members = list(inside)
        many = {kind for kind, count in Counter(one.type for one in members).items() if count > _MANY}
        rows = [(_kind(one), Text(_shown(one)), size(one)) for one in members if one.type not in many]
        rows += [
            (kind.rsplit(":", 1)[1], Text(f"{sum(one.type == kind for one in members)} of them"), "")
            for kind in sorted(many)
        ]
        for number, row in enumerate(rows):
            table.add_row("" if number else shown, *row)
    return table


def _shown(planned: Planned) -> str:
    """Its name; its label where the name is a GUID, which tells nobody anything."""
    return planned.label if _GUID.fullmatch(planned.name or "") else planned.name or ""


def _kind(planned: Planned) -> str:
    return planned.type.rsplit(":", 1)[1]


def _costs(explanation: Explanation) -> Table:
    table = Table(
        "Resource", "Meter", "", title="What it costs to leave running, a month", title_justify="left"
    )
    table.add_column("USD", justify="right")
    alike: dict[tuple[str, str], list[Charge]] = {}
    for charge in explanation.charges:
        alike.setdefault((charge.meter, charge.note), []).append(charge)
    for (meter, note), members in alike.items():
        monthly = [charge.monthly for charge in members if charge.monthly is not None]
        table.add_row(
            Text(members[0].resource if len(members) == 1 else f"{len(members)} of them"),
            Text(meter),
            note,
            f"{sum(monthly):,.2f}" if monthly else "price unknown",
        )
    unknown = sum(charge.monthly is None for charge in explanation.charges)
    more = f"and {unknown} without a price" if unknown else ""
    table.add_section()
    table.add_row("all of it", "", more, f"{explanation.monthly:,.2f}")
    return table


def _settings(settings: list[Setting]) -> Table:
    table = Table("Setting", "Value", "From", title="Why each setting is what it is", title_justify="left")
    for one in settings:
        value = "[a secret]" if one.secret else json.dumps(one.value, ensure_ascii=False)
        style = _STYLES[one.origin]
        table.add_row(Text(one.path), Text(value), Text(one.origin), style=style)
    return table
