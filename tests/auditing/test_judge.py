"""Models of known answer, which the audit must accuse or acquit; and what it may not say."""

from typing import Any

import numpy
import pytest
from scipy.stats import t as student

from canforget.auditing.judge import judged_formats
from canforget.evaluation.evidence import Predictions


def words(sheets: Any, **more: bool) -> Any:
    answers, verdicts = judged_formats([sheets], more.get("coins", False), more.get("classes", True))
    return {a.question: a.word for a in answers} | {"verdict": verdicts[0].word}


def test_the_original_is_found_to_remember(make_sheets: Any, others: Any) -> None:
    retrained, original = others
    found = words(make_sheets(original, retrained, original))
    assert found["verdict"] == found["answers"] == found["membership"] == found["prototype"] == "residual"


def test_a_spare_retrained_model_is_not_accused(make_sheets: Any, make_views: Any, others: Any) -> None:
    """Of six, at most one may be off by chance; an audit that accuses honest retraining is worth nothing."""
    retrained, original = others
    found = [words(make_sheets(make_views(100 + k), retrained, original))["verdict"] for k in range(6)]
    assert sum(word not in ("consistent with retraining", "inconclusive") for word in found) <= 1


def test_a_model_that_only_answers_as_retrained_ones_is_found_by_its_features(make_sheets: Any, make_views: Any, others: Any) -> None:
    """A masked head passes every test of outputs."""
    retrained, original = others
    found = words(make_sheets(make_views(7, features=2.0), retrained, original))
    assert found["answers"] == "consistent with retraining"
    assert found["prototype"] == found["verdict"] == "residual"


def test_of_a_ruined_model_nothing_is_said_but_that(make_sheets: Any, make_views: Any, others: Any) -> None:
    retrained, original = others
    assert words(make_sheets(make_views(8, skill=0.0), retrained, original))["verdict"] == "utility lost"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_without_three_retrained_models_nothing_is_concluded(make_sheets: Any, others: Any, number: int) -> None:
    """Two models make no band; the figure is shown, and the reason why it is no finding."""
    retrained, original = others
    answers, verdicts = judged_formats([make_sheets(original, retrained[:number], original)], False, True)
    assert verdicts[0].word == "inconclusive"
    assert all(a.word == "inconclusive" and "3 retrained models" in a.not_run for a in answers)
    shown = {a.question: a.value or 0.0 for a in answers}
    assert shown["answers"] == 1.0
    assert shown["membership"] > 0.6
    assert "from the original" in verdicts[0].gates["retain.accuracy"]


def test_the_excess_and_its_band_are_those_of_a_t_interval(make_sheets: Any, make_views: Any, others: Any) -> None:
    retrained, original = others
    answers, _ = judged_formats([make_sheets(original, retrained, original)], False, True)
    answer = next(a for a in answers if a.question == "prototype")
    rng_free = [s["nearest_prototype.accuracy_20_shots"]["value"] for s in make_sheets(original, retrained, original).retrained]
    half = student.ppf(0.975, 5) * numpy.std(rng_free, ddof=1) * numpy.sqrt(7 / 6)
    assert answer.band == pytest.approx((numpy.mean(rng_free) - half, numpy.mean(rng_free) + half))
    assert answer.difference == pytest.approx(answer.value - numpy.mean(rng_free))


def test_p_is_adjusted_over_the_questions_of_all_formats(make_sheets: Any, others: Any) -> None:
    """Four formats are four chances to accuse an honest model."""
    retrained, original = others
    one, four = (
        judged_formats([make_sheets(original, retrained, original, format=f"f{k}") for k in range(count)], False, True)[0]
        for count in (1, 4)
    )
    raw = sorted(a.p or 0.0 for a in four if a.word != "powerless")
    assert min(a.p_adjusted or 0.0 for a in four) == pytest.approx(min(1.0, raw[0] * len(raw)))
    assert [a.p for a in four if a.format == "f0"] == [a.p for a in one]


def test_what_is_odd_and_not_odd_enough_is_neither_accused_nor_acquitted(make_sheets: Any, make_views: Any, others: Any) -> None:
    """Of honest models one in five may be doubted; more would leave an instrument that cannot say yes."""
    retrained, original = others
    for memory in numpy.linspace(0.1, 0.4, 13):
        subject = make_views(7)
        lifted = subject["forget"].logits.copy()
        lifted[:, 0] += memory
        subject = {**subject, "forget": Predictions(lifted, *(getattr(subject["forget"], k) for k in ("labels", "ids", "features")))}
        answers, _ = judged_formats([make_sheets(subject, retrained, original, format=f"f{k}") for k in range(4)], False, True)
        answer = next(a for a in answers if a.question == "membership")
        if 0.05 <= (answer.p_adjusted or 0.0) < 0.2:
            assert answer.word == "inconclusive"
            assert "outside the band" in answer.reason
            return
    pytest.fail("no such case was made")


def test_coins_need_no_retrained_model(make_sheets: Any, make_views: Any) -> None:
    """The original betrays its coins to a permutation test; a model that never saw them does not."""

    def tossed(views: Any) -> Any:
        return {**views, "held_out": views["test_forget"], "forget": views["forget"]}

    original, fresh = (tossed(make_views(k, memory=m)) for k, m in ((1, 3.0), (2, 0.0)))
    asked = {"coins": True, "forgotten_classes": ()}
    guilty = words(make_sheets(original, [], original, **asked), coins=True, classes=False)
    honest = words(make_sheets(fresh, [], original, **asked), coins=True, classes=False)
    assert guilty["coin flips"] == "residual"
    assert honest["coin flips"] != "residual"


def test_features_are_not_asked_of_what_an_engine_runs(make_sheets: Any, others: Any) -> None:
    """They cannot be read there, and a question that cannot be answered would make every deployed file inconclusive."""
    retrained, original = others
    asked = words(make_sheets(original, retrained, original, engine="onnxruntime"))
    assert "prototype" not in asked
    assert "answers" in asked
