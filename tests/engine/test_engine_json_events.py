"""`--json` of what changes a stack: the engine's events, a line of JSON each, as the official CLI prints them."""

import json

PROGRAM = """
pulumi.log.info("hello")
a = Thing("a", text=pulumi.Output.secret("hush-hush"), failing=os.environ.get("FAIL", ""))
if os.environ.get("FAIL"):
    raise Exception("no")
pulumi.export("a", a.text)
"""
WORDS = ("--json", "--yes", "--non-interactive")


def kinds(rows: list[dict]) -> list[str]:
    """Of each event what it is, with its operation."""
    told = []
    for row in rows:
        _, _, (kind, fields) = row.items()
        told.append(f"{kind} {fields['metadata']['op']}" if "metadata" in fields else kind)
    return told


def test_an_operations_json_is_its_events_line_by_line(stack) -> None:
    stack.write_program(PROGRAM)
    done = stack.run("up", "--skip-preview", *WORDS)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(row)[:2] for row in rows] == [["sequence", "timestamp"]] * len(rows)
    assert kinds(rows) == [
        "preludeEvent",
        "diagnosticEvent",
        "resourcePreEvent create",
        "resourcePreEvent create",
        "resOutputsEvent create",
        "resOutputsEvent create",
        "summaryEvent",
        "cancelEvent",
    ]
    assert "providers:pulumi-python::default" not in "".join(kinds(rows))
    assert rows[-2]["summaryEvent"]["resourceChanges"] == {"create": 2}
    assert "hush-hush" not in done.stdout
    # What is the engine's own business isn't shown; it has a number all the same.
    assert len(rows) < rows[-1]["sequence"] + 1

    streamed = stack.run("preview", "--json", PULUMI_ENABLE_STREAMING_JSON_PREVIEW="true").stdout.splitlines()
    assert json.loads(streamed[-2])["summaryEvent"]["isPreview"] is True

    document, _, events = stack.run("destroy", *WORDS).stdout.partition("\n}\n")
    assert json.loads(document + "}")["changeSummary"] == {"delete": 2}
    assert kinds([json.loads(line) for line in events.splitlines()])[-2:] == ["summaryEvent", "cancelEvent"]
    assert "stack rm" not in events


def test_a_failures_json_is_events_and_nothing_else(stack) -> None:
    stack.write_program(PROGRAM)
    done = stack.run("up", "--skip-preview", *WORDS, code=1, FAIL="1")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [row["diagnosticEvent"]["message"] for row in rows if "diagnosticEvent" in row]
    assert any("Exception: no" in message for message in errors)
    assert rows[-2]["summaryEvent"]["result"] == "failed"
    assert done.stderr == ""
