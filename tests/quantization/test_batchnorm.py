"""Statistics taken anew are those of the rounded network, and change scales, never codes."""

import pytest
import torch
from torch import Tensor, nn

from canforget.data.images import Images, Split
from canforget.errors import SpecError
from canforget.network.classifier import Classifier
from canforget.network.predict import predict
from canforget.quantization.batchnorm import reestimated
from canforget.quantization.layer import codes
from canforget.quantization.qat import rounding
from canforget.quantizers.int import int as to_int


def batch(split: Split) -> Images:
    """One batch, so that an average over batches is the plain mean."""
    return split.calibration[:64]


def test_every_channel_has_the_mean_and_spread_that_its_norm_was_trained_for(small_model: Classifier, digits_split: Split) -> None:
    """With rounded weights in place the inputs of a norm come out as its shift and scale say; with old statistics they do not."""
    images = batch(digits_split)
    for model, near in ((reestimated(small_model, images, 2), True), (small_model, False)):
        off = []
        for norm in [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]:
            seen: list[Tensor] = []
            handle = norm.register_forward_hook(lambda _, given, out, seen=seen: seen.append(out))
            with torch.no_grad(), rounding(model, 2):
                model(images.x)
            handle.remove()
            off.append(float((seen[0].mean((0, 2, 3)) - norm.bias.detach()).abs().max()))
        assert (max(off) < 1e-2) == near, off


def test_codes_stay_and_scales_move(small_model: Classifier, digits_split: Split) -> None:
    """So that a difference in what is remembered is a matter of statistics alone."""
    images = batch(digits_split)
    plain, anew = (to_int(small_model, images, bits=2, activations=0, reestimate_norms=on) for on in (False, True))
    for name, held in codes(plain).items():
        assert torch.equal(held.codes, codes(anew)[name].codes)
    assert any(not torch.allclose(held.scale, codes(anew)[name].scale) for name, held in codes(plain).items())
    exact = torch.from_numpy(predict(small_model, digits_split.retain[:300]).logits)
    errors = [float((torch.from_numpy(predict(m, digits_split.retain[:300]).logits) - exact).square().mean()) for m in (plain, anew)]
    assert errors[1] < errors[0]


def test_the_model_given_is_left_alone(small_model: Classifier, digits_split: Split) -> None:
    """A copy is changed."""
    before = {n: b.clone() for n, b in small_model.named_buffers()}
    reestimated(small_model, batch(digits_split), 4)
    assert all(torch.equal(b, before[n]) for n, b in small_model.named_buffers())


def test_what_cannot_be_is_refused(small_model: Classifier, digits_split: Split) -> None:
    """Folded networks have nothing to take anew; other grids would get other codes."""
    with pytest.raises(SpecError, match="no BatchNorm layer"):
        reestimated(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), batch(digits_split), 4)
    with pytest.raises(SpecError, match="plain weights only"):
        to_int(small_model, batch(digits_split), reestimate_norms=True, symmetric=False)
