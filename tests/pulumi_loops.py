"""Event loops that Pulumi's SDK makes and leaves open."""

import asyncio
from contextlib import contextmanager

import pytest


@contextmanager
def closed_loops():
    """Closes whatever loop is made within: an open one is complained of much later, in somebody else's test."""
    make, made = asyncio.new_event_loop, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", lambda: made.append(make()) or made[-1])
        try:
            yield
        finally:
            for loop in made:
                loop.close()
            asyncio.set_event_loop(None)
