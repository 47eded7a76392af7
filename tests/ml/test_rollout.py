"""The rollout's decisions: every path ends at a defined split, and a tag holds all that a next run needs."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.rollout import (
    LONGEST,
    Asked,
    Observation,
    Phase,
    Plan,
    Rollout,
    advance,
    begin,
    decode,
    encode,
    headline,
    invalid_steps,
    progress,
    resume,
    split,
    steps_of,
    unfit,
)

OLD, NEW, OTHER = "m-aaaaaaaa", "m-bbbbbbbb", "m-cccccccc"
FINE = Observation(Asked(20), right=20)
BAD = Observation(Asked(20, 20), right=0, wrong="was answered with 424: no")
names = st.sampled_from([OLD, OTHER, "blue", "x" * 32])
observations = st.one_of(
    st.just(FINE),
    st.just(BAD),
    st.just(Observation(Asked(20), right=20, live=412, live_failed=3)),
    st.just(Observation(Asked(20), right=20, live=10, live_failed=3)),
    st.just(Observation(unreadable="Azure Monitor doesn't answer")),
    st.none(),
)
plans = st.builds(
    lambda inner, rate: Plan(steps=(*sorted(inner), 100), max_error_rate=rate),
    st.sets(st.integers(1, 99), max_size=5),
    st.sampled_from([0.0, 0.02, 0.5]),
)


@st.composite
def splits(draw):
    """What may have traffic when a rollout begins: nothing, or deployments whose shares sum to 100."""
    found = draw(st.lists(st.sampled_from([OLD, OTHER, NEW, "blue"]), unique=True, max_size=4))
    if not found or found == [NEW]:
        return {}
    cuts = sorted(draw(st.sets(st.integers(1, 99), min_size=len(found) - 1, max_size=len(found) - 1)))
    return dict(zip(found, (b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)), strict=True))


def start(live=None):
    return begin(NEW, {OLD: 100} if live is None else live, since=1_700_000_000, run="ab12")


def path(rollout, plan, seen):
    """All states from one to the end."""
    states = [rollout]
    for one in seen:
        if states[-1].finished:
            return states
        states.append(advance(states[-1], plan, one))
    return states


def test_a_canary_goes_through_its_steps_to_all_traffic():
    states = path(start(), Plan(), [FINE] * 9)
    assert [(state.phase.value, split(state)) for state in states] == [
        ("testing", {OLD: 100}),
        ("shifting", {OLD: 90, NEW: 10}),
        ("shifting", {OLD: 50, NEW: 50}),
        ("shifting", {NEW: 100}),
        ("done", {NEW: 100}),
    ]


def test_blue_green_gives_all_traffic_at_once_after_the_smoke_test():
    plan = Plan(steps=steps_of("blue-green", (10, 50, 100)))
    assert [split(state) for state in path(start(), plan, [FINE] * 9)] == [
        {OLD: 100},
        {NEW: 100},
        {NEW: 100},
    ]


def test_the_first_deployment_ever_gets_all_traffic_after_its_smoke_test():
    assert [split(state) for state in path(start({}), Plan(), [FINE, None])] == [{}, {NEW: 100}, {NEW: 100}]
    failed = path(start({}), Plan(), [BAD, None])[-1]
    assert (failed.phase, split(failed)) == (Phase.FAILED, {})


@pytest.mark.parametrize("bad_at", [0, 1, 2, 3])
def test_a_failure_at_any_step_puts_the_old_split_back(bad_at):
    states = path(start(), Plan(), [*[FINE] * bad_at, BAD, None])
    assert [state.phase for state in states[-2:]] == [Phase.ROLLING_BACK, Phase.FAILED]
    assert split(states[-2]) == split(states[-1]) == {OLD: 100}
    assert states[-1].share == (0, 10, 50, 100)[bad_at]
    assert states[-1].reason == "20 of 20 smoke requests failed: was answered with 424: no"


@given(splits(), plans, st.lists(observations, max_size=12))
def test_every_state_has_a_split_of_100_or_the_one_it_began_with(live, plan, seen):
    for state in path(start(live), plan, seen):
        shares = split(state)
        assert sum(shares.values()) == 100 or (shares == {} == live)
        assert all(0 < share <= 100 for share in shares.values())


@given(splits(), plans, st.lists(observations, min_size=12, max_size=12))
def test_every_path_ends_with_all_for_the_candidate_or_what_was_before(live, plan, seen):
    end = path(start(live), plan, seen)[-1]
    assert end.finished
    assert split(end) == ({NEW: 100} if end.phase is Phase.DONE else live)
    assert bool(end.reason) == (end.phase is Phase.FAILED)


@given(splits(), plans, st.lists(observations, min_size=12, max_size=12))
def test_the_candidates_share_only_grows_until_it_is_put_back(live, plan, seen):
    shares = [
        split(state).get(NEW, 0)
        for state in path(start(live), plan, seen)
        if state.phase in (Phase.TESTING, Phase.SHIFTING)
    ]
    assert shares == sorted(shares)


@given(splits(), plans, st.lists(observations, min_size=12, max_size=12), st.data())
def test_who_resumes_from_the_tag_decides_the_same(live, plan, seen, data):
    """Killed anywhere, before or after the split was written, the next run goes the rest of the same path."""
    states = path(start(live), plan, seen)
    killed = data.draw(st.integers(0, len(states) - 1))
    state = states[killed]
    written = data.draw(st.booleans())
    now = split(state if written or not killed else states[killed - 1])
    found = decode(encode(state))
    if state.finished:
        assert resume(found, NEW, now, {*live, NEW}, run="cd34") is None
        return
    taken = resume(found, NEW, now, {*live, NEW}, run="cd34")
    assert taken is not None
    assert split(taken) == split(state)
    rest = path(taken, plan, seen[killed:])
    assert [(one.phase, split(one)) for one in rest] == [(one.phase, split(one)) for one in states[killed:]]


@given(splits(), plans, st.lists(st.just(FINE), max_size=8), st.sampled_from([OLD, OTHER, None]))
def test_a_rollout_of_another_deployment_is_rolled_back_first(live, plan, seen, wanted):
    state = path(start(live), plan, seen)[-1]
    taken = resume(decode(encode(state)), wanted, split(state), {*live, NEW}, run="cd34")
    if state.finished:
        assert taken is None
    else:
        assert (taken.phase, split(taken)) == (Phase.ROLLING_BACK, live)
        assert taken.reason == f"{wanted or 'another split'} is wanted now"
        assert advance(taken, plan).phase is Phase.FAILED


@given(splits(), st.sampled_from([NEW, OLD]))
def test_traffic_that_someone_else_has_changed_is_left_as_it_is(live, wanted):
    state = path(start(), Plan(), [FINE])[-1]
    taken = resume(state, wanted, live, {OLD, NEW, OTHER, "blue"}, run="cd34")
    if live in ({OLD: 100}, {OLD: 90, NEW: 10}) or (set(live) == {OLD, NEW} and live[NEW] <= 10):
        assert not taken.finished
    else:
        assert (taken.phase, taken.reason) == (Phase.FAILED, "someone else has changed the traffic")
        assert split(taken) == live


def test_nothing_returns_to_a_deployment_that_is_gone():
    state = path(start(), Plan(), [FINE] * 3)[-1]
    taken = resume(state, OTHER, {NEW: 100}, {NEW, OTHER}, run="cd34")
    assert (taken.phase, split(taken)) == (Phase.FAILED, {NEW: 100})
    assert taken.reason == "a deployment that it would return to is gone"


@settings(max_examples=300)
@given(
    st.builds(
        Rollout,
        phase=st.sampled_from(Phase),
        candidate=names,
        share=st.integers(0, 100),
        stable=st.sampled_from([{}, {OLD: 100}, {OLD: 40, OTHER: 60}, {"y" * 32: 1, "z" * 32: 99}]),
        since=st.integers(1_600_000_000, 4_000_000_000),
        asked=st.builds(Asked, st.integers(0, 10**6), st.integers(0, 10**6)),
        reason=st.text(max_size=400),
        run=st.sampled_from(["", "ab12"]),
    )
)
def test_a_tag_holds_a_rollout_in_256_characters(rollout):
    text = encode(rollout)
    assert len(text) <= LONGEST
    back = decode(text)
    assert back is not None
    assert {**vars(back), "reason": ""} == {**vars(rollout), "reason": ""}
    assert back.reason == rollout.reason or rollout.reason.startswith(back.reason.removesuffix("…"))
    assert encode(back) == text


def test_a_split_too_long_for_a_tag_is_refused_before_anything_is_written():
    live = {f"{'d' * 30}{index}": 10 for index in range(10)}
    with pytest.raises(
        ValueError, match=r"10 deployments share the traffic, too many to remember the way back"
    ):
        start(live)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yes",
        "[]",
        "{}",
        '{"phase":"paused","to":"a","share":1,"from":{},"since":1}',
        '{"phase":"testing","to":"a","share":1,"from":{"b":90},"since":1}',
        '{"phase":"testing","to":"a","share":101,"from":{"b":100},"since":1}',
        '{"phase":"testing","to":"a","share":1,"from":["b"],"since":1}',
    ],
)
def test_what_is_no_progress_is_read_as_none(text):
    assert decode(text) is None


@given(
    st.text(max_size=300)
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(st.sampled_from(["phase", "to", "share", "from", "since", "asked"]), c)
        ),
    ).map(json.dumps)
)
def test_no_text_breaks_the_reading_of_a_tag(text):
    found = decode(text)
    assert found is None or sum(split(found).values()) in (0, 100)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (FINE, None),
        (Observation(Asked(100), right=98, wrong="slow", live=100, live_failed=2), None),
        (Observation(Asked(100), right=97, wrong="slow"), "3 of 100 smoke requests failed: slow"),
        (Observation(Asked(20), right=20, live=412, live_failed=9), "9 of 412 live requests failed"),
        (Observation(Asked(20), right=20, live=412, live_failed=8), None),
        (Observation(Asked(20), right=20, unreadable="no metrics"), "it can't be judged: no metrics"),
        (Observation(), "it can't be judged: no smoke request was sent"),
    ],
)
def test_a_candidate_is_judged_by_smoke_requests_and_by_live_ones_where_there_are_some(seen, reason):
    assert unfit(Plan(), seen) == reason


def test_what_went_to_the_candidate_before_it_had_traffic_is_not_held_against_it():
    before = Observation(Asked(20), right=20, live=30, live_failed=30)
    state = advance(start(), Plan(), before)
    assert (state.phase, state.asked) == (Phase.SHIFTING, Asked(50, 30))


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ((100,), None),
        ((10, 50, 100), None),
        ((), "[] must be whole percentages"),
        ((0, 100), "[0, 100] must be whole percentages"),
        ((10.5, 100), "[10.5, 100] must be whole percentages"),
        ((50, 50, 100), "[50, 50, 100] goes back or stands still"),
        (
            (10, 90),
            "[10, 90] ends at 90 %, and the old deployment would keep traffic when it is deleted; end at",
        ),
    ],
)
def test_steps_that_do_not_end_at_100_are_refused(steps, wrong):
    found = invalid_steps(steps)
    assert found == wrong or (wrong and found.startswith(wrong))


def test_each_phase_has_a_sentence_and_each_state_a_line():
    assert len({phase.sentence for phase in Phase}) == len(Phase)
    states = path(start(), Plan(), [FINE, BAD, None])
    assert [headline(state) for state in states] == [
        "m-bbbbbbbb is tested by name, the traffic stays as it is",
        "m-bbbbbbbb gets 10 % of the requests",
        *["m-bbbbbbbb is rolled back from 10 %: 20 of 20 smoke requests failed: was answered with 424: no"]
        * 2,
    ]
    seen = Observation(Asked(20), right=20, live=412, live_failed=3)
    assert (
        progress(states[1], seen)
        == "m-bbbbbbbb at 10 %: 20/20 smoke requests right, 3 of 412 live requests failed"
    )
    assert progress(states[0], FINE) == "m-bbbbbbbb by name: 20/20 smoke requests right"
    assert progress(states[1], FINE).endswith("20/20 smoke requests right, no live requests")
