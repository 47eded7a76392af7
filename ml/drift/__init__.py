"""Drift of tabular data: what came in against what a model was trained on. Needs numpy, and nothing of this program.

>>> import numpy as np
>>> from ml.drift import Thresholds, compare
>>> rng = np.random.default_rng(7)
>>> report = compare(
...     {"delay": rng.normal(10, 5, 2_000), "carrier": np.repeat(["UA", "DL"], 1_000)},
...     {"delay": rng.normal(14, 5, 2_000), "carrier": np.repeat(["UA", "DL"], 1_000)},
... )
>>> report.sentence
'1 of 2 judged features drifted: delay'

:mod:`~ml.drift.statistics` has a function per statistic, :mod:`~ml.drift.table` reads files,
:mod:`~ml.drift.html` draws a report, and ``python -m ml.drift`` does all of it from the command line.
"""

from ml.drift.compare import EXACT, Columns, compare
from ml.drift.report import Column, Measurement, Report, Side, State
from ml.drift.thresholds import STATISTICS, Kind, Statistic, Thresholds

__all__ = [
    "EXACT",
    "STATISTICS",
    "Column",
    "Columns",
    "Kind",
    "Measurement",
    "Report",
    "Side",
    "State",
    "Statistic",
    "Thresholds",
    "compare",
]
