"""What the attack must say of models whose answer is known by construction."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from canforget.audits.membership import membership
from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, NotRun, Predictions
from canforget.testing.metrics_and_audits import example_evidence


def made(
    margins: Callable[[str, int], numpy.ndarray], sizes: Any = (400, 300, 100), classes: Any = 4, label: Any = 0
) -> dict[str, Predictions]:
    """A model with the given log-odds of the labelled class on each set, all images of one class."""
    views = {}
    for name, n in zip(("forget", "test_forget", "held_out"), sizes):
        z = numpy.zeros((n, classes))
        z[:, label] = margins(name, n) + numpy.log(classes - 1)
        views[name] = Predictions(z.astype(numpy.float32), numpy.full(n, label), numpy.arange(n))
    return views


def ask(subject: Any, *retrained: Any, **hyper: Any) -> Any:
    evidence = Evidence(subject, retrained=retrained, forgotten_classes=(0,))
    return membership(evidence, rng=numpy.random.default_rng(0), **hyper).values


def exchangeable(seed: Any) -> Any:
    rng = numpy.random.default_rng(seed)
    return made(lambda name, n: rng.normal(size=n))


def test_exchangeable_images_give_a_half_within_the_interval() -> None:
    """An attack that finds members where there is nothing to find (19 in 20 intervals must hold .5)."""
    held = [low <= 0.5 <= high for s in range(100) for low, high in [ask(exchangeable(s), signals=("phi",))["phi"].interval]]
    assert numpy.mean(held) >= 0.9


def test_memorized_images_are_told() -> None:
    """A sign slip gives 0."""
    found = ask(made(lambda name, n: numpy.linspace(10, 12, n) if name == "forget" else numpy.linspace(-1, 1, n)))
    assert found["phi"].value == found["phi_two_sided"].value == found["balanced_accuracy"].value == 1.0
    assert found["phi"].interval[0] > 0.98


def test_relabelled_images_are_told_as_over_forgotten() -> None:
    """An attack that reports max(AUC, 0) calls images less known than unseen ones a success."""
    found = ask(made(lambda name, n: numpy.linspace(-9, -4, n) if name == "forget" else numpy.linspace(-1, 1, n)))
    assert found["phi"].value < 0.02
    assert found["phi_two_sided"].value > 0.98
    assert found["phi_two_sided"].interval[0] > 0.98


def test_saturated_images_are_still_ranked() -> None:
    """p_y is 1 in float32 for all of them; a score from probabilities would tie at .5."""
    found = ask(made(lambda name, n: numpy.linspace(60, 70, n) if name == "forget" else numpy.linspace(40, 50, n)))
    assert found["phi"].value == 1.0


def test_equal_scores_count_half() -> None:
    """Ties broken by order of appearance give 0 or 1."""
    found = ask(made(lambda name, n: numpy.zeros(n)))
    assert found["phi"].value == found["entropy"].value == 0.5
    assert found["balanced_accuracy"].value == 0.5


def test_the_excess_is_over_the_mean_of_the_retrained_models() -> None:
    """Training and test images of a class differ: a retrained model off .5 must not make the subject look guilty."""

    def off(seed: Any) -> Any:
        rng = numpy.random.default_rng(seed)
        return made(lambda name, n: rng.normal(0.5 if name == "forget" else 0.0, 1, n))

    found = ask(off(1), off(2), off(3), off(4))
    assert found["phi"].interval[0] > 0.55
    low, high = found["phi_excess"].interval
    assert low < 0 < high
    each = [found[f"phi_excess_{j}"].value for j in range(3)]
    assert found["phi_excess"].value == pytest.approx(numpy.mean(each))


def test_retrained_models_alike_by_luck_leave_the_error_of_the_images() -> None:
    """Two retrained models with the same AUC would have a band of no width."""
    found = ask(exchangeable(1), exchangeable(2), exchangeable(2))
    low, high = found["phi_excess"].interval
    assert high - low > 0.05


def test_one_seed_of_retraining_is_no_reference_for_itself() -> None:
    """The retrained model's own row would show an excess of exactly 0."""
    model = exchangeable(1)
    assert isinstance(ask(model, model)["phi_excess"], NotRun)


def test_rare_false_alarms_need_enough_unseen_images() -> None:
    """A rate of .1 % over 400 images is a statement about no image at all."""
    found = ask(exchangeable(1))
    assert isinstance(found["tpr_at_fpr_0.01"], NotRun)
    many = ask(made(lambda name, n: numpy.linspace(0, 1, n), sizes=(100, 1500, 0)))
    assert many["tpr_at_fpr_0.01"].value == pytest.approx(0.01, abs=0.02)
    assert "needs 10000 unseen images, not 1500" in many["tpr_at_fpr_0.001"].reason


def test_other_classes_are_no_unseen_images() -> None:
    """The predecessor's fault: one class against all."""
    views = exchangeable(1)
    views["test_forget"] = Predictions(views["test_forget"].logits, numpy.arange(300) % 4, numpy.arange(300))
    with pytest.raises(NotMeasurable, match="must be of the forget set's classes"):
        ask(views)


def test_every_image_of_the_forget_set_has_its_score_by_id() -> None:
    """Scores in another order than ids accuse the wrong images."""
    evidence = example_evidence()
    turned = {name: p.where(numpy.arange(len(p))[::-1]) for name, p in evidence.subject.items()}
    forward, backward = (membership(Evidence(v), rng=numpy.random.default_rng(0)) for v in (evidence.subject, turned))
    by_id = [dict(zip(a.ids["phi"].tolist(), a.scores["phi"].tolist())) for a in (forward, backward)]
    assert by_id[0] == by_id[1]
    assert len(by_id[0]) == 60
