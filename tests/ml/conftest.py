"""One workspace of local Azure with a trained model, for all tests that call providers."""

import pytest
import workspace_world


@pytest.fixture(scope="module")
def azure_shell(local_azure):
    """The variables of a client of local Azure while a module's tests run."""
    with workspace_world.environment(local_azure.env):
        yield


@pytest.fixture(scope="session")
def world(local_azure, workspace):
    with workspace_world.environment(local_azure.env):
        return workspace_world.build(local_azure, workspace.resource_group, workspace.name)


@pytest.fixture(scope="session")
def trained(local_azure, world, tmp_path_factory):
    with workspace_world.environment(local_azure.env):
        return workspace_world.train(world, tmp_path_factory.mktemp("tiny"))
