"""A preview without changes of the regulated profile, on local Azure, against what the program takes by itself.

    python -m bench.preview [ROUNDS] [--json]

The stack is ``Pulumi.prod.yaml`` without models, with a firewall, a bastion and people, so that it has at least 150
resources; it is deployed first, which isn't measured. The floor is the program against an engine in its own process that
answers without thinking (``infra/explain/rehearsal.py``), imports included; the program's import is measured by itself as
well. Floor, import and preview take turns, so that a busy machine slows all of them; the best of the rounds is shown.
Python caches bytecode in a folder of the bench's, filled before the first round. All is made in a folder and removed again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from local import service
from local.settings import PRINCIPAL_ID, LocalDir
from local.stack import clean_environment
from ops.engine import EMBEDDED, REPOSITORY

STACK = "bench"
LEAST = 150
#: Seconds that are allowed.
REACH = {"preview": 5.0, "import": 1.5}
#: What the stack has beside what its file says.
MORE = {
    "models": [],
    "protect": False,
    "network": {
        "addressSpace": "10.0.0.0/16",
        "egress": {"through": "firewall"},
        "bastion": {"enabled": True},
    },
    "access": {
        "principals": {
            "local": {"id": PRINCIPAL_ID, "type": "ServicePrincipal"},
            **{
                name: {"id": f"12121212-3434-4565-8787-90909090909{number}"}
                for number, name in enumerate(("science", "platform", "audit"))
            },
        },
        "table": [
            {"who": "local", "role": "deployer"},
            {"who": "science", "role": "data scientist"},
            {"who": "platform", "role": "compute operator"},
            {"who": "platform", "role": "data scientist"},
            {"who": "audit", "role": "reader"},
            {"who": "audit", "role": "compute operator"},
        ],
    },
}
FLOOR = """
import sys
import yaml
from infra.explain.rehearsal import rehearse
from ops import program
document = yaml.safe_load(open(sys.argv[1]))
rehearse(program.main, {key[6:]: value for key, value in document["config"].items()}, "bench")
"""
IMPORT = "import ops.program"


@dataclass(frozen=True)
class Cost:
    """What a command took, with all processes it started. In seconds."""

    wall: float
    cpu: float

    def best(self, other: Cost | None) -> Cost:
        """Each figure the lower of two."""
        return self if other is None else Cost(min(self.wall, other.wall), min(self.cpu, other.cpu))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(command: list[str], environment: dict[str, str], folder: Path = REPOSITORY) -> tuple[Cost, str]:
    began, before = time.perf_counter(), _cpu()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return Cost(time.perf_counter() - began, _cpu() - before), done.stdout


def _environment(root: Path, directory: LocalDir) -> dict[str, str]:
    environment = {
        **clean_environment(os.environ),
        **service.client_environment(directory),
        "PULUMI_BACKEND_URL": (root / "state").as_uri(),
        "PULUMI_HOME": str(root / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "PYTHONPYCACHEPREFIX": str(root / "bytecode"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _settings(root: Path, environment: dict[str, str]) -> Path:
    """The stack's file, beside a project file of its own: `stack init` writes there."""
    project, pulumi = root / "project", str(EMBEDDED)
    project.mkdir()
    (project / "Pulumi.yaml").write_text((REPOSITORY / "Pulumi.yaml").read_text())
    _run([pulumi, "stack", "init", STACK, "--non-interactive"], environment, project)
    file = project / f"Pulumi.{STACK}.yaml"
    salt = yaml.safe_load(file.read_text())["encryptionsalt"]
    config = yaml.safe_load((REPOSITORY / "Pulumi.prod.yaml").read_text())["config"]
    config |= {f"mlops:{key}": value for key, value in MORE.items()}
    file.write_text(yaml.safe_dump({"encryptionsalt": salt, "config": config}))
    return file


def measure(rounds: int) -> tuple[int, dict[str, Cost]]:
    """How many resources the stack has, and what each way took."""
    root = Path(tempfile.mkdtemp(prefix="mlops-bench-"))
    # Local Azure reads where it is from the environment.
    os.environ["MLOPS_LOCAL_DIR"], os.environ["MLOPS_LOCAL_PORT"] = str(root / "local"), "0"
    os.environ["MLOPS_LOCAL_SCHEDULES"] = "off"
    directory = LocalDir.find()
    service.start(directory)
    try:
        (root / "state").mkdir()
        environment = _environment(root, directory)
        file = _settings(root, environment)
        options = ["--stack", STACK, "--config-file", str(file), "--non-interactive"]
        _run([str(EMBEDDED), "up", "--yes", "--skip-preview", *options], environment)
        _, exported = _run([str(EMBEDDED), "stack", "export", "--stack", STACK], environment)
        count = len(json.loads(exported)["deployment"]["resources"])
        ways = {
            "import": [sys.executable, "-c", IMPORT],
            "floor": [sys.executable, "-c", FLOOR, str(file)],
            "preview": [str(EMBEDDED), "preview", "--expect-no-changes", *options],
        }
        best: dict[str, Cost] = {}
        for number in range(rounds + 1):  # the first fills the cache of bytecode
            for way, command in ways.items():
                cost, _ = _run(command, environment)
                if number:
                    best[way] = cost.best(best.get(way))
    finally:
        service.stop(directory)
        shutil.rmtree(root, ignore_errors=True)
    return count, best


def main() -> None:
    """Measures, and prints a line per way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    count, best = measure(asked.rounds)
    if count < LEAST:
        print(f"only {count} resources: that isn't what the reach of {LEAST} means", file=sys.stderr)
    if asked.json:
        print(json.dumps({"resources": count, **{way: asdict(cost) for way, cost in best.items()}}, indent=2))
        return
    print(f"{count} resources, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{'':10}{'wall':>9}{'CPU':>9}{'x floor':>10}{'reach':>9}")
    for way, cost in best.items():
        reach = f"{REACH[way]:8.1f}s" if way in REACH else ""
        print(f"{way:10}{cost.wall:8.2f}s{cost.cpu:8.2f}s{cost.wall / best['floor'].wall:10.2f}{reach:>9}")


if __name__ == "__main__":
    main()
