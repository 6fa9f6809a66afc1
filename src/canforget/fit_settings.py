"""Hyperparameters that are more than a number or a word: how a model is fitted. Loads no torch, so that plans stay instant."""

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from annotated_types import Ge, Le, Lt

from canforget.errors import SpecError
from canforget.hyperparameters import BitsOrNone, Fraction, NonNegative, Positive, conforming

Pixels = Annotated[int, Ge(0), Le(4096)]
Decay = Annotated[float, Ge(0), Lt(1)]


@dataclass(frozen=True)
class Fit:
    """How weights are fitted: all that `passes` in `training/loop.py` needs to know besides the model, the loss and the data.

    `lr` is the peak of the schedule; `warmup` the fraction of training over which it rises linearly from 0; `schedule` what follows
    ("triangle" falls linearly to 0, "cosine" along half a cosine, "step" by ten at 1/2 and 3/4). `average` is the decay of an
    exponential moving average of the weights (0: off). `clip` bounds the norm of the gradient (0: off). `crop` pads by that many pixels
    and crops back, `cutout` blanks a square of that side. `flip` mirrors an image by a coin each time it is drawn, or "alternating" (Jordan
    2024, https://arxiv.org/abs/2404.00498): by a coin in the first epoch, then in every other one, so that two epochs show both sides.
    `bits` trains through the rounding of weights to that many bits (0: off): see `canforget.quantization.qat.rounding`. `patience` stops
    after so many epochs without a better loss on `val` (0: off) and returns the best weights.

    Raises:
        SpecError: a field out of its range, or two that contradict one another.
    """

    epochs: Annotated[int, Ge(1), Le(100_000)] = 10
    batch_size: Annotated[int, Ge(1), Le(1_000_000)] = 128
    lr: Positive = 0.1
    optimizer: Literal["sgd", "adam", "adamw", "muon"] = "sgd"
    momentum: Decay = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 0.0
    schedule: Literal["constant", "cosine", "triangle", "step"] = "constant"
    warmup: Fraction = 0.0
    label_smoothing: Decay = 0.0
    average: Decay = 0.0
    clip: NonNegative = 0.0
    crop: Pixels = 0
    flip: bool | Literal["alternating"] = False
    cutout: Pixels = 0
    bits: BitsOrNone = 0
    patience: Annotated[int, Ge(0), Le(100_000)] = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, conforming(field.type, getattr(self, field.name), f"fit.{field.name}"))
        if self.optimizer == "sgd" and self.nesterov and not self.momentum:
            raise SpecError("fit.nesterov: Nesterov's step needs a momentum; set momentum above 0, or nesterov = false")


def too_large(fit: Fit, image_shape: tuple[int, int, int]) -> str:
    """Why images of this shape (channels, height, width) cannot be augmented as `fit` says, or nothing.

    >>> too_large(Fit(cutout=9), (1, 8, 8))
    'cutout: a square of 9 pixels does not fit into images of 8 x 8; give at most 8'
    """
    _, height, width = image_shape
    side = min(height, width)
    if fit.cutout > side:
        return f"cutout: a square of {fit.cutout} pixels does not fit into images of {height} x {width}; give at most {side}"
    if fit.crop >= side:
        return f"crop: images of {height} x {width} cannot be padded by {fit.crop} of their own pixels; give at most {side - 1}"
    return ""


TRAINING = Fit(epochs=15, batch_size=256, lr=0.2, nesterov=True, weight_decay=5e-4, schedule="triangle", warmup=0.2, label_smoothing=0.1)
