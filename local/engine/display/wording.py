"""What each operation is called and how it is marked: before, while and after it is done; pure."""

from __future__ import annotations

from dataclasses import dataclass

from local.engine.display import colour
from local.engine.steps import step as op


@dataclass(frozen=True)
class Words:
    """The words for one operation."""

    mark: str
    colour: str
    planned: str = ""  # while a preview looks at it
    would: str = ""  # once a preview has
    doing: str = ""
    done: str = ""
    failed: str = ""
    past: str = ""  # in the summary


_REPLACING = colour.BRIGHT_MAGENTA
WORDS: dict[str, Words] = {
    op.SAME: Words("  ", colour.PLAIN, failed="failed", past="samed"),
    op.CREATE: Words(
        "+ ", colour.GREEN, "create", "create", "creating", "created", "creating failed", "created"
    ),
    op.UPDATE: Words(
        "~ ", colour.YELLOW, "update", "update", "updating", "updated", "updating failed", "updated"
    ),
    op.DELETE: Words(
        "- ", colour.RED, "delete", "delete", "deleting", "deleted", "deleting failed", "deleted"
    ),
    op.REPLACE: Words(
        "+-", _REPLACING, "replace", "replace", "replacing", "replaced", "replacing failed", "replaced"
    ),
    op.CREATE_REPLACEMENT: Words(
        "++", colour.BRIGHT_GREEN, "create replacement", "replace", "creating replacement",
        "created replacement", "creating failed", "create-replacementd",
    ),
    op.DELETE_REPLACED: Words(
        "--", colour.BRIGHT_RED, "delete original", "replace", "deleting original", "deleted original",
        "deleting failed", "deleted",
    ),
    op.READ: Words("> ", colour.BRIGHT_CYAN, "read", "read", "reading", "read", "reading failed", "read"),
    op.READ_REPLACEMENT: Words(
        ">>", _REPLACING, "read for replacement", "replace", "reading for replacement", "read for replacement",
        "reading failed", "read-replacementd",
    ),
    op.REFRESH: Words(
        "~ ", colour.YELLOW, "refreshing", "refresh", "refreshing", "refresh", "refreshing failed", "refreshed"
    ),
    op.DISCARD: Words(
        "< ", colour.RED, "discard", "discard", "discarding", "discarded", "discarding failed", "discarded"
    ),
    op.DISCARD_REPLACED: Words(
        "<<", colour.RED, "discard original", "replace", "discarding original", "discarded original",
        "discarding failed", "discarded",
    ),
    op.IMPORT: Words(
        "= ", colour.GREEN, "import", "import", "importing", "imported", "importing failed", "imported"
    ),
    op.IMPORT_REPLACEMENT: Words(
        "=>", _REPLACING, "import replacement", "import", "importing replacement", "imported replacement",
        "importing failed", "imported",
    ),
    op.REMOVE_PENDING_REPLACE: Words("~ ", colour.PLAIN),
}  # fmt: skip

# The order in which a summary counts; what is only read isn't a change.
COUNTED = (
    op.CREATE, op.UPDATE, op.DELETE, op.REPLACE, op.CREATE_REPLACEMENT, op.DELETE_REPLACED, op.REFRESH,
    op.DISCARD_REPLACED, op.REMOVE_PENDING_REPLACE, op.IMPORT, op.IMPORT_REPLACEMENT,
)  # fmt: skip
REPLACEMENTS = frozenset({
    op.REPLACE, op.CREATE_REPLACEMENT, op.DELETE_REPLACED, op.READ_REPLACEMENT, op.DISCARD_REPLACED,
    op.REMOVE_PENDING_REPLACE, op.IMPORT_REPLACEMENT,
})  # fmt: skip
_RETAINABLE = frozenset({op.DELETE, op.REPLACE, op.CREATE_REPLACEMENT, op.DELETE_REPLACED})


def prefix(operation: str, *, done: bool) -> str:
    """An operation's mark in its colour, bold while it is under way."""
    words = WORDS[operation]
    return ("" if done else colour.BOLD) + words.colour + words.mark


def progress_colour(operation: str) -> str:
    """The colour of what is under way."""
    return colour.BOLD + WORDS[operation].colour


def with_retained(text: str, operation: str, *, retained: bool) -> str:
    """A text with the note that what goes stays where it is."""
    return text + "[retain]" if retained and operation in _RETAINABLE else text


def plural(count: int, word: str) -> str:
    """The word for a number of things."""
    return word if count == 1 else word + "s"
