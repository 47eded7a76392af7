"""The commands in the pipelines' YAML, run for real: a pull request, its merge, a breach, on local Azure.

The tests share one checkout and one stack, and run in this order.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from forge_server import TOKEN, Forge, running_forge
from pipeline import REPOSITORY, Step, load, steps

from local.azure import identity as entra
from local.azure.access import federation
from local.stack import clean_environment

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from running_azure import LocalAzure

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

WORKFLOWS = REPOSITORY / ".github" / "workflows"
#: What a machine has besides the checkout: tests needn't install it again.
INSTALLED = (".venv", ".tools")
MARKER = "<!-- mlops-preview:dev -->"


@dataclass(frozen=True)
class Checkout:
    """A checkout of this repository on a pipeline's machine, with a stack `dev` of its own."""

    root: Path
    environ: dict[str, str]

    def run(
        self, step: Step, *, check: bool = True, secret: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a step as GitHub does; expressions that are left in its variables are those of the forge.

        ``secret``: whether the owner's secret is there; else ``variables`` say how to sign in.
        """
        ours = {
            name: value
            for name, value in self.environ.items()
            if secret or name not in ("AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET")
        }
        given = {
            name: value for name, value in step.env.items() if "${{" not in value and name != "ARM_USE_OIDC"
        }
        result = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.script],
            cwd=self.root,
            env={**ours, **given, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or result.returncode == 0, f"{step}\n{result.stdout}\n{result.stderr}"
        return result

    def configure(self, **settings: Any) -> None:
        """Changes the stack's settings, as a commit would."""
        file = self.root / "Pulumi.dev.yaml"
        document = yaml.safe_load(file.read_text())
        document["config"] |= {f"mlops:{key}": value for key, value in settings.items()}
        file.write_text(yaml.safe_dump(document))


def step_of(workflow: str, name: str) -> Step:
    """A step of a workflow by its name."""
    return next(step for step in steps(WORKFLOWS / f"{workflow}.yml") if step.name == name)


@pytest.fixture(scope="module")
def checkout(local_azure: LocalAzure, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    root = tmp_path_factory.mktemp("machine") / "checkout"
    left = (".git", ".local", "tests", "docs", "bench", "__pycache__", ".*_cache", ".hypothesis", *INSTALLED)
    shutil.copytree(REPOSITORY, root, ignore=shutil.ignore_patterns(*left))
    for name in INSTALLED:
        (root / name).symlink_to(REPOSITORY / name)
    _tiny_model().write(
        root / "models" / "tiny",
        change=lambda document: document.update(retraining={"parameters": {"scale": 3}}),
    )
    local = yaml.safe_load((REPOSITORY / "Pulumi.local.yaml").read_text())["config"]
    access = local["mlops:access"]
    delivering = {
        "table": [*access["table"], {"who": "delivery", "role": "job submitter"}],
        "delivery": {"github": [{"repository": "acme/models", "environment": "dev"}]},
    }
    settings = {
        **local,
        "mlops:environment": "dev",
        "mlops:models": ["tiny"],
        "mlops:access": {**access, **delivering},
    }
    (root / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": settings}))
    state = root.parent / "state"
    state.mkdir()
    environ = {
        **clean_environment(os.environ),
        **{key: value for key, value in local_azure.env.items() if not key.startswith("MLOPS_")},
        "PATH": f"{root / 'local' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_HOME": str(root.parent / "pulumi"),
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
    }
    made = Checkout(root, environ)
    made.run(Step("guide", "Make the stack", "pulumi stack init dev --non-interactive"))
    return made


def _tiny_model() -> Any:
    spec = importlib.util.spec_from_file_location("tiny_model", REPOSITORY / "tests" / "ml" / "tiny_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def forge() -> Generator[Forge]:
    with running_forge() as running:
        yield running


@pytest.fixture(scope="module")
def pull_request(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    event = tmp_path_factory.mktemp("event") / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": forge.url,
        "GITHUB_REPOSITORY": "team/platform",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_TOKEN": TOKEN,
    }


def preview(checkout: Checkout, pull_request: dict[str, str], forge: Forge) -> str:
    """Runs the workflow `preview` for the stack dev; returns the pull request's one comment, updated in place."""
    checkout.run(step_of("preview", "Preview"), STACK="dev")
    checkout.run(step_of("preview", "Comment"), STACK="dev", **pull_request)
    assert len(forge.comments) == 1
    return str(forge.comments[0]["body"]).replace("`", "")


def test_the_first_pull_request_shows_everything_as_created(
    checkout: Checkout, pull_request: dict[str, str], forge: Forge
) -> None:
    comment = preview(checkout, pull_request, forge)
    assert comment.startswith(f"{MARKER}\n### Preview of stack dev\n")
    assert re.search(r"\*\*\d\d+ to create\*\*", comment)
    assert "**model** — tiny: lineage" in comment


def test_its_merge_deploys_it(checkout: Checkout) -> None:
    checkout.run(step_of("up", "Up"), STACK="dev")
    result = checkout.run(
        Step("by hand", "Again", "pulumi preview --expect-no-changes --non-interactive -s dev")
    )
    assert "unchanged" in result.stdout


def test_a_preview_that_fails_says_so_where_the_last_one_stood(
    checkout: Checkout, pull_request: dict[str, str], forge: Forge
) -> None:
    checkout.configure(location="West Europe")
    result = checkout.run(step_of("preview", "Preview"), check=False, STACK="dev")
    checkout.configure(location="westeurope")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: the preview of dev: the preview failed")
    checkout.run(step_of("preview", "Comment"), STACK="dev", **pull_request)
    assert len(forge.comments) == 1
    assert "mlops:location" in forge.comments[0]["body"]


@pytest.fixture
def delivery(checkout: Checkout, local_azure: LocalAzure, tmp_path: Path) -> dict[str, str]:
    """What `azure/login` leaves behind for the identity for delivery: its ids, and a token of the forge."""
    outputs = checkout.run(Step("guide", "Outputs", "pulumi stack output --json --stack dev")).stdout
    signed_in = json.loads(outputs)["delivery"]
    issuer, subject = "https://token.actions.githubusercontent.com", "repo:acme/models:environment:dev"
    token = tmp_path / "token"
    token.write_text(federation.assertion(entra.load(local_azure.dir.identity), issuer, subject))
    return {
        "AZURE_CLIENT_ID": signed_in["clientId"],
        "AZURE_TENANT_ID": signed_in["tenantId"],
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
    }


def test_a_breach_retrains_the_model_and_the_next_preview_says_that_its_version_goes_out(
    checkout: Checkout, pull_request: dict[str, str], forge: Forge, delivery: dict[str, str]
) -> None:
    retrain = checkout.run(step_of("retrain", "Retrain"), secret=False, STACK="dev", MODEL="tiny", **delivery)
    job = re.search(r"Job (tiny-\w{12}-1): passed without a champion", retrain.stdout)
    assert job, retrain.stdout
    again = checkout.run(step_of("retrain", "Retrain"), STACK="dev", MODEL="tiny")
    assert f"job {job.group(1)} has retrained it already" in again.stdout
    comment = preview(checkout, pull_request, forge)
    assert re.search(rf"- \*\*model\*\* — tiny: .*{job.group(1)}", comment)
    assert re.search(r"- \*\*traffic\*\* — of tiny-\w+: m-\w+ 100 % → m-\w+ 100 % by canary", comment)


def test_a_model_without_a_retraining_schedule_is_refused_by_name(checkout: Checkout) -> None:
    refused = checkout.run(step_of("retrain", "Retrain"), check=False, STACK="dev", MODEL="nope")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: nope: there is no schedule nope-retraining in workspace mlw-")


@pytest.mark.parametrize(
    ("ours", "theirs"), [("preview", "preview"), ("up", "up"), ("retrain", "retrain"), ("checks", "checks")]
)
def test_azure_pipelines_run_the_same_commands(ours: str, theirs: str) -> None:
    def commands(found: list[Step]) -> list[str]:
        scripts = [step.script for step in found if step.name != "Install Pulumi"]
        return [" ".join(script.removeprefix("test ! -f comment.md || ").split()) for script in scripts]

    github = commands(steps(WORKFLOWS / f"{ours}.yml"))
    assert commands(steps(REPOSITORY / ".azuredevops" / f"{theirs}.yml")) == github


def test_every_make_target_that_a_pipeline_calls_is_there() -> None:
    targets = set(re.findall(r"(?m)^(\w+):", (REPOSITORY / "Makefile").read_text()))
    called = {
        word
        for path in WORKFLOWS.glob("*.yml")
        for step in steps(path)
        for word in re.findall(r"\bmake (\w+)", step.script)
    }
    assert called == {"setup", "test"}
    assert called <= targets


def test_each_previewed_stack_has_settings_and_a_policy_configuration() -> None:
    stacks = load(WORKFLOWS / "preview.yml")["jobs"]["preview"]["strategy"]["matrix"]["stack"]
    for stack in stacks:
        assert (REPOSITORY / f"Pulumi.{stack}.yaml").is_file()
        assert json.loads((REPOSITORY / "policy" / f"{stack}.json").read_text())
