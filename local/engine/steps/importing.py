"""What an import may not do; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.engine.property_value import blind

if TYPE_CHECKING:
    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.difference import Diff


def replacement(old: ResourceState, new: ResourceState, diff: Diff) -> str:
    """Why a resource whose program still names the id to import isn't replaced: the properties that force it."""
    reasons = "\n".join(
        f"{key}: {_text(old.inputs.get(key))} => {_text(new.inputs.get(key))}" for key in diff.replace_keys
    )
    return (
        "previously-imported resources that still specify an ID may not be replaced; please remove the `import` "
        f"declaration from your program;\n{reasons}"
    )


def _text(value: Any) -> str:
    shown = blind(value)
    return "{" + (shown if isinstance(shown, str) else "<nil>" if shown is None else json.dumps(shown)) + "}"
