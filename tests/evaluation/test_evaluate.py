"""From arrays in the store to values: what was rounded, what was disturbed, what was kept; each only where it is there."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import canforget
from canforget.data.images import Split
from canforget.evaluation.evaluate import judged, named
from canforget.evaluation.evidence import Evidence
from canforget.network.classifier import Classifier
from canforget.pipeline import views_of
from canforget.quantization.folding import folded
from canforget.quantization.layer import codes
from canforget.quantization.weight_noise import disturbed
from canforget.quantizers.int import int as to_int
from canforget.rng import generator
from canforget.spec import parse
from canforget.testing.metrics_and_audits import example_evidence
from canforget.training.loop import Fit
from canforget.unlearners.retrain import retrain

RECOVERY = [parse("audits", "recovery")]


@pytest.fixture(scope="module")
def retrained(small_model: Classifier, digits_split: Split) -> Any:
    """Three models that never saw class 0."""
    fit = Fit(epochs=8, batch_size=64, lr=0.1, schedule="triangle", warmup=0.2, precision="float32")
    return [retrain(small_model, digits_split.forget, digits_split.retain, rng=generator(f"retrain/{s}"), fit=fit) for s in range(3)]


@pytest.fixture(scope="module")
def on_grid(small_model: Classifier) -> Any:
    """The original with its weights on a 3-bit grid, so that rounding to 3 bits changes nothing; folded."""
    root = folded(small_model)
    for layer in layers_of(root):
        layer.weight = nn.Parameter(nearest(layer.weight.detach()))
    return root


def layers_of(root: Any) -> Any:
    return [m for m in root.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def step_of(weight: Any) -> Any:
    return weight.abs().amax(dim=tuple(range(1, weight.ndim)), keepdim=True) / 3


def nearest(weight: Any) -> Any:
    return (weight / step_of(weight)).round() * step_of(weight)


def below_half_a_step(original: Any, split: Any) -> Any:
    """The original moved so as to forget class 0, every weight by under 0.49 of a step: its 3-bit codes stay the original's."""
    model = deepcopy(original)
    layers, start = layers_of(model), [layer.weight.detach().clone() for layer in layers_of(model)]
    for layer in layers:
        layer.weight.requires_grad_(True)
    for _ in range(60):
        loss = cross_entropy(model(split.retain.x), split.retain.y) - cross_entropy(model(split.forget.x), split.forget.y).clamp(max=8)
        gradients = torch.autograd.grad(loss, [layer.weight for layer in layers])
        with torch.no_grad():
            for layer, gradient, old in zip(layers, gradients, start, strict=True):
                step, top = step_of(old), 3 * step_of(old)
                moved = (layer.weight - 0.05 * step * gradient.sign() - old).clamp(-0.49 * step, 0.49 * step)
                moved = torch.where(old.abs() >= top * 0.999, 0.0, moved)
                layer.weight.copy_(old + moved)
    return model.requires_grad_(False)


def evidence(subject: Any, original: Any, retrained: Any, split: Any, bits: Any) -> Any:
    """What a study hands to its audits: all models rounded alike, the same before rounding, and the subject under noise."""

    def rounded(model: Any) -> Any:
        return to_int(model, split.calibration, bits=bits, activations=0)

    full = Evidence(views_of(subject, split), views_of(original, split), tuple(views_of(g, split) for g in retrained))
    q = rounded(subject)
    part = replace(split, retain=split.retain[:200])
    noise = tuple(small(views_of(m, part)) for m in disturbed(subject, q, 20, generator("draws")))
    others = tuple(views_of(rounded(g), split) for g in retrained)
    return Evidence(views_of(q, split), views_of(rounded(original), split), others, full_precision=full, noise=noise)


def small(views: Any) -> Any:
    return {name: views[name] for name in ("forget", "test_forget", "retain")}


def noise_p(found: Any) -> float:
    """Of the margin: small where rounding moves it farther up than its errors dealt anew do."""
    return float(found["recovery.margin_noise_p"]["value"])


