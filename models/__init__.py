"""The models a team owns: one folder each, described by its ``model.yaml``."""
