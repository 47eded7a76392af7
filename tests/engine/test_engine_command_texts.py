"""What commands say where something is wrong, and how they print; most of it in this process.

The texts were recorded with the official CLI 3.260.
"""

import json
import os
from pathlib import Path

import pytest

from local.engine import cli
from local.engine.command.printing import table
from local.engine.command.shell_quote import quoted
from local.engine.command.suggestion import suggestions
from local.engine.command.table import COMMANDS
from local.engine.display.events import Stream
from local.engine.display.json_summary import JsonSummary
from local.engine.display.options import DisplayOptions
from local.engine.property_value import Secret
from local.engine.state import checkpoint, passphrase, resource_state
from local.engine.state.resource_state import ResourceState
from local.engine.steps import step as op
from local.engine.steps.step import Step

URN = "urn:pulumi:dev::conformance::pulumi:pulumi:Stack::conformance-dev"
INCORRECT = (
    "failed to decrypt: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase or set "
    "PULUMI_CONFIG_PASSPHRASE_FILE to a file containing the passphrase"
)
NONE = (
    'constructing secrets manager of type "passphrase": constructing secrets manager: passphrase must be set with '
    "PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables"
)


@pytest.mark.parametrize(
    ("path", "words", "meant"),
    [
        ("", ["stck"], ["pulumi stack"]),
        ("", ["lgin"], ["pulumi login", "pulumi plugin"]),
        ("", ["destory"], ["pulumi destroy"]),
        ("", ["export"], ["pulumi stack export", "pulumi import"]),
        ("stack", ["slect"], ["pulumi stack select"]),
        ("stack tag", ["st", "a", "b"], ["pulumi stack tag set"]),
        ("", ["xyz"], []),
    ],
)
def test_what_a_wrong_word_may_have_meant_is_said(path: str, words: list[str], meant: list[str]) -> None:
    assert suggestions(path, words, COMMANDS) == meant


def test_a_wrong_word_is_told_with_what_it_may_have_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stack", "tag", "gt", "a"]) == 1
    assert capsys.readouterr().err == (
        'error: unknown command "gt" for "pulumi stack tag"\n\nDid you mean this?\n\tpulumi stack tag get\n\n'
        "Run 'pulumi stack tag --help' for usage.\n"
    )


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("a=b,c:d/e.f-g_h@i%j+k", "a=b,c:d/e.f-g_h@i%j+k"),
        ("", "''"),
        ("#no", "#no"),
        ('{"k":"v<x>&"}', r"\{\"k\":\"v\<x\>\&\"}"),
        ("a\nb\tc", "'a\nb\tc'"),
        ("'start end'", r"\''start end'\'"),
        ("it's", r"it\'s"),
        ("[secret]", r"\[secret]"),
        ("~home", r"\~home"),
        ("*?[x]{y}", r"\*\?\[x]\{y}"),
    ],
)
def test_a_word_is_quoted_for_a_shell_as_the_official_cli_does(word: str, shown: str) -> None:
    assert quoted(word) == shown


def test_a_table_keeps_its_columns_where_texts_are_wide_or_have_several_lines() -> None:
    rows = [("OUTPUT", "VALUE"), ("a\nb", "one"), ("日本語日", "two\nthree")]
    assert table(rows) == [
        ["OUTPUT    VALUE"],
        ["a         one", "b         "],
        ["日本語日  two", "          three"],
    ]


def test_the_summary_of_output_json_lists_what_changes_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    events = Stream()
    events.listen(JsonSummary(DisplayOptions(), clock=iter((1.0, 3.5)).__next__))
    thing = ResourceState(f"{URN.rpartition('::')[0]}$t:i:T::a", "t:i:T", custom=True, parent=URN)
    for step in (
        Step(op.SAME, URN, new=ResourceState(URN, "pulumi:pulumi:Stack")),
        Step(op.DELETE, thing.urn, old=thing),
    ):
        events.emit_step("resourcePreEvent", step, planning=False)
    events.emit("summaryEvent", result="succeeded", resourceChanges={"same": 1, "delete": 1}, PolicyPacks={})
    assert json.loads(capsys.readouterr().out) == {
        "result": "succeeded",
        "duration": 2_500_000_000,
        "summary": {"delete": 1, "same": 1},
        "resources": [{"urn": thing.urn, "type": "t:i:T", "name": "a", "op": "delete", "parent": URN}],
    }


