"""How an operation is to be shown: what the command line says about it."""

from __future__ import annotations

from dataclasses import dataclass

from local.engine.display import colour


@dataclass(frozen=True)
class DisplayOptions:
    """The settings of a display."""

    colour: str = colour.NEVER
    diff: bool = False  # every property of every step, instead of a line for each
    terminal: bool = False  # a tree that lives, instead of lines
    debug: bool = False
    show_sames: bool = False
    show_reads: bool = False
    show_config: bool = False
    show_replacement_steps: bool = False
    show_urns: bool = False
    show_policy_remediations: bool = False
    truncate: bool = True  # long strings, unless --show-full-output
    suppress_outputs: bool = False
    suppress_progress: bool = False
    emoji: bool = False
