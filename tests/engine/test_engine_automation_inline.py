"""Inline programs of the Automation API that raise, register nothing, are coroutines or read each other's outputs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from pulumi import automation

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., automation.Stack]:
    command = automation.PulumiCommand(root=str(REPOSITORY / "local"))
    env = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_HOME": str(tmp_path / "home"),
    }

    def make(name: str, body: Callable) -> automation.Stack:
        options = automation.LocalWorkspaceOptions(
            work_dir=str(tmp_path),
            env_vars=env,
            pulumi_command=command,
            project_settings=automation.ProjectSettings("words", automation.ProjectRuntimeInfo("python")),
        )
        return automation.create_or_select_stack(name, "words", body, opts=options)

    return make


def test_what_goes_wrong_in_a_program_is_told_with_its_traceback(make) -> None:
    def raises() -> None:
        message = "the program is wrong"
        raise ValueError(message)

    def gives_up() -> None:
        message = "no more of this"
        raise pulumi.RunError(message)

    stack = make("red", raises)
    with pytest.raises(automation.InlineSourceRuntimeError) as raised:
        stack.up()
    told = str(raised.value)
    assert (
        "error: an unhandled error occurred: python inline source runtime error: the program is wrong" in told
    )
    assert "in raises" in told
    assert stack.info().result == "failed"
    with pytest.raises(automation.errors.RuntimeError, match="an unhandled error occurred: no more of this"):
        stack.preview(program=gives_up)


def test_programs_read_each_other_and_may_be_coroutines_or_nothing(make) -> None:
    async def first() -> None:
        await asyncio.sleep(0)
        pulumi.export("word", "one")
        pulumi.export("pin", pulumi.Output.secret([1, {"a": "b"}]))
        pulumi.export("letters", "ü漢<>&")

    def second() -> None:
        other = pulumi.StackReference("organization/words/first")
        pulumi.export("word", other.require_output("word"))
        pulumi.export("pin", other.get_output("pin"))
        pulumi.export("missing", other.get_output("missing"))

    def nothing() -> None:
        pass

    up = make("first", first).up()
    assert {key: (found.value, found.secret) for key, found in up.outputs.items()} == {
        "word": ("one", False),
        "pin": ([1, {"a": "b"}], True),
        "letters": ("ü漢<>&", False),
    }
    assert up.summary.environment["exec.kind"] == "auto.inline"
    assert up.summary.environment["runtime.name"] == "client"
    stack = make("second", second)
    outputs = stack.up().outputs
    assert (outputs["word"].value, outputs["pin"].value, outputs["pin"].secret) == (
        "one",
        [1, {"a": "b"}],
        True,
    )
    assert stack.preview(program=nothing).change_summary == {"same": 1, "discard": 1}
    assert stack.refresh(run_program=True).summary.resource_changes["same"]
    assert stack.destroy(run_program=True).summary.resource_changes["delete"]
