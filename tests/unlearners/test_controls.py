"""Models whose answer is known: what an audit must find, and what it must leave alone."""

import numpy
import torch
from torch import Generator

from canforget.data.images import Split, together
from canforget.network.classifier import Classifier
from canforget.network.predict import predict
from canforget.network.weights import frozen
from canforget.training.loop import Fit, train_
from canforget.unlearners.destroyed import destroyed
from canforget.unlearners.head_distillation import head_distillation
from canforget.unlearners.head_mask import head_mask
from canforget.unlearners.leaky_retrain import leaky_retrain
from canforget.unlearners.relabelled import relabelled
from tests.narrowed import present

FIT = Fit(epochs=8, batch_size=64, lr=0.1, precision="float32")


def test_leaky_retraining_knows_the_forgotten_class_and_clean_retraining_does_not(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    split = digits_split
    leaky = leaky_retrain(small_model, split.forget, split.retain, rng=rng, fit=FIT)
    clean = leaky_retrain(small_model, split.forget, split.retain, rng=rng, fit=FIT, share=0.0)
    assert predict(leaky, split.test_forget).correct.mean() > 0.5
    assert predict(clean, split.test_forget).correct.mean() == 0


def test_a_destroyed_model_answers_by_chance(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    ruined = destroyed(small_model, digits_split.forget, digits_split.retain, rng=rng)
    assert predict(ruined, digits_split.test).correct.mean() < 0.35


def test_a_relabelled_model_is_wrong_on_the_forget_set_on_purpose(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """Over single images: a retrained model gets most of them right, this one hardly any."""
    forget, retain = digits_split.retain[:60], digits_split.retain[60:]
    model = train_(frozen(small_model).requires_grad_(True), together(forget, retain), rng=rng, fit=FIT)
    wrong = relabelled(model, forget, retain, rng=rng, fit=Fit(epochs=25, batch_size=64, lr=0.1, schedule="triangle"))
    assert predict(wrong, forget).correct.mean() < 0.5
    assert predict(wrong, retain).correct.mean() > 0.9


def test_a_head_mask_rules_the_class_out_and_leaves_its_features(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    split = digits_split
    masked = head_mask(small_model, split.forget, split.retain, rng=rng)
    before, after = (predict(m, split.forget, features=True) for m in (small_model, masked))
    assert after.correct.mean() == 0
    assert numpy.array_equal(present(before.features), present(after.features))
    assert predict(masked, split.retain).correct.mean() > 0.95


def test_a_distilled_head_answers_like_retraining_over_the_features_of_the_original(
    small_model: Classifier, digits_split: Split, rng: Generator
) -> None:
    split = digits_split
    distilled = head_distillation(small_model, split.forget, split.retain, rng=rng, fit=FIT)
    before, after = (predict(m, split.forget, features=True) for m in (small_model, distilled))
    assert numpy.array_equal(present(before.features), present(after.features))
    assert after.correct.mean() < 0.1
    assert predict(distilled, split.test_retain).correct.mean() > 0.9
    trained = [n for n, p in distilled.named_parameters() if not torch.equal(p, small_model.get_parameter(n))]
    assert all("net.8" in name for name in trained), trained
