"""Types of quantized and deployed classifiers, with their coverage and architecture, and the check that a model is a float one."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from canforget.errors import SpecError
from canforget.network.classifier import Architecture
from canforget.quantization.coverage import Coverage
from canforget.quantization.folding import FoldedClassifier, Folding, refolded
from canforget.quantization.layer import LayerGrids, QuantizedLayer, layers_of, set_layers_


class QuantizedClassifier(FoldedClassifier):
    """A folded network with quantized layers (simulated: codes and scales, float arithmetic) and the account of them.

    `format`: the call of the quantizer that made it, as in "int:bits=8"; "" where nobody said.
    """

    format: str = ""

    def __init__(
        self, normalize: nn.Module, net: nn.Module, architecture: Architecture | None, folding: Folding, coverage: Coverage
    ) -> None:
        super().__init__(normalize, net, architecture, folding)
        self.coverage = coverage
        self.requires_grad_(False)


class DeployedClassifier(nn.Module):
    """A network that real kernels of an engine run: raw uint8 pixels in, float32 logits out, no gradients.

    `coverage` is None for a graph that others wrote; `format` is the call of the quantizer that made it, or "" where nobody said.
    """

    format: str = ""

    def __init__(self, engine: str, architecture: Architecture | None, coverage: Coverage | None) -> None:
        super().__init__()
        self.engine = engine
        self.architecture = architecture
        self.coverage = coverage


def coverage(model: nn.Module) -> Coverage:
    """Returns what a quantizer rounded in `model` and what it left in float, and why; of a float model, that all of it is.

    For a network that no quantizer of ours has seen, nothing is known of its products: `macs` is 0.
    """
    if isinstance(model, QuantizedClassifier | DeployedClassifier) and model.coverage is not None:
        return model.coverage
    return Coverage.of_float(model)


def require_float(model: nn.Module, verb: str) -> None:
    """Refuses to `verb` ("quantize", "unlearn", "probe") a model that is quantized or deployed already, in one line."""
    if isinstance(model, DeployedClassifier):
        raise SpecError(f"{verb}: this model runs in {model.engine} and has no float weights; {verb} the float model that it came from")
    if any(isinstance(m, QuantizedLayer) for m in model.modules()):
        raise SpecError(f"{verb}: this model is quantized already; {verb} the float model that it came from")


@dataclass(frozen=True)
class Structure:
    """What `skeleton` needs to make a quantized model again: grids by the name of the layer, how it was folded; and its coverage."""

    layers: Mapping[str, LayerGrids]
    coverage: Coverage
    folding: Folding | None = None


def structure(model: nn.Module) -> Structure | None:
    """The structure of a quantized model; of one in the graph of an engine, its coverage alone; None for a float model."""
    if isinstance(model, QuantizedClassifier):
        return Structure(layers_of(model), model.coverage, model.folding)
    if isinstance(model, DeployedClassifier) and model.coverage is not None:
        return Structure({}, model.coverage)
    return None


def skeleton(model: nn.Module, known: Structure) -> QuantizedClassifier:
    """Returns `model` folded and with quantized layers as `structure` tells, ready for the codes, scales and biases of a file.

    Raises:
        ArtifactError: The structure is of another architecture.
    """
    base = refolded(model, known.folding or Folding(traced=False, split=False))
    set_layers_(base, known.layers)
    return quantized(base, known.coverage)


def quantized(base: FoldedClassifier, account: Coverage) -> QuantizedClassifier:
    """A folded network whose layers have been replaced, with the account of them."""
    return QuantizedClassifier(base.normalize, base.net, base.architecture, base.folding, account)
