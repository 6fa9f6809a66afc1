"""The softened divergence against scipy, the preference loss against its formula."""

import math

import numpy
import torch
from scipy.special import rel_entr, softmax

from canforget.unlearning.losses import divergence, log_likelihood, preference


def test_divergence_is_summed_over_classes_and_averaged_over_samples() -> None:
    """A mean over all entries is smaller by the number of classes; swapped arguments are another quantity."""
    random = numpy.random.default_rng(0)
    logits, target = random.normal(size=(2, 7, 5)) * 3
    p, q = softmax(target / 4, axis=1), softmax(logits / 4, axis=1)
    found = divergence(torch.from_numpy(logits), torch.from_numpy(target), 4.0)
    assert abs(float(found) - 16 * rel_entr(p, q).sum(axis=1).mean()) < 1e-5


def test_the_likelihood_is_that_of_the_true_class() -> None:
    """Released vision code takes the raw logits of all classes."""
    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]])
    found = log_likelihood(logits, torch.tensor([1, 0]))
    expected = [2 - math.log(math.e + math.e**2 + math.e**0.5), -math.log(2 + math.e**3)]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_preference_is_the_published_formula_and_fades() -> None:
    """With the sign flipped the loss rises as the forgotten becomes unlikely."""
    score = torch.tensor([-3.0, 0.5], requires_grad=True)
    loss = preference(score, beta=0.7, margin=0.2)
    expected = sum(-(2 / 0.7) * math.log(1 / (1 + math.exp(0.7 * s + 0.2))) for s in (-3.0, 0.5)) / 2
    assert abs(float(loss.detach()) - expected) < 1e-6
    loss.backward()
    assert score.grad is not None
    assert 0 < score.grad[0] < score.grad[1]
