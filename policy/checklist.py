"""The checklist: all policies.

``python -m policy.checklist --write`` brings the guide's table and the configuration files up to date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from policy import compute, cost, data, governance, identity, network, serving
from policy.rule import Category, Environment, ResourceRule

if TYPE_CHECKING:
    from policy.rule import StackRule

_HERE = Path(__file__).resolve().parent
GUIDE = _HERE.parent / "docs" / "guides" / "policies.md"
_BEGIN, _END = "<!-- policies: begin -->", "<!-- policies: end -->"

RULES: tuple[ResourceRule | StackRule, ...] = (
    *network.RULES,
    *identity.RULES,
    *data.RULES,
    *compute.RULES,
    *serving.RULES,
    *governance.RULES,
    *cost.RULES,
)


def configuration(environment: Environment) -> dict[str, Any]:
    """The configuration file of an environment: one level for all, and what differs from it."""
    usual = "mandatory" if environment == "prod" else "advisory"
    document: dict[str, Any] = {"all": usual}
    for rule in RULES:
        own: dict[str, Any] = {}
        if rule.levels[environment] != usual:
            own["enforcementLevel"] = rule.levels[environment]
        if environment == "prod":
            own |= rule.production
        if own:
            document[rule.name] = own
    return document


def file(environment: Environment) -> Path:
    """Where that configuration is kept."""
    return _HERE / f"{environment}.json"


def table() -> str:
    """The policies as the guide's tables, one for each category."""
    lines: list[str] = []
    for category in get_args(Category):
        lines += [
            f"### {category.capitalize()}",
            "",
            "| Policy | Reason | Fix | Serves | dev / prod | Settings |",
            "|---|---|---|---|---|---|",
            *(_row(rule) for rule in RULES if rule.category == category),
            "",
        ]
    return "\n".join(lines).strip()


def _row(rule: ResourceRule | StackRule) -> str:
    remedied = " Can be remediated." if isinstance(rule, ResourceRule) and rule.remedy else ""
    cells = (
        f"[{rule.title}]({rule.link}), `{rule.name}`, {rule.severity}",
        rule.reason,
        rule.fix + remedied,
        ", ".join(rule.controls),
        f"{rule.levels['dev']} / {rule.levels['prod']}",
        "<br>".join(f"`{key}`: `{json.dumps(schema['default'])}`" for key, schema in rule.settings.items()),
    )
    return f"| {' | '.join(cells)} |"


def written(guide: Path = GUIDE) -> str:
    """The tables as the guide has them."""
    return guide.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0].strip()


def write(guide: Path = GUIDE) -> None:
    """Puts the current tables into the guide, and the levels into the configuration files."""
    before, _, rest = guide.read_text(encoding="utf-8").partition(_BEGIN)
    guide.write_text(f"{before}{_BEGIN}\n{table()}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")
    for environment in get_args(Environment):
        file(environment).write_text(
            f"{json.dumps(configuration(environment), indent=2)}\n", encoding="utf-8"
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        sys.stdout.write(f"{table()}\n")
