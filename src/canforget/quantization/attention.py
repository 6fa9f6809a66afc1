"""Attention layers of torch and torchvision rewritten with plain linear layers, so that their projections can be quantized."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

SWIN = "torchvision.models.swin_transformer"


class SplitAttention(nn.Module):
    """`nn.MultiheadAttention` with linear layers `q`, `k`, `v` and `out` in place of its packed weights; the same call, the same result."""

    in_proj_bias = None
    """Keeps torch's transformer layers off their fused path, which would read packed weights."""

    def __init__(self, packed: nn.MultiheadAttention) -> None:
        super().__init__()
        self.num_heads, self.batch_first = packed.num_heads, packed.batch_first
        weights = packed.in_proj_weight.chunk(3) if packed._qkv_same_embed_dim else separate(packed)
        biases = (None,) * 3 if packed.in_proj_bias is None else packed.in_proj_bias.chunk(3)
        self.q, self.k, self.v = (linear_of(w, b) for w, b in zip(weights, biases, strict=True))
        self.out = linear_of(packed.out_proj.weight, packed.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        alone, turned = query.ndim == 2, query.ndim == 3 and not self.batch_first
        if alone:
            query, key, value = (t.unsqueeze(0) for t in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        elif turned:
            query, key, value = (t.transpose(0, 1) for t in (query, key, value))
        q, k, v = (
            layer(t).unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for layer, t in ((self.q, query), (self.k, key), (self.v, value))
        )
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        if attn_mask is not None:
            scores = scores + additive(attn_mask, scores).view(-1, self.num_heads if attn_mask.ndim == 3 else 1, *attn_mask.shape[-2:])
        if key_padding_mask is not None:
            scores = scores + additive(key_padding_mask, scores)[:, None, None]
        weights = scores.softmax(-1)
        out = self.out((weights @ v).transpose(1, 2).flatten(2))
        told = weights.mean(1) if average_attn_weights else weights
        if alone:
            out, told = out[0], told[0]
        return (out.transpose(0, 1) if turned else out), (told if need_weights else None)


class WindowAttention(nn.Module):
    """torchvision's shifted-window attention (Swin, both versions) on [n, h, w, c], with `qkv` and `proj` as the linear layers they are."""

    position_bias: Tensor
    logit_scale: Tensor | None

    def __init__(self, packed: Any) -> None:
        super().__init__()
        self.window, self.shift, self.num_heads = tuple(packed.window_size), tuple(packed.shift_size), packed.num_heads
        cosine = getattr(packed, "logit_scale", None)
        bias = packed.qkv.bias
        if cosine is not None and bias is not None:
            bias = torch.cat([part * (place != 1) for place, part in enumerate(bias.chunk(3))])
        self.qkv, self.proj = linear_of(packed.qkv.weight, bias), linear_of(packed.proj.weight, packed.proj.bias)
        self.register_buffer("position_bias", packed.get_relative_position_bias().detach().clone())
        self.register_buffer("logit_scale", None if cosine is None else cosine.detach().clamp(max=math.log(100)).exp())

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        (wh, ww), channels = self.window, x.shape[3]
        x = pad(x, (0, 0, 0, -width % ww, 0, -height % wh))
        rows, columns = x.shape[1] // wh, x.shape[2] // ww
        shift = tuple(0 if n == 1 else s for n, s in zip((rows, columns), self.shift, strict=True))
        x = x.roll((-shift[0], -shift[1]), (1, 2)) if any(shift) else x
        windows = x.view(-1, rows, wh, columns, ww, channels).transpose(2, 3).reshape(-1, rows * columns, wh * ww, channels)
        windows = self.proj(self.attended(windows, self.mask(rows, columns, shift) if any(shift) else None))
        x = windows.view(-1, rows, columns, wh, ww, channels).transpose(2, 3).reshape(-1, rows * wh, columns * ww, channels)
        x = x.roll(shift, (1, 2)) if any(shift) else x
        return x[:, :height, :width].contiguous()

    def attended(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """What every token of [n, windows, tokens, c] gathers within its window, heads side by side."""
        q, k, v = self.qkv(windows).unflatten(-1, (3, self.num_heads, -1)).permute(3, 0, 1, 4, 2, 5).unbind(0)
        if self.logit_scale is None:
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        else:
            scores = (normalize(q, dim=-1) @ normalize(k, dim=-1).transpose(-2, -1)) * self.logit_scale
        scores = scores + self.position_bias
        scores = scores if mask is None else scores + mask
        gathered: Tensor = scores.softmax(-1) @ v
        return gathered.transpose(2, 3).flatten(3)

    def mask(self, rows: int, columns: int, shift: tuple[int, ...]) -> Tensor:
        """-100 between tokens of a window [windows, 1, tokens, tokens] that the shift brought together from opposite edges."""
        sides = [regions(n, w, s, self.position_bias) for n, w, s in zip((rows, columns), self.window, shift, strict=True)]
        region = sides[0][:, None, :, None] * 3 + sides[1][None, :, None, :]
        region = region.reshape(rows * columns, -1)
        return torch.where(region[:, None, :, None] == region[:, None, None, :], 0.0, -100.0)


def regions(count: int, size: int, shift: int, like: Tensor) -> Tensor:
    """Which part [windows, places] of a rolled side each place is from: before the last window, in it, or come round from the other edge."""
    place = torch.arange(count * size, device=like.device)
    edges = (place >= (count - 1) * size).long() + (place >= count * size - shift).long() if shift else torch.zeros_like(place)
    return edges.view(count, size)


def separate(packed: nn.MultiheadAttention) -> tuple[Tensor, ...]:
    """The weights of queries, keys and values of different widths."""
    return tuple(packed.get_parameter(f"{name}_proj_weight") for name in "qkv")


def linear_of(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A linear layer of a weight and bias, copied."""
    made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    made.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone())
    return made


def additive(mask: Tensor, like: Tensor) -> Tensor:
    """A mask as what is added to scores: minus infinity where a boolean one forbids."""
    return torch.zeros(mask.shape, device=mask.device, dtype=like.dtype).masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else mask


def split_attention_(net: nn.Module) -> None:
    """Puts the forms of this module in the place of every attention that has one."""
    for name, module in list(net.named_modules(remove_duplicate=False)):
        made = split_form(module)
        if made is not None and name:
            net.set_submodule(name, made.eval())


def split_form(module: nn.Module) -> nn.Module | None:
    """An attention with linear layers; None for any other module, and for attention with learned keys of its own."""
    if type(module) is nn.MultiheadAttention and module.bias_k is None and not module.add_zero_attn:
        return SplitAttention(module)
    if type(module).__module__ == SWIN and type(module).__name__ in ("ShiftedWindowAttention", "ShiftedWindowAttentionV2"):
        return WindowAttention(module)
    return None
