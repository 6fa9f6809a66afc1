"""SimNPO: negative preference optimization without a reference model."""

from copy import deepcopy
from functools import partial

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import NonNegative, Positive
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.batches import paired_batches
from canforget.unlearning.losses import log_likelihood, preference
from canforget.unlearning.requirements import require_images


@component(paper="Fan et al. 2024, https://arxiv.org/abs/2410.07163", version=2, needs_retain=True)
def sim_npo(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=128, lr=0.01, momentum=0.0),
    beta: Positive = 4.5,
    gamma: NonNegative = 0.125,
    weight: NonNegative = 1.0,
) -> nn.Module:
    """Returns a copy of `model` that descended -(2 / `beta`) * log σ(-`beta` * log p - `gamma`) on `forget` + `weight` * CE(retain).

    p is the probability of the true class; the original's plays no part. The gradient fades as p does.

    Source: equation 5; an image has no length to divide by. `fit` is that of `neggrad_plus`, plain SGD.
    """
    require_images("sim_npo", forget=forget, retain=retain)
    unlearned = deepcopy(model)

    def loss(x_forget: Tensor, y_forget: Tensor, x: Tensor, y: Tensor) -> Tensor:
        lost = preference(log_likelihood(unlearned(x_forget), y_forget), beta, gamma)
        return lost + weight * cross_entropy(unlearned(x), y)

    for epoch in passes(fit, unlearned, rng):
        for lost, held in paired_batches(epoch, forget, retain):
            epoch.step(partial(loss, *lost, *held))
    return unlearned
