"""The file backend, checkpoints, secrets, and the snapshot of an operation under way."""
