"""What the history keeps of an operation's circumstances: its flags, PULUMI_… variables, program and git commit.

Of variables and of flags that aren't switches only that they were set: values may be secrets. The keys are those of the
official CLI (pkg/cmd/pulumi/metadata); what it notes of CI systems is left out.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.engine.command.flags import BOOL, TRUE, known
from local.engine.command.table import COMMANDS
from local.engine.state.checkpoint import VERSION

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.workspace.project import Project

_KINDS = {"cli", "auto.local", "auto.inline"}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Of these variables the official CLI notes whether they are on.
SWITCHES = frozenset(
    [
        "AUTOMATION_API_SKIP_VERSION_CHECK",
        "CONTINUE_ON_ERROR",
        "DEBUG_COMMANDS",
        "DEV",
        "DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
        "DISABLE_JOURNALING",
        "DISABLE_OUTPUT_VALUES",
        "DISABLE_PROVIDER_PREVIEW",
        "DISABLE_REGISTRY_RESOLVE",
        "DISABLE_RESOURCE_REFERENCES",
        "DISABLE_SECRET_CACHE",
        "DISABLE_VALIDATION",
        "DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS",
        "DIY_BACKEND_GZIP",
        "DIY_BACKEND_IGNORE_DEPRECATION_ERROR",
        "DIY_BACKEND_LEGACY_LAYOUT",
        "DIY_BACKEND_NO_LEGACY_WARNING",
        "DIY_BACKEND_RETAIN_CHECKPOINTS",
        "DIY_BACKEND_ZSTD",
        "ENABLE_LEGACY_DIFF",
        "ENABLE_LEGACY_REFRESH_DIFF",
        "ENABLE_STREAMING_JSON_PREVIEW",
        "ERROR_ON_DEPENDENCY_CYCLES",
        "ERROR_OUTPUT_STRING",
        "EXPERIMENTAL",
        "FALLBACK_TO_STATE_SECRETS_MANAGER",
        "IGNORE_AMBIENT_PLUGINS",
        "NEO",
        "PARALLEL_DIFF",
        "RUN_PROGRAM",
        "SKIP_CHECKPOINTS",
        "SKIP_CONFIRMATIONS",
        "SKIP_UPDATE_CHECK",
        "SUPPRESS_NEO_LINK",
    ]
)
_SCP = re.compile(r"git@(?:[a-zA-Z]+\.)?([a-zA-Z.-]*\.[a-zA-Z]+):(?:v\d/)?(.+)")
_AZURE = "dev.azure.com"
_OLD_AZURE = re.compile(r"([a-zA-Z0-9-]*)\.visualstudio\.com$")


def environment(arguments: Arguments, project: Project, *, updates: bool) -> dict[str, str]:
    """The circumstances of an operation; only an update's tell of its program."""
    kind = arguments.value("--exec-kind")
    found = {
        "exec.kind": kind if kind in _KINDS else "cli",
        "pulumi.arch": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "pulumi.os": sys.platform,
        "pulumi.version": VERSION,
        "stack.environments": "[]",
        "updatePlan": "false",
    }
    for name, value in os.environ.items():
        if name.startswith("PULUMI_"):
            switch = (
                ("true" if value in TRUE else "false") if name.removeprefix("PULUMI_") in SWITCHES else "set"
            )
            found[f"pulumi.env.{name}"] = switch
    flags = known(COMMANDS[arguments.command])
    for option in arguments.values:
        flag = flags[option.removeprefix("--")]
        switch = ("true" if arguments.has(option) else "false") if flag.kind == BOOL else "set"
        found[f"pulumi.flag.{flag.name}"] = switch
    if agent := arguments.value("--exec-agent"):
        found["exec.agent"] = agent
    if updates:
        found |= _client(arguments.value("--client")) if arguments.given("--client") else runtime(project)
    return found


