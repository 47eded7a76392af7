"""Which provider is asked for: a package, its version and where its plugin comes from; pure.

As `ProviderRequest`, `parseProviderRequest` and `shouldDenyRequest` of the official engine. What is not a provider's
configuration lies under `__internal` in its entry; the version is told to the provider, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from local.engine.property_value import reveal

if TYPE_CHECKING:
    from local.engine.property_value import Properties

INTERNAL = "__internal"
DISABLED = "disable-default-providers"  # in the namespace `pulumi`
_DENIED = "denied::"  # a reference that stands for: there is no default provider
_IDENTIFIERS = re.compile(r"[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*")


@dataclass(frozen=True)
class ProviderRequest:
    """The provider for resources that name none."""

    package: str
    version: str = ""
    url: str = ""

    @property
    def name(self) -> str:
        """The name of the provider's entry: one for each version and source."""
        parts = ["default"]
        if self.version:
            numbers, _, build = self.version.partition("+")
            numbers, _, before = numbers.partition("-")
            parts += [part for text in (numbers, before, build) for part in text.split(".") if part]
        if self.url:
            segments = [segment for segment in self.url.split("/") if segment]
            parts.append("/".join(re.sub(r"[^A-Za-z0-9_.-]", "_", segment) for segment in segments))
        return "_".join(parts)

    def inputs(self, config: Properties) -> Properties:
        """The inputs of the provider's entry."""
        return with_plugin(config, self.version, self.url)


def request(package: str, version: str, url: str) -> ProviderRequest:
    """What is asked for; raises ValueError for what is no version."""
    if version:
        validate(version)
    return ProviderRequest(package, version, url.removesuffix("/"))


def with_plugin(inputs: Properties, version: str, url: str) -> Properties:
    """A provider's inputs with the plugin they ask for."""
    if not version and not url:
        return inputs
    internal = dict(inputs.get(INTERNAL) or {})
    if url:
        internal["pluginDownloadURL"] = url
    return {**inputs, INTERNAL: internal, **({"version": version} if version else {})}


def configuration(inputs: Properties) -> Properties:
    """A provider's inputs without what is the engine's."""
    return {key: value for key, value in inputs.items() if key != INTERNAL}


def validate(version: str) -> None:
    """Raise ValueError for what is no semantic version, in the words of the official engine's parser."""
    parts = version.split(".", 2)
    if len(parts) != len(("major", "minor", "patch")):
        raise ValueError("No Major.Minor.Patch elements found")
    rest, plus, build = parts[2].partition("+")
    patch, minus, before = rest.partition("-")
    for name, text in (("major", parts[0]), ("minor", parts[1]), ("patch", patch)):
        if not re.fullmatch(r"[0-9]+", text):
            raise ValueError(f'Invalid character(s) found in {name} number "{text}"')
        if text != "0" and text.startswith("0"):
            raise ValueError(f'{name.capitalize()} number must not contain leading zeroes "{text}"')
    for there, name, text in ((minus, "prerelease", before), (plus, "build meta data", build)):
        if there and not _IDENTIFIERS.fullmatch(text):
            raise ValueError(f'Invalid character(s) found in {name} "{text}"')


def is_disabled(package: str, config: Properties) -> bool:
    """Whether the stack's configuration of `pulumi` forbids a package's default provider; raises ValueError for nonsense."""
    text = reveal(config).get(DISABLED)
    if package == "pulumi" or not text:
        return False
    try:
        names: Any = json.loads(str(text))
    except ValueError as error:
        raise ValueError(f"Failed to parse {text}: {error}") from error
    if not isinstance(names, list):
        raise ValueError(f"Failed to parse {text}: it is no list")  # noqa: TRY004 - the user's value, not a caller's
    for number, name in enumerate(cast("list[Any]", names)):
        if not isinstance(name, str):
            raise ValueError(f"pulumi:{DISABLED}[{number}] must be a string")  # noqa: TRY004 - as above
        if name.strip() in {"*", package}:
            return True
    return False


def denied_reference(package: str) -> str:
    """What a registration carries in the place of the provider that it may not have."""
    return f"{_DENIED}{package}"


def denied_package(reference: str) -> str:
    """The package whose default provider a registration may not have; empty if it has a provider."""
    return reference.removeprefix(_DENIED) if reference.startswith(_DENIED) else ""


def denial(package: str, what: str) -> str:
    """What the user is told."""
    return f"Default provider for '{package}' disabled. '{what}' must use an explicit provider."
