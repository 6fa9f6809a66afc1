"""What probes found, beside other models: every figure by hand."""

from typing import Any

import numpy
import pytest

from canforget.errors import DataError
from canforget.evaluation.evidence import NotRun, Value
from canforget.evaluation.probe_results import ProbeEvidence, ProbeResult, Trace, compared_values
from canforget.file_io import read_arrays, write_arrays


def result(facts: Any = None, **rows: Any) -> ProbeResult:
    """A result of traces at one dose, or at several where rows are lists of lists."""
    traces = {}
    for name, values in rows.items():
        table = numpy.atleast_2d(numpy.asarray(values, dtype=float))
        traces[name.replace("_", ".", 1)] = Trace(numpy.arange(len(table), dtype=float), table, numpy.arange(table.shape[1]))
    return ProbeResult(traces, facts or {})


def test_an_excess_is_over_the_retrained_mean_with_the_band_of_one_more() -> None:
    retrained = tuple(result(forget_margin=[m, m]) for m in (0.0, 1.0, 2.0))
    found = compared_values(ProbeEvidence(result(forget_margin=[7.0, 9.0]), result(forget_margin=[9.0, 11.0]), retrained))
    assert found["forget.margin"].value == 8  # type: ignore[union-attr]  # a NotRun has no value, and fails as it should
    excess, retrained_mean, original = (found[f"forget.margin_{n}"] for n in ("excess", "retrained", "original"))
    assert isinstance(excess, Value) and isinstance(retrained_mean, Value) and isinstance(original, Value)
    assert (excess.value, retrained_mean.value, original.value) == (7.0, 1.0, 10.0)
    assert excess.interval == pytest.approx((7 - 4.968, 7 + 4.968), abs=1e-3), "t(2) · 1 · sqrt(1 + 1/3)"


def test_retrained_models_alike_by_luck_leave_the_error_of_the_images() -> None:
    found = compared_values(ProbeEvidence(result(a=[0.0, 2.0, 0.0, 2.0]), None, (result(a=[0.0] * 4),) * 3))
    excess = found["a_excess"]
    assert isinstance(excess, Value) and excess.interval is not None
    assert excess.interval[1] - excess.value == pytest.approx(1.96 * numpy.std([0, 2, 0, 2], ddof=1) / 2)


def test_a_gap_is_forgotten_less_unseen() -> None:
    found = compared_values(
        ProbeEvidence(result(forget_margin=[3.0, 5.0], unseen_margin=[1.0]), None, (result(forget_margin=[2.0, 2.0], unseen_margin=[1.0]),))
    )
    gap, excess = found["gap.margin"], found["gap.margin_excess"]
    assert isinstance(gap, Value) and isinstance(excess, Value)
    assert (gap.value, excess.value, excess.interval) == (3.0, 2.0, None)


def test_without_retrained_models_or_with_other_images_there_is_no_excess() -> None:
    alone = compared_values(ProbeEvidence(result(a=[1.0, 2.0])))
    assert isinstance(alone["a_excess"], NotRun) and "add seeds" in alone["a_excess"].reason
    others = compared_values(ProbeEvidence(result(a=[1.0, 2.0]), None, (result(a=[1.0]),)))
    assert isinstance(others["a_excess"], NotRun) and "other images" in others["a_excess"].reason


def test_what_is_not_finite_or_was_not_run_says_so() -> None:
    found = compared_values(ProbeEvidence(result({"not_run": {"b": "too few"}, "cost": {"steps": 3}}, a=[-numpy.inf, 0.0])))
    assert found["b"] == NotRun("too few")
    assert isinstance(found["a"], NotRun) and "probability 0" in found["a"].reason
    assert found["cost.steps"] == Value(3.0)


def test_of_a_long_curve_some_doses_reach_the_record() -> None:
    found = compared_values(ProbeEvidence(result(a=[[float(k)] * 2 for k in range(21)])))
    assert [n for n in found if not n.endswith("_excess")] == ["a_at_0", "a_at_1", "a_at_5", "a_at_20"]


def test_a_result_is_written_and_read_as_it_was(tmp_path: Any) -> None:
    one = result({"cost": {}}, x_y=[[1.0, 2.0], [3.0, 4.0]])
    write_arrays(tmp_path / "a.npz", one.arrays())
    again = ProbeResult.of(read_arrays(tmp_path / "a.npz"), one.facts)
    assert again.traces.keys() == {"x.y"}
    assert numpy.array_equal(again.traces["x.y"].values, one.traces["x.y"].values)
    with pytest.raises(DataError, match="2 doses"):
        Trace(numpy.zeros(2), numpy.zeros((1, 2)), numpy.arange(2))
