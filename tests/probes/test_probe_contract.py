"""Every probe keeps the contract of the family, with few images and steps."""

from functools import partial
from typing import Any

import pytest

from canforget.registry import find, names
from canforget.testing import check_probe

SHORTER: dict[str, dict[str, Any]] = {
    "relearning": {"counts": (0, 1, 4), "steps": 2, "images": 8, "batch_size": 8},
    "recovery_radius": {"images": 4, "steps": 3, "searches": 2},
    "interpolation": {"pieces": 2, "images": 8, "norm_images": 32},
    "weight_noise": {"sizes": (0.1,), "draws": 2, "images": 8},
}


@pytest.mark.parametrize("name", names("probes"))
def test_every_probe_keeps_the_contract(name: str) -> None:
    check_probe(partial(find("probes", name).load(), **SHORTER.get(name, {})))
