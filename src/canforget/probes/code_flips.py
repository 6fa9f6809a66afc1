"""Code flips: what does rounding to symmetric integers do to an update, layer by layer?"""

from dataclasses import asdict
from typing import Any

from torch import Generator, nn

from canforget.data.images import Split
from canforget.evaluation.code_flips import mechanism
from canforget.evaluation.probe_results import ProbeResult
from canforget.quantization.folding import folded
from canforget.quantization.quantized import require_float
from canforget.quantization.tracing import channel_axis, is_layer
from canforget.registry import component
from canforget.spec import Call


def refuses(quantizer: dict[str, object]) -> str:
    """What is known of an update's flips holds for plain symmetric integers."""
    plain_int = {"symmetric": True, "full_range": False, "rounding": "nearest", "ranges": "minmax", "first_last_bits": 0}
    alike = (
        quantizer["name"] == "int"
        and quantizer["granularity"] != "per_group"
        and all(quantizer.get(k, v) == v for k, v in plain_int.items())
    )
    known = "code flips are known of symmetric integers with one step a channel or tensor, rounded to nearest"
    return "" if alike else f"{known}, not of {quantizer['label']}"


@component(version=1, reading="flipped_codes", of_rounding=True)
def code_flips(model: nn.Module, split: Split, *, rng: Generator, original: nn.Module, quantizer: Call) -> ProbeResult:
    """Codes that unlearning changed and how much of the update survives rounding, of all layers together and each (`LayerFigures`).

    `model` is the unlearned model before rounding, `quantizer` the format. From weights alone: see the limits of `mechanism`.
    """
    weights = [folded_weights(m) for m in (original, model)]
    found = asdict(mechanism(*weights, bits=quantizer["bits"], per_channel=quantizer["granularity"] == "per_channel"))
    return ProbeResult({}, found | {"cost": {}})


def folded_weights(model: nn.Module) -> dict[str, Any]:
    """The weights of all convolutions and linear layers with BatchNorm folded, output channels first."""
    require_float(model, "probe")
    layers = {name: layer for name, layer in folded(model).named_modules() if is_layer(layer)}
    return {name: layer.weight.detach().movedim(channel_axis(layer), 0).cpu().numpy() for name, layer in layers.items()}
