"""What engines multiply as integers of the graphs that we give them: all of it, also where activations and norms stand between layers."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from canforget.data.images import Images
from canforget.deployment.integer_kernels import run_on_integers
from canforget.deployment.model_file import load, save
from canforget.deployment.onnx_graph import Deployed, deployed, onnx_model_of
from canforget.network.classifier import Classifier, Normalize
from canforget.quantization.coverage import Coverage
from canforget.quantization.layer import QuantizedLayer
from canforget.quantization.quantized import coverage
from canforget.quantizers.int import int as to_int
from canforget.rng import generator, global_stream

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


class Mixed(nn.Module):
    """What modern nets put between convolutions: SiLU and hard-swish, a gate, a concatenation that BatchNorm reads, a LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.SiLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.pool, self.squeeze, self.excite = nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.grow, self.before, self.dense = nn.Conv2d(8, 4, 1), nn.BatchNorm2d(12), nn.Conv2d(12, 8, 3, padding=1)
        self.clipped = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU6(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 1))
        self.norm, self.tokens, self.head = nn.LayerNorm(8), nn.Linear(8, 12), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.deep(self.stem(x))
        x = x * torch.sigmoid(self.excite(torch.relu(self.squeeze(self.pool(x)))))
        x = self.clipped(self.dense(torch.relu(self.before(torch.cat([x, self.grow(x)], 1)))))
        answer: Tensor = self.head(silu(self.tokens(self.norm(x.flatten(2).transpose(1, 2)))).mean(1))
        return answer


@pytest.fixture(scope="module")
def images() -> Images:
    return Images.of(torch.randint(0, 256, (64, 1, 8, 8), generator=generator("i"), dtype=torch.uint8), torch.zeros(64))


@pytest.fixture(scope="module")
def simulated(images: Any) -> nn.Module:
    with global_stream(generator("mixed")):
        model = Classifier(Mixed(), Normalize((0.5,), (0.25,))).eval()
    return to_int(model, images)


@pytest.fixture(scope="module")
def graph(simulated: Any) -> bytes:
    return onnx_model_of(simulated, (1, 8, 8), {})


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_every_product_runs_on_integers(engine: Any, simulated: Any, graph: Any) -> None:
    """MobileNetV3 40 %, EfficientNet 39 %, DenseNet 52 %: a convolution whose output goes into a SiLU unrounded runs in float."""
    pytest.importorskip(engine)
    found = run_on_integers(coverage(simulated), graph, engine)
    assert [layer.name for layer in found.layers if layer.coded and not layer.integer] == []
    assert found.integer_fraction == pytest.approx(1.0)
    assert found.engine == engine


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@torch.no_grad()
def test_what_runs_on_integers_agrees_with_the_simulation(engine: Any, simulated: Any, graph: Any, images: Any) -> None:
    """Rounding in the engine alone would be rounding that nobody audited."""
    pytest.importorskip(engine)
    exact, found = simulated(images.x), Deployed(graph, engine)(images.x)
    assert (found - exact).abs().max() < 0.1 * exact.std()


def test_only_convolutions_that_nothing_rounds_next_round_what_they_put_out(simulated: Any) -> None:
    """Rounding twice, before and after a ReLU, would cost and gain nothing."""
    layers = {name: m for name, m in simulated.net.named_modules() if isinstance(m, QuantizedLayer)}
    assert {name for name, m in layers.items() if m.writer is not None} == {"stem.0", "deep.0", "excite", "grow", "clipped.3"}


def test_a_convolution_left_without_its_rounded_output_is_found_out(simulated: Any) -> None:
    """The account must tell what the engine does, not what was hoped for."""
    changed = deepcopy(simulated)
    changed.get_submodule("net.deep.0").writer = None
    found = run_on_integers(coverage(changed), onnx_model_of(changed, (1, 8, 8), {}), "onnxruntime")
    assert [layer.name for layer in found.layers if layer.coded and not layer.integer] == ["net.deep.0"]
    assert found.integer_fraction == pytest.approx(1 - 8 * 8 * 8 * 9 / found.macs)


def test_weights_only_runs_no_integers(images: Any) -> None:
    """Rounded weights save bytes; what multiplies them as floats is no faster."""
    with global_stream(generator("two")):
        model = Classifier(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 10)), Normalize((0.5,), (0.25,))).eval()
    found = coverage(deployed(to_int(model, images, activations=0), "onnxruntime", (1, 8, 8)))
    assert (found.macs_fraction, found.integer_fraction) == (1.0, 0.0)


def test_the_account_of_an_engine_is_kept_in_the_file(simulated: Any, tmp_path: Path) -> None:
    """A file is asked by people who have no engine."""
    model = deployed(simulated, "onnxruntime", (1, 8, 8))
    assert coverage(model).engine == "onnxruntime"
    loaded = load(save(model, tmp_path / "m.safetensors"))
    assert coverage(loaded) == coverage(model)
    assert Coverage.of(coverage(model).to_json()) == coverage(model)


def test_a_simulation_was_run_by_no_engine(simulated: Any) -> None:
    """0 would be a figure, and a wrong one."""
    assert coverage(simulated).integer_fraction is None
    assert coverage(simulated).engine == ""
