"""What commands print: lines, tables, JSON, times; and whether they ask first."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def skip_confirmations() -> bool:
    """Whether PULUMI_SKIP_CONFIRMATIONS stands for --yes."""
    return os.environ.get("PULUMI_SKIP_CONFIRMATIONS", "").lower() in {"1", "true"}


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(text + "\n")


def say_json(value: Any) -> None:
    """JSON for programs to read."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def say_table(rows: Sequence[Sequence[str]], indent: str = "", more: Sequence[str] = ()) -> None:
    """Columns under their headers; `more` is what stands below each row, ready to print."""
    for number, lines in enumerate(table(rows)):
        for line in lines:
            say(indent + line)
        if number and more:
            sys.stdout.write(more[number - 1])


def table(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The lines of each row: columns as wide as what is in them, whose texts may have several lines."""
    split = [list(itertools.zip_longest(*(cell.split("\n") for cell in row), fillvalue="")) for row in rows]
    widths = [max(cell_len(line[column]) for row in split for line in row) for column in range(len(rows[0]))]
    return [
        [
            "  ".join(
                [
                    *(
                        cell + " " * (width - cell_len(cell))
                        for cell, width in zip(line[:-1], widths, strict=False)
                    ),
                    line[-1],
                ]
            )
            for line in row
        ]
        for row in split
    ]


def cell_len(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len as measured  # noqa: PLC0415 - 10 ms that few tables need

    return measured(text)


def moment(time: str) -> datetime:
    """A time of the state, which may have more digits than Python's."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", time))


def stamp(time: datetime) -> str:
    """A time as JSON has it: UTC, milliseconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def whole(time: str) -> str:
    """A time of the state in full, as Go prints it: local, nine digits less zeros at the end, zone."""
    local = moment(time).astimezone()
    digits = match[1].rstrip("0") if (match := re.search(r"\.(\d+)", time)) else ""
    return f"{local:%Y-%m-%d %H:%M:%S}{'.' + digits if digits else ''} {local:%z} {local.tzname()}"


def ago(time: datetime) -> str:
    """How long ago a time was, in one unit."""
    elapsed = int((datetime.now(UTC) - time.astimezone(UTC)).total_seconds())
    day = 86_400
    units = (
        (365 * day, "year"),
        (30 * day, "month"),
        (7 * day, "week"),
        (day, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    )
    for size, unit in units:
        if elapsed >= size:
            count = elapsed // size
            return f"{count} {unit}{'s' if count != 1 else ''} ago"
    return "now"


def duration(seconds: int) -> str:
    """Seconds as Go prints a duration: 1h2m3s."""
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return (f"{hour}h" if hour else "") + (f"{minute}m" if hour or minute else "") + f"{second}s"
