"""How long drift takes, as a multiple of the least it can: one pass of ``np.histogram`` over the same numbers.

``python -m bench.drift [ROWS] [ROUNDS]``: two samples of 10^6 rows x 20 float and 5 string columns unless told
otherwise. Floor, counted statistics and all statistics alternate in one process, so that a busy machine slows all three.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from ml.drift import EXACT, STATISTICS, Columns, compare

if TYPE_CHECKING:
    from collections.abc import Callable

FLOATS, STRINGS, CATEGORIES = 20, 5, 20


def sample(rng: np.random.Generator, rows: int, shift: float) -> Columns:
    """One data set."""
    names = np.array([f"category-{i}" for i in range(CATEGORIES)], dtype=object)
    columns = {f"number{i}": rng.normal(shift, 1, rows) for i in range(FLOATS)}
    return columns | {f"text{i}": names[rng.integers(0, CATEGORIES, rows)] for i in range(STRINGS)}


def floor(reference: Columns, current: Columns) -> None:
    """One histogram of each column of numbers."""
    for side in (reference, current):
        for i in range(FLOATS):
            np.histogram(side[f"number{i}"], 21)


def main(rows: int = 1_000_000, rounds: int = 5) -> None:
    """Measure and print."""
    rng = np.random.default_rng(7)
    reference, current = sample(rng, rows, 0.0), sample(rng, rows, 0.1)
    counted = STATISTICS.keys() - EXACT
    cases: dict[str, Callable[[], object]] = {
        "floor: np.histogram": lambda: floor(reference, current),
        "counted statistics": lambda: compare(reference, current, only=counted),
        "all, with exact KS and Wasserstein": lambda: compare(reference, current),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    base = seconds["floor: np.histogram"]
    print(f"2 x {rows:,} rows x ({FLOATS} float + {STRINGS} string columns), {rounds} rounds")
    print(f"{'':36}{'min':>9}{'median':>9}{'x floor':>9}")
    for name, taken in seconds.items():
        ratio = statistics.median(each / one for each, one in zip(taken, base, strict=True))
        print(f"{name:36}{min(taken):8.3f}s{statistics.median(taken):8.3f}s{ratio:9.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
