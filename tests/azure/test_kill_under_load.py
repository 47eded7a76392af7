"""``kill -9`` while clients write, again and again: what was answered is there after the next start.

``KILL_ROUNDS=50 KILL_SEED=7 pytest tests/azure/test_kill_under_load.py --timeout=0`` kills more often.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
import threading
import time
from pathlib import Path

import requests
from running_azure import ARM, LocalAzure, start_local_azure, stop_local_azure

from local.settings import LocalDir

ROUNDS = int(os.environ.get("KILL_ROUNDS", "2"))
SEED = int(os.environ.get("KILL_SEED", "7"))
WRITERS, NAMES = 4, 10
VERSION = "2023-01-31"


def write_on(
    azure: LocalAzure, token: str, address: str, known: dict[str, int], sent: dict[str, int]
) -> None:
    """Writes a counter into one resource after another, until local Azure is gone; ``known``: what was answered."""
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"https": azure.env["HTTPS_PROXY"]}
    session.verify = azure.env["REQUESTS_CA_BUNDLE"]
    session.headers["Authorization"] = f"Bearer {token}"
    count = max(sent.values(), default=0)
    with session, contextlib.suppress(requests.RequestException):
        while True:
            count += 1
            name = f"{address.rpartition('/')[2]}-{count % NAMES}"
            sent[name] = count
            url = f"{ARM}{address}-{count % NAMES}"
            body = {"location": "westeurope", "tags": {"count": str(count)}}
            answer = session.put(url, params={"api-version": VERSION}, json=body, timeout=30)
            assert answer.status_code in (200, 201), answer.text
            known[name] = count


def test_no_acknowledged_write_is_lost() -> None:
    root = Path(tempfile.mkdtemp(prefix="mlops-"))
    drawn = random.Random(SEED)
    known: list[dict[str, int]] = [{} for _ in range(WRITERS)]
    sent: list[dict[str, int]] = [{} for _ in range(WRITERS)]
    azure = start_local_azure(LocalDir(root / "local"))
    try:
        path = f"{azure.group()}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
        for _ in range(ROUNDS):
            enough = sum(sum(one.values()) for one in known) + 1
            token = azure.token()
            writers = [
                threading.Thread(
                    target=write_on,
                    args=(azure, token, f"{path}/writer{number}", known[number], sent[number]),
                )
                for number in range(WRITERS)
            ]
            for writer in writers:
                writer.start()
            deadline = time.monotonic() + 30
            while sum(sum(one.values()) for one in known) < enough:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            # Any moment will do: that is what is drawn.
            time.sleep(drawn.uniform(0, 0.2))
            azure.process.kill()
            azure.process.wait(10)
            assert azure.process.stdin is not None
            azure.process.stdin.close()
            azure.session.close()
            for writer in writers:
                writer.join(40)
                assert not writer.is_alive()
            azure = start_local_azure(LocalDir(root / "local"))
            status, _, listed = azure.arm("GET", path, api_version=VERSION)
            assert status == 200
            found = {one["name"]: int(one["tags"]["count"]) for one in listed["value"]}
            for answered, tried in zip(known, sent, strict=True):
                for name, count in answered.items():
                    # What was on its way may have been done as well.
                    assert count <= found[name] <= tried[name]
    finally:
        stop_local_azure(azure)
        shutil.rmtree(root, ignore_errors=True)
