"""The commands of the official CLI, each reading its arguments and saying what came of it."""
