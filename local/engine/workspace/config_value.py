"""A configuration value as its file keeps it: plain YAML in which `{"secure": ciphertext}` is a secret; pure.

Paths, coercion and texts are those of the official CLI (sdk/go/common/resource/config).
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.state.passphrase import Crypter

Path = list[str | int]
_SECURE = "secure"


def is_secret(value: Any) -> bool:
    """Whether a stored value, or anything in it, is encrypted."""
    if isinstance(value, dict):
        return is_ciphertext(value) or any(is_secret(item) for item in value.values())
    return isinstance(value, list) and any(is_secret(item) for item in value)


def is_ciphertext(value: Any) -> bool:
    """Whether a stored value is one secret."""
    return isinstance(value, dict) and set(value) == {_SECURE} and isinstance(value[_SECURE], str)


def is_object(value: Any) -> bool:
    """Whether a stored value is a structure: a secret text is none."""
    return isinstance(value, (dict, list)) and not is_ciphertext(value)


def in_order(value: Any) -> Any:
    """The value with its maps sorted by key."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value, key=str)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


def encrypted(value: str, crypter: Crypter) -> dict[str, str]:
    """A text as it is stored encrypted."""
    return {_SECURE: crypter.encrypt(value)}


def plain(value: Any, crypter: Crypter | None) -> Any:
    """A stored value decrypted; without a crypter, secrets read `[secret]`."""
    return _replaced(value, lambda cipher: crypter.decrypt(cipher) if crypter else "[secret]")


def recrypted(value: Any, old: Crypter, new: Crypter) -> Any:
    """A stored value with its secrets encrypted anew."""
    return _replaced(value, lambda cipher: encrypted(old.decrypt(cipher), new))


def _replaced(value: Any, secret: Callable[[str], Any]) -> Any:
    if is_ciphertext(value):
        return secret(value[_SECURE])
    if isinstance(value, dict):
        return {key: _replaced(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, secret) for item in value]
    return value


def text(value: Any) -> str:
    """A plain value as programs get it: JSON for structures, without quotes for a text."""
    if isinstance(value, str):
        return value
    return "" if value is None else go_json(value, escape=True)


def go_json(value: Any, *, escape: bool = False) -> str:
    """JSON as Go writes it: sorted keys, no spaces, short numbers; `escape` is for what could be HTML."""
    if isinstance(value, dict):
        rows = [
            f"{go_json(str(key), escape=escape)}:{go_json(item, escape=escape)}"
            for key, item in sorted(value.items(), key=lambda row: str(row[0]))
        ]
        return "{" + ",".join(rows) + "}"
    if isinstance(value, list):
        return "[" + ",".join(go_json(item, escape=escape) for item in value) + "]"
    if isinstance(value, float):
        return number(value)
    if not isinstance(value, (str, int)) and value is not None:
        value = str(value)  # a date of YAML
    done = json.dumps(value, ensure_ascii=False)
    if escape and isinstance(value, str):
        done = re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", done)
    return done


def number(value: float) -> str:
    """A float as Go's JSON writes it."""
    if not math.isfinite(value):
        raise EngineError(f"json: unsupported value: {value}")
    size = abs(value)
    if size and (size < 1e-6 or size >= 1e21):
        mantissa, _, exponent = repr(value).partition("e")
        return f"{mantissa.removesuffix('.0')}e{'-' if exponent.startswith('-') else '+'}{exponent.lstrip('+-').lstrip('0')}"
    done = format(Decimal(repr(value)), "f")
    return done.rstrip("0").rstrip(".") if "." in done else done


def coerced(value: str) -> Any:
    """What a text is inside of a structure: booleans and whole numbers become such."""
    if value in {"true", "false"}:
        return value == "true"
    if (len(value) > 1 and value.startswith("0")) or not re.fullmatch(r"[+-]?\d+", value):
        return value
    whole = int(value)
    return whole if -(2**63) <= whole < 2**64 else value


def typed(value: str, kind: str) -> Any:
    """A text as the type that `config set --type` names."""
    try:
        if kind == "int":
            return int(value)
        if kind == "float":
            return float(value)
    except ValueError as error:
        call = "Atoi" if kind == "int" else "ParseFloat"
        raise EngineError(f'strconv.{call}: parsing "{value}": invalid syntax') from error
    if kind == "bool":
        return value in {"1", "t", "T", "TRUE", "true", "True"}
    if kind == "string":
        return value
    raise EngineError(f'invalid type "{kind}"; must be one of string, int, bool, or float')


