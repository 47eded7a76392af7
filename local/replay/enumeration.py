"""How Azure spells the values of its enumerations, by provider and key: ``enumeration.json``.

Made from the installed ``pulumi_azure_native`` (``python -m local.replay.enumeration``), whose enumerations are those of Azure's
REST specifications. A key may mean several enumerations in one provider (``kind``, ``state``): those that have the documented
value count.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_TABLE = Path(__file__).with_name("enumeration.json")
#: The SDK's modules of each provider.
_MODULES: dict[str, tuple[str, ...]] = {
    "microsoft.authorization": ("authorization",),
    "microsoft.consumption": ("consumption",),
    "microsoft.containerregistry": ("containerregistry",),
    "microsoft.containerservice": ("containerservice",),
    "microsoft.eventgrid": ("eventgrid",),
    "microsoft.insights": ("applicationinsights", "monitor"),
    "microsoft.keyvault": ("keyvault",),
    "microsoft.logic": ("logic",),
    "microsoft.machinelearningservices": ("machinelearningservices",),
    "microsoft.managedidentity": ("managedidentity",),
    "microsoft.network": ("network", "privatedns"),
    "microsoft.operationalinsights": ("operationalinsights",),
    "microsoft.resources": ("resources",),
    "microsoft.storage": ("storage",),
}
_ENUM = re.compile(r"^class (\w+)\(_builtins\.str, Enum\):\n(.*?)(?=^@|^class|\Z)", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(r'^    \w+ = "([^"]*)"', re.MULTILINE)
_PROPERTY = re.compile(r'@pulumi\.getter(?:\(name="(\w+)"\))?\s+def (\w+)\(self\) -> ([^\n]+):')


@cache
def _table() -> dict[str, dict[str, list[list[str]]]]:
    return json.loads(_TABLE.read_text())


def members(provider: str) -> Callable[[str, str], frozenset[str] | None]:
    """For ``comparison.Terms``: the spellings of the enumeration that a key and its documented value mean, or None."""
    keys = _table().get(provider.lower(), {})

    def spelled(key: str, documented: str) -> frozenset[str] | None:
        meant = [one for one in keys.get(key, []) if documented in one]
        return frozenset(value for one in meant for value in one) if meant else None

    return spelled


def distilled() -> dict[str, dict[str, list[list[str]]]]:
    """The table, read from the sources of the installed SDK."""
    spec = find_spec("pulumi_azure_native")
    if spec is None or spec.origin is None:
        raise LookupError("The package pulumi_azure_native is missing; run `make setup`.")
    root = Path(spec.origin).parent
    table: dict[str, dict[str, list[list[str]]]] = {}
    for provider, modules in _MODULES.items():
        keys: dict[str, set[tuple[str, ...]]] = {}
        for module in modules:
            _read(root / module, keys)
        table[provider] = {key: sorted(map(list, sets)) for key, sets in sorted(keys.items())}
    return table


def _read(folder: Path, keys: dict[str, set[tuple[str, ...]]]) -> None:
    source = folder / "_enums.py"
    text = source.read_text() if source.exists() else ""
    enums: dict[str, Any] = {name: tuple(sorted(_MEMBER.findall(body))) for name, body in _ENUM.findall(text)}
    for file in sorted(folder.glob("*.py")):
        if file.name == "_enums.py":
            continue
        for wire, python, annotation in _PROPERTY.findall(file.read_text()):
            for name in re.findall(r"'(\w+)'", annotation):
                if name in enums:
                    keys.setdefault(wire or python, set()).add(enums[name])


if __name__ == "__main__":
    _lines = [
        f' "{provider}": {json.dumps(keys, separators=(",", ":"))}' for provider, keys in distilled().items()
    ]
    _TABLE.write_text("{\n" + ",\n".join(_lines) + "\n}\n")
