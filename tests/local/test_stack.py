"""The local stack's folder: what is kept, what is refused, what of the surroundings is left out."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
import yaml

from local.settings import LocalDir
from local.stack import LocalStack, StackError, clean_environment
from ops.engine import EMBEDDED, Engine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def stack(tmp_path: Path) -> LocalStack:
    root = tmp_path / ".local"
    root.mkdir(mode=0o700)
    return LocalStack(LocalDir(root), Engine("embedded", EMBEDDED), {"HTTPS_PROXY": "http://127.0.0.1:1"})


def _settings(stack: LocalStack) -> dict[str, object]:
    return yaml.safe_load((stack.project / "Pulumi.local.yaml").read_text())


def test_a_new_stack_has_a_passphrase_only_its_owner_can_read(stack: LocalStack) -> None:
    stack.prepare()
    passphrase = stack.directory.root / "passphrase"
    assert len(passphrase.read_text()) >= 32
    assert stat.S_IMODE(passphrase.stat().st_mode) == 0o600


def test_preparing_again_keeps_passphrase_and_salt_and_takes_up_new_settings(stack: LocalStack) -> None:
    stack.prepare()
    before = (stack.directory.root / "passphrase").read_text()
    settings = _settings(stack)
    assert str(settings["encryptionsalt"]).startswith("v1:")
    edited = {**settings, "config": {"mlops:environment": "edited by hand"}}
    (stack.project / "Pulumi.local.yaml").write_text(yaml.safe_dump(edited))
    stack.prepare()
    assert (stack.directory.root / "passphrase").read_text() == before
    assert _settings(stack) == settings


def test_a_missing_passphrase_says_what_to_do(stack: LocalStack) -> None:
    stack.prepare()
    (stack.directory.root / "passphrase").unlink()
    with pytest.raises(
        StackError, match=r"passphrase is missing, .* Put it back, or start over with `make clean`"
    ):
        stack.prepare()


def test_a_state_that_is_not_json_names_the_backups(stack: LocalStack) -> None:
    stack.prepare()
    stack.checkpoint.write_text('{"version": 3, "checkp')
    with pytest.raises(StackError, match=r"can't be read .*backups.* or start over with `make clean`"):
        stack.prepare()


def test_damaged_settings_get_their_salt_back_from_the_state(stack: LocalStack) -> None:
    stack.prepare()
    salt = _settings(stack)["encryptionsalt"]
    checkpoint = json.loads(stack.checkpoint.read_text())
    providers = {"type": "passphrase", "state": {"salt": salt}}
    checkpoint["checkpoint"]["latest"] = {"secrets_providers": providers, "resources": []}
    stack.checkpoint.write_text(json.dumps(checkpoint))
    (stack.project / "Pulumi.local.yaml").write_text("config: [")
    stack.prepare()
    assert _settings(stack)["encryptionsalt"] == salt


def test_nothing_of_the_users_cloud_or_login_reaches_the_engine(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-secret")
    monkeypatch.setenv("ARM_SUBSCRIPTION_ID", "real")
    monkeypatch.setenv("AZURE_CONFIG_DIR", "/home/somebody/.azure")
    environment = stack.environment()
    assert "pul-secret" not in environment.values()
    assert "real" not in environment.values()
    assert "AZURE_CONFIG_DIR" not in environment
    assert environment["PULUMI_BACKEND_URL"].startswith("file:///")
    assert environment["PULUMI_HOME"].startswith(str(stack.directory.root))


def test_what_does_not_lead_to_a_cloud_stays_in_the_environment() -> None:
    assert clean_environment({"PATH": "/bin", "ARM_TENANT_ID": "t", "ARMOUR": "x"}) == {
        "PATH": "/bin",
        "ARMOUR": "x",
    }
