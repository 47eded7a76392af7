"""Every operation of the Automation API with every keyword it has, on a program in a folder."""

import inspect
import json
import platform
from pathlib import Path

import pytest
from pulumi import automation
from pulumi.automation import ConfigValue

REPOSITORY = Path(__file__).resolve().parents[2]
PACK = str(Path(__file__).with_name("policy_pack"))
ROOT = "urn:pulumi:dev::conformance::"
G, A, B = (f"{ROOT}conformance:index:{name}" for name in ("Group::g", "Group::a", "Group::b"))
# What only the official CLI has.
REFUSED = {
    "plan": "--plan",
    "tracing": "--tracing",
    "attach_debugger": "--attach-debugger",
}
PROGRAM = """
config = pulumi.Config()
g = Group("g")
a = Group("a", Opts(protect=config.get_bool("protect"), depends_on=[g]))
b = Group("b", Opts(depends_on=[a]))
pulumi.log.warn("look out")
pulumi.export("text", config.get("text"))
pulumi.export("pin", config.require_secret("pin"))
pulumi.export("nested", {"pin": pulumi.Output.secret("4321"), "list": [1, 2.5, None, True]})
"""


@pytest.fixture(scope="module")
def command() -> automation.PulumiCommand:
    return automation.PulumiCommand(root=str(REPOSITORY / "local"))


@pytest.fixture
def dev(stack, command) -> automation.Stack:
    stack.write_program(PROGRAM)
    opts = automation.LocalWorkspaceOptions(env_vars={**stack.env, **stack.warm}, pulumi_command=command)
    made = automation.select_stack("dev", work_dir=str(stack.program), opts=opts)
    made.set_all_config({"text": ConfigValue("one"), "pin": ConfigValue("1234", secret=True)})
    return made


