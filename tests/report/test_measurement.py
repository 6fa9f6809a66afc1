"""What is known of a measure before the subject is looked at: its margin, and whether so few models can acquit."""

import numpy
import pytest

from canforget.report.measurement import Measurement

RETRAINED, ORIGINAL = [0.66, 0.74, 0.70, 0.62, 0.78], [0.99, 1.0, 0.98, 0.99, 1.0]
SUBJECTS = ([0.72, 0.68, 0.75, 0.64, 0.71], [0.92, 0.88, 0.95, 0.84, 0.91], [0.1, 0.9, 0.5, 0.2, 0.8])


def test_whether_a_test_can_acquit_does_not_depend_on_the_subject() -> None:
    """A subject that varies much, or lies far off, would else choose what it is judged by."""
    measures = [Measurement("prototype", values, RETRAINED, ORIGINAL) for values in SUBJECTS]
    assert len({m.acquittal() for m in measures}) == len({m.within for m in measures}) == 1
    assert measures[0].acquittal() < 0.05
    assert measures[0].deviation == pytest.approx(numpy.std(RETRAINED, ddof=1))


def test_as_many_seeds_as_are_said_to_be_needed_acquit() -> None:
    """Of honest models, as often as promised; of a third fewer, less often."""
    rng, deviation = numpy.random.default_rng(0), 0.02
    needed = Measurement("auc", [0.5] * 3, [0.48, 0.5, 0.52], [0.75, 0.76, 0.74]).seeds_needed(0.8)
    assert needed is not None

    def drawn(models: int) -> list[float]:
        return [float(x) for x in rng.normal(0.5, deviation, models)]

    def acquitted(models: int) -> float:
        draws = [Measurement("auc", drawn(models), drawn(models), [0.75, 0.76, 0.74]) for _ in range(400)]
        return float(numpy.mean([d.difference.equivalence(d.within).holds for d in draws]))

    assert acquitted(needed) == pytest.approx(0.82, abs=0.06)
    assert acquitted(needed * 2 // 3) < 0.7


def test_the_margin_is_at_most_a_quarter_of_the_memory_and_without_memory_nothing_can_be_within_it() -> None:
    weak = Measurement("auc", [0.5, 0.5], [0.50, 0.51], [0.54, 0.55])
    assert weak.within == pytest.approx(0.01)
    backward = Measurement("auc", [0.5, 0.5], [0.50, 0.51], [0.44, 0.45])
    assert (backward.within, backward.seeds_needed(0.8)) == (0.0, None)
