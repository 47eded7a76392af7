"""`pulumi about`: what is known of the engine, the host, the project, the stack and the backend.

As the official CLI prints it (pkg/cmd/pulumi/about/about.go), but for Go's version, in whose place there is Python's, and the
place of the logs: there are none.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine.command import metadata
from local.engine.command.flags import TRUE
from local.engine.command.printing import say, say_json, say_table, tell
from local.engine.error import EngineError
from local.engine.state.checkpoint import VERSION
from local.engine.workspace import project as projects
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.command.flags import Arguments
    from local.engine.workspace.project import Project

# Printed by the project's interpreter: its packages (without an argument, those that no other one requires) and those of
# them that bring the description of a plugin.
_PACKAGES = """
import importlib.metadata, json, pathlib, re, sys
def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()
found = {plain(item.metadata["Name"]): item for item in importlib.metadata.distributions()}
plugins = []
for file in sorted(file for folder in set(sys.path) for file in pathlib.Path(folder).glob("*/pulumi-plugin.json")):
    plugin = json.loads(file.read_text())
    if plugin.get("resource"):
        name = plugin.get("name") or file.parent.name.removeprefix("pulumi_").replace("_", "-")
        own = found.get(plain(file.parent.name))
        plugins.append({"name": name, "version": plugin.get("version") or (own.version if own else ""), "kind": "resource"})
if len(sys.argv) == 1:
    needed = {
        plain(re.match(r"[\\w.-]+", line)[0])
        for item in found.values()
        for line in item.requires or []
        if "extra ==" not in line
    }
    found = {name: item for name, item in found.items() if name not in needed}
packages = [{"name": name, "version": item.version} for name, item in sorted(found.items())]
print(json.dumps({"packages": packages, "plugins": plugins}))
"""


def about(arguments: Arguments) -> int:
    """Print what is known; what can't be had is said at the end."""
    known, errors = _known(arguments)
    if arguments.has("--json"):
        say_json({**known, "errors": errors})
        return 0
    _print(known)
    for error in errors:
        tell(f"warning: {error}")
    return 0


