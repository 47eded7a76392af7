"""Sharing through a registry, from the command line to local Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique
from typer.testing import CliRunner

from ml.client import credential
from ml.resource_manager import _client  # pyright: ignore[reportPrivateUsage]
from ops import share as command
from ops.cli import app
from ops.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from conftest import Workspace
    from running_azure import LocalAzure

VERSION = "2024-10-01"


class Outputs:
    """What a stack has deployed, as ``ops.stack.Stack`` says it."""

    def __init__(self, outputs: dict[str, Any], subscription_id: str) -> None:
        self._outputs, self._subscription_id = outputs, subscription_id

    def outputs(self) -> dict[str, Any]:
        return self._outputs

    def setting(self, _key: str) -> str:
        return self._subscription_id


@pytest.fixture(scope="module")
def registry(local_azure: LocalAzure, workspace: Workspace) -> str:
    path = f"{workspace.id.rsplit('/workspaces/', 1)[0]}/registries/{unique('mlr-')}"
    local_azure.put(path, {"location": "westeurope", "properties": {}}, api_version=VERSION)
    environment = f"{workspace.id}/environments/scoring/versions/3"
    local_azure.put(environment, {"properties": {"image": "ubuntu:24.04"}}, api_version=VERSION)
    return path


@pytest.fixture
def run(
    local_azure: LocalAzure, workspace: Workspace, registry: str, monkeypatch: pytest.MonkeyPatch
) -> Generator[Callable[..., Any]]:
    """The command on a stack that has the registry and serves version 3 of a model."""
    for name, value in local_azure.env.items():
        monkeypatch.setenv(name, value)
    credential.cache_clear()
    _client.cache_clear()
    deployed: dict[str, Any] = {
        "resourceGroup": workspace.resource_group,
        "workspace": workspace.name,
        "sharedRegistry": registry.rsplit("/", 1)[1],
        "models": {"delay": {"model": "flight-delay", "version": "3"}},
    }

    def run(*words: str, **changes: Any) -> Any:
        outputs = {key: value for key, value in {**deployed, **changes}.items() if value is not None}
        monkeypatch.setattr(command, "Stack", lambda _name: Outputs(outputs, local_azure.subscription_id))
        return CliRunner().invoke(app, ["share", *words, "--stack", "dev"])

    yield run
    credential.cache_clear()
    _client.cache_clear()


def test_a_version_is_copied_once_and_named_as_others_refer_to_it(
    run: Callable[..., Any], local_azure: LocalAzure, registry: str
) -> None:
    words = ("scoring:3", "--kind", "environment", "--as", "shared-scoring:1")
    first, again = run(*words), run(*words)
    name = registry.rsplit("/", 1)[1]
    reference = f"azureml://registries/{name}/environments/shared-scoring/versions/1"
    assert (first.exit_code, first.output.splitlines()) == (0, [reference])
    assert again.exit_code == 0
    assert again.output.splitlines()[-1] == reference
    assert "already; a version never changes" in again.output
    status, _, found = local_azure.arm(
        "GET", f"{registry}/environments/shared-scoring/versions/1", api_version=VERSION
    )
    assert (status, found["properties"]["image"]) == (200, "ubuntu:24.04")


@pytest.mark.parametrize(
    ("words", "changes", "message"),
    [
        (
            ("pricing",),
            {},
            (
                "pricing: stack dev serves no model of that name (it serves: flight-delay), so its version isn't known; write "
                "pricing:VERSION"
            ),
        ),
        (("a:b:c",), {}, "'a:b:c' is no version of anything; write NAME:VERSION"),
        (
            ("flight-delay",),
            {"sharedRegistry": None},
            "stack dev: shares through no registry; name one with --registry, or write mlops:sharedRegistry and run `up`",
        ),
    ],
)
def test_what_cannot_be_shared_is_said_in_one_line(
    run: Callable[..., Any], words: tuple[str, ...], changes: dict[str, Any], message: str
) -> None:
    result = run(*words, **changes)
    assert isinstance(result.exception, Failure)
    assert str(result.exception) == message


def test_a_version_that_the_workspace_has_not_is_named(run: Callable[..., Any], workspace: Workspace) -> None:
    result = run("flight-delay")
    assert str(result.exception) == (
        f"model flight-delay:3: workspace {workspace.name} has no such version; `az ml model list -n flight-delay` lists what "
        "it has"
    )
