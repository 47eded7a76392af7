"""The functions of templates compute what Azure's compute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from local.azure.logic.expression_parser import ExpressionError
from local.azure.template.scope import Needed, NeededError, Scope, known
from local.azure.template.text import escaped
from local.azure.template.unique import unique_string

SCOPE = Scope(
    subscription={"subscriptionId": "5b4b650e-28b9-4790-b3ab-ddbd88d727c4", "id": "/subscriptions/s"},
    tenant={"tenantId": "t"},
    group={"id": "/subscriptions/s/resourceGroups/g", "name": "g", "location": "westeurope", "tags": {}},
    deployment={"name": "d"},
    parameters={"size": 3, "names": ["a", "b"], "options": {"Deep": {"er": [1, 2]}}},
    variables={"twice": "[mul(parameters('size'), 2)]"},
    now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
IN = "/subscriptions/5b4b650e-28b9-4790-b3ab-ddbd88d727c4"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["test"], "rbgf3xv4ufgzg"),
        (["hello", "world"], "a7wkljktk6wne"),
        (["abc"], "cgtzqvhu4i23s"),
        (["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/my-rg"], "bmg7c6xu4tw46"),
        (["foo", "bar", "baz"], "xzi4ioaxtmth4"),
    ],
)
def test_unique_strings_are_azure_s(texts: list[str], expected: str):
    assert unique_string(*texts) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("[[not an expression]", "[not an expression]"),
        ("[variables('twice')]", 6),
        ("[concat('a-', string(true), '-', 1)]", "a-True-1"),
        ("[concat(parameters('names'), createArray('c'))]", ["a", "b", "c"]),
        ("[parameters('OPTIONS').deep.er[1]]", 2),
        ("[if(equals(1, 1), 'yes', div(1, 0))]", "yes"),
        ("[and(true, or(false, true), not(false))]", True),
        ("[format('{0}-{1:000}', 'a', 7)]", "a-007"),
        ("[padLeft(5, 3, '0')]", "005"),
        ("[union(createObject('a', 1), createObject('b', 2))]", {"a": 1, "b": 2}),
        ("[map(parameters('names'), lambda('one', toUpper(lambdaVariables('one'))))]", ["A", "B"]),
        ("[filter(range(0, 5), lambda('n', greater(lambdaVariables('n'), 2)))]", [3, 4]),
        ("[reduce(range(1, 4), 0, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))]", 10),
        ("[sort(createArray(3, 1, 2), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))]", [1, 2, 3]),
        ("[cidrSubnet('10.0.0.0/16', 24, 2)]", "10.0.2.0/24"),
        ("[contains(parameters('options'), 'deep')]", True),
        ("[utcNow('yyyy-MM-dd')]", "2026-01-02"),
        ("[dateTimeAdd('2026-01-31T00:00:00Z', 'P1DT2H', 'yyyy-MM-ddTHH')]", "2026-02-01T02"),
        ("[json('null')]", None),
        ("[first(split('a,b;c', createArray(',', ';')))]", "a"),
        ("[resourceGroup().location]", "westeurope"),
        ("[resourceId('Microsoft.Storage/storageAccounts', 'a')]", f"{IN}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"),
        ("[resourceId('other', 'Microsoft.A/b/c', 'x', 'y')]", f"{IN}/resourceGroups/other/providers/Microsoft.A/b/x/c/y"),
        ("[subscriptionResourceId('Microsoft.A/b', 'x')]", f"{IN}/providers/Microsoft.A/b/x"),
        ("[extensionResourceId('/s/x', 'Microsoft.A/b', 'y')]", "/s/x/providers/Microsoft.A/b/y"),
    ],
)  # fmt: skip
def test_an_expression_has_azure_s_value(text: str, expected: Any):
    assert SCOPE.value(text) == expected


def test_a_loop_is_written_out_where_it_stands():
    copied = {"copy": [{"name": "disks", "count": 2, "input": {"lun": "[copyIndex('disks')]"}}], "other": 1}
    assert SCOPE.value(copied) == {"disks": [{"lun": 0}, {"lun": 1}], "other": 1}


def test_what_reads_a_resource_says_what_it_needs():
    with pytest.raises(NeededError) as needed:
        SCOPE.value("[reference('/s/a', '2024-01-01').key]")
    assert needed.value.needed == Needed("/s/a", "2024-01-01")
    from dataclasses import replace

    there = replace(SCOPE, known={needed.value.needed: {"properties": {"key": 5}}})
    assert there.value("[reference('/s/a', '2024-01-01').key]") == 5
    assert there.value("[reference('/s/a', '2024-01-01', 'Full').properties.key]") == 5


def test_escaped_values_mean_themselves():
    value = {"a": ["[b]", "c"], "d": 1}
    assert SCOPE.value(escaped(value)) == value


@pytest.mark.parametrize(
    "text",
    ["[unheard()]", "[parameters('none')]", "[copyIndex()]", "[add('a', 1)]", "[parameters('size').x]"],
)
def test_an_expression_without_a_value_says_why(text: str):
    with pytest.raises(ExpressionError):
        SCOPE.value(text)


def test_functions_are_known_by_name():
    assert all(known(name) for name in ("concat", "listkeys", "reference", "lambda", "utcnow"))
    assert not known("unheard")
