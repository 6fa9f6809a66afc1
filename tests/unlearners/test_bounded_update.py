from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.quantization.qat import rounded_names, step_sizes
from canforget.training.loop import Fit
from canforget.unlearners.bounded_update import bounded_update


def test_no_weight_moves_further_than_its_share_of_a_step_and_nothing_else_moves(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    """Momentum would carry weights on, and a BatchNorm that moves would forget where no rounding can see it."""
    fit = Fit(epochs=2, batch_size=64, lr=0.05, momentum=0.9)
    unlearned = bounded_update(
        small_model, digits_split.forget, digits_split.retain, rng=rng, base={"name": "neggrad_plus", "fit": fit}, reach=0.1
    )
    bounded = set(rounded_names(small_model))
    for name, before in small_model.state_dict().items():
        moved = unlearned.state_dict()[name] - before
        if name in bounded:
            assert bool((moved.abs() <= 0.1001 * step_sizes(before, 4)).all())
            assert bool(moved.any())
        else:
            assert not bool(moved.any()), name
