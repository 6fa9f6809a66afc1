"""Models of known answer, which the audit must accuse or acquit; and what it may not say."""

from typing import Any

import numpy
import pytest
from scipy.optimize import brentq
from scipy.stats import nct
from scipy.stats import t as student

from canforget.auditing.judge import WIDEST_UTILITY, judged_formats, powerless_question, utility
from canforget.auditing.measure import FormatSheets
from canforget.auditing.questions_asked import ask
from canforget.auditing.standard import QUESTIONS
from canforget.evaluation.evidence import Evidence, NotRun, Predictions
from canforget.evaluation.moderated import one_against_band

ANSWERS = QUESTIONS[0]


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
    sheets = make_sheets(original, retrained, original, engine="onnxruntime")
    answers, (verdict,) = judged_formats([sheets], False, True)
    assert {a.question for a in answers} == {"answers", "membership", "both versions"}
    assert verdict.not_asked == ("prototype", "probe", "relearning", "blank head", "recovery radius")
    assert verdict.word == "residual"


def sheet_with(**values: float) -> Any:
    """The values of a model, without errors of their images."""
    return {name.replace("__", "."): {"value": v} for name, v in values.items()}


def sheets_with(name: str, subject: float, retrained: Any, original: float | None = None) -> Any:
    """What is measured where a model has but one value."""
    beside = tuple(sheet_with(**{name: v}) for v in retrained)
    first = None if original is None else sheet_with(**{name: original})
    nothing = NotRun("not asked for")
    return FormatSheets("float32", "none", "", sheet_with(**{name: subject}), first, beside, nothing, nothing, Evidence({}))


TIGHT, WIDE = (0.900, 0.901, 0.899, 0.9005), (0.90, 0.86, 0.94, 0.88)


@pytest.mark.parametrize(
    ("retrained", "accuracy", "word"),
    [
        (TIGHT, 0.899, "consistent with retraining"),
        (TIGHT, 0.84, "utility lost"),
        (WIDE, 0.86, "inconclusive"),
        ((0.900, 0.888, 0.912, 0.894), 0.889, "consistent with retraining"),
    ],
)
def test_utility_is_kept_inside_a_band_that_could_have_shown_a_loss(retrained: Any, accuracy: float, word: str) -> None:
    """A wide band of retrained models hides a loss, and being inside it says nothing; a narrow one says it."""
    found = utility("test_retain.accuracy", sheets_with("test_retain__accuracy", accuracy, retrained), gates=8)
    assert found.word == word
    assert found.difference is not None
    assert (found.difference.detectable() > WIDEST_UTILITY) == (word == "inconclusive")


def test_what_is_outside_of_the_band_of_utility_needs_more_than_one_gate_in_twenty() -> None:
    """Eight gates are eight chances to say of an honest model that it may have lost its use; a loss that is shown is said all the same."""
    retrained = (0.900, 0.888, 0.912, 0.894)
    made = sheets_with("test_retain__accuracy", 0.86, retrained)
    contrast = one_against_band(0.86, retrained)
    assert 0.05 / 8 < contrast.p("below") < 0.05
    one, eight = (utility("test_retain.accuracy", made, gates=g) for g in (1, 8))
    assert (one.word, eight.word) == ("inconclusive", "consistent with retraining")
    assert f"not below by more than {-contrast.lower():.3g}" in eight.reason


def test_a_question_is_powerless_where_its_band_is_as_wide_as_all_the_memory() -> None:
    """By scipy's noncentral t: the band's error is sd * sqrt(1 + 1/4), and what is found is found four times in five; the subject has no say."""
    retrained = numpy.array([0.70, 0.72, 0.68, 0.71])
    error, bound = retrained.std(ddof=1) * numpy.sqrt(1 + 1 / 4), student.ppf(0.975, 3)
    seen = error * brentq(lambda nc: nct.sf(bound, 3, nc) + nct.cdf(-bound, 3, nc) - 0.8, 1, 20)
    for subject in (0.7, 1.0):
        for room, weak in ((0.9 * seen, True), (1.2 * seen, False)):
            made = ask(ANSWERS, sheets_with("forget__accuracy", subject, retrained, float(retrained.mean() + room)))
            found = powerless_question(made)
            assert (found is not None) == weak
            if found is not None:
                assert found.word == "powerless"
                assert f"the most there was to find is {room:+.3f}, and what could have been seen {seen:.3g}" in found.reason


def test_without_an_original_nothing_is_called_powerless() -> None:
    """What there was to lose is not known, so that nobody can say that it was too little."""
    assert powerless_question(ask(ANSWERS, sheets_with("forget__accuracy", 0.7, [0.7, 0.5, 0.9]))) is None
    few = ask(ANSWERS, sheets_with("forget__accuracy", 0.7, [0.7, 0.5], 1.0))
    assert (few.measurement, powerless_question(few)) == (None, None)
