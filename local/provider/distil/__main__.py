"""``python -m local.provider.distil TYPES [TOKEN[=ARM] …]``: writes what the provider knows of resource types into ``facts.json``.

TYPES is a clone of github.com/Azure/bicep-types-az. Each TOKEN (``azure-native:network:BastionHost``) is added or made
anew; without one, all that are in the table are. ARM is its type (``Microsoft.Network/bastionHosts``) or its whole path
(``/subscriptions/{subscriptionId}/…/bastionHosts/{bastionHostName}``), for where the token's name doesn't tell.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from local.provider.distil.arm_type import Library, UnknownArmTypeError
from local.provider.distil.table import TARGET, distil, write


def main(arguments: list[str]) -> int:
    """The exit code."""
    if not arguments or arguments[0].startswith("-"):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    table: dict[str, Any] = json.loads(TARGET.read_text())
    wanted: dict[str, str] = {token: entry["path"] for token, entry in table["resources"].items()}
    for argument in arguments[1:]:
        token, _, hint = argument.partition("=")
        wanted[token] = hint or wanted.get(token, "")
    try:
        made, unplaced = distil(Library(Path(arguments[0])), wanted)
    except UnknownArmTypeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write(made, TARGET)
    for name, properties in sorted(unplaced.items()):
        sys.stderr.write(f"{name}: Azure's types don't have {', '.join(sorted(properties))}\n")
    new = sorted(set(made["resources"]) - set(table["resources"]))
    sys.stdout.write(f"{len(made['resources'])} resource types, new: {', '.join(new) or 'none'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
