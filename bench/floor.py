"""The least a preview of a program can take: the program alone, against a monitor that answers without thinking."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from ops.engine import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

_RUNNER = REPOSITORY / "local" / "engine" / "program" / "program_main.py"


class _Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    async def GetDeploymentInfo(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        features = [number for number in resource_pb2.ResourceMonitorFeature.values() if number]
        return resource_pb2.DeploymentInfo(
            project="cells",
            stack="floor",
            organization="organization",
            dryRun=True,
            supportedFeatures=features,
        )

    async def SupportsFeature(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=True)

    async def RegisterResource(self, request: Any, _context: Any) -> Any:  # noqa: N802
        urn = f"urn:pulumi:floor::cells::{request.type}::{request.name}"
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=f"id-of-{request.name}" if request.custom else "", object=request.object
        )

    async def RegisterResourceOutputs(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    async def SignalAndWaitForShutdown(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()


class _Engine(engine_pb2_grpc.EngineServicer):
    async def Log(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    async def SetRootResource(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return engine_pb2.SetRootResourceResponse()

    async def RequirePulumiVersion(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return engine_pb2.RequirePulumiVersionResponse()


class Floor:
    """The monitor, in a thread of this process."""

    def __init__(self) -> None:
        started = threading.Event()
        threading.Thread(target=asyncio.run, args=(self._serve(started),), daemon=True).start()
        started.wait()

    async def _serve(self, started: threading.Event) -> None:
        server = grpc.aio.server()
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(_Monitor(), server)
        engine_pb2_grpc.add_EngineServicer_to_server(_Engine(), server)
        self._address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        started.set()
        await server.wait_for_termination()

    def start(self, project: Path, python: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """The program's process, started as the engine starts it."""
        settings = {
            "address": self._address,
            "project": "cells",
            "stack": "floor",
            "organization": "organization",
            "parallel": 16,
            "preview": True,
            "config": {},
            "secret_keys": [],
            "program": str(project / "__main__.py"),
            "folder": str(project),
            "root": str(project),
        }
        process = subprocess.Popen(
            [python, "-u", str(_RUNNER)],
            cwd=project,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        process.stdin.flush()
        return process
