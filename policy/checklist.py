"""The checklist: all policies. ``python -m policy.checklist --write`` brings the guide's table up to date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from policy import (
    diagnostic,
    endpoint_authentication,
    local_authentication,
    managed_identity,
    plain_secret,
    private_endpoint,
    public_access,
    purge_protection,
    region,
    scale_to_zero,
    tag,
    tls,
)

if TYPE_CHECKING:
    from policy.rule import ResourceRule, StackRule

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "guides" / "policies.md"
_BEGIN, _END = "<!-- policies: begin -->", "<!-- policies: end -->"

RULES: tuple[ResourceRule | StackRule, ...] = tuple(
    module.RULE
    for module in (
        public_access,
        private_endpoint,
        local_authentication,
        managed_identity,
        plain_secret,
        tls,
        tag,
        region,
        scale_to_zero,
        purge_protection,
        diagnostic,
        endpoint_authentication,
    )
)


def table() -> str:
    """The policies as the guide's table."""
    lines = ["| Policy | Reason | Fix | Settings |", "|---|---|---|---|"]
    lines += [
        f"| [{rule.title}]({rule.link}), `{rule.name}` | {rule.reason} | {rule.fix} | {_settings(rule)} |"
        for rule in RULES
    ]
    return "\n".join(lines)


def _settings(rule: ResourceRule | StackRule) -> str:
    """What a configuration file may set, and what holds without."""
    return "<br>".join(f"`{key}`: `{schema['default']}`" for key, schema in rule.settings.items())


def written(guide: Path = GUIDE) -> str:
    """The table as the guide has it."""
    return guide.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0].strip()


def write(guide: Path = GUIDE) -> None:
    """Puts the current table into the guide."""
    before, _, rest = guide.read_text(encoding="utf-8").partition(_BEGIN)
    guide.write_text(f"{before}{_BEGIN}\n{table()}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        sys.stdout.write(f"{table()}\n")
