"""Conditions of role assignments and of roles (Azure ABAC): read when they are written, and evaluated. Pure.

A role gives under a condition what it gives without one, where the condition holds for the request. Evaluated are conditions on blobs
(account, container, path, prefix of a list) and on role assignments (role, principal, its type). What else Azure knows (index tags,
snapshots, encryption scopes, attributes of principals and of the environment) is refused where it is written, by name: a condition is
never ignored.

Sources: Microsoft Learn, "Azure role assignment condition format and syntax", "Actions and attributes for Azure role assignment
conditions for Azure Blob Storage", "Authorization actions and attributes".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from local.azure.errors import ArmError, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_ROLES = "Microsoft.Authorization/roleAssignments"
#: What conditions can ask for here, in lower case.
ATTRIBUTES = frozenset(
    name.lower()
    for name in (
        "Resource[Microsoft.Storage/storageAccounts:name]",
        f"Resource[{_BLOBS}:name]",
        f"Resource[{_BLOBS}/blobs:path]",
        f"Request[{_BLOBS}/blobs:prefix]",
        *(
            f"{source}[{_ROLES}:{name}]"
            for source in ("Request", "Resource")
            for name in ("RoleDefinitionId", "PrincipalId", "PrincipalType")
        ),
    )
)
#: A part of an operation that a condition can name.
LIST_BLOBS = "Blob.List"
_SUB_OPERATIONS = frozenset({LIST_BLOBS.lower()})
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<attribute>@\w+\[[^\]]*\])|(?P<sign>&&|\|\||[(){},!])"
    r"|(?P<word>[\w.:-]+))"
)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """What a condition is asked about. ``attributes``: by name without ``@``, in lower case."""

    action: str = ""
    sub_operation: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


def check(text: str, version: str | None) -> None:
    """Refuses a condition that can't be read, or that asks for what local Azure doesn't know.

    Raises:
        ArmError: 400 it is no condition, 501 it has an attribute, operator or function that isn't evaluated.
    """
    if version != "2.0":
        raise _invalid()
    parsed(text)


def holds(text: str, request: Request) -> bool:
    """Whether a condition holds for a request."""
    return parsed(text)(request)


@lru_cache(maxsize=256)
def parsed(text: str) -> Callable[[Request], bool]:
    """A condition, ready to be asked.

    Raises:
        ArmError: as ``check``.
    """
    reader = _Reader(_tokens(text))
    found = reader.either()
    if not reader.ended:
        raise _invalid()
    return found


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise _invalid()
        found.append(token[0].strip())
        at = token.end()
    return found


def _invalid() -> ArmError:
    return ArmError(400, "BadRequestFormat", "The given role assignment condition is invalid.")


class _Reader:
    """Reads tokens into tests; ``NOT`` binds closer than ``AND``, and that closer than ``OR``."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def ended(self) -> bool:
        """Whether all was read."""
        return self._at == len(self._tokens)

    def either(self) -> Callable[[Request], bool]:
        """Tests joined by ``OR``."""
        tests = [self._both()]
        while self._taken("OR", "||"):
            tests.append(self._both())
        return lambda request: any(test(request) for test in tests)

    def _both(self) -> Callable[[Request], bool]:
        tests = [self._one()]
        while self._taken("AND", "&&"):
            tests.append(self._one())
        return lambda request: all(test(request) for test in tests)

    def _one(self) -> Callable[[Request], bool]:
        if self._taken("NOT", "!"):
            inner = self._one()
            return lambda request: not inner(request)
        if self._taken("("):
            found = self.either()
            self._expect(")")
            return found
        token = self._next()
        match token.lower():
            case "actionmatches":
                patterns = [value.lower() for value in self._braces()]
                return lambda request: any(fnmatchcase(request.action.lower(), one) for one in patterns)
            case "suboperationmatches":
                return self._sub_operation()
            case "exists" | "notexists":
                name, wanted = self._attribute(self._next()), token.lower() == "exists"
                return lambda request: (name in request.attributes) == wanted
            case _ if token.startswith("@"):
                return self._comparison(self._attribute(token))
            case _:
                raise _invalid()

    def _sub_operation(self) -> Callable[[Request], bool]:
        names = [value.lower() for value in self._braces()]
        if unknown := next((name for name in names if name not in _SUB_OPERATIONS), None):
            raise unsupported(f"The suboperation '{unknown}' in conditions of role assignments")
        return lambda request: request.sub_operation.lower() in names

    def _comparison(self, name: str) -> Callable[[Request], bool]:
        written = self._next()
        quantifier, _, operator = written.rpartition(":")
        compare = _OPERATORS.get(operator.lower())
        if compare is None or quantifier.lower() not in _QUANTIFIERS:
            raise unsupported(f"The operator '{written}' in conditions of role assignments")
        values = self._braces() if self._peek() == "{" else [self._value(self._next())]
        if quantifier.lower().endswith("allvalues"):
            return lambda request: (
                name in request.attributes
                and all(compare(request.attributes[name], value) for value in values)
            )
        return lambda request: (
            name in request.attributes and any(compare(request.attributes[name], value) for value in values)
        )

    def _attribute(self, token: str) -> str:
        name = re.sub(r"\s+", "", token.removeprefix("@")).replace("<$key_case_sensitive$>", "").lower()
        if not token.startswith("@"):
            raise _invalid()
        if name not in ATTRIBUTES:
            raise unsupported(f"The attribute '{token}' in conditions of role assignments")
        return name

    def _braces(self) -> list[str]:
        self._expect("{")
        found = [self._value(self._next())]
        while self._taken(","):
            found.append(self._value(self._next()))
        self._expect("}")
        return found

    def _value(self, token: str) -> str:
        if token.startswith("'"):
            return token[1:-1].replace("\\'", "'").replace("\\\\", "\\")
        if _GUID.fullmatch(token) or re.fullmatch(r"\w+", token):
            return token
        if token.startswith("@"):
            raise unsupported("An attribute on the right of a comparison in conditions of role assignments")
        raise _invalid()

    def _peek(self) -> str:
        return "" if self.ended else self._tokens[self._at]

    def _next(self) -> str:
        if self.ended:
            raise _invalid()
        self._at += 1
        return self._tokens[self._at - 1]

    def _taken(self, *wanted: str) -> bool:
        if self._peek().upper() in wanted:
            self._at += 1
            return True
        return False

    def _expect(self, wanted: str) -> None:
        if self._next() != wanted:
            raise _invalid()


