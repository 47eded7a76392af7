"""Exporting, importing and repairing a stack's state."""

import json


def test_an_exported_stack_can_be_imported_again(stack) -> None:
    stack.write_program("a = Thing('a', text=pulumi.Output.secret('quiet'))\npulumi.export('t', a.text)")
    stack.up()
    file = stack.root / "exported.json"
    stack.run("stack", "export", "--show-secrets", "--file", str(file))
    assert "quiet" in file.read_text()
    stack.run("stack", "import", "--file", str(file))
    assert "quiet" not in stack.state_file.read_text()
    assert json.loads(stack.run("preview", "--json").stdout)["changeSummary"] == {"same": 2}


def test_an_export_of_another_stack_is_not_imported(stack) -> None:
    urn = "urn:pulumi:other::conformance::x:y:Z::a"
    deployment = {
        "manifest": {"time": "", "magic": "", "version": ""},
        "resources": [{"urn": urn, "custom": False, "type": "x:y:Z"}],
    }
    file = stack.root / "exported.json"
    file.write_text(json.dumps({"version": 3, "deployment": deployment}))
    done = stack.run("stack", "import", "--file", str(file), code=1)
    assert f"resource '{urn}' is from a different stack (other != dev)\n" in done.stderr


def test_protection_can_be_taken_off_and_a_resource_forgotten(stack) -> None:
    stack.write_program("a = Thing('a', opts=Opts(protect=True))\nb = Thing('b', text=a.shout)")
    stack.up()
    a, b = stack.resource("a")["urn"], stack.resource("b")["urn"]
    assert "because it is protected" in stack.run("state", "delete", a, "--yes", code=1).stderr
    stack.run("state", "unprotect", a, "--yes")
    assert "protect" not in stack.resource("a")
    assert "depend on it" in stack.run("state", "delete", a, "--yes", code=1).stderr
    stack.run("state", "delete", b, "--yes")
    assert [r["urn"] for r in stack.latest()["resources"] if r["urn"] == b] == []
    assert "delete b" not in stack.journal()
