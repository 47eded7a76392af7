"""What policies said, as the official CLI shows it: a section before the diagnostics, a line each with `--diff`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.policy.policy_config import LEVELS, MANDATORY

if TYPE_CHECKING:
    from collections.abc import Iterator

_RANKS = ("remediate", MANDATORY, "advisory")
_SEVERITIES = ("critical", "high", "medium", "low", "")
RED, YELLOW = "31", "33"


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

    def lines(self, packs: dict[str, str]) -> Iterator[tuple[str, str]]:
        """The section's lines, each with its colour."""
        yield "Policies:", ""
        places: dict[str, list[str]] = {}
        for entry, version in packs.items():
            name, _, path = entry.split("|")
            places.setdefault(f"{name}@v{version}", []).append(path)
        for pack, paths in sorted(places.items()):
            violations = [found for found in self._violations if _pack(found) == pack]
            yield f"    {_mark(violations)} {pack} (local: {'; '.join(sorted(paths))})", ""
            counts = Counter(found["policyName"] for found in self._remediations if _pack(found) == pack)
            for policy, count in sorted(counts.items()):
                yield f"        - [remediate]  {policy}  ({count} resource{'' if count == 1 else 's'})", ""
            for found in sorted(violations, key=_order):
                yield f"        - {title(found)}", _colour(found)
                for line in found["message"].rstrip("\n").split("\n"):
                    yield f"          {line}", ""
        yield "", ""


def title(found: dict[str, Any]) -> str:
    """A violation's level, severity, policy and resource."""
    severity = f" [severity: {found['severity']}]" if found.get("severity") else ""
    urn = found["resourceUrn"]
    about = f"  ({urns.type_of(urn)}: {urns.name_of(urn)})" if urn else ""
    return f"[{found['enforcementLevel']}]{severity}  {found['policyName']}{about}"


def diff_lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A violation as `--diff` shows it, where it comes up."""
    yield f"    {_pack(found)} {title(found)}", _colour(found)
    for line in found["message"].rstrip("\n").split("\n"):
        yield f"        {line}", ""


def run_lines(packs: dict[str, str]) -> Iterator[str]:
    """The packs that were run, as `--diff` lists them at the end."""
    width = max(len("Name"), *(len(name) for name in packs))
    yield "\nPolicy Packs run:"
    yield f"    {'Name'.ljust(width)}  Version"
    for name, version in packs.items():
        yield f"    {name.ljust(width)}  {version}"


def _pack(found: dict[str, Any]) -> str:
    return f"{found['policyPackName']}@v{found['policyPackVersion']}"


def _mark(violations: list[dict[str, Any]]) -> str:
    if any(found["enforcementLevel"] == MANDATORY for found in violations):
        return "❌"
    return "⚠️" if violations else "✅"


def _colour(found: dict[str, Any]) -> str:
    return RED if found["enforcementLevel"] == MANDATORY else YELLOW


def _order(found: dict[str, Any]) -> tuple[int, int, str, str]:
    level, severity = found["enforcementLevel"], found.get("severity", "")
    rank = _RANKS.index(level) if level in _RANKS else len(LEVELS)
    return rank, _SEVERITIES.index(severity), found["policyName"], found["resourceUrn"]
