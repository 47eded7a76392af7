"""The command line: what it refuses and how it says so. (What it answers: test_engine_recorded_commands.py.)"""

import pytest


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["policy", "new", "x"], "`pulumi policy"),
        (["up", "--plan", "x"], "--plan"),
        (["stack", "webhook", "ls", "--json"], "`pulumi stack webhook"),
        (["preview", "--save-plan", "x"], "--save-plan"),
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
