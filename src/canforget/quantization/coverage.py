"""Quantization coverage: which layers, parameters and multiply-adds are rounded, to what, and why the others are not."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class LayerCoverage:
    """What became of one layer: formats of weights and activations ("-" where it has none), weights, products, and why it was left."""

    name: str
    kind: str
    weights: str
    activations: str
    parameters: int
    macs: int
    reason: str = ""

    @property
    def coded(self) -> bool:
        """Whether the layer's weights are codes on a grid."""
        return self.weights not in ("float32", "-")


@dataclass(frozen=True)
class Coverage:
    """What a quantized network rounds and what it leaves in float; multiply-accumulates are counted for one image."""

    layers: tuple[LayerCoverage, ...]
    parameters: int
    macs: int

    @property
    def left(self) -> tuple[LayerCoverage, ...]:
        """The layers, sums and products left in float, each with its reason."""
        return tuple(layer for layer in self.layers if layer.reason)

    @property
    def weights_fraction(self) -> float:
        """Fraction of all parameters that have codes (biases have none), in [0, 1]."""
        return sum(layer.parameters for layer in self.layers if layer.coded) / max(1, self.parameters)

    @property
    def macs_fraction(self) -> float:
        """Fraction of all multiply-accumulates with rounded weights, in [0, 1]; attention's products count among all."""
        return sum(layer.macs for layer in self.layers if layer.coded) / max(1, self.macs)

    def to_json(self) -> dict[str, Any]:
        """The account as JSON."""
        fractions = {"weights_fraction": self.weights_fraction, "macs_fraction": self.macs_fraction}
        return {"layers": [asdict(layer) for layer in self.layers], "parameters": self.parameters, "macs": self.macs, **fractions}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Coverage":
        """Undoes `to_json`."""
        return cls(tuple(LayerCoverage(**layer) for layer in plain["layers"]), plain["parameters"], plain["macs"])

    @classmethod
    def of_float(cls, model: nn.Module) -> "Coverage":
        """The account of a model in which nothing is rounded."""
        own = {name: sum(p.numel() for p in m.parameters(recurse=False)) for name, m in model.named_modules()}
        kinds = {name: type(m).__name__ for name, m in model.named_modules()}
        left = [LayerCoverage(name, kinds[name], "float32", "float32", size, 0, "not quantized") for name, size in own.items() if size]
        return cls(tuple(left), sum(own.values()), 0)
