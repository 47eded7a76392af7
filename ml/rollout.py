"""How traffic moves to a new deployment: what a rollout's phases mean, and what follows from what is seen. Pure.

``split`` says which traffic a rollout asks for, ``advance`` what comes next, ``resume`` what to do with one that an
interrupted run has left. A rollout fits into one tag of its endpoint, so that whoever comes next knows where it stands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

#: The endpoint's tag that holds a rollout; Azure's limit for a tag's value.
TAG = "Rollout"
LONGEST = 256
_ALL = 100

Strategy = Literal["canary", "blue-green"]


class Phase(Enum):
    """Where a rollout is."""

    TESTING = "testing"
    SHIFTING = "shifting"
    ROLLING_BACK = "rolling-back"
    FAILED = "failed"
    DONE = "done"

    @property
    def sentence(self) -> str:
        """What the phase means."""
        return _SENTENCES[self]


_SENTENCES = {
    Phase.TESTING: "the new deployment answers smoke requests by name; the traffic is as it was",
    Phase.SHIFTING: "the new deployment gets its step's share of the traffic and is judged on it",
    Phase.ROLLING_BACK: "the new deployment was found unfit; the traffic is being put back as it was",
    Phase.FAILED: "the traffic is as it was before; the reason says why",
    Phase.DONE: "the new deployment gets all the traffic",
}


@dataclass(frozen=True)
class Plan:
    """How a rollout is done. Times in seconds, shares in percent."""

    steps: tuple[int, ...] = (10, 50, _ALL)
    #: smoke requests to the candidate at each step
    requests: int = 20
    #: how long a split stands before it is judged
    bake_seconds: float = 0.0
    #: above this share of failures (0 to 1) the candidate is unfit
    max_error_rate: float = 0.02


@dataclass(frozen=True)
class Asked:
    """Smoke requests that were sent by name: how many, and how many of them got an error status."""

    sent: int = 0
    refused: int = 0

    def __add__(self, other: Asked) -> Asked:
        return Asked(self.sent + other.sent, self.refused + other.refused)


@dataclass(frozen=True)
class Observation:
    """What was seen of the candidate while a split stood."""

    asked: Asked = Asked()
    #: how many smoke requests were answered as expected, and what was wrong with the first that wasn't
    right: int = 0
    wrong: str = ""
    #: live requests to the candidate since the rollout began; both 0 where there were none
    live: int = 0
    live_failed: int = 0
    #: why the candidate can't be judged; empty if it can
    unreadable: str = ""


@dataclass(frozen=True)
class Rollout:
    """A rollout's progress."""

    phase: Phase
    candidate: str
    #: the candidate's share in percent: of the step that is being done, or was when it failed
    share: int
    #: the split to return to; empty where nothing had traffic
    stable: Mapping[str, int] = field(default_factory=dict[str, int])
    #: when it began, seconds since 1970
    since: int = 0
    #: requests to the candidate that aren't live ones but count in metrics: the smoke requests of the steps so far
    asked: Asked = Asked()
    reason: str = ""
    #: who drives it: another run's writes are recognized by it
    run: str = ""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.phase in (Phase.DONE, Phase.FAILED)

    @property
    def judged(self) -> bool:
        """Whether the next step depends on what is seen; where there is nothing to return to, on smoke requests only."""
        return self.phase is Phase.TESTING or (self.phase is Phase.SHIFTING and bool(self.stable))


def steps_of(strategy: Strategy, steps: Sequence[int]) -> tuple[int, ...]:
    """The shares that a candidate gets, one after another: blue-green gives it all at once."""
    return (_ALL,) if strategy == "blue-green" else tuple(steps)


def invalid_steps(steps: Sequence[Any]) -> str | None:
    """Why these steps are no rollout; None if they are."""
    if not steps or any(
        isinstance(step, bool) or int(step) != step or not 0 < step <= _ALL for step in steps
    ):
        return f"{list(steps)} must be whole percentages from 1 to 100; write e.g. [10, 50, 100]"
    if any(later <= earlier for earlier, later in pairwise(steps)):
        return f"{list(steps)} goes back or stands still, and traffic only moves on; write increasing percentages"
    if steps[-1] != _ALL:
        return (
            f"{list(steps)} ends at {steps[-1]} %, and the old deployment would keep traffic when it is deleted; "
            "end at 100"
        )
    return None


