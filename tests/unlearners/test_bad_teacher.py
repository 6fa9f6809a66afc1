"""Two teachers."""

import torch
from torch import Generator
from torch.nn.functional import softmax

from canforget.data.images import Images, Split
from canforget.network.build import fresh
from canforget.network.classifier import Classifier
from canforget.network.weights import frozen
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.bad_teacher import bad_teacher
from canforget.unlearning.losses import divergence


def test_the_forget_set_is_learned_from_the_ignorant_teacher(small_model: Classifier, digits_split: Split) -> None:
    """With the teachers mixed up the student stays the original."""
    forget, retain = digits_split.forget, digits_split.retain
    fit = Fit(epochs=20, batch_size=64, lr=3e-3, optimizer="adam")
    student = bad_teacher(small_model, forget, retain, rng=generator("b"), fit=fit)
    ignorant = frozen(fresh(small_model, generator("b")))
    with torch.no_grad():
        before, after = (divergence(m(forget.x), ignorant(forget.x)) for m in (small_model, student))
        agree = (student(retain.x).argmax(1) == retain.y).float().mean()
    assert after < 0.2 * before
    assert agree > 0.9


def test_labels_are_never_used(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """The method distils; a label that leaks in is another method."""
    forget, retain = digits_split.forget, digits_split.retain
    lied = Images(retain.x, (retain.y + 3) % 10, retain.ids)
    one, two = (bad_teacher(small_model, forget, kept, rng=generator("b")) for kept in (retain, lied))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert softmax(one(forget.x), dim=1).isfinite().all()
