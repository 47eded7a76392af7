"""Whether somebody is about to store a secret as plain text: the official CLI asks the same of `config set`; pure."""

from __future__ import annotations

import math
import re

_KEY = re.compile(r"(?i)passwd|pass|password|pwd|secret|token")
_LONGEST = 16
_STRONG, _STRONG_PER_CHARACTER = 80.0, 3.0


def looks_secret(key: str, value: str) -> bool:
    """Whether a key's name speaks of a secret and its value is too random for a word.

    The official CLI estimates the strength with zxcvbn, which knows dictionaries; this is the estimate for what is in
    none: the logarithm of the alphabet for each character, where repeated and neighbouring ones count as one.
    """
    if not _KEY.search(key):
        return False
    value = value[:_LONGEST]
    kinds = sum(
        size
        for pattern, size in ((r"[a-z]", 26), (r"[A-Z]", 26), (r"\d", 10), (r"[^A-Za-z\d]", 33))
        if re.search(pattern, value)
    )
    fresh = sum(
        1 for before, after in zip(f"\0{value}", value, strict=False) if abs(ord(after) - ord(before)) > 1
    )
    words = re.fullmatch(r"(?:[A-Za-z]?[a-z]+|\d{1,4}|[-_. ])+", value) is not None
    entropy = 0.0 if words or not kinds else fresh * math.log2(kinds)
    return entropy >= _STRONG or (
        entropy >= _STRONG / 2 and entropy / max(len(value), 1) >= _STRONG_PER_CHARACTER
    )
