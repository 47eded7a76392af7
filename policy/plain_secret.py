"""Secrets are in Key Vault and nowhere else: not in a deployment's environment, a workflow or a tag.

What is a secret is told by a property's name or by the value's own shape. References to secrets are fine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from policy import resource_type as azure
from policy.rule import Resource, ResourceRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Values that are secrets whatever they are called.
_SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"(?:AccountKey|SharedAccessKey|Password|Pwd)=[^;{@<\s]{8,}", re.IGNORECASE),
    re.compile(r"[?&]sig=[A-Za-z0-9%+/]{20,}"),
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{40,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
)
#: Names of what is a secret, letters only, in lower case.
_NAMES = re.compile(
    r"(?:password|passwd|pwd|passphrase|apikey|accesskey|accountkey|primarykey|secondarykey|sharedkey|storagekey"
    r"|instrumentationkey|clientsecret|connectionstring|sastoken|accesstoken|authtoken|bearertoken|authorization)$"
)
#: Names of what is either a secret or the name of one: then the value decides.
_DOUBTFUL = re.compile(r"(?:secret|token|credential|credentials|key|pat)$")
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/_=.~-]{20,}")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: What begins like this says where a secret is.
_REFERENCES = ("@", "$", "[", "{", "/subscriptions/", "azureml:", "https://", "Bearer @")
#: In ``{"name": …, "value": …}`` and ``{"x": {"value": …}}`` the name is elsewhere.
_VALUES = frozenset({"value", "defaultvalue"})
#: Where secrets belong: the vault itself, and an address that Event Grid keeps and never shows.
_ALLOWED = frozenset(
    {
        (azure.VAULT_SECRET, "properties.value"),
        (azure.EVENT_SUBSCRIPTION, "destination.endpointUrl"),
        (azure.SYSTEM_TOPIC_SUBSCRIPTION, "destination.endpointUrl"),
    }
)


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """Names the places, never the values."""
    ignored = frozenset(settings["ignored"])
    for path, name, value in _texts(resource.props, "", ""):
        if (resource.type, path) not in _ALLOWED and path not in ignored and is_secret(name, value):
            yield f"{path} looks like a secret"


def is_secret(name: str, value: str) -> bool:
    """Whether a text under a name is one that must not be readable."""
    if any(shape.search(value) for shape in _SHAPES):
        return True
    if not value or value.startswith(_REFERENCES):
        return False
    letters = re.sub(r"[^a-z]", "", name.lower())
    if _NAMES.search(letters):
        return True
    return bool(_DOUBTFUL.search(letters) and _RANDOM.fullmatch(value) and not _GUID.fullmatch(value))


def _texts(value: Any, path: str, name: str) -> Iterator[tuple[str, str, str]]:
    """Every text: where it is, what it is called, what it says."""
    if isinstance(value, str):
        yield path, name, value
    elif isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        # A list of settings says {"name": …, "value": …}.
        own = mapping.get("name")
        called = own if isinstance(own, str) else name
        for key, item in mapping.items():
            if key.startswith("__"):  # Pulumi's own
                continue
            yield from _texts(
                item, f"{path}.{key}" if path else key, called if key.lower() in _VALUES else key
            )
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _texts(item, f"{path}[{index}]", name)


RULE = ResourceRule(
    name="plain-secrets",
    title="Secrets outside Key Vault",
    reason="Whoever may look at a resource reads what is written in it; a secret in its settings is everybody's.",
    fix="Put the secret into the vault, and its name or address here; read it with a managed identity.",
    link="https://learn.microsoft.com/azure/key-vault/general/best-practices",
    category="identity",
    controls=("IM-8",),
    severity="critical",
    settings={"ignored": {"type": "array", "items": {"type": "string"}, "default": []}},
    check=check,
)
