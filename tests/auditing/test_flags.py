"""Each flag raised by the fault that it is there for, and by nothing else."""

from dataclasses import replace
from typing import Any

import numpy

from canforget.auditing.flags import cheap_finds, duplicates, exchangeable, flags_of, saturated, trained_alike
from canforget.auditing.judge import judged_formats
from canforget.evaluation.evidence import Predictions


def raised(*every: Any) -> set[str]:
    answers, verdicts = judged_formats(every, False, True)
    return {f.name for f in flags_of(every, answers, verdicts) if f.raised}


def test_an_audit_in_order_raises_none(make_sheets: Any, make_views: Any, others: Any) -> None:
    retrained, original = others
    assert raised(make_sheets(make_views(7), retrained, original)) == set()


def test_too_few_retrained_models_lost_utility_and_unknown_formats_are_flagged(make_sheets: Any, make_views: Any, others: Any) -> None:
    retrained, original = others
    assert "no null band" in raised(make_sheets(make_views(7), retrained[:2], original))
    assert "utility lost" in raised(make_sheets(make_views(8, skill=0.0), retrained, original))
    assert raised(make_sheets(make_views(7), retrained, original, format="q.onnx", label="")) == {"compared across formats"}


def test_log_odds_that_tie_are_flagged(make_sheets: Any, make_views: Any, others: Any) -> None:
    """A masked class has log-odds of -inf on every image: no attack by ranks can see anything."""
    subject = make_views(7)
    masked = subject["forget"].logits.copy()
    masked[:, 0] = -numpy.inf
    kept = [getattr(subject["forget"], k) for k in ("labels", "ids", "features")]
    retrained, original = others
    sheets = make_sheets({**subject, "forget": Predictions(masked, *kept)}, retrained, original)
    assert saturated([sheets]).raised
    assert "100.0%" in saturated([sheets]).said


def test_unseen_images_that_differ_by_themselves_are_flagged(make_sheets: Any, make_views: Any) -> None:
    """Retrained models saw neither side: an AUC of theirs off .5 is the images' doing."""

    def easier(seed: int) -> Any:
        views = make_views(seed)
        lifted = views["forget"].logits + numpy.float32(2) * (numpy.arange(4) == 0)
        return {
            **views,
            "forget": Predictions(lifted.astype("float32"), *(getattr(views["forget"], k) for k in ("labels", "ids", "features"))),
        }

    sheets = make_sheets(easier(7), [easier(10 + g) for g in range(4)], None)
    assert exchangeable(sheets).raised
    assert not exchangeable(make_sheets(make_views(7), [make_views(10 + g) for g in range(4)], None)).raised


def test_references_that_were_trained_otherwise_are_flagged(make_sheets: Any, make_views: Any, others: Any) -> None:
    """The same model was residual beside references with label smoothing, and consistent beside those without."""
    retrained, original = others
    smoothed = [make_views(20 + g, skill=2.0) for g in range(4)]
    assert trained_alike(make_sheets(make_views(7), smoothed, original).evidence).raised
    assert not trained_alike(make_sheets(make_views(7), retrained, original).evidence).raised
    assert not trained_alike(make_sheets(make_views(7), smoothed, None).evidence).raised


def test_a_cheap_attack_that_finds_more_is_named(make_sheets: Any, make_views: Any, others: Any) -> None:
    """Strong attacks that see nothing where a raw one does are broken, or blind here."""
    retrained, original = others
    sheets = make_sheets(original, retrained, original)
    assert list(cheap_finds(sheets))
    answers, verdicts = judged_formats([sheets], False, True)
    blind = [replace(a, word="consistent with retraining") for a in answers]
    assert "a cheap attack beats the strong ones" in {f.name for f in flags_of([sheets], blind, verdicts) if f.raised}
    assert "a cheap attack beats the strong ones" not in {f.name for f in flags_of([sheets], answers, verdicts) if f.raised}


def test_copies_left_in_the_training_data_are_counted(make_sheets: Any, make_views: Any, others: Any) -> None:
    retrained, original = others
    views = make_views(7)
    features = views["retain"].features.copy()
    features[:40] = views["forget"].features[:40]
    copied = {**views, "retain": Predictions(views["retain"].logits, views["retain"].labels, views["retain"].ids, features)}
    sheets = make_sheets(views, [copied, *retrained[1:]], original)
    flag = duplicates(sheets.evidence, "retain", "training data")
    assert flag.raised
    assert flag.said.startswith("40 ") or int(flag.said.split()[0]) >= 40
