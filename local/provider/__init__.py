"""An azure-native provider for where Microsoft's plugin can't be installed: it deploys to local Azure only.

It speaks Pulumi's resource provider protocol on one side and ARM over HTTPS on the other. What it knows of each
resource type is a table (``facts.json``); everything else is the same for all of them. Omitted, and refused by name:
resource types and functions that are not in the table, API versions other than the table's, what azure-native has code of
its own for (``storage:Blob``, ``keyvault:AccessPolicy`` …), ``Construct``, ``Call`` and ``List``.
"""
