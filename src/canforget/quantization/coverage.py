"""Quantization coverage: which layers, parameters and multiply-adds are rounded, to what, and why the others are not."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import nn


@dataclass(frozen=True)
class LayerCoverage:
    """What became of one layer: formats of weights and activations ("-" where it has none), weights, products, and why it was left.

    `integer`: whether the engine that runs it multiplies integers; None where no engine was asked.
    """

    name: str
    kind: str
    weights: str
    activations: str
    parameters: int
    macs: int
    reason: str = ""
    integer: bool | None = None

    @property
    def coded(self) -> bool:
        """Whether the layer's weights are codes on a grid."""
        return self.weights not in ("float32", "-")


@dataclass(frozen=True)
class Coverage:
    """What a quantized network rounds and what it leaves in float; multiply-accumulates are counted for one image.

    `engine`: what runs it; "" for a simulation, which multiplies floats that lie on grids.
    """

    layers: tuple[LayerCoverage, ...]
    parameters: int
    macs: int
    engine: str = ""

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

    @property
    def integer_fraction(self) -> float | None:
        """Fraction of all multiply-accumulates that the engine runs on integers, in [0, 1]; None where no engine was asked.

        On CPUs integers are what makes a network fast: rounded weights that an engine multiplies as floats save bytes only.
        """
        if all(layer.integer is None for layer in self.layers):
            return None
        return sum(layer.macs for layer in self.layers if layer.integer) / max(1, self.macs)

    def deployed(self, engine: str, integer: Collection[str]) -> "Coverage":
        """The account of the same network run by an engine that multiplies integers in the layers named."""
        layers = (replace(layer, integer=layer.name in integer) if layer.coded else layer for layer in self.layers)
        return replace(self, layers=tuple(layers), engine=engine)

    def to_json(self) -> dict[str, Any]:
        """The account as JSON."""
        fractions = ("weights_fraction", "macs_fraction", "integer_fraction")
        return {**asdict(self), **{name: getattr(self, name) for name in fractions}}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Coverage":
        """Undoes `to_json`."""
        return cls(tuple(LayerCoverage(**layer) for layer in plain["layers"]), plain["parameters"], plain["macs"], plain.get("engine", ""))

    @classmethod
    def of_float(cls, model: nn.Module) -> "Coverage":
        """The account of a model in which nothing is rounded."""
        own = {name: sum(p.numel() for p in m.parameters(recurse=False)) for name, m in model.named_modules()}
        kinds = {name: type(m).__name__ for name, m in model.named_modules()}
        left = [LayerCoverage(name, kinds[name], "float32", "float32", size, 0, "not quantized") for name, size in own.items() if size]
        return cls(tuple(left), sum(own.values()), 0)
