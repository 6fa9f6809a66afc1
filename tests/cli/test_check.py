from pathlib import Path
from typing import Any

import pytest

from canforget.cli.app import main
from canforget.registry import FAMILIES
from canforget.testing import CHECKS

MEMBERS = """
'One member of every family that is cheap to check.'
import numpy
from torch import nn
from canforget import DataSet, Value, component
from canforget.data.dataset import tables_of
from canforget.rng import global_stream

@component("datasets")
def stripes_{n}(*, data_dir=None):
    x = numpy.zeros((6, 1, 4, 4), dtype=numpy.uint8)
    y = numpy.array([0, 1, 0, 1, 0, 1])
    return DataSet("stripes", *tables_of(y[:4], y[4:]), ("a", "b"), (1, 4, 4), "f", lambda: (x[:4], x[4:]))

@component("scenarios")
def first_{n}(train, *, class_names, rng, count: int = 3):
    return numpy.sort(train.ids)[:count]

@component("models")
def linear_{n}(num_classes, image_shape, *, rng):
    c, h, w = image_shape
    with global_stream(rng):
        return nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, num_classes{fault}))

@component("metrics")
def size_{n}(evidence):
    return Value(float(len(evidence.subject)))
"""


@pytest.mark.parametrize(("n", "fault", "code"), [("a", "", 0), ("b", " - 1", 1)])
def test_members_of_every_family_are_checked(capsys: pytest.CaptureFixture[str], tmp_path: Path, n: Any, fault: Any, code: Any) -> None:
    """Data sets, scenarios and models were said to have no contract."""
    path = tmp_path / "mine.py"
    path.write_text(MEMBERS.replace("{n}", n).replace("{fault}", fault))
    with pytest.raises(SystemExit) as left:
        main(["check", str(path)])
    out = capsys.readouterr().out
    assert left.value.code == code
    assert out.count("keeps its contract") == 4 - code
    assert ("breaks its contract: model: (3, 32, 32): it returned torch.Size([4, 6])" in out) == bool(code)


def test_every_family_has_a_contract() -> None:
    assert set(CHECKS) == set(FAMILIES)
