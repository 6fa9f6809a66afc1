"""Every unlearner keeps the contract of the family, with its own defaults or, where those take hours, with a shorter training."""

from functools import partial
from typing import Any

import pytest

from canforget.registry import find, names
from canforget.testing import check_unlearner
from canforget.training.loop import Fit

SHORTER: dict[str, dict[str, Any]] = {
    "eu_k": {"fit": Fit(epochs=8, batch_size=64, lr=0.05)},
    "retrain": {"fit": Fit(epochs=8, batch_size=64, lr=0.05)},
    "leaky_retrain": {"fit": Fit(epochs=8, batch_size=64, lr=0.05)},
    "head_distillation": {"fit": Fit(epochs=8, batch_size=64, lr=0.05), "head_fit": Fit(epochs=3, batch_size=64, lr=0.05)},
    "potion_joint": {"fit": Fit(epochs=8, batch_size=32, lr=1e-3, optimizer="adamw")},
}
"""Hyperparameters for a net that learns in a second; every other method is tried with its authors' defaults."""


@pytest.mark.parametrize("name", names("unlearners"))
def test_every_unlearner_keeps_the_contract(name: str) -> None:
    """The peers' methods change their argument, read the test set, disturb the global seed, or do nothing at all."""
    check_unlearner(partial(find("unlearners", name).load(), **SHORTER.get(name, {})))
