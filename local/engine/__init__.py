"""A Pulumi engine in Python, for where the official CLI can't be installed.

It speaks Pulumi's gRPC protocol with the stubs of the `pulumi` package and keeps Pulumi's checkpoint format, file
layout and passphrase encryption. Its rooms, in the order a deployment runs: `command` → `workspace` → `program` →
`monitor` → `steps` (pure) → `executor` → `providers` → `state`; `display` and `policy` look on, `warm`
keeps it loaded for a fleet. `start.py` is where a process of it begins; docs/engine.md shows the rooms.
"""
