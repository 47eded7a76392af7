"""One command on many workspaces, a few at a time; what one does never stops another."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from ops.fleet.outcome import Outcome, Watch
from ops.fleet.stack import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ops.fleet.board import Board


def run_all(
    names: Sequence[str], work: Callable[[str, Watch], Outcome], board: Board, *, parallel: int
) -> list[Outcome]:
    """Does the work for each name, and tells the board; returns how each ended, in the names' order.

    Ctrl-C reaches the engines too, which finish what is in flight; what hasn't begun then doesn't begin.
    """
    watches = [Watch(name) for name in names]
    with board.following(watches), ThreadPoolExecutor(parallel, thread_name_prefix="fleet") as pool:
        futures = [pool.submit(_one, work, watch, board) for watch in watches]
        try:
            wait(futures)
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            board.say("Finishing what is in flight; nothing new is begun.")
            wait(futures)
    return [_result(future, watch) for future, watch in zip(futures, watches, strict=True)]


def _one(work: Callable[[str, Watch], Outcome], watch: Watch, board: Board) -> Outcome:
    watch.begin()
    board.began(watch)
    try:
        outcome = work(watch.name, watch)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is this workspace's alone)
        outcome = watch.failure(reason_of(error))
    watch.end(outcome.state)
    board.ended(outcome)
    return outcome


def _result(future: Future[Outcome], watch: Watch) -> Outcome:
    return Outcome(watch.name, "not started") if future.cancelled() else future.result()
