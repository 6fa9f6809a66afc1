"""Base methods: calls within a call."""

import pytest
import torch
from torch import Generator

from canforget.data.images import Split
from canforget.errors import SpecError
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.constraint import TrainingConstraint
from canforget.training.loop import Fit
from canforget.unlearners.finetune import finetune
from canforget.unlearning.wrapper import base_call, run_base


@pytest.mark.parametrize("base", ["retrain", "ssd", "sure", "conv_transpose", "nothing", "boundary_expand"])
def test_a_base_that_does_not_train_on_from_the_original_is_refused(base: str) -> None:
    """A mask means nothing to a method that has no steps, or that starts elsewhere."""
    with pytest.raises(SpecError, match=f"sure.base: '{base}' does not train on"):
        base_call("sure", base)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("scurb", "ste.base: unlearners: no 'scurb'; did you mean 'scrub'?"),
        ("npo:weihgt=1", "ste.base: npo has no hyperparameter 'weihgt'; did you mean 'weight'?"),
        ({"name": "npo", "fit": {"epochs": 0}}, "ste.base: npo.fit.epochs: 0 is not int in"),
        ({"fit": {"epochs": 1}}, "ste.base: .*: write a name, or a table with a name"),
        (3, "ste.base: 3: write a name"),
    ],
)
def test_a_base_that_cannot_be_understood_says_why(base: object, said: str) -> None:
    """A typing mistake must not end in a default."""
    with pytest.raises(SpecError, match=said):
        base_call("ste", base)


def test_a_base_runs_at_its_own_settings(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A wrapper's own fit replaced the base's, and what else the base was set to was lost."""
    base = base_call("ste", "finetune:fit.epochs=1,fit.lr=1e-3")
    unlearned = run_base(base, TrainingConstraint(), small_model, digits_split.forget, digits_split.retain, rng=rng)
    fit = Fit(epochs=1, batch_size=256, lr=1e-3, weight_decay=5e-4)
    alone = finetune(small_model, digits_split.forget, digits_split.retain, rng=generator("test"), fit=fit)
    assert all(torch.equal(v, alone.state_dict()[n]) for n, v in unlearned.state_dict().items())
