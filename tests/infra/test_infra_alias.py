"""Aliases: those to one API version are left out, all others stay."""

from __future__ import annotations

import pulumi

from infra.alias import without_api_versions


def transformed(*aliases):
    args = pulumi.ResourceTransformationArgs(
        resource=None,
        type_="azure-native:storage:StorageAccount",
        name="account",
        props={"kind": "StorageV2"},
        opts=pulumi.ResourceOptions(aliases=list(aliases), protect=True),
    )
    return args, without_api_versions(args)


def test_aliases_to_one_api_version_are_left_out_and_nothing_else_changes():
    old = pulumi.Alias(type_="azure-native:storage:Account")
    versions = [
        pulumi.Alias(type_="azure-native:storage/v20240101:StorageAccount"),
        pulumi.Alias(type_="azure-native:storage/v20150501preview:StorageAccount"),
    ]
    args, result = transformed(old, *versions, "urn:pulumi:dev::mlops::a:b:C::name")
    assert result.opts.aliases == [old, "urn:pulumi:dev::mlops::a:b:C::name"]
    assert result.opts.protect is True
    assert result.props is args.props
    assert len(args.opts.aliases) == 4


def test_a_resource_without_such_aliases_is_left_as_it_is():
    assert transformed(pulumi.Alias(name="before"))[1] is None
    assert transformed()[1] is None
