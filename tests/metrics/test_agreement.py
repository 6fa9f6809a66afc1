"""Agreement."""

from dataclasses import replace

import pytest

from canforget.errors import NotMeasurable
from canforget.metrics.agreement import agreement
from canforget.testing.metrics_and_audits import example_evidence


def test_an_unlearned_model_is_nearer_to_the_original_than_retrained_models_are() -> None:
    """The two references must not be swapped."""
    evidence = example_evidence()
    retrained = replace(evidence, subject=evidence.retrained[0])
    assert agreement(evidence, other="original", view="forget").value > agreement(retrained, other="original", view="forget").value
    assert agreement(retrained, view="forget").n == 2
    with pytest.raises(NotMeasurable):
        agreement(replace(evidence, original=None), other="original")
