"""NPO, negative preference optimization: a bounded ascent on the forget set, relative to the original model, with a retain loss."""

from copy import deepcopy
from functools import partial
from typing import Literal

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import NonNegative, Positive
from canforget.network.weights import frozen
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.batches import paired_batches
from canforget.unlearning.losses import divergence, log_likelihood, preference
from canforget.unlearning.requirements import require_images


@component(paper="Zhang et al. 2024, https://arxiv.org/abs/2404.05868", version=2, needs_retain=True)
def npo(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=128, lr=0.01, momentum=0.0),
    beta: Positive = 0.1,
    weight: NonNegative = 1.0,
    keep: Literal["gdr", "klr"] = "gdr",
) -> nn.Module:
    """Returns a copy of `model` that descended the NPO loss on `forget` + `weight` * the retain loss, one batch of each to every step.

    The NPO loss is -(2 / `beta`) * log σ(-`beta` * log(p / p₀)), p and p₀ the probability of the true class under the copy and under
    `model`. `keep` is the retain loss: "gdr" the cross-entropy, "klr" the divergence from `model`.

    Source: equation 3, for the classes of images. Released code for vision uses the logits of all classes, one with the sign
    flipped. The paper is about language: `fit` is that of `neggrad_plus`, plain SGD.
    """
    require_images("npo", forget=forget, retain=retain)
    unlearned, original = deepcopy(model), frozen(model)

    def loss(x_forget: Tensor, y_forget: Tensor, x: Tensor, y: Tensor) -> Tensor:
        ratio = log_likelihood(unlearned(x_forget), y_forget) - log_likelihood(original(x_forget), y_forget)
        logits = unlearned(x)
        kept = cross_entropy(logits, y) if keep == "gdr" else divergence(logits, original(x))
        return preference(ratio, beta) + weight * kept

    for epoch in passes(fit, unlearned, rng):
        for lost, held in paired_batches(epoch, forget, retain):
            epoch.step(partial(loss, *lost, *held))
    return unlearned
