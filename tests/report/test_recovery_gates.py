"""Every study says whether its noise control is a null."""

from dataclasses import replace

import pytest

from canforget.evaluation.moderated import Contrast
from canforget.evaluation.rebound import NullCheck, RecoveryEffect
from canforget.report.record import Measured, Record, RecordedVerdict
from canforget.report.recovery_gates import NO_NULL_HERE, NOT_ASKED_FOR, closed_here, noise_checks
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


def unchecked(*formats: str) -> list[Record]:
    """Four retrained models, too few, and an unlearner, in formats."""
    return [r for f in formats for name in ("retrain", "scrub") for r in records(name, f, STILL)]


def test_models_that_unlearned_nothing_of_any_seed_are_counted() -> None:
    """Four retrained models alone are too few."""
    assert "4 models that unlearned nothing, and 2 more are needed" in noise_checks(unchecked("int:bits=4"))[0]


def test_that_noise_could_not_be_checked_is_said_once_and_only_where_a_claim_could_have_needed_it() -> None:
    """A line a format stood under every short study, whatever had been asked of it."""
    two = unchecked("int:bits=4", "float8")
    (line,) = noise_checks(two)
    assert line.startswith("noise control of the margin at int:bits=4, float8: could not be checked")
    silent = [replace(r, values=r.values | {"recovery.margin_noise_p": Measured(None, not_run="no noise")}) for r in two]
    assert noise_checks(silent) == [f"noise control of the margin at int:bits=4, float8: {NOT_ASKED_FOR}"]
    closed = RecordedVerdict("residual", "forget.accuracy", "", 4, "residual", False)
    assert noise_checks([replace(r, verdict=closed) if r.case.unlearner == "scrub" else r for r in two]) == []
