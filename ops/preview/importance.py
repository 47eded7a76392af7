"""What deserves a reviewer's first look, in words that people understand; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from ops.preview.redaction import UNKNOWN, UNKNOWNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ops.preview.plan import Plan, Resource
    from ops.preview.redaction import Redactor

#: So many new grants are listed one by one; a new platform has dozens, which say little before anything has a name.
_FEW_GRANTS = 4
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class Concern(StrEnum):
    """Why a change is looked at, the gravest first. The values are what ``--fail-on`` takes."""

    REPLACE = "replace"
    DELETE = "delete"
    TRAFFIC = "traffic"
    MODEL = "model"
    ACCESS = "access"
    CREATE = "create"
    UPDATE = "update"
    OTHER = "other"


#: What surrounds a name in a sentence, so that it can be set as code.
NAME, END = "\x02", "\x03"
_ORDER = list(Concern)
#: Types that are about more than themselves.
_SUBJECTS = {
    "pulumi-python:dynamic/ml:Traffic": Concern.TRAFFIC,
    "pulumi-python:dynamic/ml:Model": Concern.MODEL,
    "azure-native:authorization:RoleAssignment": Concern.ACCESS,
    "azure-native:authorization:RoleDefinition": Concern.ACCESS,
    "azure-native:managedidentity:FederatedIdentityCredential": Concern.ACCESS,
}
_VERBS = {
    "create": "is created",
    "update": "is changed",
    "delete": "is deleted",
    "replace": "is replaced",
    "import": "is imported",
    "read": "is read",
    "refresh": "is refreshed",
    "discard": "is no longer read",
}


@dataclass(frozen=True)
class Headline:
    """A sentence about a change, and where to look."""

    concern: Concern
    text: str  #: without secrets, not yet Markdown; names are between ``NAME`` and ``END``
    urn: str


def concerns(resource: Resource) -> frozenset[Concern]:
    """All that a change is: a replaced model is a replacement and a change of the model."""
    own = resource.operation if resource.operation in {"create", "update", "delete", "replace"} else "other"
    subject = _subject(resource)
    return frozenset({Concern(own)} | ({subject} if subject else set()))


def rank(resource: Resource) -> int:
    """Smaller is graver."""
    return min(_ORDER.index(concern) for concern in concerns(resource))


def headlines(plan: Plan, redactor: Redactor, roles: Mapping[str, str]) -> list[Headline]:
    """What is to be read first: replacements, deletions, traffic, models, access. ``roles`` are names by id."""
    found: list[Headline] = []
    new = [resource for resource in plan.resources if _is_between_new(resource)]
    for resource in sorted(plan.resources, key=rank):
        subject = _subject(resource)
        if subject is None and resource.operation not in ("replace", "delete"):
            continue
        if not resource.new.get("custom", resource.old.get("custom", True)):
            continue  # a component is its parts
        if len(new) > _FEW_GRANTS and _is_between_new(resource):
            continue
        concern = subject or Concern(resource.operation)
        found.append(Headline(concern, redactor.text(sentence(resource, redactor, roles)), resource.urn))
    if len(new) > _FEW_GRANTS:
        said = f"access: {len(new)} role assignments on new resources, listed below"
        found.append(Headline(Concern.ACCESS, said, new[0].parent))
    return sorted(found, key=lambda headline: _ORDER.index(headline.concern))


def _is_between_new(resource: Resource) -> bool:
    """Whether it is a new grant on something that has no id yet."""
    if resource.kind != "RoleAssignment" or resource.operation != "create":
        return False
    return resource.inputs("new").get("scope") in UNKNOWNS


def sentence(resource: Resource, redactor: Redactor, roles: Mapping[str, str]) -> str:
    """What happens, in the words of those who use it."""
    old = cast("dict[str, Any]", redactor.value(dict(resource.inputs("old"))))
    new = cast("dict[str, Any]", redactor.value(dict(resource.inputs("new"))))
    match _subject(resource):
        case Concern.TRAFFIC:
            return _traffic(resource, old, new)
        case Concern.MODEL:
            return _model(resource, old, new)
        case Concern.ACCESS:
            return _access(resource, old, new, roles)
        case _ if resource.kind == "OnlineDeployment" and resource.operation == "replace":
            return (
                f"deployment {_known(old.get('name'), 'in use')} is replaced by {_known(new.get('name'), 'a new one')}: the new one is "
                "made and smoke-tested before the old one goes"
            )
        case _:
            return _plain(resource)


def _subject(resource: Resource) -> Concern | None:
    return _SUBJECTS.get(resource.type)


def _plain(resource: Resource) -> str:
    why = ", ".join(map(_name, sorted(set(resource.replaced_for))))
    tail = f" because {why} can't be changed in place" if why else ""
    if resource.protected and resource.operation in ("delete", "replace"):
        tail += "; it is protected, so the update will refuse"
    return (
        f"{resource.kind} {_name(resource.name)} {_VERBS.get(resource.operation, resource.operation)}{tail}"
    )


def _traffic(resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    endpoint = _known((new or old).get("endpoint"), _name(resource.name))
    head = f"traffic of {endpoint}: "
    before, after = _shares(old.get("shares")), _shares(new.get("shares"))
    if resource.operation == "delete":
        return f"{head}{before or 'nothing'} → no deployment gets requests"
    how = _how(new) if before and before != after else ""
    if resource.operation == "create":
        return f"{head}{after or 'known after up'}{how}"
    if before == after and new.get("unfinished") not in (None, "", old.get("unfinished")):
        return f"{head}an unfinished rollout is brought to its end ({new.get('unfinished')})"
    if before == after:
        return f"{head}stays {before or 'as it is'}; how it moves next time changes"
    return f"{head}{before or 'nothing'} → {after or 'known after up'}{how}"


def _shares(shares: Any) -> str:
    if not isinstance(shares, dict):
        return ""
    live = {name: share for name, share in cast("dict[str, Any]", shares).items() if share}
    return ", ".join(
        f"{_known(name, 'the new deployment')} {_number(share)} %" for name, share in sorted(live.items())
    )


def _how(traffic: Mapping[str, Any]) -> str:
    """By canary or blue-green, with the steps; only a move of everything to one deployment goes by steps."""
    steps, shares = traffic.get("steps"), traffic.get("shares")
    if not isinstance(steps, list) or not steps or not isinstance(shares, dict):
        return ""
    if [share for share in cast("dict[str, Any]", shares).values() if share] != [100]:
        return ""
    numbers = [_number(step) for step in cast("list[Any]", steps)]
    return f" by canary {' → '.join(numbers)} %" if len(numbers) > 1 else " by blue-green"


def _model(resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    named = str((new or old).get("name", resource.name))
    name = _name(named)
    version = _of(resource.old, "outputs", "version")
    was = f"version {version}" if version else f"lineage {str(old.get('lineage', ''))[:12]}"
    if resource.operation == "delete":
        return f"model {name}: {was} is archived"
    if resource.operation == "update":
        return f"model {name}: {was} stays; its description or tags change"
    outlook = new.get("outlook")
    said = (
        str(outlook).removeprefix(f"{named}: ").replace("`", "")
        if outlook and outlook != UNKNOWN
        else "will be trained"
    )
    tail = f"; {was} is archived after that" if resource.operation == "replace" else ""
    return f"model {name}: {said}{tail}"


def _access(
    resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any], roles: Mapping[str, str]
) -> str:
    given = new or old
    if resource.kind == "RoleDefinition":
        return _role(resource, old, new)
    if resource.kind == "FederatedIdentityCredential":
        identity = _known(given.get("resourceName"), "a new identity")
        was, now = (_known(inputs.get("subject"), "nobody") for inputs in (old, new))
        return {
            "create": f"access: {identity} trusts {now}",
            "delete": f"access: {identity} no longer trusts {was}",
        }.get(resource.operation, f"access: {identity} trusts {now}, instead of {was}")
    who = (
        f"{given.get('principalType') or 'principal'} {_known(given.get('principalId'), 'that is new, too')}"
    )
    if resource.operation == "create":
        return f"access: {who} gets {_grant(new, roles)}"
    if resource.operation == "delete":
        return f"access: {who} loses {_grant(old, roles)}"
    return f"access: {who} gets {_grant(new, roles)}, instead of {_grant(old, roles)}"


def _role(resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    name = _known((new or old).get("roleName"), resource.name)
    before, after = _actions(old), _actions(new)
    if resource.operation in ("create", "delete"):
        return (
            f"access: the role {name} {_VERBS[resource.operation]}; it permits {len(before | after)} actions"
        )
    more, less = sorted(after - before), sorted(before - after)
    said = [f"permits {', '.join(map(_name, more))} as well"] if more else []
    said += [f"no longer permits {', '.join(map(_name, less))}"] if less else []
    return f"access: the role {name} {', and '.join(said) or _VERBS[resource.operation]}"


def _actions(inputs: Mapping[str, Any]) -> set[str]:
    permissions = inputs.get("permissions") or []
    found: list[Any] = (
        [one for one in permissions if isinstance(one, dict)] if isinstance(permissions, list) else []
    )
    return {
        str(action) for one in found for key in ("actions", "dataActions") for action in one.get(key) or []
    }


def _grant(inputs: Mapping[str, Any], roles: Mapping[str, str]) -> str:
    definition = str(inputs.get("roleDefinitionId", ""))
    guid = _GUID.findall(definition)[-1:]
    role = roles.get(guid[0].lower(), f"role {guid[0]}") if guid else "a role that is known after up"
    scope = str(inputs.get("scope", ""))
    unknown = not scope or scope in UNKNOWNS or scope == UNKNOWN
    return f"{role} on {'a new resource' if unknown else _name(scope.rsplit('/', 1)[-1])}"


def _of(state: Mapping[str, Any], *keys: str) -> Any:
    found: Any = state
    for key in keys:
        found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str | int) else None


def _known(value: Any, otherwise: str) -> str:
    return otherwise if value is None or value == UNKNOWN or value in UNKNOWNS else _name(str(value))


def _name(text: str) -> str:
    return f"{NAME}{text.replace(NAME, '').replace(END, '')}{END}"


def _number(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def plain(text: str) -> str:
    """A sentence without what surrounds names in it."""
    return text.replace(NAME, "").replace(END, "")


def count_of(resources: Iterable[Resource]) -> dict[str, int]:
    """Operation → how many, in the order people read them."""
    found = [resource.operation for resource in resources]
    order = ("replace", "delete", "update", "create", "import", "read", "refresh", "discard")
    known = {operation: found.count(operation) for operation in order if operation in found}
    return {**known, **{operation: found.count(operation) for operation in sorted(set(found) - set(order))}}
