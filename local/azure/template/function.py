"""Functions of templates that only compute. Names ignore case; a wrong argument is an ``ExpressionError``. Pure.

Many are those of workflows (``local/azure/logic/function.py``); here are the ones that templates alone have, or have in
another way. What reads the deployment is in ``scope.py``.

Source: Microsoft Learn, "ARM template functions".
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin

from local.azure.logic.expression_parser import ExpressionError
from local.azure.logic.function import FUNCTIONS as WORKFLOW
from local.azure.logic.text import as_text, kind, same
from local.azure.template.unique import guid, unique_string

if TYPE_CHECKING:
    from collections.abc import Callable

#: What means the same in templates as in workflows.
_SHARED = [
    "tolower",
    "toupper",
    "trim",
    "substring",
    "startswith",
    "endswith",
    "json",
    "int",
    "bool",
    "float",
    "array",
    "createarray",
    "equals",
    "not",
    "greater",
    "greaterorequals",
    "less",
    "lessorequals",
    "first",
    "last",
    "add",
    "sub",
    "mul",
    "div",
    "mod",
    "min",
    "max",
    "replace",
    "reverse",
    "take",
    "base64",
    "base64tostring",
    "uricomponent",
    "uricomponenttostring",
    "string",
    "range",
]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"expected a String and got {kind(value)}")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ExpressionError(f"expected an Integer and got {kind(value)}")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ExpressionError(f"expected an Object and got {kind(value)}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ExpressionError(f"expected an Array and got {kind(value)}")
    return value


def _concat(*values: Any) -> Any:
    if values and all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    return "".join(as_text(value) for value in values)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict) else len(_list(value))


def _empty(value: Any) -> bool:
    return value is None or _length(value) == 0


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, dict):
        return _text(what).lower() in {key.lower() for key in where}
    if isinstance(where, list):
        return any(same(one, what) for one in where)
    return as_text(what) in _text(where)


def _found(where: Any, what: Any, *, last: bool) -> int:
    if isinstance(where, list):
        places = [place for place, one in enumerate(where) if same(one, what)]
        return -1 if not places else places[-1 if last else 0]
    text, part = _text(where).lower(), _text(what).lower()
    return text.rfind(part) if last else text.find(part)


def _format(text: Any, *values: Any) -> str:
    def one(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        number, form = int(found[1]), found[2]
        if number >= len(values):
            raise ExpressionError(f"format: there is no argument {number}")
        value = values[number]
        if form and isinstance(value, int) and (digits := re.fullmatch(r"[dD](\d+)", form)):
            return f"{value:0{digits[1]}d}"
        if form and isinstance(value, int) and (zeros := re.fullmatch(r"0+", form)):
            return f"{value:0{len(zeros[0])}d}"
        if form:
            raise ExpressionError(f"format: '{form}' is not supported by local Azure")
        return as_text(value)

    return re.sub(r"\{\{|\}\}|\{(\d+)(?::([^}]*))?\}", one, _text(text))


def _pad_left(value: Any, width: Any, character: Any = " ") -> str:
    return as_text(value).rjust(_whole(width), _text(character))


def _split(text: Any, by: Any) -> list[str]:
    separators = [_text(one) for one in (by if isinstance(by, list) else [by])]
    return re.split("|".join(re.escape(one) for one in separators), _text(text))


def _skip(value: Any, count: Any) -> Any:
    return (value if isinstance(value, str) else _list(value))[max(_whole(count), 0) :]


def _create_object(*values: Any) -> dict[str, Any]:
    if len(values) % 2:
        raise ExpressionError("createObject: it takes pairs of names and values")
    return {_text(name): value for name, value in zip(values[::2], values[1::2], strict=True)}


def _union(*values: Any) -> Any:
    if all(isinstance(value, dict) for value in values):
        joined: dict[str, Any] = {}
        for value in values:
            for key, item in value.items():
                both = isinstance(item, dict) and isinstance(joined.get(key), dict)
                joined[key] = _union(joined[key], item) if both else item
        return joined
    items = [item for value in values for item in _list(value)]
    return [item for place, item in enumerate(items) if not any(same(item, one) for one in items[:place])]


def _intersection(first: Any, *others: Any) -> Any:
    if isinstance(first, dict):
        return {
            key: value
            for key, value in first.items()
            if all(key in _object(other) and same(value, other[key]) for other in others)
        }
    return [item for item in _list(first) if all(any(same(item, one) for one in _list(o)) for o in others)]


def _flatten(value: Any) -> list[Any]:
    return [item for one in _list(value) for item in _list(one)]


def _items(value: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": item} for key, item in sorted(_object(value).items())]


def _try_get(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _data_uri(value: Any) -> str:
    return f"data:text/plain;charset=utf8;base64,{base64.b64encode(as_text(value).encode()).decode()}"


def _data_uri_to_string(value: Any) -> str:
    head, _, data = _text(value).partition(",")
    return base64.b64decode(data).decode() if head.endswith(";base64") else unquote(data)


def _parse_cidr(value: Any) -> dict[str, Any]:
    try:
        net = ip_network(_text(value), strict=False)
    except ValueError as error:
        raise ExpressionError(f"parseCidr: {error}") from None
    hosts = list(net.hosts()) if net.num_addresses <= 4 else []
    first = hosts[0] if hosts else net.network_address + 1
    last = hosts[-1] if hosts else net.broadcast_address - 1
    return {
        "network": str(net.network_address),
        "netmask": str(net.netmask),
        "broadcast": str(net.broadcast_address),
        "firstUsable": str(first),
        "lastUsable": str(last),
        "cidr": net.prefixlen,
    }


def _cidr_subnet(value: Any, size: Any, place: Any) -> str:
    try:
        net = ip_network(_text(value), strict=False)
        wanted = int(net.network_address) + _whole(place) * 2 ** (net.max_prefixlen - _whole(size))
        found = ip_network((wanted, _whole(size)))
    except ValueError as error:
        raise ExpressionError(f"cidrSubnet: {error}") from None
    if not found.subnet_of(net):  # pyright: ignore[reportArgumentType] (of one family, as made)
        raise ExpressionError(f"cidrSubnet: {value} has no network {place} of size {size}")
    return str(found)


def _cidr_host(value: Any, place: Any) -> str:
    try:
        return str(ip_network(_text(value), strict=False).network_address + _whole(place) + 1)
    except ValueError as error:
        raise ExpressionError(f"cidrHost: {error}") from None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: WORKFLOW[name] for name in _SHARED},
    "concat": _concat,
    "length": _length,
    "empty": _empty,
    "contains": _contains,
    "indexof": lambda where, what: _found(where, what, last=False),
    "lastindexof": lambda where, what: _found(where, what, last=True),
    "format": _format,
    "padleft": _pad_left,
    "split": _split,
    "join": lambda items, by: _text(by).join(as_text(item) for item in _list(items)),
    "skip": _skip,
    "createobject": _create_object,
    "union": _union,
    "shallowmerge": lambda items: {key: value for one in _list(items) for key, value in _object(one).items()},
    "intersection": _intersection,
    "flatten": _flatten,
    "items": _items,
    "objectkeys": lambda value: sorted(_object(value)),
    "tryget": _try_get,
    "coalesce": _coalesce,
    "true": lambda: True,
    "false": lambda: False,
    "null": lambda: None,
    "guid": lambda *values: guid(*(_text(value) for value in values)),
    "newguid": lambda: str(uuid.uuid4()),
    "uniquestring": lambda *values: unique_string(*(_text(value) for value in values)),
    "base64tojson": lambda text: json.loads(base64.b64decode(_text(text))),
    "datauri": _data_uri,
    "datauritostring": _data_uri_to_string,
    "uri": lambda base, path: urljoin(_text(base), quote(_text(path), safe="/:?=&%#")),
    "parsecidr": _parse_cidr,
    "cidrsubnet": _cidr_subnet,
    "cidrhost": _cidr_host,
}
