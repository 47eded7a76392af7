"""ISO 8601 durations as Azure ML writes them: ``PT5S``, ``PT1H30M``."""

from __future__ import annotations

import re

from local.azure.errors import bad_request

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE)


def seconds(text: str) -> float:
    """The seconds of a duration; ``ArmError`` 400 if it is none."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise bad_request(f"'{text}' is not an ISO 8601 duration such as PT1M30S.")
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest
