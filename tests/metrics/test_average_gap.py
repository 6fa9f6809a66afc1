"""The average gap."""

import numpy
import pytest

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence
from canforget.evaluation.ua_ra_ta_mia import columns
from canforget.metrics.average_gap import average_gap
from canforget.testing.metrics_and_audits import example_evidence


def test_the_gap_is_the_mean_of_four_columns_or_of_three() -> None:
    """Adding a column of 0 in place of one left out makes every method look better."""
    evidence = example_evidence()
    rows = [columns(v, "test_retain", 100) for v in (evidence.subject, *evidence.retrained)]
    table = numpy.array([[c.unlearning, c.remaining, c.testing, c.membership] for c in rows])
    gaps = abs(table[0] - table[1:].mean(axis=0))
    assert average_gap(evidence, membership_images=100).value == pytest.approx(gaps.mean())
    assert average_gap(evidence, membership_images=0).value == pytest.approx(gaps[:3].mean())


def test_there_is_no_gap_without_retraining() -> None:
    """A gap to the original would reward doing nothing."""
    evidence = example_evidence()
    with pytest.raises(NotMeasurable):
        average_gap(Evidence(evidence.subject, evidence.original))
