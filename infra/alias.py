"""Aliases that no state of this program can need, left out before they cost anything.

azure-native gives each resource an alias for each API version it ever had, up to a hundred, for programs that named a
version's module (``azure-native:storage/v20240101:StorageAccount``). This program never has, so no state of it holds such
a type; names that a type had without a version stay. The SDK works every alias out for every resource, which was more
than half of its time in a preview.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSIONED = re.compile(r"/v\d{8}")


def without_api_versions(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult | None:
    """A transformation that leaves out aliases to types of one API version."""
    aliases: Sequence[pulumi.Input[str | pulumi.Alias]] = args.opts.aliases or []
    kept = [alias for alias in aliases if not _is_versioned(alias)]
    if len(kept) == len(aliases):
        return None
    opts = pulumi.ResourceOptions.merge(args.opts, None)
    opts.aliases = kept
    return pulumi.ResourceTransformationResult(args.props, opts)


def _is_versioned(alias: object) -> bool:
    type_ = alias.type_ if isinstance(alias, pulumi.Alias) else None
    return isinstance(type_, str) and _VERSIONED.search(type_) is not None
