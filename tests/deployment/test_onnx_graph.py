"""Deployed networks: the integers of the simulation, run by real kernels, and files that say what they are."""

from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn

from canforget.data.images import Images, Split, together
from canforget.deployment.model_file import describe, hash_tensors, load, save
from canforget.deployment.onnx_graph import Deployed, deployed, export, in_onnxruntime
from canforget.deployment.operators import writable
from canforget.errors import ArtifactError, SpecError
from canforget.network.classifier import Add, Classifier, Normalize
from canforget.network.predict import predict
from canforget.quantization.layer import codes
from canforget.quantization.quantized import coverage
from canforget.quantizers.float8 import float8
from canforget.quantizers.int import int as to_int
from canforget.rng import generator, global_stream

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


class Residual(nn.Module):
    """A convolution around which the input is added, and a linear layer on tokens, as in a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(8))
        self.add, self.tokens = Add(), nn.Linear(8, 12)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.pool(self.add(self.body(x), x).relu()).flatten(2).transpose(1, 2)
        answer: Tensor = self.head(self.tokens(x).relu().mean(1))
        return answer


@pytest.fixture(scope="module")
def simulated(digits_split: Split) -> nn.Module:
    with global_stream(generator("residual")):
        model = Classifier(Residual(), Normalize((0.3,), (0.4,))).eval()
    return to_int(model, digits_split.calibration)


@pytest.fixture(scope="module")
def shipped(simulated: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return export(simulated, tmp_path_factory.mktemp("shipped") / "net.onnx", image_shape=(1, 8, 8), origin={"seed": 1})


def everything(split: Any) -> Images:
    return together(split.retain, split.test)


def test_what_is_written_is_the_simulation_bit_for_bit(simulated: Any, digits_split: Split) -> None:
    """Integers, scales and biases are the same; only the sums of real kernels, and how they round between layers, may differ."""
    x = digits_split.test.x
    assert torch.equal(writable(simulated)(x), simulated(x))


def test_real_kernels_agree_with_the_simulation(simulated: Any, shipped: Any, digits_split: Split) -> None:
    """What is audited must be what is shipped: one part in a hundred of the logits' spread, and the same class."""
    images = everything(digits_split)
    exact, real = predict(simulated, images).logits, predict(load(shipped), images).logits
    assert numpy.abs(real - exact).max() < 0.1 * exact.std()
    assert numpy.mean(real.argmax(1) == exact.argmax(1)) >= 0.99


def test_openvino_agrees_too(simulated: Any, shipped: Any, digits_split: Split) -> None:
    """A second engine, to tell a fault of ours from one of theirs."""
    pytest.importorskip("openvino")
    images = everything(digits_split)
    exact, real = predict(simulated, images).logits, predict(Deployed(shipped.read_bytes(), "openvino"), images).logits
    assert numpy.mean(real.argmax(1) == exact.argmax(1)) >= 0.99


def test_the_weights_in_the_file_are_the_simulations_codes(simulated: Any, shipped: Any) -> None:
    """Codes rounded again by an exporter with scales of its own are another network."""
    stored = [onnx.numpy_helper.to_array(t) for t in onnx.load(shipped).graph.initializer]
    integers = [t for t in stored if t.dtype == numpy.int8]
    for held in codes(simulated).values():
        wanted = held.codes.numpy()
        assert any(t.shape == w.shape and numpy.array_equal(t, w) for t in integers for w in (wanted, wanted.T))


