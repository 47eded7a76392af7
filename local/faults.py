"""What ``python -m local faults`` asked for: one file, which the server looks at (``local.azure.fault_injection``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure import fault
from local.service import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.settings import LocalDir


def asked_for(directory: LocalDir) -> fault.Faults:
    """What ``ask_for`` asked for.

    Raises:
        ServiceError: the file says nothing that could be asked for.
    """
    try:
        return fault.read(directory.faults.read_text())
    except FileNotFoundError:
        return fault.Faults()
    except fault.FaultError as error:
        raise ServiceError(f"{error} Write it anew: `python -m local faults --off`.") from None


def change(
    directory: LocalDir, rates: Iterable[str], settings: Mapping[str, Any], *, off: bool
) -> fault.Faults:
    """Asks for what a command line says: on top of what is asked for already, or anew with ``off``.

    Raises:
        ServiceError: it can't be.
    """
    now = fault.Faults() if off else asked_for(directory)
    only = settings.get("only")
    try:
        wanted = fault.asked(now, rates, **{**settings, "only": None if only is None else tuple(only)})
    except fault.FaultError as error:
        raise ServiceError(str(error)) from None
    if off or wanted != now:
        ask_for(directory, wanted)
    return wanted


def ask_for(directory: LocalDir, wanted: fault.Faults) -> None:
    """Makes local Azure, running or not, fail at given rates until they are set again."""
    directory.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if wanted == fault.Faults():
        directory.faults.unlink(missing_ok=True)
        return
    part = directory.faults.with_name(f"{directory.faults.name}.part")
    part.write_text(wanted.text())
    part.replace(directory.faults)
