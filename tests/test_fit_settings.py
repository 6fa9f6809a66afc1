from typing import Any

import pytest

from canforget.errors import SpecError
from canforget.fit_settings import TRAINING, Fit, too_large


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0), ("epochs", -3), ("epochs", True), ("epochs", 2.5), ("epochs", "3"), ("epochs", None), ("batch_size", 0),
        ("lr", 0), ("lr", -1), ("lr", float("nan")), ("lr", float("inf")), ("lr", 10**400), ("momentum", 1), ("momentum", -0.1),
        ("weight_decay", -1e-9), ("label_smoothing", 1), ("label_smoothing", 2), ("average", 1), ("average", -1), ("warmup", 1.1),
        ("warmup", -0.1), ("clip", -1), ("crop", -1), ("cutout", -1), ("cutout", 5000), ("patience", -1), ("bits", 1), ("bits", 9),
        ("optimizer", "sdg"), ("schedule", "cosin"), ("precision", "float64"), ("flip", 1), ("compile", "yes"),
    ],
)  # fmt: skip
def test_a_fit_out_of_its_range_cannot_be_made(field: Any, value: Any) -> None:
    """A fit of no epochs returned the original as "unlearned"."""
    with pytest.raises(SpecError) as problem:
        Fit(**{field: value})
    assert str(problem.value).startswith(f"fit.{field}: ")
    assert "\n" not in str(problem.value)


def test_a_whole_number_is_a_float_where_one_is_wanted() -> None:
    """Or else the same fit has two keys."""
    assert repr(Fit(lr=1)) == repr(Fit(lr=1.0))


def test_nesterov_needs_a_momentum() -> None:
    with pytest.raises(SpecError, match="fit.nesterov: Nesterov's step needs a momentum"):
        Fit(nesterov=True, momentum=0)


@pytest.mark.parametrize(
    ("fit", "said"), [(Fit(cutout=9), "cutout: a square of 9"), (Fit(crop=8), "crop: images of 8 x 8"), (Fit(cutout=8, crop=7), "")]
)
def test_augmentation_must_fit_into_the_image(fit: Any, said: Any) -> None:
    assert too_large(fit, (3, 8, 8)).startswith(said)
    assert bool(said) == bool(too_large(fit, (3, 8, 8)))


def test_the_usual_training_is_sound() -> None:
    assert TRAINING.epochs == 15
