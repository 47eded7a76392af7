"""Microsoft.KeyVault: vaults through ARM, their secrets and keys through ARM and on ``VAULT.vault.azure.net``."""
