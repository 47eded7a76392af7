"""What the engine knows of one resource: an entry of the checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.engine.property_value import SECRET, SIGNATURE, Properties, Secret, mapped

if TYPE_CHECKING:
    from collections.abc import Callable

# Checkpoint key → attribute, in the order the official engine writes them.
FIELDS = {
    "urn": "urn",
    "custom": "custom",
    "delete": "delete",
    "id": "id",
    "type": "type",
    "inputs": "inputs",
    "outputs": "outputs",
    "parent": "parent",
    "protect": "protect",
    "taint": "taint",
    "external": "external",
    "dependencies": "dependencies",
    "initErrors": "init_errors",
    "provider": "provider",
    "propertyDependencies": "property_dependencies",
    "pendingReplacement": "pending_replacement",
    "additionalSecretOutputs": "additional_secret_outputs",
    "customTimeouts": "custom_timeouts",
    "importID": "import_id",
    "retainOnDelete": "retain_on_delete",
    "deletedWith": "deleted_with",
    "replaceWith": "replace_with",
    "created": "created",
    "modified": "modified",
    "ignoreChanges": "ignore_changes",
    "hideDiff": "hide_diff",
    "replaceOnChanges": "replace_on_changes",
    "replacementTrigger": "replacement_trigger",
    "resourceHooks": "resource_hooks",
}
_ALWAYS = ("urn", "custom", "type")
_PROPERTIES = ("inputs", "outputs", "replacementTrigger")


def now() -> str:
    """The time as checkpoints have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(slots=True, eq=False)
class ResourceState:
    """One resource. Compared by identity: two generations of a resource share their URN."""

    urn: str
    type: str
    custom: bool = False
    id: str = ""
    inputs: Properties = field(default_factory=dict[str, Any])
    outputs: Properties = field(default_factory=dict[str, Any])
    parent: str = ""
    delete: bool = False
    protect: bool = False
    taint: bool = False
    external: bool = False
    dependencies: list[str] = field(default_factory=list[str])
    init_errors: list[str] = field(default_factory=list[str])
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    pending_replacement: bool = False
    additional_secret_outputs: list[str] = field(default_factory=list[str])
    custom_timeouts: dict[str, float] = field(default_factory=dict[str, float])
    import_id: str = ""
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list[str])
    created: str = ""
    modified: str = ""
    ignore_changes: list[str] = field(default_factory=list[str])
    hide_diff: list[str] = field(default_factory=list[str])
    replace_on_changes: list[str] = field(default_factory=list[str])
    replacement_trigger: Any = None
    resource_hooks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.split("::", 3)[3]

    def all_dependencies(self, *, provider: bool = True) -> set[str]:
        """URNs this resource can't exist without: parent, provider, dependencies, what it is deleted with."""
        found = self.dependencies_but_parent()
        if self.parent:
            found.add(self.parent)
        return found if provider or not self.provider else found - {self.provider.rpartition("::")[0]}

    def dependencies_but_parent(self) -> set[str]:
        """URNs of what this resource takes values from, waits for or goes with; its parent alone doesn't count."""
        found = {*self.dependencies, *(urn for urns in self.property_dependencies.values() for urn in urns)}
        if self.provider:
            found.add(self.provider.rpartition("::")[0])
        if self.deleted_with:
            found.add(self.deleted_with)
        return found.union(self.replace_with)

    def fields(self, convert: Callable[[Any], Any]) -> dict[str, Any]:
        """The checkpoint entry, property values passed through `convert`; empty fields are left out."""
        row: dict[str, Any] = {}
        for key, attribute in FIELDS.items():
            value = getattr(self, attribute)
            if value or key in _ALWAYS:
                row[key] = convert(value) if key in _PROPERTIES else value
        return row


def dump(state: ResourceState, encrypt: Callable[[str], str]) -> str:
    """The checkpoint entry as JSON, secrets encrypted."""
    return compact(state.fields(lambda value: mapped(value, lambda secret: sealed(secret, encrypt))))


def sealed(secret: Secret, encrypt: Callable[[str], str]) -> dict[str, str]:
    """A secret as checkpoints have it; what was stored before keeps its ciphertext."""
    if secret.ciphertext is None:
        secret.ciphertext = encrypt(compact(mapped(secret.value, lambda inner: inner.value)))
    return {SIGNATURE: SECRET, "ciphertext": secret.ciphertext}


def compact(value: Any) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def has_secrets(value: Any) -> bool:
    """Whether there is anything encrypted in stored values."""
    if isinstance(value, dict):
        return (value.get(SIGNATURE) == SECRET and "ciphertext" in value) or any(
            map(has_secrets, value.values())
        )
    return isinstance(value, list) and any(map(has_secrets, value))


def load(row: dict[str, Any], decrypt: Callable[[str], str], *, keep: bool = True) -> ResourceState:
    """The state of a checkpoint entry; with `keep`, secrets that don't change are stored as they were."""
    known = {
        attribute: opened(row[key], decrypt, keep=keep) if key in _PROPERTIES else row[key]
        for key, attribute in FIELDS.items()
        if row.get(key) is not None
    }
    known["property_dependencies"] = {
        key: urns or [] for key, urns in (known.get("property_dependencies") or {}).items()
    }
    return ResourceState(**known)


def opened(value: Any, decrypt: Callable[[str], str], *, keep: bool = True) -> Any:
    """Stored property values with their secrets decrypted."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            if (ciphertext := value.get("ciphertext")) is not None:
                return Secret(json.loads(decrypt(ciphertext)), ciphertext if keep else None)
            plaintext = value.get("plaintext")
            return Secret(json.loads(plaintext) if plaintext is not None else value.get("value"))
        return {key: opened(item, decrypt, keep=keep) for key, item in value.items()}
    if isinstance(value, list):
        return [opened(item, decrypt, keep=keep) for item in value]
    return value
