"""Runs the engine's command line and kills it at a chosen moment: python killable.py ARGUMENT …

    KILL_AT        the n-th moment counts, from 1; 0 or a number that isn't reached: it runs to its end
    KILL_CHILDREN  1: what it started is killed before it
    KILL_COUNTED   file for the number of moments that there were

A moment is just before or after anything reaches the disk or a provider; a write can also be cut in half.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

import psutil

from local.engine import start

start.prepare()

from local.engine import cli  # noqa: E402 - a process like the engine's own
from local.engine.providers import provider  # noqa: E402
from local.engine.state import journal  # noqa: E402

_AT = int(os.environ.get("KILL_AT", "0"))
_seen = itertools.count(1)


def _die() -> None:
    if os.environ.get("KILL_CHILDREN") == "1":
        for child in psutil.Process().children(recursive=True):
            child.kill()
    os.kill(os.getpid(), signal.SIGKILL)


def _moment() -> bool:
    return next(_seen) == _AT


def _around(owner, name: str) -> None:
    original = getattr(owner, name)

    def called(*arguments, **options):
        if _moment():
            _die()
        result = original(*arguments, **options)
        if _moment():
            _die()
        return result

    setattr(owner, name, called)


def _torn(write):
    def called(file, data, offset) -> None:
        if _moment():
            write(file, data[: len(data) // 2], offset)
            _die()
        write(file, data, offset)
        if _moment():
            _die()

    return called


def _around_calls(call):
    async def called(self, method, request):
        if _moment():
            _die()
        try:
            return await call(self, method, request)
        finally:
            if _moment():
                _die()

    return called


def main() -> int:
    journal._write_at = _torn(journal._write_at)
    provider.Provider._call = _around_calls(provider.Provider._call)
    for owner, name in (
        (Path, "replace"),
        (Path, "unlink"),
        (os, "link"),
        (os, "fsync"),
        (journal, "_fdatasync"),
    ):
        _around(owner, name)
    try:
        return cli.main()
    finally:
        if counted := os.environ.get("KILL_COUNTED"):
            Path(counted).write_text(str(next(_seen) - 1))


if __name__ == "__main__":
    sys.exit(main())
