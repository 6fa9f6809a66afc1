"""What the hyperparameters of `float8` do."""

from typing import Any

from torch import Tensor, nn

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.quantization.folding import folded
from canforget.quantizers.float8 import float8


def test_bias_correction_leaves_the_mean_of_every_channel_of_a_layer_as_it_was(small_model: Classifier, digits_split: Split) -> None:
    """Redone by hand for the first layer, whose inputs no rounding has touched."""

    def means(model: nn.Module) -> Tensor:
        answer: Tensor = model.get_submodule("net.0")(small_model.normalize(digits_split.calibration.x)).mean((0, 2, 3))
        return answer

    exact = means(folded(small_model))
    off = {corrected: (means(rounded(small_model, digits_split, corrected)) - exact).abs().max() for corrected in (False, True)}
    assert off[True] < 0.1 * off[False]


def rounded(model: nn.Module, split: Any, corrected: bool) -> nn.Module:
    return float8(model, split.calibration, format="e5m2", activations=False, bias_correction=corrected)
