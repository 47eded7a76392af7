"""The embedded engine on many small resources, against an official ``pulumi`` on PATH and against what the SDK takes.

    python -m bench.engine [--count 600] [--rounds 3] [--only up,sizes,memory,hundred] [--json]

The program (``bench/cells``) registers dynamic resources in chains of ten whose provider does nothing. Engines and the
floor, which is the program against a monitor that answers without thinking (``bench/floor.py``), take turns, so that a
busy machine slows all of them; the best of the rounds is shown. CPU time is that of all processes of a command, and
where it says so of the engine's own. Everything is made in a folder of its own and removed again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.floor import Floor
from local.stack import clean_environment
from ops.engine import EMBEDDED, choose

CELLS = Path(__file__).parent / "cells"
SIZES = (300, 600, 1200, 2400)
MANY = 5000
HUNDRED = 120
PARTS = ("up", "sizes", "memory", "hundred")
#: command → the share of the official engine's time that is allowed
REACH = {"up": 0.3, "preview": 0.95, "destroy": 0.2}


@dataclass(frozen=True)
class Cost:
    """What a command took. Times in seconds; the peak in MiB is that of the engine's process alone."""

    wall: float
    cpu: float
    engine_cpu: float
    peak: float
    first_line: float = 0.0

    def best(self, other: Cost | None) -> Cost:
        """Each figure the lower of two."""
        if other is None:
            return self
        pairs = zip(asdict(self).values(), asdict(other).values(), strict=True)
        return Cost(*(min(pair) for pair in pairs))


class _Watch:
    """Looks at a process every few milliseconds: its peak memory and its own CPU time can't be asked for later."""

    def __init__(self, pid: int) -> None:
        self.cpu = self.peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(psutil.Process(pid),))
        self._thread.start()

    def _look(self, process: psutil.Process) -> None:
        status = Path(f"/proc/{process.pid}/status")
        with contextlib.suppress(psutil.Error, OSError):
            while not self._ended.wait(0.02):
                times = process.cpu_times()
                self.cpu = max(self.cpu, times.user + times.system)
                if status.exists():
                    for line in status.read_text().splitlines():
                        if line.startswith("VmHWM:"):
                            self.peak = max(self.peak, int(line.split()[1]) / 1024)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def _measured(process: subprocess.Popen[bytes], began: float) -> Cost:
    watch = _Watch(process.pid)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    watch.end()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{process.args} failed: {process.returncode}")
    return Cost(wall, used.ru_utime + used.ru_stime, watch.cpu, watch.peak)


