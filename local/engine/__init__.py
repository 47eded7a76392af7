"""A Pulumi engine in Python, for where the official CLI can't be installed.

It speaks Pulumi's gRPC protocol with the stubs of the `pulumi` package and keeps Pulumi's checkpoint format, file
layout and passphrase encryption. Read it in the order a deployment runs: program → resource_monitor → steps →
executor → snapshot.
"""
