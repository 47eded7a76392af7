"""Microsoft.Network: what a platform behind private endpoints is built from, as recorded facts with Azure's rules.

Nothing is connected, translated or filtered: clients reach everything with or without a network. What is checked is what Azure
checks when resources are written and deleted: ranges, references, reserved names, what is in use, who approved whom. Types
that aren't served (application gateways, express routes, virtual WANs and hubs, VPNs, network managers, virtual appliances) are
refused by name (501).
"""
