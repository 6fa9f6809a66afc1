"""The contract of models holds for every member, and catches what it is there for."""

from typing import Any

import pytest
import torch
from torch import Generator, nn

from canforget.errors import ContractError, SpecError
from canforget.registry import find, names
from canforget.rng import global_stream
from canforget.testing.model import check_model


@pytest.mark.parametrize("name", [n for n in names("models") if "/" not in n])
def test_every_model_keeps_the_contract(name: Any) -> None:
    """A net that draws from the global stream is never the same twice."""
    check_model(find("models", name).load())


class Net(nn.Module):
    """A linear layer, with the fault that is asked for."""

    def __init__(self, num_classes: Any, image_shape: Any, fault: Any) -> None:
        super().__init__()
        self.fault, self.calls = fault, 0
        self.linear = nn.Linear(image_shape[0], num_classes - (fault == "classes"))
        if fault == "idle":
            self.extra = nn.Linear(2, 2)
        self.hidden = torch.randn(())

    def forward(self, x: Any) -> Any:
        out = self.linear(x.mean((2, 3)))
        match self.fault:
            case "nan":
                return out * float("nan")
            case "chance":
                return out + torch.randn_like(out)
            case "neighbors":
                return out - out.mean(0)
            case "tuple":
                return out, out
            case "state":
                return out + self.hidden
            case "crash":
                raise ValueError("no")
        return out


def faulty(fault: Any) -> Any:
    def net(num_classes: Any, image_shape: Any, *, rng: Generator, width: int = 1) -> Any:
        if fault == "refuses":
            raise SpecError("no images at all")
        if fault == "global":
            return Net(num_classes, image_shape, fault)
        with global_stream(rng):
            made = Net(num_classes, image_shape, fault)
        if fault == "constant":
            nn.init.zeros_(made.linear.weight)
            nn.init.zeros_(made.linear.bias)
        return made if fault != "none" else None

    return net


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("classes", "it returned torch.Size([4, 6]) for 4 images of 7 classes"),
        ("tuple", "for 4 images of 7 classes; return logits"),
        ("nan", "its logits are not finite"),
        ("chance", "depends on chance or on the images beside it"),
        ("neighbors", "depends on chance or on the images beside it"),
        ("idle", "is a parameter that no logit depends on"),
        ("state", "another net with the same state gives other logits"),
        ("crash", "on images it ended with ValueError: no"),
        ("global", "it disturbed the global random state"),
        ("constant", "another generator gave the same weights"),
        ("refuses", "it refuses color images of 32 x 32 pixels"),
        ("none", "it returned NoneType, not a torch module"),
    ],
)
def test_a_broken_model_is_told_what_is_wrong(fault: Any, said: Any) -> None:
    """A contract that passes everything."""
    with pytest.raises(ContractError) as broken:
        check_model(faulty(fault))
    assert said in str(broken.value)


def test_a_sound_net_of_ones_own_passes_and_a_signature_is_read() -> None:
    check_model(faulty(""))
    with pytest.raises(ContractError, match="its arguments by place are"):
        check_model(lambda num_classes, *, rng: nn.Identity())
    with pytest.raises(ContractError, match="'width' must be keyword-only and typed"):
        check_model(lambda num_classes, image_shape, *, rng, width=3: nn.Identity())
