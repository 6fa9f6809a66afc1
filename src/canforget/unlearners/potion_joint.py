"""Potion joint: alternating ascent on the forget set and descent on the retain set, the best state kept (the predecessor's rule)."""

from copy import deepcopy
from functools import partial

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images
from canforget.hyperparameters import Count, NonNegative, Part
from canforget.network.predict import fraction_correct
from canforget.registry import component
from canforget.training.loop import Fit, passes
from canforget.unlearning.batches import held_out_part, paired_batches
from canforget.unlearning.requirements import require_images


@component(version=1, needs_retain=True)
def potion_joint(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=100, batch_size=32, lr=1e-4, optimizer="adamw", weight_decay=1e-4),
    weight: NonNegative = 0.1,
    patience: Count = 3,
    selection: Part = 0.1,
) -> nn.Module:
    """Returns the best of the states that steps down -`weight` * CE(forget) and down CE(retain), in turn, lead a copy of `model` to.

    The best is the highest (1 - accuracy on forget) * accuracy on retain, both on the fraction `selection` of either set that is
    held_out_partd out beforehand and never stepped on; ends after `patience` epochs without a better one.

    Source: the rule of the project's predecessor. Deviations: it selected on the test set, and it kept a reference to the weights
    instead of a copy, so that its "best" weights were the last ones.
    """
    require_images("potion_joint", forget=forget, retain=retain)
    (forget, forget_held), (retain, retain_held) = held_out_part(forget, selection, rng), held_out_part(retain, selection, rng)
    unlearned, best, highest, since = deepcopy(model), deepcopy(model), -1.0, 0

    def loss(weight: float, x: Tensor, y: Tensor) -> Tensor:
        return weight * cross_entropy(unlearned(x), y)

    for epoch in passes(fit, unlearned, rng):
        for lost, kept in paired_batches(epoch, forget, retain):
            epoch.step(partial(loss, -weight, *lost))
            epoch.step(partial(loss, 1.0, *kept))
        score = (1 - fraction_correct(unlearned, forget_held)) * fraction_correct(unlearned, retain_held)
        best, highest, since = (deepcopy(unlearned), score, 0) if score > highest else (best, highest, since + 1)
        if since >= patience:
            epoch.stop()
    return best.eval()
