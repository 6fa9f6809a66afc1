"""Few shots find a class whose output was masked."""

from dataclasses import replace
from typing import Any

import numpy

from canforget.audits.nearest_prototype import nearest_prototype
from canforget.evaluation.evidence import Evidence, NotRun
from canforget.metrics.unlearning_accuracy import unlearning_accuracy
from canforget.testing.metrics_and_audits import example_evidence
from tests.narrowed import interval_of, measured


def masked(views: Any, forgotten: Any = 0) -> Any:
    """The same model with the forgotten class's bias at -inf."""
    out = numpy.arange(4) == forgotten
    return {name: replace(p, logits=numpy.where(out, -numpy.inf, p.logits).astype(numpy.float32)) for name, p in views.items()}


def test_a_masked_head_passes_the_outputs_and_not_this() -> None:
    """Every output metric reports perfect forgetting of a class that the features hold as before."""
    evidence = example_evidence()
    subject = Evidence(masked(evidence.original), retrained=evidence.retrained, forgotten_classes=(0,))
    assert unlearning_accuracy(subject).value == 1.0
    found = nearest_prototype(subject, rng=numpy.random.default_rng(0), shots=(5,)).values["excess_5_shots"]
    assert measured(found).value > 0.1
    assert interval_of(found)[0] > 0


def test_a_retrained_model_is_within_the_band_of_the_others() -> None:
    """Accuracy alone would accuse it: a class never trained on is recognized rather well."""
    evidence = example_evidence()
    held = []
    for j in range(3):
        others = tuple(g for k, g in enumerate(evidence.retrained) if k != j)
        case = Evidence(evidence.retrained[j], retrained=others, forgotten_classes=(0,))
        low, high = interval_of(nearest_prototype(case, rng=numpy.random.default_rng(0), shots=(5,)).values["excess_5_shots"])
        held.append(low <= 0 <= high)
    assert all(held)


def test_too_few_images_are_said() -> None:
    """PlanBuilder with replacement would show the same image twenty times."""
    found = nearest_prototype(example_evidence(), rng=numpy.random.default_rng(0), shots=(5, 5000)).values
    assert isinstance(found["accuracy_5000_shots"], NotRun)
    assert not isinstance(found["accuracy_5_shots"], NotRun)
