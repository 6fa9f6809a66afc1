"""Losses: temperature-scaled Kullback-Leibler divergence (distillation), log-likelihood, negative preference (NPO)."""

from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, logsigmoid


def divergence(logits: Tensor, target: Tensor, temperature: float = 1.0) -> Tensor:
    """Returns KL(target ‖ logits) of the softened predictions in nats, at least 0: summed over classes, averaged over samples, times T².

    >>> import torch
    >>> round(float(divergence(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 1.0986123]]))), 4)  # KL((1/4, 3/4) ‖ (1/2, 1/2))
    0.1308
    """
    p, q = (log_softmax(z.float() / temperature, dim=1) for z in (target, logits))
    return kl_div(q, p, reduction="batchmean", log_target=True) * temperature**2


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