def parse_path(name: str) -> Path:  # noqa: C901, PLR0912 - one branch a form of words
    """`a.b[0]["c"]` as its parts; raises EngineError where it isn't one."""

    def wrong(why: str) -> EngineError:
        return EngineError(f"invalid config key path: {why}")

    parts: Path = []
    rest = name
    if rest.startswith("."):
        raise wrong("expected property path to start with a name or index")
    while rest:
        if rest.startswith("."):
            rest = rest[1:]
            if not rest:
                raise wrong("expected property path to end with a name or index")
            if rest.startswith("["):
                raise wrong("expected property name after '.'")
        elif rest.startswith('["'):
            match = re.match(r'\["((?:\\"|[^"])*)"', rest)
            if match is None:
                raise wrong("missing closing quote in property name")
            if not rest.startswith("]", match.end()):
                raise wrong("missing closing bracket in property access")
            parts.append(match[1].replace('\\"', '"'))
            rest = rest[match.end() + 1 :]
        elif rest.startswith("["):
            inside, bracket, after = rest[1:].partition("]")
            if not bracket:
                raise wrong("missing closing bracket in array index")
            if inside != "*" and not re.fullmatch(r"[+-]?\d+", inside):
                raise wrong(f'invalid array index: strconv.ParseInt: parsing "{inside}": invalid syntax')
            parts.append(inside if inside == "*" else int(inside))
            rest = after
        else:
            match = re.match(r"[^.\[]*", rest)
            assert match is not None  # noqa: S101 - it matches nothing at least
            parts.append(match[0])
            rest = rest[match.end() :]
    if not parts:
        raise EngineError("empty config key path")
    if not isinstance(parts[0], str):
        raise EngineError("first path segement of config key must be a string")
    if not parts[0]:
        raise EngineError("config key is empty")
    return parts


def found(value: Any, path: Path) -> tuple[Any, bool]:
    """What is at a path, and whether there is anything."""
    for part in path:
        inside: dict[Any, Any] = {}
        if isinstance(value, list):
            inside = dict(enumerate(value))
        elif isinstance(value, dict) and not is_ciphertext(value):
            inside = value
        if part not in inside:
            return None, False
        value = inside[part]
    return value, True


def placed(value: Any, before: Path, path: Path, new: Any) -> Any:
    """The value with `new` at a path in it, whose containers are made as needed; raises EngineError where they don't fit."""
    if not path:
        return new
    part, *rest = path
    if not is_object(value):
        if value is not None and len(before) > 1:
            raise _misplaced(before, "expected an array" if isinstance(part, int) else "expected a map")
        value = [None] * (part + 1) if isinstance(part, int) else {}
    here = [*before, part]
    if isinstance(value, list):
        if not isinstance(part, int):
            raise _misplaced(here, "key for an array must be an int")
        if not 0 <= part <= len(value):
            raise _misplaced(here, "array index out of range")
        items = [*value, None] if part == len(value) else list(value)
        items[part] = placed(items[part], here, rest, new)
        return items
    if not isinstance(part, str):
        raise _misplaced(here, "key for a map must be a string")
    if not rest and not value and part == _SECURE and isinstance(new, str):
        raise EngineError('could not set config: maps with the single key "secure" are reserved')
    return {**value, part: placed(value.get(part), here, rest, new)}


def _misplaced(path: Path, why: str) -> EngineError:
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return EngineError(f"could not set config: {shown.lstrip('.')}: {why}")


def without(value: Any, path: Path) -> Any:
    """The value without what is at a path in it."""
    part, *rest = path
    inner, there = found(value, [part])
    if not there:
        return value
    if isinstance(value, list):
        assert isinstance(part, int)  # noqa: S101 - it was found
        return [*value[:part], *([without(inner, rest)] if rest else []), *value[part + 1 :]]
    if rest:
        return {**value, part: without(inner, rest)}
    left = {key: item for key, item in value.items() if key != part}
    if is_ciphertext(left):
        raise EngineError(f'{part}: maps with the single key "secure" are reserved')
    return left
