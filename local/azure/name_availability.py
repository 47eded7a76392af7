"""``checkNameAvailability``, as the providers whose names are unique in all of Azure answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.resource_type import Answer

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call


def asked(call: Call) -> str:
    """The name that is asked for; empty if there is none."""
    return str((call.body or {}).get("name", ""))


def answer(azure: Azure, name: str, types: tuple[str, ...], *, invalid: str | None, taken: str) -> Answer:
    """Whether a name is free among ``types``; ``invalid`` is what is wrong with it (None: nothing), ``taken`` what is said if it isn't free."""
    if invalid is not None:
        return _refusal("AccountNameInvalid", invalid)
    if any(azure.store.named(kind, name) for kind in types):
        return _refusal("AlreadyExists", taken)
    return Answer(200, {"nameAvailable": True})


def _refusal(reason: str, message: str) -> Answer:
    return Answer(200, {"nameAvailable": False, "reason": reason, "message": message})
