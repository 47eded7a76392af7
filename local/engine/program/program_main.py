"""Runs a Pulumi program against an engine; in the program's own interpreter, by path: only the SDK is imported here.

The first line of standard input is JSON: where the engine is and what to run. The rest of it is a leash: when it ends,
the engine is gone and this process goes too.
"""

import asyncio
import contextlib
import gc
import inspect
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

sys.path.pop(0)  # this file's folder is the engine's, not the program's

# Nothing that is imported, and little of what a program registers, is garbage before its end. Looking for it as often as
# Python would takes a third of the SDK's time.
gc.disable()

import pulumi  # noqa: E402
import pulumi.runtime  # noqa: E402

_ERROR_SHOWN = 32  # tells the engine that there is nothing more to say


def _read_line() -> bytes:
    # Byte by byte: what follows the line is the leash's.
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(1)
        line += byte
    return line


def _hold() -> None:
    import threading  # noqa: PLC0415

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="leash").start()


def _user_traceback(program: str) -> str:
    """The traceback from the program's own first frame on."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    for index, frame in enumerate(frames):
        if os.path.abspath(frame.filename) == program:  # noqa: PTH100
            return traceback.format_exc(limit=index - len(frames))
    return traceback.format_exc()


def _silence_sdk() -> None:
    """Drop the SDK's own debug messages: it waits for the engine's answer to each of several per resource."""
    debug: Any = pulumi.log.debug

    def user_debug(*args: Any, **named: Any) -> None:
        frame = inspect.currentframe()
        caller = frame.f_back.f_globals.get("__name__", "") if frame and frame.f_back else ""
        if not caller.startswith("pulumi."):
            debug(*args, **named)

    pulumi.log.debug = user_debug


def main() -> int:
    """Run the program; returns the exit code."""
    settings = json.loads(_read_line())
    _hold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
    os.chdir(settings["folder"])
    sys.path.insert(0, settings["folder"])
    program = settings["program"]
    sys.argv = [program]
    if not settings.get("debug"):
        _silence_sdk()
    pulumi.runtime.set_all_config(settings["config"], settings["secret_keys"])
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            monitor=settings["address"],
            engine=settings["address"],
            project=settings["project"],
            stack=settings["stack"],
            parallel=settings["parallel"],
            dry_run=settings["preview"],
            organization=settings["organization"],
            root_directory=settings["root"],
        )
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(settings["parallel"], 1) * 4)
    loop.set_default_executor(executor)
    # A program that fails leaves futures nobody awaits; asyncio's complaints about them help nobody.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
    except pulumi.RunError as error:
        with contextlib.suppress(Exception):  # an engine that has ended already wants to hear nothing
            pulumi.log.error(str(error))
        return 1
    except Exception:  # noqa: BLE001 - whatever the program raised is shown as its own
        with contextlib.suppress(Exception):
            pulumi.log.error("Program failed with an unhandled exception:\n" + _user_traceback(program))
        return _ERROR_SHOWN
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    # Threads that wait for an engine that has stopped answering must not keep the process.
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
