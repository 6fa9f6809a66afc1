"""Difficulty taken off: what memory is left shows, the model judged is left out, and both versions are compared."""

from dataclasses import replace
from typing import Any

import numpy
import pytest

from canforget.audits.calibrated_membership import calibrated_membership
from canforget.audits.membership import membership
from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, NotRun, Value, Views, predictions_of
from canforget.rng import numpy_generator

N = 400
HARD = numpy_generator("hard").normal(0, 3, 2 * N)
LABELS = numpy_generator("labels").integers(3, size=2 * N)


def model(name: str, gain: float) -> Views:
    """Images of very unlike difficulty, the same for every model; the forget set is known better by `gain`."""
    z = numpy_generator(f"model/{name}").normal(0, 0.5, (2 * N, 3))
    z[numpy.arange(2 * N), LABELS] += HARD + gain * (numpy.arange(2 * N) < N)
    return {"forget": predictions_of(z[:N], LABELS[:N]), "test_forget": predictions_of(z[N:], LABELS[N:], numpy.arange(N, 2 * N))}


RETRAINED = tuple(model(f"g{j}", 0.0) for j in range(4))


def case(gain: float, **changes: Any) -> Evidence:
    return replace(Evidence(model("u", gain), model("o", 1.0), RETRAINED), **changes)


def values(evidence: Evidence) -> dict[str, Value | NotRun]:
    return dict(calibrated_membership(evidence, rng=numpy_generator("test")).values)


def number(found: Value | NotRun) -> float:
    assert isinstance(found, Value), found
    return found.value


def test_memory_that_difficulty_hides_is_found() -> None:
    """Raw log-odds see that some images are hard for everybody, and little else."""
    raw = membership(case(1.0), rng=numpy_generator("test")).values["phi"]
    found = values(case(1.0))["auc"]
    assert isinstance(found, Value)
    assert number(raw) < 0.62
    assert found.value > 0.75
    assert found.interval is not None
    assert found.interval[0] > number(raw)


def test_a_retrained_model_is_never_calibrated_by_itself() -> None:
    """A mean that holds the model judged makes it look more like the others than it is."""
    judged, others = RETRAINED[0], RETRAINED[1:]
    assert values(case(0.0, subject=judged)) == values(case(0.0, subject=judged, retrained=others))
    with pytest.raises(NotMeasurable, match="the only retrained model is the one judged"):
        values(case(0.0, subject=judged, retrained=(judged,)))


def test_what_forgot_is_near_a_half() -> None:
    assert number(values(case(0.0))["auc"]) == pytest.approx(0.5, abs=0.05)


def test_who_kept_the_original_sees_the_forget_set_fall_as_in_exact_retraining() -> None:
    """An exact method leaks here as well: only the excess is the unlearner's doing."""
    found = values(case(0.0))
    assert number(found["both_versions_auc"]) > 0.7
    excess = found["both_versions_excess"]
    assert isinstance(excess, Value)
    assert excess.interval is not None
    assert excess.interval[0] < 0 < excess.interval[1]
    pushed = values(case(-2.0))["both_versions_excess"]
    assert isinstance(pushed, Value)
    assert pushed.interval is not None
    assert pushed.interval[0] > 0


@pytest.mark.parametrize(
    ("changes", "why"), [({"original": None}, "needs the original model"), ({"retrained": RETRAINED[:2]}, "at least three")]
)
def test_both_versions_say_what_they_lack(changes: dict[str, object], why: str) -> None:
    found = values(case(0.0, **changes))
    assert isinstance(found["auc"], Value)
    assert isinstance(found["both_versions_excess"], NotRun)
    assert why in found["both_versions_excess"].reason


def test_the_few_false_alarms_need_enough_unseen_images() -> None:
    """Ten at least above the threshold: 400 unseen images cannot say it at 1 %, and can at 5 %."""
    assert isinstance(values(case(1.0))["tpr_at_fpr_0.01"], NotRun)
    found = calibrated_membership(case(1.0), rng=numpy_generator("test"), false_alarms=(0.05,)).values["tpr_at_fpr_0.05"]
    assert isinstance(found, Value)
    assert 0.2 < found.value < 1
