"""NegGrad+: gradient descent on the retain loss and ascent on the forget loss in the same step."""

from copy import deepcopy
from functools import partial

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import Fraction
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.batches import paired_batches
from canforget.unlearning.requirements import require_images


@component(paper="Kurmanji et al. 2023, https://arxiv.org/abs/2302.09880", version=2, needs_retain=True)
def neggrad_plus(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=128, lr=0.01, momentum=0.0),
    alpha: Fraction = 0.95,
) -> nn.Module:
    """Returns a copy of `model` that descended `alpha` * CE(retain) - (1 - `alpha`) * CE(forget), one forget batch to every retain batch.

    Source: section 3.1, equation 2, by plain SGD as in the authors' code: with momentum every step is ten times as long, and the ascent,
    which has no bound, ruins the model within an epoch. Their large-scale `alpha` is 0.9999; 0.95 is the one of their small settings.
    The forget set starts again whenever it runs out. Cost: two batches a step, `fit.epochs` passes over `retain`.
    """
    require_images("neggrad_plus", forget=forget, retain=retain)
    unlearned = deepcopy(model)

    def loss(x_forget: Tensor, y_forget: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return alpha * cross_entropy(unlearned(x), y) - (1 - alpha) * cross_entropy(unlearned(x_forget), y_forget)

    for epoch in passes(fit, unlearned, rng):
        for lost, kept in paired_batches(epoch, forget, retain):
            epoch.step(partial(loss, *lost, *kept))
    return unlearned
