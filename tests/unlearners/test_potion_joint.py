"""The predecessor's rule without its faults."""

import pytest
import torch
from torch import nn

from canforget.data.images import Images, Split
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners import potion_joint as module
from canforget.unlearners.potion_joint import potion_joint


def scripted(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> list[set[int]]:
    """Makes the accuracies (forget, retain, forget, retain, ...) what `scores` says; returns the ids they were asked for."""
    asked: list[set[int]] = []

    def score(model: nn.Module, images: Images) -> float:
        asked.append(set(images.ids.tolist()))
        return scores[len(asked) - 1]

    monkeypatch.setattr(module, "fraction_correct", score)
    return asked


def test_the_best_state_is_a_copy_and_not_the_last(monkeypatch: pytest.MonkeyPatch, small_model: Classifier, digits_split: Split) -> None:
    """The predecessor kept `model.state_dict()`, whose tensors went on changing."""
    forget, retain = digits_split.forget, digits_split.retain[:100]
    results = []
    for epochs, scores in ((1, [0.0, 1.0]), (3, [0.0, 1.0, 1.0, 0.0, 1.0, 0.0])):
        scripted(monkeypatch, scores)
        fit = Fit(epochs=epochs, batch_size=32, lr=1e-3, optimizer="adamw")
        results.append(potion_joint(small_model, forget, retain, rng=generator("p"), fit=fit))
    assert all(torch.equal(a, b) for a, b in zip(*(r.state_dict().values() for r in results), strict=True))


def test_patience_ends_the_search_and_selection_is_held_out(
    monkeypatch: pytest.MonkeyPatch, small_model: Classifier, digits_split: Split
) -> None:
    """The predecessor chose its best weights on the test set."""
    asked = scripted(monkeypatch, [0.0, 1.0] + [1.0, 0.0] * 20)
    fit = Fit(epochs=20, batch_size=32, lr=1e-3, optimizer="adamw")
    potion_joint(small_model, digits_split.forget, digits_split.retain[:100], rng=generator("p"), fit=fit, patience=3)
    assert len(asked) == 2 * 4
    assert asked[0] < set(digits_split.forget.ids.tolist())
    assert asked[1] < set(digits_split.retain.ids.tolist())
    assert len(asked[1]) == 10
