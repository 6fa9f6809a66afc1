from typing import Any

import pytest

from canforget.errors import SpecError
from canforget.study.engine_options import ENGINES, EngineOptions
from canforget.study.run import threads_of, workers_of


@pytest.mark.parametrize(
    ("engine", "given", "says"),
    [
        ("proceses", {}, "no engine 'proceses'; did you mean 'processes'?"),
        ("serial", {"step_limit": 3.0}, "--step-limit: the engine 'serial' does not take it; use --engine processes or ray"),
        ("processes", {"ray_address": "auto"}, "--ray-address: the engine 'processes' does not take it; use --engine ray"),
        ("processes", {"gpus_per_step": 0.5}, "--gpus-per-step: the engine"),
        ("processes", {"step_limit": 0.0}, "--step-limit: write a number of seconds above 0"),
        ("processes", {"step_limit": float("nan")}, "--step-limit: write a number"),
        ("ray", {"gpus_per_step": 1.5}, "--gpus-per-step: write a part of a GPU, as in 0.25, or a whole number"),
        ("ray", {"gpus_per_step": -1.0}, "--gpus-per-step: write"),
        ("ray", {"cpus_per_step": 0}, "--cpus-per-step: write"),
    ],
)
def test_what_an_engine_does_not_take_is_refused_before_anything_begins(engine: Any, given: Any, says: Any) -> None:
    with pytest.raises(SpecError) as refused:
        EngineOptions(**given).check(engine)
    assert str(refused.value).startswith(says)


def test_what_an_engine_takes_is_taken() -> None:
    for engine, taken in ENGINES.items():
        given: dict[str, Any] = dict.fromkeys(taken, 2)
        EngineOptions(**(given | ({"ray_address": "auto"} if "ray_address" in taken else {}))).check(engine)


def test_a_step_has_its_share_of_the_cores_and_never_more_threads_than_the_user_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker took two threads in spite of OMP_NUM_THREADS=1, and its sums were others in the last bit."""
    monkeypatch.setattr("canforget.study.run.os.cpu_count", lambda: 8)
    two, four = EngineOptions(), EngineOptions(cpus_per_step=4)
    for limit, expected in (("", (0, 4, 2, 1, 1, 4)), ("3", (0, 3, 2, 1, 1, 3)), ("1", (0, 1, 1, 1, 1, 1)), ("4,2", (0, 4, 2, 1, 1, 4))):
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
        asked: Any = [
            ("serial", None, two),
            ("processes", None, two),
            ("processes", 4, two),
            ("processes", 9, two),
            ("ray", 2, two),
            ("ray", 2, four),
        ]
        assert tuple(threads_of(*a) for a in asked) == expected
    assert [workers_of("serial", 7), workers_of("processes", None), workers_of("ray", None), workers_of("ray", 3)] == [1, 2, 8, 3]
