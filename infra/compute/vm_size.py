"""Sizes of virtual machines, as their names tell them: whether they have GPUs, how many cores, which quota. Pure.

Source: Microsoft Learn, "Azure virtual machine sizes naming conventions": the first letter is the family (N: GPUs), then
come its subfamily, the number of vCPUs (of the Dv2 series a number of its own), what the size adds, the accelerator and
the version.
"""

from __future__ import annotations

import re

PATTERN = r"^Standard_[A-Za-z]{1,3}\d[A-Za-z0-9_-]*$"
_START = re.compile(r"Standard_(?P<family>[A-Za-z]{1,3})(?P<number>\d+)")
#: vCPUs of the Dv2 and DSv2 series, whose numbers count sizes.
_DV2_CORES = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}


def has_gpus(size: str) -> bool:
    """Whether a size is of the family with GPUs.

    >>> has_gpus("Standard_NC4as_T4_v3"), has_gpus("Standard_DS3_v2")
    (True, False)
    """
    return size.upper().startswith("STANDARD_N")


def cores(size: str) -> int | None:
    """How many vCPUs a size has; None where its name doesn't tell.

    >>> cores("Standard_DS3_v2"), cores("Standard_NC4as_T4_v3"), cores("Standard_E16s_v5")
    (4, 4, 16)
    """
    found = _START.match(size)
    if found is None:
        return None
    number = int(found["number"])
    if found["family"].upper() in ("D", "DS") and size.lower().endswith("_v2"):
        return _DV2_CORES.get(number)
    return number


def quota_hint(size: str, nodes: int, *, low_priority: bool) -> str:
    """What a subscription must allow for so many nodes, and where to ask for it."""
    each = cores(size)
    wanted = f"{nodes} x {size}" if each is None else f"{each * nodes} vCPUs ({nodes} x {size})"
    kind = "low-priority" if low_priority else "dedicated"
    zero = "; the quota of GPU sizes is 0 until you ask for more" if has_gpus(size) else ""
    return f"{wanted} of {kind} Azure ML quota (`az ml compute list-usage` shows what there is){zero}"
