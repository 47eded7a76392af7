"""Which entry of the state owns what is known by its name: whoever made it last.

Who takes a change back after a failed rollout gets the old deployment and the old version again, while Pulumi still has
their replaced entries to delete. So each creation stamps what it makes or takes up with a tag of its own, and only the
entry with that stamp removes it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

#: The tag with the stamp; the output of that name in lower case is the entry's.
TAG = "Incarnation"


def new() -> str:
    """A stamp that no other creation has."""
    return os.urandom(8).hex()


def overtaken(door: Door, what: str, found: Any, props: Mapping[str, Any]) -> bool:
    """Whether another creation has taken up what is ``found`` (an entity with tags, or None); says so if it has."""
    stamp = (found.tags or {}).get(TAG) if found is not None else None
    if not stamp or stamp == props.get("incarnation"):
        return False
    door.say(f"{what}: was taken up again since, so it stays")
    return True
