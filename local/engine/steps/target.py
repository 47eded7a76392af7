"""What the user limits an operation to: --target, --exclude, --replace; pure."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.engine import urn as urns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.engine.state.resource_state import ResourceState


class Targets:
    """URNs, or patterns with `*`, of one option."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = tuple(patterns)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def __contains__(self, urn: str) -> bool:
        return any(urn == pattern or fnmatch.fnmatchcase(urn, pattern) for pattern in self._patterns)


@dataclass(frozen=True)
class Options:
    """What the user asked of the operation."""

    targets: Targets = field(default_factory=Targets)
    excludes: Targets = field(default_factory=Targets)
    replaces: Targets = field(default_factory=Targets)
    target_dependents: bool = False
    exclude_dependents: bool = False
    exclude_protected: bool = False
    continue_on_error: bool = False


class Scope:
    """Which resources an operation may touch."""

    def __init__(self, resources: Sequence[ResourceState], options: Options) -> None:
        self._resources = resources
        self._options = options
        chosen = {state.urn for state in resources if state.urn in (options.targets or options.excludes)}
        dependents = options.target_dependents if options.targets else options.exclude_dependents
        # Grows with the program's registrations: what stands on a chosen resource is chosen, if dependents are.
        self._chosen = self._with_dependents(chosen) if dependents else chosen
        self._dependents = dependents

    def includes(self, state: ResourceState) -> bool:
        """Whether a registered resource may be touched: providers and the stack always are."""
        if urns.is_provider(state.type) or state.type == urns.STACK_TYPE:
            return True
        options = self._options
        if not options.targets and not options.excludes:
            return True
        named = state.urn in (options.targets or options.excludes)
        if named or (self._dependents and state.all_dependencies() & self._chosen):
            self._chosen.add(state.urn)
        return (state.urn in self._chosen) == bool(options.targets)

    def may_delete(self, state: ResourceState) -> bool:
        """Whether a resource that the program no longer has may go."""
        options = self._options
        if options.exclude_protected and any(other.protect for other in self._standing_on(state)):
            return False
        if options.targets:
            return state.urn in self._chosen
        if options.excludes:
            return not any(other.urn in self._chosen for other in self._standing_on(state))
        return True

    def _with_dependents(self, found: set[str]) -> set[str]:
        found = set(found)
        for state in self._resources:  # dependencies come before their dependents
            if state.all_dependencies() & found:
                found.add(state.urn)
        return found

    def _standing_on(self, state: ResourceState) -> list[ResourceState]:
        """The resource and all that depends on it."""
        found = self._with_dependents({state.urn})
        return [other for other in self._resources if other.urn in found]
