"""Every quantizer keeps the contract of the family with its defaults; and the contract notices those that do not."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from canforget.data.images import Images
from canforget.quantizers.int import int as to_int
from canforget.registry import find, names
from canforget.testing import ContractError
from canforget.testing.quantizer import check_quantizer


@pytest.mark.parametrize("name", names("quantizers"))
def test_every_quantizer_keeps_the_contract(name: str) -> None:
    """A quantizer that changes its argument, calibrates in train mode, or loses a tensor on the way to its file."""
    check_quantizer(find("quantizers", name).load())


def rounds_in_place(model: nn.Module, calibration: Images) -> nn.Module:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
    return deepcopy(model).eval()


def hands_it_back(model: nn.Module, calibration: Images) -> nn.Module:
    return model


def draws_from_the_global_state(model: nn.Module, calibration: Images) -> nn.Module:
    torch.rand(1)
    return deepcopy(model).eval()


CALLS: list[int] = []


def depends_on_chance(model: nn.Module, calibration: Images) -> nn.Module:
    CALLS.append(1)
    return to_int(model, calibration, bits=2 + len(CALLS) % 2)


def has_no_default(model: nn.Module, calibration: Images, *, bits: int) -> nn.Module:
    return to_int(model, calibration, bits=bits)


def counts_batches_in_train_mode(model: nn.Module, calibration: Images) -> nn.Module:
    copy = deepcopy(model)
    with torch.no_grad():
        copy(calibration.x)
    return copy.eval()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (rounds_in_place, "changed the model"),
        (hands_it_back, "not a copy"),
        (draws_from_the_global_state, "random state"),
        (depends_on_chance, "depends on chance"),
        (has_no_default, "no default"),
        (counts_batches_in_train_mode, "mode of the model"),
    ],
)
def test_the_contract_names_what_is_broken(broken: Any, says: Any) -> None:
    """A contract that everything passes protects nothing."""
    with pytest.raises(ContractError, match=says):
        check_quantizer(broken)
