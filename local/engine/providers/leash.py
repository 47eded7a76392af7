"""Run a Python module as a child of the engine that ends when the engine does, kill -9 included.

    python leash.py MODULE [ARGUMENT …]

The engine holds the other end of standard input; when it is gone, so is this process. Run by path, in the interpreter
of the program: nothing of the engine is imported here.
"""

import os
import runpy
import sys
import threading


def hold() -> None:
    """End this process when standard input does."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="leash").start()


if __name__ == "__main__":
    hold()
    module, sys.argv = sys.argv[1], sys.argv[1:]
    # The folder of this file came first on the path; the working directory is what `python -m` has there.
    sys.path[0] = os.getcwd()  # noqa: PTH109 - pathlib costs an import
    runpy.run_module(module, run_name="__main__", alter_sys=True)
