"""The softened divergence against scipy."""

import numpy
import torch
from scipy.special import rel_entr, softmax

from canforget.unlearning.losses import divergence


def test_divergence_is_summed_over_classes_and_averaged_over_samples() -> None:
    """A mean over all entries is smaller by the number of classes; swapped arguments are another quantity."""
    random = numpy.random.default_rng(0)
    logits, target = random.normal(size=(2, 7, 5)) * 3
    p, q = softmax(target / 4, axis=1), softmax(logits / 4, axis=1)
    found = divergence(torch.from_numpy(logits), torch.from_numpy(target), 4.0)
    assert abs(float(found) - 16 * rel_entr(p, q).sum(axis=1).mean()) < 1e-5
