"""Carrying out an operation: planning with providers' answers, running steps, deleting what is left over."""
