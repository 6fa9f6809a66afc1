"""Who stands for the unseen: matched test images and held-out ones, or where coins were tossed the *out* half alone."""

from dataclasses import replace
from typing import Any

import numpy
import pytest

from canforget.audits.calibrated_membership import calibrated_membership
from canforget.audits.membership import membership
from canforget.audits.recovery import recovery
from canforget.audits.svc_membership import svc_membership
from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, Value, predictions_of
from canforget.evaluation.matched_sets import matched_sets, unmatched_sets
from canforget.rng import numpy_generator
from canforget.testing.metrics_and_audits import example_evidence

LABELS = numpy.repeat([0, 1], 200)


def views(name: str, shift: float = 0.0) -> Any:
    """Two-class logits; matched test images differ from those in the pool by `shift`, as another part of a data set may."""
    rng, found = numpy_generator(f"matched/{name}"), {}
    for place, part in enumerate(("forget", "held_out", "test_forget")):
        margin = rng.normal(shift if part == "test_forget" else 0.0, 1.0, 400)
        z = numpy.stack([margin * (LABELS == 0), margin * (LABELS == 1)], axis=1)
        found[part] = predictions_of(z, LABELS, 1000 * place + numpy.arange(400))
    return found


def case(coins: bool, shift: float = -3.0) -> Evidence:
    """A model that knows nothing of the coins, four retrained ones, and an original."""
    return Evidence(views("u", shift), views("o", shift), tuple(views(f"g{j}", shift) for j in range(4)), coins=coins)


def test_coins_leave_the_test_images_out() -> None:
    """A test set that is harder than the training set makes every model look as if it remembered."""
    pairs = [unmatched_sets(case(c).subject, c).unseen for c in (False, True)]
    assert [len(p) for p in pairs] == [800, 400]
    assert pairs[1].ids.min() >= 1000
    assert pairs[1].ids.max() < 2000
    for found in matched_sets(case(True), numpy_generator("test")):
        assert numpy.array_equal(found.unseen.ids, numpy.arange(1000, 1400))


def asked(evidence: Evidence) -> list[Value | Any]:
    """What each audit of members and non-members says of a model without memory: .5, or a share at chance."""
    rng = numpy_generator("asked")
    raw, own = (
        membership(evidence, rng=rng, false_alarms=(0.05,)).values,
        calibrated_membership(evidence, rng=rng, false_alarms=(0.05,)).values,
    )
    return [raw["phi"], own["auc"], raw["tpr_at_fpr_0.05"], own["tpr_at_fpr_0.05"]]


def test_every_audit_of_members_takes_the_out_half_where_coins_were_tossed() -> None:
    """Of test images drawn otherwise than the pool, or of both together, every one of them says what coins rule out."""
    fair, mixed = asked(case(True)), asked(case(False))
    assert [v.value for v in fair] == pytest.approx([0.5, 0.5, 0.05, 0.05], abs=0.05)
    assert mixed[0].value > 0.7
    assert [v.n for v in fair][:2] == [800, 800]
    same_without = {name: p for name, p in case(True).subject.items() if name != "test_forget"}
    assert membership(replace(case(True), subject=same_without, retrained=()), rng=numpy_generator("a")).values["phi"] == fair[0]
    machine = svc_membership(case(True), rng=numpy_generator("a"), images=200).values["matched_accuracy"]
    assert isinstance(machine, Value)
    assert machine.value == pytest.approx(0.5, abs=0.1)


def test_what_rounding_does_to_the_area_is_of_the_out_half_too() -> None:
    """The area after rounding less that before, of models that differ on test images alone, is nothing."""
    before = case(True)
    moved = {**before.subject, "test_forget": views("other", 5.0)["test_forget"]}
    values = recovery(replace(before, subject=moved, full_precision=before), rng=numpy_generator("a"), measures=("auc",)).values
    found = values["auc_rebound"]
    assert isinstance(found, Value)
    assert found.value == 0


def test_a_pool_without_an_image_of_some_class_tossed_out_is_still_exact() -> None:
    """Coins need no matching of classes: to drop images by class would spoil nothing but the number of them."""
    few = case(True)
    lopsided = {**few.subject, "held_out": few.subject["held_out"].where(LABELS == 0)}
    (found,) = matched_sets(replace(few, subject=lopsided, retrained=()), numpy_generator("test"))
    assert len(found.unseen) == 200


def test_held_out_images_stand_alone_where_the_test_set_has_none_of_the_class() -> None:
    """And with neither there is nothing to compare with."""
    evidence = example_evidence()
    only = {name: p for name, p in evidence.subject.items() if name != "test_forget"}
    assert numpy.array_equal(unmatched_sets(only).unseen.ids, numpy.sort(only["held_out"].ids))
    with pytest.raises(NotMeasurable, match="test_forget"):
        unmatched_sets({"forget": only["forget"]})
