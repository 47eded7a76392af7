"""Which resource of the state a registration is about: by its URN or one of its aliases; pure.

As `getOldResource` and `generateAliases` of the official engine's step generator do it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine import urn as urns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.goal import Alias, Goal


class Identities:
    """Who was who, as far as the program has told."""

    def __init__(self, stack: str, project: str, olds: Mapping[str, ResourceState]) -> None:
        self._stack = stack
        self._project = project
        self._olds = olds
        self.seen: set[str] = set()  # URNs that the program has registered
        self.aliased: dict[str, str] = {}  # old URN → URN now
        self._alias_of: dict[str, str] = {}

    def urn(self, goal: Goal) -> str:
        """The URN of a registration."""
        return urns.make(self._stack, self._project, goal.parent, goal.type, goal.name)

    def find(self, urn: str, goal: Goal) -> tuple[ResourceState | None, list[str]]:
        """The resource in the state that a registration is about, and what speaks against it, for the user."""
        problems: list[str] = []
        if (other := self.aliased.get(urn)) is not None:
            problems.append(
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN '{other}'"
            )
        # The URN goes first: an alias may be what another resource is called now.
        for candidate in (urn, *self.aliases(goal)):
            old = self._olds.get(candidate)
            if old is None:
                continue
            if candidate != urn:
                duplicate = (
                    f"Duplicate resource alias '{candidate}' applied to resource with URN '{urn}' conflicting"
                )
                if candidate in self.seen:
                    problems.append(f"{duplicate} with resource with URN '{urn}'")
                if (other := self.aliased.get(candidate)) is not None:
                    problems.append(f"{duplicate} with resource with URN '{other}'")
                self.aliased[candidate] = urn
                self._alias_of[urn] = candidate
            return old, problems
        return None, problems

    def forget(self, urn: str) -> None:
        """A resource keeps the name that the state has: its alias counts for nothing."""
        if (alias := self._alias_of.pop(urn, None)) is not None:
            self.aliased.pop(alias, None)

    def aliases(self, goal: Goal) -> list[str]:
        """The URNs a registration may have had, its own aliases before those that its parent's bring."""
        own = [self._alias_urn(alias, goal) for alias in goal.aliases]
        found = list(own)
        # What a parent was called is part of what its children were called.
        if parent_alias := self._alias_of.get(goal.parent):
            parent_name = urns.name_of(goal.parent)
            for name, type_ in [(goal.name, goal.type), *((urns.name_of(a), urns.type_of(a)) for a in own)]:
                old_name = name
                if name.startswith(parent_name):
                    old_name = urns.name_of(parent_alias) + name.removeprefix(parent_name)
                found.append(urns.make(self._stack, self._project, parent_alias, type_, old_name))
        return list(dict.fromkeys(found))

    def _alias_urn(self, alias: Alias, goal: Goal) -> str:
        if alias.urn:
            return alias.urn
        parent = goal.parent
        if alias.parent is not None:
            # A parent that goes by an alias itself was called otherwise when the resource was made.
            parent = self._alias_of.get(alias.parent, alias.parent)
        return urns.make(
            alias.stack or self._stack,
            alias.project or self._project,
            parent,
            alias.type or goal.type,
            alias.name or goal.name,
        )
