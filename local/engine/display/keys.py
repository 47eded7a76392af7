"""Keys as they are pressed at a terminal."""

from __future__ import annotations

import contextlib
import os
import select
import sys


class Keys:
    """Keys as they are pressed, without waiting for the end of a line; Ctrl-C stays what it is."""

    def __init__(self) -> None:
        self._fd: int | None = None
        try:
            import termios  # noqa: PLC0415 - not on Windows
            import tty  # noqa: PLC0415

            fd = sys.stdin.fileno()
            if not os.isatty(fd):
                return
            self._before = termios.tcgetattr(fd)
            tty.setcbreak(fd, termios.TCSANOW)
            self._fd = fd
        except (ImportError, OSError, ValueError):
            return

    def pressed(self) -> list[bytes]:
        """What was pressed since the last time."""
        if self._fd is None or not select.select([self._fd], [], [], 0)[0]:
            return []
        return split(os.read(self._fd, 1024))

    def wait(self) -> list[bytes]:
        """What is pressed next; Ctrl-D's key where nobody can press one any more."""
        if self._fd is None:
            raise EOFError
        return split(os.read(self._fd, 1024)) or [b"\x04"]

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._fd is None:
            return
        import termios  # noqa: PLC0415

        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        self._fd = None


def split(data: bytes) -> list[bytes]:
    """Single keys of what a terminal sent."""
    keys: list[bytes] = []
    while data:
        length = 1
        if data[:2] in {b"\x1b[", b"\x1bO"}:
            length = 2
            while length < len(data) and not (0x40 <= data[length] <= 0x7E):
                length += 1
            length += 1
        keys.append(data[:length])
        data = data[length:]
    return keys
