"""Study -> Plan: the steps that every case needs, each once, named by the hash of what decides it; checked before anything is computed."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from canforget.data.dataset import DataSet
from canforget.data.split import SplitIds, split_ids
from canforget.errors import CanforgetError, PlanError
from canforget.rng import numpy_generator
from canforget.spec import Call, key_of, parse, plain
from canforget.study.definition import Study, Trained

REFERENCES = ("retrain", "nothing")
PREDICTED = ("forget", "retain", "val", "test", "held_out")


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


@dataclass(frozen=True)
class Case:
    """One combination: its labels, the names of its steps by role, or the reason why it cannot be run."""

    dataset: str
    model: str
    scenario: str
    unlearner: str
    quantizer: str
    seed: int
    steps: Mapping[str, tuple[str, str]] = field(hash=False)
    not_run: str = ""

    @property
    def name(self) -> str:
        """The case's labels as one file name."""
        parts = (self.dataset, self.model, self.scenario, self.unlearner, self.quantizer, f"seed{self.seed}")
        return "__".join("".join(c if c.isalnum() or c in "=.,-_" else "-" for c in p) for p in parts)


@dataclass(frozen=True)
class Plan:
    """All steps in an order in which they can be carried out, and the cases that they serve."""

    study: Study
    steps: tuple[Step, ...]
    cases: tuple[Case, ...]

    @property
    def named(self) -> int:
        """The number of steps if every case computed what it needs for itself."""
        whole: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
        for step in self.steps:
            whole[step.name] = frozenset([step.name]).union(*(whole[n] for n in step.needs))
        return sum(len(whole[case.steps["judge"]]) for case in self.cases if not case.not_run)


@dataclass
class Drawing:
    """The steps drawn so far: a step that is named twice is kept once."""

    steps: dict[tuple[str, str], Step] = field(default_factory=dict)

    def add(self, verb: str, key: str, label: str, needs: tuple[Step | None, ...] = (), **what: Any) -> Step:
        """The step of this verb and key."""
        step = Step(verb, key, tuple(dict.fromkeys(n.name for n in needs if n is not None)), label, what)
        return self.steps.setdefault(step.name, step)


@dataclass(frozen=True)
class Ground:
    """A data set under a scenario: what the steps of its cases share."""

    dataset: Call
    scenario: Call
    data: DataSet
    ids: SplitIds
    views: Mapping[str, Any]
    split: Step

    def sha(self, *parts: str) -> str:
        """What tells these images from any others: the data set's content and the ids."""
        together = numpy.unique(numpy.concatenate([getattr(self.ids, p) for p in parts]))
        return key_of("images", data=self.data.fingerprint, ids=fingerprint(together))


def plan(study: Study, data_dir: Path | None = None) -> Plan:
    """Returns every step that `study` needs, each once; raises `PlanError`, `DataError` or `SpecError` when it cannot be carried out."""
    drawing = Drawing()
    study = with_references(study)
    cases: list[Case] = []
    for dataset in study.datasets:
        data = dataset.component.load()(data_dir=data_dir, **dataset.arguments())
        for scenario in study.scenarios:
            ground = split_of(study, dataset, data, scenario, drawing)
            for trained in study.models:
                cases += cases_of(study, ground, trained, drawing)
    return Plan(study, tuple(drawing.steps.values()), tuple(cases))


def with_references(study: Study) -> Study:
    """The study with the retrained and the original model among its unlearners, first."""
    given = {u.name: u for u in study.unlearners if u.name in REFERENCES}
    references = tuple(given.get(name) or parse("unlearners", name) for name in REFERENCES)
    return replace(study, unlearners=references + tuple(u for u in study.unlearners if u.name not in REFERENCES))


def split_of(study: Study, dataset: Call, data: DataSet, scenario: Call, drawing: Drawing) -> Ground:
    """Which images are forgotten, retained, held out and judged, checked."""
    choose = scenario.component.load()
    settings: dict[str, Any] = {"seed": study.split_seed, "val_fraction": study.val_fraction, "held_out_fraction": study.held_out_fraction}
    try:
        ids = split_ids(
            data,
            lambda train, rng: choose(train, class_names=data.classes, rng=rng, **scenario.arguments()),
            calibration=study.calibration,
            **settings,
        )
    except CanforgetError as problem:
        raise type(problem)(f"nothing was run: {dataset.label}, {scenario.label}: {problem}") from None
    refuse_overlap(ids)
    views = {"retain": judged(ids.retain, study.judged_retain, study.split_seed)}
    key = key_of(
        "split",
        data=data.fingerprint,
        ids={v: fingerprint(a) for v, a in sets_of(ids).items()},
        views={"retain": fingerprint(views["retain"])},
    )
    step = drawing.add(
        "split", key, f"split {dataset.label} by {scenario.label}", dataset=dataset.plain(), scenario=scenario.plain(),
        calibration=study.calibration, judged_retain=study.judged_retain, **settings,
    )  # fmt: skip
    return Ground(dataset, scenario, data, ids, views, step)