def _known(arguments: Arguments) -> tuple[dict[str, Any], list[str]]:
    errors: list[str] = []

    def tried(what: str, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except EngineError as error:
            errors.append(f"{what}: {error}")
            return None

    home: Project | None = tried("Failed to read project", lambda: projects.find(Path.cwd()))
    runtime = installed = None
    if home is not None:
        runtime = tried("Failed to load language plugin", lambda: _runtime(home))
        installed = runtime and tried(
            "Failed to get information about the Pulumi program's dependencies",
            lambda: _installed(home, transitive=arguments.has("--transitive")),
        )
    own = {"name": "python", "version": VERSION.removeprefix("v"), "kind": "language"}
    backend = tried("Could not access the backend", lambda: _backend(home))
    return {
        "plugins": installed and [*installed["plugins"], own],
        "host": _host(),
        "backend": backend,
        "currentStack": backend
        and tried(
            "Failed to get information about the current stack",
            lambda: _stack(home, arguments.value("--stack")),
        ),
        "cliAbout": {
            "version": VERSION.removeprefix("v"),
            "goVersion": f"none ({platform.python_implementation()} {platform.python_version()}: the embedded engine)",
            "goCompiler": "none",
        },
        "runtime": runtime,
        "dependencies": installed and installed["packages"],
    }, errors


def _host() -> dict[str, str]:
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    name, version = system.get("ID", sys.platform), system.get("VERSION_ID", platform.release())
    debian = Path("/etc/debian_version")
    if name == "debian" and debian.is_file():
        version = debian.read_text(encoding="utf-8").strip()
    return {
        "os": name,
        "version": version,
        "arch": platform.machine(),
    }


def _runtime(home: Project) -> dict[str, str]:
    home.require_python()
    found = metadata.runtime(home)
    return {"language": "python"} | {
        key.rpartition(".")[2]: value for key, value in found.items() if key != "runtime.name"
    }


def _installed(home: Project, *, transitive: bool) -> dict[str, list[dict[str, str]]]:
    done = subprocess.run(  # noqa: S603 - the project's own interpreter
        [home.python(), "-c", _PACKAGES, *(["all"] if transitive else [])],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise EngineError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return json.loads(done.stdout)


def _backend(home: Project | None) -> dict[str, Any]:
    return {
        "name": socket.gethostname(),
        "url": projects.backend(home).url,
        "user": getpass.getuser(),
        "organizations": None,
    }


def _stack(home: Project | None, name: str) -> dict[str, Any]:
    backend = projects.backend(home)
    store = stacks.locate(name, home, backend) if name else stacks.current(home, backend)
    if store is None or not store.exists():
        raise EngineError("No current stack")
    latest = store.read()
    return {
        "name": store.stack if home and store.project == home.name else store.qualified_name,
        "fullyQualifiedName": store.qualified_name,
        "resources": [_state(row) for row in latest.get("resources") or []],
        "pendingOps": [
            {**_state(row["resource"]), "type": row["type"]} for row in latest.get("pending_operations") or []
        ],
    }


def _state(row: dict[str, Any]) -> dict[str, str]:
    return {"type": row["type"], "urn": row["urn"]}


def _print(known: dict[str, Any]) -> None:
    line = known["cliAbout"]
    say_table(
        [
            ("CLI", ""),
            ("Version", line["version"]),
            ("Go Version", line["goVersion"]),
            ("Go Compiler", line["goCompiler"]),
        ]
    )
    say("")
    if known["plugins"] is not None:
        say("Plugins")
        rows = [(row["kind"], row["name"], row["version"]) for row in known["plugins"]]
        say_table([("KIND", "NAME", "VERSION"), *rows])
        say("")
    host = known["host"]
    say_table([("Host", ""), ("OS", host["os"]), ("Version", host["version"]), ("Arch", host["arch"])])
    say("")
    if known["runtime"]:
        first = ("executable", "version")
        shown = {key: known["runtime"][key] for key in first} | known["runtime"]
        told = " ".join(f"{key}='{value}'" for key, value in shown.items() if key != "language")
        say(f"This project is written in python: {told}\n")
    if known["currentStack"]:
        _print_stack(known["currentStack"])
    if backend := known["backend"]:
        say_table(
            [
                ("Backend", ""),
                ("Name", backend["name"]),
                ("URL", backend["url"]),
                ("User", backend["user"]),
                ("Organizations", ""),
                ("Token type", "personal"),
            ]
        )
        say("")
    if variables := _variables():
        say("Environment Variables:")
        say_table([("Name", "Value"), *variables])
        say("")
    if known["dependencies"] is not None:
        say("Dependencies:" if known["dependencies"] else "No dependencies found\n")
        if known["dependencies"]:
            say_table(
                [("NAME", "VERSION"), *((row["name"], row["version"]) for row in known["dependencies"])]
            )


def _print_stack(stack: dict[str, Any]) -> None:
    say(f"Current Stack: {stack['fullyQualifiedName']}\n")
    for rows, head, none in (
        (stack["resources"], "TYPE", "resources"),
        (stack["pendingOps"], "OPP TYPE", "pending operations"),
    ):
        if rows:
            say_table([(head, "URN"), *((row["type"], row["urn"]) for row in rows)])
            say("")
        else:
            say(f"Found no {none} associated with {stack['name']}\n")


def _variables() -> list[tuple[str, str]]:
    """PULUMI_… variables that are set and tell nothing that is to be kept to oneself."""
    shown = ("BACKEND_URL", "HOME", "ORGANIZATION")
    rows: list[tuple[str, str]] = []
    for name, value in sorted(os.environ.items()):
        short = name.removeprefix("PULUMI_")
        if name == short or not value:
            continue
        if short in metadata.SWITCHES:
            rows.append((name, "true" if value in TRUE else "false"))
        elif short in shown:
            rows.append((name, json.dumps(value)))
    return rows
