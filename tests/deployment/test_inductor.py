"""The network that torch compiles: the integers of the simulation, in integer kernels."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn

from canforget.data.images import Split, together
from canforget.deployment.inductor import Compiled, inductor_graph, simulation
from canforget.deployment.model_file import describe, hash_tensors, load, save
from canforget.errors import SpecError
from canforget.network.classifier import Add, Classifier, Normalize
from canforget.network.predict import predict
from canforget.quantization.layer import codes
from canforget.quantization.quantized import coverage
from canforget.quantization.weight_noise import rounding_errors
from canforget.quantizers.int import int as to_int
from canforget.quantizers.torch_int8 import torch_int8
from canforget.rng import generator, global_stream

pytest.importorskip("torchao")


class Residual(nn.Module):
    """A convolution around which the input is added, a grouped one among them, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(8))
        self.add, self.pool, self.head = Add(), nn.AdaptiveAvgPool2d(1), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        answer: Tensor = self.head(self.pool(self.add(self.body(x), x).relu()).flatten(1))
        return answer


@pytest.fixture(scope="module")
def model() -> nn.Module:
    with global_stream(generator("compiled")):
        return Classifier(Residual(), Normalize((0.3,), (0.4,))).eval()


@pytest.fixture(scope="module")
def simulated(model: Any, digits_split: Split) -> nn.Module:
    return to_int(model, digits_split.calibration)


@pytest.fixture(scope="module")
def compiled(simulated: Any) -> Compiled:
    return Compiled(simulated)


def test_what_is_compiled_holds_the_simulations_codes_and_scales(simulated: Any) -> None:
    """Audited and shipped weights must be the same integers."""
    tensors = list(inductor_graph(simulated, 2, (1, 8, 8)).state_dict().values())
    for held in codes(simulated).values():
        assert any(t.dtype == torch.int8 and torch.equal(t, held.codes) for t in tensors)
        assert any(torch.equal(t, held.scale.flatten()) for t in tensors)


def test_what_is_compiled_computes_as_the_simulation(simulated: Any, digits_split: Split) -> None:
    """The graph run as it stands differs by float rounding, and by what products with 1 / scale put on the other side of a half."""
    x = digits_split.test.x
    exact, written = simulated(x), inductor_graph(simulated, len(x), (1, 8, 8))(x)
    assert (written - exact).abs().max() < 0.05 * exact.std()


@pytest.mark.compiles
def test_compiled_it_agrees_with_the_simulation(simulated: Any, compiled: Any, digits_split: Split) -> None:
    """What is audited must be what is shipped: the same class on 99 images of 100."""
    images = together(digits_split.retain, digits_split.test)
    exact, real = predict(simulated, images).logits, predict(compiled, images).logits
    assert numpy.abs(real - exact).max() < 0.1 * exact.std()
    assert numpy.mean(real.argmax(1) == exact.argmax(1)) >= 0.99


@pytest.mark.compiles
def test_images_are_answered_alike_alone_and_in_batches_that_no_block_divides(compiled: Any, digits_split: Split) -> None:
    """One and `BLOCK` images are compiled apart, and what a batch lacks is filled up."""
    x = digits_split.test.x[:70]
    together = compiled(x)
    assert together.shape == (70, 10)
    assert torch.allclose(compiled(x[69:]), together[69:], atol=1e-4)


@pytest.mark.compiles
def test_every_layer_becomes_an_integer_kernel(simulated: Any, digits_split: Split) -> None:
    """A layer that the compiler did not recognize would run in float, unnoticed but for the time it takes."""
    from torch._dynamo.utils import counters

    counters.clear()
    Compiled(deepcopy(simulated))(digits_split.test.x[:8])
    lowered = counters["inductor"]
    assert lowered["qconv_unary_lower_count"] + lowered["qconv_binary_lower_count"] == 2
    assert lowered["qlinear_unary_lower_count"] == 1


def test_it_is_saved_loaded_copied_and_hashed_like_any(compiled: Any, simulated: Any, tmp_path: Path) -> None:
    """The file is that of the simulation, and says by what it is to be run."""
    path = save(compiled, tmp_path / "m.safetensors")
    assert describe(path)["engine"] == "inductor"
    loaded = load(path, into=Classifier(Residual(), Normalize((0.3,), (0.4,))))
    assert isinstance(loaded, Compiled)
    for other in (loaded, deepcopy(compiled)):
        assert hash_tensors(other) == hash_tensors(compiled)
        assert coverage(other) == coverage(simulated)


def test_noise_controls_take_the_errors_of_its_rounding(model: Any, compiled: Any, simulated: Any) -> None:
    """They speak of layers by the names that these have in the float network."""
    one, other = rounding_errors(model, simulation(compiled)), rounding_errors(model, simulated)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_machine_without_a_compiler_says_so_in_words(
    model: Any, simulated: Any, digits_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of all laptops have none."""
    from torch._inductor import cpp_builder, exc

    def none() -> str:
        raise exc.InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
    with pytest.raises(SpecError, match=r"no C\+\+ compiler.*install g\+\+"):
        Compiled(simulated)(digits_split.test.x[:2])
    with pytest.raises(SpecError, match="no C"):
        torch_int8(model, digits_split.calibration)
