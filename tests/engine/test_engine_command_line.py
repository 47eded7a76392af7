"""The command line, against what the official one answered."""

import json
import re
from pathlib import Path

import pytest

CLI = Path(__file__).resolve().parents[1] / "conformance" / "cli"
PROGRAM = """
STEP = int(os.environ["STEP"])
g = Group("group")
a = Thing("a", text="one" if STEP == 0 else "two", opts=Opts(parent=g))
b = Thing("b", text=a.shout, generation=0 if STEP == 0 else 1)
c = Thing("c", text=pulumi.Output.secret("hush"), nested={"deep": [1, {"x": "y" if STEP == 0 else "z"}]})
if STEP == 0:
    d = Thing("gone")
if STEP == 1:
    e = Thing("new", text=b.id)
pulumi.export("shout", a.shout)
pulumi.export("secret", c.text)
"""


def recorded(name: str) -> dict:
    return json.loads((CLI / f"{name}.json").read_text())


def lines(text: str) -> list[str]:
    """What is said of resources, without what depends on time or on the order of parallel work.

    When a component's line is printed again depends on when its outputs arrive: components are left out.
    """
    text = "\n".join(
        line for line in text.splitlines() if " pulumi:pulumi:Stack " not in line and ":Group " not in line
    )
    kept = [re.sub(r"\(\d+(\.\d+)?s\)", "(T)", line).rstrip() for line in text.splitlines()]
    kept = [
        re.sub(r"Duration: \d+s", "Duration: T", line) for line in kept if line and not line.startswith("@ ")
    ]
    return sorted(kept)


@pytest.mark.parametrize(
    "name",
    ["stack-init", "stack-init-again", "config-set", "config-get", "config-set-path", "config-set-secret",
     "config-json", "config-show-secrets", "config-get-missing", "unknown-stack", "state-unprotect-missing"],
)  # fmt: skip
def test_a_command_before_any_deployment_answers_as_the_official_cli_did(configured_stack, name: str) -> None:
    stack, answers = configured_stack
    expected = recorded(name)
    done = answers.get(name) or stack.run(*expected["command"].split()[1:], code=expected["exit"])
    actual = json.loads(done.stdout) if isinstance(expected["stdout"], dict) else done.stdout
    assert (actual, done.stderr) == (expected["stdout"], expected["stderr"])


def test_a_whole_life_reads_as_the_official_cli_printed_it(stack) -> None:
    stack.write_program(PROGRAM)

    def check(name: str, step: int) -> None:
        expected = recorded(name)
        done = stack.run(*expected["command"].split()[1:], code=expected["exit"], STEP=str(step))
        assert lines(done.stdout) == lines(expected["stdout"]), name
        assert done.stderr == expected["stderr"], name

    check("preview-first", 0)
    check("up-first", 0)
    check("preview-change", 1)
    check("preview-expect-no-changes", 1)
    check("up-change", 1)
    for name in ("stack-output", "stack-output-secrets", "stack-output-one", "stack-output-missing"):
        expected = recorded(name)
        done = stack.run(*expected["command"].split()[1:], code=expected["exit"])
        actual = json.loads(done.stdout) if isinstance(expected["stdout"], dict) else done.stdout
        assert (actual, done.stderr) == (expected["stdout"], expected["stderr"]), name
    rows = json.loads(stack.run("stack", "ls", "--json").stdout)
    assert [(row["name"], row["current"], row["resourceCount"]) for row in rows] == [("dev", True, 7)]
    history = json.loads(stack.run("stack", "history", "--json").stdout)
    assert [row["resourceChanges"] for row in history] == [
        row["resourceChanges"] for row in recorded("stack-history")["stdout"]
    ]
    check("destroy", 1)
    check("stack-rm", 0)


def _scrubbed(value: object) -> object:
    """A preview's JSON without ids, times and the configuration of the recorded stack."""
    if isinstance(value, dict):
        return {
            k: _scrubbed(v)
            for k, v in value.items()
            if k not in {"config", "duration", "created", "modified"}
        }
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", "UUID", value)
    return value


def test_a_preview_as_json_has_the_official_steps(stack) -> None:
    stack.write_program(PROGRAM)
    for name, step in (("preview-first-json", 0), ("preview-change-json", 1)):
        expected = _scrubbed(recorded(name)["stdout"])
        actual = _scrubbed(json.loads(stack.run("preview", "--json", STEP=str(step)).stdout))
        by_urn = sorted(actual.pop("steps"), key=lambda row: row["urn"])
        assert by_urn == sorted(expected.pop("steps"), key=lambda row: row["urn"]), name
        assert actual == expected
        if step == 0:
            stack.up(STEP="0")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["policy", "new", "x"], "`pulumi policy"),
        (["up", "--plan", "x"], "--plan"),
        (["stack", "webhook", "ls", "--json"], "`pulumi stack webhook"),
        (["preview", "--save-plan", "x"], "--save-plan"),
        (["import", "a:b:C", "x", "1"], "`pulumi import"),
        (["new", "python"], "`pulumi new"),
        (["config", "env", "add", "x"], "`pulumi config env"),
        (["stack", "init", "x", "--secrets-provider", "awskms://key"], "awskms"),
        (["up", "--remote"], "--remote"),
    ],
)
def test_what_is_not_supported_is_refused_by_name_before_anything_happens(
    stack, words: list[str], named: str
) -> None:
    before = stack.state_file.read_text()
    done = stack.run(*words, code=1)
    assert named in done.stderr
    assert "official Pulumi CLI" in done.stderr
    assert stack.state_file.read_text() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["up", "--nonsense"], "unknown flag: --nonsense"),
        (["frobnicate"], 'unknown command "frobnicate"'),
        (["up", "--non-interactive"], "--yes or --skip-preview or --preview-only must be passed in"),
        (["up", "--yes", "--parallel", "many"], 'invalid argument "many" for "-p, --parallel" flag'),
        (["config", "get"], "accepts 1 arg(s), received 0"),
    ],
)
def test_a_wrong_command_line_is_told_shortly(stack, words: list[str], message: str) -> None:
    done = stack.run(*words, code=2 if words == ["up", "--non-interactive"] else 1)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_provider_the_engine_has_not_is_refused_by_name(stack) -> None:
    stack.write_program("pulumi.CustomResource('aws:s3/bucket:Bucket', 'b', {})")
    done = stack.run("up", "--yes", "--skip-preview", code=1)
    assert "the provider 'aws' can't be run by the embedded engine" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_exception_of_the_program_is_shown_from_its_own_first_line_on(stack) -> None:
    stack.write_program("raise ValueError('the program is wrong')")
    done = stack.run("up", "--yes", "--skip-preview", code=1)
    assert "error: Program failed with an unhandled exception:" in done.stdout
    assert "ValueError: the program is wrong" in done.stdout
    assert "program_main.py" not in done.stdout
    assert done.stderr == ""


def test_a_program_that_is_not_there_is_told_in_one_line(stack) -> None:
    done = stack.run("preview", code=1)
    assert "__main__.py is not there" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_secret_is_in_the_state_or_the_output(stack) -> None:
    stack.write_program("a = Thing('a', text=pulumi.Output.secret('hu5h-hu5h'))\npulumi.export('s', a.text)")
    done = stack.up()
    assert "hu5h-hu5h" not in done.stdout + stack.state_file.read_text().replace("HU5H", "")
