"""Hyperparameters that are more than a number or a word: how a model is fitted. Loads no torch, so that plans stay instant."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fit:
    """How weights are fitted: all that `passes` in `fit.py` needs to know besides the model, the loss and the data.

    `lr` is the peak of the schedule; `warmup` the fraction of training over which it rises linearly from 0; `schedule` what follows
    ("triangle" falls linearly to 0, "cosine" along half a cosine, "step" by ten at 1/2 and 3/4). `average` is the decay of an
    exponential moving average of the weights (0: off). `crop` pads by that many pixels and crops back, `cutout` blanks a square of
    that side. `bits` trains through the rounding of weights to that many bits (0: off): see `canforget.quantization.qat.rounding`. `patience` stops after so many epochs without a better loss on `val` (0: off) and returns the best weights.
    """

    epochs: int = 10
    batch_size: int = 128
    lr: float = 0.1
    optimizer: Literal["sgd", "adam", "adamw", "muon"] = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "triangle", "step"] = "constant"
    warmup: float = 0.0
    label_smoothing: float = 0.0
    average: float = 0.0
    clip: float = 0.0
    crop: int = 0
    flip: bool = False
    cutout: int = 0
    bits: Literal[0, 2, 3, 4, 5, 6, 7, 8] = 0
    patience: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool = False


TRAINING = Fit(epochs=15, batch_size=256, lr=0.2, nesterov=True, weight_decay=5e-4, schedule="triangle", warmup=0.2, label_smoothing=0.1)
