"""``python -m local.provider``: serves the provider, prints its port as Pulumi's plugins do, ends with its engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from local.engine.start import prepare

prepare()  # before anything imports the SDK, half of what starting takes: its stubs are all that is needed

import grpc.aio  # noqa: E402
from pulumi.runtime.proto import provider_pb2_grpc  # noqa: E402

from local.provider.servicer import Servicer  # noqa: E402

_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_PARENT_CHECK_SECONDS = 1.0


async def serve() -> None:
    """Until the engine ends this process, or ends itself."""
    server = grpc.aio.server(options=_OPTIONS)
    servicer = Servicer()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    if "--leashed" in sys.argv:
        await ended.wait()  # the leash ends this process, after what is under way
    else:
        await _end_with(os.getppid(), ended)
    await server.stop(grace=None)
    await servicer.close()


async def _end_with(parent: int, ended: asyncio.Event) -> None:
    # an engine that was killed tells nobody; its children get another parent
    while os.getppid() == parent and not ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _PARENT_CHECK_SECONDS)
    ended.set()


if __name__ == "__main__":
    asyncio.run(serve())
