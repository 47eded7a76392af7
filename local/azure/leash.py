"""Runs a command that ends when its holder does, kill -9 included.

    python -I -S leash.py COMMAND [ARGUMENT …]

The holder keeps the other end of standard input. This process leads the command's process group: what reaches the group
reaches the command; when standard input ends, the group gets SIGTERM and, five seconds later, SIGKILL. Exits as the
command does (128 + N if signal N ended it). Standard library only, and little of it: it starts with every child.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

_GRACE = 5.0
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    # Linux only: should somebody kill this very process, the command goes too.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _follow_holder() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGTERM)
    # A timer of its own: the main thread may be leaving already.
    threading.Event().wait(_GRACE)
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Runs the command; returns its exit code."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    # The group's signals are for the command.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        process = subprocess.Popen(  # noqa: S603 (our own command)
            sys.argv[1:],
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no threads yet)
        )
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]}: {error.strerror}\n")
        return 127
    threading.Thread(target=_follow_holder, daemon=True).start()
    code = process.wait()
    # What the command left behind goes with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(0, signal.SIGTERM)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
