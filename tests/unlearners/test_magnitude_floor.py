"""A step or nothing."""

from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.magnitude_floor import magnitude_floor


def test_every_changed_weight_moved_at_least_one_step(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A move of less than a step is what rounding takes back."""
    forget, retain = digits_split.forget, digits_split.retain
    fit = Fit(epochs=2, batch_size=64, lr=0.01, weight_decay=5e-4)
    unlearned = magnitude_floor(small_model, forget, retain, rng=rng, base={"name": "neggrad_plus", "fit": fit}, bits=4, keep=0.05)
    changed = total = 0
    for place in (0, 3, 8):
        old, new = small_model.get_parameter(f"net.{place}.weight").detach(), unlearned.get_parameter(f"net.{place}.weight").detach()
        step = (old.flatten(1).abs().amax(dim=1) / 7).view(-1, *[1] * (old.ndim - 1)).expand_as(old)
        moved = (new - old).abs()
        assert (moved[moved > 0] >= step[moved > 0]).all()
        changed += int((moved > 0).sum())
        total += moved.numel()
    assert 0 < changed <= round(0.05 * total)
    assert (unlearned(retain.x).argmax(1) == retain.y).float().mean() > 0.8
