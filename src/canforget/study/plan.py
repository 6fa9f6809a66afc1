"""Study -> plan: a deduplicated graph of content-addressed steps and the cases they serve, checked before anything is computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy

from canforget.data.dataset import DataSet
from canforget.data.split import SplitIds, ids_fingerprint, split_by
from canforget.errors import CanforgetError, PlanError
from canforget.evaluation.evaluate import named
from canforget.fit_settings import too_large
from canforget.report.record import REFERENCES
from canforget.rng import numpy_generator
from canforget.spec import Call, format_refusal, key_of, parse, refusal_of, to_json
from canforget.study.add_controls import pairs_of, refusal, with_controls
from canforget.study.definition import ModelSpec, Study
from canforget.study.planned_steps import (
    PlanBuilder,
    SplitContext,
    Step,
    as_the_original,
    noise_step,
    predict_step,
    probe_step,
    quantized_step,
    train_step,
    unlearned_step,
)
from canforget.study.versions import step_key


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
    hyperparameters: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def labels(self) -> tuple[str, str, str, str, str, int]:
        """Data set, model, scenario, unlearner, quantizer and seed."""
        return self.dataset, self.model, self.scenario, self.unlearner, self.quantizer, self.seed

    @property
    def key(self) -> str:
        """What the case's record is named by: 16 hexadecimal digits, however long its labels are."""
        return key_of("case", labels=list(self.labels), judge=self.steps.get("judge", ("", ""))[1])[:16]


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

    def _repr_html_(self) -> str:
        """What would be computed, in a notebook."""
        from collections import Counter

        from canforget.report.notebook import table_markup

        refused = Counter(case.not_run for case in self.cases if case.not_run)
        rows = [[f"{verb} steps", str(count)] for verb, count in Counter(step.verb for step in self.steps).items()]
        rows += [["cases", str(len(self.cases))], *([f"not run: {why}", str(count)] for why, count in refused.items())]
        return table_markup(f"plan of {self.study.name}", ["what", "how many"], rows)


def plan(study: Study, data_dir: Path | None = None) -> Plan:
    """Returns every step that `study` needs, each once; raises `PlanError`, `DataError` or `SpecError` when it cannot be carried out."""
    drawing = PlanBuilder()
    study = with_references(with_controls(study))
    cases: list[Case] = []
    for dataset in study.datasets:
        data = dataset.component.load()(data_dir=data_dir, **dataset.arguments())
        require_sound_on(study, dataset, data)
        for scenario in study.scenarios:
            worlds = {seed: world_of(scenario, seed, study) for seed in study.seeds}
            contexts = {world: split_context(study, dataset, data, world, drawing) for world in dict.fromkeys(worlds.values())}
            grounds = {seed: contexts[world] for seed, world in worlds.items()}
            for trained in study.models:
                cases += cases_of(study, scenario.label, grounds, trained, drawing)
    return Plan(study, tuple(drawing.steps.values()), tuple(cases))


def with_references(study: Study) -> Study:
    """The study with the retrained and the original model among its unlearners, first."""
    given = {u.name: u for u in study.unlearners if u.name in REFERENCES}
    references = tuple(given.get(name) or parse("unlearners", name) for name in REFERENCES)
    return replace(study, unlearners=references + tuple(u for u in study.unlearners if u.name not in REFERENCES))


def require_sound_on(study: Study, dataset: Call, data: DataSet) -> None:
    """Raises `PlanError` with a line for every model, unlearner or quantizer that cannot be carried out on a data set's images."""
    about = {"image_shape": data.image_shape, "num_classes": len(data.classes)}
    calls = [*(m.model for m in study.models), *study.unlearners, *study.quantizers]
    reasons = [f"{call.label}: {reason}" for call in calls if (reason := refusal_of(call, **about))]
    fits = dict.fromkeys(m.fit for m in study.models)
    reasons += [f"fit.{reason}" for fit in fits if (reason := too_large(fit, data.image_shape))]
    if reasons:
        raise PlanError("\n".join(f"nothing was run: {dataset.label}: {reason}" for reason in reasons))


def world_of(scenario: Call, seed: int, study: Study) -> Call:
    """The scenario under which the models of a seed are made: in a study of worlds each seed tosses its own coins."""
    if not study.worlds:
        return scenario
    return replace(scenario, parameters=tuple((name, seed if name == "draw" else value) for name, value in scenario.parameters))


