"""What a wrapper adds to a training."""

from copy import deepcopy

import pytest
import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.errors import SpecError
from canforget.network.classifier import Classifier
from canforget.network.weights import replaced
from canforget.training.constraint import TrainingConstraint, constrained, current_constraint
from canforget.training.loop import Fit, passes, train_
from tests.narrowed import present

PLAIN = Fit(epochs=1, batch_size=1000, lr=0.1, momentum=0.0, precision="float32")


def test_a_penalty_is_part_of_the_loss(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A penalty whose gradient is never taken changes nothing."""
    retain, model = digits_split.retain, deepcopy(small_model)
    with constrained(TrainingConstraint(penalty=lambda m: 3 * m.get_parameter("net.8.bias").sum())):
        train_(model, retain, rng=rng, fit=PLAIN)
    twin = deepcopy(small_model).train()
    cross_entropy(twin(retain.x), retain.y).backward()
    torch.testing.assert_close(
        model.get_parameter("net.8.bias").data,
        (twin.get_parameter("net.8.bias") - 0.1 * (present(twin.get_parameter("net.8.bias").grad) + 3)).detach(),
    )
    assert current_constraint().penalty is None


def test_the_gradient_at_replaced_weights_is_applied_to_the_models_own(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    """Straight through: weights that stay replaced would be rounded twice."""
    retain, model, name = digits_split.retain, deepcopy(small_model), "net.8.weight"
    other = {name: small_model.get_parameter("net.8.weight").detach() * 0.5}
    with constrained(TrainingConstraint(during=lambda m: replaced(m, other))):
        train_(model, retain, rng=rng, fit=PLAIN)
    twin = deepcopy(small_model).train()
    twin.get_parameter("net.8.weight").data.mul_(0.5)
    cross_entropy(twin(retain.x), retain.y).backward()
    torch.testing.assert_close(
        model.get_parameter("net.8.weight").data,
        (small_model.get_parameter("net.8.weight") - 0.1 * present(twin.get_parameter("net.8.weight").grad)).detach(),
    )


def test_masks_of_a_wrapper_and_of_its_base_both_hold(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """With one mask in the place of the other, a base method's promise would be broken in silence."""
    model, bias = deepcopy(small_model), small_model.get_parameter("net.8.bias")
    half, even = torch.arange(10) < 5, torch.arange(10) % 2 == 0
    with constrained(TrainingConstraint(mask={"net.8.bias": half})):
        for epoch in passes(PLAIN, model, rng, mask={"net.8.bias": even}):
            epoch.descend(lambda x, y: cross_entropy(model(x), y), digits_split.retain)
    assert torch.equal(model.get_parameter("net.8.bias") != bias, half & even)


def test_a_model_of_other_weights_is_refused(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A base method that rebuilds the model would escape the mask."""
    with constrained(TrainingConstraint(mask={"net.8.bias": torch.ones(11)})), pytest.raises(SpecError, match="another base method"):
        train_(deepcopy(small_model), digits_split.retain, rng=rng, fit=PLAIN)
