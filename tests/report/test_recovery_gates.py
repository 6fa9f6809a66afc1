"""Every study says whether its noise control is a null."""

import pytest

from canforget.evaluation.moderated import Contrast
from canforget.evaluation.rebound import NullCheck, RecoveryEffect
from canforget.report.recovery_gates import NO_NULL_HERE, closed_here, noise_checks
from tests.report.test_recovery_over_seeds import STILL, records, study, without


def test_every_format_with_noise_has_its_check_and_a_study_without_noise_has_none() -> None:
    """Seen only by who asked for --recovery, the check of a failing control was seen by nobody."""
    found = study() + study(quantizer="float8", noise_p=(0.975,) * 4)
    integers, floats = noise_checks(found)
    assert integers.startswith("noise control of the margin at int:bits=4: not rejected: over 8 models that unlearned nothing")
    assert "at float8: is no null here: over 8 models" in floats
    assert noise_checks(without(found, "_beside_noise")) == []


@pytest.mark.parametrize(
    ("models", "p", "says"),
    [(4, None, "could not be checked: 2 more"), (10, 0.01, NO_NULL_HERE), (10, 0.02, "it is not known how much memory")],
)
def test_without_a_checked_null_and_a_known_memory_a_format_is_closed(models: int, p: float | None, says: str) -> None:
    """An effect alone is no claim."""
    assert says in closed_here(RecoveryEffect(Contrast(1.0, 0.1, 4.0)), NullCheck(models, p))


def test_models_that_unlearned_nothing_of_any_seed_are_counted() -> None:
    """Four retrained models alone are too few."""
    only = records("retrain", "int:bits=4", STILL) + records("scrub", "int:bits=4", STILL)
    assert "4 models that unlearned nothing, and 2 more are needed" in noise_checks(only)[0]
