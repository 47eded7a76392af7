"""The workspace: what it is, what it is encrypted with, and how it goes."""
