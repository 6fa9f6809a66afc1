"""How far two predictions are apart: the softened Kullback-Leibler divergence that distilling methods share."""

from torch import Tensor
from torch.nn.functional import kl_div, log_softmax


def divergence(logits: Tensor, target: Tensor, temperature: float = 1.0) -> Tensor:
    """Returns KL(target ‖ logits) of the softened predictions in nats, at least 0: summed over classes, averaged over samples, times T².

    >>> import torch
    >>> round(float(divergence(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 1.0986123]]))), 4)  # KL((1/4, 3/4) ‖ (1/2, 1/2))
    0.1308
    """
    p, q = (log_softmax(z.float() / temperature, dim=1) for z in (target, logits))
    return kl_div(q, p, reduction="batchmean", log_target=True) * temperature**2
