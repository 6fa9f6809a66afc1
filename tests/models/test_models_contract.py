"""What every model keeps: fresh weights from its generator alone, the right shape, a graph that can be traced."""

import pytest
import torch
from torch import nn

from canforget.data.images import Split
from canforget.network.build import build
from canforget.network.predict import predict
from canforget.registry import find, names
from canforget.rng import generator
from canforget.training.loop import Fit, train_

MEMBERS = [name for name in names("models") if "/" not in name]
SHAPES = [(1, 8, 8), (3, 32, 32), (1, 28, 28), (2, 9, 17)]


def net(name: str, shape: tuple[int, int, int] = (3, 32, 32), seed: str = "net") -> nn.Module:
    """A member's net for seven classes."""
    made: nn.Module = find("models", name).load()(7, shape, rng=generator(seed))
    return made


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_image_shape_gives_logits_for_every_class(name: str, shape: tuple[int, int, int]) -> None:
    """Halving a small map once too often leaves nothing."""
    logits = net(name, shape).eval()(torch.zeros(2, *shape))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_the_same_generator_gives_the_same_weights_and_another_gives_others(name: str) -> None:
    """A net that draws from the global stream is never the same twice."""
    before = torch.get_rng_state()
    once, again, other = (net(name, seed=seed) for seed in ("a", "a", "b"))
    assert torch.equal(before, torch.get_rng_state())
    for (parameter_name, a), b, c in zip(once.named_parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), parameter_name
        drawn = a.requires_grad and len(a.unique()) > 2  # not all ones, zeros, or an identity
        assert drawn == (not torch.equal(a, c)), parameter_name


@pytest.mark.parametrize("name", MEMBERS)
def test_a_net_can_be_traced_and_computes_the_same_then(name: str) -> None:
    """Folding and quantization walk the traced graph."""
    model, x = net(name).eval(), torch.randn(2, 3, 32, 32, generator=generator("x"))
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(x), model(x))


@pytest.mark.parametrize("name", MEMBERS)
def test_no_layer_is_used_in_two_places(name: str) -> None:
    """One observer cannot describe two activations."""
    calls = [node.target for node in torch.fx.symbolic_trace(net(name)).graph.nodes if node.op == "call_module"]
    assert len(calls) == len(set(calls))


@pytest.mark.parametrize("name", MEMBERS)
def test_no_net_of_ours_has_attention(name: str) -> None:
    """Keys of their trainings hold no version of it (decision 23)."""
    model = net(name)
    called = [str(node.target) for node in torch.fx.symbolic_trace(model).graph.nodes] + [type(m).__name__ for m in model.modules()]
    assert len(called) > 5
    assert not [c for c in called if "attention" in c.lower()]


@pytest.mark.parametrize(("name", "millions"), [("resnet18", 11.17), ("resnet20", 0.27), ("speed_net", 0.5), ("tiny_cnn", 0.0066)])
def test_a_net_is_as_large_as_its_description_says(name: str, millions: float) -> None:
    """ResNet-18 with the CIFAR stem has 11.17 million weights, ResNet-20 0.27 (He et al., table 6)."""
    counted: nn.Module = find("models", name).load()(10, (3, 32, 32), rng=generator("size"))
    assert sum(p.numel() for p in counted.parameters()) / 1e6 == pytest.approx(millions, rel=0.02)


def test_tiny_cnn_learns_the_digits(digits_split: Split) -> None:
    """The test suite's workhorse; 700 images, a third of a second."""
    fit = Fit(epochs=15, batch_size=64, nesterov=True, weight_decay=5e-4, schedule="triangle", warmup=0.2, precision="float32")
    model = build("tiny_cnn", 10, (1, 8, 8), rng=generator("net"), mean=(0.3,), std=(0.38,))
    train_(model, digits_split.retain, rng=generator("fit"), fit=fit)
    assert predict(model, digits_split.test_retain).correct.mean() > 0.95


def test_the_stem_of_speed_net_is_fixed_and_levels_natural_spreads() -> None:
    """Brightness varies seven times as much as the finest color detail; behind the stem they must weigh nearly alike."""
    stem = net("speed_net").get_submodule("0")
    assert isinstance(stem, nn.Conv2d)
    assert not stem.weight.requires_grad
    assert torch.equal(stem.weight[:12], -stem.weight[12:])
    filters = stem.weight[:12].detach().flatten(1)
    overlap = filters @ filters.T
    assert (overlap - torch.diag(overlap.diag())).abs().max() < 1e-4 * overlap.max(), "the parts are orthogonal"
    norms = filters.norm(dim=1)
    assert float(norms[0]) == pytest.approx(1 / (3.2**2 + 0.1**2) ** 0.5, rel=1e-4)
