"""Policy packs: their processes, their settings and what their policies found."""
