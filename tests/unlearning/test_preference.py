"""The preference loss against its formula."""

import math

import torch

from canforget.unlearning.losses import log_likelihood, preference


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
