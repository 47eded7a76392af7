"""Keeps a stack from lowering the isolation of its workspace's managed network, which Azure refuses half-way.

Azure raises isolation and never lowers it: a lower one fails at the workspace, after what comes before it has changed. So
the stack remembers the isolation in a resource of its own, on which everything else waits, and which a preview checks too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from infra.network.managed import ISOLATIONS

if TYPE_CHECKING:
    import pulumi

_LEVELS = {word: level for level, word in enumerate(ISOLATIONS)}


def lowering(before: str | None, wanted: str) -> str | None:
    """Why an isolation can't become another one; None: it can."""
    if _LEVELS.get(before or ISOLATIONS[0], 0) <= _LEVELS.get(wanted, 0):
        return None
    what = "mode: managed with " if wanted == ISOLATIONS[0] else ""
    return (
        f"network.managed.isolation: the workspace's managed network is {before}, and Azure never lowers it to {wanted}; "
        f"write {what}isolation: {before}, or deploy a new stack"
    )


class IsolationProvider(ResourceProvider):
    """Remembers an isolation. The state names this class: it must stay importable here."""

    # The serialized provider is the name of a class: nothing to encrypt.
    serialize_as_secret_always = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuses less isolation than the state has."""
        problem = lowering(_olds.get("isolation"), str(news["isolation"]))
        return CheckResult(news, [CheckFailure("isolation", problem)] if problem else [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Nothing exists but the state."""
        return CreateResult("isolation", {"isolation": props["isolation"]})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Raised, or the same."""
        return DiffResult(changes=_olds.get("isolation") != _news.get("isolation"))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Remembers the higher one."""
        return UpdateResult({"isolation": _news["isolation"]})


class IsolationGuard(Resource, module="infra", name="IsolationGuard"):
    """The isolation that a stack has reached."""

    isolation: pulumi.Output[str]

    def __init__(self, name: str, isolation: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(IsolationProvider(), name, {"isolation": isolation}, opts)
