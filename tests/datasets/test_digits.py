import importlib.util
import subprocess
import sys

import numpy
import pytest
from sklearn.datasets import load_digits

from canforget.datasets.digits import digits
from canforget.errors import DataError


def test_every_digit_of_scikit_learn_is_there_once_with_its_label() -> None:
    """A split that loses, doubles or mislabels images is seen only by comparing all of them."""
    data, source = digits(), load_digits()
    pixels, labels = numpy.concatenate(data.pixels()), numpy.concatenate([data.train.labels, data.test.labels])
    expected = numpy.floor(source.images * (255 / 16) + 0.5).astype(int)
    ours = sorted((tuple(x.ravel().tolist()), int(y)) for x, y in zip(pixels, labels, strict=True))
    theirs = sorted((tuple(x.ravel().tolist()), int(y)) for x, y in zip(expected, source.target, strict=True))
    assert ours == theirs


def test_the_test_part_is_a_fifth_of_each_class() -> None:
    data = digits()
    shares = numpy.bincount(data.test.labels) / numpy.bincount(numpy.concatenate([data.train.labels, data.test.labels]))
    assert shares == pytest.approx(0.2, abs=0.006)
    assert data.test.ids.tolist() == list(range(1438, 1797))
    assert data.classes[data.test.labels[0]] == str(data.test.labels[0])


def test_planning_with_digits_loads_no_heavy_library() -> None:
    """scikit-learn and torch take seconds each to import."""
    code = "import sys; from canforget.datasets.digits import digits; digits().pixels(); print({'torch', 'sklearn', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        digits()
