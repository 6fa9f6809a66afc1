"""Steps to relearn, nearness and places of return, against answers known by construction."""

from typing import Any

import numpy
import pytest
from scipy.stats import linregress

from canforget.evaluation.evidence import NotRun, Value
from canforget.evaluation.probe_readings import anamnesis, memory_return, probe_values, regressed_radius
from canforget.evaluation.probe_results import ProbeEvidence, ProbeResult, Trace
from canforget.rng import numpy_generator


def number(found: Any) -> float:
    assert isinstance(found, Value), found
    return found.value


def curve(*means: float, start: float = 0.0) -> ProbeResult:
    table = numpy.repeat(numpy.array(means)[:, None], 3, axis=1)
    doses, ids = numpy.arange(len(means), dtype=float), numpy.arange(3)
    return ProbeResult({"start.accuracy": Trace(numpy.zeros(1), numpy.full((1, 3), start), ids), "r.accuracy": Trace(doses, table, ids)})


ORIGINAL = curve(1.0, 1.0, 1.0, 1.0, 1.0, start=1.0)
SLOW = curve(0.0, 0.0, 0.0, 0.0, 0.95)


@pytest.mark.parametrize(
    ("own", "retrained", "expected"),
    [
        (curve(0.0, 0.9, 1.0, 1.0, 1.0), (SLOW, SLOW), {"r.steps": 1, "r.steps_excess": -3, "r.ain": 0.25}),
        (SLOW, (SLOW, SLOW), {"r.steps": 4, "r.steps_excess": 0, "r.ain": 1.0}),
        (curve(0.95, 1.0, 1.0, 1.0, 1.0), (SLOW, SLOW), {"r.steps": 0, "r.ain": 0.0}),
        (curve(0.0, 0.0, 0.9, 1.0, 1.0), (SLOW, curve(0, 0, 0, 0, 0)), {"r.ain": "at most 0.444", "r.ain_at_most": 2 / 4.5}),
        (curve(0, 0, 0, 0, 0), (SLOW,), {"r.steps": "not within 4 steps", "r.ain": "at least 1.25", "r.ain_at_least": 1.25}),
        (curve(0, 0, 0, 0, 0), (curve(0, 0, 0, 0, 0),), {"r.ain": "neither this model nor"}),
        (SLOW, (curve(0.95, 1, 1, 1, 1),), {"r.ain": "without a step"}),
        (SLOW, (), {"r.ain": "add seeds"}),
    ],
)
def test_steps_to_relearn_against_retrained_models(own: Any, retrained: Any, expected: Any) -> None:
    found = anamnesis({"within": 0.1}, ProbeEvidence(own, ORIGINAL, retrained))
    for name, value in expected.items():
        if isinstance(value, str):
            reason = found[name]
            assert isinstance(reason, NotRun) and value in reason.reason
        else:
            assert number(found[name]) == pytest.approx(value)
    assert "start.steps" not in found


def radii(forget: Any, unseen: Any) -> ProbeResult:
    parts = {"forget": numpy.asarray(forget, dtype=float), "unseen": numpy.asarray(unseen, dtype=float)}
    return ProbeResult({f"{k}.radius": Trace(numpy.zeros(1), v[None], numpy.arange(len(v))) for k, v in parts.items()})


def world(models: int, fragile: float = 1.0, nearer: float = 0.0) -> ProbeEvidence:
    """Retrained models that differ by noise; a subject all of whose radii shrink by `fragile`, those of forgotten images by `nearer` more."""
    rng = numpy_generator(f"radii/{models}/{fragile}/{nearer}")
    hard = rng.uniform(0.01, 0.08, size=(2, 60))

    def model(scale: float = 1.0, off: float = 0.0) -> ProbeResult:
        f, u = hard * scale + rng.normal(scale=0.002, size=hard.shape)
        return radii(f - off, u)

    return ProbeEvidence(model(fragile, nearer), model(1.0, 0.03), tuple(model() for _ in range(models)))


def test_a_fragile_model_is_not_taken_for_one_that_remembers() -> None:
    """All its radii are half as large: the plain quotient of medians says .5, and nothing came nearer than it should."""
    found = regressed_radius({"most": 0.125}, world(4, fragile=0.5))
    assert abs(number(found["nearness"])) < 0.002
    excess = found["nearness_excess"]
    assert isinstance(excess, Value) and excess.interval is not None
    assert excess.interval[0] < 0 < excess.interval[1]
    assert number(found["forget.median_radius"]) < 0.03


