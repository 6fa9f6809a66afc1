"""The nearest wrong class."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.network.weights import frozen
from canforget.training.loop import Fit
from canforget.unlearners.boundary_shrink import boundary_shrink, nearest_wrong


def test_no_image_keeps_its_own_class(small_model: Classifier, digits_split: Split) -> None:
    """A step too short for an image leaves it its true label in the released code, and so teaches what is to be forgotten."""
    forget = digits_split.forget
    for epsilon in (1e-4, 0.1):
        labels = nearest_wrong(frozen(small_model), forget.x, forget.y, epsilon)
        assert (labels != forget.y).all()
    second = small_model(forget.x).topk(2).indices[:, 1]
    assert torch.equal(nearest_wrong(frozen(small_model), forget.x, forget.y, 1e-7), second)


def test_forgotten_images_move_to_their_nearest_class(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """One label for all would move them to one class, near or far."""
    forget = digits_split.forget
    labels = nearest_wrong(frozen(small_model), forget.x, forget.y, 0.1)
    unlearned = boundary_shrink(small_model, forget, digits_split.retain, rng=rng, fit=Fit(epochs=40, batch_size=16, lr=0.02))
    with torch.no_grad():
        assert (unlearned(forget.x).argmax(1) == labels).float().mean() > 0.8
