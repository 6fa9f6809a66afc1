"""Attention as plain products: the same but for rounding, where it is short, in bfloat16 and on a processor; nowhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from canforget.rng import generator
from canforget.training.attention import MOST_TOKENS, short_attention_as_products
from canforget.training.loop import Fit, passes

FUSED = "_scaled_dot_product_flash_attention_for_cpu"


class Operators(TorchDispatchMode):
    """The names of the operators that were called."""

    names: set[str]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.__name__.partition(".")[0])
        return func(*args, **(kwargs or {}))


@contextmanager
def operators() -> Iterator[set[str]]:
    made: Callable[[], Any] = Operators
    mode = made()
    mode.names = set()
    with mode:
        yield mode.names


def attended(tokens: int, **settings: Any) -> Tensor:
    q, k, v = torch.randn(3, 2, 2, tokens, 8, generator=generator(f"attention/{tokens}"))
    return nn.functional.scaled_dot_product_attention(q, k, v, **settings)


@pytest.mark.parametrize(("tokens", "fused"), [(5, False), (MOST_TOKENS, False), (MOST_TOKENS + 1, True)])
def test_short_attention_is_products_with_the_same_result_and_long_is_fused(tokens: int, fused: bool) -> None:
    before = attended(tokens), attended(tokens, is_causal=True)
    with operators() as seen, short_attention_as_products():
        after = attended(tokens), attended(tokens, is_causal=True)
    assert (FUSED in seen) == fused
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b)


def test_the_function_is_put_back_whatever_happens() -> None:
    function = nn.functional.scaled_dot_product_attention

    @short_attention_as_products()
    @short_attention_as_products()
    def fails() -> float:
        assert nn.functional.scaled_dot_product_attention is not function
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        fails()
    assert nn.functional.scaled_dot_product_attention is function


class Tokens(nn.Module):
    """Attention over four tokens of two numbers each, as a layer of torch or as timm calls it."""

    def __init__(self, by_layer: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.MultiheadAttention(2, 1, batch_first=True) if by_layer else nn.Linear(2, 6)

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.layer, nn.MultiheadAttention):
            attended_to: Tensor = self.layer(x, x, x, need_weights=False)[0]
            return attended_to.mean(1)
        q, k, v = self.layer(x).unsqueeze(1).chunk(3, -1)
        return nn.functional.scaled_dot_product_attention(q, k, v).mean((1, 2))


@pytest.mark.parametrize("by_layer", [True, False])
@pytest.mark.parametrize(("precision", "fused"), [("bfloat16", False), ("float32", True)])
def test_a_step_of_training_in_bfloat16_takes_products(by_layer: bool, precision: Any, fused: bool) -> None:
    model = Tokens(by_layer)
    x, y = torch.randn(6, 4, 2, generator=generator("x")), torch.tensor([0, 1] * 3)

    def loss() -> Tensor:
        return nn.functional.cross_entropy(model(x), y)

    with operators() as seen:
        for epoch in passes(Fit(epochs=1, precision=precision), model, generator("steps")):
            epoch.step(loss)
    assert (FUSED in seen) == fused