def split_context(study: Study, dataset: Call, data: DataSet, scenario: Call, drawing: PlanBuilder) -> SplitContext:
    """Which images are forgotten, retained, held out and judged, checked."""
    settings: dict[str, Any] = {
        "seed": study.split_seed,
        "val_fraction": study.val_fraction,
        "held_out_fraction": study.held_out_fraction,
        "calibration": study.calibration,
    }
    try:
        ids = split_by(data, scenario, **settings)
    except CanforgetError as problem:
        raise type(problem)(f"nothing was run: {dataset.label}, {scenario.label}: {problem}") from None
    refuse_overlap(ids)
    views = {"retain": retain_to_judge(ids.retain, study.judged_retain, study.split_seed)}
    key = step_key(
        "split",
        data=data.fingerprint,
        ids=ids.fingerprint,
        views={"retain": ids_fingerprint(views["retain"])},
    )
    step = drawing.add(
        "split", key, f"split {dataset.label} by {scenario.label}", dataset=dataset.to_json(), scenario=scenario.to_json(),
        judged_retain=study.judged_retain, data=data.fingerprint, ids=ids.fingerprint, counts={name: len(found) for name, found in ids.sets.items()},
        **(settings | {"calibration": len(ids.calibration)}),
    )  # fmt: skip
    return SplitContext(dataset, scenario, data, ids, views, step)


def refuse_overlap(ids: SplitIds) -> None:
    """Calibration may touch nothing but the retain set: asserted, whatever a scenario or a split returned."""
    if numpy.setdiff1d(ids.calibration, ids.retain).size or numpy.intersect1d(ids.calibration, ids.forget).size:
        raise PlanError("nothing was run: the calibration set touches images outside the retain set; draw it from the retain set only")


def retain_to_judge(retain: Any, most: int, seed: int) -> Any:
    """The retain images that are judged: all, or `most` of them drawn at random."""
    if len(retain) <= most:
        return retain
    return numpy.sort(numpy_generator(f"judged/{seed}").choice(retain, most, replace=False))


Made = dict[tuple[str, str, int], dict[str, Step]]
"""The steps of a model by their role, for every unlearner's and quantizer's label and every seed."""


def cases_of(study: Study, scenario: str, grounds: Mapping[int, SplitContext], trained: ModelSpec, drawing: PlanBuilder) -> list[Case]:
    """The cases of one data set, scenario and model: every unlearner, quantizer and seed; controls where their answer is known."""
    made: Made = {}
    ground = grounds[study.seeds[0]]
    pairs = pairs_of(study, ground)
    refused = {unlearner.label: refusal(unlearner, ground) for unlearner, _ in pairs}
    for seed in study.seeds:
        original = train_step(grounds[seed], trained, seed, ("forget", "retain"), trained.fit, drawing)
        for unlearner, quantizer in [p for p in pairs if not refused[p[0].label]]:
            model = unlearned_step(grounds[seed], trained, unlearner, original, seed, drawing)
            made[unlearner.label, quantizer.label, seed] = roles_of(study, grounds[seed], original, model, quantizer, drawing)
    return [
        judged_case(study, scenario, grounds[seed], trained, drawing, made, unlearner, quantizer, seed, refused[unlearner.label])
        for unlearner, quantizer in pairs
        for seed in study.seeds
    ]


def roles_of(study: Study, ground: SplitContext, original: Step, model: Step, quantizer: Call, drawing: PlanBuilder) -> dict[str, Step]:
    """The steps of a model in a format by their role; of a rounded one, also its predictions before rounding, as "before"."""
    step = quantized_step(ground, quantizer, model, drawing)
    roles = {"train": original, "unlearn": model, "quantize": step, "predict": predict_step(study, ground, step, drawing)}
    roles |= probe_roles(study, ground, original, model, quantizer, drawing)
    if step is model:
        return roles
    roles["before"] = predict_step(study, ground, model, drawing)
    if study.noise_draws:
        roles["noise"] = noise_step(study, ground, model, step, drawing)
    return roles


def probe_roles(study: Study, ground: SplitContext, original: Step, model: Step, quantizer: Call, drawing: PlanBuilder) -> dict[str, Step]:
    """The probes of a model in a format, by the role `probe NAME`; what asks about rounding is asked of what was unlearned and rounded."""
    roles, kept = {}, quantized_step(ground, quantizer, original, drawing)
    rounded = quantized_step(ground, quantizer, model, drawing)
    for name, probe in named(study.probes).items():
        of_rounding = probe.component.traits.get("of_rounding", False)
        if format_refusal(probe, quantizer) or (of_rounding and model is original):
            continue
        pair = (model, original) if of_rounding else (rounded, kept)
        roles[f"probe {name}"] = probe_step(ground, probe, quantizer, *pair, drawing)
    return roles


def seen_in(study: Study, ground: SplitContext, roles: Mapping[str, Step], quantizer: Call, drawing: PlanBuilder) -> dict[str, Step]:
    """Predictions and probes of a retrained model of another seed on the images of this one's split, which in a study of worlds are others."""
    asked = ground.split.key, quantizer.label, roles["train"].key, roles["unlearn"].key
    if asked not in drawing.seen:
        drawing.seen[asked] = drawn_on(study, ground, roles, quantizer, drawing)
    return drawing.seen[asked]


