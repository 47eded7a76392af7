"""ISO 8601 durations, as templates write them. Pure; a month is 30 days and a year 365, as in Azure."""

from __future__ import annotations

import re
from datetime import timedelta

from local.azure.logic.expression_parser import ExpressionError

_DURATION = re.compile(
    r"(?P<sign>-)?P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def parse(text: str) -> timedelta:
    """A duration such as ``PT1H`` or ``-P3D``.

    Raises:
        ExpressionError: it is none.
    """
    found = _DURATION.fullmatch(text)
    if found is None or text.rstrip("T") in ("P", "-P"):
        raise ExpressionError(f"'{text}' is no duration such as PT1H")
    parts = {key: float(value) for key, value in found.groupdict().items() if value and key != "sign"}
    days = parts.pop("years", 0) * 365 + parts.pop("months", 0) * 30 + parts.pop("days", 0)
    span = timedelta(days=days, **parts)
    return -span if found["sign"] else span


def written(seconds: float) -> str:
    """A span of seconds as ARM writes it: ``PT1.5S``."""
    return f"PT{seconds:.7f}".rstrip("0").rstrip(".") + "S"