def fused(path: Path, folder: Path) -> Counter[str]:
    """How many nodes of which kind ONNX Runtime makes of a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.optimized_model_filepath = 3, str(folder / "fused.onnx")
    onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "fused.onnx").graph.node)


def test_convolutions_and_sums_become_integer_kernels(shipped: Any, tmp_path: Path) -> None:
    """A sum left in float splits the graph, and most of the speed is gone."""
    kinds = fused(shipped, tmp_path)
    assert kinds["QLinearConv"] == 2
    assert kinds["QLinearAdd"] == 1
    assert kinds["QGemm"] + kinds["MatMulIntegerToFloat"] == 2
    assert kinds["Conv"] == 0


def test_any_batch_size_is_taken(shipped: Any) -> None:
    """The exporter fixes what it was shown, unless told otherwise."""
    run = in_onnxruntime(shipped.read_bytes(), 1)
    assert [run(numpy.zeros((n, 1, 8, 8), numpy.uint8)).shape for n in (1, 7)] == [(1, 10), (7, 10)]


def test_a_deployed_model_is_saved_loaded_copied_and_hashed_like_any(simulated: Any, digits_split: Split, tmp_path: Path) -> None:
    """The store, the audits and the records know nothing of engines."""
    model = deployed(simulated, "onnxruntime", (1, 8, 8))
    loaded = load(save(model, tmp_path / "m.safetensors"))
    x = digits_split.test.x
    assert isinstance(loaded, Deployed)
    for other in (loaded, deepcopy(model)):
        assert torch.equal(other(x), model(x))
        assert hash_tensors(other) == hash_tensors(model)
        assert coverage(other).layers == coverage(model).layers


def test_a_file_says_what_it_is_and_not_where_it_was_made(shipped: Any) -> None:
    """Exporters write stack traces with the paths of whoever ran them."""
    assert describe(shipped)["origin"] == {"seed": 1}
    assert b"site-packages" not in shipped.read_bytes()
    assert b"/src/" not in shipped.read_bytes()


def test_a_convolution_before_a_maximum_becomes_an_integer_kernel_and_rounds_no_otherwise(digits_split: Split, tmp_path: Path) -> None:
    """The maximum stands between the convolution and what rounds its output; left there, the convolution runs in float."""
    with global_stream(generator("pools")):
        pooled = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 10)
        )
    model = to_int(Classifier(pooled, Normalize((0.3,), (0.4,))).eval(), digits_split.calibration)
    path = export(model, tmp_path / "m.onnx", image_shape=(1, 8, 8))
    exact, real = (predict(m, digits_split.test).logits for m in (model, load(path)))
    assert numpy.mean(real.argmax(1) == exact.argmax(1)) >= 0.99
    assert fused(path, tmp_path)["QLinearConv"] == 2


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"activations": 4}, "reads int4, and integer kernels read int8"),
        ({"symmetric": False}, "has affine int8 per_channel weights"),
        ({"granularity": "per_group", "group_size": 4}, "has int8 per_group weights"),
    ],
)
def test_formats_that_no_kernel_runs_are_refused_in_words(told: Any, says: Any, small_model: Classifier, digits_split: Split) -> None:
    """Running something near it under the same name would be a lie."""
    with pytest.raises(SpecError, match=says):
        deployed(to_int(small_model, digits_split.calibration, **told), "onnxruntime", (1, 8, 8))


def test_other_refusals(small_model: Classifier, digits_split: Split, tmp_path: Path) -> None:
    """Eight-bit floats on a CPU, an engine nobody has, an unknown shape, files that are none."""
    with pytest.raises(SpecError, match="reads float8_e4m3"):
        deployed(float8(small_model, digits_split.calibration), "onnxruntime", (1, 8, 8))
    with pytest.raises(SpecError, match="no engine 'onnxrt'; did you mean 'onnxruntime'"):
        Deployed(b"", "onnxrt")
    with pytest.raises(SpecError, match="pass image_shape"):
        export(small_model, tmp_path / "m.onnx")
    with pytest.raises(ArtifactError, match="no such file"):
        load(tmp_path / "m.onnx")
    (tmp_path / "m.onnx").write_bytes(b"hello")
    with pytest.raises(ArtifactError, match="not a whole ONNX file"):
        load(tmp_path / "m.onnx")


def test_weights_only_and_four_bits_run_as_well(small_model: Classifier, digits_split: Split, tmp_path: Path) -> None:
    """Four-bit codes travel as 8-bit integers; without readers the engine computes in float with the same weights."""
    for activations in (8, 0):
        model = to_int(small_model, digits_split.calibration, bits=4, activations=activations)
        real = load(export(model, tmp_path / "m.onnx", image_shape=(1, 8, 8)))
        exact, found = (predict(m, digits_split.test).logits for m in (model, real))
        assert numpy.abs(found - exact).max() < 0.1 * exact.std()


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("size", [0, 12])
def test_a_file_carries_its_preprocessing_and_says_so(engine: Any, size: Any, tmp_path: Path, digits_split: Split) -> None:
    """Normalized twice, or not at all, by whoever deploys it: half of the accuracy is gone, and nothing fails."""
    pytest.importorskip(engine)
    with global_stream(generator("resized")):
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    model = Classifier(net, Normalize((0.25,), (0.5,), size)).eval()
    path = export(model, tmp_path / "m.onnx", image_shape=(1, 8, 8))
    said = describe(path)
    assert said["input"] == {"name": "pixels", "dtype": "uint8", "layout": "nchw", "range": [0, 255], "shape": [1, 8, 8]}
    assert said["preprocessing"] == {"inside": True, "scale": 1 / 255, "mean": [0.25], "std": [0.5], "resize": size or None}
    assert said["output"] == {"name": "logits", "dtype": "float32"}
    real = Deployed(path.read_bytes(), engine)(digits_split.test.x)
    with torch.no_grad():
        assert torch.allclose(real, model(digits_split.test.x), atol=1e-4)


def test_a_users_own_module_is_said_to_take_raw_pixels(tmp_path: Path) -> None:
    """Nothing is known of what it does with them."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    class Own(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = net(x / 255.0)
            return answer

    said = describe(export(Own().eval(), tmp_path / "m.onnx", image_shape=(1, 8, 8)))
    assert (said["input"]["dtype"], said["preprocessing"]) == ("uint8", None)


def test_what_is_in_a_graph_already_and_names_of_ours_are_refused(simulated: Any, tmp_path: Path) -> None:
    """A traceback out of an exporter."""
    with pytest.raises(SpecError, match="runs in onnxruntime already"):
        export(deployed(simulated, "onnxruntime", (1, 8, 8)), tmp_path / "m.onnx", image_shape=(1, 8, 8))
    with pytest.raises(ArtifactError, match="'preprocessing' is written by export itself"):
        export(simulated, tmp_path / "m.onnx", image_shape=(1, 8, 8), preprocessing={})
