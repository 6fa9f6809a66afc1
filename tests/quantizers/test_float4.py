"""Four-bit formats: their block scales, their size in a file, and that they come back bit for bit."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from canforget.data.images import Images, Split
from canforget.deployment.model_file import load, save
from canforget.network.build import build
from canforget.network.classifier import Classifier
from canforget.quantization.layer import codes
from canforget.quantizers.float4 import float4
from canforget.quantizers.int import int as to_int
from canforget.quantizers.nf4 import nf4
from canforget.quantizers.none import none
from canforget.rng import generator

FORMATS: dict[str, Any] = {
    "mxfp4": (partial(float4, format="mxfp4"), 4.25),
    "nvfp4": (partial(float4, format="nvfp4"), 4.5),
    "nf4": (nf4, 4.5),
    "int4 in groups": (partial(to_int, bits=4, granularity="per_group", group_size=32, activations=0), 5.0),
    "hqq": (partial(to_int, bits=4, granularity="per_group", group_size=64, symmetric=False, rounding="hqq", activations=0), 5.0),
}


@pytest.mark.parametrize("name", FORMATS)
def test_files_hold_the_bits_per_weight_that_the_format_promises(name: Any, tmp_path: Path) -> None:
    """Block scales kept as float32 make an NVFP4 file half as large again; logits must not change on the way."""
    quantizer, bits = FORMATS[name]
    model = build("resnet20", 10, (3, 16, 16), rng=generator("a"), mean=(0.5,) * 3, std=(0.2,) * 3, parameters={"width": 32}).eval()
    images = Images.of(torch.randint(0, 256, (8, 3, 16, 16), generator=generator("i"), dtype=torch.uint8), torch.zeros(8))
    quantized = quantizer(model, images)
    path = save(quantized, tmp_path / "m.safetensors")
    assert torch.equal(load(path)(images.x), quantized(images.x))
    full = save(none(model, images), tmp_path / "full.safetensors").stat().st_size
    assert path.stat().st_size * 8 / (full / 4) == pytest.approx(bits, rel=0.15)


def test_nvfp4_scales_are_float8_numbers_times_one_for_the_tensor(small_model: Classifier, digits_split: Split) -> None:
    """Else no kernel could use them."""
    for held in codes(float4(small_model, digits_split.calibration)).values():
        whole = held.scale.max() / 448
        ratio = held.scale / whole
        assert torch.equal(ratio.to(torch.float8_e4m3fn).float() * whole, held.scale)


def test_mxfp4_scales_are_powers_of_two(small_model: Classifier, digits_split: Split) -> None:
    """E8M0 holds nothing else."""
    for held in codes(float4(small_model, digits_split.calibration, format="mxfp4")).values():
        assert bool((torch.frexp(held.scale).mantissa == 0.5).all())


def test_finer_blocks_are_nearer_to_the_weight(small_model: Classifier, digits_split: Split) -> None:
    """NVFP4 is there because MXFP4's powers of two waste up to half of the range."""
    off = {}
    for name in ("mxfp4", "nvfp4"):
        held = codes(float4(small_model, digits_split.calibration, format=name))["net.3"]
        float32 = codes(to_int(small_model, digits_split.calibration, bits=8))["net.3"].values()
        off[name] = float((held.values() - float32).square().mean())
    assert off["nvfp4"] < off["mxfp4"]
