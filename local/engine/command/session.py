"""`pulumi login`, `logout`, `whoami` and `version`: who works with which backend."""

from __future__ import annotations

import getpass
import json
import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.engine.command.printing import say, say_json, tell
from local.engine.error import EngineError, UnsupportedError
from local.engine.state.backend import Backend, write_atomically
from local.engine.state.checkpoint import VERSION
from local.engine.workspace import project

if TYPE_CHECKING:
    from pathlib import Path

    from local.engine.command.flags import Arguments

_CLOUD = "https://api.pulumi.com"
_HOME = "file://~"


def _credentials() -> dict[str, Any]:
    file = _file()
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _file() -> Path:
    return project.home() / "credentials.json"


def _url(arguments: Arguments, problem: str) -> str:
    """The backend that the arguments name; `problem` is what to say if they name more than one."""
    given = [
        *arguments.positional,
        *([arguments.value("--cloud-url")] if arguments.given("--cloud-url") else []),
    ]
    if len(given) > 1:
        raise EngineError(problem)
    if arguments.has("--local"):
        if given:
            raise EngineError("a URL may not be specified when --local mode is enabled")
        return _HOME
    return given[0] if given else ""


def login(arguments: Arguments) -> int:
    """Use a folder for the state from now on."""
    url = _url(arguments, "only one of --cloud-url or argument URL may be specified, not both")
    home = project.here()
    set_ = os.environ.get("PULUMI_BACKEND_URL", "")
    url = url or set_ or ((home.settings.get("backend") or {}).get("url") if home else "") or _CLOUD
    if not url.startswith("file://"):
        raise UnsupportedError(f"the backend {url} of `pulumi login` (file:// is)")
    if set_ and url != set_:
        tell(
            f"Warning: The PULUMI_BACKEND_URL environment variable is set to '{set_}', which conflicts with the login URL "
            f"'{url}'."
        )
    if arguments.given("--default-org"):
        raise EngineError("unable to set default org for this type of backend")
    Backend.from_url(
        url, problem=f'could not log in to the state backend "{url}": no such file or directory'
    ).prepare()
    kept = _credentials()
    kept["current"] = url
    kept["accessTokens"] = {**kept.get("accessTokens", {}), url: ""}
    kept["accounts"] = {**kept.get("accounts", {}), url: {"lastValidatedAt": datetime.now(UTC).isoformat()}}
    _save(kept)
    say(f"Logged in to {socket.gethostname()} as {getpass.getuser()} ({url})")
    return 0


def _save(kept: dict[str, Any]) -> None:
    file = _file()
    write_atomically(file, json.dumps(kept, indent=4))
    file.chmod(0o600)


def logout(arguments: Arguments) -> int:
    """Forget a backend, or with --all every one."""
    url = _url(arguments, "only one of --all, --cloud-url or argument URL may be specified, not both")
    if arguments.has("--all"):
        if url:
            raise EngineError("only one of --all, --cloud-url or argument URL may be specified, not both")
        _file().unlink(missing_ok=True)
        say("Logged out of everything")
        return 0
    kept = _credentials()
    url = url or os.environ.get("PULUMI_BACKEND_URL", "") or kept.get("current", "") or _CLOUD
    for part in ("accessTokens", "accounts"):
        kept.get(part, {}).pop(url, None)
    if kept.get("current") == url:
        del kept["current"]
    if kept:
        _save(kept)
    say(f"Logged out of {url}")
    return 0


def whoami(arguments: Arguments) -> int:
    """Show the user and the backend."""
    backend = project.backend(project.here())
    user = getpass.getuser()
    if arguments.has("--json"):
        say_json({"user": user, "url": backend.url})
    elif arguments.has("--verbose"):
        say(f"User: {user}\nOrganizations: \nBackend URL: {backend.url}\nToken type: personal")
    else:
        say(user)
    return 0


def version(_arguments: Arguments) -> int:
    """Print the version of the official engine that this one does the same as."""
    say(VERSION)
    return 0
