"""Drift of two data sets, or of what an endpoint collected against what its model was trained on.

python -m ml.drift compare REFERENCE CURRENT     a table; --json or --html FILE for the same as JSON or as a page
python -m ml.drift report REFERENCE CURRENT      a page with a plot per feature
python -m ml.drift report                        the same for each model monitor of the workspace that the variables
                                                 AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP, AZURE_WORKSPACE_NAME name
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ml.drift import html, table
from ml.drift.compare import compare
from ml.drift.report import State
from ml.drift.thresholds import STATISTICS, Thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.drift.report import Report

#: Exit code of ``--fail-on-drift`` where there is drift; 2 is bad input.
DRIFTED = 3
PAGE = Path("drift.html")
_TWO_ONLY = ("title", "features", "categorical", "threshold", "minimum_rows")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.reference is None) != (options.current is None):
        parser.error("give both REFERENCE and CURRENT")
    if options.reference is None and any(getattr(options, name) for name in _TWO_ONLY):
        parser.error(
            "monitors have their own title, features and thresholds; give them with two data sets only"
        )
    if options.reference is not None and options.days is not None:
        parser.error("--days is for a workspace's monitors; files are compared whole")
    try:
        found = _two(options) if options.reference else _monitors(options.days)
    except (ValueError, OSError) as error:
        print(f"ml.drift: {error}", file=sys.stderr)  # noqa: T201
        return 2
    if options.json:
        documents = [{"title": title, **report.as_dict()} for title, report in found]
        print(json.dumps(documents[0] if options.reference else documents, indent=2))  # noqa: T201
    for number, (title, report) in enumerate(found):
        page: Path | None = options.html or (
            PAGE if options.command == "report" and not options.json else None
        )
        if page and len(found) > 1:
            page = page.with_stem(f"{page.stem}-{number + 1}")
        if page:
            page.write_text(html.render(report, title), encoding="utf-8")
        if not options.json:
            print(text(report, title) + (f"\n\nThe page: {page}" if page else ""))  # noqa: T201
    drifted = any(report.state is State.DRIFTED for _, report in found)
    return DRIFTED if options.fail_on_drift and drifted else 0


def text(report: Report, title: str) -> str:
    """The report as a table of plain text."""
    rows = [("feature", "verdict", "statistic", "value", "threshold", "missing")]
    for column in report.columns:
        judged = column.judged[:1]
        statistic = STATISTICS[judged[0].statistic].title if judged else "-"
        value = f"{judged[0].value:.3g}" if judged else "-"
        threshold = f"{judged[0].threshold:g}" if judged else "-"
        before, after = (
            f"{side.missing / max(1, side.values + side.missing):.1%}"
            for side in (column.reference, column.current)
        )
        missing = before if before == after else f"{before} > {after}"
        rows.append((column.name, column.state, statistic, value, threshold, missing))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    head = f"{title}: {report.reference_rows:,} reference rows, {report.current_rows:,} current rows"
    return "\n".join([head, "", *lines, "", report.sentence[0].upper() + report.sentence[1:] + "."])


def _two(options: argparse.Namespace) -> list[tuple[str, Report]]:
    thresholds = Thresholds()
    if options.threshold:
        thresholds = Thresholds.from_spec(dict(options.threshold))
    if options.minimum_rows is not None:
        thresholds = replace(thresholds, minimum_rows=options.minimum_rows)
    reference, current = table.read(options.reference), table.read(options.current)
    report = compare(
        reference, current, thresholds, features=options.features or None, categorical=options.categorical
    )
    return [(options.title or f"{options.current} against {options.reference}", report)]


def _monitors(days: float | None) -> list[tuple[str, Report]]:
    # The one part that needs more than numpy, and Azure.
    from ml import collected  # noqa: PLC0415

    return collected.reports(days)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.drift", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose, count in (
        ("compare", "print the drift of two data sets", None),
        ("report", "write a page with a plot per feature", "?"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        what = "CSV file or folder (also .gz), or a folder of collected data (.jsonl)"
        command.add_argument("reference", metavar="REFERENCE", type=Path, nargs=count, help=what)
        command.add_argument("current", metavar="CURRENT", type=Path, nargs=count, help="the same")
        command.add_argument("--json", action="store_true", help="print JSON instead of a table")
        command.add_argument("--html", metavar="FILE", type=Path, help="write a page")
        command.add_argument("--title", help="the report's title")
        command.add_argument("--features", type=_names, default=(), help="compare these columns only: a,b,c")
        command.add_argument(
            "--categorical", type=_names, default=(), help="columns of numbers that are codes: a,b"
        )
        command.add_argument(
            "--threshold", metavar="STATISTIC=VALUE", type=_threshold, action="append",
            help=f"judge by these instead of Azure's defaults; statistics: {', '.join(STATISTICS)}",
        )  # fmt: skip
        command.add_argument("--minimum-rows", type=int, help="how many values a side needs (default 30)")
        command.set_defaults(days=None)
        if name == "report":
            what = "of a workspace's monitors: how far back to look, instead of their own windows"
            command.add_argument("--days", type=float, help=what)
        command.add_argument(
            "--fail-on-drift", action="store_true", help=f"exit with {DRIFTED} where there is drift"
        )
    return parser


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _threshold(value: str) -> tuple[str, float]:
    name, separator, number = value.partition("=")
    if not separator or name not in STATISTICS:
        raise argparse.ArgumentTypeError(
            f"{value!r}: write STATISTIC=VALUE, with one of {', '.join(STATISTICS)}"
        )
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r}: {number!r} is no number") from None


if __name__ == "__main__":
    sys.exit(main())
