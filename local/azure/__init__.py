"""Local Azure: Azure's own host names, answered on loopback. See ``docs/local-azure.md``."""