def test_forgetting_by_less_than_half_a_step_is_seen_to_come_back(on_grid: Any, retrained: Any, digits_split: Split) -> None:
    """The case that the project is about: at full precision the class is gone, and at 3 bits the codes are the original's."""
    unlearned = below_half_a_step(on_grid, digits_split)
    grids = [codes(to_int(m, digits_split.calibration, bits=3, activations=0)) for m in (on_grid, unlearned)]
    assert all(torch.equal(grids[0][name].codes, grids[1][name].codes) for name in grids[0])
    found = judged(evidence(unlearned, on_grid, retrained, digits_split, bits=3), [], RECOVERY, "key")
    assert found["recovery.accuracy_rebound"]["value"] > 0.5
    assert found["recovery.margin_excess"]["interval"][0] > 10
    assert found["recovery.margin_beside_noise"]["interval"][0] > 0, "in so small a net noise undoes most of it too, and the rounding all"
    assert noise_p(found) < 0.25
    eight = judged(evidence(unlearned, on_grid, retrained, digits_split, bits=8), [], RECOVERY, "key")
    assert eight["recovery.margin_rebound"]["value"] < 0.05 * found["recovery.margin_rebound"]["value"], "eight bits keep the update"


@pytest.mark.parametrize("bits", [8, 3])
def test_a_model_that_unlearned_nothing_shows_no_rebound_beyond_noise(
    small_model: Classifier, retrained: Any, digits_split: Split, bits: Any
) -> None:
    found = judged(evidence(small_model, small_model, retrained, digits_split, bits), [], RECOVERY, "key")
    assert 0.02 < noise_p(found) < 0.98
    assert found["recovery.margin_noise_p"]["n"] == 20


def test_rounding_a_retrained_model_brings_nothing_back(small_model: Classifier, retrained: Any, digits_split: Split) -> None:
    """There is nothing in it to come back: what is claimed here is claimed of noise."""
    case = evidence(retrained[0], small_model, retrained[1:], digits_split, bits=4)
    assert noise_p(judged(case, [], RECOVERY, "key")) > 0.05


def test_what_rounding_did_is_left_out_where_nothing_was_rounded(small_model: Classifier, digits_split: Split) -> None:
    """Five measures "not run" in every record at full precision would say nothing."""
    plain = Evidence(views_of(small_model, digits_split))
    assert judged(plain, [], RECOVERY, "key") == {}
    rounded = replace(plain, full_precision=plain)
    assert "needs retrained models" in judged(rounded, [], RECOVERY, "key")["recovery"]["not_run"]


def test_an_audit_with_other_numbers_keeps_its_name() -> None:
    """An audit with one changed hyperparameter was renamed, and the verdict dropped it in silence."""
    one, other = (parse("audits", f"membership{h}") for h in (":false_alarms=0.05", ":false_alarms=0.02"))
    found = judged(example_evidence(), [], [one, other], "key")
    assert found["membership.phi"]["value"] == found["membership:false_alarms=0.02.phi"]["value"]
    assert "membership.tpr_at_fpr_0.05" in found
    assert "membership.tpr_at_fpr_0.02" not in found


def test_a_metric_that_asks_another_question_bears_another_name() -> None:
    """A weighted mean under the name of the macro mean would stand in one column with it."""
    calls = [parse("metrics", name) for name in ("f1", "f1:average=weighted", "agreement:other=original", "accuracy:view=forget")]
    assert list(named(calls)) == ["test.f1", "test.f1:average=weighted", "test.agreement:other=original", "forget.accuracy"]


def test_what_cannot_be_measured_is_caught_in_one_place_only() -> None:
    """Every function between a metric and its record once handed the reason on by hand."""
    root = Path(canforget.__file__).parent
    handlers = [p.name for p in root.rglob("*.py") if "except NotMeasurable" in p.read_text(encoding="utf-8")]
    assert handlers == ["evidence.py"]


def test_an_audit_of_which_nothing_can_be_measured_is_one_value_with_its_reason() -> None:
    bare = Evidence({"forget": example_evidence().subject["forget"]})
    assert judged(bare, [], [parse("audits", "membership")], "key") == {"membership": {"not_run": "no predictions on 'test_forget'"}}


def test_features_are_judged_only_where_they_were_kept(small_model: Classifier, digits_split: Split) -> None:
    audit = [parse("audits", "nearest_prototype:shots=5")]
    found = judged(Evidence(views_of(small_model, digits_split)), [], audit, "key")
    assert all("no features were kept" in v["not_run"] for v in found.values())
