"""`pulumi stack export|import|change-secrets-provider`: a stack's deployment as a whole."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine.command.printing import say, tell
from local.engine.command.stack import check_secrets_provider
from local.engine.error import EngineError, UnsupportedError, prefixed
from local.engine.state import checkpoint, passphrase, resource_state
from local.engine.workspace import config_value
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.command.flags import Arguments
    from local.engine.state.passphrase import Crypter
    from local.engine.state.resource_state import ResourceState
    from local.engine.workspace.stack import Stack

_UNREADABLE = "could not deserialize deployment: "
_PROPERTIES = ("inputs", "outputs", "propertyDependencies")


def export(arguments: Arguments) -> int:
    """Print the stack's deployment; with --show-secrets, in plain text."""
    stack = stacks.open_(arguments.value("--stack"))
    if arguments.value("--version"):
        raise EngineError(
            f"the current backend ({socket.gethostname()}) does not provide the ability to export previous deployments"
        )
    stack.recover_if_abandoned()
    latest = stack.store.read() or {"manifest": {"time": "0001-01-01T00:00:00Z", "magic": "", "version": ""}}
    if arguments.has("--show-secrets"):
        with prefixed(_UNREADABLE):
            stack.require_key()
            latest = _decrypted(latest, stack)
    latest.setdefault("metadata", {})
    for row in latest.get("resources") or []:
        row.update({key: _in_order(row[key]) for key in _PROPERTIES if key in row})
    text = json.dumps({"version": 3, "deployment": latest}, indent=4, ensure_ascii=False)
    if file := arguments.value("--file"):
        try:
            Path(file).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise EngineError(
                f"could not open file: open {file}: {(error.strerror or '').lower()}"
            ) from error
    else:
        say(text)
    return 0


def _in_order(value: Any) -> Any:
    """Properties sorted by name, as the official CLI writes them: two exports differ only where the stack does."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def _decrypted(value: Any, stack: Stack) -> Any:
    if isinstance(value, dict):
        if value.get(resource_state.SIGNATURE) == resource_state.SECRET and "ciphertext" in value:
            return {
                resource_state.SIGNATURE: resource_state.SECRET,
                "plaintext": stack.state_crypter.decrypt(value["ciphertext"]),
            }
        return {key: _decrypted(item, stack) for key, item in value.items()}
    if isinstance(value, list):
        return [_decrypted(item, stack) for item in value]
    return value


def _read(file: str, name: str) -> dict[str, Any]:
    """The deployment of an exported file, or of standard input."""
    try:
        text = Path(file).read_text(encoding="utf-8") if file else sys.stdin.read()
    except OSError as error:
        raise EngineError(f"could not open file: open {file}: {(error.strerror or '').lower()}") from error
    try:
        document = json.loads(text)
        latest, version = document.get("deployment") or {}, document.get("version")
    except (ValueError, AttributeError) as error:
        raise EngineError(f"could not deserialize deployment: {error}" if text.strip() else "EOF") from error
    if isinstance(version, int) and version > checkpoint.VERSION_4:
        raise EngineError(
            f"the stack '{name}' is newer than what this version of the Pulumi CLI understands. Please update your "
            "version of the Pulumi CLI"
        )
    if version not in {3, 4} or (version == 4 and document.get("features")):
        raise UnsupportedError(f"the deployment's version {version} (3 is)")
    for row in latest.get("resources") or ():
        if problem := _problem(row):
            raise EngineError(f"could not deserialize deployment: {problem}")
    return latest


def _problem(row: Any) -> str:
    """What makes an entry no resource."""
    if not isinstance(row, dict):
        return "a resource is no object"
    urn = row.get("urn")
    if not urn or not isinstance(urn, str):
        return "resource missing required 'urn' field"
    if not row.get("type"):
        return f"resource '{urn}' missing required 'type' field"
    if row.get("id") and not row.get("custom"):
        return f"resource '{urn}' has 'custom' false but non-empty ID"
    return ""


def import_(arguments: Arguments) -> int:
    """Replace the stack's deployment with an exported one."""
    stack = stacks.open_(arguments.value("--stack"))
    latest = _read(arguments.value("--file"), stack.name)
    with contextlib.ExitStack() as until_done:
        with prefixed("could not import deployment: "):
            until_done.enter_context(stack.store.lock())
        stack.recover()
        with prefixed(_UNREADABLE):
            salt = checkpoint.salt_of(latest)
            crypter = stack.state_crypter
            if salt and salt != crypter.state:
                crypter = passphrase.open_(passphrase.from_environment(), salt)
            state = checkpoint.load(latest, crypter.decrypt)
        foreign = [r for r in state.resources if r.urn.split("::")[0] != f"urn:pulumi:{stack.name}"]
        told = [
            f"resource '{r.urn}' is from a different stack ({r.urn.split('::')[0].rpartition(':')[2]} != {stack.name})"
            for r in foreign
        ]
        known: set[str] = set()
        for resource in state.resources:
            missing = resource.all_dependencies() - known - {resource.urn}
            told += [
                f"state file contains errors: {resource.urn} refers to the unknown {urn}"
                for urn in sorted(missing)
            ]
            known.add(resource.urn)
        if told and not arguments.has("--force") and not arguments.has("--disable-integrity-checking"):
            told.append("importing this file could be dangerous; rerun with --force to proceed anyway")
            lines = "".join(f"\n    {number}) {line}" for number, line in enumerate(told, 1))
            raise EngineError(f"{len(told)} errors occurred:{lines}")
        for line in told:
            tell(f"warning: {line}")
        for operation in state.operations:
            tell(
                f"warning: removing pending operation '{operation.type}' on '{operation.resource.urn}' from snapshot"
            )
        write(stack, crypter, state.resources)
    say("Import complete.")
    return 0


def write(stack: Stack, crypter: Crypter, resources: Sequence[ResourceState]) -> None:
    """Replace the stack's state, without operations under way."""
    rows = [resource_state.dump(resource, crypter.encrypt) for resource in resources]
    stack.store.write(checkpoint.dump(stack.store.qualified_name, crypter.state, rows, ()))


def change_secrets_provider(arguments: Arguments) -> int:
    """Encrypt the stack's secrets anew, under a passphrase that is asked for, or the first line of standard input."""
    check_secrets_provider(arguments.positional[0])
    stack = stacks.open_(arguments.value("--stack"))
    _ = stack.crypter  # who hasn't the old passphrase can't give it another
    say("Migrating old configuration and state to new secrets provider")
    phrase = _new_passphrase() if arguments.positional[0] == "passphrase" else passphrase.from_environment()
    with stack.store.lock():
        stack.recover()
        state = stack.state(keep=False)
        old, new = stack.crypter, passphrase.new(phrase)
        values = stack.config.document.get("config") or {}
        stack.config.document["config"] = {
            key: config_value.recrypted(value, old, new) for key, value in values.items()
        }
        if not values:
            del stack.config.document["config"]
        stack.config.document["encryptionsalt"] = new.state
        # The configuration first, as the official engine does: with the state left behind, the old passphrase still
        # opens the state, whose own salt is in it.
        stack.config.save()
        write(stack, new, state.resources)
    return 0


def _new_passphrase() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    import getpass  # noqa: PLC0415 - on a terminal only

    phrase = getpass.getpass("Enter your new passphrase to protect config/secrets: ")
    if phrase != getpass.getpass("Re-enter your new passphrase to confirm: "):
        raise EngineError("passphrases do not match")
    return phrase
