"""Queries of the Kusto Query Language over rows. Pure.

Scope: one table and, behind pipes, ``where``, ``extend``, ``project``, ``project-away``, ``summarize`` (``count``, ``countif``,
``dcount``, ``sum``, ``sumif``, ``avg``, ``min``, ``max``, ``percentile``, ``take_any``), ``count``, ``distinct``, ``order``,
``top``, ``take``. Omitted, and refused by name: ``let``, ``union``, ``join``, ``parse``, ``mv-expand``, ``render``, other
operators and functions.

Source: Microsoft Learn, "Kusto Query Language": "Tabular operators", "Aggregation functions".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any

from local.azure.errors import unsupported
from local.azure.logs.kusto_expression import Reader, semantic, syntax, tokens
from local.azure.logs.table import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.azure.logs.kusto_expression import Expression

    Row = dict[str, Any]
    Aggregate = Callable[[Sequence[Row]], Any]


@dataclass(frozen=True)
class Result:
    """Columns with their types, and rows."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]

    def column(self, name: str) -> list[Any]:
        """The values of a column; nothing where there is none of that name."""
        names = [column for column, _ in self.columns]
        return [row[names.index(name)] for row in self.rows] if name in names else []


def table_of(query: str) -> str:
    """The table that a query is about.

    Raises:
        ArmError: 400, or 501 where it isn't filled or the query begins otherwise.
    """
    found = tokens(query)
    if not found or found[0].kind != "name":
        raise syntax("a query begins with a table")
    name = found[0].text
    if name in TABLES:
        return name
    if name.endswith("_CL"):
        raise semantic(f"Failed to resolve table or column expression named '{name}'")
    what = f"'{name}' as the beginning of a query" if name in ("let", "union", "search", "print") else f"The table '{name}'"  # fmt: skip
    raise unsupported(f"{what} (filled here: {', '.join(sorted(TABLES))})")


def run(query: str, rows: Sequence[Row], now: datetime) -> Result:
    """What a query makes of the rows of its table.

    Raises:
        ArmError: 400 or 501.
    """
    name = table_of(query)
    reader = Reader(tokens(query)[1:], now)
    types, found = dict(TABLES[name]), [{**dict.fromkeys(TABLES[name]), **row} for row in rows]
    columns = list(types)
    while reader.kind:
        reader.need("|")
        operator = reader.take().lower()
        step = _STEPS.get(operator)
        if step is None:
            raise unsupported(f"The operator '{operator}' of the Kusto Query Language")
        columns, found = step(reader, columns, found)
    return Result(
        tuple((column, _type(column, types, [row[column] for row in found])) for column in columns),
        tuple(tuple(row[column] for column in columns) for row in found),
    )


def _type(column: str, known: dict[str, str], values: Sequence[Any]) -> str:
    """A column's type: its table's, else that of what is in it."""
    value = next((one for one in values if one is not None), None)
    for kind, name in ((bool, "bool"), (int, "long"), (float, "real"), (datetime, "datetime"), (timedelta, "timespan"), (dict | list, "dynamic")):  # fmt: skip
        if isinstance(value, kind):
            return known.get(column, name) if name not in ("bool", "dynamic") else name
    return known.get(column, "string")


def _checked(columns: Sequence[str], rows: list[Row], expression: Expression) -> Expression:
    """An expression, tried on a row of nothing where there are no rows: unknown columns are refused nevertheless."""
    if not rows:
        try:
            expression(dict.fromkeys(columns))
        except (TypeError, AttributeError, ValueError):
            return expression
    return expression


