"""What the user limits an operation to: --target, --exclude, --replace; pure.

As `isTargetedForUpdate`, `isExcludedFromUpdate` and `determine…ResourcesToDelete…` of the official step generator have it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.steps.delete_order import needed_by, resting_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.engine.state.resource_state import ResourceState


class Targets:
    """URNs, or patterns, of one option: `*` stands for anything within a part of a URN, `**` for anything at all."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        patterns = tuple(patterns)
        self.literals = tuple(pattern for pattern in patterns if "*" not in pattern)
        self._globs = tuple(_expression(pattern) for pattern in patterns if "*" in pattern)

    def __bool__(self) -> bool:
        return bool(self.literals or self._globs)

    def __contains__(self, urn: str) -> bool:
        return urn in self.literals or any(glob.fullmatch(urn) for glob in self._globs)


def _expression(pattern: str) -> re.Pattern[str]:
    parts = ("[^:]*".join(re.escape(piece) for piece in part.split("*")) for part in pattern.split("**"))
    return re.compile(".*".join(parts), re.DOTALL)


@dataclass(frozen=True)
class Options:
    """What the user asked of the operation."""

    targets: Targets = field(default_factory=Targets)
    excludes: Targets = field(default_factory=Targets)
    replaces: Targets = field(default_factory=Targets)
    target_dependents: bool = False
    exclude_dependents: bool = False
    continue_on_error: bool = False
    ignore_protect: bool = False


def missing(targets: Targets, known: Iterable[str]) -> list[str]:
    """The URNs that were named and aren't there; a pattern may match nothing."""
    present = set(known)
    return [urn for urn in targets.literals if urn not in present]


def not_found(urn: str) -> str:
    """What is said of a target that isn't there."""
    text = f"Target '{urn}' could not be found in the stack."
    # A shell makes nothing of `$TYPE` in a URN that isn't quoted.
    return text if "$" in urn else f"{text} Did you forget to escape $ in your shell?"


def not_created(urn: str, missing_urn: str, *, excluded: bool) -> str:
    """What is said of a resource that stands on one that was left out and isn't there."""
    if excluded:
        return (
            f"Resource '{urn}' depends on '{missing_urn}', which is excluded and doesn't exist: exclude both, "
            "or pass --exclude-dependents."
        )
    # The official engine's words.
    return f"Resource '{urn}' depends on '{missing_urn}' which was was not specified in --target list."


def to_refresh(resources: Sequence[ResourceState], options: Options) -> list[ResourceState]:
    """The resources that a refresh reads."""
    targets, excludes = options.targets, options.excludes
    follows = options.exclude_dependents if excludes else options.target_dependents
    chosen: list[ResourceState] = []
    known: set[str] = set()
    for state in resources:  # dependencies come before their dependents
        named = state.urn in (excludes or targets)
        if not named and follows:
            references = state.all_dependencies(provider=False)
            named = any(urn in known or urn in (excludes or targets) for urn in references)
        if named:
            known.add(state.urn)
        if (excludes and not named) or (not excludes and (named or not targets)):
            chosen.append(state)
    return chosen


class Scope:
    """Which resources an operation may touch."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # Grows with the program's registrations: what stands on a chosen resource is chosen, if dependents are.
        self._chosen: set[str] = set()

    @property
    def limited(self) -> bool:
        """Whether there is anything that may not be touched."""
        return bool(self._options.targets or self._options.excludes)

    def includes(self, state: ResourceState) -> bool:
        """Whether a registered resource may be touched: providers and the stack always are."""
        return urns.is_provider(state.type) or state.type == urns.STACK_TYPE or self.names(state)

    def names(self, state: ResourceState) -> bool:
        """Whether the user's patterns let a resource be touched."""
        options = self._options
        if not self.limited:
            return True
        patterns = options.targets or options.excludes
        follows = options.target_dependents if options.targets else options.exclude_dependents
        named = state.urn in patterns or (
            follows and any(urn in self._chosen or urn in patterns for urn in state.all_dependencies())
        )
        if named:
            self._chosen.add(state.urn)
        return named == bool(options.targets)

    def deletable(self, resources: Sequence[ResourceState], registered: Sequence[str] = ()) -> set[str]:
        """URNs of what may go, in the state or just `registered`.

        Whatever stands on a target goes with it, whether or not the user has said so.
        """
        options = self._options
        present = {state.urn for state in resources}
        if options.targets:
            return resting_on(resources, {urn for urn in present if urn in options.targets})
        kept = {urn for urn in present if urn in options.excludes}
        if kept:
            kept = needed_by(resources, kept, with_dependents=options.exclude_dependents)
        return present.union(registered) - kept

    def undeclared(self, urns_gone: Iterable[str]) -> list[str]:
        """What would go although nobody named it."""
        if not self._options.targets or self._options.target_dependents:
            return []
        return [urn for urn in urns_gone if urn not in self._options.targets]
