"""A stack of its own for each test, deployed by the embedded engine as a user would."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CONFORMANCE = REPOSITORY / "tests" / "conformance"
PULUMI = REPOSITORY / "local" / "bin" / "pulumi"
PASSPHRASE = "correct horse"


@dataclass
class Workspace:
    """A project with the `Thing` provider, a backend and the things themselves in one folder."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    warm: dict[str, str] = field(default_factory=dict)  #: for commands that `run` waits for

    @property
    def program(self) -> Path:
        return self.root / "program"

    @property
    def state_file(self) -> Path:
        return self.root / "state" / ".pulumi" / "stacks" / "conformance" / "dev.json"

    def write_program(self, body: str) -> None:
        head = "import os, time, pulumi\nfrom pulumi import ResourceOptions as Opts\nfrom things import Thing, Group\n"
        (self.program / "__main__.py").write_text(head + body)

    def command(self, *words: str) -> list[str]:
        return [str(PULUMI), *words]

    def run(self, *words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess:
        done = subprocess.run(
            self.command(*words),
            check=False,
            cwd=self.program,
            env={**self.env, **self.warm, **env},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def up(self, *words: str, **env: str) -> subprocess.CompletedProcess:
        return self.run("up", "--yes", "--skip-preview", "--non-interactive", *words, **env)

    def latest(self) -> dict:
        return json.loads(self.state_file.read_text())["checkpoint"].get("latest") or {}

    def journal(self) -> list[str]:
        path = self.root / "things" / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def resource(self, name: str) -> dict:
        return next(r for r in self.latest()["resources"] if r["urn"].endswith(f"::{name}"))


def _environment(root: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI", "PYTEST"))}
    return {
        **kept,
        "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
        "PULUMI_HOME": str(root / "home"),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "THINGS": str(root / "things"),
    }


def _workspace(root: Path, warm: dict[str, str]) -> Workspace:
    for name in ("program", "state", "things"):
        (root / name).mkdir()
    made = Workspace(root, _environment(root), warm)
    (made.program / "Pulumi.yaml").write_text(
        f"name: conformance\nruntime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    )
    (made.program / "things.py").write_text((CONFORMANCE / "things.py").read_text())
    return made


@pytest.fixture
def workspace(tmp_path: Path, warm_engine: dict[str, str]) -> Workspace:
    return _workspace(tmp_path, warm_engine)


@pytest.fixture(scope="session")
def new_stack(tmp_path_factory: pytest.TempPathFactory, warm_engine: dict[str, str]) -> Workspace:
    """A stack nobody deploys: making one derives a key, which takes longer than copying it."""
    made = _workspace(tmp_path_factory.mktemp("stack"), warm_engine)
    made.run("stack", "init", "dev")
    return made


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, warm_engine: dict[str, str]) -> Workspace:
    """A project without a stack, for the tests of a module that follow one stack from its beginning to its end."""
    return _workspace(tmp_path_factory.mktemp("life"), warm_engine)


@pytest.fixture
def stack(workspace: Workspace, new_stack: Workspace) -> Workspace:
    for name in ("program", "state"):
        shutil.copytree(new_stack.root / name, workspace.root / name, dirs_exist_ok=True)
    workspace.run("stack", "select", "dev")
    return workspace
