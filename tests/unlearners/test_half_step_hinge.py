"""Logits half a step away."""

import torch

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.half_step_hinge import half_step_hinge, logit_step


def test_logits_of_the_forget_set_move_towards_half_a_step(small_model: Classifier, digits_split: Split) -> None:
    """A hinge taken on the original model, or with the sign flipped, moves nothing."""
    forget, retain = digits_split.forget, digits_split.retain
    half = logit_step(small_model, forget, bits=4) / 2
    short = []
    for weight in (0.0, 3.0):
        fit = Fit(epochs=3, batch_size=64, lr=2e-3)
        unlearned = half_step_hinge(small_model, forget, retain, rng=generator("h"), base={"name": "finetune", "fit": fit}, weight=weight)
        with torch.no_grad():
            apart = (unlearned(forget.x) - small_model(forget.x)).abs()
        short.append((half - apart).clamp(min=0).mean())
    assert short[1] < 0.6 * short[0]


def test_the_step_is_that_of_a_grid_over_the_largest_logit(small_model: Classifier, digits_split: Split) -> None:
    """Half a step of another grid is no promise about this one."""
    top = small_model(digits_split.forget.x).detach().abs().max()
    assert abs(logit_step(small_model, digits_split.forget, bits=3) - float(top) / 3) < 1e-5
