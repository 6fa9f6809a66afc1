"""Classifiers normalize for themselves, are built from a name, and can be made fresh again."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from canforget.data.images import Images, Split
from canforget.errors import SpecError
from canforget.network.build import build, fresh
from canforget.network.classifier import Architecture, Classifier, Normalize, channel_statistics, wrap
from canforget.rng import generator
from canforget.training.loop import Fit, train_

GREY: dict[str, Any] = {"mean": (0.3,), "std": (0.4,)}
NET = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self, num_classes, width=4):
        super().__init__(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, num_classes))
class Plain(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 10))
def wrong():
    return 3
"""


@pytest.fixture
def net_file(tmp_path: Path) -> str:
    """A Python file with a user's nets."""
    path = tmp_path / "my_net.py"
    path.write_text(NET, encoding="utf-8")
    return str(path)


def test_normalization_equals_the_formula_on_fractions(digits_split: Split) -> None:
    """Pixels in 0..255 with statistics of fractions: a factor forgotten ruins every model alike."""
    x = digits_split.val.x
    torch.testing.assert_close(Normalize((0.3,), (0.4,))(x), (x.float() / 255 - 0.3) / 0.4)
    assert Normalize((0.3,), (0.4,), size=20)(x).shape[-2:] == (20, 20)


def test_channel_statistics_are_those_of_all_pixels() -> None:
    """The mean of the images' deviations is not the deviation of the pixels."""
    x = torch.randint(256, (50, 3, 6, 5), generator=generator("x"), dtype=torch.uint8)
    mean, std = channel_statistics(Images.of(x, torch.zeros(50)))
    exact = (x.double() / 255).permute(1, 0, 2, 3).flatten(1)
    assert mean == pytest.approx(exact.mean(1).tolist(), abs=1e-12)
    assert std == pytest.approx(exact.std(1, correction=0).tolist(), abs=1e-12)


def test_a_channel_without_contrast_does_not_divide_by_zero() -> None:
    """Blank images are a user's mistake to see, not a NaN to chase."""
    images = Images.of(torch.full((3, 1, 4, 4), 9, dtype=torch.uint8), torch.zeros(3))
    assert channel_statistics(images)[1] == (1.0,)


def test_a_built_classifier_records_what_builds_it_again() -> None:
    """Without it a file of weights is a riddle."""
    model = build("tiny_cnn", 7, (1, 8, 8), rng=generator("a"), parameters={"width": 8}, **GREY)
    assert model.architecture == Architecture("tiny_cnn", 7, (1, 8, 8), (0.3,), (0.4,), {"width": 8})
    again = build("tiny_cnn", 7, (1, 8, 8), rng=generator("a"), parameters={"width": 8}, **GREY)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("resnet21", {}, r"no 'resnet21'; did you mean 'resnet20'\?"),
        ("tiny_cnn", {"widht": 3}, r"tiny_cnn has no hyperparameter 'widht'; did you mean 'width'\?"),
        ("nowhere.py:Net", {}, r"no such file as nowhere\.py"),
    ],
)
def test_names_and_hyperparameters_that_do_not_exist_are_refused(name: str, parameters: dict[str, int], message: str) -> None:
    """A misspelt hyperparameter must not leave the default in place."""
    with pytest.raises(SpecError, match=message):
        build(name, 10, (1, 8, 8), rng=generator("a"), parameters=parameters, **GREY)


def test_a_net_from_a_file_is_told_the_classes_when_it_takes_them(net_file: str) -> None:
    """A user's net may or may not know how many classes there are."""
    told = build(f"{net_file}:Net", 6, (1, 8, 8), rng=generator("a"), parameters={"width": 5}, **GREY)
    plain = build(f"{net_file}:Plain", 10, (1, 8, 8), rng=generator("a"), **GREY)
    x = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    assert (told(x).shape, plain(x).shape) == ((2, 6), (2, 10))
    again = fresh(told, generator("a"))
    assert all(torch.equal(a, b) for a, b in zip(told.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(("attribute", "message"), [("Nett", "defines no 'Nett'"), ("wrong", "made an int, and an nn.Module is wanted")])
def test_a_file_that_gives_no_net_is_refused(net_file: str, attribute: str, message: str) -> None:
    """The message names the file and what was found."""
    with pytest.raises(SpecError, match=message):
        build(f"{net_file}:{attribute}", 10, (1, 8, 8), rng=generator("a"), **GREY)


def test_every_parameter_and_buffer_of_a_fresh_model_is_as_before_training(digits_split: Split) -> None:
    """A released "retrain" resets the last layer alone: 0.046 % of the weights."""
    model = build("tiny_cnn", 10, (1, 8, 8), rng=generator("first"), **GREY)
    train_(model, digits_split.retain[:64], rng=generator("fit"), fit=Fit(epochs=1))
    before = [t.clone() for t in model.state_dict().values()]
    reference = build("tiny_cnn", 10, (1, 8, 8), rng=generator("second"), **GREY)
    again = fresh(model, generator("second"))
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), reference.state_dict().values(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), before, strict=True)), "the model itself is left alone"
    assert again.training == model.training


def test_a_users_own_module_is_made_fresh_layer_by_layer(digits_split: Split) -> None:
    """BatchNorm's statistics are fresh too, or the retrained model remembers the data."""
    own = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
    model = wrap(own, digits_split.retain)
    train_(model, digits_split.retain[:64], rng=generator("fit"), fit=Fit(epochs=1))
    state = torch.get_rng_state()
    once, again = fresh(model, generator("a")), fresh(model, generator("a"))
    assert torch.equal(state, torch.get_rng_state())
    for name, tensor in model.state_dict().items():
        same = name.startswith("normalize")
        assert torch.equal(once.state_dict()[name], again.state_dict()[name]), name
        assert torch.equal(tensor, once.state_dict()[name]) == same, name
    assert not once.state_dict()["net.1.running_mean"].any()


class Token(nn.Module):
    """A module with a parameter of its own and no way to reset it."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.token


def test_a_module_that_cannot_be_reset_is_named() -> None:
    """To leave its weights as they are would leak the forgotten data into the retrained model."""
    with pytest.raises(SpecError, match=r"no reset_parameters\(\) to draw new weights with: 1; define it"):
        fresh(nn.Sequential(nn.Linear(2, 2), Token()), generator("a"))


def test_a_wrapped_module_sees_normalized_pixels(digits_split: Split) -> None:
    """Images of mean 0 and deviation 1, whatever their range was."""
    model = wrap(nn.Identity(), digits_split.retain)
    assert isinstance(model, Classifier)
    seen = model(digits_split.retain.x)
    assert float(seen.mean()) == pytest.approx(0, abs=1e-5)
    assert float(seen.std(correction=0)) == pytest.approx(1, abs=1e-5)
