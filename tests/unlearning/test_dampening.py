"""Dampening by hand."""

import pytest
import torch
from torch import nn

from canforget.errors import DataError
from canforget.unlearning.importance import dampened


def test_only_weights_that_stand_out_are_scaled_and_never_up() -> None:
    """Without the minimum, a large dampening constant would enlarge weights."""
    model = nn.Linear(3, 1, bias=False)
    model.weight.data = torch.tensor([[1.0, 2.0, 4.0]])
    lost, general = {"weight": torch.tensor([[1.0, 8.0, 3.0]])}, {"weight": torch.tensor([[1.0, 2.0, 1.0]])}
    torch.testing.assert_close(dampened(model, lost, general, 2.0, 1.0, "ssd").weight.data, torch.tensor([[1.0, 0.5, 4.0 / 3]]))
    torch.testing.assert_close(dampened(model, lost, general, 2.0, 100.0, "ssd").weight.data, model.weight.data)
    with pytest.raises(DataError, match=r"ssd: no weight matters 9 times .*at most 4"):
        dampened(model, lost, general, 9.0, 1.0, "ssd")
