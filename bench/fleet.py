"""Preview of N workspaces in one process against separate previews, on local Azure.

    python -m bench.fleet [N] [SEPARATE] [PARALLEL]

N workspaces (10) are previewed by ``python -m ops fleet preview``, then SEPARATE of them (5) one by one with
``pulumi preview``, as a loop in a shell would; the ratio is that of one workspace's share. Nothing is deployed: each
preview shows what a whole workspace would create. Everything is made in a folder of its own and removed again.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from local import service
from local.settings import PRINCIPAL_ID, LocalDir
from local.stack import clean_environment
from ops.engine import REPOSITORY, choose
from ops.fleet.plan import plan


@dataclass(frozen=True)
class Cost:
    """What a command took, with all processes it started. In seconds."""

    wall: float
    cpu: float


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> Cost:
    began, before = time.perf_counter(), _cpu()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return Cost(time.perf_counter() - began, _cpu() - before)


def _fleet(file: Path, count: int) -> None:
    document = {
        "addressSpace": "10.64.0.0/12",
        "defaults": {
            "location": "westeurope",
            "owner": "bench",
            "costCenter": "none",
            "access": {
                "principals": {"local": {"id": PRINCIPAL_ID, "type": "ServicePrincipal"}},
                "table": [{"who": "local", "role": "deployer"}],
            },
        },
        "workspaces": {f"w{number}": None for number in range(10, 10 + count)},
    }
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def main() -> None:
    """Measures and prints one line per way."""
    count, separate, parallel = ([int(word) for word in sys.argv[1:]] + [10, 5, 4][len(sys.argv) - 1 :])[:3]
    root = Path(tempfile.mkdtemp(prefix="mlops-bench-"))
    # Local Azure reads where it is from the environment.
    os.environ["MLOPS_LOCAL_DIR"], os.environ["MLOPS_LOCAL_PORT"] = str(root / "local"), "0"
    os.environ["MLOPS_LOCAL_SCHEDULES"] = "off"
    directory = LocalDir.find()
    service.start(directory)
    try:
        engine = choose(os.environ)
        environment = {
            **clean_environment(os.environ),
            **service.client_environment(directory),
            "PULUMI_BACKEND_URL": (root / "state").as_uri(),
            "PULUMI_HOME": str(root / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        for name in ("state", "project"):
            (root / name).mkdir()
        _fleet(root / "fleet.yaml", count)
        decided = plan(root / "fleet.yaml")
        project = root / "project"
        (project / "Pulumi.yaml").write_text((REPOSITORY / "Pulumi.yaml").read_text())
        pulumi = str(engine.executable)
        for name in decided.names:
            _run([pulumi, "stack", "init", name, "--non-interactive"], project, environment)
            settings = project / f"Pulumi.{name}.yaml"
            salt = yaml.safe_load(settings.read_text())["encryptionsalt"]
            config = decided.stack_config(name, "mlops")
            settings.write_text(yaml.safe_dump({"encryptionsalt": salt, "config": config}))
        command = [sys.executable, "-m", "ops", "fleet", "preview", "-f", str(root / "fleet.yaml"), "--json"]
        together = _run([*command, "--parallel", str(parallel)], REPOSITORY, environment)
        alone = [
            _run(
                [
                    pulumi,
                    "preview",
                    "-s",
                    name,
                    "--config-file",
                    str(project / f"Pulumi.{name}.yaml"),
                    "--non-interactive",
                ],
                REPOSITORY,
                environment,
            )
            for name in decided.names[:separate]
        ]
    finally:
        service.stop(directory)
        shutil.rmtree(root, ignore_errors=True)
    wall = statistics.median(cost.wall for cost in alone)
    cpu = statistics.median(cost.cpu for cost in alone)
    print(
        f"{engine.kind} engine, Python {platform.python_version()}, {os.cpu_count()} cores, {parallel} at a time"
    )
    print(f"{'':28}{'wall':>9}{'each':>9}{'CPU each':>11}")
    print(
        f"together, {count:3} workspaces     {together.wall:8.1f}s{together.wall / count:8.2f}s{together.cpu / count:10.2f}s"
    )
    print(
        f"separate, {separate:3} of them, median {sum(cost.wall for cost in alone):7.1f}s{wall:8.2f}s{cpu:10.2f}s"
    )
    print(
        f"ratio                               {together.wall / count / wall:9.3f}{together.cpu / count / cpu:11.3f}"
    )


if __name__ == "__main__":
    main()
