"""Base methods by name."""

import pytest
from torch import Generator

from canforget.data.images import Split
from canforget.errors import SpecError
from canforget.network.classifier import Classifier
from canforget.training.constraint import TrainingConstraint
from canforget.training.loop import Fit
from canforget.unlearning.wrapper import run_base


@pytest.mark.parametrize("base", ["retrain", "ssd", "sure", "conv_transpose", "nothing", "boundary_expand"])
def test_a_base_that_does_not_train_on_from_the_original_is_refused(
    base: str, small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    """A mask means nothing to a method that has no steps, or that starts elsewhere."""
    with pytest.raises(SpecError, match=f"sure: '{base}' does not train on"):
        run_base("sure", base, TrainingConstraint(), small_model, digits_split.forget, digits_split.retain, rng=rng, fit=Fit(epochs=1))


def test_an_unknown_base_is_met_with_the_nearest_name(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A typing mistake must not end in a default."""
    with pytest.raises(SpecError, match="did you mean 'scrub'"):
        run_base("ste", "scurb", TrainingConstraint(), small_model, digits_split.forget, digits_split.retain, rng=rng, fit=Fit(epochs=1))
