"""Nets of timm and torchvision come with our classes, channels and sizes; what cannot be had is one line."""

import sys
from typing import Any

import pytest
import torch
from torch import Generator, nn

from canforget.data.images import Images
from canforget.errors import ArtifactError, SpecError
from canforget.network.build import build, fresh
from canforget.network.classifier import Architecture, Classifier
from canforget.network.libraries import new_head_
from canforget.rng import generator
from canforget.training.loop import Fit, train_


def built(name: str, shape: tuple[int, int, int] = (3, 32, 32), **parameters: Any) -> Classifier:
    """A library's net for seven classes."""
    statistics = (0.5,) * shape[0]
    return build(name, 7, shape, rng=generator("a"), mean=statistics, std=statistics, parameters=parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "size"),
    [
        ("timm/resnet10t", {"input_size": 0}, 0),
        ("timm/vit_tiny_patch16_224", {"img_size": 32, "patch_size": 8, "depth": 1}, 32),
        ("torchvision/mobilenet_v3_small", {"input_size": 48}, 48),
        ("torchvision/resnet18", {"input_size": 0}, 0),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_librarys_net_has_our_classes_and_channels(name: str, parameters: dict[str, Any], size: int, channels: int) -> None:
    """A net of 1,000 classes trains as well, and forgets something else."""
    pytest.importorskip(name.split("/")[0])
    model = built(name, (channels, 32, 32), **parameters).eval()
    assert model(torch.zeros(2, channels, 32, 32, dtype=torch.uint8)).shape == (2, 7)
    assert model.architecture is not None
    assert model.architecture.input_size == size
    assert model.normalize.size == (0 if size == 32 else size), "images that already have the size are not resized"


@pytest.mark.parametrize(("name", "size"), [("googlenet", 32), ("inception_v3", 75)])
def test_a_net_with_auxiliary_heads_trains_on_its_logits(name: str, size: int, rng: Generator) -> None:
    """In training it answers with three sets of logits, which ended in a traceback of the loss."""
    pytest.importorskip("torchvision")
    model = built(f"torchvision/{name}", input_size=size)
    images = Images.of(torch.randint(0, 256, (4, 3, 32, 32), generator=rng, dtype=torch.uint8), torch.arange(4))
    before = model.get_parameter("net.fc.bias").detach().clone()
    train_(model, images, rng=rng, fit=Fit(epochs=1, batch_size=4, lr=0.01))
    assert model(images.x).shape == (4, 7)
    assert not torch.equal(before, model.get_parameter("net.fc.bias"))
    assert not any("aux" in part.lower() for part, _ in model.named_parameters()), "heads that nothing trains or reads"


def test_the_librarys_own_input_size_is_the_default() -> None:
    """A vision transformer refuses any other."""
    pytest.importorskip("timm")
    assert built("timm/vit_tiny_patch16_224", depth=1).normalize.size == 224


def test_a_librarys_net_is_the_same_for_the_same_generator() -> None:
    """Libraries draw from torch's global stream."""
    pytest.importorskip("timm")
    model = built("timm/resnet10t", input_size=0)
    again, other = fresh(model, generator("a")), fresh(model, generator("b"))
    assert torch.equal(model.get_parameter("net.conv1.0.weight"), again.get_parameter("net.conv1.0.weight"))
    assert not torch.equal(model.get_parameter("net.conv1.0.weight"), other.get_parameter("net.conv1.0.weight"))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("timm/resnet_19", {}, "timm has no model 'resnet_19'; did you mean"),
        ("torchvision/resnet19", {}, r"torchvision has no model 'resnet19'; did you mean 'resnet\d+'"),
        ("torchvision/resnet18", {"depht": 3}, "torchvision does not take these hyperparameters"),
    ],
)
def test_what_a_library_does_not_have_is_refused_in_one_line(name: str, parameters: dict[str, Any], message: str) -> None:
    """The library's own error is a page of traceback."""
    pytest.importorskip(name.split("/")[0])
    with pytest.raises(SpecError, match=message):
        built(name, **parameters)


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that installs it is part of the message."""
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(SpecError, match=r"timm is not installed \(pip install 'canforget\[vision\]'\)"):
        built("timm/resnet10t")


def test_pretrained_weights_that_cannot_be_fetched_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline machines are common where data are private."""
    timm = pytest.importorskip("timm")

    def offline(*names: object, **keywords: object) -> None:
        raise OSError("We couldn't connect\nand a page more")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ArtifactError, match=r"its weights cannot be had \(We couldn't connect\); download them once while online"):
        built("timm/resnet10t", pretrained=True)


def test_a_pretrained_nets_last_linear_layer_is_replaced() -> None:
    """The head for 1,000 classes would classify into classes that do not exist."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 1000))
    wanted = Architecture("torchvision/some", 7, (3, 2, 2), (0.5,) * 3, (0.5,) * 3)
    new_head_(net, wanted)
    assert net(torch.zeros(1, 3, 2, 2)).shape == (1, 7)
    with pytest.raises(SpecError, match="no linear last layer to replace"):
        new_head_(nn.Conv2d(3, 7, 1), wanted)


def test_own_nets_import_no_library() -> None:
    """torchvision and timm each take ten seconds to import."""
    import subprocess

    code = "import sys, canforget.network.classifier, canforget.training.loop, canforget.network.predict; print([m for m in ('timm', 'torchvision') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("timm/vit_tiny_patch16_224", {"patch_size": 4}),
        ("torchvision/vit_b_16", {}),
    ],
)
def test_a_transformer_is_built_for_the_input_size_that_is_asked(name: Any, more: Any) -> None:
    """Its position embedding is made for one size: resized images alone would be refused at the first batch."""
    model = build(name, 10, (3, 32, 32), rng=generator("size"), mean=(0.5,) * 3, std=(0.5,) * 3, parameters={"input_size": 32, **more})
    assert model(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape == (2, 10)
