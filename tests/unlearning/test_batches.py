"""Forget batches beside retain batches; a part held out."""

from copy import deepcopy

from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit, passes
from canforget.unlearning.batches import held_out_part, paired_batches


def test_one_pass_goes_once_over_retain_and_as_often_as_needed_over_forget(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    """Zipping the two sets stops at the shorter one, so that most retain images are never seen."""
    forget, retain = digits_split.forget[:10], digits_split.retain[:100]
    for epoch in passes(Fit(epochs=1, batch_size=8), deepcopy(small_model), rng):
        pairs = list(paired_batches(epoch, forget, retain))
    assert sum(len(y) for _, (_, y) in pairs) == 100
    assert [len(y) for (_, y), _ in pairs[:4]] == [8, 2, 8, 2]
    assert all((y == 0).all() for (_, y), _ in pairs)
    assert all((y != 0).all() for _, (_, y) in pairs)


def test_a_held_out_part_and_the_rest_are_the_set(digits_split: Split, rng: Generator) -> None:
    """A state must not be chosen on images that it was stepped on."""
    rest, part = held_out_part(digits_split.retain, 0.1, rng)
    assert len(part) == round(0.1 * len(digits_split.retain))
    assert sorted([*rest.ids.tolist(), *part.ids.tolist()]) == sorted(digits_split.retain.ids.tolist())
