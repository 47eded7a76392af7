"""No display, event log or document ever has a secret in it, wherever in a program's values it is."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.engine.display.diff_display import details
from local.engine.display.digest import Digest
from local.engine.display.display import display_for
from local.engine.display.event_log import line
from local.engine.display.events import Event, Stream
from local.engine.display.options import DisplayOptions
from local.engine.property_value import SECRET, SIGNATURE, UNKNOWN, Output, Secret
from local.engine.state.resource_state import ResourceState
from local.engine.steps.step import Step

HUSH = "hu5h-hu5h"
URN = "urn:pulumi:dev::shop::a:b:C::disk"
STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"

secrets = st.sampled_from(
    [
        Secret(HUSH),
        Secret({"inner": [HUSH, {"deep": HUSH}]}),
        Secret([Secret(HUSH)]),
        Output(HUSH, secret=True, dependencies=()),
        Secret(json.dumps({"password": HUSH})),
        Secret(f"a: 1\nb: {HUSH}\n"),
    ]
)
plain = st.sampled_from([UNKNOWN, None, True, 1.5, "text", "one\ntwo", '{"a": 1}', [], {}])
values = st.recursive(
    secrets | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
properties = st.dictionaries(st.sampled_from(["a", "b", "c"]), values, min_size=1, max_size=3)
OPERATIONS = ("create", "update", "replace", "delete", "same", "refresh", "read", "import")


def operation(listeners: list[Any], op: str, old: dict, new: dict, *, preview: bool, detailed: bool) -> None:
    """One step of a kind, and the stack that exports its values."""
    events = Stream()
    for listener in listeners:
        events.listen(listener)
    states = [
        ResourceState(URN, "a:b:C", custom=True, id="1", inputs=row, outputs=dict(row)) for row in (old, new)
    ]
    paths = {key: {"diffKind": "update", "inputDiff": True} for key in old if key in new} if detailed else {}
    step = Step(
        op, URN, None if op == "create" else states[0], None if op == "delete" else states[1], detailed=paths
    )
    root = Step(
        "update", STACK, *(ResourceState(STACK, "pulumi:pulumi:Stack", outputs=row) for row in (old, new))
    )
    events.emit("preludeEvent", config={"shop:password": "[secret]"})
    for each in (root, step):
        events.emit_step("resourcePreEvent", each, planning=preview)
        events.emit_step("resOutputsEvent", each, planning=preview)
    if not preview:
        events.emit_step("resOpFailedEvent", step, planning=False, status=0, steps=1)
    changes = {"create": 1}
    events.emit(
        "summaryEvent",
        isPreview=preview,
        resourceChanges=changes,
        PolicyPacks={},
        durationSeconds=1,
        result="succeeded",
    )
    events.emit("cancelEvent")


@settings(max_examples=60, deadline=None)
@given(
    old=properties,
    new=properties,
    op=st.sampled_from(OPERATIONS),
    preview=st.booleans(),
    detailed=st.booleans(),
)
def test_a_secret_anywhere_in_a_program_shows_nowhere(
    old: dict, new: dict, op: str, preview: bool, detailed: bool
) -> None:
    options = DisplayOptions(
        show_sames=True,
        show_reads=True,
        show_config=True,
        show_replacement_steps=True,
        truncate=False,
        debug=True,
    )
    digest = Digest(options)
    seen: list[Event] = []
    lines = display_for("update", "dev", STACK, options, preview=preview)
    diff = display_for("update", "dev", STACK, DisplayOptions(diff=True, show_sames=True), preview=preview)
    log: list[str] = []
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        listeners = [lines, diff, digest, seen.append, lambda event: log.append(line(event, "never"))]
        operation(listeners, op, old, new, preview=preview, detailed=detailed)
    everything = "\n".join([shown.getvalue(), digest.text(), *log, details(seen, options)])
    assert HUSH not in everything
    assert "shop-dev" in everything


def test_an_event_log_says_that_there_is_a_secret() -> None:
    log: list[dict] = []
    operation(
        [lambda event: log.append(json.loads(line(event, "never")))],
        "create",
        {},
        {"a": Secret(HUSH)},
        preview=False,
        detailed=False,
    )
    made = next(event["resourcePreEvent"]["metadata"]["new"] for event in log if URN in json.dumps(event))
    assert made["inputs"] == {"a": {SIGNATURE: SECRET, "ciphertext": "[secret]"}}


@pytest.mark.parametrize("kind", ["resourcePreEvent", "resOutputsEvent"])
def test_events_have_the_official_fields_in_their_order(kind: str) -> None:
    log: list[dict] = []
    operation(
        [lambda event: log.append(json.loads(line(event, "never")))],
        "update",
        {"a": 1},
        {"a": 2},
        preview=True,
        detailed=True,
    )
    found = next(event for event in log if kind in event and event[kind]["metadata"]["urn"] == URN)
    assert list(found) == ["sequence", "timestamp", kind]
    assert list(found[kind]) == ["metadata", "planning"]
    metadata = found[kind]["metadata"]
    assert list(metadata) == ["op", "urn", "type", "old", "new", "detailedDiff", "logical", "provider"]
    assert list(metadata["new"]) == ["type", "urn", "custom", "id", "parent", "inputs", "outputs", "provider"]
    assert metadata["detailedDiff"] == {"a": {"diffKind": "update", "inputDiff": True}}
    assert [event["sequence"] for event in log] == list(range(len(log)))
