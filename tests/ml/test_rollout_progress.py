"""A rollout's progress on its endpoint: written once, read back, and never over another run's."""

import pytest

from ml import progress, resource_manager
from ml.client import AzureMLError, Door, Settings
from ml.progress import OvertakenError, Progress
from ml.rollout import TAG, begin, decode, encode

ROLLOUT = begin("m-bbbbbbbb", {"m-aaaaaaaa": 100}, since=1_700_000_000, run="ab12")


class Endpoint:
    """An endpoint whose PATCH takes effect some looks later, as Azure's may."""

    def __init__(self, delay=0):
        self.tags = {"team": "ml"}
        self.coming = None
        self.delay = delay
        self.calls = []

    def request(self, method, _path, *, api_version, query=None, body=None):
        del api_version, query
        self.calls.append(method)
        if method == "PATCH":
            assert set(body) == {"tags"}
            self.coming = (self.delay, body["tags"])
            return None
        if self.coming:
            left, tags = self.coming
            self.coming = (left - 1, tags) if left else None
            self.tags = self.tags if left else tags
        return {"tags": self.tags, "properties": {"provisioningState": "Succeeded"}}


@pytest.fixture
def door():
    return Door(Settings("s", poll_interval=0.001), "g", "w", lambda _line: None)


@pytest.mark.parametrize("delay", [0, 3])
def test_progress_is_written_beside_the_other_tags_and_read_back(monkeypatch, door, delay):
    endpoint = Endpoint(delay)
    monkeypatch.setattr(resource_manager, "request", endpoint.request)
    kept = Progress(door, "e")
    assert kept.read() is None
    kept.save(ROLLOUT)
    assert endpoint.tags == {"team": "ml", TAG: encode(ROLLOUT)}
    kept.save(ROLLOUT)
    assert endpoint.calls.count("PATCH") == 1
    assert progress.of(door, "e") == decode(endpoint.tags[TAG]) == ROLLOUT


def test_another_runs_progress_is_not_written_over(monkeypatch, door):
    endpoint = Endpoint()
    monkeypatch.setattr(resource_manager, "request", endpoint.request)
    first, second = Progress(door, "e"), Progress(door, "e")
    first.read()
    second.read()
    second.save(ROLLOUT)
    with pytest.raises(
        OvertakenError, match=r"traffic of e: another run has taken the rollout over; wait for it"
    ):
        first.save(ROLLOUT)
    with pytest.raises(AzureMLError):
        first.check(endpoint.tags)
    second.check(endpoint.tags)
    assert endpoint.calls.count("PATCH") == 1