def test_labels_that_are_nearer_than_those_of_images_as_hard_are_found() -> None:
    found = regressed_radius({"most": 0.125}, world(4, fragile=0.5, nearer=0.01))
    excess = found["nearness_excess"]
    assert isinstance(excess, Value) and excess.interval is not None
    assert excess.value == pytest.approx(0.01, abs=0.002)
    assert excess.interval[0] > 0
    assert number(found["nearness_original"]) == pytest.approx(0.03, abs=0.002)


def test_the_line_is_that_of_least_squares_on_unseen_images() -> None:
    evidence = world(1, fragile=0.7, nearer=0.01)
    own, g = evidence.subject.traces, evidence.retrained[0].traces
    line = linregress(g["unseen.radius"].values[0], own["unseen.radius"].values[0])
    expected = line.intercept + line.slope * g["forget.radius"].values[0] - own["forget.radius"].values[0]
    found = regressed_radius({"most": 0.125}, evidence)
    assert number(found["nearness"]) == pytest.approx(expected.mean())
    assert isinstance(found["nearness_excess"], NotRun)


def test_one_more_retrained_model_falls_into_the_band() -> None:
    """Of 200 subjects that are retrained models, about 5 % may lie outside; the error of the images makes it less."""
    rng = numpy_generator("band")
    outside = 0
    for _ in range(200):
        hard = rng.uniform(0.01, 0.08, size=(2, 30))
        five = [radii(*(hard * rng.uniform(0.8, 1.2) + rng.normal(scale=0.005, size=hard.shape))) for _ in range(5)]
        excess = regressed_radius({"most": 0.125}, ProbeEvidence(five[0], None, tuple(five[1:])))["nearness_excess"]
        assert isinstance(excess, Value) and excess.interval is not None
        outside += not excess.interval[0] <= 0 <= excess.interval[1]
    assert outside <= 18


def test_radii_alike_for_all_models_leave_no_line_and_no_nearness() -> None:
    same = radii([0.1] * 4, [0.1] * 4)
    assert number(regressed_radius({"most": 0.2}, ProbeEvidence(same, None, (same, same)))["nearness"]) == 0


def test_radii_beyond_the_greatest_tried_are_called_censored() -> None:
    """Of nets of digits nearly all are, and a median of .25 looked like a measured one."""
    far = radii([0.1, 0.25, 0.25, 0.25], [0.25, 0.25, 0.05, 0.1, 0.25])
    found = regressed_radius({"most": 0.25}, ProbeEvidence(far, None, (far,)))
    median, measured = found["forget.median_radius"], found["measured"]
    assert isinstance(median, NotRun) and median.reason == "censored: at least 0.25"
    assert number(found["forget.median_radius_at_least"]) == 0.25
    assert number(found["forget.censored"]) == 0.75
    assert isinstance(measured, NotRun)
    assert (
        measured.reason == "censored: for 3 of 4 forgotten and 3 of 5 unseen images no change up to 0.25 was enough, and they count as that"
    )


def test_a_few_censored_radii_are_counted_and_no_more() -> None:
    near = radii([0.1, 0.2, 0.25, 0.05], [0.1, 0.1, 0.05, 0.1])
    found = regressed_radius({"most": 0.25}, ProbeEvidence(near, None, (near,)))
    assert number(found["measured"]) == 1 - 1 / 8
    assert number(found["forget.median_radius"]) == pytest.approx(numpy.median([0.1, 0.2, 0.25, 0.05]))
    assert "forget.median_radius_at_least" not in found


def line(*means: float) -> ProbeResult:
    table = numpy.repeat(numpy.array(means)[:, None], 2, axis=1)
    return ProbeResult({"forget.margin": Trace(numpy.linspace(0, 1, len(means)), table, numpy.arange(2))})


def test_the_place_of_return_is_where_the_margin_is_halfway() -> None:
    found = memory_return({}, ProbeEvidence(line(-4.0, 2.0, 4.0), line(4.0, 4.0, 4.0), (line(-4.0, -4.0, 4.0),)))
    assert number(found["return_at"]) == pytest.approx(1 / 3)
    assert number(found["return_at_retrained"]) == pytest.approx(0.75)
    assert number(found["return_at_excess"]) == pytest.approx(1 / 3 - 0.75)
    original = memory_return({}, ProbeEvidence(line(4.0, 4.0), line(4.0, 4.0), (line(-4.0, 4.0),)))
    assert number(original["return_at"]) == 0


def test_where_there_was_no_memory_nothing_returns() -> None:
    found = memory_return({}, ProbeEvidence(line(-4.0, 2.0), line(-4.0, -4.0), (line(-4.0, -4.0),)))
    assert isinstance(found["return_at"], NotRun)


def test_a_probe_without_a_reading_has_the_values_that_all_have() -> None:
    assert number(probe_values("", {}, ProbeEvidence(line(1.0, 3.0)))["forget.margin_at_1"]) == 3
