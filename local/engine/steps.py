"""What has to be done to which resource: pure decisions, no I/O.

The deployment asks the plan about each registration, does the provider calls that the answer needs (check, diff) and
comes back; the plan only ever sees their results.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.property_value import UNKNOWN, Properties, equal, has_unknown
from local.engine.property_path import contains, parse, restored
from local.engine.provider import Diff
from local.engine.resource_state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SAME = "same"
CREATE = "create"
UPDATE = "update"
DELETE = "delete"
REPLACE = "replace"
CREATE_REPLACEMENT = "create-replacement"
DELETE_REPLACED = "delete-replaced"
READ = "read"
READ_REPLACEMENT = "read-replacement"
DISCARD = "discard"
DISCARD_REPLACED = "discard-replaced"
REFRESH = "refresh"
IMPORT = "import"
IMPORT_REPLACEMENT = "import-replacement"
REMOVE_PENDING_REPLACE = "remove-pending-replace"
_INIT_ERROR = "#initerror"


class PlanError(Exception):
    """A registration that can't be carried out; the message is for the user."""


@dataclass(frozen=True)
class Goal:
    """What the program wants a resource to be."""

    type: str
    name: str
    custom: bool
    inputs: Properties
    parent: str = ""
    protect: bool | None = None
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    provider: str = ""
    delete_before_replace: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    import_id: str = ""
    custom_timeouts: dict[str, float] = field(default_factory=dict[str, float])
    retain_on_delete: bool | None = None
    deleted_with: str = ""
    replace_with: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    replacement_trigger: Any = None
    hide_diff: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alias:
    """Another identity the resource may have had; `None` means as it is now."""

    urn: str = ""
    name: str | None = None
    type: str | None = None
    stack: str | None = None
    project: str | None = None
    parent: str | None = None  # an empty text: no parent


@dataclass(eq=False)
class Step:
    """One thing to do. `logical` steps are what the user thinks in and what is counted."""

    op: str
    urn: str
    old: ResourceState | None = None
    new: ResourceState | None = None
    logical: bool = True
    keys: tuple[str, ...] = ()  # why it is replaced
    changed: tuple[str, ...] = ()
    stables: tuple[str, ...] = ()
    detailed: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    goal: Goal | None = None
    pending_delete: bool = False  # the old resource is deleted after the new one is there
    pending_replacement: bool = False  # the new resource comes after the old one is deleted
    skipped: bool = False  # not a target: nothing is created

    @property
    def state(self) -> ResourceState:
        """The new state, or the old one of what goes."""
        state = self.new or self.old
        assert state is not None  # noqa: S101 - every step has one of them
        return state


