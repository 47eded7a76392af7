"""No secret gets into a comment, however it is nested, named or repeated; what is left is well-formed and short enough."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from previewing import HARMLESS, SECRET, SIGNATURE, elements, markdown, preview, redactor, step

from ops.preview import plan
from ops.preview.command import _document
from ops.preview.redaction import Redactor, sounds_secret

# Of letters that nothing else in a comment is made of, so that finding one means a leak.
NEEDLES = st.text("QXZqxz0123456789", min_size=10, max_size=30).map(lambda text: f"QZX{text}")
NAMES = st.sampled_from(["a", "tags", "rules", "host", "a.b", "with space", "<b>", "0"])
SECRET_KEYS = st.sampled_from(
    [
        "password",
        "adminPassword",
        "primaryKey",
        "accountKey",
        "key1",
        "connectionString",
        "primaryConnectionString",
        "clientSecret",
        "sasToken",
        "access_token",
        "api-key",
        "privateKey",
        "passphrase",
        "credentials",
        "__provider",
    ]
)
PLAIN = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["text", "`", "</details>", "a\nb", ""])
)
SLOW = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def hidden(draw: st.DrawFn) -> tuple[str, Any]:
    """A secret, and a value that has it somewhere."""
    needle = draw(NEEDLES)
    way = draw(st.integers(0, 6))
    value: Any
    match way:
        case 0:
            value = {SIGNATURE: SECRET, "plaintext": json.dumps(needle)}
        case 1:
            value = {draw(SECRET_KEYS): needle}
        case 2:
            value = {draw(SECRET_KEYS): {"inner": [needle, {"deep": needle}]}}
        case 3:
            value = json.dumps({"nested": {draw(SECRET_KEYS): needle}})
        case 4:
            value = f"https://st.blob.core.windows.net/c?sv=1&sig={needle}&se=2"
        case 5:
            value = f"Server=x;AccountKey={needle};EndpointSuffix=y"
        case _:
            value = {SIGNATURE: SECRET, "value": {"anything": [needle]}}
    for _ in range(draw(st.integers(0, 3))):
        value = {draw(NAMES): value} if draw(st.booleans()) else [draw(PLAIN), value]
    return needle, value


@SLOW
@given(
    st.lists(hidden(), min_size=1, max_size=4),
    st.dictionaries(NAMES, PLAIN, max_size=4),
    st.integers(900, 65_536),
)
def test_no_secret_leaves_and_the_comment_stays_whole(
    found: list[tuple[str, Any]], plain: dict[str, Any], limit: int
) -> None:
    values = {f"value{index}": value for index, (_, value) in enumerate(found)}
    text = preview(
        step("create", "made", new={**values, **plain}),
        step("update", "changed", old=plain, new=values),
        step("update", "same", old=values, new={**values, **plain}),
        step("delete", "gone", old=values),
        step(
            "replace",
            "other",
            old=values,
            new=plain,
            detailedDiff={key: {"kind": "delete"} for key in values},
        ),
        diagnostics=[{"severity": "warning", "message": f"said password={found[0][0]}!"}],
    )
    seen = plan.read(text, source="preview.json")
    for out in (markdown(text), markdown(text, limit=limit), json.dumps(_document(seen, redactor(seen)))):
        for needle, _ in found:
            assert needle not in out
    cut = markdown(text, limit=limit)
    assert len(cut.encode()) <= limit
    for out in (markdown(text), cut):
        assert elements(out) <= HARMLESS


@SLOW
@given(st.text(max_size=80), st.text(max_size=40))
def test_whatever_a_value_or_a_name_is_the_comment_stays_whole(value: str, name: str) -> None:
    text = preview(
        step("update", f"n{name}", old={"a": 1, name: 1}, new={"a": value, name: [value]}),
        step("create", f"m{value}", new={value: name}),
        diagnostics=[{"severity": "info", "message": f"x {value}"}],
    )
    assert elements(markdown(text, title=f"t{value}")) <= HARMLESS


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "ghp_" + string.ascii_letters[:36],
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        "Bearer abcdefghijklmnop",
        "A" * 86 + "==",
        "https://user:hunter2hunter2@host/",
        "InstrumentationKey=0f0f0f0f-aaaa-bbbb-cccc-0123456789ab;IngestionEndpoint=x",
    ],
)
def test_what_looks_like_a_credential_is_hidden_wherever_it_is(secret: str) -> None:
    shown = Redactor().text(f"before {secret} after")
    assert "[secret]" in shown
    assert shown.startswith("before ")
    for part in ("hunter2", "MIIEow", "abcdefghijk", "AAAAAA", "0f0f0f0f", "eyJzdWIi"):
        assert part not in shown


def test_a_secret_that_is_repeated_under_a_harmless_name_is_hidden_there_too() -> None:
    text = markdown(
        preview(
            step("create", new={"adminPassword": "correct-horse", "note": "use correct-horse to sign in"})
        )
    )
    assert "correct-horse" not in text
    assert '+ note: "use [secret] to sign in"' in text


@pytest.mark.parametrize(
    "key",
    [
        "keyVaultId",
        "keyName",
        "secretUri",
        "tokenType",
        "publicKey",
        "monkey_business",
        "keySource",
        "passwordPolicy",
    ],
)
def test_names_of_secrets_and_settings_about_them_are_shown(key: str) -> None:
    assert not sounds_secret(key)


def test_switches_that_are_called_like_secrets_are_shown() -> None:
    assert "+ sharedKeys: true" in markdown(preview(step("create", new={"sharedKeys": True})))


def test_outputs_are_never_shown() -> None:
    change = step("update", old={"a": 1}, new={"a": 2}, outputs={"a": 1, "endpoint": "only-in-outputs"})
    stack = {"op": "create", "urn": "urn:pulumi:dev::mlops::pulumi:pulumi:Stack::mlops-dev"}
    stack["newState"] = {"custom": False, "outputs": {"url": "stack-output"}}
    text = markdown(preview(change, stack))
    assert "only-in-outputs" not in text
    assert "stack-output" not in text