class Bench:
    """One project, one state folder, both engines."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = root / "project"
        shutil.copytree(CELLS, self.project, ignore=shutil.ignore_patterns("__pycache__"))
        (root / "state").mkdir()
        self._environment = {
            **clean_environment(os.environ),
            "PULUMI_BACKEND_URL": (root / "state").as_uri(),
            "PULUMI_HOME": str(root / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_PYTHON_CMD": sys.executable,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        # The official engine looks for its Python host, and that for an interpreter, on PATH.
        self._environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._floor = Floor()

    def _variables(self, count: int) -> dict[str, str]:
        return {
            **self._environment,
            "CELLS": str(count),
            "CELLS_STARTED": str(self.root / "started"),
            "PULUMI_PARALLEL": "16",
        }

    def init(self, engine: Path, stack: str) -> None:
        """Make a stack."""
        command = [str(engine), "stack", "init", stack, "--non-interactive"]
        subprocess.run(command, cwd=self.project, env=self._variables(0), check=True, capture_output=True)

    def run(self, engine: Path, command: str, stack: str, count: int) -> Cost:
        """Run an operation."""
        started = self.root / "started"
        started.unlink(missing_ok=True)
        words = [str(engine), command, "-s", stack, "--non-interactive", "--parallel", "16"]
        if command != "preview":
            words += ["--yes", "--skip-preview"]
        began, clock = time.perf_counter(), time.time()
        process = subprocess.Popen(
            words, cwd=self.project, env=self._variables(count), stdout=subprocess.DEVNULL
        )
        cost = _measured(process, began)
        first = float(started.read_text()) - clock if started.exists() else 0.0
        return Cost(cost.wall, cost.cpu, cost.engine_cpu, cost.peak, first)

    def floor(self, count: int) -> Cost:
        """Run the program alone."""
        began = time.perf_counter()
        return _measured(self._floor.start(self.project, sys.executable, self._variables(count)), began)


def compare(bench: Bench, engines: dict[str, Path], count: int, rounds: int) -> dict[str, dict[str, Cost]]:
    """``up``, no-op ``preview`` and ``destroy`` of both engines, and the floor. The official engine ups and destroys once."""
    found: dict[str, dict[str, Cost]] = {"floor": {}, **{name: {} for name in engines}}

    def note(who: str, command: str, cost: Cost) -> None:
        found[who][command] = cost.best(found[who].get(command))

    for name, engine in engines.items():
        bench.init(engine, f"compared-{name}")
    for number in range(rounds):
        for command in ("up", "preview", "destroy"):
            for name, engine in engines.items():
                stack = f"compared-{name}"
                if name == "official" and command == "up" and number:
                    continue
                if name == "official" and command == "destroy" and number < rounds - 1:
                    continue
                note(name, command, bench.run(engine, command, stack, count))
            if command == "preview":
                note("floor", command, bench.floor(count))
    return found


def sizes(bench: Bench) -> dict[int, dict[str, Cost]]:
    """``up`` and ``destroy`` of more and more resources."""
    found: dict[int, dict[str, Cost]] = {}
    for count in SIZES:
        stack = f"size-{count}"
        bench.init(EMBEDDED, stack)
        found[count] = {command: bench.run(EMBEDDED, command, stack, count) for command in ("up", "destroy")}
    return found


def many(bench: Bench) -> dict[str, Cost]:
    """5,000 resources made, looked at and deleted, for the memory they take."""
    bench.init(EMBEDDED, "many")
    return {command: bench.run(EMBEDDED, command, "many", MANY) for command in ("up", "preview", "destroy")}


def hundred(bench: Bench, rounds: int) -> Cost:
    """A no-op preview of a stack as large as most are."""
    bench.init(EMBEDDED, "hundred")
    bench.run(EMBEDDED, "up", "hundred", HUNDRED)
    found: Cost | None = None
    for _ in range(rounds):
        found = bench.run(EMBEDDED, "preview", "hundred", HUNDRED).best(found)
    assert found is not None
    return found


def _print_compared(found: dict[str, dict[str, Cost]], count: int) -> None:
    print(f"\n{count} resources{'':19}{'wall':>9}{'CPU':>9}{'own CPU':>9}{'peak':>10}{'1st line':>10}")
    for name, commands in found.items():
        for command, cost in commands.items():
            print(
                f"{name + ' ' + command:28}{cost.wall:8.2f}s{cost.cpu:8.2f}s{cost.engine_cpu:8.2f}s{cost.peak:7.0f}MiB"
                f"{cost.first_line:9.2f}s"
            )
    ours, floor, official = found["embedded"], found["floor"]["preview"], found.get("official")
    print(f"preview / floor: {ours['preview'].wall / floor.wall:.2f} wall (reach <= 1.15)")
    for command, reach in REACH.items():
        if official:
            wall, cpu = (
                ours[command].wall / official[command].wall,
                ours[command].cpu / official[command].cpu,
            )
            print(f"{command} / official: {wall:.2f} wall, {cpu:.2f} CPU (reach <= {reach})")
    if not official:
        print("no official pulumi on PATH: absolute figures only")


def _print_sizes(found: dict[int, dict[str, Cost]]) -> None:
    print(f"\n{'per resource':20}{'up, wall':>12}{'engine CPU':>12}{'destroy':>12}{'engine CPU':>12}")
    for count, costs in found.items():
        figures = [1000 * value / count for cost in costs.values() for value in (cost.wall, cost.engine_cpu)]
        print(f"{count:6} resources   " + "".join(f"{figure:10.2f}ms" for figure in figures))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="The embedded engine's speed.")
    parser.add_argument("--count", type=int, default=600, help="resources, a multiple of ten")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--json", action="store_true", help="print figures for programs")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    chosen = choose({**os.environ, "MLOPS_ENGINE": ""})
    engines = {"embedded": EMBEDDED}
    if chosen.kind == "official":
        engines["official"] = chosen.executable
    machine = {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "pulumi": version("pulumi"),
        "grpcio": version("grpcio"),
        "bytecode": "not cached" if sys.dont_write_bytecode else "cached",
    }
    document: dict[str, object] = {"machine": machine}
    say = (lambda *_: None) if arguments.json else print
    say(", ".join(f"{key} {value}" for key, value in machine.items()))
    with tempfile.TemporaryDirectory(prefix="mlops-bench-") as folder:
        bench = Bench(Path(folder))
        if "up" in parts:
            compared = compare(bench, engines, arguments.count, arguments.rounds)
            document["compared"] = {
                who: {c: asdict(cost) for c, cost in row.items()} for who, row in compared.items()
            }
            if not arguments.json:
                _print_compared(compared, arguments.count)
        if "hundred" in parts:
            cost = hundred(bench, arguments.rounds)
            document["hundred"] = asdict(cost)
            say(f"\nno-op preview of {HUNDRED} resources: {cost.wall:.2f} s (reach <= 4 s)")
        if "sizes" in parts:
            sized = sizes(bench)
            document["sizes"] = {
                str(count): {c: asdict(cost) for c, cost in row.items()} for count, row in sized.items()
            }
            if not arguments.json:
                _print_sizes(sized)
        if "memory" in parts:
            costs = many(bench)
            document["many"] = {command: asdict(cost) for command, cost in costs.items()}
            for command, cost in costs.items():
                say(
                    f"{MANY} resources, {command}: {cost.wall:.1f} s, the engine's peak {cost.peak:.0f} MiB (reach <= 500)"
                )
    if arguments.json:
        print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