class Targets:
    """URNs and patterns of --target, --replace or --exclude."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(patterns)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __contains__(self, urn: str) -> bool:
        return any(urn == pattern or fnmatch.fnmatchcase(urn, pattern) for pattern in self.patterns)


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


class Plan:
    """The decisions of one operation, and what they were based on."""

    def __init__(
        self, stack: str, project: str, resources: Sequence[ResourceState], options: Options
    ) -> None:
        self._stack = stack
        self._project = project
        self._options = options
        self.resources = tuple(resources)
        self.olds = {state.urn: state for state in resources if not state.delete}
        self.news: dict[str, ResourceState] = {}
        self.aliased: dict[str, str] = {}  # old URN → URN now
        self._alias_of: dict[str, str] = {}
        self._claimed: set[int] = set()
        self._deleted: set[str] = set()  # URNs deleted to be created again
        self._deleted_states: set[int] = set()
        self._replace_keys: dict[str, tuple[str, ...]] = {}
        self._replaced: set[str] = set()
        self._skipped: set[str] = set()
        self._included: set[str] | None = None

    # -- who is who

    def urn(self, goal: Goal) -> str:
        """The URN of a registration; raises PlanError if the program has registered it before."""
        urn = urns.make(self._stack, self._project, goal.parent, goal.type, goal.name)
        if urn in self.news:
            raise PlanError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        return urn

    def find(self, urn: str, goal: Goal) -> ResourceState | None:
        """The resource in the state that a registration is about, by URN or alias."""
        for candidate in (urn, *self._aliases(goal)):
            old = self.olds.get(candidate)
            if old is None or id(old) in self._claimed:
                continue
            if candidate != urn:
                self.aliased[candidate] = urn
                self._alias_of[urn] = candidate
            self._claimed.add(id(old))
            return old
        return None

    def _aliases(self, goal: Goal) -> list[str]:
        own = [self._alias_urn(alias, goal) for alias in goal.aliases]
        found = list(own)
        if parent_alias := self._alias_of.get(goal.parent):
            for name, type_ in [(goal.name, goal.type), *((urns.name_of(a), urns.type_of(a)) for a in own)]:
                if name.startswith(old_prefix := urns.name_of(goal.parent)):
                    name = urns.name_of(parent_alias) + name.removeprefix(old_prefix)  # noqa: PLW2901
                found.append(urns.make(self._stack, self._project, parent_alias, type_, name))
        return found

    def _alias_urn(self, alias: Alias, goal: Goal) -> str:
        if alias.urn:
            return alias.urn
        return urns.make(
            alias.stack or self._stack,
            alias.project or self._project,
            goal.parent if alias.parent is None else alias.parent,
            alias.type or goal.type,
            alias.name or goal.name,
        )

    def state(self, urn: str, goal: Goal, old: ResourceState | None) -> ResourceState:
        """The state a registration asks for."""
        parent = self.news.get(goal.parent)
        protect = goal.protect if goal.protect is not None else bool(parent and parent.protect)
        retain = (
            goal.retain_on_delete
            if goal.retain_on_delete is not None
            else bool(parent and parent.retain_on_delete)
        )
        new = ResourceState(
            urn=urn,
            type=goal.type,
            custom=goal.custom,
            inputs=goal.inputs,
            parent=goal.parent,
            protect=protect,
            dependencies=list(goal.dependencies),
            provider=goal.provider,
            property_dependencies=goal.property_dependencies,
            additional_secret_outputs=list(goal.additional_secret_outputs),
            custom_timeouts=goal.custom_timeouts,
            import_id=goal.import_id,
            retain_on_delete=retain,
            deleted_with=goal.deleted_with,
            replace_with=list(goal.replace_with),
            created=old.created if old else "",
            modified=old.modified if old else "",
            ignore_changes=list(goal.ignore_changes),
            hide_diff=list(goal.hide_diff),
            replace_on_changes=list(goal.replace_on_changes),
            replacement_trigger=goal.replacement_trigger,
        )
        self.news[urn] = new
        return new

    def is_target(self, urn: str) -> bool:
        """Whether the operation may touch a resource: providers and the stack always, others if they are targets."""
        type_ = urns.type_of(urn)
        if urns.is_provider(type_) or type_ == urns.STACK_TYPE:
            return True
        if self._options.excludes:
            return urn not in self._excluded()
        if not self._options.targets:
            return True
        if self._options.target_dependents and urn in self._including_dependents():
            return True
        return urn in self._options.targets

    def _including_dependents(self) -> set[str]:
        if self._included is None:
            found = {state.urn for state in self.resources if state.urn in self._options.targets}
            self._included = self._with_dependents(found)
        # A resource of this program whose dependency is included is included as well.
        for urn, new in self.news.items():
            if urn not in self._included and new.all_dependencies() & self._included:
                self._included.add(urn)
        return self._included

    def _excluded(self) -> set[str]:
        if self._included is None:
            found = {state.urn for state in self.resources if state.urn in self._options.excludes}
            self._included = self._with_dependents(found) if self._options.exclude_dependents else found
        self._included |= {urn for urn in self.news if urn in self._options.excludes}
        return self._included

    def _with_dependents(self, found: set[str]) -> set[str]:
        found = set(found)
        for state in self.resources:  # dependencies come before their dependents
            if state.all_dependencies() & found:
                found.add(state.urn)
        return found

    # -- registrations

    def to_recreate(self, urn: str) -> bool:
        """Whether the resource was deleted in this operation because something it stands on is replaced."""
        return urn in self._deleted

    def forced_diff(self, old: ResourceState, new: ResourceState, *, provider_replaced: bool) -> Diff | None:
        """The diff of a resource that is replaced whatever its provider says."""
        if new.urn in self._options.replaces or old.taint:
            return Diff(changes=True, replaces=("id",))
        if any(urn in self._replaced for urn in new.replace_with):
            return Diff(changes=True, replaces=("replaceWith",))
        if new.deleted_with and new.deleted_with in self._replaced:
            return Diff(changes=True, replaces=("deletedWith",))
        if provider_replaced:
            return Diff(changes=True, replaces=("provider",))
        if not equal(new.replacement_trigger, old.replacement_trigger) and not has_unknown(
            new.replacement_trigger
        ):
            return Diff(changes=True, replaces=("replacementTrigger",))
        return None

    def ignores_old(self, urn: str, old: ResourceState | None) -> bool:
        """Whether a check is made as if the resource were new."""
        return old is None or urn in self._deleted or old.external or urn in self._options.replaces

    def created(
        self, urn: str, goal: Goal, old: ResourceState | None, new: ResourceState
    ) -> list[Step] | None:
        """The steps of a registration that needs no diff, or None if it does."""
        if not self.is_target(urn):
            if old is None:
                self._skipped.add(urn)
                return [Step(SAME, urn, None, new, goal=goal, skipped=True)]
            kept = replace(old, urn=urn)
            self.news[urn] = kept
            return [Step(SAME, urn, old, kept, goal=goal)]
        self._require_created(new)
        if old is None:
            return [Step(CREATE, urn, None, new, goal=goal)]
        if urn in self._deleted:
            return self._recreated(urn, goal, old, new)
        if old.external:
            return self._replaced_after(urn, goal, old, new, Diff(changes=True))
        return None

    def _require_created(self, new: ResourceState) -> None:
        missing = new.all_dependencies() & self._skipped
        if missing:
            raise PlanError(
                f"resource '{new.urn}' depends on '{min(missing)}', which doesn't exist yet and is not a target; "
                "add it to --target"
            )

    def _recreated(self, urn: str, goal: Goal, old: ResourceState, new: ResourceState) -> list[Step]:
        self._deleted.discard(urn)
        self._replaced.add(urn)
        keys = self._replace_keys.get(urn, ())
        return [
            Step(REPLACE, urn, old, new),
            Step(CREATE_REPLACEMENT, urn, old, new, logical=False, keys=keys, goal=goal),
        ]

    def diffed(self, goal: Goal, old: ResourceState, new: ResourceState, diff: Diff) -> str:
        """What a diff leads to: `same`, `update` or `replace`; raises PlanError if it must not be."""
        if diff.changes or old.pending_replacement:
            if replace_keys(diff) or old.pending_replacement:
                if new.protect and old.protect:
                    raise PlanError(
                        f'unable to replace resource "{new.urn}"\nas it is currently marked for protection. To '
                        "unprotect the resource, remove the `protect` flag from the resource in your Pulumi program "
                        "and run `pulumi up`"
                    )
                if goal.import_id:
                    raise PlanError(
                        "previously-imported resources that still specify an ID may not be replaced; please remove "
                        f"the `import` declaration of {new.urn} from your program"
                    )
                self._replaced.add(new.urn)
                return REPLACE
            return UPDATE
        return UPDATE if old.init_errors else SAME

    def same(self, goal: Goal, old: ResourceState, new: ResourceState) -> list[Step]:
        """Nothing to do."""
        return [Step(SAME, new.urn, old, new, goal=goal)]

    def updated(self, goal: Goal, old: ResourceState, new: ResourceState, diff: Diff) -> list[Step]:
        """A change in place."""
        return [
            Step(
                UPDATE,
                new.urn,
                old,
                new,
                changed=diff.changed,
                detailed=diff.detailed,
                stables=diff.stables,
                goal=goal,
            )
        ]

    def deletes_first(self, goal: Goal, diff: Diff) -> bool:
        """Whether the old resource goes before the new one comes."""
        if goal.delete_before_replace is not None:
            return goal.delete_before_replace
        return diff.delete_before_replace

    def replaced(
        self,
        goal: Goal,
        old: ResourceState,
        new: ResourceState,
        diff: Diff,
        dependents: Sequence[tuple[ResourceState, tuple[str, ...]]] = (),
    ) -> list[Step]:
        """A replacement; `dependents` must go before the old resource does, and come back after the new one."""
        if not self.deletes_first(goal, diff):
            return self._replaced_after(new.urn, goal, old, new, diff)
        steps: list[Step] = []
        for dependent, keys in reversed(dependents):
            if id(dependent) in self._deleted_states:
                continue
            if dependent.protect:
                raise PlanError(
                    f'unable to replace resource "{dependent.urn}" as part of replacing "{new.urn}" as it is currently '
                    "marked for protection. To unprotect the resource, remove the `protect` flag from the resource in "
                    f"your Pulumi program and run `pulumi up`, or use the command:\n`pulumi state unprotect "
                    f"'{dependent.urn}'`"
                )
            self._replace_keys[dependent.urn] = keys
            self._deleted.add(dependent.urn)
            steps.append(self._deleted_for_replacement(dependent))
        if not old.pending_replacement:
            steps.append(self._deleted_for_replacement(old))
        described = {"keys": replace_keys(diff), "changed": diff.changed, "detailed": diff.detailed}
        return [
            *steps,
            Step(REPLACE, new.urn, old, new, **described),
            Step(CREATE_REPLACEMENT, new.urn, old, new, logical=False, goal=goal, **described),
        ]

    def _deleted_for_replacement(self, state: ResourceState) -> Step:
        self._deleted_states.add(id(state))
        op = DISCARD_REPLACED if state.external else DELETE_REPLACED
        return Step(op, state.urn, state, None, logical=False, pending_replacement=not state.delete)

    def _replaced_after(
        self, urn: str, goal: Goal, old: ResourceState, new: ResourceState, diff: Diff
    ) -> list[Step]:
        described = {"keys": replace_keys(diff), "changed": diff.changed, "detailed": diff.detailed}
        return [
            Step(
                CREATE_REPLACEMENT, urn, old, new, logical=False, goal=goal, pending_delete=True, **described
            ),
            Step(REPLACE, urn, old, new, **described),
        ]

    def read(self, goal: Goal, urn: str, identity: str) -> list[Step]:
        """A resource that is read, not managed."""
        old = self.find(urn, goal)
        new = replace(self.state(urn, goal, old), id=identity, external=True)
        self.news[urn] = new
        if old is not None and not old.external and old.id != identity:
            self._replaced.add(urn)
            return [
                Step(READ_REPLACEMENT, urn, old, new, logical=False, goal=goal, pending_delete=True),
                Step(REPLACE, urn, old, new),
            ]
        return [Step(READ, urn, old, new, goal=goal)]

    # -- what a delete-first replacement takes with it

    def dependents(self, root: ResourceState) -> list[ResourceState]:
        """Resources that stand on another, in the state's order, that the program hasn't registered yet."""
        found = {root.urn}
        rows: list[ResourceState] = []
        for state in self.resources:
            if state is root or state.delete:
                continue
            if (state.all_dependencies() - {state.parent}) & found:
                found.add(state.urn)
                if id(state) not in self._claimed:
                    rows.append(state)
        return rows

    @staticmethod
    def dependent_inputs(state: ResourceState, replaced: set[str]) -> Properties | bool:
        """How to learn whether a dependent is replaced too: True or False at once, or inputs to diff."""
        if not state.custom or state.external:
            return False
        if state.provider and urns.split_reference(state.provider)[0] in replaced:
            return True
        if state.deleted_with in replaced:
            return True
        unknown = {key for key, deps in state.property_dependencies.items() if replaced.intersection(deps)}
        if not unknown & state.inputs.keys():
            return False
        return {key: UNKNOWN if key in unknown else value for key, value in state.inputs.items()}

    # -- what the program no longer has

    def deletes(self) -> tuple[list[Step], list[Step]]:
        """Steps for what the program did not register: those kept as they are, and those to delete."""
        same: list[Step] = []
        gone: list[Step] = []
        for state in self.resources:
            if id(state) in self._claimed and not state.delete:
                continue
            if id(state) in self._deleted_states and state.delete:
                continue
            if not self._may_delete(state):
                if not state.delete:
                    same.append(Step(SAME, state.urn, state, replace(state)))
                continue
            gone.append(self._deleted_step(state))
        return same, gone

    def _deleted_step(self, state: ResourceState) -> Step:
        if state.delete:
            return Step(
                DISCARD_REPLACED if state.external else DELETE_REPLACED, state.urn, state, logical=False
            )
        if state.pending_replacement:
            return Step(REMOVE_PENDING_REPLACE, state.urn, state, logical=False)
        return Step(DISCARD if state.external else DELETE, state.urn, state)

    def _may_delete(self, state: ResourceState) -> bool:
        options = self._options
        if options.exclude_protected and self._protected(state):
            return False
        if options.excludes:
            return state.urn not in self._excluded() and not self._needed_by_excluded(state)
        if not options.targets:
            return True
        if state.urn in options.targets:
            return True
        return options.target_dependents and state.urn in self._including_dependents()

    def _protected(self, state: ResourceState) -> bool:
        """Whether a resource, or anything that stands on it, is protected."""
        return any(other.protect for other in [state, *self._standing_on(state)])

    def _needed_by_excluded(self, state: ResourceState) -> bool:
        return any(other.urn in self._excluded() for other in self._standing_on(state))

    def _standing_on(self, state: ResourceState) -> list[ResourceState]:
        found = self._with_dependents({state.urn})
        return [other for other in self.resources if other.urn in found]

    def undeclared_targets(self, gone: Sequence[Step]) -> list[str]:
        """URNs that would go with a target although nobody named them."""
        if not self._options.targets or self._options.target_dependents:
            return []
        urns_gone = {step.urn for step in gone}
        return [
            state.urn
            for state in self.resources
            if state.urn not in urns_gone
            and not state.delete
            and state.all_dependencies() & urns_gone
            and state.urn not in self.news
        ]


def order_of_deletes(steps: Sequence[Step], state_order: Sequence[ResourceState]) -> dict[int, set[int]]:
    """For each step (by index) the steps that must be done before it: deletes of what stands on its resource."""
    by_urn: dict[str, list[int]] = {}
    for index, step in enumerate(steps):
        by_urn.setdefault(step.urn, []).append(index)
    position = {id(state): number for number, state in enumerate(state_order)}
    waits: dict[int, set[int]] = {index: set() for index in range(len(steps))}
    for index, step in enumerate(steps):
        for dependency in step.state.all_dependencies():
            for other in by_urn.get(dependency, ()):
                # Of two generations under one URN, a resource stands on those made before it.
                if position.get(id(steps[other].state), 0) <= position.get(id(step.state), 0):
                    waits[other].add(index)
    return waits


def replace_keys(diff: Diff) -> tuple[str, ...]:
    """The properties that force a replacement."""
    if diff.replaces:
        return diff.replaces
    forced = [path for path, entry in diff.detailed.items() if entry["diffKind"].endswith("-replace")]
    return tuple(dict.fromkeys(str(parse(path)[0]) for path in forced))


def with_replace_on_changes(diff: Diff, paths: Sequence[str], *, init_errors: bool) -> Diff:
    """The diff with changes at the given paths turned into replacements."""
    if not paths or (not diff.changes and not init_errors):
        return diff
    wanted = [parse(path) for path in paths]

    def forced(path: str) -> bool:
        return any(contains(pattern, parse(path)) for pattern in wanted)

    detailed = {
        path: {**entry, "diffKind": f"{entry['diffKind'].removesuffix('-replace')}-replace"}
        if forced(path)
        else entry
        for path, entry in diff.detailed.items()
    }
    replaces = dict.fromkeys([*diff.replaces, *(key for key in diff.changed if forced(key))])
    changes = diff.changes
    if init_errors and forced(_INIT_ERROR):
        replaces[_INIT_ERROR] = None
        changes = True
    return replace(diff, changes=changes, replaces=tuple(replaces), detailed=detailed)


def structural(old: Properties, new: Properties) -> Diff:
    """The difference of two sets of inputs, for providers that leave it to the engine."""
    changed = tuple(
        key
        for key in sorted(old.keys() | new.keys())
        if key not in old or key not in new or not equal(old[key], new[key])
    )
    return Diff(
        changes=bool(changed),
        changed=changed,
        detailed={
            key: {
                "diffKind": "add" if key not in old else "delete" if key not in new else "update",
                "inputDiff": True,
            }
            for key in changed
        },
    )


def ignoring(new: Properties, old: Properties, paths: Sequence[str]) -> Properties:
    """The new inputs with the old values at ignored paths."""
    for path in paths:
        new = restored(new, old, parse(path))
    return new
