"""Forgetting as a preference: the losses of NPO and its reference-free variant on the log-probability of the true class."""

from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid


def log_likelihood(logits: Tensor, y: Tensor) -> Tensor:
    """Returns the log-probability of each sample's class `y` in nats [n]."""
    return log_softmax(logits.float(), dim=1).gather(1, y[:, None]).squeeze(1)


def preference(score: Tensor, beta: float, margin: float = 0.0) -> Tensor:
    """Returns the mean of -(2 / beta) * log sigmoid(-beta * score - margin): falls as `score` falls, and has a floor of 0.

    >>> import torch
    >>> round(float(preference(torch.tensor([0.0]), beta=2.0)), 4)  # log 2
    0.6931
    """
    return -(2 / beta) * logsigmoid(-beta * score - margin).mean()
