"""Small things that all tests share: a net trained for a moment on scikit-learn's digits, a split with class 0 forgotten, a generator."""

import io
import json
import os
import shutil
import sys
from typing import Any

import numpy
import pytest
import torch
from hypothesis import settings
from sklearn.datasets import load_digits
from torch import Generator, nn

from canforget.auditing import standard
from canforget.data.images import Images, Split, together
from canforget.network.classifier import Classifier, wrap
from canforget.rng import generator
from canforget.training.loop import Fit, train_
from tests.browsing import started_browser

torch.set_num_threads(1)  # nets this small take far longer on several threads that wait for one another

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: Any) -> None:
    """What torch compiles needs a C++ compiler, which not every machine has."""
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        for item in items:
            if "torch_int8" in item.name or item.get_closest_marker("compiles"):
                item.add_marker(pytest.mark.skip(reason="no C++ compiler; install g++, or name one in CXX"))


@pytest.fixture(autouse=True)
def tracing_goes_on() -> Any:
    """A recursion that a test drives too deep ends tracing for good, and whatever runs later counts as never run."""
    tracer = sys.gettrace()
    yield
    if sys.gettrace() is not tracer:
        sys.settrace(tracer)


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """No test reads or writes the user's caches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANFORGET_CACHE_DIR", str(tmp_path_factory.mktemp("caches")))
        yield


browser = pytest.fixture(scope="session", name="browser")(started_browser)


@pytest.fixture(scope="module")
def small_probes() -> Any:
    """The standard audit's probes with less to do, where a test is about what surrounds them: they are four fifths of an audit's cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standard, "RELEARNING", f"{standard.RELEARNING},batch_size=16,images=20")
        patch.setattr(standard, "RADIUS", "recovery_radius:images=4,most=0.25,steps=2,searches=1")
        yield


@pytest.fixture
def png() -> Any:
    """Encodes pixels uint8 [h, w] or [h, w, 3] as a PNG file."""

    def encode(pixels: Any) -> bytes:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(numpy.asarray(pixels, dtype=numpy.uint8)).save(file, "PNG")
        return file.getvalue()

    return encode


@pytest.fixture
def write_parquet() -> Any:
    """Writes image bytes and labels as Hugging Face does, with the names of the classes where they are given."""

    def write(path: Any, encoded: Any, labels: Any, names: Any = None, image: Any = "image", label: Any = "label") -> Any:
        import pyarrow
        from pyarrow.parquet import write_table

        table = pyarrow.table({image: [{"bytes": e, "path": None} for e in encoded], label: labels})
        if names:
            features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
            table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(table, path)
        return path

    return write


@pytest.fixture
def rng() -> Generator:
    """A generator that starts anew for every test."""
    return generator("test")


@pytest.fixture(scope="session")
def digits_split() -> Split:
    """1,000 of the digits, 8 x 8 pixels in 0..255, with class 0 as the forget set: forget 80 or so, val 100, test 200, held-out few."""
    data = load_digits()
    x = torch.from_numpy((data.images * (255 / 16)).astype(numpy.uint8))[:1000, None]
    images = Images.of(x, torch.from_numpy(data.target[:1000]))
    train, val, test = images[:700], images[700:800], images[800:]
    zero = train.y == 0
    zeros = train[zero]
    return Split(
        forget=zeros[:-5],
        retain=train[~zero],
        val=val,
        held_out=zeros[-5:],
        test=test,
        test_forget=test[test.y == 0],
        test_retain=test[test.y != 0],
        calibration=train[~zero][:64],
        classes=tuple("0123456789"),
    )


@pytest.fixture(scope="session")
def small_model(digits_split: Split) -> Classifier:
    """Two convolutions with BatchNorm and a linear layer, trained on forget and retain set to some 97 %; in eval mode. Do not change it."""
    every = together(digits_split.forget, digits_split.retain)
    rng = generator("small model")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 10),
        )
    fit = Fit(epochs=15, batch_size=64, lr=0.1, schedule="triangle", warmup=0.2, precision="float32")
    model = train_(wrap(net, every), every, rng=rng, fit=fit)
    assert isinstance(model, Classifier)
    return model