def _negated(compare: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda value, target: not compare(value, target)


def _folded(compare: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda value, target: compare(value.lower(), target.lower())


def _like(value: str, target: str) -> bool:
    pattern = "".join({"*": ".*", "?": "."}.get(one) or re.escape(one) for one in target)
    return re.fullmatch(pattern, value, re.DOTALL) is not None


_PLAIN: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, target: value == target,
    "StringStartsWith": lambda value, target: value.startswith(target),
    "StringLike": _like,
}
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    **{name.lower(): compare for name, compare in _PLAIN.items()},
    **{f"{name}IgnoreCase".lower(): _folded(compare) for name, compare in _PLAIN.items()},
    **{name.replace("String", "StringNot").lower(): _negated(compare) for name, compare in _PLAIN.items()},
    **{
        f"{name.replace('String', 'StringNot')}IgnoreCase".lower(): _negated(_folded(compare))
        for name, compare in _PLAIN.items()
    },
    "guidequals": _folded(lambda value, target: value == target),
    "guidnotequals": _negated(_folded(lambda value, target: value == target)),
}
#: An attribute here has one value: any of it is all of it.
_QUANTIFIERS = frozenset(
    {"", "foranyofanyvalues", "forallofanyvalues", "foranyofallvalues", "forallofallvalues"}
)
