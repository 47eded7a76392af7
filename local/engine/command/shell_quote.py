"""A word as a shell script has it: what `stack output --shell` prints; pure.

Quoted as the official CLI does (Join of github.com/kballard/go-shellquote): single characters get a backslash, a word
with white space stands in quotes.
"""

from __future__ import annotations

_SPECIAL = "\\'\"`${[|&;<>()*?!"
_SPACES = " \t\n"


def quoted(word: str) -> str:
    r"""The word, quoted where it has to be.

    >>> print(quoted('{"a":"b<c>"}'), quoted("it's"), quoted("it's here"), quoted("'all of it'"), quoted("~"), quoted(""))
    \{\"a\":\"b\<c\>\"} it\'s 'it'\''s here' \''all of it'\' \~ ''
    """
    if not word:
        return "''"
    if any(character in _SPACES for character in word):
        return "\\'".join(f"'{part}'" if part else "" for part in word.split("'"))
    first = "\\" if word.startswith("~") else ""
    return first + "".join(f"\\{character}" if character in _SPECIAL else character for character in word)
