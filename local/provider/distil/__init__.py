"""Makes ``facts.json``, the table of what the provider knows of each resource type. Developers run it, the provider never does.

``python -m local.provider.distil TYPES [TOKEN …]``: see ``__main__.py`` and docs/azure-native.md. Three sources, one a module:

- ``sdk``: names, nested types, what is required, constants and API versions are the installed ``pulumi_azure_native``'s.
- ``arm_type``: where each of them lies on ARM's wire, lengths, ranges and patterns are those of Azure's published types.
- ``rule``: what is neither's but azure-native's own, as its generator has it: auto-names, what replaces, singletons,
  sub-resources, renamed properties.
"""
