"""Where requests of local Azure's own services may go: to itself and to this machine, nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from local.azure.errors import ArmError
from local.azure.outbound import forwards, reachable
from local.settings import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


class Azure:
    """What is asked of local Azure."""

    def package_environment(self) -> dict[str, str]:
        return {"MLOPS_LOCAL_FORWARD": "api.github.com=http://127.0.0.1:9999"}


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("https://prod-07.westeurope.logic.azure.com:443/workflows/x", True),
        ("https://management.azure.com/subscriptions", True),
        ("http://localhost:8080/hook", True),
        ("https://api.github.com/repos", True),
        ("https://github.com/", False),
        ("https://management.azure.com.example.com/", False),
        ("https://example.com/?https://management.azure.com", False),
        ("nothing", False),
    ],
)
def test_only_azure_this_machine_and_what_is_led_to_it_are_reached(url: str, there: bool) -> None:
    azure: Any = Azure()
    assert reachable(azure, url) is there


def test_several_hosts_can_be_led_to_this_machine() -> None:
    text = "api.github.com=http://127.0.0.1:1, Example.com=http://localhost:2/base/"
    assert forwards(text) == {
        "api.github.com": "http://127.0.0.1:1",
        "example.com": "http://localhost:2/base",
    }


@pytest.mark.parametrize(
    "text", ["api.github.com=https://example.com", "api.github.com", "a=http://10.0.0.1:1"]
)
def test_a_way_out_of_this_machine_is_refused(text: str) -> None:
    with pytest.raises(ArmError, match="leads out of this machine"):
        forwards(text)


def test_local_azure_does_not_start_with_a_way_out(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "local.azure.server"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "MLOPS_LOCAL_DIR": str(tmp_path / "local"),
            "MLOPS_LOCAL_PORT": "0",
            "MLOPS_LOCAL_FORWARD": "api.github.com=http://192.168.0.1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == (
        "error: MLOPS_LOCAL_FORWARD: 'api.github.com=http://192.168.0.1' leads out of this machine; "
        "write HOST=http://127.0.0.1:PORT.\n"
    )
