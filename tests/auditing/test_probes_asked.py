"""Probes of the standard: the same chance for every model, and nothing asked of what an engine runs."""

from dataclasses import replace
from typing import Any

from canforget.auditing.probes_asked import probe_calls, probe_sheet, probes_of_model
from canforget.auditing.questions_asked import half_width
from canforget.data.images import Split
from canforget.network.classifier import Classifier
from canforget.quantization.quantized import DeployedClassifier


def test_a_model_is_asked_the_same_every_time(small_model: Classifier, digits_split: Split) -> None:
    one, two = (probe_sheet(probes_of_model(small_model, digits_split), []) for _ in range(2))
    assert one == two
    assert one["relearning.with_retain.margin_at_20"]["value"] > one["relearning.blank_head.margin_at_20"]["value"]
    assert "not_run" in one["recovery_radius.nearness"], "how hard an image is, retrained models say"


def test_relearning_is_taught_what_the_forget_set_allows(digits_split: Split) -> None:
    few = replace(digits_split, forget=digits_split.forget[:12])
    assert [calls[0]["counts"] for calls in map(probe_calls, (digits_split, few))] == [(20,), (5,)]


def test_what_an_engine_runs_is_not_asked(digits_split: Split) -> None:
    assert probes_of_model(DeployedClassifier("onnxruntime", None, None), digits_split) == {}


def test_a_value_without_an_interval_has_that_of_its_excess() -> None:
    """Radii of retrained models that all reach the greatest tried have no spread: a difference of a thousandth would be a finding."""
    sheet: Any = {
        "recovery_radius.nearness": {"value": 0.1, "interval": None},
        "recovery_radius.nearness_excess": {"value": 0.1, "interval": [0.0, 0.2]},
    }
    assert half_width(sheet, "recovery_radius.nearness") == 0.1
