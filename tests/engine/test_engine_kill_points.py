"""The engine is killed at moments spread over its runs: each time the next run ends where an undisturbed one would.

KILL_POINTS=200 KILL_SEED=7 pytest tests/engine/test_engine_kill_points.py    for more than the few of the suite
"""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM = """
spec = json.loads((pathlib.Path(__file__).parent / "spec.json").read_text())
made = {}
for row in spec:
    options = pulumi.ResourceOptions(depends_on=[made[name] for name in row.pop("after")])
    name = row.pop("name")
    made[name] = Piece(name, options, **row, secret=pulumi.Output.secret("hush"))
pulumi.export("sizes", {name: piece.size for name, piece in made.items()})
"""
COUNT = int(os.environ.get("KILL_POINTS", "4"))
SEED = int(os.environ.get("KILL_SEED", "1"))
CHANGED = 0.3  # how much of a program is different in the next round


class World:
    """A stack whose engine can be killed, and what its provider made."""

    def __init__(self, stack, dice: random.Random, *, adopting: bool) -> None:
        self.stack, self.dice, self.adopting = stack, dice, adopting
        self.folder = stack.root / "world"
        self.folder.mkdir()
        self.counted = stack.root / "counted"
        self.rows: list[dict] = []
        self.generation = self.names = 0
        self.env = {
            **stack.env,
            "WORLD": str(self.folder),
            "PYTHONPATH": str(HERE.parents[1]),
            **({"ADOPTING": "1"} if adopting else {}),
        }
        shutil.copyfile(HERE / "world.py", stack.program / "world.py")
        head = "import json, pathlib\nimport pulumi\nfrom world import Piece\n"
        (stack.program / "__main__.py").write_text(head + PROGRAM)

    def change(self) -> None:
        """Another program: pieces come, go, change and are replaced, one way or the other."""
        dice, kept = self.dice, []
        for row in self.rows:
            if dice.random() < CHANGED / 3:
                continue
            if dice.random() < CHANGED:
                row["size"] += 1
            if dice.random() < CHANGED:
                self.generation += 1
                row["generation"] = self.generation
                row["exclusive"] = dice.random() < 0.5
            kept.append(row)
        while len(kept) < 6:
            self.names += 1
            kept.append({"name": f"p{self.names}", "size": 0, "generation": 0, "exclusive": False})
        known: list[str] = []
        for row in kept:
            row["after"] = dice.sample(known, min(len(known), dice.randrange(3)))
            known.append(row["name"])
        self.rows = kept

    def write(self, *, failing: bool) -> None:
        kinds = ["create", "update", *[""] * 10] if failing else [""]
        rows = [
            {**row, "fails": self.dice.choice(kinds), "pause": self.dice.choice([0, 0.03]) if failing else 0}
            for row in self.rows
        ]
        (self.stack.program / "spec.json").write_text(json.dumps(rows))

    def run(self, command: str, at: int = 0, *, children: bool = False) -> subprocess.CompletedProcess:
        words = [command, "--yes", "--skip-preview", "--non-interactive"]
        if command == "preview":
            words = [command, "--expect-no-changes", "--non-interactive"]
        env = {"KILL_AT": str(at), "KILL_CHILDREN": str(int(children)), "KILL_COUNTED": str(self.counted)}
        return subprocess.run(
            [sys.executable, str(HERE / "killable.py"), *words],
            check=False,
            cwd=self.stack.program,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    def kill(self, command: str) -> bool:
        """Kill a command at a moment as likely as any other; whether it got that far."""
        moments = int(self.counted.read_text()) if self.counted.exists() else 150
        at = self.dice.randrange(1, moments + 1)
        done = self.run(command, at, children=self.adopting and self.dice.random() < 0.7)
        assert done.returncode in {-9, 0, 1}, done.stdout + done.stderr
        self.check_loads(f"{command} killed at {at} of {moments}")
        return done.returncode == -9

    def check_loads(self, when: str) -> None:
        """The file that any engine opens is whole and refers to nothing that isn't there."""
        rows = self.stack.latest().get("resources") or []
        known: set[str] = set()
        for row in rows:
            needs = {*row.get("dependencies", ()), row.get("parent")} - {None}
            needs |= {row["provider"].rpartition("::")[0]} if row.get("provider") else set()
            assert needs <= known, (when, row["urn"], needs - known)
            known.add(row["urn"])
        official = shutil.which("pulumi")
        if official:
            done = subprocess.run(
                [official, "stack", "export"],
                check=False,
                cwd=self.stack.program,
                env=self.env,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, (when, done.stderr)

    def converge(self) -> None:
        """Run undisturbed: then the world, the state and the program say the same."""
        self.write(failing=False)
        done = self.run("up")
        assert done.returncode == 0, done.stdout + done.stderr
        there = sorted(file.stem for file in self.folder.glob("*.json"))
        known = [row["id"] for row in self.stack.latest()["resources"] if "--" in row.get("id", "")]
        assert sorted(known) == there, "nothing is lost, nothing is there twice"
        assert "pending_operations" not in self.stack.latest()
        wanted = {row["name"]: (row["size"], row["generation"]) for row in self.rows}
        found = [json.loads(file.read_text()) for file in self.folder.glob("*.json")]
        assert {row["label"]: (row["size"], row["generation"]) for row in found} == wanted
        journal = self.folder / "journal"
        assert not journal.exists(), journal.read_text()


@pytest.mark.parametrize("adopting", [False, True], ids=["engine", "engine-and-provider"])
def test_a_killed_engine_loses_nothing_and_makes_nothing_twice(stack, adopting: bool) -> None:
    world = World(stack, random.Random(SEED + adopting), adopting=adopting)
    killed = 0
    world.change()
    while killed < COUNT // 2:
        # Some are killed again before anybody puts things right.
        for _ in range(world.dice.choice([1, 1, 2])):
            world.write(failing=True)
            killed += world.kill(world.dice.choice(["up", "up", "up", "destroy"]))
        world.converge()
        if world.dice.random() < 0.25:
            done = world.run("preview")
            assert done.returncode == 0, done.stdout
        world.change()
    done = world.run("destroy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(world.folder.glob("*.json"))
    assert "resources" not in stack.latest()
