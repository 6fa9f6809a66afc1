import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.network.predict import predict
from canforget.quantization.layer import codes
from canforget.quantizers.int import int as to_int
from canforget.training.loop import Fit
from canforget.unlearners.within_rounding_cells import within_rounding_cells

FIT = Fit(epochs=5, batch_size=64, lr=0.1, precision="float32")


def same_codes(one: torch.nn.Module, other: torch.nn.Module) -> list[bool]:
    """Whether each layer has the same codes in both."""
    first, second = codes(one), codes(other)
    return [torch.equal(held.codes, second[name].codes) for name, held in first.items()]


def test_it_forgets_at_full_precision_and_is_the_rounded_original_at_its_rounding(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    """The chain has never been shown to say yes: here is what it must say yes to."""
    split = digits_split
    unlearned = within_rounding_cells(small_model, split.forget, split.retain, rng=rng, base={"name": "neggrad_plus", "fit": FIT})
    before, after = (predict(m, split.forget).correct.mean() for m in (small_model, unlearned))
    assert before > 0.9
    assert after < 0.2
    original, rounded = (to_int(m, split.calibration, bits=4) for m in (small_model, unlearned))
    assert all(same_codes(original, rounded))
    assert torch.equal(original(split.forget.x), rounded(split.forget.x))


def test_at_a_share_of_the_layers_only_their_codes_are_sure_to_come_back(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    """The dose of a graded control."""
    split = digits_split
    unlearned = within_rounding_cells(
        small_model, split.forget, split.retain, rng=rng, base={"name": "neggrad_plus", "fit": FIT}, share=1 / 3
    )
    original, rounded = (to_int(m, split.calibration, bits=4) for m in (small_model, unlearned))
    assert same_codes(original, rounded).count(True) == 1


def test_a_neighbor_that_does_not_restore_the_codes_is_silent(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Eight bits see inside the cells of four."""
    split = digits_split
    unlearned = within_rounding_cells(small_model, split.forget, split.retain, rng=rng, base={"name": "neggrad_plus", "fit": FIT})
    assert predict(to_int(unlearned, split.calibration, bits=8), split.forget).correct.mean() < 0.2