def begin(candidate: str, live: Mapping[str, int], *, since: int, run: str) -> Rollout:
    """A rollout from what has traffic now.

    Raises:
        ValueError: the live split is too long to be remembered in a tag.
    """
    stable = {name: share for name, share in live.items() if share > 0}
    rollout = Rollout(Phase.TESTING, candidate, stable.get(candidate, 0), stable, since, run=run)
    widest = replace(rollout, phase=Phase.ROLLING_BACK, share=_ALL, asked=Asked(10**6, 10**6), reason="?")
    if len(_text(widest)) > LONGEST:
        raise ValueError(
            f"{len(stable)} deployments share the traffic, too many to remember the way back; give it to fewer first"
        )
    return rollout


def split(rollout: Rollout) -> dict[str, int]:
    """The traffic that a rollout asks for, in percent by deployment: sums to 100, or is empty."""
    match rollout.phase:
        case Phase.TESTING | Phase.ROLLING_BACK | Phase.FAILED:
            return dict(rollout.stable)
        case Phase.SHIFTING:
            return _with_share(rollout.stable, rollout.candidate, rollout.share)
        case Phase.DONE:
            return {rollout.candidate: _ALL}


def _with_share(stable: Mapping[str, int], candidate: str, share: int) -> dict[str, int]:
    """``stable`` with ``share`` for the candidate; the others keep their proportions (largest remainders)."""
    others = {name: weight for name, weight in stable.items() if name != candidate}
    if not others:
        return {candidate: _ALL} if share else dict(stable)
    total, rest = sum(others.values()), _ALL - share
    shares = {name: weight * rest // total for name, weight in others.items()}
    by_remainder = sorted(others, key=lambda name: (-(others[name] * rest % total), name))
    for name in by_remainder[: rest - sum(shares.values())]:
        shares[name] += 1
    return {name: value for name, value in {**shares, candidate: share}.items() if value}


def advance(rollout: Rollout, plan: Plan, seen: Observation | None = None) -> Rollout:
    """The rollout after its split was written and, where it is ``judged``, the candidate was looked at."""
    match rollout.phase:
        case Phase.TESTING | Phase.SHIFTING:
            if rollout.judged:
                seen = seen or Observation(unreadable="nothing was observed")
                asked = rollout.asked + seen.asked
                if rollout.phase is Phase.TESTING:
                    # What came in the same minute, before the rollout gave it anything, isn't the rollout's doing.
                    asked += Asked(seen.live, seen.live_failed)
                    seen = replace(seen, live=0, live_failed=0)
                if reason := unfit(plan, seen):
                    return replace(rollout, phase=Phase.ROLLING_BACK, reason=reason)
                rollout = replace(rollout, asked=asked)
            if rollout.phase is Phase.SHIFTING and rollout.share >= _ALL:
                return replace(rollout, phase=Phase.DONE)
            return replace(rollout, phase=Phase.SHIFTING, share=_next(rollout, plan))
        case Phase.ROLLING_BACK:
            return replace(rollout, phase=Phase.FAILED)
        case Phase.FAILED | Phase.DONE:
            return rollout


def _next(rollout: Rollout, plan: Plan) -> int:
    """The next share; all at once where nothing else has traffic."""
    if not rollout.stable:
        return _ALL
    return next((step for step in plan.steps if step > rollout.share), _ALL)


def unfit(plan: Plan, seen: Observation) -> str | None:
    """Why the candidate must not get more traffic; None if it may. Without live requests smoke requests decide alone."""
    if seen.unreadable:
        return f"it can't be judged: {seen.unreadable}"
    sent = seen.asked.sent
    if sent <= 0:
        return "it can't be judged: no smoke request was sent"
    if sent - seen.right > plan.max_error_rate * sent:
        return f"{sent - seen.right} of {sent} smoke requests failed: {seen.wrong}"
    if seen.live_failed > plan.max_error_rate * seen.live:
        return f"{seen.live_failed} of {seen.live} live requests failed"
    return None


def resume(
    found: Rollout | None, wanted: str | None, live: Mapping[str, int], existing: Collection[str], *, run: str
) -> Rollout | None:
    """What is to be done about a rollout that was left, before anything else; None where nothing was left.

    One of the ``wanted`` deployment goes on, one of another is rolled back, a rollback is finished. If the live split
    is none that the rollout made, someone has stepped in: it ends as failed, and the traffic stays as it is.
    """
    if found is None or found.finished:
        return None
    mine = replace(found, run=run)
    given = live.get(found.candidate, 0)
    ours = (dict(found.stable), _with_share(found.stable, found.candidate, given))
    if dict(live) not in ours or given > max(found.share, found.stable.get(found.candidate, 0)):
        why = "someone else has changed the traffic"
    elif not set(found.stable) <= set(existing):
        why = "a deployment that it would return to is gone"
    elif found.phase is Phase.ROLLING_BACK or found.candidate == wanted:
        return mine
    else:
        return replace(mine, phase=Phase.ROLLING_BACK, reason=f"{wanted or 'another split'} is wanted now")
    return replace(mine, phase=Phase.FAILED, stable=dict(live), reason=why)


def progress(rollout: Rollout, seen: Observation) -> str:
    """What was seen of the candidate, in one line."""
    where = f"at {rollout.share} %" if rollout.phase is Phase.SHIFTING else "by name"
    said = f"{rollout.candidate} {where}: {seen.right}/{seen.asked.sent} smoke requests right"
    if seen.unreadable:
        return f"{said}, but {seen.unreadable}"
    if rollout.phase is Phase.TESTING:
        return said
    live = f"{seen.live_failed} of {seen.live} live requests failed" if seen.live else "no live requests"
    return f"{said}, {live}"


def headline(rollout: Rollout) -> str:
    """What a rollout does now, in one line."""
    match rollout.phase:
        case Phase.TESTING:
            return f"{rollout.candidate} is tested by name, the traffic stays as it is"
        case Phase.SHIFTING:
            return f"{rollout.candidate} gets {rollout.share} % of the requests"
        case Phase.ROLLING_BACK | Phase.FAILED:
            return f"{rollout.candidate} is rolled back from {rollout.share} %: {rollout.reason}"
        case Phase.DONE:
            return f"{rollout.candidate} gets all requests"


def encode(rollout: Rollout) -> str:
    """The rollout as a tag's value, at most 256 characters: the reason is cut where it would be longer."""
    text = _text(rollout)
    reason = rollout.reason
    while len(text) > LONGEST and reason:
        reason = reason[: len(reason) - max(1, (len(text) - LONGEST) // 6)]
        text = _text(replace(rollout, reason=f"{reason}…" if reason else ""))
    return text


def _text(rollout: Rollout) -> str:
    document: dict[str, Any] = {
        "phase": rollout.phase.value,
        "to": rollout.candidate,
        "share": rollout.share,
        "from": dict(rollout.stable),
        "since": rollout.since,
    }
    if rollout.asked != Asked():
        document["asked"] = [rollout.asked.sent, rollout.asked.refused]
    if rollout.run:
        document["run"] = rollout.run
    if rollout.reason:
        document["why"] = rollout.reason
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def decode(text: str | None) -> Rollout | None:
    """The rollout that a tag's value tells of; None where there is none, or none that could be read."""
    try:
        document = cast("dict[str, Any]", json.loads(text or ""))
        stable = {str(name): int(share) for name, share in document["from"].items()}
        sent, refused = document.get("asked", (0, 0))
        rollout = Rollout(
            phase=Phase(document["phase"]),
            candidate=str(document["to"]),
            share=int(document["share"]),
            stable=stable,
            since=int(document["since"]),
            asked=Asked(int(sent), int(refused)),
            reason=str(document.get("why", "")),
            run=str(document.get("run", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    right = all(0 < share <= _ALL for share in stable.values()) and sum(stable.values()) in (0, _ALL)
    return rollout if right and 0 <= rollout.share <= _ALL and rollout.candidate else None
