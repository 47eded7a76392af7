"""Which batch endpoint a model has: what the outputs of a stack say."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.engine import REPOSITORY, EngineError, choose
from ops.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Target:
    """A batch endpoint. No name: the one of the model."""

    subscription: str | None
    resource_group: str
    workspace: str
    endpoint: str | None


def deployed(stack: str | None, model: str, subscription_id: str | None, endpoint: str | None) -> Target:
    """Where a stack says that a model is deployed."""
    outputs = json.loads(_engine("stack", "output", "--json", stack=stack) or "{}")
    called = f"stack {stack}" if stack else "the selected stack"
    if not outputs.get("workspace"):
        raise Failure(
            f"{called} has deployed no workspace, so there is nothing to score with; run `up` first, or name one with "
            "--resource-group and --workspace",
            code=2,
        )
    models: Mapping[str, Any] = outputs.get("models") or {}
    if endpoint is None and model not in models:
        raise Failure(
            f"{called} has no model {model}; write one of: {', '.join(sorted(models)) or 'none yet'}", code=2
        )
    if subscription_id is None:
        subscription_id = _engine("config", "get", "azure-native:subscriptionId", stack=stack, optional=True)
    return Target(
        subscription_id or None,
        outputs["resourceGroup"],
        outputs["workspace"],
        endpoint or models[model]["batchEndpoint"],
    )


def _engine(*words: str, stack: str | None, optional: bool = False) -> str:
    """What an engine's command prints; empty where an ``optional`` one fails."""
    try:
        engine = choose(os.environ)
    except EngineError as error:
        raise Failure(str(error), code=2) from None
    place = Path.cwd() if (Path.cwd() / "Pulumi.yaml").is_file() else REPOSITORY
    chosen = ["--stack", stack] if stack else []
    command = [str(engine.executable), *words, "--non-interactive", *chosen]
    ran = subprocess.run(  # noqa: S603 (the engine, our own arguments)
        command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if ran.returncode and not optional:
        said = [" ".join(line.split()) for line in ran.stderr.splitlines() if line.strip()]
        reason = (said or ["the engine ended without a word"])[-1].removeprefix("error: ")
        raise Failure(
            f"`pulumi {' '.join(words)}` failed: {reason}; name a stack with --stack, or a workspace with --resource-group "
            "and --workspace",
            code=2,
        )
    return "" if ran.returncode else ran.stdout.strip()
