"""What every model keeps, as one function: `check_model` builds it for images of several shapes and names the first promise it breaks."""

from collections.abc import Callable
from copy import deepcopy

import numpy
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from canforget.errors import CanforgetError, ContractError
from canforget.rng import generator
from canforget.testing.promises import require_kept, require_signature
from canforget.testing.unlearner import random_states

SHAPES = ((3, 32, 32), (1, 28, 28), (1, 8, 8))


def check_model(model: Callable[..., nn.Module]) -> None:
    """Raises `ContractError` unless `model` (a function, or a `functools.partial` of one) keeps the contract of the family.

    It must take (num_classes, image_shape, *, rng) and typed keyword-only hyperparameters; return a module with fresh weights from `rng`
    alone, the same for the same generator and others for another, leaving the global random state alone; give one finite logit a class
    for normalized images, in train and in eval mode, each image judged by itself in eval mode; pass a gradient to every weight that may
    change; and hold all that decides its answers in its state. Images of a shape that it cannot read it refuses with a `CanforgetError`;
    color images of 32 pixels it must read.
    """
    require_signature("model", model, ("num_classes", "image_shape"), ("rng",))
    for shape in SHAPES:
        net = built(model, shape, "one")
        if net is None:
            require_kept("model", shape != SHAPES[0], "it refuses color images of 32 x 32 pixels")
            continue
        check_weights_drawn(model, net, shape)
        check_model_logits(net, shape)
        check_gradients(net, shape)
        check_state(model, net, shape)


def built(model: Callable[..., nn.Module], shape: tuple[int, int, int], stream: str) -> nn.Module | None:
    """The net for seven classes, or None where it refuses in words."""
    states = random_states()
    try:
        net = model(7, shape, rng=generator(f"check model {stream}"))
    except CanforgetError as refusal:
        require_kept("model", bool(str(refusal)), f"{shape}: it refused without a word")
        return None
    except Exception as problem:
        raise ContractError(f"model: {shape}: it ended with {type(problem).__name__}: {problem}") from problem
    require_kept("model", isinstance(net, nn.Module), f"it returned {type(net).__name__}, not a torch module")
    require_kept("model", all(map(numpy.array_equal, random_states(), states)), f"{shape}: it disturbed the global random state")
    return net


def check_weights_drawn(model: Callable[..., nn.Module], net: nn.Module, shape: tuple[int, int, int]) -> None:
    """The same weights from the same stream, other weights from another."""
    same, other = built(model, shape, "one"), built(model, shape, "other")
    require_kept(
        "model", same is not None and other is not None and same is not net, f"{shape}: it refused once, or returned one module twice"
    )
    assert same is not None and other is not None
    alike = all(map(torch.equal, net.state_dict().values(), same.state_dict().values()))
    require_kept(
        "model", alike, f"{shape}: the same generator gave other weights the second time; draw from `rng` (canforget.rng.global_stream)"
    )
    drawn = any(not torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))
    require_kept("model", drawn, f"{shape}: another generator gave the same weights")


def check_model_logits(net: nn.Module, shape: tuple[int, int, int]) -> None:
    """One finite logit a class; in eval mode each image is judged by itself."""
    x = torch.randn(4, *shape, generator=generator("check model images"))
    for mode in (True, False):
        with torch.no_grad():
            out = answered(deepcopy(net).train(mode), x, shape)
        form = isinstance(out, torch.Tensor) and out.shape == (4, 7)
        require_kept(
            "model",
            form,
            f"{shape}: it returned {getattr(out, 'shape', type(out).__name__)} for 4 images of 7 classes; return logits (4, 7)",
        )
        require_kept("model", bool(out.isfinite().all()), f"{shape}: its logits are not finite")
    with torch.no_grad():
        together, alone = net.eval()(x), torch.cat([net.eval()(x[i : i + 1]) for i in range(4)])
    near = torch.allclose(together, alone, rtol=1e-3, atol=1e-4)
    require_kept("model", near, f"{shape}: in eval mode, what it says of an image depends on chance or on the images beside it")


def answered(net: nn.Module, x: torch.Tensor, shape: tuple[int, int, int]) -> torch.Tensor:
    """What a net says; a crash breaks the contract."""
    try:
        found: torch.Tensor = net(x)
    except Exception as problem:
        raise ContractError(f"model: {shape}: on images it ended with {type(problem).__name__}: {problem}") from problem
    return found


def check_gradients(net: nn.Module, shape: tuple[int, int, int]) -> None:
    """Every weight that may change has a say in the loss."""
    x, y = torch.randn(8, *shape, generator=generator("check model gradients")), torch.arange(8) % 7
    twin = deepcopy(net).train()
    cross_entropy(answered(twin, x, shape), y).backward()
    idle = [n for n, p in twin.named_parameters() if p.requires_grad and p.grad is None]
    require_kept("model", not idle, f"{shape}: {idle[:1]} is a parameter that no logit depends on; leave it out, or freeze it")


def check_state(model: Callable[..., nn.Module], net: nn.Module, shape: tuple[int, int, int]) -> None:
    """Another net with this one's state answers alike."""
    other = built(model, shape, "other")
    assert other is not None
    other.load_state_dict(net.state_dict())
    x = torch.randn(2, *shape, generator=generator("check model state"))
    with torch.no_grad():
        alike = torch.equal(other.eval()(x), net.eval()(x))
    require_kept(
        "model", alike, f"{shape}: another net with the same state gives other logits; keep what decides them in parameters and buffers"
    )