def runtime(project: Project) -> dict[str, str]:
    """The program's interpreter, as `runtime.KEY`."""
    python = project.python()
    toolchain = str(project.options.get("toolchain") or "auto")
    checker = str(project.options.get("typechecker") or "none")
    found = {
        "runtime.name": "python",
        "runtime.executable": python,
        "runtime.metadata.toolchain": toolchain.capitalize(),
        "runtime.metadata.typechecker": checker.capitalize(),
    }
    folder = Path(python).parent.parent
    if toolchain in {"auto", "pip"}:
        for pip in sorted(folder.glob("lib/python3*/site-packages/pip-*.dist-info")):
            parts = [*pip.name.removeprefix("pip-").removesuffix(".dist-info").split("."), "0", "0"]
            found["runtime.metadata.toolchainVersion"] = ".".join(parts[:3])
    try:
        text = (folder / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        text = ""
    match = re.search(r"^version(?:_info)? *= *(\d+\.\d+\.\d+)", text, re.MULTILINE)
    found["runtime.version"] = match.group(1) if match else platform.python_version()
    return found


def _client(address: str) -> dict[str, str]:
    """The process that an inline program runs in."""
    import grpc  # noqa: PLC0415 - loaded for inline programs only
    from pulumi.runtime.proto import language_pb2, language_pb2_grpc  # noqa: PLC0415

    found = {"runtime.name": "client"}
    with grpc.insecure_channel(address) as channel:
        try:
            about = language_pb2_grpc.LanguageRuntimeStub(channel).About(
                language_pb2.AboutRequest(), timeout=5
            )
        except grpc.RpcError:
            return found  # it is no more than a note
    return found | {
        key: value
        for key, value in (("runtime.executable", about.executable), ("runtime.version", about.version))
        if value
    }


def commit(folder: Path) -> tuple[str, dict[str, str]]:
    """The title of the commit that a folder is at and what is known of it; nothing outside of a git repository."""
    if not any((place / ".git").exists() for place in (folder, *folder.parents)):
        return "", {}
    top, _, head = _git(folder, "rev-parse", "--show-toplevel", "--symbolic-full-name", "HEAD").partition(
        "\n"
    )
    fields = _git(folder, "log", "-1", "--format=%H%n%cn%n%ce%n%an%n%ae%n%B").split("\n", 5)
    if not top or len(fields) < 6:
        return "", {}
    keys = ("head", "committer", "committer.email", "author", "author.email")
    found = {f"git.{key}": value for key, value in zip(keys, fields, strict=False)}
    if head != "HEAD":
        found["git.headName"] = head
    found["git.dirty"] = "true" if _git(folder, "status", "--porcelain") else "false"
    if remote := _git(folder, "config", "--get", "remote.origin.url"):
        root = os.path.relpath(folder.resolve(), Path(top).resolve())
        found |= host(remote) | ({} if root.startswith("..") else {"vcs.root": root})
    return fields[5].strip().split("\n")[0].split("\r")[0], found


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            ["git", "--no-optional-locks", "-C", str(folder), *words],  # noqa: S607 - the user's git
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def host(remote: str) -> dict[str, str]:
    """Who owns a remote repository and where it is; nothing for one that isn't on a host.

    >>> host("git@ssh.dev.azure.com:v3/contoso/ml/churn") == host("https://dev.azure.com/contoso/ml/_git/churn")
    True
    """
    parts = urlsplit(remote)
    if parts.scheme in {"http", "https"}:
        where, path = parts.hostname or "", parts.path.removeprefix("/")
    elif match := _SCP.match(remote):
        where, path = match.groups()
    else:
        return {}
    owner, _, repository = path.removesuffix(".git").partition("/")
    if match := _OLD_AZURE.match(where):
        where, owner, repository = _AZURE, match.group(1), path
    elif where == _AZURE and "_git" not in repository:
        repository = "/_git/".join(repository.split("/", 1))
    return {"vcs.owner": owner, "vcs.repo": repository, "vcs.kind": where} if repository else {}
