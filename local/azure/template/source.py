"""The text of ARM templates, as Azure Resource Manager reads it: JSON with comments, as the Azure CLI sends it on.

Besides JSON: ``//`` and ``/* */`` comments, commas before a closing bracket, names without quotes, strings in single quotes
and over several lines (Microsoft Learn, "Understand the structure and syntax of ARM templates").
"""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*|/\*.*?\*/)"
    r'|(?P<double>"(?:[^"\\]|\\.)*")'
    r"|(?P<single>'(?:[^'\\]|\\.)*')"
    r"|(?P<word>[A-Za-z_$][\w$.-]*)"
    r"|(?P<other>[{}\[\]:,]|[^\s{}\[\]:,\"'/]+)",
    re.DOTALL,
)
_LINES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LITERALS = frozenset({"true", "false", "null"})


def loads(text: str) -> Any:
    r"""The value that a text means.

    >>> loads("{template: {'a': [1, 2,], /* no b */ \"c\": 'it\\'s'}} // end")
    {'template': {'a': [1, 2], 'c': "it's"}}

    Raises:
        ValueError: it means none.
    """
    found: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"unexpected character at {at}")
        at = token.end()
        kind, value = token.lastgroup, token[0]
        if kind == "space":
            continue
        if kind == "double":
            value = re.sub(r"[\n\r\t]", lambda one: _LINES[one[0]], value)
        elif kind == "single":
            value = json.dumps(value[1:-1].replace("\\'", "'"))
        elif kind == "word" and value not in _LITERALS:
            value = json.dumps(value)
        elif value in ("}", "]") and found and found[-1] == ",":
            found.pop()
        found.append(value)
    return json.loads(" ".join(found))
