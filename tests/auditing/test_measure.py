"""Each model asked once in each format, on the same images; and what two versions of a model betray."""

from collections import Counter
from typing import Any

import numpy
import pytest

from canforget.auditing import measure, standard
from canforget.auditing.measure import Bench, format_sheets, judged_retain, sheet_of, versions_told
from canforget.data.images import Split
from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence
from canforget.evaluation.membership_scores import log_odds
from canforget.evaluation.statistics import auc
from canforget.network.classifier import Classifier


def test_every_image_is_asked_about_once_of_every_model(
    small_model: Classifier, digits_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prediction is what an audit costs: a reference is predicted once, however many subjects are judged beside it."""
    from canforget.data.images import Images

    asked: Counter[int] = Counter()
    batches = Images.batches

    def counting(images: Images, *arguments: Any, **keywords: Any) -> Any:
        asked[id(images)] += len(images)
        return batches(images, *arguments, **keywords)

    monkeypatch.setattr(Images, "batches", counting)
    monkeypatch.setattr(measure, "probes_of_model", lambda model, split: {})
    bench = Bench(digits_split, small_model, [small_model])
    for _ in range(2):
        sheets = format_sheets(bench, "float32", small_model, "none", None)
    assert sum(asked.values()) == 4 * bench.images
    assert sheets.subject["forget.accuracy"]["value"] > 0.9
    assert "nearest_prototype.accuracy_20_shots" in sheets.subject, "features of a float model"


def test_of_two_versions_the_change_is_scored(make_views: Any, others: Any) -> None:
    retrained, original = others
    subject = make_views(7)
    found = versions_told(original, subject, retrained)
    change = {k: log_odds(original[k]) - log_odds(subject[k]) for k in ("forget", "test_forget")}
    assert found.auc == pytest.approx(auc(change["forget"], change["test_forget"]))
    assert len(found.retrained) == 6
    with pytest.raises(NotMeasurable, match="original"):
        versions_told(None, subject, retrained)
    with pytest.raises(NotMeasurable, match="3 retrained"):
        versions_told(original, subject, retrained[:2])


def test_the_values_do_not_depend_on_the_order_of_the_images(make_views: Any, others: Any) -> None:
    retrained, original = others
    views = make_views(7)
    order = numpy.random.default_rng(0).permutation(len(views["forget"]))
    turned = {**views, "forget": views["forget"].where(order)}
    one, other = (sheet_of(Evidence(v, original, tuple(retrained), forgotten_classes=(0,))) for v in (views, turned))
    assert {k: v.get("value") for k, v in one.items()} == pytest.approx({k: v.get("value") for k, v in other.items()}, nan_ok=True)


def test_at_most_ten_thousand_retain_images_are_judged_and_always_the_same(digits_split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged_retain(digits_split) is digits_split.retain
    monkeypatch.setattr(standard, "JUDGED_RETAIN", 50)
    drawn = [judged_retain(digits_split).ids.tolist() for _ in range(2)]
    assert drawn[0] == drawn[1] == sorted(set(drawn[0]))
    assert len(drawn[0]) == 50
