"""Quantized and deployed models as types, and the refusal of what needs float weights."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from canforget.data.images import Split
from canforget.deployment.inductor import Compiled
from canforget.deployment.onnx_graph import deployed
from canforget.errors import ArtifactError, SpecError
from canforget.network.classifier import Classifier
from canforget.quantization.folding import Folding
from canforget.quantization.layer import LayerGrids
from canforget.quantization.quantized import QuantizedClassifier, Structure, coverage, require_float, skeleton, structure
from canforget.quantizers.bfloat16 import bfloat16
from canforget.quantizers.int import int as to_int
from canforget.quantizers.none import none
from canforget.registry import find, names
from tests.narrowed import present


@pytest.fixture(scope="module")
def quantized(small_model: Classifier, digits_split: Split) -> QuantizedClassifier:
    made = to_int(small_model, digits_split.calibration)
    assert isinstance(made, QuantizedClassifier)
    return made


def test_what_a_quantizer_returns_declares_its_account_and_architecture(quantized: Any, small_model: Classifier) -> None:
    """Attributes hung on a module were lost by whatever rebuilt it."""
    assert isinstance(quantized, QuantizedClassifier)
    assert quantized.architecture == small_model.architecture
    assert quantized.coverage.weights_fraction > 0.9
    assert coverage(deepcopy(quantized)) == quantized.coverage
    assert coverage(Compiled(quantized)) == quantized.coverage
    assert coverage(small_model).weights_fraction == 0


@pytest.mark.parametrize("name", names("quantizers"))
def test_no_quantizer_takes_what_is_quantized_or_deployed_already(name: Any, quantized: Any, digits_split: Split) -> None:
    """Rounded twice, under the name of the second rounding; or 50 lines of traceback from a graph without weights."""
    pytest.importorskip("onnxruntime")
    quantizer = find("quantizers", name).load()
    for made, says in (
        (quantized, "quantize: this model is quantized already; quantize the float model that it came from"),
        (Compiled(quantized), "runs in inductor and has no float weights"),
        (deployed(quantized, "onnxruntime", (1, 8, 8)), "runs in onnxruntime and has no float weights"),
    ):
        with pytest.raises(SpecError, match=says):
            quantizer(made, digits_split.calibration)


def test_the_refusal_names_the_verb_and_lets_float_models_pass(quantized: Any, small_model: Classifier, digits_split: Split) -> None:
    """One function for unlearning, probing and quantizing."""
    require_float(small_model, "unlearn")
    require_float(none(small_model, digits_split.calibration), "unlearn")
    for made in (quantized, bfloat16(small_model, digits_split.calibration)):
        with pytest.raises(SpecError, match="unlearn: this model is quantized already; unlearn the float model"):
            require_float(made, "unlearn")


def test_a_skeleton_has_the_same_tensors(quantized: Any, small_model: Classifier) -> None:
    """Filled from a file, one that is missing would keep its random value."""
    made = skeleton(small_model, present(structure(quantized)))
    assert {n: t.shape for n, t in made.state_dict().items()} == {n: t.shape for n, t in quantized.state_dict().items()}
    assert structure(made) == structure(quantized)
    assert structure(small_model) is None


@pytest.mark.parametrize(
    ("folding", "layers", "says"),
    [
        (Folding(True, True, (("0", "2"),)), {}, "no BatchNorm '2' after a layer '0'"),
        (Folding(True, True, (("0", "nowhere"),)), {}, "cannot be folded as told .*nowhere"),
        (Folding(False, False), {"net.nine": LayerGrids(None, ())}, "no layer 'net.nine' to quantize"),
    ],
)
def test_the_structure_of_another_network_is_refused_in_words(
    folding: Any, layers: Any, says: Any, small_model: Classifier, quantized: Any
) -> None:
    """It comes from a file, which may come from anybody."""
    with pytest.raises(ArtifactError, match=says):
        skeleton(small_model, Structure(layers, quantized.coverage, folding))


def test_a_network_that_cannot_be_traced_cannot_be_folded_as_a_traced_one(quantized: Any) -> None:
    """An error of torch.fx of several lines."""

    class Fickle(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.mean() > 0 else -x

    with pytest.raises(ArtifactError, match="cannot be folded as told"):
        skeleton(Fickle(), Structure({}, quantized.coverage, Folding(True, True)))
