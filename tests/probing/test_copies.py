"""Copies for training and attacks: of the same outputs, and able to learn."""

from typing import Any

import pytest
import torch

from canforget.errors import SpecError
from canforget.network.predict import predict
from canforget.pipeline import quantize
from canforget.probing.copies import differentiable_copy, require_weights, trainable_copy
from canforget.quantization.layer import codes
from canforget.quantization.quantized import DeployedClassifier


@pytest.fixture(scope="module")
def int4(small_model: Any, digits_split: Any) -> Any:
    return quantize(small_model, digits_split, "int:bits=4")


def test_a_quantized_model_is_trained_from_the_values_of_its_codes(int4: Any, digits_split: Any) -> None:
    learner = trainable_copy(int4, "relearning")
    values = {name: held.values() for name, held in codes(int4).items()}
    own = dict(learner.named_parameters())
    assert values
    assert all(torch.equal(own[f"{name}.weight"], value) for name, value in values.items())
    assert all(p.requires_grad for p in own.values())
    assert not codes(learner)
    assert codes(int4), "the model passed in is as it was"
    agreed = predict(learner, digits_split.test).predicted == predict(int4, digits_split.test).predicted
    assert agreed.mean() > 0.9


def test_a_float_model_keeps_what_was_frozen(small_model: Any) -> None:
    copy = trainable_copy(small_model, "relearning")
    assert [p.requires_grad for p in copy.parameters()] == [p.requires_grad for p in small_model.parameters()]
    assert copy is not small_model


def test_an_attacked_copy_answers_as_the_model_does_and_has_gradients(int4: Any, digits_split: Any) -> None:
    """Rounding has a gradient of 0, which would make every quantized model look robust."""
    attacked, x = differentiable_copy(int4, "radius"), digits_split.forget.x[:8].float()
    assert torch.equal(attacked(x), int4(x))
    x.requires_grad_(True)
    (gradient,) = torch.autograd.grad(attacked(x)[:, 0].sum(), x)
    assert (gradient != 0).flatten(1).any(dim=1).all()


def test_a_network_that_an_engine_runs_is_refused_in_a_line() -> None:
    with pytest.raises(SpecError, match="relearning: this model runs in onnxruntime and gives no gradients; probe the simulated"):
        require_weights(DeployedClassifier("onnxruntime", None, None), "relearning")
