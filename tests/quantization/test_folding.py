"""Folding changes how a network is written and nothing that it computes."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from canforget.network.build import build
from canforget.network.classifier import Add
from canforget.quantization import folding
from canforget.quantization.folding import folded, refolded
from canforget.quantization.tracing import BATCH_NORMS
from canforget.rng import global_stream


def lived_in_(net: nn.Module, rng: Generator) -> nn.Module:
    """BatchNorms with statistics and weights as after training, in evaluation mode."""
    for norm in net.modules():
        if isinstance(norm, BATCH_NORMS):
            for tensor, low, high in ((norm.running_mean, -1, 1), (norm.running_var, 0.3, 2), (norm.weight, 0.3, 2), (norm.bias, -1, 1)):
                if tensor is not None:
                    tensor.data.uniform_(low, high, generator=rng)
    return net.eval()


class Branches(nn.Module):
    """A convolution that two things read, a sum written as an operator, and a BatchNorm that comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm2d(2)
        self.shared, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv, self.second = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(4, affine=False)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.shared(self.first(x))
        x = self.norm(shared).relu()
        x = self.second(self.conv(x)) + shared
        answer: Tensor = self.head(x.mean((2, 3)))
        return answer


class Fickle(nn.Module):
    """A network whose course depends on the data, so that nobody can trace it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x if x.mean() < 100 else -x)
        answer: Tensor = self.head(x.mean((2, 3)))
        return answer


NETS: dict[str, Any] = {
    "convolution": (lambda: nn.Sequential(nn.Conv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6)), 0),
    "grouped": (lambda: nn.Sequential(nn.Conv2d(2, 6, 3, groups=2), nn.BatchNorm2d(6)), 0),
    "transposed": (lambda: nn.Sequential(nn.ConvTranspose2d(2, 6, 3), nn.BatchNorm2d(6)), 0),
    "grouped transposed": (lambda: nn.Sequential(nn.ConvTranspose2d(2, 6, 3, groups=2), nn.BatchNorm2d(6)), 0),
    "linear": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(128, 5), nn.BatchNorm1d(5)), 0),
    "other order": (lambda: nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 1)), 1),
    "branches": (Branches, 2),
    "fickle": (Fickle, 0),
}


@pytest.mark.parametrize("name", NETS)
def test_folding_leaves_the_outputs_as_they_were(name: Any, rng: Generator) -> None:
    """Grouped transposed convolutions order their channels otherwise; a layer that others read too must not be scaled."""
    make, left = NETS[name]
    with global_stream(rng):
        net = lived_in_(make(), rng)
    x = torch.randn(5, 2, 8, 8, generator=rng)
    found = folded(net, x)
    assert torch.allclose(found(x), net(x), atol=1e-5)
    assert not found.folding.note or name == "fickle"
    assert sum(isinstance(m, BATCH_NORMS) for m in found.modules()) == left


@pytest.mark.parametrize("name", ["tiny_cnn", "resnet20", "speed_net"])
def test_folding_changes_the_logits_of_our_nets_by_less_than_a_hundred_thousandth(name: Any, rng: Generator) -> None:
    """The property that issue after issue of other libraries is about."""
    model = lived_in_(build(name, 10, (3, 32, 32), rng=rng, mean=(0.5,) * 3, std=(0.25,) * 3), rng)
    x = torch.randint(0, 256, (8, 3, 32, 32), generator=rng, dtype=torch.uint8)
    with torch.no_grad():
        before, after = model(x), folded(model)(x)
    assert float((after - before).abs().max() / before.abs().max()) < 1e-5
    assert not any(isinstance(m, BATCH_NORMS) for m in folded(model).modules())


def test_sums_become_modules_unless_a_norm_reads_them() -> None:
    """A transformer's residual stream goes into LayerNorm, which runs in float: rounding it would only cost."""

    class Stream(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.norm, self.b = nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4)
            self.place = nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.place
            x = self.a(x) + x
            x = torch.add(self.b(self.norm(x)), x)
            return x + x.shape[0]

    found = folded(Stream())
    assert sum(isinstance(m, Add) for m in found.modules()) == 2
    assert found.float_sums == {"net.sum_0": "feeds a normalization, which runs in float"}


def test_a_network_that_cannot_be_traced_says_why(rng: Generator) -> None:
    """What stays in float must be told, with its reason."""
    found = folded(lived_in_(Fickle(), rng))
    assert "control flow" in found.folding.note


def test_the_original_keeps_its_batchnorm(rng: Generator) -> None:
    """Folding in place would ruin the float model that everything is compared with."""
    net = lived_in_(NETS["convolution"][0](), rng)
    before = {name: t.clone() for name, t in net.state_dict().items()}
    folded(net)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())


def test_a_batchnorm_without_statistics_stays(rng: Generator) -> None:
    """It normalizes by the batch, so there is nothing fixed to fold."""
    net = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)).eval()
    x = torch.randn(4, 2, 5, 5, generator=rng)
    assert torch.allclose(folded(net)(x), net(x), atol=1e-6)


class Statement(nn.Module):
    """A residual sum written in one of the ways that change a tensor in place."""

    def __init__(self, write: Any) -> None:
        super().__init__()
        self.write = write
        self.stem, self.conv = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)), nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm, self.last, self.head = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        answer: Tensor = self.head(self.last(self.write(self.norm(self.conv(x)), x)).mean((2, 3)))
        return answer


