"""Calling back into the program: transforms and hooks are functions of it that it serves over gRPC."""

from __future__ import annotations

from typing import Any

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc

from local.engine.providers.provider import CHANNEL_OPTIONS


class CallbackError(Exception):
    """What a callback answered instead of a result."""


class Callbacks:
    """Clients of the servers a program runs for its callbacks, each opened once."""

    def __init__(self) -> None:
        self._stubs: dict[str, Any] = {}

    async def call(self, callback: Any, request: Any) -> bytes:
        """Have a callback answer a request; raises CallbackError with what it says instead."""
        stub = self._stubs.get(callback.target)
        if stub is None:
            channel = grpc.aio.insecure_channel(callback.target, options=CHANNEL_OPTIONS)
            stub = self._stubs[callback.target] = callback_pb2_grpc.CallbacksStub(channel)
        try:
            answer = await stub.Invoke(
                callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString())
            )
        except grpc.aio.AioRpcError as error:
            raise CallbackError(error.details() or error.code().name) from error
        return answer.response
