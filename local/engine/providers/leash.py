"""Run a Python module as a child of the engine that ends when the engine does, kill -9 included.

    python leash.py [--outcomes] MODULE [ARGUMENT …]

The engine holds the other end of standard input; when it is gone, so is this process. With --outcomes, which is for
providers, the first line there says where to record what comes of each Create, Update and Delete before the answer
leaves, sealed with a key that is on that line too; then calls that are under way when the engine goes are finished
first, within a limit. Run by path, in the interpreter of the program: nothing of the engine is imported here.
"""

from __future__ import annotations

import base64
import fcntl
import gc
import io
import json
import os
import runpy
import sys
import threading
from typing import Any

OPERATION = "pulumi-operation"  # the metadata that numbers the engine's operations


class Outcomes:
    """The calls under way, and the file that remembers how they ended. Without a file, nothing outlives the engine."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._alone = False
        self._linger = float(settings.get("linger", 0))
        self._cipher: Any = None
        self._file = -1
        if settings.get("file"):
            self._file = os.open(
                settings["file"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._write({"pid": os.getpid(), "linger": self._linger})
            self._cipher = _cipher(base64.b64decode(settings["key"]))

    def begin(self, number: int) -> None:
        """A call starts; raises OSError if it can't be recorded, InterruptedError if the engine is gone."""
        with self._changed:
            if self._alone:
                raise InterruptedError
            self._write({"call": number})
            self._under_way += 1

    def end(self, number: int, method: str, **record: Any) -> None:
        """A call ended; `message` is what it answers."""
        message: bytes | None = record.pop("message", None)
        if message is not None and self._cipher is not None:
            nonce = os.urandom(12)
            sealed = nonce + self._cipher.encrypt(nonce, message, None)
            record["sealed"] = base64.b64encode(sealed).decode()
        with self._changed:
            try:
                self._write({"ended": number, "method": method, **record})
            except OSError:
                pass  # the engine, if it is there, hears of it all the same
            finally:
                self._under_way -= 1
                self._changed.notify_all()

    def _write(self, record: dict[str, Any]) -> None:
        if self._file >= 0:
            os.write(self._file, json.dumps(record).encode() + b"\n")

    def finish(self) -> None:
        """The engine is gone: begin nothing more, and return when what is under way has ended or takes too long."""
        with self._changed:
            self._alone = True
            self._changed.wait_for(lambda: not self._under_way, self._linger)


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    except ImportError:
        sys.stderr.write(
            "the program's interpreter has no `cryptography`: should the engine be killed, only ids are kept\n"
        )
        return None
    return AESGCM(key)


def hold(outcomes: Outcomes) -> None:
    """End this process when standard input does."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        outcomes.finish()
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="leash").start()


def _first_line() -> bytes:
    # Byte by byte: what follows the line is the leash's.
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(1)
        line += byte
    return line


class _Sturdy(io.FileIO):
    """Output that a provider may write to when nobody is left to read it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            return len(data)


def _record(outcomes: Outcomes) -> None:
    """Have every gRPC server of this process record what comes of its calls."""
    import grpc  # noqa: PLC0415
    import grpc.aio  # noqa: PLC0415

    def recording(make: Any, interceptor: Any) -> Any:
        def server(*arguments: Any, **options: Any) -> Any:
            options["interceptors"] = [interceptor, *(options.get("interceptors") or ())]
            return make(*arguments, **options)

        return server

    grpc.server = recording(grpc.server, _interceptor(outcomes))
    grpc.aio.server = recording(grpc.aio.server, _async_interceptor(outcomes))


_NOT_BEGUN = "not begun, because it can't be recorded"


def _interceptor(outcomes: Outcomes) -> Any:
    """For servers of threads."""
    import grpc  # noqa: PLC0415

    class Interceptor(grpc.ServerInterceptor):
        def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            handler, number = continuation(handler_call_details), _number_of(handler_call_details)
            method = handler_call_details.method.rpartition("/")[2]

            def call(request: Any, context: Any) -> Any:
                try:
                    outcomes.begin(number)
                except OSError as error:
                    context.abort(grpc.StatusCode.UNAVAILABLE, f"{_NOT_BEGUN}: {error}")
                record: dict[str, Any] = {"failed": True}
                try:
                    response = handler.unary_unary(request, context)
                    record = _answer(response)
                except BaseException:
                    record = _failure(context)
                    raise
                finally:
                    outcomes.end(number, method, **record)
                return response

            return _handler(handler, call) if number else handler

    return Interceptor()


def _async_interceptor(outcomes: Outcomes) -> Any:
    """For servers of asyncio."""
    import asyncio  # noqa: PLC0415

    import grpc  # noqa: PLC0415
    import grpc.aio  # noqa: PLC0415

    class Interceptor(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            handler, number = await continuation(handler_call_details), _number_of(handler_call_details)
            method = handler_call_details.method.rpartition("/")[2]

            async def recorded(request: Any, context: Any) -> Any:
                record: dict[str, Any] = {"failed": True}
                try:
                    response = await handler.unary_unary(request, context)
                    record = _answer(response)
                except BaseException:
                    record = _failure(context)
                    raise
                finally:
                    outcomes.end(number, method, **record)
                return response

            async def call(request: Any, context: Any) -> Any:
                try:
                    outcomes.begin(number)
                except OSError as error:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, f"{_NOT_BEGUN}: {error}")
                # A call whose caller is gone is cancelled: what it has begun goes on.
                return await asyncio.shield(asyncio.ensure_future(recorded(request, context)))

            return _handler(handler, call) if number else handler

    return Interceptor()


def _number_of(details: Any) -> int:
    return next((int(value) for key, value in details.invocation_metadata or () if key == OPERATION), 0)


def _handler(handler: Any, call: Any) -> Any:
    import grpc  # noqa: PLC0415

    return grpc.unary_unary_rpc_method_handler(
        call, handler.request_deserializer, handler.response_serializer
    )


def _answer(response: Any) -> dict[str, Any]:
    made = getattr(response, "id", "")
    return {"message": response.SerializeToString(), **({"id": made} if made else {})}


def _failure(context: Any) -> dict[str, Any]:
    """A failure, unless the resource is there in spite of it."""
    for key, value in context.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return {"partial": True, "message": value}
    return {"failed": True}


def main() -> None:
    """Run the module."""
    words, settings = sys.argv[1:], {}
    if words[0] == "--outcomes":
        words = words[1:]
        settings = json.loads(_first_line())
        sys.stdout = io.TextIOWrapper(_Sturdy(1, "w", closefd=False), "utf-8", write_through=True)
        sys.stderr = io.TextIOWrapper(_Sturdy(2, "w", closefd=False), "utf-8", write_through=True)
    outcomes = Outcomes(settings)
    hold(outcomes)
    # The folder of this file came first on the path; the working directory is what `python -m` has there.
    sys.path[0] = os.getcwd()  # noqa: PTH109 - pathlib costs an import
    if settings.get("file"):
        _record(outcomes)
    sys.argv = words
    gc.set_threshold(50_000, 20, 50)  # as the engine's own process: little of what is made is garbage
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
