"""A rollout's progress, kept on its endpoint: written by PATCH, which touches tags only, and read back.

Whoever drives a rollout writes its own mark (``run``) into the tag. A run that finds another text than its last one has
been overtaken, e.g. by the ``up`` after an ``up`` that was thought dead, and stops before it writes anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml import resource_manager
from ml.client import SETTLED, AzureMLError, word
from ml.rollout import TAG, Rollout, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

_API = "2024-10-01"


class OvertakenError(AzureMLError):
    """Another run drives the rollout now."""


def of(door: Door, endpoint: str) -> Rollout | None:
    """The rollout that an endpoint's tag tells of; None without one, or without the endpoint. Cheap: one GET."""
    found = door.find(f"endpoint {endpoint}", lambda: _get(door, endpoint))
    return decode(_tag(found)) if found else None


@dataclass
class Progress:
    """The tag, as this run has seen it last."""

    door: Door
    endpoint: str
    _last: str | None = None

    def read(self) -> Rollout | None:
        """The rollout that was left, if any; from here on only this run writes."""
        self._last = _tag(self._endpoint())
        return decode(self._last)

    def check(self, tags: Mapping[str, str] | None) -> None:
        """Refuses to go on where another run has written since.

        Raises:
            OvertakenError: it has.
        """
        if (tags or {}).get(TAG) != self._last:
            raise OvertakenError(
                f"traffic of {self.endpoint}: another run has taken the rollout over; wait for it, then run `up` again"
            )

    def save(self, rollout: Rollout) -> None:
        """Writes the tag and reads it back."""
        text = encode(rollout)
        found = self._endpoint()
        self.check(found.get("tags"))
        if text == self._last:
            return
        what = f"rollout of {self.endpoint}"
        # All tags are sent along: whether Azure merges or replaces them, the others stay.
        body = {"tags": {**(found.get("tags") or {}), TAG: text}}
        path = self.door.arm_id("onlineEndpoints", self.endpoint)
        self.door.do(what, lambda: resource_manager.request("PATCH", path, api_version=_API, body=body))
        before, self._last = self._last, text
        seen = self.door.until(
            what,
            self._endpoint,
            # For a moment after a PATCH Azure may still show what was there before it.
            lambda found: _settled(found) and _tag(found) != before,
            self.door.settings.timeout,
        )
        self.check(seen.get("tags"))

    def _endpoint(self) -> dict[str, Any]:
        return self.door.do(f"endpoint {self.endpoint}", lambda: _get(self.door, self.endpoint))


def _get(door: Door, endpoint: str) -> dict[str, Any]:
    path = door.arm_id("onlineEndpoints", endpoint)
    return resource_manager.request("GET", path, api_version=_API)


def _tag(endpoint: Mapping[str, Any]) -> str | None:
    return (endpoint.get("tags") or {}).get(TAG)


def _settled(endpoint: Mapping[str, Any]) -> bool:
    return word((endpoint.get("properties") or {}).get("provisioningState", "succeeded")) in SETTLED
