"""Who may do what: people, groups and identities by name, and a table of who has which role where."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema, model_validator

from infra.access.custom_role import CustomRole
from infra.access.delivery import DeliveryConfig  # noqa: TC001 (pydantic reads it)
from infra.access.grant import IDENTITY_ROLES, Grant, PrincipalType
from infra.access.identity import NAMED, PURPOSES
from infra.access.work import SHARED_REGISTRY, TARGETS, WORK, granted, known_role
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.access.identity import Purpose

_GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_RESOURCE = re.compile(r"/subscriptions/[^/]+(/.+)?", re.IGNORECASE)
_COMPUTE = re.compile(r"compute/[a-z][a-z0-9-]*")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Guid = Annotated[str, StringConstraints(pattern=_GUID, to_lower=True)]
CustomRoleName = Literal["deploy only", "job submitter", "callback reader"]


class Principal(Section):
    """``mlops:access.principals.NAME``: a group, person or service principal."""

    id: str = setting(
        pattern=_GUID,
        breaks="Azure grants roles to object ids",
        write="the object id that `az ad group show`, `az ad signed-in-user show` or `az ad sp show` prints",
    )
    type: PrincipalType = setting(
        "Group",
        breaks="without the right type a new principal isn't found",
        write="Group, User or ServicePrincipal",
    )


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _target(text: str) -> str:
    if text in TARGETS or _RESOURCE.fullmatch(text) or _COMPUTE.fullmatch(text):
        return text
    near = difflib.get_close_matches(text, TARGETS, n=1, cutoff=0.6)
    remedy = (
        f"did you mean {near[0]}?" if near else f"write one of {', '.join(TARGETS)}, compute/NAME, or an id"
    )
    raise ValueError(f"there is nothing called {text!r} to grant a role on; {remedy}")


Targets = tuple[Annotated[str, AfterValidator(_target)], ...]
_LISTED = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class RowConfig(Section):
    """``mlops:access.table[]``: who has which role where."""

    moved: ClassVar[Mapping[str, str]] = {
        "on": "where, as on is true to readers of YAML 1.1",
        "eligible": "the role without it, or make the person eligible in Privileged Identity Management: how long a role is "
        "held, and who approves it, is the owner's to say",
    }

    who: str = setting(
        breaks="a role is somebody's", write=f"a name of access.principals, or one of {', '.join(NAMED)}"
    )
    role: Annotated[str, AfterValidator(known_role)] = setting(
        breaks="it decides what may be done", write=f"one of {', '.join(WORK)}, or a role of Azure's"
    )
    where: Annotated[Targets, BeforeValidator(_listed), WithJsonSchema(_LISTED)] = setting(
        (),
        breaks="it narrows the role to where it is needed",
        write=f"one or several of {', '.join(TARGETS)}, compute/NAME, or an id; or leave the key out for all that the work takes",
    )
    condition: str | None = setting(
        None,
        min_length=1,
        max_length=8192,
        breaks="it narrows the role by attributes",
        write="a condition as `az role assignment create --condition` takes it, or leave the key out",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.where and self.role not in WORK:
            raise ValueError(
                f"{self.role} is a role without a place, so nothing would be granted; write where:"
            )
        if not self.where and self.condition is not None:
            raise ValueError(
                f"a condition is about one place, and {self.role} takes several; write where: as well"
            )
        for role, target in self.grants:
            if not role.fits(target):
                raise ValueError(f"{role.title} permits nothing on {target}; write where it does")
        return self

    @property
    def grants(self) -> tuple[tuple[Any, str], ...]:
        """Roles and where they hold."""
        return granted(self.role, self.where)


class AccessConfig(Section):
    """``mlops:access``: who may do what, and whom pipelines deploy models as."""

    moved: ClassVar[Mapping[str, str]] = {
        "deployers": "principals: {NAME: {id: ID, type: TYPE}} and table: [{who: NAME, role: deployer}]",
        "dataScientists": "principals: {NAME: {id: ID}} and table: [{who: NAME, role: data scientist}]",
        "operators": "principals: {NAME: {id: ID}} and table: [{who: NAME, role: compute operator}]",
        "readers": "principals: {NAME: {id: ID}} and table: [{who: NAME, role: reader}]",
    }

    principals: dict[Name, Principal] = setting(
        {},
        breaks="the table names people, groups and service principals by them",
        write="a mapping of names (lowercase letters, digits, hyphens) to an id and a type (Group, User or ServicePrincipal)",
    )
    table: tuple[RowConfig, ...] = setting(
        (),
        breaks="it says who may do what; without a deployer in it, whoever runs `pulumi up` is granted what that needs",
        write="a list of mappings with who, role and, to narrow it, where",
    )
    delivery: DeliveryConfig | None = setting(
        None,
        breaks="it is the identity that pipelines deploy models with, and what it trusts",
        write="a mapping, {} for an identity that trusts nobody yet, or leave the key out for none",
    )
    custom_roles: dict[CustomRoleName, Guid] = setting(
        {},
        breaks="whoever may not make roles uses those that an administrator made",
        write="a mapping of deploy only, job submitter and callback reader to the GUIDs of roles, or leave the key out to have them made",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        first: dict[str, str] = {}
        for name, principal in self.principals.items():
            if name in NAMED:
                raise ValueError(
                    f"principals.{name} is what the platform calls an identity of its own; write another name"
                )
            same = first.setdefault(principal.id.lower(), name)
            if same != name:
                raise ValueError(
                    f"principals.{name} has the id of {same}, and one person has one name; remove one of them"
                )
        for number, row in enumerate(self.table):
            self._check_who(number, row.who)
        once: dict[tuple[str, str, str], int] = {}
        for number, row in enumerate(self.table):
            for target in row.where or ("",):
                number_before = once.setdefault((row.who, row.role, target.lower()), number)
                if number_before != number or row.where.count(target) > 1:
                    where = f" on {target}" if target else ""
                    raise ValueError(
                        f"table[{number}] makes {row.who} {row.role}{where}, as table[{number_before}] does, and Azure refuses "
                        "the same grant twice; write it once"
                    )
        return self

    def _check_who(self, number: int, who: str) -> None:
        if who == "delivery" and self.delivery is None:
            raise ValueError(
                f"table[{number}] is about delivery, and the stack has no such identity; write delivery: {{}}"
            )
        known = [*self.principals, *NAMED]
        if who not in known:
            near = difflib.get_close_matches(who, known, n=1, cutoff=0.6)
            remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            raise ValueError(f"table[{number}].who is {who!r}, which access.principals has not; {remedy}")

    @property
    def made_roles(self) -> Mapping[CustomRole, str]:
        """The custom roles that an administrator made, by GUID."""
        return {CustomRole(name): guid for name, guid in self.custom_roles.items()}

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """The identities that the platform has."""
        return PURPOSES if self.delivery is None else (*PURPOSES, "delivery")


def deployers(config: AccessConfig) -> tuple[str, ...]:
    """Whoever deploys, as ``Grant.who`` names them."""
    found = [_who(config, row.who)[0] for row in config.table if row.role == "deployer"]
    return tuple(found) or ("deployer",)


def _who(config: AccessConfig, name: str) -> tuple[str, PrincipalType]:
    if name in NAMED:
        return NAMED[name], "ServicePrincipal"
    return config.principals[name].id.lower(), config.principals[name].type


def grants(config: AccessConfig) -> tuple[Grant, ...]:
    """Every grant of the platform, each once, however many rows lead to it."""
    found = [
        Grant(purpose, "ServicePrincipal", role, target)
        for purpose in config.purposes
        for role, target in IDENTITY_ROLES[purpose]
    ]
    if deployers(config) == ("deployer",):
        found += [Grant("deployer", "User", role, target) for role, target in WORK["deployer"].needs]
    for row in config.table:
        who, kind = _who(config, row.who)
        found += [Grant(who, kind, role, target, row.condition) for role, target in row.grants]
    # What comes last is kept: a row's condition, whatever else leads to the same grant.
    return tuple({(grant.who, grant.role, grant.target): grant for grant in found}.values())


def custom_roles(config: AccessConfig) -> tuple[CustomRole, ...]:
    """The custom roles among the grants."""
    return tuple(dict.fromkeys(one.role for one in grants(config) if isinstance(one.role, CustomRole)))


def mistakes(config: AccessConfig, computes: Iterable[str], *, shares: bool) -> list[str]:
    """What the table says of computes and a shared registry (``shares``) that the stack doesn't have."""
    known = list(computes)
    shared = [
        f"access.table[{number}].where: the stack has no shared registry, so nothing would be granted; write "
        "sharedRegistry: {enabled: true}, or the id of a registry"
        for number, row in enumerate(config.table)
        if SHARED_REGISTRY in row.where and not shares
    ]
    return shared + [
        f"access.table[{number}].where: the stack has no {target}, so nothing would be granted; write compute/ and one of "
        f"{', '.join(known)}"
        for number, row in enumerate(config.table)
        for target in row.where
        if target.startswith("compute/") and target.removeprefix("compute/") not in known
    ]