@pytest.fixture
def here(stack, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stack that has a secret output; commands in this process are about it."""
    for name in [name for name in os.environ if name.startswith("PULUMI")]:
        monkeypatch.delenv(name)
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(stack.program)
    salt = checkpoint.salt_of(stack.latest())
    crypter = passphrase.open_(stack.env["PULUMI_CONFIG_PASSPHRASE"], salt)
    root = ResourceState(URN, "pulumi:pulumi:Stack", outputs={"s": Secret("hush")})
    row = resource_state.dump(root, crypter.encrypt)
    stack.state_file.write_text(checkpoint.dump("organization/conformance/dev", salt, [row], ()))
    return stack.root


def test_a_passphrase_that_does_not_open_the_state_is_told_by_every_command_that_needs_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = here / "exported.json"
    assert cli.main(["stack", "export", "--file", str(exported)]) == 0
    for given, told in (("wrong", INCORRECT), (None, NONE)):
        if given is None:
            monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
        else:
            monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", given)
        shorter = told if given is None else "incorrect passphrase"
        shorter = shorter.removeprefix(
            'constructing secrets manager of type "passphrase": constructing secrets manager: '
        )
        for words, message in (
            ("stack", told),
            ("stack output --show-secrets", told),
            ("stack output s --show-secrets --json", told),
            ("stack graph g.dot", told),
            ("stack export --show-secrets", f"could not deserialize deployment: {told}"),
            (f"stack import --file {exported}", f"could not deserialize deployment: {told}"),
            ("stack history --show-secrets", f"decrypting secrets: {shorter}"),
            ("state unprotect --all --yes", told),
            ("state repair --yes", told),
            ("state get conformance-dev", f"load stack snapshot: {told}"),
        ):
            assert cli.main(words.split()) == 1, words
            answer = capsys.readouterr()
            assert (answer.out, answer.err) == ("", f"error: {message}\n"), words
        for words in ("stack output", "stack --show-name", "stack export", "stack history --json", "config"):
            assert cli.main(words.split()) == 0, words
            assert "hush" not in capsys.readouterr().out


def test_a_stack_that_another_machine_holds_is_refused_before_anything_is_shown(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = here / "exported.json"
    assert cli.main(["stack", "export", "--file", str(exported)]) == 0
    locks = here / "state" / ".pulumi" / "locks" / "organization" / "conformance" / "dev"
    locks.mkdir(parents=True)
    held = {"pid": 1, "username": "me", "hostname": "elsewhere", "timestamp": "2026-01-02T03:04:05Z"}
    (locks / "11111111-1111-1111-1111-111111111111.json").write_text(json.dumps(held))
    for words in (
        "up --yes",
        "refresh --yes",
        "destroy --yes",
        "import t:i:T a id --yes",
        f"stack import --file {exported}",
    ):
        assert cli.main([*words.split(), "--non-interactive"]) == 1
        answer = capsys.readouterr()
        prefix = "could not import deployment: " if words.startswith("stack") else ""
        assert answer.out == "", words
        assert answer.err.startswith(f"error: {prefix}the stack is currently locked by 1 lock(s). "), words
        assert "created by me@elsewhere (pid 1) at 2026-01-02T03:04:05Z" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["set", "--path", "a[", "y"], "could not set config: invalid config key path: missing closing bracket in array index"),
        (["set", "--path", "", "y"], "could not set config: empty config key path"),
        (["get", "--path", "a["], "invalid config key path: missing closing bracket in array index"),
        (["set-all", "--json", "[]"], "could not parse --json argument: json: cannot unmarshal array into Go value of type map[string]config.configValueJSON"),
        (["set-all", "--json", '{"x": 5}'], "could not parse --json argument: json: cannot unmarshal number into Go value of type config.configValueJSON"),
        (["set-all", "--json", '{"x": {"value": 5}}'], "could not parse --json argument: json: cannot unmarshal number into Go struct field configValueJSON.value of type string"),
    ],
)  # fmt: skip
def test_a_configuration_value_that_can_not_be_is_told(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    file = here / "program" / "Pulumi.dev.yaml"
    before = file.read_text()
    assert cli.main(["config", *words]) == 1
    assert capsys.readouterr().err == f"error: {message}\n"
    assert file.read_text() == before


def test_who_sits_at_a_terminal_is_asked_for_the_stack(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["stack", "unselect"]) == 0
    assert cli.main(["stack", "output"]) == 1
    assert capsys.readouterr().err.endswith("please use `pulumi stack select` to choose one\n")

    asked: list[tuple[str, ...]] = []
    answers = iter([KeyboardInterrupt, "dev", "<create a new stack>"])

    def choose(message: str, options: tuple[str, ...], *_: str, **__: bool) -> str:
        asked.append((message, *options))
        answer = next(answers)
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr("local.engine.command.presentation.interactive", lambda _: True)
    monkeypatch.setattr("local.engine.display.prompt.choose", choose)
    monkeypatch.setattr("builtins.input", lambda _: "made")
    assert cli.main(["stack", "output"]) == 1
    assert capsys.readouterr().err.endswith("please use `pulumi stack select` to choose one\n")
    assert cli.main(["stack", "output", "--json"]) == 0  # and it is selected from now on
    assert cli.main(["stack", "output", "--json"]) == 0
    assert capsys.readouterr().out == '{\n  "s": "[secret]"\n}\n' * 2
    assert cli.main(["stack", "select"]) == 0
    assert cli.main(["stack", "--show-name"]) == 0
    assert capsys.readouterr() == ("made\n", "Created stack 'made'\n")
    assert asked == [
        ("Please choose a stack:", "dev"),
        ("Please choose a stack:", "dev"),
        ("Please choose a stack, or create a new one:", "dev", "<create a new stack>"),
    ]
    # One that isn't there is made where the command could use a new one.
    assert cli.main(["config", "--stack", "third"]) == 0
    assert "The stack 'third' does not exist.\n\n" in capsys.readouterr().out


def test_about_tells_of_the_project_the_stack_and_the_backend(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["about", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["currentStack"] == {
        "name": "dev",
        "fullyQualifiedName": "organization/conformance/dev",
        "resources": [{"type": "pulumi:pulumi:Stack", "urn": URN}],
        "pendingOps": [],
    }
    assert told["backend"]["url"] == f"file://{here / 'state'}"
    assert {"name": "azure-native", "kind": "resource"}.items() <= told["plugins"][0].items()
    assert told["runtime"]["language"] == "python"
    assert "pytest-timeout" in {row["name"] for row in told["dependencies"]}
    assert told["errors"] == []
