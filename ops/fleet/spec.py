"""``fleet.yaml`` as frozen models. Everything in it is checked before anything is touched.

Each workspace is a stack of the same program: what it says is laid over ``defaults``, section by section, and checked
by the same models as a stack's YAML (``infra/config.py``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import AfterValidator, ValidationError

from infra import names
from infra.config import ConfigError, StackConfig, parse
from infra.network.config import NetworkConfig
from infra.section import Section, explain, setting
from ml import spec as model_spec
from ops.engine import REPOSITORY
from ops.fleet.address import Wish
from ops.fleet.document import DocumentError, read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_MISTAKES = 12
_ANY_SUBSCRIPTION = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
#: Networks of workspaces are cut into subnets: 1024 addresses is the least they need, 65536 the most they may take.
_SIZE = r"^/(1[6-9]|2[0-2])$"


class FleetError(Exception):
    """A fleet can't be used as it is written; one line per mistake, nothing was touched."""


def _range(text: str) -> str:
    try:
        network = IPv4Network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 range; write one such as 10.64.0.0/12") from None
    if not network.is_private:
        raise ValueError(
            f"{text} is in use on the internet; write one below 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        )
    return text


AddressRange = Annotated[str, AfterValidator(_range)]


class PlaceSpec(Section):
    """Keys of a workspace that aren't keys of a stack."""

    address_space: AddressRange | None = setting(
        None,
        breaks="it is the range of this workspace's network",
        write="a range such as 10.80.0.0/20, or leave the key out to have one allotted",
    )
    size: str | None = setting(
        None,
        pattern=_SIZE,
        breaks="it is how large a range this workspace is allotted",
        write="/16 (65536 addresses) to /22 (1024)",
    )
    subscription_id: str | None = setting(
        None,
        pattern=_ANY_SUBSCRIPTION,
        breaks="it is the Azure subscription that the workspace is made in",
        write="the id that `az account list` prints, or leave the key out for the one you are signed in to",
    )


class FleetSpec(Section):
    """The file."""

    address_space: AddressRange | None = setting(
        None,
        breaks="the ranges of all workspaces' networks are cut out of it",
        write="a private range such as 10.64.0.0/12, or leave the key out to give each workspace its own or none",
    )
    size: str = setting(
        "/22",
        pattern=_SIZE,
        breaks="it is how large a range a new workspace is allotted",
        write="/16 (65536 addresses) to /22 (1024)",
    )
    secrets_provider: str | None = setting(
        None,
        min_length=1,
        breaks="it encrypts the secrets in the states of new workspaces",
        write="what `pulumi stack init --secrets-provider` takes, such as azurekeyvault://VAULT.vault.azure.net/keys/KEY, "
        "or leave the key out",
    )
    defaults: dict[str, Any] = setting(
        {},
        breaks="it holds what all workspaces have in common",
        write="a mapping with the keys of Pulumi.dev.yaml, without mlops:",
    )
    workspaces: dict[Any, dict[str, Any] | None] = setting(
        min_length=1,
        breaks="it says which workspaces there are",
        write="a mapping of names to what is particular about each, nothing for nothing",
    )


@dataclass(frozen=True)
class Workspace:
    """One workspace of the fleet: a stack of this name."""

    name: str
    settings: Mapping[str, Any]  #: what the stack's YAML says, without ``mlops:`` and without its range
    config: StackConfig
    wish: Wish
    subscription_id: str | None

    def stack_config(self, project: str, network: IPv4Network | None) -> dict[str, Any]:
        """The ``config`` of the stack's YAML, with the range that it was allotted."""
        values = dict(self.settings)
        if network is not None:
            values["network"] = {**values.get("network", {}), "addressSpace": str(network)}
        config = {f"{project}:{key}": value for key, value in values.items()}
        if self.subscription_id:
            config["azure-native:subscriptionId"] = self.subscription_id
        return config


@dataclass(frozen=True)
class Fleet:
    """All workspaces, and what their ranges are cut out of."""

    path: Path
    pool: IPv4Network | None
    workspaces: tuple[Workspace, ...]
    secrets_provider: str | None = None


def load(path: Path) -> Fleet:
    """The fleet in a file.

    Raises:
        FleetError: one line per mistake.
    """
    try:
        document = read(path)
    except DocumentError as error:
        raise FleetError(str(error)) from None
    try:
        spec = FleetSpec.model_validate(document)
    except ValidationError as error:
        raise _error(
            path, [explain("", FleetSpec, item) for item in error.errors(include_url=False)]
        ) from None
    mistakes = [mistake for name in spec.workspaces if (mistake := _wrong_name(name))]
    workspaces: list[Workspace] = []
    for name, own in {} if mistakes else spec.workspaces.items():
        try:
            workspaces.append(_workspace(name, own or {}, spec))
        except ConfigError as error:
            mistakes += str(error).splitlines()
    if mistakes:
        raise _error(path, mistakes)
    pool = IPv4Network(spec.address_space) if spec.address_space else None
    return Fleet(path, pool, tuple(workspaces), spec.secrets_provider)


def _error(path: Path, mistakes: list[str]) -> FleetError:
    lines = [f"{path.name}: {line}" for line in dict.fromkeys(mistakes)]
    if len(lines) > _MOST_MISTAKES:
        lines = [*lines[:_MOST_MISTAKES], f"{path.name}: and {len(lines) - _MOST_MISTAKES} more mistakes"]
    return FleetError("\n".join(lines))


def _wrong_name(name: object) -> str:
    """What is wrong with a workspace's name."""
    if not isinstance(name, str):
        return f"workspaces.{name}: YAML reads this name as a {type(name).__name__}; put it in quotes, or begin it with a letter"
    if not re.fullmatch(names.PART_PATTERN, name):
        return (
            f"workspaces.{name}: this name can't be used: it is part of every name in Azure, and a storage account has room "
            "for 8 characters of it; write 2 to 8 lowercase letters and digits, a letter first"
        )
    if (REPOSITORY / f"Pulumi.{name}.yaml").exists():
        return (
            f"workspaces.{name}: Pulumi.{name}.yaml says that this is a stack of its own, which the fleet would take over; "
            "write another name"
        )
    return ""


def _workspace(name: str, own: Mapping[str, Any], spec: FleetSpec) -> Workspace:
    """Lays what is particular over the defaults, and checks the result as a stack's configuration."""
    merged = _over(spec.defaults, own)
    mistakes: list[str] = []
    for key, instead in (
        ("environment", "the workspace's name is it"),
        ("suffix", "import the platform first"),
    ):
        if key in merged:
            mistakes.append(f"workspaces.{name}.{key}: unknown key, it would have no effect; {instead}")
            del merged[key]
    if "addressSpace" in (merged.get("network") or {}):
        mistakes.append(
            f"workspaces.{name}.network.addressSpace: ranges are allotted; write workspaces.{name}.addressSpace"
        )
    if "addressSpace" in spec.defaults:
        mistakes.append(
            "defaults.addressSpace: all workspaces would have the same range; write addressSpace above defaults"
        )
    keys = {field.alias or key for key, field in PlaceSpec.model_fields.items()}
    try:
        place = PlaceSpec.model_validate({key: merged.pop(key) for key in keys & merged.keys()})
    except ValidationError as error:
        prefix = f"workspaces.{name}."
        mistakes += [explain(prefix, PlaceSpec, item) for item in error.errors(include_url=False)]
        place = PlaceSpec()
    settings = {"environment": name, **merged}
    checked = settings
    # A range that is allotted later is checked then; until it is, there is one.
    space = place.address_space or (spec.address_space and NetworkConfig().address_space)
    if space:
        network = {**(merged.get("network") or {}), "addressSpace": space}
        checked = {**settings, "network": network}
    try:
        config = parse(checked, namespace=f"workspaces.{name}.")
        mistakes += _missing_models(name, config)
    except ConfigError as error:
        mistakes += str(error).splitlines()
        config = None
    if mistakes or config is None:
        raise ConfigError("\n".join(_where_written(line, name, own, spec.defaults) for line in mistakes))
    chosen = IPv4Network(place.address_space) if place.address_space else None
    wish = Wish(int((place.size or spec.size)[1:]), chosen, sized="size" in own)
    return Workspace(name, settings, config, wish, place.subscription_id)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` laid over ``below``: sections key by key, lists and values as a whole."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, dict) and isinstance(value, dict)
        merged[key] = _over(cast("dict[str, Any]", under), cast("dict[str, Any]", value)) if both else value
    return merged


def _where_written(line: str, name: str, own: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The same mistake with the key where it stands: in the defaults, if the workspace says nothing there."""
    prefix = f"workspaces.{name}."
    if not line.startswith(prefix):
        return line
    path = re.split(r"[.\[]", line.removeprefix(prefix).split(":", 1)[0])
    if _has(own, path) or not _has(defaults, path):
        network = line.removeprefix(prefix).startswith("network.addressSpace:") and "addressSpace" in own
        return line.replace(".network.addressSpace", ".addressSpace", 1) if network else line
    return "defaults." + line.removeprefix(prefix)


def _has(values: Any, path: list[str]) -> bool:
    for part in path:
        if not isinstance(values, dict):
            return bool(values)
        if part not in values:
            return False
        values = cast("dict[str, Any]", values)[part]
    return True


def _missing_models(name: str, config: StackConfig) -> list[str]:
    """What is wrong with the models that a workspace serves."""
    mistakes: list[str] = []
    for model in config.models:
        folder = REPOSITORY / config.models_folder / model
        if not (folder / "model.yaml").is_file():
            mistakes.append(
                f"workspaces.{name}.models: there is no {config.models_folder}/{model}/model.yaml, so there is nothing to "
                "train and serve; write the folder of a model"
            )
            continue
        try:
            model_spec.load(folder)
        except model_spec.SpecError as error:
            mistakes += str(error).splitlines()
    return mistakes