def as_a_statement(out: Tensor, x: Tensor) -> Tensor:
    out.add_(x)
    return out


def in_place(out: Tensor, x: Tensor) -> Tensor:
    out += x
    return out


def with_another_name(out: Tensor, x: Tensor) -> Tensor:
    other = out
    out += x
    return out * other


def on_a_view(out: Tensor, x: Tensor) -> Tensor:
    out[:, :2].add_(x[:, :2])
    return out


def seen_through_a_view(out: Tensor, x: Tensor) -> Tensor:
    view = out.flatten(1)
    out.add_(x)
    return out + view.mean()


def scaled_by(out: Tensor, x: Tensor) -> Tensor:
    return torch.add(out, x, alpha=2)


def into_another(out: Tensor, x: Tensor) -> Tensor:
    made = torch.zeros_like(out)
    torch.add(out, x, out=made)
    return made


WAYS = {
    as_a_statement: ("", {}),
    in_place: ("", {}),
    with_another_name: ("traced, it answers otherwise", {}),
    on_a_view: ("", {"net.sum_0": "a sum in place, of what may share memory with something else, runs in float"}),
    seen_through_a_view: ("", {"net.sum_0": "a sum in place, of what may share memory with something else, runs in float"}),
    scaled_by: ("", {"net.sum_0": "a sum with alpha= or out= runs in float"}),
    into_another: ("", {"net.sum_0": "a sum with alpha= or out= runs in float"}),
}


@pytest.mark.parametrize("write", WAYS)
@torch.no_grad()
def test_a_sum_is_never_lost_however_it_is_written(write: Any, rng: Generator) -> None:
    """`out.add_(x)` whose result nobody reads vanished from the traced network: other answers, and nothing said so."""
    with global_stream(rng):
        net = lived_in_(Statement(write), rng)
    x = torch.randn(5, 2, 8, 8, generator=rng)
    found = folded(net, x)
    assert torch.allclose(found(x), net(x), atol=1e-5)
    note, float_sums = WAYS[write]
    assert found.folding.note == note
    assert found.float_sums == float_sums
    assert sum(isinstance(m, BATCH_NORMS) for m in found.modules()) == (1 if note else 0)


class Tokens(nn.Module):
    """A linear layer on as many tokens as it has outputs, which a BatchNorm1d then normalizes token by token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.head = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.norm(self.embed(x)).flatten(1))
        return answer


@pytest.mark.parametrize("told", [True, False])
@torch.no_grad()
def test_a_batchnorm_that_normalizes_tokens_stays(told: Any, rng: Generator) -> None:
    """As many tokens as features: folded by channel, the network was another one, and no shape said so."""
    with global_stream(rng):
        net = lived_in_(Tokens(), rng)
    x = torch.randn(5, 8, 8, generator=rng)
    found = folded(net, x if told else None)
    assert torch.allclose(found(x), net(x), atol=1e-5)
    assert any(isinstance(m, nn.BatchNorm1d) for m in found.modules())
    assert found.folding.note == ""


class Shared(nn.Module):
    """A convolution under two names, used twice, each time before another BatchNorm; its course depends on the data, so it is not traced."""

    def __init__(self) -> None:
        super().__init__()
        conv = nn.Conv2d(2, 2, 3, padding=1)
        self.a, self.b = nn.Sequential(conv, nn.BatchNorm2d(2)), nn.Sequential(conv, nn.BatchNorm2d(2))
        self.head = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.b(self.a(x if x.mean() < 100 else -x)).mean((2, 3)))
        return answer


@torch.no_grad()
def test_a_module_used_twice_keeps_its_batchnorms(rng: Generator) -> None:
    """Folding both into the one weight scales each output by the other's gain too."""
    with global_stream(rng):
        net = lived_in_(Shared(), rng)
    x = torch.randn(5, 2, 8, 8, generator=rng)
    assert torch.allclose(folded(net, x)(x), net(x), atol=1e-5)


@torch.no_grad()
def test_a_network_folded_again_by_its_folding_is_the_same_bit_for_bit(rng: Generator) -> None:
    """A file holds how its network was folded; what is decided anew, with other images or none, may be decided otherwise."""
    with global_stream(rng):
        net = lived_in_(nn.Sequential(nn.Flatten(), nn.Linear(128, 5), nn.BatchNorm1d(5)), rng)
    x = torch.randn(5, 2, 8, 8, generator=rng)
    found = folded(net, x)
    again = refolded(net, found.folding)
    assert torch.equal(again(x), found(x))
    assert again.state_dict().keys() == found.state_dict().keys()


@torch.no_grad()
def test_a_folded_network_that_answers_otherwise_is_not_used(rng: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else folding may get wrong: the answers decide."""
    monkeypatch.setattr(folding, "fold_into_", lambda layer, norm: None)
    net = lived_in_(NETS["convolution"][0](), rng)
    x = torch.randn(5, 2, 8, 8, generator=rng)
    found = folded(net, x)
    assert torch.equal(found(x), net(x))
    assert found.folding.note == "traced, it answers otherwise"
