"""SCRUB: distillation away from the original model on the forget set and towards it on the retain set."""

from copy import deepcopy

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import Count, CountOrNone, NonNegative, Positive
from canforget.network.weights import frozen
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.losses import divergence
from canforget.unlearning.requirements import require_images


@component(paper="Kurmanji et al. 2023, https://arxiv.org/abs/2302.09880", version=2, needs_retain=True)
def scrub(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=3, batch_size=256, lr=5e-4, weight_decay=5e-4),
    max_epochs: CountOrNone = 2,
    alpha: NonNegative = 0.001,
    gamma: NonNegative = 0.99,
    temperature: Positive = 4.0,
    forget_batch: Count = 512,
) -> nn.Module:
    """Returns a copy of `model` moved away from itself on `forget` and held to itself on `retain`.

    Each epoch below `max_epochs` first ascends the divergence from the original on `forget` (one pass); every epoch then descends
    `gamma` * cross-entropy + `alpha` * divergence on `retain`. Ends on a descent, so that utility is restored last.

    The ascent has no bound: its strength is its number of steps, so a smaller `forget_batch` or more epochs forget more and may ruin the
    model. With few forget images, lower `forget_batch`.

    Source: algorithm 1; the authors' large-scale settings, whose decay of the learning rate begins after the last epoch here. Batches
    are those of their loaders, 256 and 512 images; the sizes 128 and 32 that stand among their settings are never read there. A widely
    copied port optimizes the teacher and does nothing. Cost: about 1.1 epochs of training per epoch.
    """
    require_images("scrub", forget=forget, retain=retain)
    student, original = deepcopy(model), frozen(model)

    def disagree(x: Tensor, y: Tensor) -> Tensor:
        return -divergence(student(x), original(x), temperature)

    def agree(x: Tensor, y: Tensor) -> Tensor:
        logits = student(x)
        return gamma * cross_entropy(logits, y) + alpha * divergence(logits, original(x), temperature)

    for epoch in passes(fit, student, rng):
        if epoch.number < max_epochs:
            epoch.descend(disagree, forget, forget_batch)
        epoch.descend(agree, retain)
    return student
