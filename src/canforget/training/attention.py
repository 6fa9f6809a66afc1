"""Attention of few tokens as plain products: in bfloat16 on a processor their gradient takes half the time of that of torch's fused kernel."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

MOST_TOKENS = 128
"""From about 200 tokens on the fused kernel is the faster one, and products would hold a matrix of tokens by tokens for each head."""


@contextmanager
def short_attention_as_products() -> Iterator[None]:
    """Within the block `torch.nn.functional.scaled_dot_product_attention` of up to 128 tokens is computed as products; the same but for rounding.

    Reaches every net that calls it by its module, as those of timm, torchvision and `nn.MultiheadAttention` do; one that has imported the
    function itself keeps the fused kernel.
    """
    fused = nn.functional.scaled_dot_product_attention

    def by_length(query: Tensor, key: Tensor, *more: Any, **settings: Any) -> Tensor:
        if max(query.shape[-2], key.shape[-2]) > MOST_TOKENS:
            return fused(query, key, *more, **settings)
        with sdpa_kernel(SDPBackend.MATH):
            return fused(query, key, *more, **settings)

    nn.functional.scaled_dot_product_attention = by_length
    try:
        yield
    finally:
        nn.functional.scaled_dot_product_attention = fused
