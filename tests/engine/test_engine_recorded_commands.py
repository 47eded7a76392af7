"""Every command line that was recorded with the official CLI, run again in the order they were recorded in.

The recordings are one life of one stack, `dev` of the project `conformance`, whose program follows the variable STEP;
each test below compares one of them. What they don't hold us to is named and reasoned in `ALLOWED`.
"""

import json
import re
import subprocess
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

CLI = Path(__file__).resolve().parents[1] / "conformance" / "cli"
RECORDED = {file.stem: json.loads(file.read_text()) for file in CLI.glob("*.json")}
ORDER = [
    "version",
    "whoami",
    "stack-init",
    "stack-init-again",
    "config-set",
    "config-set-path",
    "config-set-secret",
    "config-get",
    "config-get-missing",
    "config-json",
    "config-show-secrets",
    "unknown-stack",
    "wrong-passphrase",
    "preview-first",
    "preview-first-json",
    "up-first",
    "preview-same-json",
    "preview-change",
    "preview-change-json",
    "preview-diff",
    "preview-expect-no-changes",
    "up-change",
    "stack",
    "stack-ls",
    "stack-output",
    "stack-output-secrets",
    "stack-output-one",
    "stack-output-missing",
    "stack-export",
    "stack-history",
    "state-unprotect-missing",
    "refresh",
    "destroy-preview-json",
    "destroy",
    "stack-rm",
]
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
ALLOWED = {
    "times, ids, ciphertexts and paths": "they differ between two runs of the official CLI, too",
    "the interpreter's and pip's version": "those of the machine that recorded; versions they are all the same",
    "dots of progress (`@ updating....`)": "one for each second without news",
    "the order of what runs in parallel": "that of lines of different resources, and of steps in JSON",
    "when the lines of components are repeated": "depends on when their outputs arrive between two other lines",
}
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000 UTC)")
_ROW = re.compile(r" [ +~-]{2} ?(\S+:\S+:\S+ \S+)")  # a line of progress
_DETAILS = re.compile(r" *(?:[+~-]{1,2} ?)?\S+:\S+:\S+: \(")  # the first line of a resource in --diff
_SUMMARY = re.compile(r"(Outputs|Resources|Current stack)")
_VARIES = {"ciphertext": str, "salt": str, "time": str, "duration": int, "url": str}
_VARIES |= {"runtime.executable": str, "runtime.version": str, "runtime.metadata.toolchainVersion": str}


@pytest.fixture(scope="module")
def answers(life: Any) -> dict[str, CompletedProcess]:
    """What this engine answers to all of them."""
    life.write_program(PROGRAM)
    del life.env["PULUMI_HOME"]  # history tells which variables were set; these were
    env = {**life.env, **life.warm, "PULUMI_SKIP_UPDATE_CHECK": "true", "HOME": str(life.root)}
    done = {}
    for name in ORDER:
        passphrase = {"PULUMI_CONFIG_PASSPHRASE": "wrong"} if name == "wrong-passphrase" else {}
        done[name] = subprocess.run(
            life.command(*RECORDED[name]["command"].split()[1:]),
            check=False,
            cwd=life.program,
            env={**env, "STEP": RECORDED[name]["step"], **passphrase},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
    return done


def known(value: Any, key: str = "") -> Any:
    """JSON without what is `ALLOWED` to differ; its type stays."""
    if key in _VARIES:
        assert isinstance(value, _VARIES[key])
        assert value
        return f"some {key}"
    if isinstance(value, dict):
        return {name: known(item, name) for name, item in value.items()}
    if isinstance(value, list):
        items = [known(item) for item in value]
        parallel = key in {"steps", "resources"}
        return sorted(items, key=lambda item: item["urn"]) if parallel else items
    if isinstance(value, str):
        return _TIME.sub("TIME", _UUID.sub("UUID", value))
    return value


def blocks(text: str) -> list[str]:
    """What a text says of each resource, then the rest, without what is `ALLOWED` to differ."""
    text = _TIME.sub("TIME", re.sub(r"^@ .*\n", "", text, flags=re.MULTILINE))
    text = re.sub(r"\A(.*\):\n)\n+", r"\1", text)  # the blank line that ends the first dots
    text = re.sub(r"\(\d+(\.\d+)?s\)", "(T)", re.sub(r"Duration: \d+s", "Duration: T", text))
    text = re.sub(
        r"Managed by .*", "Managed by HOST", re.sub(r"Last updated: .* \(", "Last updated: AGO (", text)
    )
    found: dict[str, list[str]] = {}
    owner = ""
    for line in text.splitlines():
        if _SUMMARY.match(line):
            owner = ""
        elif row := _ROW.match(line):
            owner = row[1]
            if owner.startswith(("pulumi:pulumi:Stack", "conformance:index:Group")) and line in found.get(
                owner, []
            ):
                continue
        elif _DETAILS.match(line):
            owner = f"{len(found)}"
        found.setdefault(owner, []).append(line)
    return sorted("\n".join(lines).rstrip() for lines in found.values())


def test_every_recording_is_replayed() -> None:
    assert sorted(ORDER) == sorted(RECORDED)


@pytest.mark.parametrize("name", ORDER)
def test_a_recorded_command_is_answered_alike(answers: dict[str, CompletedProcess], name: str) -> None:
    recorded, done = RECORDED[name], answers[name]
    assert (done.returncode, done.stderr) == (recorded["exit"], recorded["stderr"])
    if isinstance(recorded["stdout"], str):
        assert blocks(done.stdout) == blocks(recorded["stdout"])
    else:
        assert known(json.loads(done.stdout)) == known(recorded["stdout"])
