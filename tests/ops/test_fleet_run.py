"""A command on many workspaces: what one does never stops another; and what is said of each."""

from __future__ import annotations

import io
import threading

from pulumi.automation import CommandError, EngineEvent
from pulumi.automation._cmd import CommandResult
from rich.console import Console

from ops.fleet.board import Board, show_status
from ops.fleet.outcome import Watch, changes_of, plain
from ops.fleet.run import run_all
from ops.fleet.stack import reason_of
from ops.fleet.status import locks, summarise

URN = "urn:pulumi:vision::mlops::mlops:infra:Platform$azure-native:storage:StorageAccount::mlops-storage-lake"
STACK = "urn:pulumi:vision::mlops::pulumi:pulumi:Stack::mlops-vision"


def board(text: io.StringIO) -> Board:
    return Board(Console(file=text, width=120), "up")


def test_a_workspace_that_fails_stops_no_other_and_the_order_stays():
    def work(name, watch):
        if name == "bb":
            raise CommandError(CommandResult("Updating", "warning: slow\nerror: no room\n", 255))
        return watch.outcome({"create": 2} if name == "aa" else {})

    text = io.StringIO()
    outcomes = run_all(["aa", "bb", "cc"], work, board(text), parallel=2)
    assert [(outcome.name, outcome.state) for outcome in outcomes] == [
        ("aa", "succeeded"),
        ("bb", "failed"),
        ("cc", "unchanged"),
    ]
    assert outcomes[1].errors == ("no room",)
    board(text).results(outcomes)
    assert "bb: no room" in text.getvalue()
    assert "aa: up succeeded after 0 s: 2 create" in text.getvalue()


def test_no_more_than_asked_for_run_at_a_time():
    running, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2, timeout=20)

    def work(_name, watch):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()  # two at a time do run beside each other, or this times out
        with lock:
            running -= 1
        return watch.outcome({})

    run_all(["aa", "bb", "cc", "dd"], work, board(io.StringIO()), parallel=2)
    assert most == 2


def event(**fields):
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, **fields})


def diagnostic(message, urn=STACK):
    return event(diagnosticEvent={"message": message, "color": "never", "severity": "error", "urn": urn})


def test_errors_are_told_once_each_in_one_line_with_the_resource_they_are_about():
    watch = Watch("vision")
    for _ in range(2):
        watch.see(diagnostic("error: python inline source runtime error: boom\nTraceback …"))
        watch.see(diagnostic("<{%fg 1%}>Conflict: taken<{%reset%}>\n", URN))
    assert watch.failure("update failed").errors == ("boom", "mlops-storage-lake: Conflict: taken")
    assert Watch("vision").failure("update failed").errors == ("update failed",)


def test_a_resource_counts_once_however_often_it_is_told_of():
    watch = Watch("vision")
    step = {"metadata": {"op": "create", "urn": URN, "type": "azure-native:storage:StorageAccount"}}
    watch.see(event(resourcePreEvent=step))
    assert watch.now == "mlops-storage-lake"
    watch.see(event(resOutputsEvent=step))
    watch.see(event(resOutputsEvent=step))
    assert watch.done == 1


def test_what_stays_is_no_change_and_a_replacement_is_one():
    summary = {
        "same": 40,
        "create": 2,
        "create-replacement": 1,
        "delete-replaced": 1,
        "replace": 1,
        "read": 3,
    }
    assert changes_of(summary) == {"create": 2, "replace": 1}
    assert changes_of(None) == {}


def test_the_first_line_of_a_message_is_the_reason():
    assert plain("\x1b[31merror: \x1b[0m\n") == "error:"
    assert plain("") == ""
    assert reason_of(ValueError("two\nlines")) == "ValueError: two lines"


def test_a_status_tells_what_the_state_and_the_history_amount_to():
    deployment = {
        "resources": [
            {
                "urn": STACK,
                "type": "pulumi:pulumi:Stack",
                "outputs": {
                    "workspace": "mlw",
                    "resourceGroup": "rg",
                    "models": {"flight_delay": {"scoringUri": "https://one/score"}},
                },
            },
            {"urn": "p", "type": "pulumi:providers:azure-native"},
            {"urn": URN, "type": "azure-native:storage:StorageAccount"},
        ]
    }
    last = {"kind": "update", "result": "succeeded", "endTime": "2026-01-02T03:04:05.000Z"}
    one = summarise("vision", deployment, last)
    assert (one.state, one.resources, one.endpoints) == ("deployed", 2, ("https://one/score",))
    pending = [{"type": "creating", "resource": {"urn": URN}}]
    cut = summarise("vision", {**deployment, "pending_operations": pending}, last)
    assert (cut.state, cut.pending) == ("interrupted", ("creating mlops-storage-lake",))
    assert summarise("vision", deployment, {**last, "result": "failed"}).state == "failed"
    assert summarise("vision", {}, {"kind": "destroy", "result": "succeeded"}).state == "destroyed"
    assert summarise("vision", {}, {}).state == "not deployed"
    # Killed before it could write into the history.
    assert summarise("vision", deployment, {}).state == "interrupted"
    assert summarise("vision", deployment, {"kind": "destroy", "result": "succeeded"}).state == "interrupted"
    held = summarise("vision", deployment, last, locks=("me@here (pid 1)",), listed=False)
    text = io.StringIO()
    show_status(Console(file=text, width=200), [held, cut])
    assert "vision: locked by me@here (pid 1)" in text.getvalue()
    assert "`destroy --only vision` deletes it and frees its range" in text.getvalue()
    assert "in the middle of creating mlops-storage-lake; the next `up` finds out" in text.getvalue()


def test_an_encrypted_output_is_no_endpoint():
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    root = {"urn": STACK, "type": "pulumi:pulumi:Stack", "outputs": {"models": secret, "workspace": secret}}
    one = summarise("vision", {"resources": [root]}, {})
    assert (one.endpoints, one.workspace) == ((), "")


def test_who_holds_a_stack_is_read_from_the_file_backend(tmp_path):
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "mlops" / "vision"
    folder.mkdir(parents=True)
    (folder / "one.json").write_text('{"pid": 7, "username": "me", "hostname": "here"}')
    assert locks(tmp_path.as_uri(), "mlops", "vision") == ("me@here (pid 7)",)
    assert locks("azblob://states", "mlops", "vision") == ()
