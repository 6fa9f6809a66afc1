"""Attention with linear layers gives what torch's and torchvision's own give."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, nn

from canforget.data.images import Images
from canforget.deployment.model_file import load, save, stored
from canforget.network.classifier import Classifier, Normalize
from canforget.quantization.attention import SplitAttention, WindowAttention, split_form
from canforget.quantization.folding import folded
from canforget.quantization.quantized import coverage
from canforget.quantizers.int import int as to_int
from canforget.rng import global_stream
from tests.narrowed import present


def shaken_(net: nn.Module, rng: Generator) -> nn.Module:
    """Weights and biases none of which is zero."""
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=rng)
    return net.eval()


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        ({}, {}),
        ({"batch_first": True}, {"need_weights": False}),
        ({"bias": False}, {"average_attn_weights": False}),
        ({"kdim": 6, "vdim": 10, "batch_first": True}, {}),
        ({"batch_first": True}, {"attn_mask": "bool"}),
        ({"batch_first": True}, {"attn_mask": "float"}),
        ({"batch_first": True}, {"attn_mask": "heads"}),
        ({}, {"key_padding_mask": "padding"}),
        ({}, {"alone": True}),
    ],
)
@torch.no_grad()
def test_split_attention_is_torchs(made: Any, asked: Any, rng: Generator) -> None:
    """Every layout, mask and width that torch's takes; relative 1e-5."""
    with global_stream(rng):
        packed = shaken_(nn.MultiheadAttention(8, 2, **made), rng)
    q, k, v = (torch.randn(3, 5, made.get(width, 8), generator=rng) for width in ("", "kdim", "vdim"))
    batch, length = (3, 5) if made.get("batch_first") else (5, 3)
    forbidden = torch.rand(length, length, generator=rng) > 0.7
    forbidden.fill_diagonal_(False)
    masks = {
        "bool": forbidden,
        "float": torch.randn(length, length, generator=rng),
        "heads": torch.randn(2 * batch, length, length, generator=rng),
        "padding": torch.arange(length).expand(batch, -1) >= length - 1,
    }
    told = {name: masks.get(value, value) if isinstance(value, str) else value for name, value in asked.items() if name != "alone"}
    given = (q[0], k[0], v[0]) if asked.get("alone") else (q, k, v)
    split = present(split_form(packed)).eval()
    for exact, found in zip(packed(*given, **told), split(*given, **told), strict=True):
        assert (exact is None) == (found is None)
        assert exact is None or torch.allclose(found, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("version", ["ShiftedWindowAttention", "ShiftedWindowAttentionV2"])
@pytest.mark.parametrize(("size", "shift"), [((8, 8), (2, 2)), ((8, 12), (2, 0)), ((7, 9), (2, 2)), ((4, 8), (2, 2)), ((3, 4), (2, 2))])
@torch.no_grad()
def test_window_attention_is_torchvisions(version: Any, size: Any, shift: Any, rng: Generator) -> None:
    """Padding, one window or many, shifts along one side or both."""
    swin = pytest.importorskip("torchvision.models.swin_transformer")
    with global_stream(rng):
        packed = shaken_(getattr(swin, version)(8, [4, 4], list(shift), 2), rng)
    x = torch.randn(3, *size, 8, generator=rng)
    split = present(split_form(packed)).eval()
    assert isinstance(split, WindowAttention)
    assert torch.allclose(split(x), packed(x), rtol=1e-5, atol=1e-6)


def test_splitting_leaves_the_global_random_state_alone() -> None:
    """A layer made on the way draws weights that nobody uses, and everybody else's change."""
    packed = nn.MultiheadAttention(8, 2)
    before = torch.random.get_rng_state()
    split_form(packed)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_attention_with_learned_keys_is_left_alone() -> None:
    """It appends what no linear layer gives."""
    assert split_form(nn.MultiheadAttention(8, 2, add_bias_kv=True)) is None
    assert split_form(nn.MultiheadAttention(8, 2, add_zero_attn=True)) is None
    assert split_form(nn.Linear(2, 2)) is None


def vit() -> nn.Module:
    models = pytest.importorskip("torchvision.models.vision_transformer")
    answer: nn.Module = models.VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=96, mlp_dim=192, num_classes=10)
    return answer


def swin() -> nn.Module:
    models = pytest.importorskip("torchvision.models.swin_transformer")
    answer: nn.Module = models.SwinTransformer([2, 2], 32, [1, 2], [2, 4], [2, 2], num_classes=10)
    return answer


@pytest.mark.parametrize(("make", "kind"), [(vit, SplitAttention), (swin, WindowAttention)])
@torch.no_grad()
def test_torchvisions_transformers_are_rounded_whole_and_their_files_a_quarter_in_size(
    make: Any, kind: Any, rng: Generator, tmp_path: Path
) -> None:
    """A third of their weights stayed in float, handed to functions, and their files were half as large as float32."""
    images = Images.of(torch.randint(0, 256, (6, 3, 32, 32), generator=rng, dtype=torch.uint8), torch.zeros(6))
    with global_stream(rng):
        model = Classifier(shaken_(make(), rng), Normalize((0.5,) * 3, (0.5,) * 3)).eval()
    exact, base = model(images.x), folded(model, images.x)
    assert base.folding.note == ""
    assert any(isinstance(m, kind) for m in base.modules())
    assert torch.allclose(base(images.x), exact, rtol=1e-5, atol=1e-5 * float(exact.abs().max()))
    quantized = to_int(model, images)
    assert (quantized(images.x) - exact).abs().mean() < 0.1 * exact.std()
    assert coverage(quantized).weights_fraction > 0.95
    assert sum(t.numel() * t.element_size() for t in stored(quantized).values()) < 0.3 * 4 * sum(p.numel() for p in model.parameters())
    path = save(quantized, tmp_path / "small.safetensors")
    assert torch.equal(load(path, into=model)(images.x), quantized(images.x))