def _where(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    met = _checked(columns, rows, reader.expression())
    return columns, [row for row in rows if met(row)]


def _assigned(reader: Reader) -> tuple[str, Expression]:
    """``name = expression``, ``name``, or an expression that gets a name."""
    if reader.kind == "name" and reader.ahead("="):
        name = reader.name()
        reader.need("=")
        return name, reader.expression()
    name = reader.next if reader.kind != "name" else ""
    if not name:
        start = reader.take()
        if reader.next in ("", ",", "|", "by"):
            return start, lambda row: _of(row, start)
        raise unsupported(
            f"An expression without a name, '{start} {reader.next}…', in a query (write NAME = …)"
        )
    raise syntax(f"a name is expected before '{name}'")


def _of(row: Any, name: str) -> Any:
    if name not in row:
        raise semantic(f"Failed to resolve column or scalar expression named '{name}'")
    return row[name]


def _list(reader: Reader) -> list[tuple[str, Expression]]:
    found = [_assigned(reader)]
    while reader.met(","):
        found.append(_assigned(reader))
    return found


def _extend(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    added = _list(reader)
    for name, value in added:
        _checked(columns, rows, value)
        rows = [{**row, name: value(row)} for row in rows]
        columns = [*columns, *([name] if name not in columns else [])]
    return columns, rows


def _project(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    chosen = _list(reader)
    for _, value in chosen:
        _checked(columns, rows, value)
    return [name for name, _ in chosen], [{name: value(row) for name, value in chosen} for row in rows]


def _project_away(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    away = {reader.name()}
    while reader.met(","):
        away.add(reader.name())
    return [column for column in columns if column not in away], rows


def _distinct(reader: Reader, _columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    names = [reader.name()]
    while reader.met(","):
        names.append(reader.name())
    seen = {tuple(str(_of(row, name)) for name in names): {name: row[name] for name in names} for row in rows}
    return names, list(seen.values())


def _count(_reader: Reader, _columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    return ["Count"], [{"Count": len(rows)}]


def _take(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    return columns, rows[: int(reader.take())]


def _order(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    reader.need("by")
    keys: list[tuple[Expression, bool]] = []
    while True:
        value = _checked(columns, rows, reader.expression())
        up = reader.met("asc")
        if not up:
            reader.met("desc")
        keys.append((value, up))
        if not reader.met(","):
            break
    for value, up in reversed(keys):
        empty = [row for row in rows if value(row) is None]
        full = sorted((row for row in rows if value(row) is not None), key=value, reverse=not up)
        # Nothing is the least.
        rows = [*empty, *full] if up else [*full, *empty]
    return columns, rows


def _top(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    number = int(reader.take())
    columns, rows = _order(reader, columns, rows)
    return columns, rows[:number]


def _summarize(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    made: list[tuple[str, Aggregate]] = []
    while reader.kind and reader.next not in ("by", "|"):
        made.append(_aggregate(reader, columns, rows))
        if not reader.met(","):
            break
    keys: list[tuple[str, Expression]] = []
    if reader.met("by"):
        while True:
            keys.append(_key(reader))
            if not reader.met(","):
                break
    groups: dict[tuple[str, ...], tuple[dict[str, Any], list[Row]]] = {}
    for row in rows:
        values = {name: value(row) for name, value in keys}
        groups.setdefault(tuple(str(one) for one in values.values()), (values, []))[1].append(row)
    if not keys and not rows:
        groups[()] = ({}, [])
    names = [name for name, _ in keys] + [name for name, _ in made]
    return names, [{**values, **{name: of(own) for name, of in made}} for values, own in groups.values()]


def _key(reader: Reader) -> tuple[str, Expression]:
    if reader.kind == "name" and reader.ahead("="):
        return _assigned(reader)
    if reader.kind == "name" and reader.next == "bin" and reader.ahead("("):
        # ``bin(column, step)`` keeps the column's name.
        inside = Reader(reader._tokens[reader._at + 2 : reader._at + 3], reader.now)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        return inside.name(), reader.expression()
    return _assigned(reader)


def _aggregate(reader: Reader, columns: list[str], rows: list[Row]) -> tuple[str, Aggregate]:
    name = ""
    if reader.kind == "name" and reader.ahead("="):
        name = reader.name()
        reader.need("=")
    function = reader.name()
    reader.need("(")
    given: list[Expression] = []
    said = reader.next if reader.kind == "name" else ""
    while reader.next != ")":
        given.append(_checked(columns, rows, reader.expression()))
        if not reader.met(","):
            break
    reader.need(")")
    known = _AGGREGATES.get(function)
    if known is None:
        raise unsupported(f"The aggregation '{function}' of the Kusto Query Language")
    own = f"{function}_{said}" if said and function not in ("count", "countif") else f"{function}_"
    return name or own, lambda group: known(group, *given)


def _values(group: Sequence[Row], value: Expression) -> list[Any]:
    return [found for found in (value(row) for row in group) if found is not None]


def _percentile(group: Sequence[Row], value: Expression, percent: Expression) -> Any:
    found = sorted(_values(group, value))
    return found[max(math.ceil(len(found) * percent({}) / 100) - 1, 0)] if found else None


_AGGREGATES: dict[str, Callable[..., Any]] = {
    "count": len,
    "countif": lambda group, met: sum(1 for row in group if met(row)),
    "dcount": lambda group, value: len({str(one) for one in _values(group, value)}),
    "sum": lambda group, value: sum(_values(group, value)),
    "sumif": lambda group, value, met: sum(_values([row for row in group if met(row)], value)),
    "avg": lambda group, value: fmean(_values(group, value)) if _values(group, value) else None,
    "min": lambda group, value: min(_values(group, value), default=None),
    "max": lambda group, value: max(_values(group, value), default=None),
    "percentile": _percentile,
    "take_any": lambda group, value: next(iter(_values(group, value)), None),
}
_STEPS: dict[str, Callable[[Reader, list[str], list[Row]], tuple[list[str], list[Row]]]] = {
    "where": _where,
    "filter": _where,
    "extend": _extend,
    "project": _project,
    "project-away": _project_away,
    "summarize": _summarize,
    "count": _count,
    "distinct": _distinct,
    "order": _order,
    "sort": _order,
    "top": _top,
    "take": _take,
    "limit": _take,
}
