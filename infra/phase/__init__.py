"""The platform's phases, in the order of ``infra/platform.py``: each composes components and hands on typed outputs."""
