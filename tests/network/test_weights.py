"""Weights as a whole: copies that stay, values that are lent, statistics that are held still."""

from copy import deepcopy

import pytest
import torch
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.errors import DivergedError
from canforget.network.classifier import Classifier
from canforget.network.weights import finite, frozen, replaced, still


def test_a_frozen_copy_takes_no_gradient_and_shares_no_memory(small_model: Classifier, digits_split: Split) -> None:
    """A teacher that moves with its student teaches nothing."""
    student = deepcopy(small_model).train()
    teacher = frozen(student)
    assert not teacher.training
    assert not any(p.requires_grad for p in teacher.parameters())
    with torch.no_grad():
        before = teacher(digits_split.test.x)
        for parameter in student.parameters():
            parameter.zero_()
        assert torch.equal(before, teacher(digits_split.test.x))


@pytest.mark.parametrize(("name", "value"), [("net.8.weight", float("nan")), ("net.1.running_var", float("inf"))])
def test_a_weight_or_statistic_that_is_not_finite_is_named(small_model: Classifier, name: str, value: float) -> None:
    """A model of NaN classifies everything as class 0, which scores as perfect forgetting of all others."""
    model = deepcopy(small_model)
    model.state_dict()[name].view(-1)[0] = value
    with pytest.raises(DivergedError, match=f"'{name}' is not finite after epoch 3; lower the learning rate"):
        finite(model, "after epoch 3")
    assert finite(small_model, "now") is small_model


def failing_inside(model: Classifier, bias: torch.Tensor) -> None:
    """Lends the model another bias, and fails."""
    with replaced(model, {"net.8.bias": bias}):
        assert torch.equal(model.get_parameter("net.8.bias"), bias)
        raise ZeroDivisionError


def test_weights_are_lent_for_the_block_and_come_back_even_after_an_error(small_model: Classifier) -> None:
    """A rounded weight that stays behind is what the next step starts from."""
    model = deepcopy(small_model)
    own = model.get_parameter("net.8.bias").detach().clone()
    with pytest.raises(ZeroDivisionError):
        failing_inside(model, own + 1)
    assert torch.equal(model.get_parameter("net.8.bias"), own)


def test_statistics_are_held_still_for_the_block_and_move_after_it(small_model: Classifier, digits_split: Split) -> None:
    """A penalty taken on forget images would feed their statistics to the model."""
    model = deepcopy(small_model).train()
    model.get_submodule("net.4").eval()
    before = {name: b.clone() for name, b in model.named_buffers()}
    with still(model):
        cross_entropy(model(digits_split.forget.x), digits_split.forget.y)
    assert all(torch.equal(b, before[name]) for name, b in model.named_buffers())
    assert model.get_submodule("net.1").training
    assert not model.get_submodule("net.4").training
    model(digits_split.forget.x)
    assert not torch.equal(model.get_buffer("net.1.running_mean"), before["net.1.running_mean"])
