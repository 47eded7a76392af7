"""Pulumi's Automation API, unmodified, against the embedded engine."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from pulumi import automation

REPOSITORY = Path(__file__).resolve().parents[2]
PACK = str(Path(__file__).with_name("policy_pack"))
NAMES = ("red", "blue")


class Doubled(pulumi.dynamic.ResourceProvider):
    """Something that takes a moment to make, so that two stacks are at it together."""

    def create(self, props):
        return pulumi.dynamic.CreateResult(props["word"], {**props, "doubled": props["word"] * 2})


class Word(pulumi.dynamic.Resource):
    doubled: pulumi.Output[str]

    def __init__(self, name: str, word: pulumi.Input[str]) -> None:
        super().__init__(Doubled(), name, {"word": word, "doubled": None})


def program() -> None:
    config = pulumi.Config()
    pulumi.export("doubled", Word("word", config.require("word")).doubled)
    pulumi.export("token", config.require_secret("token"))
    pulumi.export("stack", pulumi.get_stack())


@pytest.fixture
def command() -> automation.PulumiCommand:
    return automation.PulumiCommand(root=str(REPOSITORY / "local"))


@pytest.fixture
def make(tmp_path: Path, command) -> Callable[..., automation.Stack]:
    """Make a stack with an inline program, in a folder of its own, all in one backend."""
    env = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_HOME": str(tmp_path / "home"),
        # Where dynamic providers find this module.
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
    }

    def make(name: str, body: Callable[[], None] = program) -> automation.Stack:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return automation.create_or_select_stack(
            name,
            project_name="words",
            program=body,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(folder),
                env_vars=env,
                pulumi_command=command,
                project_settings=automation.ProjectSettings(name="words", runtime="python"),
                stack_settings={name: automation.StackSettings(config={"words:word": name})},
            ),
        )

    return make


def _life(stack: automation.Stack) -> dict:
    """All that the API does with a stack, from the first preview to its end."""
    seen: dict = {"events": [], "lines": []}
    stack.set_all_config({"token": automation.ConfigValue("t0p5ecret", secret=True)})
    seen["preview"] = stack.preview(on_event=seen["events"].append).change_summary
    up = stack.up(on_event=seen["events"].append, on_output=seen["lines"].append)
    seen["up"], seen["outputs"] = up.summary.resource_changes, up.outputs
    seen["refresh"] = stack.refresh().summary.resource_changes
    seen["destroy"] = stack.destroy(on_output=seen["lines"].append).summary.resource_changes
    stack.workspace.remove_stack(stack.name)
    return seen


def test_two_stacks_with_inline_programs_live_side_by_side_in_one_process(make, tmp_path) -> None:
    lives: dict[str, dict] = {}

    def live(name: str) -> None:
        lives[name] = _life(make(name))

    threads = [threading.Thread(target=live, args=(name,)) for name in NAMES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in NAMES:
        seen = lives[name]
        assert (seen["preview"], seen["up"]) == ({"create": 2}, {"create": 2})
        assert (seen["refresh"], seen["destroy"]) == ({"same": 2}, {"delete": 2})
        assert {key: found.value for key, found in seen["outputs"].items()} == {
            "doubled": name * 2,
            "token": "t0p5ecret",
            "stack": name,
        }
        assert seen["outputs"]["token"].secret
        summaries = [event.summary_event for event in seen["events"] if event.summary_event]
        assert [summary.resource_changes for summary in summaries] == [{"create": 2}, {"create": 2}]
        assert any(f"Updating ({name})" in line for line in seen["lines"])
        assert "t0p5ecret" not in "\n".join(seen["lines"])
    kept = [path.read_text() for path in (tmp_path / ".pulumi").rglob("*.json")]
    assert kept
    assert not any("t0p5ecret" in text for text in kept)


def test_an_inline_program_that_raises_is_told_as_its_own(make) -> None:
    def broken() -> None:
        message = "the program is wrong"
        raise ValueError(message)

    with pytest.raises(automation.InlineSourceRuntimeError, match="the program is wrong"):
        make("red", broken).up()


def test_policy_packs_judge_inline_programs(make, tmp_path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text('{"few": {"enforcementLevel": "mandatory", "most": 0}}')
    events: list[automation.events.EngineEvent] = []

    def body() -> None:
        pulumi.export("word", Word("a", "red").doubled)

    with pytest.raises(automation.CommandError, match="1 things in the stack"):
        make("red", body).preview(
            policy_packs=[PACK], policy_pack_configs=[str(settings)], on_event=events.append
        )
    told = [event.policy_event for event in events if event.policy_event]
    assert {(found.policy_name, found.enforcement_level) for found in told} == {("few", "mandatory")}


def test_the_workspace_answers_as_tools_expect(make, command) -> None:
    stack = make("red")
    assert str(command.version).startswith("3.")
    assert stack.workspace.who_am_i().url.startswith("file://")
    assert [found.name for found in stack.workspace.list_stacks()] == ["red"]
    stack.set_config("token", automation.ConfigValue("t0p5ecret", secret=True))
    assert stack.get_all_config()["words:token"].secret
    stack.workspace.install_plugin("azure-native", "v3.29.0")
    assert stack.workspace.list_plugins() == []
    with pytest.raises(automation.StackNotFoundError):
        automation.select_stack(
            "blue",
            project_name="words",
            program=program,
            opts=automation.LocalWorkspaceOptions(
                work_dir=stack.workspace.work_dir,
                env_vars=stack.workspace.env_vars,
                pulumi_command=command,
            ),
        )
