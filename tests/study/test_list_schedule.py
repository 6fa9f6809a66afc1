import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canforget.study.list_schedule import Work, critical_path, makespan, speed_up_curve, starts_of


@st.composite
def works(draw: st.DrawFn) -> Work:
    """A few steps of whole seconds, each needing some before it."""
    seconds = draw(st.lists(st.integers(0, 6), max_size=14))
    needs = [draw(st.lists(st.integers(0, step - 1), max_size=3, unique=True)) if step else [] for step in range(len(seconds))]
    return Work(seconds, needs, draw(st.lists(st.booleans(), min_size=len(seconds), max_size=len(seconds))))


def slow_starts(work: Work, workers: int, gpus: int) -> list[float]:
    """Second by second, asking every step each time whether it may start: the longest chain behind it first, then the first to be ready."""

    def way(step: int) -> float:
        return work.seconds[step] + max((way(s) for s, needs in enumerate(work.needs) if step in needs), default=0)

    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    became: list[int] = []
    now = 0
    while len(ends) < len(work.seconds) or any(ends[s] > now for s in ends):
        finished = [s for _, s in sorted((ends[s], s) for s in ends if ends[s] <= now)]
        if not became:
            became += [s for s, needs in enumerate(work.needs) if not needs]
        for k in range(len(finished)):
            held = set(finished[: k + 1])
            became += [s for s, needs in enumerate(work.needs) if finished[k] in needs and set(needs) <= held and s not in became]
            ended_now = [s for s in finished if ends[s] == now]
            if finished[k] in ended_now:
                start_some(
                    work, sorted(became, key=lambda s: (-way(s), became.index(s))), workers, gpus, starts, ends, now, set(finished[: k + 1])
                )
        if not finished:
            start_some(work, sorted(became, key=lambda s: (-way(s), became.index(s))), workers, gpus, starts, ends, now, set())
        now += 1
    return [starts[s] for s in range(len(work.seconds))]


def start_some(
    work: Work, order: list[int], workers: int, gpus: int, starts: dict[int, float], ends: dict[int, float], now: int, over: set[int]
) -> None:  # fmt: skip
    """Starts whatever of `order` finds a worker and a GPU; `over` are the steps whose end has been noticed."""
    for step in order:
        busy = [s for s in starts if s not in over]
        on_gpus = sum(work.on_gpu[s] for s in busy)
        if step not in starts and len(busy) < workers and (not work.on_gpu[step] or on_gpus < gpus):
            starts[step], ends[step] = now, now + work.seconds[step]


@given(works().filter(lambda w: all(s > 0 for s in w.seconds)), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_the_schedule_is_that_of_a_slow_obvious_one(work: Work, workers: int, gpus: int) -> None:
    assert starts_of(work, workers, gpus) == slow_starts(work, workers, gpus)


@given(works(), st.integers(1, 8), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_no_schedule_undercuts_its_bounds_or_takes_longer_than_one_after_another(work: Work, workers: int, gpus: int) -> None:
    path = sum(work.seconds[s] for s in critical_path(work))
    found = makespan(work, workers, gpus)
    assert path <= found <= work.total
    assert found * workers >= work.total
    assert found * gpus >= work.gpu_seconds
    assert work.bound(workers, gpus) <= found
    assert makespan(work, 1, 1) == work.total


@given(works(), st.integers(1, 8), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_bounds_fall_as_workers_are_added_and_a_list_schedule_stays_within_twice_of_them(work: Work, workers: int, gpus: int) -> None:
    """Graham's bound holds where there is one kind of resource; added workers may make a list schedule longer, never its bound."""
    assert work.bound(workers + 1, gpus) <= work.bound(workers, gpus)
    plain = Work(work.seconds, work.needs, [False] * len(work.seconds))
    assert makespan(plain, workers) <= (2 - 1 / workers) * plain.bound(workers) + 1e-9


@given(works(), st.integers(1, 8), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_nothing_starts_before_what_it_needs_has_ended_and_never_more_at_once_than_there_are_workers(work: Work, workers: int, gpus: int) -> None:  # fmt: skip
    starts = starts_of(work, workers, gpus)
    ends = [a + b for a, b in zip(starts, work.seconds, strict=True)]
    assert all(starts[s] >= ends[n] for s, needs in enumerate(work.needs) for n in needs)
    for moment in starts:
        at_once = [s for s, (a, b) in enumerate(zip(starts, ends, strict=True)) if a <= moment < b]
        assert len(at_once) <= workers
        assert sum(work.on_gpu[s] for s in at_once) <= gpus


@given(works())
@settings(max_examples=100, deadline=None)
def test_the_critical_path_is_a_chain_and_none_is_longer(work: Work) -> None:
    path = critical_path(work)
    assert all(a in work.needs[b] for a, b in pairwise(path))

    def longest(step: int) -> float:
        return work.seconds[step] + max(map(longest, work.needs[step]), default=0)

    assert sum(work.seconds[s] for s in path) == max(map(longest, range(len(work.seconds))), default=0)


def study_like(steps: int) -> Work:
    """Chains of three steps behind one split, as studies have them."""
    seconds: list[float] = [1.0] + [float(1 + 37 * k % 101) for k in range(steps - 1)]
    return Work(seconds, [[]] + [[0] if k % 3 == 1 else [k - 1] for k in range(1, steps)], [k % 3 != 0 for k in range(steps)])


@pytest.mark.parametrize("gpus", [0, 100])
def test_ten_thousand_steps_on_a_thousand_workers_are_scheduled_within_two_seconds(gpus: int) -> None:
    work = study_like(10_000)
    plain = work if gpus else Work(work.seconds, work.needs, [False] * len(work.seconds))
    started = time.process_time()
    curve = speed_up_curve(plain, gpus / 1000)
    assert makespan(plain, 1000, gpus) >= plain.bound(1000, gpus)
    assert time.process_time() - started < 2
    assert [w for w, _ in curve][:4] == [1, 2, 4, 8]
    assert curve[0][1] == pytest.approx(work.total)


def test_a_curve_ends_where_more_workers_gain_nothing() -> None:
    work = Work([10, 1, 1, 1], [[], [], [], []], [False] * 4)
    assert speed_up_curve(work) == [(1, 13), (2, 10)]


@pytest.mark.parametrize("measure", [lambda w: makespan(w, 4), critical_path, speed_up_curve])
def test_where_nothing_is_to_do_no_time_passes(measure: Callable[[Work], object]) -> None:
    assert measure(Work([], [], [])) in (0.0, [], [(1, 0.0)])
