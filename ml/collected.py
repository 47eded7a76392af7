"""What the monitored deployments of a workspace received, compared with what their models were trained on.

The same comparison that a model monitor makes when it runs, made here and now: which data, over which time, which
features and thresholds are read from the workspace's monitors. Needs the workspace's name in the environment, nothing
of this program's stacks.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.client import AzureMLError, Door, Settings
from ml.drift import Thresholds, compare
from ml.drift.table import TableError, read, read_collected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.storage.blob import ContainerClient

    from ml.drift import Columns, Report

_VARIABLES = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_WORKSPACE_NAME")
_SIGNALS = frozenset({"data_drift", "prediction_drift"})
_ASSET = re.compile(r"(?:^azureml:|/data/)(?P<name>[^:/]+)(?::|/versions/)(?P<version>[^:/]+)$")
_PATH = re.compile(r"/datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)$")
_DURATION = re.compile(r"^P(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")
#: Collected data lies in folders by the hour (UTC): YYYY/MM/DD/HH.
_HOUR = re.compile(r"(?:^|/)(\d{4})/(\d\d)/(\d\d)/(\d\d)/[^/]+$")


class CollectedError(ValueError):
    """The workspace's monitors can't be reported on; one line that says why and what to do."""


@dataclass(frozen=True)
class Comparison:
    """One signal of a monitor: both sides as Azure names them, and how they are compared.

    ``window`` is how far back the production data counts, ``features`` None for all of them.
    """

    title: str
    reference: str
    production: str
    window: timedelta
    features: tuple[str, ...] | None
    categorical: tuple[str, ...]
    thresholds: Thresholds


def reports(days: float | None = None) -> list[tuple[str, Report]]:
    """A report for each drift signal of the workspace's monitors, with its title.

    Args:
        days: How far back to look, instead of each monitor's own window.

    Raises:
        CollectedError: No workspace is named, it can't be read, or has no monitor.
    """
    door = _door()
    try:
        listed = door.do("monitors", lambda: list(door.client.schedules.list()))
        wanted = [each for schedule in listed for each in comparisons(schedule)]
        if not wanted:
            raise CollectedError(
                f"workspace {door.workspace} has no enabled monitor with a drift signal; deploy one"
            )
        now = datetime.now(UTC)
        return [
            (each.title, _report(door, each, now - (timedelta(days=days) if days else each.window)))
            for each in wanted
        ]
    except AzureMLError as error:
        raise CollectedError(str(error)) from None


def comparisons(schedule: Any) -> Iterator[Comparison]:
    """What a schedule of the workspace (an entity of azure-ai-ml) compares; nothing where it is no monitor."""
    definition = getattr(schedule, "create_monitor", None)
    if definition is None:
        return
    for name, signal in definition.monitoring_signals.items():
        if signal.type not in _SIGNALS:
            continue
        production = signal.production_data
        window = production.data_window
        features = signal.features if isinstance(signal.features, list) else None
        types: Mapping[str, str] = getattr(signal, "feature_type_override", None) or {}
        several = len(definition.monitoring_signals) > 1
        yield Comparison(
            title=f"{schedule.name}: {name}" if several else schedule.name,
            reference=signal.reference_data.input_data.path,
            production=production.input_data.path,
            window=duration(window.lookback_window_size) + duration(window.lookback_window_offset or "P0D"),
            features=tuple(features) if features else None,
            categorical=tuple(feature for feature, kind in types.items() if kind.lower() == "categorical"),
            thresholds=_thresholds(signal.metric_thresholds),
        )


def duration(text: str) -> timedelta:
    """An ISO 8601 duration as monitors have them; a month is 30 days, ``default`` one day.

    >>> duration("P7D"), duration("PT36H"), duration("default")
    (datetime.timedelta(days=7), datetime.timedelta(days=1, seconds=43200), datetime.timedelta(days=1))
    """
    if text.lower() == "default":
        return timedelta(days=1)
    found = _DURATION.match(text)
    if not found:
        raise CollectedError(f"{text!r} is no duration such as P7D")
    months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=30 * months + days, weeks=weeks, hours=hours, minutes=minutes, seconds=seconds)


def within(blob: str, since: datetime) -> bool:
    """Whether a blob of collected data may hold lines from that time on; one that isn't in a folder by the hour may.

    >>> since = datetime(2026, 1, 2, 3, 30, tzinfo=UTC)
    >>> [within(f"model_inputs/2026/01/02/{hour}/a.jsonl", since) for hour in ("02", "03", "04")]
    [False, True, True]
    """
    found = _HOUR.search(blob)
    if not found:
        return True
    hour = datetime(*map(int, found.groups()), tzinfo=UTC)  # pyright: ignore[reportArgumentType]
    return hour + timedelta(hours=1) > since


def _door() -> Door:
    absent = [name for name in _VARIABLES if not os.environ.get(name)]
    if absent:
        raise CollectedError(
            f"{', '.join(absent)} {'is' if len(absent) == 1 else 'are'} not set: name the workspace there "
            '(for local Azure: eval "$(.venv/bin/python -m local env)"), or give REFERENCE and CURRENT'
        )
    subscription, group, workspace = (os.environ[name] for name in _VARIABLES)
    return Door(Settings(subscription, permission_timeout=0), group, workspace)


def _thresholds(thresholds: Any) -> Thresholds:
    # azure-ai-ml has an attribute per metric, named as the API's metrics in snake case.
    kinds = (("Numerical", thresholds.numerical), ("Categorical", thresholds.categorical))
    return Thresholds.from_azure(
        {"dataType": kind, "metric": metric, "threshold": {"value": value}}
        for kind, metrics in kinds
        for metric, value in (vars(metrics).items() if metrics else ())
        if value is not None
    )


def _report(door: Door, wanted: Comparison, since: datetime) -> Report:
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        reference = _download(door, wanted.reference, Path(folder, "reference"), None)
        production = _download(door, wanted.production, Path(folder, "production"), since)
        try:
            expected = read(reference)
        except TableError:
            raise CollectedError(
                f"{wanted.title}: its reference data {wanted.reference} is no table of .csv, .csv.gz or .jsonl files; "
                "register one that is"
            ) from None
        current: Columns = read_collected(production, since=since)
    if not current:  # nothing came in: that is too little data, and no missing column
        current = {name: np.empty(0) for name in expected}
    return compare(
        expected, current, wanted.thresholds, features=wanted.features, categorical=wanted.categorical
    )


def _download(door: Door, uri: str, folder: Path, since: datetime | None) -> Path:
    """Brings what a data asset, or a path on a datastore, holds into a folder."""
    folder.mkdir()
    container, prefix = _place(door, uri)
    for blob in door.do(uri, lambda: [each.name for each in container.list_blobs(name_starts_with=prefix)]):
        if blob != prefix and prefix and not blob.startswith(f"{prefix}/"):
            continue
        if since is not None and not within(blob, since):
            continue
        target = folder / (blob.removeprefix(prefix).strip("/") or Path(blob).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(door.do(blob, lambda blob=blob: container.download_blob(blob).readall()))
    return folder


def _place(door: Door, uri: str) -> tuple[ContainerClient, str]:
    if asset := _ASSET.search(uri):
        data = door.do(uri, lambda: door.client.data.get(asset["name"], asset["version"]))
        uri = str(data.path)
    found = _PATH.search(uri)
    if not found:
        raise CollectedError(
            f"{uri} is neither a data asset nor a path on a datastore: this report can't read it"
        )
    return door.datastore(found["datastore"]), found["path"].strip("/")
