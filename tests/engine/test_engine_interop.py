"""A stack that the official engine made, taken over."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from local.engine.error import EngineError
from local.engine.state import passphrase

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
SALT = "v1:PYQTS1eE62g=:v1:Xio+7ToVjMK+OqoB:BKXLnwuBIcqoPzXol2d5+w9gezdrDQ=="


@pytest.fixture
def official(workspace):
    for name in ("program", "state", "things"):
        shutil.rmtree(workspace.root / name)
        shutil.copytree(CONFORMANCE / "interop" / name, workspace.root / name)
    file = workspace.program / "Pulumi.yaml"
    file.write_text(file.read_text() + f"  options:\n    virtualenv: {sys.prefix}\n")
    workspace.env["STEP"] = "1"
    workspace.run("stack", "select", "dev")
    return workspace


def test_a_preview_of_the_official_engines_stack_shows_no_change(official) -> None:
    done = official.run("preview", "--json", "--non-interactive")
    assert json.loads(done.stdout)["changeSummary"] == {"same": 7}


def test_its_secrets_are_decrypted_with_its_passphrase(official) -> None:
    assert official.run("config", "get", "token").stdout == "t0ps3cret\n"
    outputs = json.loads(official.run("stack", "output", "--json", "--show-secrets").stdout)
    assert outputs == {"secret": "hush", "shout": "TWO"}


def test_an_update_leaves_its_resources_and_ciphertexts_as_they_are(official) -> None:
    before = {r["urn"]: r for r in official.latest()["resources"]}
    official.up()
    after = {r["urn"]: r for r in official.latest()["resources"]}
    assert after.keys() == before.keys()
    for urn, row in after.items():
        assert {k: row.get(k) for k in ("id", "outputs", "protect", "provider")} == {
            k: before[urn].get(k) for k in ("id", "outputs", "protect", "provider")
        }


def test_a_protected_resource_is_not_destroyed(official) -> None:
    done = official.run("destroy", "--yes", "--skip-preview", "--non-interactive", code=1)
    assert "is protected" in done.stdout
    assert official.resource("f")["protect"] is True


def test_a_value_encrypted_by_the_official_engine_opens_with_its_passphrase() -> None:
    crypter = passphrase.open_("correct horse", SALT)
    assert crypter.decrypt("v1:hkF5Tpi1e7R5yUXX:Hztil3LhXateTiyxQLI7+H2S15mZb7aCYQ==") == "t0ps3cret"
    assert crypter.decrypt(crypter.encrypt("ünïcode")) == "ünïcode"


def test_a_wrong_passphrase_is_refused() -> None:
    with pytest.raises(EngineError, match="incorrect passphrase"):
        passphrase.open_("wrong", SALT)


def test_a_wrong_passphrase_fails_a_preview_as_the_official_cli_does(official) -> None:
    recorded = json.loads((CONFORMANCE / "cli" / "wrong-passphrase.json").read_text())
    done = official.run(
        "preview", "--non-interactive", "--color", "never", code=1, PULUMI_CONFIG_PASSPHRASE="wrong"
    )
    assert (done.stdout, done.stderr) == (recorded["stdout"], recorded["stderr"])
