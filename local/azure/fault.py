"""Which request or long operation fails on request, and how. Pure: what was asked for, a seed and a count decide.

A request meets at most one fault: it is throttled, fails, is dropped before any work, or its answer is lost after the work.
A long operation may take longer, and may fail late. The n-th request of one method to one address meets the same fault
whenever the seed is the same, whatever comes in between: runs of a program can be repeated though their requests overlap.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Where clients sign in: nothing else works without it.
_LOGIN = "login.microsoftonline.com"


class FaultError(ValueError):
    """What was asked for can't be: the message says what to write instead."""


class Fault(StrEnum):
    """What can happen to a request."""

    #: 429 with ``Retry-After``; from storage 503 ``ServerBusy``
    THROTTLE = "throttle"
    #: 500 or 503 without any work done
    ERROR = "error"
    #: the connection ends before any work is done
    DROP = "drop"
    #: the work is done, and the connection ends before the answer
    LOST = "lost"


#: What can happen to a long operation: it takes ``delay`` seconds longer; it ends as ``Failed``.
SLOW, LATE = "slow", "late"
KINDS = (*(fault.value for fault in Fault), SLOW, LATE)


@dataclass(frozen=True)
class Faults:
    """What was asked for. Rates are fractions: of requests, for ``slow`` and ``late`` of long operations."""

    throttle: float = 0
    error: float = 0
    drop: float = 0
    lost: float = 0
    slow: float = 0
    late: float = 0
    seed: int = 0
    #: how many seconds longer a slow operation takes
    delay: float = 5
    #: what ``Retry-After`` says, in seconds
    retry_after: int = 1
    #: patterns of ``HOST/PATH`` or ``METHOD HOST/PATH``, without case; empty: everything but signing in
    only: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether anything is to fail."""
        return any(getattr(self, kind) for kind in KINDS)

    def covers(self, method: str, address: str) -> bool:
        """Whether a request, or an operation that one began, may meet a fault; signing in only where it is named."""
        address = address.lower()
        if address.startswith(f"{_LOGIN}/"):
            return any(_LOGIN in glob.lower() and _matches(glob, method, address) for glob in self.only)
        return not self.only or any(_matches(glob, method, address) for glob in self.only)

    def request(self, method: str, address: str, count: int) -> tuple[Fault, float] | None:
        """The fault that the ``count``-th request of a method to an address meets, with a second draw to choose its shape."""
        if not self.covers(method, address):
            return None
        drawn = self._draw("request", method, address, count)
        reach = 0.0
        for fault in Fault:
            rate = getattr(self, fault.value)
            if reach <= drawn < reach + rate:
                return fault, (drawn - reach) / rate
            reach += rate
        return None

    def operation(self, method: str, address: str, count: int) -> tuple[float, bool]:
        """How many seconds longer the ``count``-th long operation on a resource takes, and whether it ends as ``Failed``."""
        if not self.covers(method, address):
            return 0, False
        slow = self._draw(SLOW, method, address, count) < self.slow
        late = self._draw(LATE, method, address, count) < self.late
        return (self.delay if slow else 0), late

    def _draw(self, *of: object) -> float:
        text = "\n".join(str(one).lower() for one in (self.seed, *of))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest()) / (1 << 56)

    def text(self) -> str:
        """As it is kept in the file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def sentence(self) -> str:
        """What is to fail, in one line."""
        rates = [f"{kind} {getattr(self, kind):.3g}" for kind in KINDS if getattr(self, kind)]
        if not rates:
            return "none"
        where = f"; only {', '.join(self.only)}" if self.only else ""
        return f"{', '.join(rates)} (seed {self.seed}{where})"


def _matches(glob: str, method: str, address: str) -> bool:
    pattern = glob.lower().replace("https://", "")
    return fnmatchcase(address, pattern) or fnmatchcase(f"{method.lower()} {address}", pattern)


def asked(before: Faults, rates: Iterable[str], **settings: Any) -> Faults:
    """``before`` with what a command line asks for: ``KIND=RATE``, and settings that aren't None.

    ``all=RATE`` shares RATE evenly among what can happen to a request, and gives half of it to each of slow and late.

    Raises:
        FaultError: a kind, a rate or a setting can't be.
    """
    found: dict[str, Any] = {}
    for text in rates:
        kind, _, number = text.partition("=")
        try:
            rate = float(number)
        except ValueError:
            rate = -1
        if kind not in (*KINDS, "all") or not 0 <= rate <= 1:
            raise FaultError(
                f"'{text}' is no fault; write KIND=RATE, a fraction from 0 to 1, KIND one of {', '.join(KINDS)}, all."
            )
        if kind == "all":
            found |= {fault.value: rate / len(Fault) for fault in Fault} | {SLOW: rate / 2, LATE: rate / 2}
        else:
            found[kind] = rate
    return checked(replace(before, **found, **{k: v for k, v in settings.items() if v is not None}))


def checked(faults: Faults) -> Faults:
    """The same.

    Raises:
        FaultError: they can't be.
    """
    if sum(getattr(faults, fault.value) for fault in Fault) > 1 + 1e-9:
        names = ", ".join(fault.value for fault in Fault)
        raise FaultError(f"A request meets one fault at most: the rates of {names} may sum to 1, no more.")
    if not (0 <= faults.delay <= 3600 and 0 <= faults.retry_after <= 3600):
        raise FaultError("--delay and --retry-after are seconds, from 0 to 3600.")
    return faults


def read(text: str) -> Faults:
    """What a file says.

    Raises:
        FaultError: nothing that could be asked for.
    """
    try:
        values: Mapping[str, Any] = json.loads(text)
        found = asked(Faults(), [f"{kind}={values.get(kind, 0)}" for kind in KINDS])
        return checked(
            replace(
                found,
                seed=int(values.get("seed", 0)),
                delay=float(values.get("delay", Faults.delay)),
                retry_after=int(values.get("retry_after", Faults.retry_after)),
                only=tuple(str(glob) for glob in values.get("only", ())),
            )
        )
    except FaultError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        raise FaultError(f"The file of faults can't be read ({error}).") from None
