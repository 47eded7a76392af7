"""What the Automation API does with a workspace besides operations: settings, configuration, tags, names, state, plugins."""

from pathlib import Path

import pytest
from pulumi import automation
from pulumi.automation import ConfigValue

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def command() -> automation.PulumiCommand:
    return automation.PulumiCommand(root=str(REPOSITORY / "local"))


@pytest.fixture
def dev(stack, command) -> automation.Stack:
    opts = automation.LocalWorkspaceOptions(env_vars={**stack.env, **stack.warm}, pulumi_command=command)
    return automation.select_stack("dev", work_dir=str(stack.program), opts=opts)


def test_configuration_goes_in_and_comes_out_as_it_was(dev) -> None:
    dev.set_all_config({"a": ConfigValue("x=y"), "other:pin": ConfigValue("1234", secret=True)})
    dev.set_all_config({"o.list[0]": ConfigValue("1"), "o.pin": ConfigValue("4321", secret=True)}, path=True)
    dev.set_all_config_json('{"conformance:j": {"value": "v", "secret": true}}')
    dev.set_config("dash", ConfigValue("-x --y"))
    assert dev.get_config("dash").value == "-x --y"
    pin = dev.get_config("o.pin", path=True)
    assert (pin.value, pin.secret) == ("4321", True)
    dev.remove_config("o.list[0]", path=True)
    dev.remove_all_config(["dash"])
    assert {key: found.value for key, found in dev.get_all_config().items()} == {
        "conformance:a": "x=y",
        "conformance:j": "v",
        "conformance:o": '{"list":[],"pin":"4321"}',
        "other:pin": "1234",
    }
    with pytest.raises(automation.CommandError, match="unexpected end of JSON input"):
        dev.set_all_config_json("{")
    with pytest.raises(automation.CommandError, match="no previous deployment"):
        dev.refresh_config()
    settings = dev.workspace.stack_settings("dev")
    settings.config["conformance:new"] = "n"
    dev.workspace.save_stack_settings("dev", settings)
    project = dev.workspace.project_settings()
    project.description = "what it is"
    dev.workspace.save_project_settings(project)
    assert dev.get_config("new").value == "n"


def test_stacks_have_tags_names_and_states(dev) -> None:
    dev.set_tag("team", "ml ops")
    assert (dev.get_tag("team"), dev.list_tags()["team"]) == ("ml ops", "ml ops")
    dev.remove_tag("team")
    assert "team" not in dev.list_tags()
    state = dev.export_stack()
    dev.import_stack(state)
    for version, resources, told in (
        (99, [], "the stack 'dev' is newer than what this version of the Pulumi CLI understands"),
        (3, [{"urn": "x", "type": "a:b:C", "id": "1"}], "resource 'x' has 'custom' false but non-empty ID"),
    ):
        with pytest.raises(automation.CommandError, match=told):
            dev.import_stack(automation.Deployment(version, {"resources": resources}))
    assert dev.rename("new").summary is None
    assert [(found.name, found.current) for found in dev.workspace.list_stacks()] == [("new", True)]
    dev.cancel()
    dev.workspace.remove_stack("new", preserve_config=True)
    assert Path(dev.workspace.work_dir, "Pulumi.new.yaml").exists()
    with pytest.raises(automation.StackNotFoundError):
        dev.workspace.select_stack("new")


def test_installing_checks_what_is_there(dev) -> None:
    workspace, lines = dev.workspace, []
    workspace.install(on_output=lines.append, reinstall=True)
    assert "Nothing to install" in "\n".join(lines)
    workspace.remove_plugin("azure-native", "3.29.0")
    required = Path(workspace.work_dir, "requirements.txt")
    required.write_text("pulumi>=3  # the SDK\nno-such-package==1\nother; python_version < '3'\n")
    with pytest.raises(automation.CommandError, match=r"no-such-package==1; run `.* -m pip install -r "):
        workspace.install()
    workspace.install(no_dependencies=True)
    with pytest.raises(automation.CommandError, match="--use-language-version-tools"):
        workspace.install(use_language_version_tools=True)
    for refused in (
        lambda: dev.add_environments("a"),
        dev.list_environments,
        lambda: workspace.new("python"),
    ):
        with pytest.raises(automation.CommandError, match="is not supported by the embedded engine"):
            refused()
