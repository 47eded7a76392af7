"""MLflow's search of runs: filters and orders, decided without doing anything.

A filter is clauses with ``and`` between: ``metrics.loss < 0.1``, ``params.model = 'tree'``, ``tags.`x y` LIKE '%a%'``,
``attributes.status = 'FINISHED'``. Source: MLflow, "Search runs". Omitted: ``IN``, comparisons of datasets and models.
"""

from __future__ import annotations

import math
import operator
import re
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from local.azure.errors import unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KEY = r"(?:(?P<kind>metrics?|params?|parameters?|tags?|attributes?|attr|run)\.)?(?P<name>[\w.\-/]+|`[^`]+`|\"[^\"]+\")"
_CLAUSE = re.compile(
    _KEY + r"\s*(?P<operator>!=|>=|<=|=|>|<|I?LIKE\b)\s*(?P<value>'[^']*'|\"[^\"]*\"|[-+.\w]+)", re.IGNORECASE
)
_ORDER = re.compile(_KEY + r"(?:\s+(?P<direction>asc|desc))?", re.IGNORECASE)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_KINDS = {"m": "metrics", "p": "params", "t": "tags"}
#: What attributes are called besides.
_NAMES = {"run name": "run_name", "Run name": "run_name", "created": "start_time", "Created": "start_time"}


def value(run: Mapping[str, Any], found: re.Match[str]) -> Any:
    """What a clause speaks of in a run as MLflow shows it; None: the run hasn't it."""
    name = found["name"].strip('`"')
    kind = _KINDS.get((found["kind"] or "attributes")[0].lower())
    if kind is None:
        info: Mapping[str, Any] = run["info"]
        return info.get(_NAMES.get(name, name))
    for one in run["data"].get(kind) or ():
        if one["key"] == name:
            return float(one["value"]) if kind == "metrics" else one["value"]
    return None


def matches(run: Mapping[str, Any], text: str) -> bool:
    """Whether a run is what a filter asks for; ``ArmError`` 501 for what isn't understood."""
    rest = text.strip()
    kept = True
    while rest:
        found = _CLAUSE.match(rest)
        after = rest[found.end() :].strip() if found else ""
        if found is None or (after and not re.match(r"and\b", after, re.IGNORECASE)):
            raise unsupported(f"The filter '{text}'")
        kept = kept and _holds(value(run, found), found["operator"].upper(), found["value"])
        rest = after[3:].strip()
    return kept


def _holds(own: Any, symbol: str, given: str) -> bool:
    if own is None:
        return False
    wanted: Any = given[1:-1] if given[0] in "'\"" else given
    if symbol.endswith("LIKE"):
        pattern = ".*".join(re.escape(part) for part in wanted.split("%"))
        flags = re.DOTALL | (re.IGNORECASE if symbol == "ILIKE" else 0)
        return re.fullmatch(pattern, str(own), flags) is not None
    if isinstance(own, int | float):
        try:
            wanted = float(wanted)
        except ValueError:
            return False
    return _OPERATORS[symbol](own, wanted)


def ordered(runs: list[dict[str, Any]], orders: list[str]) -> list[dict[str, Any]]:
    """Runs by what is asked for, and then the newest first; those that lack it come last."""
    wanted: list[tuple[re.Match[str], bool]] = []
    for text in orders:
        found = _ORDER.fullmatch(text.strip())
        if found is None:
            raise unsupported(f"The order '{text}'")
        wanted.append((found, (found["direction"] or "asc").lower() == "desc"))

    def compare(first: dict[str, Any], second: dict[str, Any]) -> int:
        for found, descending in wanted:
            one, other = value(first, found), value(second, found)
            lacks = [own is None or (isinstance(own, float) and math.isnan(own)) for own in (one, other)]
            if lacks[0] != lacks[1]:
                return 1 if lacks[0] else -1
            if not lacks[0] and one != other:
                return (-1 if one < other else 1) * (-1 if descending else 1)
        return int(second["info"]["start_time"]) - int(first["info"]["start_time"])

    return sorted(runs, key=cmp_to_key(compare))
