"""What policies said, as the official CLI shows it: a section before the diagnostics, a line each with `--diff`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.display import colour
from local.engine.display.property_diff import object_diff
from local.engine.display.wording import plural
from local.engine.policy.policy_config import LEVELS, MANDATORY

if TYPE_CHECKING:
    from collections.abc import Iterator

_RANKS = ("remediate", MANDATORY, "advisory")
_SEVERITIES = ("critical", "high", "medium", "low", "")


class PolicyNotes:
    """Collects what policies say, for the end of an operation."""

    def __init__(self) -> None:
        self._violations: list[dict[str, Any]] = []
        self._remediations: list[dict[str, Any]] = []
        self.mandatory = False

    def note(self, violation: dict[str, Any]) -> None:
        """Keep a `policyEvent`."""
        self._violations.append(violation)
        self.mandatory |= violation["enforcementLevel"] == MANDATORY

    def note_remediation(self, remediation: dict[str, Any]) -> None:
        """Keep a `policyRemediationEvent`."""
        self._remediations.append(remediation)

    def lines(self, packs: dict[str, str], *, detailed: bool = False) -> Iterator[str]:
        """The section's lines."""
        yield f"{colour.HEADLINE}Policies:{colour.RESET}"
        places: dict[str, list[str]] = {}
        for entry, version in packs.items():
            name, _, path = entry.split("|")
            places.setdefault(f"{name}@v{version}", []).append(path)
        for pack, paths in sorted(places.items()):
            violations = [found for found in self._violations if _pack(found) == pack]
            local = "; ".join(sorted(paths))
            yield f"    {_mark(violations)} {colour.INFO}{pack}{colour.RESET} (local: {local})"
            remediations = [found for found in self._remediations if _pack(found) == pack]
            if detailed:
                yield from (f"        - {line}" for found in remediations if (line := _put_right(found)))
            counts = Counter(found["policyName"] for found in remediations)
            for policy, count in () if detailed else sorted(counts.items()):
                name = f"{colour.INFO}[remediate]  {policy}{colour.RESET}"
                yield f"        - {name}  ({count} {plural(count, 'resource')})"
            for found in sorted(violations, key=_order):
                yield f"        - {_title(found)}"
                for line in found["message"].removesuffix("\n").split("\n"):
                    yield f"          {line}"
        yield ""


def _put_right(found: dict[str, Any]) -> str:
    """What a remediation changed, by the names of the properties."""
    from local.engine.display.step_text import short_object_diff  # noqa: PLC0415 - it is rarely asked for

    diff = object_diff(found["before"], found["after"])
    if diff is None:
        return ""
    policy = f"{colour.INFO}[remediate]  {found['policyName']}{colour.RESET}"
    return f"{policy}{_about(found)} [{short_object_diff(diff)}]"


def _title(found: dict[str, Any]) -> str:
    """A violation's level, severity, policy and resource."""
    severity = f" [severity: {found['severity']}]" if found.get("severity") else ""
    tag = colour.ERROR if found["enforcementLevel"] == MANDATORY else colour.WARNING
    return f"{tag}[{found['enforcementLevel']}]{severity}  {found['policyName']}{colour.RESET}{_about(found)}"


def _about(found: dict[str, Any]) -> str:
    urn = found.get("resourceUrn", "")
    return f"  ({urns.type_of(urn)}: {urns.name_of(urn)})" if urn else ""


def violation_text(found: dict[str, Any]) -> str:
    """A violation as `--diff` shows it, where it comes up."""
    message = "".join(f"        {line}\n" for line in found["message"].removesuffix("\n").split("\n"))
    return f"    {colour.INFO}{_pack(found)}{colour.RESET} {_title(found)}\n{message}"


def remediation_title(found: dict[str, Any]) -> str:
    """What a policy changed by itself, as `--diff` shows it."""
    policy = f"{colour.INFO}[remediate]  {found['policyName']}{colour.RESET}"
    return f"{colour.INFO}{_pack(found)}{colour.RESET} {policy}{_about(found)}"


def run_lines(packs: dict[str, str]) -> Iterator[str]:
    """The packs that were run, as `--diff` lists them at the end."""
    if not packs:
        return
    width = max(len("Name"), *(len(name) for name in packs))
    head = colour.UNDERLINE + colour.BRIGHT_BLUE
    yield f"\n{colour.HEADLINE}Policy Packs run:{colour.RESET}"
    yield f"    {head}Name{colour.RESET}{' ' * (width - 2)}{head}Version{colour.RESET}"
    for name, version in packs.items():
        yield f"    {name.ljust(width)}  {version}"


def _pack(found: dict[str, Any]) -> str:
    return f"{found['policyPackName']}@v{found['policyPackVersion']}"


def _mark(violations: list[dict[str, Any]]) -> str:
    if any(found["enforcementLevel"] == MANDATORY for found in violations):
        return "❌"
    return "⚠️" if violations else "✅"


def _order(found: dict[str, Any]) -> tuple[int, int, str, str]:
    level, severity = found["enforcementLevel"], found.get("severity", "")
    rank = _RANKS.index(level) if level in _RANKS else len(LEVELS)
    return rank, _SEVERITIES.index(severity), found["policyName"], found["resourceUrn"]
