"""A linear probe finds what the features hold."""

import numpy

from canforget.audits.ridge_probe import ridge_probe
from canforget.evaluation.evidence import Evidence
from canforget.testing.metrics_and_audits import example_evidence
from tests.narrowed import measured, present


def test_features_of_the_original_are_told_from_those_of_retraining() -> None:
    """A probe that is shown unseen images it is later asked about finds every class in any features."""
    evidence = example_evidence()
    original = Evidence(present(evidence.original), retrained=evidence.retrained, forgotten_classes=(0,))
    found = ridge_probe(original, rng=numpy.random.default_rng(0), shots=(40,)).values
    assert measured(found["accuracy_40_shots"]).value > 0.9
    assert measured(found["excess_40_shots"]).value > 0.1


def test_a_heavy_penalty_finds_less() -> None:
    """A penalty that does not reach the regression."""
    evidence, rng = example_evidence(), numpy.random.default_rng
    one, two = (measured(ridge_probe(evidence, rng=rng(0), shots=(20,), penalty=p).values["accuracy_20_shots"]).value for p in (1.0, 1e9))
    assert one > two - 0.05