def sets_of(ids: SplitIds) -> dict[str, NDArray[numpy.int64]]:
    """The ids of every set of a split by the set's name."""
    return {f.name: getattr(ids, f.name) for f in dataclasses.fields(ids) if f.name != "forgotten_classes"}


def fingerprint(ids: NDArray[numpy.int64]) -> str:
    """SHA-256 of ids, whatever the machine's byte order."""
    return hashlib.sha256(ids.astype("<i8").tobytes()).hexdigest()


def refuse_overlap(ids: SplitIds) -> None:
    """Calibration may touch nothing but the retain set: asserted, whatever a scenario or a split returned."""
    if numpy.setdiff1d(ids.calibration, ids.retain).size or numpy.intersect1d(ids.calibration, ids.forget).size:
        raise PlanError("nothing was run: the calibration set touches images outside the retain set; draw it from the retain set only")


def judged(retain: Any, most: int, seed: int) -> Any:
    """The retain images that are judged: all, or `most` of them drawn at random."""
    if len(retain) <= most:
        return retain
    return numpy.sort(numpy_generator(f"judged/{seed}").choice(retain, most, replace=False))


Made = dict[tuple[str, str, int], dict[str, Step]]
"""The steps of a model by their role, for every unlearner's and quantizer's label and every seed."""


def cases_of(study: Study, ground: Ground, trained: Trained, drawing: Drawing) -> list[Case]:
    """The cases of one data set, scenario and model: every unlearner, quantizer and seed."""
    made: Made = {}
    refused = {unlearner.label: refusal(unlearner, ground) for unlearner in study.unlearners}
    for seed in study.seeds:
        original = train_step(ground, trained, seed, ("forget", "retain"), trained.fit, drawing)
        for unlearner in [u for u in study.unlearners if not refused[u.label]]:
            model = unlearned_step(ground, trained, unlearner, original, seed, drawing)
            for quantizer in study.quantizers:
                made[unlearner.label, quantizer.label, seed] = roles_of(study, ground, original, model, quantizer, drawing)
    return [
        judged_case(study, ground, trained, drawing, made, unlearner, quantizer, seed, refused[unlearner.label])
        for unlearner in study.unlearners
        for quantizer in study.quantizers
        for seed in study.seeds
    ]


def roles_of(study: Study, ground: Ground, original: Step, model: Step, quantizer: Call, drawing: Drawing) -> dict[str, Step]:
    """The steps of a model in a format by their role; of a rounded one, also its predictions before rounding, as "before"."""
    step = quantized_step(ground, quantizer, model, drawing)
    roles = {"train": original, "unlearn": model, "quantize": step, "predict": predict_step(study, ground, step, drawing)}
    if step is model:
        return roles
    roles["before"] = predict_step(study, ground, model, drawing)
    if study.noise_draws:
        roles["noise"] = noise_step(study, ground, model, step, drawing)
    if study.probes and model is not original and not unprobed(quantizer):
        roles["probe"] = probe_step(original, model, quantizer, drawing)
    return roles


def refusal(unlearner: Call, ground: Ground) -> str:
    """Why an unlearner cannot act here, or nothing."""
    if unlearner.component.traits.get("whole_class_only") and not ground.ids.forgotten_classes:
        return f"{unlearner.name} forgets whole classes only, and {ground.scenario.label} leaves images of every class"
    return ""


def train_step(ground: Ground, trained: Trained, seed: int, parts: tuple[str, ...], fit: Any, drawing: Drawing) -> Step:
    """Training from fresh weights on some parts of the split: the original model, and the retrained one."""
    val = ground.sha("val") if fit.patience else ""
    key = key_of(
        "train",
        model=trained.model.plain(),
        fit=plain(fit),
        images=ground.sha(*parts),
        val=val,
        seed=seed,
        classes=len(ground.data.classes),
    )
    which = "original" if "forget" in parts else "retrained"
    label = f"train {which} {trained.model.label} on {ground.dataset.label} (seed {seed})"
    return drawing.add(
        "train", key, label, (ground.split,), split=ground.split.key, dataset=ground.dataset.plain(), model=trained.model.plain(),
        fit=plain(fit), parts=list(parts), seed=seed,
    )  # fmt: skip


def unlearned_step(ground: Ground, trained: Trained, unlearner: Call, original: Step, seed: int, drawing: Drawing) -> Step:
    """The model that an unlearner returns; retraining is the training component on the retain set, `nothing` the original itself."""
    if unlearner.name == "nothing":
        return original
    if unlearner.name == "retrain":
        default = {p.name: p.default for p in unlearner.component.parameters}["fit"]
        fit = trained.fit if unlearner["fit"] == default else unlearner["fit"]
        return train_step(ground, trained, seed, ("retain",), fit, drawing)
    key = key_of(
        "unlearn", unlearner=unlearner.plain(), model=original.key, forget=ground.sha("forget"), retain=ground.sha("retain"), seed=seed
    )
    label = f"unlearn by {unlearner.label} from {trained.model.label} on {ground.dataset.label}, {ground.scenario.label} (seed {seed})"
    return drawing.add(
        "unlearn", key, label, (ground.split, original), split=ground.split.key, dataset=ground.dataset.plain(), unlearner=unlearner.plain(),
        model=original.name, seed=seed,
    )  # fmt: skip


