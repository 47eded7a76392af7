"""The local stack: the same program as everywhere, with its state, passphrase and settings under ``.local/``.

Nothing of the user's is read or written: not the Pulumi login, not the Azure profile, whatever the environment says.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from local.settings import REPOSITORY, LocalDir

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from ops.engine import Engine

STACK = "local"
PROJECT = "mlops"
#: What could lead a command of ours to somebody's real cloud, login or state.
_FOREIGN = ("PULUMI_", "AZURE_", "ARM_", "MSI_", "IDENTITY_", "ACTIONS_ID_TOKEN_")


class StackError(Exception):
    """The local stack can't be used; the message says why and what to do."""


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without anything that points a client at a real cloud or login."""
    return {key: value for key, value in environ.items() if not key.startswith(_FOREIGN)}


def checkpoint_of(directory: LocalDir) -> Path:
    """Where the local stack's state is, in the layout of Pulumi's file backend."""
    return directory.state / ".pulumi" / "stacks" / PROJECT / f"{STACK}.json"


def forget(directory: LocalDir) -> None:
    """Removes all that is kept of a local stack: state, settings, passphrase, and the note of what was deployed."""
    for folder in (directory.state, directory.root / "project", directory.root / "pulumi"):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (directory.root / "passphrase", directory.stack):
        file.unlink(missing_ok=True)


@dataclass(frozen=True)
class LocalStack:
    """The stack ``local`` and the engine that runs it."""

    directory: LocalDir
    engine: Engine
    azure: Mapping[str, str]  #: variables that point at local Azure, as ``local env`` prints them
    #: configuration (full keys) over the committed one
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def project(self) -> Path:
        """A copy of the project file, beside which the engine keeps the stack's settings."""
        return self.directory.root / "project"

    @property
    def checkpoint(self) -> Path:
        """The stack's state file."""
        return checkpoint_of(self.directory)

    @property
    def _settings(self) -> Path:
        return self.project / f"Pulumi.{STACK}.yaml"

    @property
    def _passphrase(self) -> Path:
        return self.directory.root / "passphrase"

    def environment(self) -> dict[str, str]:
        """The environment of every engine command."""
        return {
            **clean_environment(os.environ),
            **self.azure,
            "PULUMI_BACKEND_URL": self.directory.state.as_uri(),
            "PULUMI_HOME": str(self.directory.root / "pulumi"),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # the official engine knows --event-log only then
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def prepare(self) -> None:
        """Makes the folders, the passphrase, the settings and, the first time, the stack. Idempotent.

        Raises:
            StackError: the state is there but can't be read.
        """
        if self.checkpoint.exists():
            self._check_state()
        else:
            self._write_private(self._passphrase, secrets.token_urlsafe(32), keep=True)
        self.directory.state.mkdir(mode=0o700, exist_ok=True)
        self.project.mkdir(mode=0o700, exist_ok=True)
        (self.project / "Pulumi.yaml").write_text((REPOSITORY / "Pulumi.yaml").read_text())
        self._write_settings()
        if not self.checkpoint.exists():
            command = ["stack", "init", STACK, "--non-interactive"]
            result = self._capture(command, cwd=self.project)
            if result.returncode:
                raise StackError(f"The stack could not be made: {_last_line(result.stderr)}")

    def _check_state(self) -> None:
        try:
            json.loads(self.checkpoint.read_text())
        except (OSError, ValueError) as error:
            backups = self.directory.state / ".pulumi" / "backups" / PROJECT / STACK
            raise StackError(
                f"The state of the local stack can't be read ({self.checkpoint}: {error}). "
                f"Copy the newest file of {backups} over it, or start over with `make clean`."
            ) from None
        if not self._passphrase.exists():
            raise StackError(
                f"{self._passphrase} is missing, so the secrets in the local stack's state can't be read. "
                "Put it back, or start over with `make clean`."
            )

    def _write_settings(self) -> None:
        """The committed settings with the overrides, plus the salt that the engine made for this stack's secrets."""
        settings: dict[str, Any] = yaml.safe_load((REPOSITORY / f"Pulumi.{STACK}.yaml").read_text())
        # An engine that was run by hand may have left another salt in the committed file.
        settings.pop("encryptionsalt", None)
        settings["config"] = {**settings["config"], **self.overrides}
        salt = self._salt()
        if salt:
            settings["encryptionsalt"] = salt
        self._write_private(self._settings, yaml.safe_dump(settings, sort_keys=False))

    def _salt(self) -> str | None:
        """The salt in the settings; where they are damaged, the one that the state was encrypted with."""
        try:
            found: Any = yaml.safe_load(self._settings.read_text())
            if isinstance(found, dict) and found.get("encryptionsalt"):
                return str(found["encryptionsalt"])
        except (OSError, yaml.YAMLError):
            pass
        try:
            latest = json.loads(self.checkpoint.read_text())["checkpoint"]["latest"]
            return str(latest["secrets_providers"]["state"]["salt"])
        except (OSError, KeyError, TypeError):
            return None

    @staticmethod
    def _write_private(path: Path, text: str, *, keep: bool = False) -> None:
        if keep and path.exists():
            return
        part = path.with_name(f"{path.name}.part")
        part.touch(mode=0o600)
        part.write_text(text)
        part.replace(path)

    def arguments(self, *command: str) -> list[str]:
        """The command line of an engine command that runs the program (``up``, ``preview``, ``destroy`` …)."""
        return [str(self.engine.executable), *command, "--stack", STACK, "--config-file", str(self._settings)]

    @contextmanager
    def provider(self) -> Generator[dict[str, str]]:
        """What the official engine needs besides: our azure-native provider, for where Microsoft's isn't installed."""
        if self.engine.kind == "embedded":
            yield {}
            return
        command = [sys.executable, "-m", "local.provider"]
        with subprocess.Popen(  # noqa: S603 (our own module)
            command, stdout=subprocess.PIPE, text=True, env=self.environment()
        ) as process:
            try:
                port = process.stdout.readline().strip() if process.stdout else ""
                if not port.isdigit():
                    raise StackError("The azure-native stand-in did not start; see its message above.")
                yield {"PULUMI_DEBUG_PROVIDERS": f"azure-native:{port}"}
            finally:
                process.terminate()

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets masked."""
        result = self._capture(["stack", "output", "--json", "--stack", STACK], cwd=REPOSITORY)
        if result.returncode:
            raise StackError(f"The stack's outputs can't be read: {_last_line(result.stderr)}")
        return json.loads(result.stdout)

    def _capture(self, command: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 (our own engine, our own arguments)
            [str(self.engine.executable), *command],
            cwd=cwd,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "it said nothing."