class Seen:
    """What an operation tells while it runs."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.events: list[automation.events.EngineEvent] = []

    @property
    def keywords(self) -> dict:
        return {"on_output": self.out.append, "on_error": self.err.append, "on_event": self.events.append}

    def told(self, kind: str) -> list:
        return [event.__dict__[kind] for event in self.events if event.__dict__[kind]]


QUIET = {
    "color": "never",
    "log_flow": True,
    "log_verbosity": 1,
    "log_to_std_err": False,
    "suppress_outputs": True,
    "suppress_progress": True,
    "parallel": 1,
    "message": "why",
}


class Calls:
    """Calls operations, and keeps which keywords each has had."""

    def __init__(self, stack: automation.Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.used: dict[str, set[str]] = {}
        self.other = folder / "other.yaml"
        self.other.write_text(
            Path(stack.workspace.work_dir, "Pulumi.dev.yaml").read_text().replace("one", "other")
        )
        self.few = folder / "few.json"
        self.few.write_text('{"few": {"enforcementLevel": "mandatory", "most": 100}}')

    def __call__(self, name: str, **keywords):
        self.used.setdefault(name, set()).update(keywords)
        return getattr(self.stack, name)(**keywords)


def test_every_keyword_of_every_operation(dev, tmp_path) -> None:
    call = Calls(dev, tmp_path)
    _refusals(call)
    assert dev.info() is None
    _previews(call)
    _updates(call)
    _refreshes(call)
    _destroys(call)
    assert dev.workspace.list_stacks() == []
    for name, keywords in call.used.items():
        assert keywords == set(inspect.signature(getattr(dev, name)).parameters), name


def _refusals(call: Calls) -> None:
    for name in ("up", "preview", "refresh", "preview_refresh", "destroy", "preview_destroy"):
        known = inspect.signature(getattr(call.stack, name)).parameters
        for keyword in REFUSED.keys() & known.keys():
            flag = "--save-plan" if (name, keyword) == ("preview", "plan") else REFUSED[keyword]
            with pytest.raises(automation.CommandError, match=f"{flag} of .* is not supported by"):
                call(name, **{keyword: True if keyword == "attach_debugger" else "x"})


def _previews(call: Calls) -> None:
    seen, imports = Seen(), call.folder / "imports.json"
    preview = call("preview", **QUIET, **seen.keywords, diff=True, debug=True, import_file=str(imports), run_program=False,
                   refresh=True, config_file=str(call.other), policy_packs=[PACK], policy_pack_configs=[str(call.few)],
                   program=None)  # fmt: skip
    assert preview.change_summary == {"create": 4}
    assert {row["name"] for row in json.loads(imports.read_text())["resources"]} >= {"g", "a", "b"}
    assert seen.out == preview.stdout.splitlines()
    assert any("look out" in told.message for told in seen.told("diagnostic_event"))
    assert [told.resource_changes for told in seen.told("summary_event")] == [{"create": 4}]
    assert len(seen.told("prelude_event")) == len(seen.told("cancel_event")) == 1
    assert "4321" not in preview.stdout + str([vars(event) for event in seen.events])
    with pytest.raises(automation.CommandError, match="no changes were expected"):
        call("preview", expect_no_changes=True)


def _updates(call: Calls) -> None:
    seen = Seen()
    up = call("up", **{**QUIET, "color": "always", "suppress_outputs": False}, **seen.keywords, diff=True, debug=False,
              show_secrets=False, continue_on_error=True, refresh=True, run_program=True, program=None,
              policy_packs=[PACK], policy_pack_configs=[str(call.few)])  # fmt: skip
    assert "\x1b[" in up.stdout
    assert up.summary.resource_changes == {"create": 4}
    assert (up.summary.kind, up.summary.message, up.summary.result) == ("update", "why", "succeeded")
    assert up.summary.config["conformance:pin"].value == "[secret]"
    assert {key: (found.value, found.secret) for key, found in up.outputs.items()} == {
        "text": ("one", False),
        "pin": ("1234", True),
        "nested": ({"pin": "4321", "list": [1, 2.5, None, True]}, False),
    }
    before = seen.told("resource_pre_event")
    assert {told.metadata.op for told in before} == {"create"}
    assert {told.metadata.new.urn for told in before} >= {G, A, B}
    assert seen.told("res_outputs_event")[-1].metadata.new.outputs["pin"]["ciphertext"] == "[secret]"
    _circumstances(up.summary.environment)

    up = call("up", target=[A], target_dependents=True, replace=[A], config_file=str(call.other))
    assert up.summary.resource_changes["same"]
    up = call("up", exclude=[A], exclude_dependents=True, config_file=str(call.other))
    assert up.outputs["text"].value == "other"
    assert call("up", expect_no_changes=True).summary.resource_changes == {"same": 4}
    preview = call("preview", target=[A], target_dependents=True, replace=[A], color="never")
    assert sum(preview.change_summary.values()) > 1
    assert call("preview", exclude=[A], exclude_dependents=True, json=True).change_summary["same"]


def _circumstances(told) -> None:
    assert told["exec.kind"] == "auto.local"
    assert (told["pulumi.flag.diff"], told["pulumi.flag.message"]) == ("true", "set")
    assert (told["pulumi.flag.yes"], told["pulumi.flag.run-program"]) == ("true", "true")
    assert (told["pulumi.env.PULUMI_CONFIG_PASSPHRASE"], told["pulumi.env.PULUMI_DEBUG_COMMANDS"]) == (
        "set",
        "true",
    )
    assert told["runtime.executable"].endswith("bin/python")
    assert (told["runtime.name"], told["runtime.version"]) == ("python", platform.python_version())
    assert (told["updatePlan"], told["stack.environments"]) == ("false", "[]")


def _refreshes(call: Calls) -> None:
    for name in ("refresh", "preview_refresh"):
        seen = Seen()
        done = call(name, **QUIET, **seen.keywords, target=[A], target_dependents=True, expect_no_changes=True,
                    clear_pending_creates=True, debug=False, diff=True, show_secrets=False, run_program=False,
                    config_file=str(call.other), program=None)  # fmt: skip
        assert seen.told("summary_event")
        assert seen.out == done.stdout.splitlines()
        assert done.stderr == ""
    done = call("preview_refresh", exclude=[A], exclude_dependents=True)
    assert set(done.change_summary) == {"same"}
    call("refresh", exclude=[A], exclude_dependents=True, preview_only=True)
    assert [row.kind for row in call.stack.history(page_size=2, page=1)] == ["refresh", "update"]
    assert [row.kind for row in call.stack.history(page_size=1, page=2, show_secrets=False)] == ["update"]


def _destroys(call: Calls) -> None:
    call.stack.set_config("protect", ConfigValue("true"))
    call.stack.up()
    preview = call("preview_destroy", **QUIET, **Seen().keywords, target=[B], target_dependents=True, debug=False,
                   diff=True, show_secrets=False, continue_on_error=True, remove=False, refresh=True, run_program=False,
                   config_file=str(call.other), program=None)  # fmt: skip
    assert preview.change_summary["delete"] == 1
    assert "delete" in call("preview_destroy", exclude_protected=True).change_summary
    call("destroy", preview_only=True, target=[B], target_dependents=True)
    with pytest.raises(automation.CommandError, match="protected"):
        call.stack.destroy()
    call("destroy", exclude_protected=True)
    assert A in {row["urn"] for row in call.stack.export_stack().deployment["resources"]}
    call.stack.set_config("protect", ConfigValue("false"))
    call.stack.up()
    done = call("destroy", **QUIET, **Seen().keywords, debug=False, diff=True, show_secrets=False, continue_on_error=True,
                remove=True, refresh=True, run_program=False, config_file=str(call.other), program=None)  # fmt: skip
    assert done.summary.result == "succeeded"
