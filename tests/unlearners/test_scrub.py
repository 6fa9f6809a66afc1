"""A student that disagrees."""

import torch
from torch import Generator

from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.training.loop import Fit
from canforget.unlearners.scrub import scrub
from canforget.unlearning.losses import divergence


def test_the_student_moves_away_on_the_forget_set(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """A widely copied port optimizes the teacher, so that the student stays where it was."""
    forget, retain = digits_split.forget, digits_split.retain
    fit = Fit(epochs=1, lr=0.01, momentum=0.0)
    unlearned = scrub(small_model, forget, retain, rng=rng, fit=fit, max_epochs=1, alpha=0.0, gamma=0.0)
    with torch.no_grad():
        apart = divergence(unlearned(forget.x), small_model(forget.x), 4.0)
    assert apart > 0.1


def test_it_stays_with_the_original_elsewhere(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Ascent must be followed by descent, or utility is not restored."""
    forget, retain = digits_split.forget, digits_split.retain
    fit = Fit(epochs=6, lr=2e-3, momentum=0.9, batch_size=16)
    unlearned = scrub(small_model, forget, retain, rng=rng, fit=fit, max_epochs=3)
    with torch.no_grad():
        assert (unlearned(retain.x).argmax(1) == retain.y).float().mean() > 0.95
        far, near = (divergence(unlearned(s.x), small_model(s.x), 4.0) for s in (forget, retain))
    assert far > 2 * near