def quantized_step(ground: Ground, quantizer: Call, model: Step, drawing: Drawing) -> Step:
    """The model in a format; `none` is the model itself."""
    if quantizer.name == "none":
        return model
    key = key_of("quantize", quantizer=quantizer.plain(), model=model.key, calibration=ground.sha("calibration"))
    return drawing.add(
        "quantize", key, f"quantize to {quantizer.label}: {model.label}", (ground.split, model), split=ground.split.key,
        dataset=ground.dataset.plain(), quantizer=quantizer.plain(), model=model.name,
    )  # fmt: skip


def predict_step(study: Study, ground: Ground, model: Step, drawing: Drawing) -> Step:
    """Logits of a model on every view of its split, and features if the study keeps them."""
    kept: dict[str, Any] = {"features": True} if study.features else {}
    key = key_of("predict", model=model.key, split=ground.split.key, precision="float32", **kept)
    return drawing.add(
        "predict", key, f"predict with {model.label}", (ground.split, model), split=ground.split.key, dataset=ground.dataset.plain(),
        model=model.name, **kept,
    )  # fmt: skip


def noise_step(study: Study, ground: Ground, model: Step, quantized: Step, drawing: Drawing) -> Step:
    """Logits of a model whose weights were disturbed at random, as far as its rounding moved them."""
    what: dict[str, Any] = {"draws": study.noise_draws, "images": study.noise_images}
    key = key_of("noise", model=model.key, quantized=quantized.key, split=ground.split.key, **what)
    return drawing.add(
        "noise", key, f"disturb as far as {quantized.label}", (ground.split, model, quantized), split=ground.split.key,
        dataset=ground.dataset.plain(), model=model.name, quantized=quantized.name, **what,
    )  # fmt: skip


def probe_step(original: Step, model: Step, quantizer: Call, drawing: Drawing) -> Step:
    """What rounding to symmetric integers does to the update from the original model, layer by layer."""
    what: dict[str, Any] = {"bits": quantizer["bits"], "per_channel": quantizer["granularity"] == "per_channel"}
    key = key_of("probe", original=original.key, model=model.key, **what)
    label = f"probe {what['bits']}-bit codes: {model.label}"
    return drawing.add("probe", key, label, (original, model), original=original.name, model=model.name, **what)


def unprobed(quantizer: Call) -> str:
    """Why a format's codes are not probed, or nothing: what is known of an update's flips holds for plain symmetric integers."""
    plain_int = {"symmetric": True, "full_range": False, "rounding": "nearest", "ranges": "minmax", "first_last_bits": 0}
    given = dict(quantizer.parameters)
    alike = quantizer.name == "int" and given["granularity"] != "per_group" and all(given.get(k, v) == v for k, v in plain_int.items())
    return "" if alike else f"probes know symmetric integers with one step a channel or tensor, rounded to nearest, not {quantizer.label}"


def judged_case(
    study: Study, ground: Ground, trained: Trained, drawing: Drawing, made: Made, unlearner: Call, quantizer: Call, seed: int, refused: str
) -> Case:  # fmt: skip
    """A case with the step that judges it: against the original and all retrained models but itself, in its format and before rounding."""
    labels = (ground.dataset.label, trained.model.label, ground.scenario.label, unlearner.label, quantizer.label, seed)
    if refused:
        return Case(*labels, {}, refused)
    retrain, nothing = (u.label for u in study.unlearners[:2])
    own = made[unlearner.label, quantizer.label, seed]
    others = [made[retrain, quantizer.label, s] for s in study.seeds if (unlearner.name, s) != ("retrain", seed)]
    models = (own, made[nothing, quantizer.label, seed], *others)
    what: dict[str, Any] = compared(models, "predict") | {
        "split": ground.split.key, "metrics": [m.plain() for m in study.metrics], "audits": [a.plain() for a in study.audits],
        "forgotten_classes": list(ground.ids.forgotten_classes),
    }  # fmt: skip
    if "before" in own:
        what["full_precision"] = compared(models, "before")
    what |= {role: own[role].key for role in ("noise", "probe") if role in own}
    if study.probes and (why := unprobed(quantizer)) and quantizer.name != "none":
        what["unprobed"] = why
    needs = (ground.split, *(m.get(role) for role in ("predict", "before") for m in models), own.get("noise"), own.get("probe"))
    judge = drawing.add("judge", key_of("judge", **what), f"judge {' · '.join(map(str, labels))}", needs, **what)
    return Case(*labels, {role: s.name for role, s in own.items() if role != "before"} | {"judge": judge.name})


def compared(models: tuple[dict[str, Step], ...], role: str) -> dict[str, Any]:
    """The keys of the predictions of subject, original and retrained models."""
    subject, original, *retrained = (m[role].key for m in models)
    return {"subject": subject, "original": original, "retrained": retrained}
