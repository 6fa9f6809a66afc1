"""The steps of a plan: train, unlearn, quantize, predict, weight noise and probe, each named by the SHA-256 of what decides its result."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy

from canforget.data.dataset import DataSet
from canforget.data.split import SplitIds, ids_fingerprint
from canforget.spec import Call, to_json
from canforget.study.definition import ModelSpec, Study
from canforget.study.versions import step_key


@dataclass(frozen=True)
class Step:
    """One thing to compute: a verb, the key of its result, the steps it needs (verb, key), and what to do, as JSON holds it."""

    verb: str
    key: str
    needs: tuple[tuple[str, str], ...]
    label: str
    what: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> tuple[str, str]:
        """Verb and key, as other steps name it."""
        return self.verb, self.key


@dataclass
class PlanBuilder:
    """The steps drawn so far: a step that is named twice is kept once."""

    steps: dict[tuple[str, str], Step] = field(default_factory=dict)
    seen: dict[Hashable, dict[str, Step]] = field(default_factory=dict)
    """What was drawn of a model on the images of a split, by what it was drawn of: a thousand cases share a few retrained models."""

    def add(self, verb: str, key: str, label: str, needs: tuple[Step | None, ...] = (), **what: Any) -> Step:
        """The step of this verb and key."""
        step = Step(verb, key, tuple(dict.fromkeys(n.name for n in needs if n is not None)), label, what)
        return self.steps.setdefault(step.name, step)


@dataclass(frozen=True)
class SplitContext:
    """A data set under a scenario: what the steps of its cases share."""

    dataset: Call
    scenario: Call
    data: DataSet
    ids: SplitIds
    views: Mapping[str, Any]
    split: Step
    hashes: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)

    def sha(self, *parts: str) -> str:
        """What tells these images from any others: the data set's content and the ids; computed once."""
        if parts not in self.hashes:
            together = numpy.unique(numpy.concatenate([getattr(self.ids, p) for p in parts]))
            self.hashes[parts] = step_key("images", data=self.data.fingerprint, ids=ids_fingerprint(together))
        return self.hashes[parts]


def train_step(ground: SplitContext, trained: ModelSpec, seed: int, parts: tuple[str, ...], fit: Any, drawing: PlanBuilder) -> Step:
    """Training from fresh weights on some parts of the split: the original model, and the retrained one."""
    val = ground.sha("val") if fit.patience else ""
    key = step_key(
        "train",
        model=trained.model.to_json(),
        fit=to_json(fit),
        images=ground.sha(*parts),
        val=val,
        seed=seed,
        classes=len(ground.data.classes),
    )
    which = "original" if "forget" in parts else "retrained"
    label = f"train {which} {trained.model.label} on {ground.dataset.label} (seed {seed})"
    return drawing.add(
        "train", key, label, (ground.split,), split=ground.split.key, dataset=ground.dataset.to_json(), model=trained.model.to_json(),
        fit=to_json(fit), parts=list(parts), seed=seed,
    )  # fmt: skip


def unlearned_step(ground: SplitContext, trained: ModelSpec, unlearner: Call, original: Step, seed: int, drawing: PlanBuilder) -> Step:
    """The model that an unlearner returns; retraining is the training component on the retain set, `nothing` the original itself."""
    if unlearner.name == "nothing":
        return original
    unlearner = as_the_original(unlearner, trained)
    if unlearner.name == "retrain":
        return train_step(ground, trained, seed, ("retain",), unlearner["fit"], drawing)
    key = step_key(
        "unlearn", unlearner=unlearner.to_json(), model=original.key, forget=ground.sha("forget"), retain=ground.sha("retain"), seed=seed
    )
    label = f"unlearn by {unlearner.label} from {trained.model.label} on {ground.dataset.label}, {ground.scenario.label} (seed {seed})"
    return drawing.add(
        "unlearn", key, label, (ground.split, original), split=ground.split.key, dataset=ground.dataset.to_json(), unlearner=unlearner.to_json(),
        model=original.name, seed=seed,
    )  # fmt: skip


def as_the_original(unlearner: Call, trained: ModelSpec) -> Call:
    """The call of what trains as the original was trained, with the fit of the study where none was given."""
    defaults = {p.name: p.default for p in unlearner.component.parameters}
    if not unlearner.component.traits.get("trained_as_original") or unlearner["fit"] != defaults["fit"]:
        return unlearner
    return replace(unlearner, parameters=tuple((name, trained.fit if name == "fit" else value) for name, value in unlearner.parameters))


def quantized_step(ground: SplitContext, quantizer: Call, model: Step, drawing: PlanBuilder) -> Step:
    """The model in a format; `none` is the model itself."""
    if quantizer.name == "none":
        return model
    key = step_key("quantize", quantizer=quantizer.to_json(), model=model.key, calibration=ground.sha("calibration"))
    return drawing.add(
        "quantize", key, f"quantize to {quantizer.label}: {model.label}", (ground.split, model), split=ground.split.key,
        dataset=ground.dataset.to_json(), quantizer=quantizer.to_json(), model=model.name,
    )  # fmt: skip


def predict_step(study: Study, ground: SplitContext, model: Step, drawing: PlanBuilder) -> Step:
    """Logits of a model on every view of its split, and features if the study keeps them."""
    kept: dict[str, Any] = {"features": True} if study.features else {}
    key = step_key("predict", model=model.key, split=ground.split.key, precision="float32", **kept)
    return drawing.add(
        "predict", key, f"predict with {model.label}", (ground.split, model), split=ground.split.key, dataset=ground.dataset.to_json(),
        model=model.name, **kept,
    )  # fmt: skip


def noise_step(study: Study, ground: SplitContext, model: Step, quantized: Step, drawing: PlanBuilder) -> Step:
    """Logits of a model whose weights were disturbed at random, as far as its rounding moved them."""
    what: dict[str, Any] = {"draws": study.noise_draws, "images": study.noise_images} | ({"coins": True} if ground.ids.coins else {})
    key = step_key("noise", model=model.key, quantized=quantized.key, split=ground.split.key, **what)
    return drawing.add(
        "noise", key, f"disturb as far as {quantized.label}", (ground.split, model, quantized), split=ground.split.key,
        dataset=ground.dataset.to_json(), model=model.name, quantized=quantized.name, **what,
    )  # fmt: skip


def probe_step(ground: SplitContext, probe: Call, quantizer: Call, model: Step, original: Step, drawing: PlanBuilder) -> Step:
    """What a probe finds in a model in a format, beside the original where the probe asks for it."""
    receives = probe.component.receives
    beside = original if "original" in receives else None
    what: dict[str, Any] = {"quantizer": quantizer.to_json()} if "quantizer" in receives else {}
    keys = what | ({"original": original.key} if beside else {})
    key = step_key("probe", probe=probe.to_json(), model=model.key, split=ground.split.key, **keys)
    return drawing.add(
        "probe", key, f"probe {probe.label}: {model.label}", (ground.split, model, beside), split=ground.split.key,
        dataset=ground.dataset.to_json(), probe=probe.to_json(), model=model.name, **what, **({"original": original.name} if beside else {}),
    )  # fmt: skip