def drawn_on(study: Study, ground: SplitContext, roles: Mapping[str, Step], quantizer: Call, drawing: PlanBuilder) -> dict[str, Step]:
    """The same, each time anew."""
    step = quantized_step(ground, quantizer, roles["unlearn"], drawing)
    found = {"predict": predict_step(study, ground, step, drawing)}
    found |= probe_roles(study, ground, roles["train"], roles["unlearn"], quantizer, drawing)
    return found if step is roles["unlearn"] else found | {"before": predict_step(study, ground, roles["unlearn"], drawing)}


def judged_case(
    study: Study, scenario: str, ground: SplitContext, trained: ModelSpec, drawing: PlanBuilder, made: Made, unlearner: Call, quantizer: Call,
    seed: int, refused: str,
) -> Case:  # fmt: skip
    """A case with the step that judges it: against the original and all retrained models but itself, in its format and before rounding."""
    labels = (ground.dataset.label, trained.model.label, scenario, unlearner.label, quantizer.label, seed)
    hyperparameters = all_hyperparameters(study, ground, trained, unlearner, quantizer)
    if refused:
        return Case(*labels, {}, refused, hyperparameters)
    retrain, nothing = (u.label for u in study.unlearners[:2])
    own = made[unlearner.label, quantizer.label, seed]
    retrained = [made[retrain, quantizer.label, s] for s in study.seeds if (unlearner.name, s) != ("retrain", seed)]
    others = [seen_in(study, ground, roles, quantizer, drawing) for roles in retrained]
    models = (own, made[nothing, quantizer.label, seed], *others)
    what: dict[str, Any] = prediction_keys(models, "predict") | {
        "split": ground.split.key, "forgotten_classes": list(ground.ids.forgotten_classes),
    } | study.judges  # fmt: skip
    if ground.ids.coins:
        what["coins"] = True
    if "before" in own:
        what["full_precision"] = prediction_keys(models, "before")
    what |= {"noise": own["noise"].key} if "noise" in own else {}
    what |= probes_of_case(study, quantizer, models)
    probed = [m.get(f"probe {name}") for name in named(study.probes) for m in models]
    needs = (ground.split, *(m.get(role) for role in ("predict", "before") for m in models), own.get("noise"), *probed)
    judge = drawing.add("judge", step_key("judge", **what), f"judge {' · '.join(map(str, labels))}", needs, **what)
    return Case(*labels, {role: s.name for role, s in own.items() if role != "before"} | {"judge": judge.name}, "", hyperparameters)


def probes_of_case(study: Study, quantizer: Call, models: tuple[dict[str, Step], ...]) -> dict[str, Any]:
    """The probes of subject, original and retrained models by the name of their values, and why others are not asked in this format."""
    probes: dict[str, Any] = {}
    unprobed: dict[str, str] = {}
    for name, probe in named(study.probes).items():
        subject, original, *retrained = (m[role].key if (role := f"probe {name}") in m else "" for m in models)
        if subject:
            probes[name] = {"probe": probe.to_json(), "subject": subject, "original": original, "retrained": retrained}
        elif (why := format_refusal(probe, quantizer)) and not (probe.component.traits.get("of_rounding") and quantizer.name == "none"):
            unprobed[name] = why
    return ({"probes": probes} if probes else {}) | ({"unprobed": unprobed} if unprobed else {})


SETTINGS = (
    "val_fraction", "held_out_fraction", "judged_retain", "split_seed", "features", "noise_draws", "noise_images", "probes", "worlds",
)  # fmt: skip


def all_hyperparameters(study: Study, ground: SplitContext, trained: ModelSpec, unlearner: Call, quantizer: Call) -> dict[str, Any]:
    """Every hyperparameter of every component of a case, defaults filled in, and the settings of its study."""
    calls = {
        "dataset": ground.dataset, "model": trained.model, "scenario": ground.scenario, "unlearner": as_the_original(unlearner, trained),
        "quantizer": quantizer,
    }  # fmt: skip
    settings = {name: to_json(getattr(study, name)) for name in SETTINGS} | {"calibration": len(ground.ids.calibration)}
    return {axis: call.to_json() for axis, call in calls.items()} | {"fit": to_json(trained.fit)} | settings | study.judges


def prediction_keys(models: tuple[dict[str, Step], ...], role: str) -> dict[str, Any]:
    """The keys of the predictions of subject, original and retrained models."""
    subject, original, *retrained = (m[role].key for m in models)
    return {"subject": subject, "original": original, "retrained": retrained}
