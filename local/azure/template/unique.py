"""``uniqueString`` and ``guid``: Azure's own hashes, so that names made from them are the ones Azure would make. Pure.

``uniqueString`` joins its arguments with hyphens, takes a 64-bit relative of MurmurHash3 (two 32-bit lanes, seed 0) and
writes its bits in base 32; ``guid`` is a version-5 UUID in a namespace of Azure's.

Source: Microsoft Learn, "String functions for ARM templates"; the numbers in ``tests/azure/test_template_function.py`` are
what Bicep prints.
"""

from __future__ import annotations

import uuid

_MASK = 0xFFFFFFFF
_FIRST, _SECOND = 0x239B961B, 0xAB0E9789
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")


def guid(*values: str) -> str:
    """The same GUID for the same texts."""
    return str(uuid.uuid5(_NAMESPACE, "-".join(values)))


def unique_string(*values: str) -> str:
    """The same thirteen letters and digits for the same texts."""
    number = _hash("-".join(values).encode())
    return (
        "".join(_ALPHABET[number >> shift & 31] for shift in range(59, -1, -5)) + _ALPHABET[number << 1 & 31]
    )


def _hash(data: bytes) -> int:
    one = other = 0
    whole = len(data) - len(data) % 8
    for at in range(0, whole, 8):
        one ^= _scrambled(data[at : at + 4], _FIRST, 15, _SECOND)
        one = (_rotated(one, 19) + other) * 5 + 0x561CCD1B & _MASK
        other ^= _scrambled(data[at + 4 : at + 8], _SECOND, 17, _FIRST)
        other = (_rotated(other, 13) + one) * 5 + 0x0BCAA747 & _MASK
    rest = data[whole:]
    one ^= _scrambled(rest[:4], _FIRST, 15, _SECOND)
    other ^= _scrambled(rest[4:], _SECOND, 17, _FIRST)
    one ^= len(data)
    other ^= len(data)
    one = one + other & _MASK
    other = other + one & _MASK
    one, other = _mixed(one), _mixed(other)
    one = one + other & _MASK
    return (other + one & _MASK) << 32 | one


def _scrambled(lane: bytes, factor: int, turn: int, then: int) -> int:
    number = int.from_bytes(lane, "little") * factor & _MASK
    return _rotated(number, turn) * then & _MASK


def _rotated(number: int, by: int) -> int:
    return (number << by | number >> 32 - by) & _MASK


def _mixed(number: int) -> int:
    number = (number ^ number >> 16) * 0x85EBCA6B & _MASK
    number = (number ^ number >> 13) * 0xC2B2AE35 & _MASK
    return number ^ number >> 16
