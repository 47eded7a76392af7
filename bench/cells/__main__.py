"""CELLS resources in chains of ten, each link with the id of the one before it."""

import os
import time
from pathlib import Path

if started := os.environ.get("CELLS_STARTED"):  # when the first line of the program ran
    Path(started).write_text(str(time.time()), encoding="utf-8")

import pulumi
from cell import Cell

for chain in range(int(os.environ.get("CELLS", "600")) // 10):
    before = pulumi.Output.from_input("")
    for link in range(10):
        before = Cell(f"cell-{chain:04}-{link}", before).id
    pulumi.export(f"end-{chain:04}", before)
