"""Nothing secret leaves a preview; pure.

The engine masks what it knows to be secret. This is for the rest: values in Pulumi's wire signatures, under keys that
sound secret, or that look like credentials wherever they are, and every later mention of one that was seen.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SECRET: Final = "[secret]"  # noqa: S105 (what stands in for one)
UNKNOWN: Final = "[known after up]"
#: Pulumi's wire format: objects with this key are something else than objects.
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_ASSETS = frozenset({"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"})
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
#: Pulumi's wire values for what only the update will know, one per type.
UNKNOWNS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_SECRET_KEY = re.compile(
    r"(?i)passw|pwd|passphrase|secret|token|credential|connection[_-]?string|private[_-]?key|(?<![a-z])sas(?![a-z])"
    r"|certificate(?:data|value)|keys?\d*$"
)
#: Names of secrets and settings about them aren't secret.
_HARMLESS_KEY = re.compile(
    r"(?i)(?:name|names|uri|url|id|ids|type|kind|version|days|enabled|mode|size|policy|provider|source)$|public[_-]?key$"
)
#: What credentials look like; where there is a group, it stays.
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|pul-)\w{16,}"
    r"|(?P<bearer>(?i:bearer|basic)\s+)[\w.~+/-]{8,}=*"
    r"|(?P<user>://[^/\s:@]+:)[^/\s@]+(?=@)"
    r"|(?<![\w+/])[A-Za-z0-9+/]{86}=="
    r"|(?P<query>(?:\bsig|[?&]code)=)[^\s&;\"']+"
    r"|(?P<named>(?i:\b(?:pwd|[\w-]*(?:passw(?:or)?d|passphrase|secret|token|(?:account|access|api|shared|"
    r"instrumentation|private|signing|primary|secondary)[_ -]?key|connection[_ -]?string)))"
    r"""["']?\s*(?:=|:(?!//))\s*)(?:"[^"]*"|'[^']*'|[^\s&;,"'}]+)""",
    re.DOTALL,
)
_SHORTEST = 6


@dataclass(frozen=True)
class Redactor:
    """Takes secrets out of values and texts; ``known`` are those that were seen somewhere in the preview."""

    known: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Iterable[Any]) -> Redactor:
        """One that also knows every secret in ``values``, wherever else it is repeated. Longest first."""
        found = {text for value in values for text in _secrets(value)}
        return cls(tuple(sorted(found, key=lambda text: (-len(text), text))))

    def value(self, value: Any, key: str = "") -> Any:
        """``value`` as JSON, without what is secret in it. ``key`` is what it is called."""
        if isinstance(value, dict):
            mapping = cast("dict[str, Any]", value)
            if SIGNATURE in mapping:
                return self._signed(mapping, key)
            return {
                self.text(str(name)): self.value(item, _inherited(key, name))
                for name, item in mapping.items()
            }
        if isinstance(value, list):
            return [self.value(item, key) for item in cast("list[Any]", value)]
        if isinstance(value, bool) or value is None:
            return value
        if sounds_secret(key):
            return value if value in ("", UNKNOWN) else UNKNOWN if value in UNKNOWNS else SECRET
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """``text`` without what looks like a credential, and without any secret that was seen elsewhere."""
        if text in UNKNOWNS:
            return UNKNOWN
        inner = _embedded(text)
        if inner is not None:
            return json.dumps(self.value(inner), ensure_ascii=False)
        text = _SECRET_TEXT.sub(_keep_name, text)
        for secret in self.known:
            text = text.replace(secret, SECRET)
        for unknown in UNKNOWNS:
            text = text.replace(unknown, UNKNOWN)
        return text

    def _signed(self, value: dict[str, Any], key: str) -> Any:
        match value[SIGNATURE]:
            case signature if signature in _ASSETS:
                return f"file {str(value.get('hash', ''))[:12]}".strip()
            case signature if signature == _RESOURCE:
                return self.value(str(value.get("urn", "")).rsplit("::", 1)[-1], key)
            case _:
                return SECRET


def sounds_secret(key: str) -> bool:
    """Whether what is called ``key`` is shown to nobody."""
    return key.startswith("__") or bool(_SECRET_KEY.search(key) and not _HARMLESS_KEY.search(key))


def _inherited(outer: str, name: str) -> str:
    """What is inside of something secret is secret, whatever it is called."""
    return outer if sounds_secret(outer) else str(name)


def _keep_name(match: re.Match[str]) -> str:
    kept = next((text for text in match.groupdict().values() if text), "")
    return f"{kept}{SECRET}"


def _embedded(text: str) -> Any:
    """The object or list that a text holds as JSON, as policies and definitions do; else None."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def _secrets(value: Any, key: str = "") -> Iterator[str]:
    """Every secret text in ``value`` that is long enough to be told from a word."""
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        if SIGNATURE in mapping:
            if mapping[SIGNATURE] not in _ASSETS | {_RESOURCE}:
                yield from _plain(mapping.get("value", mapping.get("plaintext")))
            return
        for name, item in mapping.items():
            yield from _secrets(item, _inherited(key, name))
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _secrets(item, key)
    elif isinstance(value, str):
        if (inner := _embedded(value)) is not None:
            yield from _secrets(inner, key)
        elif sounds_secret(key) and value != SECRET and value not in UNKNOWNS and len(value) >= _SHORTEST:
            yield value


def _plain(value: Any) -> Iterator[str]:
    """The texts in a value that is secret as a whole; Pulumi writes plaintexts as JSON."""
    if isinstance(value, str):
        if len(value) >= _SHORTEST:
            yield value
        try:
            inner = json.loads(value)
        except ValueError:
            return
        if inner != value:
            yield from _plain(inner)
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            yield from _plain(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _plain(item)
