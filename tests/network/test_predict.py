"""Prediction asks every image once, in order, and leaves the model as it was."""

from copy import deepcopy

import numpy
import pytest
import torch
from torch import nn

from canforget.data.images import Split
from canforget.errors import SpecError
from canforget.network.classifier import Classifier
from canforget.network.predict import fraction_correct, predict


def test_logits_are_the_models_own_in_the_order_of_the_images(small_model: Classifier, digits_split: Split) -> None:
    """The reference asks for one image at a time."""
    images = digits_split.test[torch.randperm(50)]
    found = predict(small_model, images, batch_size=16)
    with torch.no_grad():
        slow = torch.cat([small_model(x[None]) for x in images.x])
    numpy.testing.assert_allclose(found.logits, slow.numpy(), atol=1e-4)
    assert found.logits.dtype == numpy.float32
    assert found.ids.tolist() == images.ids.tolist()
    assert found.labels.tolist() == images.y.tolist()


@pytest.mark.parametrize("size", [1, 7, 50, 512])
def test_the_batch_size_changes_no_more_than_rounding(small_model: Classifier, digits_split: Split, size: int) -> None:
    """Train mode would make every image's logits depend on its neighbours."""
    images = digits_split.test[:50]
    numpy.testing.assert_allclose(predict(small_model, images, batch_size=size).logits, predict(small_model, images).logits, atol=1e-4)


def test_the_model_is_left_as_it_was(small_model: Classifier, digits_split: Split) -> None:
    """Each module has a mode of its own, and BatchNorm's statistics must not move."""
    model = deepcopy(small_model).train()
    model.get_submodule("net.1").eval()
    modes, weights = [m.training for m in model.modules()], deepcopy(model.state_dict())
    state = torch.get_rng_state()
    predict(model, digits_split.test)
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_features_are_what_the_last_linear_layer_is_given(small_model: Classifier, digits_split: Split) -> None:
    """The last layer applied to the features gives the logits back."""
    found = predict(small_model, digits_split.test, features=True, batch_size=64)
    last = [m for m in small_model.modules() if isinstance(m, nn.Linear)][-1]
    assert found.features is not None
    assert found.features.dtype == numpy.float16
    logits = found.features.astype(numpy.float32) @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    numpy.testing.assert_allclose(logits, found.logits, atol=0.05)


def test_features_of_a_net_without_a_linear_layer_are_refused(digits_split: Split) -> None:
    """Nothing else can be said to be its features."""
    with pytest.raises(SpecError, match="no linear layer"):
        predict(nn.Flatten(), digits_split.test, features=True)


def test_bfloat16_predicts_nearly_the_same(small_model: Classifier, digits_split: Split) -> None:
    """A precision that is ignored gives the very same logits."""
    exact, coarse = (predict(small_model, digits_split.test, precision=p) for p in ("float32", "bfloat16"))
    assert not numpy.array_equal(exact.logits, coarse.logits)
    assert coarse.logits.dtype == numpy.float32
    assert (exact.predicted == coarse.predicted).mean() > 0.97


def test_no_images_give_no_predictions(small_model: Classifier, digits_split: Split) -> None:
    """An empty view is a view."""
    assert len(predict(small_model, digits_split.test[:0])) == 0


def test_judging_changes_nothing_in_the_model(small_model: Classifier, digits_split: Split) -> None:
    """An accuracy taken in train mode moves BatchNorm's statistics."""
    small_model.train()
    before = small_model.get_buffer("net.1.running_mean").clone()
    found = fraction_correct(small_model, digits_split.test, batch_size=33)
    assert small_model.training
    small_model.eval()
    assert torch.equal(before, small_model.get_buffer("net.1.running_mean"))
    assert found == float((small_model(digits_split.test.x).argmax(1) == digits_split.test.y).double().mean())
